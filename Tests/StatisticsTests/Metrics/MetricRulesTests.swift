import Foundation
import MartletStatistics
import Testing

@Suite("What metrics say where little is known")
struct MetricRulesTests {
    @Test("an absent class makes a metric missing, not 0")
    func absentClass() {
        let negatives = BinaryMetrics(scores: [0.2, 0.7], labels: [false, false])
        #expect(negatives.averagePrecision == nil && negatives.rocAUC == nil)
        #expect(negatives.confusion(at: 0.5).recall == nil)
        #expect(negatives.confusion(at: 0.9).precision == nil)
        #expect(negatives.confusion(at: 0.9).accuracy == 1)
        let positives = BinaryMetrics(scores: [0.2, 0.7], labels: [true, true])
        #expect(positives.averagePrecision == 1 && positives.rocAUC == nil)
        let nothing = BinaryMetrics(scores: [], labels: [])
        #expect(nothing.logLoss == nil && nothing.brierScore == nil && nothing.positiveShare == nil)
        #expect(BinaryMetrics(scores: [0.5], labels: [true], weights: [0]).averagePrecision == nil)
        #expect(RegressionMetrics(predictions: [], values: []).rootMeanSquaredError == nil)
        #expect(RegressionMetrics(predictions: [1, 2], values: [3, 3]).rSquared == nil)
        #expect(precisionAt(5, scores: [], labels: []) == nil)
    }

    @Test("equal scores are one threshold, whatever the order of rows")
    func ties() {
        let first = BinaryMetrics(scores: [0.5, 0.5, 0.5, 0.1], labels: [true, false, false, true])
        let second = BinaryMetrics(scores: [0.5, 0.5, 0.1, 0.5], labels: [false, false, true, true])
        #expect(first.averagePrecision == second.averagePrecision)
        #expect(first.averagePrecision == 0.5 * (1.0 / 3) + 0.5 * 0.5)
        #expect(first.rocAUC == 0.25)
    }

    @Test("precision at k: a member counts once a period, with its highest score and any positive")
    func precisionPerPeriod() {
        // Day 1: member 7 scores 0.9 (its positive row scores 0.1), 8 scores 0.8, 9 scores 0.2 and is positive.
        // Day 2: only member 7, negative.
        let scores = [0.1, 0.9, 0.8, 0.2, 0.5], labels = [true, false, false, true, false]
        let days = [1, 1, 1, 1, 2], members = [7, 7, 8, 9, 7]
        #expect(precisionAt(1, scores: scores, labels: labels, periods: days, members: members) == 0.5)
        #expect(precisionAt(2, scores: scores, labels: labels, periods: days, members: members) == 0.25)
        #expect(precisionAt(3, scores: scores, labels: labels, periods: days, members: members) == (2.0 / 3) / 2)
        #expect(precisionAt(100, scores: scores, labels: labels, periods: days, members: members) == (2.0 / 3) / 2)
        #expect(precisionAt(1, scores: scores, labels: labels, periods: days) == 0)
        #expect(precisionAt(5, scores: scores, labels: labels) == 0.4)
    }
}
