import Testing

@testable import MartletStatistics

@Suite("Intervals")
struct ConfidenceIntervalTests {
    let golden: GoldenDrift

    init() throws { golden = try GoldenDrift() }

    private func expect(_ found: ConfidenceInterval?, _ ends: [Double], _ tolerance: Double) throws {
        let found = try #require(found)
        #expect(isNear(found.lower, ends[0], tolerance, least: 1e-6) && isNear(found.upper, ends[1], tolerance, least: 1e-6), "\(found) for \(ends)")
        #expect(found.lower <= found.estimate && found.estimate <= found.upper)
    }

    @Test("of rates equal SciPy's")
    func rates() throws {
        for item in golden.rates {
            try expect(.rate(successes: item.k, trials: item.n, confidence: item.confidence), item.wilson, 1e-11)
            try expect(.rate(successes: item.k, trials: item.n, confidence: item.confidence, method: .clopperPearson), item.exact, 1e-10)
        }
        #expect(ConfidenceInterval.rate(successes: 0, trials: 0) == nil)
    }

    @Test("of differences equal Newcombe's own table")
    func differences() throws {
        for item in golden.differences {
            let found = ConfidenceInterval.rateDifference(
                successes: item.k1, trials: item.n1, otherSuccesses: item.k2, otherTrials: item.n2, confidence: item.confidence)
            try expect(found, item.interval, 1e-11)
        }
        let first = try #require(ConfidenceInterval.rateDifference(successes: 56, trials: 70, otherSuccesses: 48, otherTrials: 80))
        #expect(abs(first.lower - 0.0524) < 5e-5 && abs(first.upper - 0.3339) < 5e-5)
        #expect(ConfidenceInterval.rateDifference(successes: 1, trials: 2, otherSuccesses: 0, otherTrials: 0) == nil)
    }

    @Test("of means equal SciPy's")
    func means() throws {
        for item in golden.means {
            try expect(.mean(item.mean, standardDeviation: item.deviation, count: item.n, confidence: item.confidence), item.interval, 1e-10)
        }
        #expect(ConfidenceInterval.mean(1, standardDeviation: 0, count: 1) == nil)
    }

    @Test("of the area under the curve: DeLong's variance over all pairs; of the average precision: Boyd's")
    func ranks() throws {
        for item in golden.scorers {
            let half = 1.959963984540054 * item.delong_variance.squareRoot()
            try expect(.rocAUC(scores: item.scores, labels: item.labels), [item.roc_auc - half, min(1, item.roc_auc + half)], 1e-11)
            try expect(
                .averagePrecision(item.average_precision, positives: item.labels.count { $0 }), item.average_precision_interval, 1e-11)
        }
        #expect(ConfidenceInterval.rocAUC(scores: [1, 2, 3], labels: [true, false, false]) == nil)
        #expect(ConfidenceInterval.averagePrecision(1, positives: 5)?.lower == 0 && ConfidenceInterval.averagePrecision(0.5, positives: 0) == nil)
    }

    @Test("of the bootstrap: the same for a seed, near the formula's for a mean, and nil where nothing is known")
    func bootstrap() throws {
        var random = SeededNumbers(3)
        let numbers = random.normals(400, mean: 5, deviation: 2)
        func mean(_ rows: [Int]) -> Double? { rows.isEmpty ? nil : rows.reduce(0) { $0 + numbers[$1] } / Double(rows.count) }
        let found = try #require(ConfidenceInterval.bootstrap(rowCount: 400, seed: 9, metric: mean))
        #expect(found == ConfidenceInterval.bootstrap(rowCount: 400, seed: 9, metric: mean))
        #expect(found != ConfidenceInterval.bootstrap(rowCount: 400, seed: 10, metric: mean))
        let deviation = (numbers.reduce(0) { $0 + ($1 - found.estimate) * ($1 - found.estimate) } / 399).squareRoot()
        let formula = try #require(ConfidenceInterval.mean(found.estimate, standardDeviation: deviation, count: 400))
        #expect(abs(found.lower - formula.lower) < 0.03 && abs(found.upper - formula.upper) < 0.03, "\(found) beside \(formula)")
        #expect(ConfidenceInterval.bootstrap(rowCount: 10, seed: 1) { _ in nil } == nil)
        #expect(ConfidenceInterval.bootstrap(rowCount: 0, seed: 1, metric: mean) == nil)
    }

    @Test("bounded random numbers are uniform")
    func uniform() {
        var random = SplitMix64(state: 1)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.below(7)] += 1 }
        let test = counts.reduce(0.0) { $0 + Double(($1 - 10_000) * ($1 - 10_000)) / 10_000 }
        #expect(test < 22.5)  // The chance of more is 0.001 with 6 degrees.
    }
}
