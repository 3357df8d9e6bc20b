/// The address of a mailbox: `ada@example.org`.
///
/// Read strictly: nothing in it can end a line, a header or a command of a server. Quoted forms, comments and letters that are not
/// ASCII are refused.
public struct MailAddress: Hashable, Sendable {
    /// Before the `@`.
    public let mailbox: String
    /// In small letters.
    public let domain: String

    /// - Throws: ``MailAddressError``: what is wrong, as the end of a sentence that begins with the address.
    public init(_ text: String) throws(MailAddressError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw MailAddressError("has no '@', or more than one") }
        guard (1...64).contains(parts[0].utf8.count), parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isAtom) else {
            throw MailAddressError("has no mailbox before '@' of at most 64 letters, digits, dots and signs such as '+' and '-'")
        }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard parts[1].utf8.count <= 253, labels.allSatisfy(Self.isHostLabel) else { throw MailAddressError("has no name of a host after '@'") }
        mailbox = String(parts[0])
        domain = parts[1].lowercased()
    }

    /// RFC 5322, section 3.2.3.
    private static func isAtom(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isLetterOrDigit($0) || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0) }
    }

    private static func isHostLabel(_ text: Substring) -> Bool {
        (1...63).contains(text.utf8.count) && !text.hasPrefix("-") && !text.hasSuffix("-")
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) }
}

extension MailAddress: CustomStringConvertible {
    public var description: String { "\(mailbox)@\(domain)" }
}

/// What is wrong with a text that is no address of a mailbox.
public struct MailAddressError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The end of a sentence: `has no '@', or more than one`.
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}
