import MartletNumerics

/// An estimate and the range in which the true value lies with a stated confidence.
public struct ConfidenceInterval: Hashable, Sendable {
    public var estimate: Double
    public var lower: Double
    public var upper: Double

    public init(estimate: Double, lower: Double, upper: Double) {
        (self.estimate, self.lower, self.upper) = (estimate, lower, upper)
    }
}

extension ConfidenceInterval {
    /// How the interval of a rate is found.
    public enum RateMethod: Sendable {
        /// Wilson's score interval: about the stated confidence on average over rates.
        case wilson
        /// Clopper and Pearson's: at least the stated confidence for every rate, and wider.
        case clopperPearson
    }

    private static func z(_ confidence: Double) -> Double {
        precondition(confidence > 0 && confidence < 1, "a confidence between 0 and 1")
        return SpecialFunctions.normalQuantile(0.5 + confidence / 2)
    }

    /// A rate of `successes` among `trials` independent rows; nil without trials. O(1).
    ///
    /// Sources: E. B. Wilson (1927); C. Clopper, E. Pearson (1934).
    public static func rate(
        successes: Int, trials: Int, confidence: Double = 0.95, method: RateMethod = .wilson
    ) -> ConfidenceInterval? {
        precondition(successes >= 0 && successes <= trials, "more successes than trials")
        let z = z(confidence)
        guard trials > 0 else { return nil }
        let (k, n) = (Double(successes), Double(trials))
        switch method {
        case .wilson:
            let square = z * z
            let middle = k + square / 2
            let half = z * (k * (n - k) / n + square / 4).squareRoot()
            // The ends are 0 and 1 by formula; rounding is kept from going past.
            let lower = successes == 0 ? 0 : max(0, (middle - half) / (n + square))
            let upper = successes == trials ? 1 : min(1, (middle + half) / (n + square))
            return ConfidenceInterval(estimate: k / n, lower: lower, upper: upper)
        case .clopperPearson:
            let tail = (1 - confidence) / 2
            return ConfidenceInterval(
                estimate: k / n, lower: successes == 0 ? 0 : SpecialFunctions.betaInverse(tail, k, n - k + 1),
                upper: successes == trials ? 1 : SpecialFunctions.betaInverse(1 - tail, k + 1, n - k))
        }
    }

    /// The first rate less the second, of independent rows; nil if one has no trials. O(1).
    ///
    /// Newcombe's score interval without correction. Source: R. Newcombe, *Interval Estimation for the Difference Between
    /// Independent Proportions* (1998), method 10.
    public static func rateDifference(
        successes: Int, trials: Int, otherSuccesses: Int, otherTrials: Int, confidence: Double = 0.95
    ) -> ConfidenceInterval? {
        guard let first = rate(successes: successes, trials: trials, confidence: confidence),
            let second = rate(successes: otherSuccesses, trials: otherTrials, confidence: confidence)
        else { return nil }
        func root(_ a: Double, _ b: Double) -> Double { (a * a + b * b).squareRoot() }
        let difference = first.estimate - second.estimate
        return ConfidenceInterval(
            estimate: difference, lower: difference - root(first.estimate - first.lower, second.upper - second.estimate),
            upper: difference + root(first.upper - first.estimate, second.estimate - second.lower))
    }

    /// A mean of `count` independent rows of this standard deviation (n − 1), by Student's t. Nil below two rows. O(1).
    ///
    /// Exact for normal rows; a good approximation for others once there are many and their tails are not heavy.
    public static func mean(_ mean: Double, standardDeviation: Double, count: Int, confidence: Double = 0.95) -> ConfidenceInterval? {
        precondition(confidence > 0 && confidence < 1 && standardDeviation >= 0, "a confidence between 0 and 1, a deviation of at least 0")
        guard count >= 2 else { return nil }
        let t = SpecialFunctions.studentQuantile(0.5 + confidence / 2, degrees: Double(count - 1))
        let half = t * standardDeviation / Double(count).squareRoot()
        return ConfidenceInterval(estimate: mean, lower: mean - half, upper: mean + half)
    }

    /// An estimate with a standard error, by the normal distribution; ends are kept within `bounds`.
    public static func normal(
        _ estimate: Double, standardError: Double, confidence: Double = 0.95, within bounds: ClosedRange<Double> = -.infinity ... .infinity
    ) -> ConfidenceInterval {
        let half = z(confidence) * standardError
        return ConfidenceInterval(
            estimate: estimate, lower: max(estimate - half, bounds.lowerBound), upper: min(estimate + half, bounds.upperBound))
    }

