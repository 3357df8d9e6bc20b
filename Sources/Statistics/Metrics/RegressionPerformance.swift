import MartletNumerics

/// How far predictions are from values, gathered as values come: exact sums of the errors, merged exactly in any order.
public struct RegressionPerformance: Sendable, Equatable {
    public private(set) var count = 0
    /// Rows left out, since an error was not finite.
    public private(set) var skipped = 0
    private var errors = ExactSum()
    private var absoluteErrors = ExactSum()
    private var squaredErrors = ExactSum()

    public init() {}

    /// Adds rows; an error is prediction − value, rounded once. O(*n*).
    public mutating func add(_ predictions: Span<Double>, values: Span<Double>) {
        precondition(predictions.count == values.count, "lengths differ")
        for row in predictions.indices {
            let error = predictions[row] - values[row]
            guard error.isFinite else {
                skipped += 1
                continue
            }
            count += 1
            errors.add(error)
            absoluteErrors.add(error.magnitude)
            squaredErrors.addSquare(of: error)
        }
    }

    /// Adds all rows of another.
    public mutating func merge(_ other: RegressionPerformance) {
        count += other.count
        skipped += other.skipped
        errors.merge(other.errors)
        absoluteErrors.merge(other.absoluteErrors)
        squaredErrors.merge(other.squaredErrors)
    }

    /// The mean error: above 0 if predictions are too high. Nil of no rows.
    public var bias: Double? { count > 0 ? errors.value / Double(count) : nil }

    /// The mean absolute error. Nil of no rows.
    public var meanAbsoluteError: Double? { count > 0 ? absoluteErrors.value / Double(count) : nil }

    /// The root of the mean squared error. Nil of no rows.
    public var rootMeanSquaredError: Double? { count > 0 ? (squaredErrors.value / Double(count)).squareRoot() : nil }

    /// The mean error with Student's interval. Nil below two rows.
    public func biasInterval(confidence: Double = 0.95) -> ConfidenceInterval? {
        guard count >= 2, let bias, let deviations = ExactSum.squaredDeviations(count: count, sum: errors, squares: squaredErrors) else { return nil }
        return .mean(bias, standardDeviation: (deviations / Double(count - 1)).squareRoot(), count: count, confidence: confidence)
    }
}
