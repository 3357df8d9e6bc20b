import MartletNumerics

/// A rising function from scores to probabilities, fitted to what happened.
///
/// Between the knots it is linear, beyond them constant: as scikit-learn's `IsotonicRegression(out_of_bounds="clip")`.
///
/// Source: M. Ayer et al. (1955), pool adjacent violators.
public struct IsotonicCalibration: Hashable, Sendable {
    /// Ascending scores, and the probability at each; not falling.
    public let scores: [Double]
    public let probabilities: [Double]

    /// Takes knots back as they were; nil unless scores ascend, probabilities lie in 0…1 and do not fall, and there is one.
    public init?(scores: [Double], probabilities: [Double]) {
        guard scores.count == probabilities.count, !scores.isEmpty, scores.allSatisfy(\.isFinite),
            zip(scores, scores.dropFirst()).allSatisfy(<), probabilities.allSatisfy({ $0 >= 0 && $0 <= 1 }),
            zip(probabilities, probabilities.dropFirst()).allSatisfy(<=)
        else { return nil }
        (self.scores, self.probabilities) = (scores, probabilities)
    }

    /// Fits rows in any order; scores are finite. Nil without rows.
    ///
    /// - Complexity: O(*n* log *n*).
    public init?(fitting scores: [Double], labels: [Bool]) {
        precondition(scores.count == labels.count, "lengths differ")
        precondition(scores.allSatisfy { $0.isFinite }, "a score is not finite")
        guard !scores.isEmpty else { return nil }
        // Rows of one score, then blocks of scores that share one value: their first and last score, positives and rows.
        struct Block {
            var first: Double
            var last: Double
            var positives: Int
            var rows: Int
        }
        var blocks: [Block] = []
        var distinct: [Block] = []
        for row in scores.indices.sorted(by: { scores[$0] < scores[$1] }) {
            let (score, positive) = (scores[row] + 0, labels[row] ? 1 : 0)
            if distinct.last?.last == score {
                distinct[distinct.count - 1].positives += positive
                distinct[distinct.count - 1].rows += 1
            } else {
                distinct.append(Block(first: score, last: score, positives: positive, rows: 1))
            }
        }
        for block in distinct {
            blocks.append(block)
            // While the last block is no higher than the one before, by whole numbers: they become one.
            while blocks.count >= 2 {
                let (before, last) = (blocks[blocks.count - 2], blocks[blocks.count - 1])
                guard before.positives * last.rows >= last.positives * before.rows else { break }
                blocks.removeLast(2)
                blocks.append(
                    Block(first: before.first, last: last.last, positives: before.positives + last.positives, rows: before.rows + last.rows))
            }
        }
        var knots: (scores: [Double], probabilities: [Double]) = ([], [])
        for block in blocks {
            let probability = Double(block.positives) / Double(block.rows)
            for score in block.first == block.last ? [block.first] : [block.first, block.last] {
                knots.scores.append(score)
                knots.probabilities.append(probability)
            }
        }
        (self.scores, probabilities) = knots
    }

    /// The probability of a score; NaN of NaN. O(log knots).
    public func probability(of score: Double) -> Double {
        if score.isNaN { return score }
        var (low, high) = (0, scores.count)
        while low < high {
            let middle = (low + high) / 2
            if scores[middle] < score { low = middle + 1 } else { high = middle }
        }
        if low == scores.count { return probabilities[low - 1] }
        if low == 0 || scores[low] == score { return probabilities[low] }
        let share = (score - scores[low - 1]) / (scores[low] - scores[low - 1])
        let value = probabilities[low - 1] + share * (probabilities[low] - probabilities[low - 1])
        return min(max(value, probabilities[low - 1]), probabilities[low])
    }
}
