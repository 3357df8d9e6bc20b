import MartletNumerics

/// The performance of a binary scorer, gathered as labels come: of bounded size, and merged exactly in any order.
///
/// Counts at the thresholds, log loss, Brier score and calibration are exact. ROC AUC and average precision come from two
/// ``NumberHistogram``s: scores of one bucket count as ties, and the error that this can make is stated.
///
/// ```swift
/// var performance = BinaryPerformance(thresholds: [0.5])
/// performance.add(scores.span, labels: labels.span)
/// performance.rocAUC?.interval
/// performance.confusion(at: 0.5)?.precision
/// ```
public struct BinaryPerformance: Sendable, Equatable {
    private var positives: NumberHistogram
    private var negatives: NumberHistogram
    private var logLossSum = ExactSum()
    private var brierSum = ExactSum()
    private var calibration: [CalibrationBin]
    /// Ascending, without repetition.
    public let thresholds: [Double]
    /// By threshold, rows of scores at least it.
    private var positivesCalled: [Int]
    private var negativesCalled: [Int]
    /// Rows left out, since their scores were not finite.
    public private(set) var skipped = 0

    private struct CalibrationBin: Equatable, Sendable {
        var count = 0
        var positives = 0
        var scores = ExactSum()
    }

    /// - Parameters:
    ///   - thresholds: where right and wrong decisions are counted; finite.
    ///   - calibrationBins: bins of equal width over 0…1; scores beyond count to the outermost.
    ///   - limit: the most buckets of a histogram.
    public init(thresholds: [Double] = [0.5], calibrationBins: Int = 10, limit: Int = 2_048) {
        precondition((1...1_000).contains(calibrationBins) && thresholds.allSatisfy { $0.isFinite }, "1 to 1,000 bins, finite thresholds")
        positives = NumberHistogram(limit: limit)
        negatives = NumberHistogram(limit: limit)
        calibration = [CalibrationBin](repeating: CalibrationBin(), count: calibrationBins)
        self.thresholds = Set(thresholds.map { $0 + 0 }).sorted()
        positivesCalled = [Int](repeating: 0, count: self.thresholds.count)
        negativesCalled = positivesCalled
    }

    /// Adds rows: a score and what happened. A row without a finite score is left out and counted. O(*n*).
    public mutating func add(_ scores: Span<Double>, labels: Span<Bool>) {
        precondition(scores.count == labels.count, "lengths differ")
        for row in scores.indices {
            let (score, label) = (scores[row], labels[row])
            guard score.isFinite else {
                skipped += 1
                continue
            }
            if label { positives.add(score) } else { negatives.add(score) }
            let probability = min(max(score, 0x1p-52), 1 - 0x1p-52)
            logLossSum.add(-ElementaryFunctions.log(label ? probability : 1 - probability))
            let miss = score - (label ? 1 : 0)
            brierSum.add(miss * miss)
            let bin = Int(min(max(score * Double(calibration.count), 0), Double(calibration.count - 1)))
            calibration[bin].count += 1
            calibration[bin].positives += label ? 1 : 0
            calibration[bin].scores.add(score)
            for (index, threshold) in thresholds.enumerated() {
                guard score >= threshold else { break }
                if label { positivesCalled[index] += 1 } else { negativesCalled[index] += 1 }
            }
        }
    }

    /// Adds all rows of another of the same thresholds, bins and limit.
    public mutating func merge(_ other: BinaryPerformance) {
        precondition(thresholds == other.thresholds && calibration.count == other.calibration.count, "thresholds or bins differ")
        positives.merge(other.positives)
        negatives.merge(other.negatives)
        logLossSum.merge(other.logLossSum)
        brierSum.merge(other.brierSum)
        skipped += other.skipped
        for bin in calibration.indices {
            calibration[bin].count += other.calibration[bin].count
            calibration[bin].positives += other.calibration[bin].positives
            calibration[bin].scores.merge(other.calibration[bin].scores)
        }
        for index in thresholds.indices {
            positivesCalled[index] += other.positivesCalled[index]
            negativesCalled[index] += other.negativesCalled[index]
        }
    }

