import Testing

@testable import MartletStatistics

@Suite("Performance gathered in parts")
struct StreamingPerformanceTests {
    @Test("equals scikit-learn's where it is exact, and bounds it where it is not")
    func golden() throws {
        for item in try GoldenDrift().scorers {
            for limit in [64, 2_048] {
                var performance = BinaryPerformance(thresholds: [0.5, 0.25], limit: limit)
                performance.add(item.scores.span, labels: item.labels.span)
                let area = try #require(performance.rocAUC())
                #expect(area.exactAtLeast <= item.roc_auc + 1e-15 && item.roc_auc <= area.exactAtMost + 1e-15)
                let precision = try #require(performance.averagePrecision())
                #expect(precision.exactAtLeast <= item.average_precision + 1e-15 && item.average_precision <= precision.exactAtMost + 1e-15)
                if limit == 2_048 {
                    #expect(isNear(area.interval.estimate, item.roc_auc, 1e-14) && isNear(precision.interval.estimate, item.average_precision, 1e-14))
                    #expect(area.interval == ConfidenceInterval.rocAUC(scores: item.scores, labels: item.labels))
                } else {
                    #expect(abs(area.interval.estimate - item.roc_auc) < 0.02 && area.exactAtMost - area.exactAtLeast < 0.1)
                }
                if let logLoss = item.log_loss { #expect(isNear(performance.logLoss, logLoss, 1e-13)) }
                #expect(isNear(performance.brierScore, item.brier, 1e-13) && isNear(performance.expectedCalibrationError, item.ece, 1e-12))
                let exact = BinaryMetrics(scores: item.scores, labels: item.labels)
                #expect(performance.confusion(at: 0.5) == exact.confusion(at: 0.5) && performance.confusion(at: 0.25) == exact.confusion(at: 0.25))
                #expect(performance.confusion(at: 0.3) == nil)
            }
        }
    }

    @Test("merges to equal values in any split and any order", arguments: [UInt64(1), 2])
    func merging(seed: UInt64) {
        var random = SeededNumbers(seed)
        let scores = (0..<3_000).map { _ in random.below(50) == 0 ? .nan : random.uniform() * 1.1 }
        let labels = scores.map { random.uniform() < $0 }
        var whole = BinaryPerformance(thresholds: [0.1, 0.9], limit: 64)
        whole.add(scores.span, labels: labels.span)
        var errors = RegressionPerformance()
        let values = scores.map { $0 * 3 - random.normal() }
        errors.add(scores.span, values: values.span)
        for _ in 0..<4 {
            var parts = [BinaryPerformance](repeating: BinaryPerformance(thresholds: [0.9, 0.1], limit: 64), count: 5)
            var errorParts = [RegressionPerformance](repeating: RegressionPerformance(), count: 5)
            for row in scores.indices.shuffled(using: &random) {
                let part = random.below(5)
                parts[part].add([scores[row]].span, labels: [labels[row]].span)
                errorParts[part].add([scores[row]].span, values: [values[row]].span)
            }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                parts[0].merge(parts.removeLast())
                errorParts.shuffle(using: &random)
                errorParts[0].merge(errorParts.removeLast())
            }
            #expect(parts[0] == whole && parts[0].logLoss == whole.logLoss && parts[0].skipped > 0)
            #expect(errorParts[0] == errors)
        }
    }

    @Test("regression equals the metrics of arrays")
    func regression() throws {
        var random = SeededNumbers(6)
        let values = random.normals(500, mean: 20, deviation: 5)
        let predictions = values.map { $0 + 0.3 + random.normal() }
        var performance = RegressionPerformance()
        performance.add(predictions.span, values: values.span)
        performance.add([.nan].span, values: [1].span)
        let exact = RegressionMetrics(predictions: predictions, values: values)
        #expect(isNear(performance.rootMeanSquaredError, try #require(exact.rootMeanSquaredError), 1e-14))
        #expect(isNear(performance.meanAbsoluteError, try #require(exact.meanAbsoluteError), 1e-14))
        let bias = try #require(performance.biasInterval())
        #expect(bias.estimate == performance.bias && bias.lower < 0.3 && bias.upper > 0.3 && bias.upper - bias.lower < 0.2)
        #expect(performance.skipped == 1 && performance.count == 500)
    }

    @Test("nothing known is missing, not 0")
    func empty() {
        var performance = BinaryPerformance()
        #expect(performance.logLoss == nil && performance.brierScore == nil && performance.rocAUC() == nil && performance.averagePrecision() == nil)
        #expect(performance.expectedCalibrationError == nil && RegressionPerformance().bias == nil && RegressionPerformance().biasInterval() == nil)
        performance.add([0.5, 0.6].span, labels: [false, false].span)
        #expect(performance.averagePrecision() == nil && performance.rocAUC() == nil && performance.logLoss != nil)
    }

    @Test("DeLong's interval covers as often as it says")
    func coverage() throws {
        // Scores of a positive are normal about 1, of a negative about 0: the area is Φ(1/√2).
        let area = 0.7602499389065233
        var random = SeededNumbers(12)
        var covered = 0
        for _ in 0..<1_000 {
            var performance = BinaryPerformance()
            let labels = (0..<200).map { _ in random.uniform() < 0.4 }
            let scores = labels.map { random.normal() + ($0 ? 1 : 0) }
            performance.add(scores.span, labels: labels.span)
            let interval = try #require(performance.rocAUC()).interval
            if interval.lower <= area && area <= interval.upper { covered += 1 }
        }
        // 950 are expected; five standard deviations are 35.
        #expect(covered > 915 && covered < 985, "\(covered) of 1,000")
    }
}
