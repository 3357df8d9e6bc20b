public import MartletFrames

/// An id whose order is the order of making: 48 bits of milliseconds, then random bits.
///
/// Source: RFC 9562, section 5.7.
public struct UUIDv7: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public static func make(at time: Timestamp, random: any RandomSource) -> UUIDv7 {
        let milliseconds = UInt64(max(0, time.microseconds / 1_000)) & 0xFFFF_FFFF_FFFF
        return UUIDv7(
            high: milliseconds << 16 | 0x7000 | random.next() & 0x0FFF, low: 0x8000_0000_0000_0000 | random.next() >> 2)
    }

    /// Ids made together, which ascend: the first is drawn, each next is one more.
    ///
    /// Source: RFC 9562, section 6.2, method 2.
    public static func make(_ count: Int, at time: Timestamp, random: any RandomSource) -> [UUIDv7] {
        let first = make(at: time, random: random)
        // Room to count in: the highest random bit is left clear.
        let low = first.low & ~(1 << 61)
        return (0..<max(0, count)).map { UUIDv7(high: first.high, low: low + UInt64($0)) }
    }

    /// An id that comes after another if both are made in one millisecond, and else is drawn.
    public static func make(at time: Timestamp, after last: UUIDv7?, random: any RandomSource) -> UUIDv7 {
        let made = make(at: time, random: random)
        guard let last, last.high >> 16 == made.high >> 16 else { return made }
        // 62 bits count; past their end the twelve before them do.
        let count = last.low &+ 1
        if count >> 62 == 2 { return UUIDv7(high: last.high, low: count) }
        return last.high & 0x0FFF == 0x0FFF ? made : UUIDv7(high: last.high + 1, low: 0x8000_0000_0000_0000)
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the usual form, `xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
        let digits = parts.joined()
        guard digits.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }),
            let high = UInt64(digits.prefix(16), radix: 16), let low = UInt64(digits.suffix(16), radix: 16), high >> 12 & 15 == 7
        else { return nil }
        self.init(high: high, low: low)
    }
}

extension UUIDv7: CustomStringConvertible {
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var place = 0
            for (word, shifts) in [(high, 0..<16), (low, 16..<32)] {
                for digit in shifts {
                    if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                        buffer[place] = UInt8(ascii: "-")
                        place += 1
                    }
                    let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15)) & 15)
                    buffer[place] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                    place += 1
                }
            }
            return place
        }
    }
}
