import MartletFrames
import MartletStatistics
import MartletWorld
import Testing

@testable import MartletMonitoring

@Suite("Profiles of columns")
struct ColumnProfileColumnTests {
    /// Row by row, as the profile is defined.
    private func naive(_ column: Column) -> ColumnProfile {
        var profile = ColumnProfile.empty(of: column.type)
        for row in 0..<column.count {
            switch column[row] {
            case .missing: if profile.numbers == nil { profile.addMissing() } else { profile.add([Double.nan].span) }
            case .bool(let flag): profile.add(hash: CategoryHash.of("\(flag)"), text: "\(flag)")
            case .string(let text): profile.add(hash: CategoryHash.of(text), text: text)
            case .int64(let number): profile.add([Double(number)].span)
            case .float64(let number): profile.add([number].span)
            case .timestamp(let time): profile.add([Double(time.microseconds) / 1e6].span)
            }
        }
        return profile
    }

    private func column(_ type: ValueType, _ random: inout SplitMix64, count: Int, distinct: UInt64, missing: UInt64) -> Column {
        Column(
            (0..<count).map { _ -> Value in
                if missing > 0, random.next() % missing == 0 { return .missing }
                let number = random.next() % distinct
                switch type {
                case .bool: return .bool(number % 2 == 0)
                case .int64: return .int64(Int64(number) - 5)
                case .float64: return .float64(number == 3 ? .infinity : Double(number) / 7)
                case .string: return .string(number == 0 ? "" : "text \(number)")
                case .timestamp: return .timestamp(Timestamp(microseconds: Int64(number) * 1_000_001))
                }
            }, type: type)
    }

    @Test("a column added at once is as its rows one by one, whatever the type", arguments: ValueType.allCases, [0, 1, 3] as [UInt64])
    func atOnce(_ type: ValueType, _ missing: UInt64) throws {
        var random = SplitMix64(seed: 3 + missing)
        for (count, distinct) in [(0, 1), (1, 1), (63, 4), (500, 9), (3_000, 5_000)] as [(Int, UInt64)] {
            let column = column(type, &random, count: count, distinct: distinct, missing: missing)
            var profile = ColumnProfile.empty(of: type)
            profile.add(column)
            #expect(profile.encoded() == naive(column).encoded())
            #expect(profile.rows == count)
        }
    }

    @Test("a column of more texts than are kept, added in pieces, is as its rows one by one", arguments: [0, 4] as [UInt64])
    func inPieces(_ missing: UInt64) throws {
        var random = SplitMix64(seed: 5 + missing)
        let column = column(.string, &random, count: 12_000, distinct: 9_000, missing: missing)
        var profile = ColumnProfile.empty(of: .string)
        for start in stride(from: 0, to: column.count, by: 700) {
            profile.add(column.gathering(Array(start..<min(column.count, start + 700))))
        }
        #expect(profile.encoded() == naive(column).encoded())
        #expect(try #require(profile.categories?.level) > 1)
        #expect(profile.rows == 12_000)
        #expect(profile.missing == column.missingCount)
    }

    @Test("what a reference lacks is a share of what is there, and nothing is said of a reference that has nothing", arguments: [ValueType.string, .float64])
    func unseen(_ type: ValueType) {
        func profile(_ values: [Value]) -> ColumnProfile {
            var profile = ColumnProfile.empty(of: type)
            profile.add(Column(values, type: type))
            return profile
        }
        let (one, other) = type == .string ? (Value.string("a"), Value.string("b")) : (.float64(1), .float64(900))
        let now = profile([one, other, one, .missing, one])
        #expect(now.share(outside: profile([one, .missing])) == 0.25)
        #expect(now.share(outside: profile([one, other])) == 0)
        #expect(now.share(outside: profile([.missing])) == nil)
        #expect(now.share(outside: profile([])) == nil)
        #expect(profile([.missing]).share(outside: now) == nil)
    }

    @Test("of a column of which only presence is kept, rows and missing ones are known and nothing else")
    func presence() {
        var random = SplitMix64(seed: 9)
        let column = column(.string, &random, count: 200, distinct: 50, missing: 4)
        var profile = ColumnProfile.empty(of: .bool)
        profile.add(presenceOf: column)
        #expect(profile.rows == 200)
        #expect(profile.missing == column.missingCount)
        #expect(profile.categories?.entries.map(\.text) == ["true"])
    }
}
