import MartletNumerics

/// How well scores tell positives from negatives: metrics of a binary classifier.
///
/// One score and one label per row, optionally one weight (finite, at least 0; 1 if absent); scores are finite.
/// A metric that its definition leaves open (no rows, a class that is absent, no weight at all) is *missing*, nil,
/// never 0. Names and values follow scikit-learn, except that it returns 0 with a warning in some of these cases.
/// All sums are compensated and run in a fixed order.
public struct BinaryMetrics: Sendable {
    private let scores: [Double]
    private let labels: [Bool]
    private let weights: [Double]?
    /// Rows by descending score; equal scores by row.
    private let order: [Int]
    private let positiveWeight: Double
    private let negativeWeight: Double

    /// Sorts the rows once: O(n log n).
    public init(scores: [Double], labels: [Bool], weights: [Double]? = nil) {
        precondition(scores.count == labels.count && weights.map { $0.count == scores.count } ?? true, "lengths differ")
        precondition(scores.allSatisfy { $0.isFinite }, "a score is not finite")
        precondition(weights?.allSatisfy { $0 >= 0 && $0.isFinite } ?? true, "a weight is not a number of at least 0")
        self.scores = scores
        self.labels = labels
        self.weights = weights
        order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
        var positive = CompensatedSum(), negative = CompensatedSum()
        for row in labels.indices {
            if labels[row] { positive.add(weights?[row] ?? 1) } else { negative.add(weights?[row] ?? 1) }
        }
        positiveWeight = positive.value
        negativeWeight = negative.value
    }

    /// The weighted share of positives.
    public var positiveShare: Double? {
        let total = positiveWeight + negativeWeight
        return total > 0 ? positiveWeight / total : nil
    }

    /// Calls `visit` with the weights of positives and negatives at or above each distinct score, descending.
    private func forEachThreshold(_ visit: (Double, Double) -> Void) {
        var positive = CompensatedSum(), negative = CompensatedSum()
        for (index, row) in order.enumerated() {
            if labels[row] { positive.add(weights?[row] ?? 1) } else { negative.add(weights?[row] ?? 1) }
            if index + 1 == order.count || scores[order[index + 1]] != scores[row] {
                visit(positive.value, negative.value)
            }
        }
    }

    /// Σ (Rₙ − Rₙ₋₁) · Pₙ over distinct scores: the area below the precision-recall steps. Missing without positives.
    public var averagePrecision: Double? {
        guard positiveWeight > 0 else { return nil }
        var sum = CompensatedSum()
        var before = 0.0
        forEachThreshold { positive, negative in
            if positive + negative > 0 { sum.add((positive - before) / positiveWeight * (positive / (positive + negative))) }
            before = positive
        }
        return sum.value
    }

    /// The chance that a positive scores above a negative, ties counting half. Missing if a class is absent.
    public var rocAUC: Double? {
        guard positiveWeight > 0, negativeWeight > 0 else { return nil }
        var area = CompensatedSum()
        var before = (positive: 0.0, negative: 0.0)
        forEachThreshold { positive, negative in
            area.add((negative - before.negative) * (positive + before.positive) / 2)
            before = (positive, negative)
        }
        return area.value / positiveWeight / negativeWeight
    }

    /// −log of the probability given to what happened, averaged; scores are probabilities, kept 2⁻⁵² off 0 and 1.
    public var logLoss: Double? {
        mean { row in
            let score = min(max(scores[row], 0x1p-52), 1 - 0x1p-52)
            return -ElementaryFunctions.log(labels[row] ? score : 1 - score)
        }
    }

    /// The mean squared distance of probability and outcome.
    public var brierScore: Double? {
        mean { row in
            let miss = scores[row] - (labels[row] ? 1 : 0)
            return miss * miss
        }
    }

    private func mean(_ value: (Int) -> Double) -> Double? {
        var sum = CompensatedSum()
        for row in scores.indices { sum.add((weights?[row] ?? 1) * value(row)) }
        let total = positiveWeight + negativeWeight
        return total > 0 ? sum.value / total : nil
    }

    /// The weights of right and wrong decisions when scores of at least `threshold` are called positive.
    public func confusion(at threshold: Double) -> Confusion {
        var cells = [CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum()]
        for row in scores.indices {
            cells[(labels[row] ? 2 : 0) + (scores[row] >= threshold ? 1 : 0)].add(weights?[row] ?? 1)
        }
        return Confusion(
            truePositives: cells[3].value, falsePositives: cells[1].value, trueNegatives: cells[0].value,
            falseNegatives: cells[2].value)
    }
}

/// Right and wrong decisions at one threshold, as weights.
public struct Confusion: Hashable, Sendable {
    public var truePositives: Double
    public var falsePositives: Double
    public var trueNegatives: Double
    public var falseNegatives: Double

    /// Missing without rows.
    public var accuracy: Double? {
        Self.ratio(truePositives + trueNegatives, truePositives + trueNegatives + falsePositives + falseNegatives)
    }
    /// Missing if nothing was called positive.
    public var precision: Double? { Self.ratio(truePositives, truePositives + falsePositives) }
    /// Missing without positives.
    public var recall: Double? { Self.ratio(truePositives, truePositives + falseNegatives) }
    /// The harmonic mean of precision and recall. Missing if there is neither a positive nor a positive call.
    public var f1: Double? { Self.ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }

    static func ratio(_ part: Double, _ whole: Double) -> Double? { whole > 0 ? part / whole : nil }
}
