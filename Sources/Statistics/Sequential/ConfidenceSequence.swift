import MartletNumerics

/// How wide an interval must be to hold at every look, not at one: an asymptotic confidence sequence by a normal mixture.
///
/// At time t an estimate with standard error s lies within s · ``factor(at:)`` of the true value, at all times at once with
/// chance 1 − α, in the limit of late first looks.
///
/// Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy, A. Ramdas, *Time-uniform central limit theory and asymptotic
/// confidence sequences*, Annals of Statistics 52 (2024), theorem 2.2 for two sides, and its one-sided form in the appendix.
public struct ConfidenceSequence: Hashable, Sendable {
    /// The chance of ever missing the true value.
    public let alpha: Double
    /// The time at which the interval is narrowest for its α.
    public let tuning: Double

    /// - Parameters:
    ///   - alpha: between 0 and ½.
    ///   - tuning: above 0. At a time ten times that the interval is 7 % wider than the narrowest for that time, at a tenth 27 %
    ///     (α = 0.05).
    public init(alpha: Double = 0.05, tuning: Double) {
        precondition(alpha > 0 && alpha < 0.5 && tuning > 0 && tuning.isFinite, "an alpha between 0 and ½, a tuning above 0")
        (self.alpha, self.tuning) = (alpha, tuning)
    }

    /// ρ² of the mixture that is tuned to the time, for the two-sided interval of this alpha (equation 24 of the paper).
    private func mixture(_ alpha: Double) -> Double {
        let twice = -2 * ElementaryFunctions.log(alpha)
        return (twice + ElementaryFunctions.log(twice + 1)) / tuning
    }

    /// Half the two-sided interval's width in standard errors. Infinity at time 0.
    public func factor(at time: Double) -> Double {
        guard time > 0 else { return .infinity }
        let information = time * mixture(alpha)
        return ((information + 1) / information * ElementaryFunctions.log((information + 1) / (alpha * alpha))).squareRoot()
    }

    /// How far below the estimate the one-sided bound lies, in standard errors. Infinity at time 0.
    public func oneSidedFactor(at time: Double) -> Double {
        guard time > 0 else { return .infinity }
        let information = time * mixture(2 * alpha)
        let root = (information + 1).squareRoot()
        return (2 * (information + 1) / information * ElementaryFunctions.log(1 + root / (2 * alpha))).squareRoot()
    }
}
