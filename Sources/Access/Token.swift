public import MartletFrames
internal import MartletWorld

/// What is known of a token; never the token itself, which is seen once, when it is made.
public struct Token: Hashable, Sendable {
    public enum Kind: String, Sendable {
        /// For programs, in a header.
        case token
        /// For a browser, in a cookie.
        case session
    }

    /// 16 hexadecimal digits.
    public var id: String
    public var kind: Kind
    public var name: String
    /// The token's first characters, to recognise it by.
    public var prefix: String
    public var grant: Grant
    public var created: Timestamp
    /// Who made it, as the audit log names them.
    public var createdBy: String
    /// Nil for never.
    public var expires: Timestamp?
    /// Nil while it is in force.
    public var revoked: Timestamp?

    /// Whether it is taken at a time.
    public func isInForce(at now: Timestamp) -> Bool {
        revoked == nil && expires.map { now < $0 } ?? true
    }

    var principal: Principal {
        Principal(kind: .token, id: id, name: name, grants: [grant])
    }
}

/// A token just made, with the only copy of its text.
public struct IssuedToken: Sendable {
    public var token: Token
    public var secret: Secret
}

/// The text of tokens and set-up codes: a prefix that scanners of leaked secrets can look for, then random bits.
enum TokenText {
    static let tokenPrefix = "martlet_"
    static let codePrefix = "setup_"
    /// Of a token that holds while a task is under way.
    static let passingPrefix = "martlet_task_"
    /// Letters and digits that a double click selects whole and that are not mistaken for one another.
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    /// 256 bits at 5 bits a letter.
    private static let length = 52

    static func make(_ prefix: String, random: any RandomSource) -> String {
        let bytes = random.bytes(32)
        var letters: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                letters.append(alphabet[Int(buffer >> UInt32(bits - 5)) & 31])
                bits -= 5
            }
        }
        if bits > 0 { letters.append(alphabet[Int(buffer << UInt32(5 - bits)) & 31]) }
        return prefix + String(decoding: letters, as: UTF8.self)
    }

    /// Whether a text could be one of ours, so that nothing else is hashed and looked up.
    static func isWellFormed(_ text: Secret, prefix: String) -> Bool {
        let bytes = text.revealed.utf8
        return bytes.count == prefix.utf8.count + length && bytes.starts(with: prefix.utf8)
            && bytes.dropFirst(prefix.utf8.count).allSatisfy { isLetter[Int($0)] }
    }

    private static let isLetter: [Bool] = (0...UInt8.max).map(alphabet.contains)
}
