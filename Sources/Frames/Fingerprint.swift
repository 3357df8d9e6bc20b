/// 128 bits that stand for a longer value: a unique key, a payload, a definition.
///
/// Made by the floors above from SHA-256; on this floor it is only stored, ordered and compared.
public struct Fingerprint: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// What stands for "no key": a stream that declares no unique key.
    public static let none = Fingerprint(high: 0, low: 0)

    public static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension Fingerprint: CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    public var description: String {
        func padded(_ word: UInt64) -> String {
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return padded(high) + padded(low)
    }
}
