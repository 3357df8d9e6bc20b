import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
public import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
public import MartletWorld

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
        func padded(_ word: UInt64) -> String {
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let digits = Array(padded(high) + padded(low))
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return groups.map { String(digits[$0]) }.joined(separator: "-")
    }
}
