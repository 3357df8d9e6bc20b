internal import Crypto
public import MartletFrames

/// The SHA-256 of a canonical form: a definition's version.
public struct DefinitionHash: Hashable, Sendable, Comparable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// The hash of a value's one encoding.
    public init(of value: CanonicalValue) {
        bytes = Array(SHA256.hash(data: value.encoded))
    }

    /// Nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits, as ``description`` writes them.
    public init?(_ text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 64, by: 2) {
            guard let high = DefinitionHash.nibble(digits[index]), let low = DefinitionHash.nibble(digits[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    public static func < (left: Self, right: Self) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// The first 128 bits, for the ground floor.
    public var fingerprint: Fingerprint {
        func word(_ start: Int) -> UInt64 { bytes[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) } }
        return Fingerprint(high: word(0), low: word(8))
    }

    /// The first 12 digits, for people.
    public var short: String { String(description.prefix(12)) }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 97...102: digit - 87
        default: nil
        }
    }
}

extension DefinitionHash: CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
