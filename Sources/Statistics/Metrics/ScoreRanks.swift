import MartletNumerics

/// How many positives and negatives have each score, ascending: all that metrics of ranks need. Counts may be fractions.
struct ScoreRanks {
    private(set) var scores: [Double] = []
    private(set) var positives: [Double] = []
    private(set) var negatives: [Double] = []
    private(set) var positiveCount = 0.0
    private(set) var negativeCount = 0.0

    /// Adds counts of a score at least as great as the last.
    mutating func add(score: Double, positives p: Double, negatives n: Double) {
        if scores.last == score {
            positives[positives.count - 1] += p
            negatives[negatives.count - 1] += n
        } else {
            scores.append(score)
            positives.append(p)
            negatives.append(n)
        }
        positiveCount += p
        negativeCount += n
    }

    /// The chance that a positive scores above a negative, ties counting half, and the variance of its estimate after DeLong.
    ///
    /// - Parameter correction: 1 for rows seen, whose classes' variances have n − 1; 0 for expected counts.
    func rocAUC(correction: Double) -> (value: Double, variance: Double)? {
        guard positiveCount > correction, negativeCount > correction else { return nil }
        var area = CompensatedSum()
        var below = 0.0
        for index in scores.indices {
            area.add(positives[index] * (below + negatives[index] / 2))
            below += negatives[index]
        }
        let value = area.value / positiveCount / negativeCount
        // The share of the other class that each positive beats, and that beats each negative.
        var ofPositives = CompensatedSum(), ofNegatives = CompensatedSum()
        var (negativesBelow, positivesBelow) = (0.0, 0.0)
        for index in scores.indices {
            let beaten = (negativesBelow + negatives[index] / 2) / negativeCount - value
            let beating = (positiveCount - positivesBelow - positives[index] / 2) / positiveCount - value
            ofPositives.add(positives[index] * beaten * beaten)
            ofNegatives.add(negatives[index] * beating * beating)
            negativesBelow += negatives[index]
            positivesBelow += positives[index]
        }
        let variance =
            ofPositives.value / (positiveCount - correction) / positiveCount + ofNegatives.value / (negativeCount - correction) / negativeCount
        return (value, variance)
    }

    func rocAUCInterval(confidence: Double) -> ConfidenceInterval? {
        rocAUC(correction: 1).map { .normal($0.value, standardError: $0.variance.squareRoot(), confidence: confidence, within: 0...1) }
    }

    /// Σ (Rₙ − Rₙ₋₁) · Pₙ over scores, descending; and between which values it would lie if equal scores came apart.
    var averagePrecision: (value: Double, lower: Double, upper: Double)? {
        guard positiveCount > 0 else { return nil }
        var sum = CompensatedSum(), least = CompensatedSum(), most = CompensatedSum()
        var (p, n) = (0.0, 0.0)
        for index in scores.indices.reversed() where positives[index] > 0 || negatives[index] > 0 {
            let share = positives[index] / positiveCount
            let after = p + positives[index]
            sum.add(share * (after / (after + n + negatives[index])))
            // Of positives before negatives the last has the highest precision; of negatives before positives the first the lowest.
            most.add(share * (after / (after + n)))
            if positives[index] > 0 { least.add(share * ((p + 1) / (p + 1 + n + negatives[index]))) }
            p = after
            n += negatives[index]
        }
        return (sum.value, min(least.value, sum.value), max(most.value, sum.value))
    }

    /// How far the area may be off if equal scores came apart: half the pairs within scores.
    var rocAUCError: Double? {
        guard positiveCount > 0, negativeCount > 0 else { return nil }
        var pairs = CompensatedSum()
        for index in scores.indices { pairs.add(positives[index] * negatives[index]) }
        return pairs.value / 2 / positiveCount / negativeCount
    }
}
