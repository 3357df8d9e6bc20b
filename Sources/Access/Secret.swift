/// A text that must not be seen: it prints as *redacted*, in logs, in interpolation and in a debugger's mirror.
public struct Secret: Sendable {
    private let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// The text itself, for the one place that must show or send it.
    public var revealed: String { text }

    /// The text's bytes, for hashing.
    public var utf8: [UInt8] { Array(text.utf8) }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "redacted" }
    public var debugDescription: String { "redacted" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: Equatable {
    /// In a time that depends on the lengths alone.
    public static func == (left: Self, right: Self) -> Bool {
        isEqualInConstantTime(left.utf8, right.utf8)
    }
}

/// Whether bytes are equal, in a time that depends on their number alone.
func isEqualInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
}
