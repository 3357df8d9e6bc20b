import MartletBytes
import MartletFrames
import MartletMonitoring
import MartletStatistics
import MartletWorld
import Testing

@Suite("The choice of a reference")
struct SeasonalReferenceTests {
    /// The rule as it is written: each candidate against the best so far, over the windows that both have.
    private func oracle(_ past: [[PastWindows: Double]]) -> PastWindows {
        func beats(_ one: PastWindows, _ other: PastWindows) -> Bool {
            let common = past.filter { $0[one] != nil && $0[other] != nil }
            guard common.count >= 7 else { return false }
            return common.map { $0[one] ?? 0 }.reduce(0, +) < common.map { $0[other] ?? 0 }.reduce(0, +)
        }
        let second = beats(.daily, .recent) ? PastWindows.daily : .recent
        return beats(.weekly, second) ? .weekly : second
    }

    @Test("those windows are chosen whose mean error was least over windows that both have", arguments: 0..<40 as Range<UInt64>)
    func choice(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let past = (0..<Int(random.next() % 30)).map { _ in
            var errors: [PastWindows: Double] = [:]
            // In 64ths, so that sums are exact in any order, and ties occur.
            for candidate in PastWindows.allCases where random.next() % 4 > 0 { errors[candidate] = Double(random.next() % 16) / 64 }
            return errors
        }
        #expect(ReferenceChoice.choose(past) == oracle(past))
        #expect(ReferenceChoice.choose(past.reversed()) == ReferenceChoice.choose(past))
    }

    @Test("without a past, or with six windows of it, it is the last windows; so it is of equal errors")
    func beginning() {
        let better: [PastWindows: Double] = [.recent: 0.5, .weekly: 0.1]
        #expect(ReferenceChoice.choose([]) == .recent)
        #expect(ReferenceChoice.choose(Array(repeating: better, count: 6)) == .recent)
        #expect(ReferenceChoice.choose(Array(repeating: better, count: 7)) == .weekly)
        #expect(ReferenceChoice.choose(Array(repeating: [.recent: 0.5, .daily: 0.5, .weekly: 0.5], count: 14)) == .recent)
    }

    @Test("windows have the candidates whose distance is a multiple of their length, and a bounded past")
    func candidates() {
        func names(_ window: Timestamp.Span) -> [PastWindows] { PastWindows.allCases.filter { $0.windows(of: window) != nil } }
        #expect(names(.hours(1)) == [.recent, .daily, .weekly])
        #expect(names(.days(1)) == [.recent, .weekly])
        #expect(names(.hours(7)) == [.recent, .weekly])
        #expect(names(.days(2)) == [.recent])
        #expect(names(.days(7)) == [.recent])
        #expect(ReferenceChoice.lookBack(.days(1)) == 14)
        #expect(ReferenceChoice.lookBack(.hours(1)) == 336)
        #expect(ReferenceChoice.lookBack(.minutes(1)) == 336)
        #expect(ReferenceChoice.lookBack(.days(7)) == 14)
    }

    @Test("the error is half the mean distance of the columns, and half the difference of the rows")
    func error() throws {
        func flags(_ yes: Int, _ no: Int) -> ColumnProfile {
            var profile = ColumnProfile.empty(of: .bool)
            profile.add(Column((0..<yes + no).map { Value.bool($0 < yes) }, type: .bool))
            return profile
        }
        let reference = MonitorReference(features: [flags(50, 50), flags(30, 0), nil], output: nil, importance: [], volumes: [90, 110])
        // The first column has not moved, the second wholly, the third has nothing to be held against.
        let error = try #require(ReferenceChoice.error(rows: 50, [flags(10, 10), flags(0, 7), flags(1, 1)], against: reference))
        #expect(abs(error - ((0.0 + 1.0) / 2 + 0.5) / 2) < 1e-12)
        #expect(ReferenceChoice.error(rows: 50, [], against: MonitorReference(features: [], output: nil, importance: [], volumes: [])) == nil)
    }

    @Test("what is stored is read again as it was")
    func stored() {
        let choice = ReferenceChoice(.weekly, errors: [.recent: 0.25, .weekly: 0.125])
        #expect(ReferenceChoice(choice.json) == choice)
        #expect(ReferenceChoice(["chosen": "yearly", "errors": [:]]) == nil)
    }
}
