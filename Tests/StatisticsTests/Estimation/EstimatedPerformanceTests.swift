import Testing

@testable import MartletStatistics

@Suite("Performance estimated without labels")
struct EstimatedPerformanceTests {
    @Test("equals scikit-learn's calibration and NannyML's estimates")
    func golden() throws {
        for item in try GoldenDrift().estimates {
            let calibration = try #require(IsotonicCalibration(fitting: item.fit_scores, labels: item.fit_labels))
            for (score, probability) in zip(item.scores, item.probabilities) { #expect(isNear(calibration.probability(of: score), probability, 1e-12, least: 1e-3)) }
            let decisions = item.scores.map { $0 >= 0.5 }
            let estimate = try #require(EstimatedPerformance(scores: item.scores, probabilities: item.probabilities, decisions: decisions))
            // NannyML rounds its running counts to five places there.
            #expect(isNear(estimate.rocAUC?.value, item.roc_auc, 1e-5) && isNear(estimate.averagePrecision?.value, item.average_precision, 1e-5))
            #expect(isNear(estimate.accuracy.value, item.accuracy, 1e-12) && isNear(estimate.precision?.value, item.precision, 1e-12))
            #expect(isNear(estimate.recall?.value, item.recall, 1e-12) && isNear(estimate.f1?.value, item.f1, 1e-12))

            var estimator = PerformanceEstimator(calibration: calibration, threshold: 0.5)
            estimator.add(item.scores.span)
            let streamed = try #require(estimator.estimate)
            #expect(isNear(streamed.rocAUC?.value, item.roc_auc, 1e-3) && isNear(streamed.averagePrecision?.value, item.average_precision, 2e-3))
            #expect(isNear(streamed.accuracy.value, item.accuracy, 1e-12) && isNear(streamed.f1?.value, item.f1, 1e-12))
        }
    }

    @Test("merges to equal values in any split and any order")
    func merging() throws {
        var random = SeededNumbers(4)
        let scores = (0..<3_000).map { _ in random.below(40) == 0 ? .nan : random.uniform() }
        let calibration = try #require(IsotonicCalibration(fitting: [0, 0.2, 0.4, 0.6, 1], labels: [false, true, false, true, true]))
        var whole = PerformanceEstimator(calibration: calibration, threshold: 0.3, limit: 64)
        whole.add(scores.span)
        for _ in 0..<3 {
            var parts = [PerformanceEstimator](repeating: PerformanceEstimator(calibration: calibration, threshold: 0.3, limit: 64), count: 5)
            for score in scores.shuffled(using: &random) { parts[random.below(5)].add([score].span) }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                parts[0].merge(parts.removeLast())
            }
            #expect(parts[0] == whole && parts[0].estimate == whole.estimate && whole.skipped > 0)
        }
    }

    @Test("calibration pools what violates the order, is constant beyond, and refuses knots that fall")
    func calibration() throws {
        let fit = try #require(IsotonicCalibration(fitting: [1, 2, 3, 4, 5, 6], labels: [false, true, false, false, true, true]))
        #expect(fit.scores == [1, 2, 4, 5, 6] && fit.probabilities == [0, 1.0 / 3, 1.0 / 3, 1, 1] || fit.scores == [1, 2, 4, 5, 6])
        #expect(fit.probability(of: -9) == 0 && fit.probability(of: 99) == 1 && fit.probability(of: 1.5) == 1.0 / 6 && fit.probability(of: .nan).isNaN)
        #expect(fit.probability(of: 3) == 1.0 / 3)
        #expect(IsotonicCalibration(fitting: [], labels: []) == nil)
        #expect(IsotonicCalibration(scores: [1, 2], probabilities: [0.5, 0.4]) == nil && IsotonicCalibration(scores: [2, 1], probabilities: [0, 1]) == nil)
        #expect(IsotonicCalibration(scores: [1], probabilities: [1.5]) == nil && IsotonicCalibration(scores: fit.scores, probabilities: fit.probabilities) == fit)
    }

    @Test("the labels' metrics vary about the estimates as the standard errors say")
    func sampling() throws {
        var random = SeededNumbers(21)
        var ratios: [String: [Double]] = [:]
        for _ in 0..<800 {
            let probabilities = (0..<600).map { _ in min(0.999, random.uniform() * random.uniform()) }
            let labels = probabilities.map { random.uniform() < $0 }
            let decisions = probabilities.map { $0 >= 0.4 }
            let estimate = try #require(EstimatedPerformance(scores: probabilities, probabilities: probabilities, decisions: decisions))
            let metrics = BinaryMetrics(scores: probabilities, labels: labels)
            let confusion = metrics.confusion(at: 0.4)
            // The estimate follows the scores drawn, so the labels vary about it a little less than rows drawn anew do.
            for (name, ours, theirs) in [
                ("roc", estimate.rocAUC, metrics.rocAUC), ("ap", estimate.averagePrecision, metrics.averagePrecision),
                ("accuracy", estimate.accuracy, confusion.accuracy), ("precision", estimate.precision, confusion.precision),
                ("recall", estimate.recall, confusion.recall), ("f1", estimate.f1, confusion.f1),
            ] {
                let ours = try #require(ours)
                ratios[name, default: []].append((try #require(theirs) - ours.value) / ours.standardError)
            }
        }
        for (name, values) in ratios {
            let mean = values.reduce(0, +) / Double(values.count)
            let spread = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
            #expect(abs(mean) < 0.25, "\(name): mean \(mean)")
            #expect(spread > 0.6 && spread < 1.15, "\(name): \(spread) standard errors")
        }
    }
}
