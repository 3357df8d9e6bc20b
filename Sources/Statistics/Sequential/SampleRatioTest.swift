import MartletNumerics

/// Whether units came to the arms of a rollout in the shares that were planned, at any time, as often as one likes.
///
/// The p-value is valid at all looks at once: with the planned shares it ever falls to α with a chance of at most α, exactly, not
/// asymptotically. It is one over the Bayes factor of shares drawn from a Dirichlet distribution about the planned ones against
/// the planned ones, and it never rises again.
///
/// It counts *units*, each once, when it is first assigned; counts that depend on what happened to a unit are another question.
///
/// Source: M. Lindon, A. Malek, *Anytime-Valid Inference For Multinomial Count Data* (2022).
public struct SampleRatioTest: Sendable, Equatable {
    /// The planned shares, which sum to 1.
    public let shares: [Double]
    /// How near the planned shares others are expected: their variance is share · (1 − share) ÷ (concentration + 1).
    public let concentration: Double
    /// The counts at the last look.
    public private(set) var counts: [Int]
    /// The least p-value of all looks so far; 1 before the first.
    public private(set) var pValue = 1.0

    /// - Parameters:
    ///   - shares: of the arms, each above 0, in any unit: they are divided by their sum.
    ///   - concentration: above 0. 1,000 is for shares that are off by 1 to 2 points of 100.
    public init(shares: [Double], concentration: Double = 1_000) {
        precondition(shares.count >= 2 && shares.allSatisfy { $0 > 0 && $0.isFinite }, "two shares or more above 0")
        precondition(concentration > 0 && concentration.isFinite, "a concentration above 0")
        let sum = CompensatedSum.of(shares)
        self.shares = shares.map { $0 / sum }
        self.concentration = concentration
        counts = [Int](repeating: 0, count: shares.count)
    }

    /// Takes the numbers of units so far, by arm; none is less than at the look before. O(arms).
    public mutating func observe(_ counts: [Int]) {
        precondition(counts.count == shares.count, "as many counts as shares")
        precondition(zip(counts, self.counts).allSatisfy { $0 >= $1 }, "a count fell")
        self.counts = counts
        pValue = min(pValue, ElementaryFunctions.exp(-logBayesFactor))
    }

    /// ln of the Bayes factor of the counts at the last look.
    public var logBayesFactor: Double {
        var sum = CompensatedSum()
        var total = 0.0
        for (share, count) in zip(shares, counts) where count > 0 {
            let (prior, n) = (concentration * share, Double(count))
            sum.add(SpecialFunctions.logGamma(prior + n) - SpecialFunctions.logGamma(prior))
            sum.add(-n * ElementaryFunctions.log(share))
            total += n
        }
        sum.add(SpecialFunctions.logGamma(concentration) - SpecialFunctions.logGamma(concentration + total))
        return sum.value
    }
}