    // MARK: Reading

    public var positiveCount: Int { positives.count }
    public var negativeCount: Int { negatives.count }
    private var count: Int { positives.count + negatives.count }

    /// Both classes on their common buckets, ascending.
    private var ranks: ScoreRanks {
        let bits = max(positives.droppedBits, negatives.droppedBits)
        let (left, right) = (positives.sortedCounts(droppingBits: bits), negatives.sortedCounts(droppingBits: bits))
        var ranks = ScoreRanks()
        var (i, j) = (0, 0)
        while i < left.count || j < right.count {
            let prefix = min(i < left.count ? left[i].prefix : .max, j < right.count ? right[j].prefix : .max)
            let p = i < left.count && left[i].prefix == prefix ? left[i].count : 0
            let n = j < right.count && right[j].prefix == prefix ? right[j].count : 0
            i += p > 0 ? 1 : 0
            j += n > 0 ? 1 : 0
            // Only the order of scores matters: a bucket's own number stands for it.
            ranks.add(score: Double(ranks.scores.count), positives: Double(p), negatives: Double(n))
        }
        return ranks
    }

    /// A metric of ranks from buckets, with its sampling interval, and the range that holds the exact value of the rows seen.
    public struct Ranked: Hashable, Sendable {
        public var interval: ConfidenceInterval
        public var exactAtLeast: Double
        public var exactAtMost: Double
    }

    /// The area under the ROC curve with DeLong's interval; nil if a class has less than two rows.
    public func rocAUC(confidence: Double = 0.95) -> Ranked? {
        let ranks = ranks
        guard let interval = ranks.rocAUCInterval(confidence: confidence), let error = ranks.rocAUCError else { return nil }
        return Ranked(interval: interval, exactAtLeast: interval.estimate - error, exactAtMost: interval.estimate + error)
    }

    /// The average precision with its logit interval; nil without positives.
    public func averagePrecision(confidence: Double = 0.95) -> Ranked? {
        guard let (value, lower, upper) = ranks.averagePrecision,
            let interval = ConfidenceInterval.averagePrecision(value, positives: positives.count, confidence: confidence)
        else { return nil }
        return Ranked(interval: interval, exactAtLeast: lower, exactAtMost: upper)
    }

    /// −log of the probability given to what happened, averaged, as ``BinaryMetrics/logLoss``, from an exact sum. Nil of no rows.
    public var logLoss: Double? { count > 0 ? logLossSum.value / Double(count) : nil }

    /// The mean squared distance of probability and outcome, from an exact sum. Nil of no rows.
    public var brierScore: Double? { count > 0 ? brierSum.value / Double(count) : nil }

    /// Exact right and wrong decisions when scores of at least `threshold` are called positive; nil if it is none of ``thresholds``.
    public func confusion(at threshold: Double) -> Confusion? {
        guard let index = thresholds.firstIndex(of: threshold) else { return nil }
        return Confusion(
            truePositives: Double(positivesCalled[index]), falsePositives: Double(negativesCalled[index]),
            trueNegatives: Double(negatives.count - negativesCalled[index]), falseNegatives: Double(positives.count - positivesCalled[index]))
    }

    /// Calibration by bin of equal width: rows, their mean score and their share of positives; empty bins are left out.
    public var calibrationBins: [(count: Int, meanScore: Double, positiveShare: Double)] {
        calibration.filter { $0.count > 0 }.map { ($0.count, $0.scores.value / Double($0.count), Double($0.positives) / Double($0.count)) }
    }

    /// The mean distance of a bin's mean score from its share of positives, weighted by rows. Nil of no rows.
    ///
    /// Source: M. Naeini et al., *Obtaining Well Calibrated Probabilities Using Bayesian Binning* (2015).
    public var expectedCalibrationError: Double? {
        guard count > 0 else { return nil }
        return CompensatedSum.of(calibrationBins.map { Double($0.count) * abs($0.meanScore - $0.positiveShare) }) / Double(count)
    }
}
