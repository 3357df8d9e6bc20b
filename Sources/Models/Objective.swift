import MartletNumerics

/// What a boosted model was trained for: how its margins become an output.
///
/// The arithmetic is that of XGBoost, in Float and in the same order.
public enum Objective: String, Hashable, Sendable, CaseIterable {
    /// Squared error; the output is the margin.
    case squaredError = "reg:squarederror"
    /// Two classes; the output is the probability of the positive one.
    case logistic = "binary:logistic"
    /// Several classes; the outputs are their probabilities.
    case softmax = "multi:softprob"
    /// Counts; the output is the expected count.
    case poisson = "count:poisson"

    /// The margin that a base score stands for.
    func margin(ofBaseScore score: Float) -> Float {
        switch self {
        case .squaredError, .softmax: score
        case .logistic: -FloatMath.log(1 / score - 1)
        case .poisson: FloatMath.log(score)
        }
    }

    /// Turns the margins of any number of rows, `outputCount` each, into outputs, in place.
    ///
    /// A NaN margin gives NaN. The exponent of the logistic is capped at 88.7, as XGBoost does.
    public func transform(_ margins: inout MutableSpan<Float>, outputCount: Int = 1) {
        switch self {
        case .squaredError: break
        case .logistic: for index in margins.indices { margins[index] = Self.sigmoid(margins[index]) }
        case .poisson: for index in margins.indices { margins[index] = FloatMath.exp(margins[index]) }
        case .softmax:
            precondition(outputCount > 0 && margins.count % outputCount == 0, "margins and classes differ in number")
            for start in stride(from: 0, to: margins.count, by: outputCount) {
                let row = start..<(start + outputCount)
                var most = margins[start]
                for index in row { most = max(most, margins[index]) }
                var sum = 0.0
                for index in row {
                    let power = FloatMath.exp(margins[index] - most)
                    margins[index] = power
                    sum += Double(power)
                }
                for index in row { margins[index] /= Float(sum) }
            }
        }
    }

    /// The base score nearest to `score` whose margin every C library computes alike.
    ///
    /// `logf` differs between libraries where the true value lies near the middle of two Floats. A trainer that
    /// starts from a score given here, and a scorer elsewhere, begin from the same bits.
    public func agreedBaseScore(near score: Float) -> Float {
        let logarithmOf: (Float) -> Float
        switch self {
        case .squaredError, .softmax: return score
        case .logistic: logarithmOf = { 1 / $0 - 1 }
        case .poisson: logarithmOf = { $0 }
        }
        var below = score, above = score
        for _ in 0..<10_000 {
            for candidate in [below, above] {
                let argument = logarithmOf(candidate)
                guard argument > 0, argument.isFinite else { continue }
                let exact = ElementaryFunctions.log(Double(argument))
                let rounded = Float(exact)
                if abs(exact - Double(rounded)) <= 0.1 * Double(rounded.ulp) { return candidate }
            }
            below = below.nextDown
            above = above.nextUp
        }
        return score
    }

    /// The probability that a logistic margin stands for.
    public static func sigmoid(_ margin: Float) -> Float {
        1 / (FloatMath.exp(min(-margin, 88.7)) + 1)
    }
}
