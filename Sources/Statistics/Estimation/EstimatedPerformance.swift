import MartletNumerics

/// What the metrics of a binary scorer are expected to be before labels have come, from calibrated probabilities alone.
///
/// Each row counts as a positive with its probability and as a negative with the rest (confidence-based performance
/// estimation). It holds as far as the probabilities do: a change of the relation between inputs and outcome is not seen.
///
/// A standard error says how much the metric of the labels, once they come, varies about the estimate by chance: rows drawn
/// anew, each label by its probability. It does not hold errors of the calibration.
///
/// Sources: NannyML's CBPE (`docs.nannyml`, *Confidence-based Performance Estimation*); DeLong et al. (1988) for the area, Boyd
/// et al. (2013) for the average precision, and the delta method for F1.
public struct EstimatedPerformance: Hashable, Sendable {
    /// One metric.
    public struct Estimate: Hashable, Sendable {
        public var value: Double
        public var standardError: Double
    }

    public var count: Int
    /// Missing if the expected number of a class is 0.
    public var rocAUC: Estimate?
    /// Missing if no positive is expected.
    public var averagePrecision: Estimate?
    public var accuracy: Estimate
    /// Missing if nothing was called positive.
    public var precision: Estimate?
    /// Missing if no positive is expected.
    public var recall: Estimate?
    /// Missing if there is neither a positive nor a positive call to expect.
    public var f1: Estimate?
    /// Expected right and wrong decisions.
    public var confusion: Confusion

    /// From rows in any order; nil without rows.
    ///
    /// - Parameters:
    ///   - scores: what ranks the rows, finite: the scores as the model gave them.
    ///   - probabilities: calibrated, in 0…1.
    ///   - decisions: whether a row was called positive.
    /// - Complexity: O(*n* log *n*).
    public init?(scores: [Double], probabilities: [Double], decisions: [Bool]) {
        precondition(scores.count == probabilities.count && probabilities.count == decisions.count, "lengths differ")
        precondition(probabilities.allSatisfy { $0 >= 0 && $0 <= 1 }, "a probability beyond 0…1")
        precondition(scores.allSatisfy { $0.isFinite }, "a score is not finite")
        guard !probabilities.isEmpty else { return nil }
        var ranks = ScoreRanks()
        // Equal scores by row, so that sums have equal bits everywhere.
        for row in scores.indices.sorted(by: { scores[$0] != scores[$1] ? scores[$0] < scores[$1] : $0 < $1 }) {
            ranks.add(score: scores[row] + 0, positives: probabilities[row], negatives: 1 - probabilities[row])
        }
        var called = CompensatedSum(), others = CompensatedSum()
        for (probability, decision) in zip(probabilities, decisions) { if decision { called.add(probability) } else { others.add(probability) } }
        self.init(ranks: ranks, count: probabilities.count, calledCount: decisions.count { $0 }, calledSum: called.value, otherSum: others.value)
    }

    init(ranks: ScoreRanks, count: Int, calledCount: Int, calledSum: Double, otherSum: Double) {
        self.count = count
        let (n, called) = (Double(count), Double(calledCount))
        let (tp, fn) = (calledSum, otherSum)
        let (fp, tn) = (max(0, called - tp), max(0, n - called - fn))
        confusion = Confusion(truePositives: tp, falsePositives: fp, trueNegatives: tn, falseNegatives: fn)
        func share(_ part: Double, _ whole: Double) -> Estimate? {
            guard whole > 0 else { return nil }
            let value = part / whole
            return Estimate(value: value, standardError: (max(0, value * (1 - value)) / whole).squareRoot())
        }
        accuracy = share(tp + tn, n) ?? Estimate(value: 0, standardError: 0)
        precision = share(tp, called)
        recall = share(tp, tp + fn)
        f1 = confusion.f1.map { f in
            let whole = tp + (fp + fn) / 2
            let variance = tp * (1 - f) * (1 - f) + (fp + fn) * f * f / 4
            return Estimate(value: f, standardError: variance.squareRoot() / whole)
        }
        rocAUC = ranks.rocAUC(correction: 0).map { Estimate(value: $0.value, standardError: $0.variance.squareRoot()) }
        averagePrecision = ranks.averagePrecision.map { average in
            let spread = max(0, average.value * (1 - average.value)) / ranks.positiveCount
            return Estimate(value: average.value, standardError: spread.squareRoot())
        }
    }
}

/// Gathers scores without labels, of bounded size and merged exactly in any order, for an ``EstimatedPerformance``.
///
/// Accuracy, precision, recall and F1 come from exact sums of the probabilities. ROC AUC and average precision come from a
/// histogram of the scores: those of one bucket count as ties, with the probability of the bucket's middle.
public struct PerformanceEstimator: Sendable, Equatable {
    /// From scores to probabilities; nil where scores are calibrated.
    public let calibration: IsotonicCalibration?
    /// Scores of at least this are called positive.
    public let threshold: Double
    /// Rows left out, since their scores were not finite.
    public private(set) var skipped = 0
    private var scores: NumberHistogram
    private var calledCount = 0
    private var calledSum = ExactSum()
    private var otherSum = ExactSum()

    public init(calibration: IsotonicCalibration?, threshold: Double, limit: Int = 2_048) {
        (self.calibration, self.threshold) = (calibration, threshold)
        scores = NumberHistogram(limit: limit)
    }

    /// Adds rows; without a calibration, scores beyond 0…1 count as 0 or 1. O(*n* log knots).
    public mutating func add(_ scores: Span<Double>) {
        for row in scores.indices {
            let score = scores[row]
            guard score.isFinite else {
                skipped += 1
                continue
            }
            let probability = probability(of: score)
            self.scores.add(score)
            if score >= threshold {
                calledCount += 1
                calledSum.add(probability)
            } else {
                otherSum.add(probability)
            }
        }
    }

    private func probability(of score: Double) -> Double {
        min(max(calibration?.probability(of: score) ?? score, 0), 1)
    }

    /// Adds all rows of another of the same calibration, threshold and limit.
    public mutating func merge(_ other: PerformanceEstimator) {
        precondition(calibration == other.calibration && threshold == other.threshold, "another calibration or threshold")
        skipped += other.skipped
        scores.merge(other.scores)
        calledCount += other.calledCount
        calledSum.merge(other.calledSum)
        otherSum.merge(other.otherSum)
    }

    /// The estimate of all rows so far; nil of no rows. O(`limit` log `limit`).
    public var estimate: EstimatedPerformance? {
        guard scores.count > 0 else { return nil }
        var ranks = ScoreRanks()
        for bucket in scores.buckets {
            let probability = probability(of: bucket.lower / 2 + bucket.upper / 2)
            ranks.add(score: bucket.lower, positives: Double(bucket.count) * probability, negatives: Double(bucket.count) * (1 - probability))
        }
        return EstimatedPerformance(
            ranks: ranks, count: scores.count, calledCount: calledCount, calledSum: calledSum.value, otherSum: otherSum.value)
    }
}