    /// An average precision from `positives` positive rows, by the normal distribution of its logit; [0, 1] at 0 and 1.
    /// Nil without positives. O(1).
    ///
    /// Source: K. Boyd, K. Eng, C. D. Page, *Area under the Precision-Recall Curve* (2013), section 3.2.
    public static func averagePrecision(_ value: Double, positives: Int, confidence: Double = 0.95) -> ConfidenceInterval? {
        let z = z(confidence)
        guard positives > 0 else { return nil }
        guard value > 0, value < 1 else { return ConfidenceInterval(estimate: value, lower: 0, upper: 1) }
        let logit = ElementaryFunctions.log(value / (1 - value))
        let half = z / (Double(positives) * value * (1 - value)).squareRoot()
        func back(_ logit: Double) -> Double { 1 / (1 + ElementaryFunctions.exp(-logit)) }
        return ConfidenceInterval(estimate: value, lower: back(logit - half), upper: back(logit + half))
    }

    /// The area under the ROC curve of rows in any order, by DeLong's variance and the normal distribution, kept in 0…1. Nil if a
    /// class has less than two rows. Scores are finite.
    ///
    /// - Complexity: O(*n* log *n*).
    ///
    /// Sources: E. DeLong et al. (1988); X. Sun, W. Xu, *Fast Implementation of DeLong's Algorithm* (2014).
    public static func rocAUC(scores: [Double], labels: [Bool], confidence: Double = 0.95) -> ConfidenceInterval? {
        precondition(scores.count == labels.count, "lengths differ")
        precondition(scores.allSatisfy { $0.isFinite }, "a score is not finite")
        var ranks = ScoreRanks()
        for row in scores.indices.sorted(by: { scores[$0] < scores[$1] }) {
            ranks.add(score: scores[row] + 0, positives: labels[row] ? 1 : 0, negatives: labels[row] ? 0 : 1)
        }
        return ranks.rocAUCInterval(confidence: confidence)
    }

    /// Any metric of rows, by the percentiles of the metric over samples of the rows with replacement.
    ///
    /// The same seed gives the same interval on every machine. Resamples on which the metric is missing are left out. Percentiles
    /// are interpolated linearly between resamples, as NumPy does.
    ///
    /// ```swift
    /// ConfidenceInterval.bootstrap(rowCount: scores.count, seed: 1) { rows in
    ///     BinaryMetrics(scores: rows.map { scores[$0] }, labels: rows.map { labels[$0] }).averagePrecision
    /// }
    /// ```
    ///
    /// - Parameter metric: of rows, by number; a row may occur several times.
    /// - Returns: nil if the metric of all rows, or of half of the resamples, is missing.
    /// - Complexity: `resamples` + 1 evaluations of the metric.
    ///
    /// Source: B. Efron, R. Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13.
    public static func bootstrap(
        rowCount: Int, seed: UInt64, resamples: Int = 1_000, confidence: Double = 0.95, metric: ([Int]) -> Double?
    ) -> ConfidenceInterval? {
        precondition(resamples >= 2 && confidence > 0 && confidence < 1, "2 resamples or more, a confidence between 0 and 1")
        guard rowCount > 0, let estimate = metric(Array(0..<rowCount)) else { return nil }
        var random = SplitMix64(state: seed)
        var rows = [Int](repeating: 0, count: rowCount)
        var values: [Double] = []
        for _ in 0..<resamples {
            for index in rows.indices { rows[index] = random.below(rowCount) }
            if let value = metric(rows), !value.isNaN { values.append(value) }
        }
        guard values.count * 2 > resamples else { return nil }
        values.sort()
        func percentile(_ share: Double) -> Double {
            let place = share * Double(values.count - 1)
            let index = min(Int(place), values.count - 1)
            let next = min(index + 1, values.count - 1)
            return values[index] + (values[next] - values[index]) * (place - Double(index))
        }
        return ConfidenceInterval(estimate: estimate, lower: percentile((1 - confidence) / 2), upper: percentile((1 + confidence) / 2))
    }
}

/// Seeded random numbers with the same bits on every machine.
///
/// Source: G. Steele et al., *Fast Splittable Pseudorandom Number Generators* (2014); D. Lemire (2019) for bounded numbers.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// The finalizer: a bijection whose output bits each depend on all input bits.
    static func mixed(_ number: UInt64) -> UInt64 {
        var z = number
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in 0 ..< bound, without bias.
    mutating func below(_ bound: Int) -> Int {
        let bound = UInt64(bound)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let least = (0 &- bound) % bound
            while product.low < least { product = next().multipliedFullWidth(by: bound) }
        }
        return Int(product.high)
    }
}
