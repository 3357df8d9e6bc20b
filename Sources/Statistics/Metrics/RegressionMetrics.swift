import MartletNumerics

/// How far predictions are from values, weighted; sums are compensated and run in row order.
///
/// Missing (nil) without rows or weight.
public struct RegressionMetrics: Sendable {
    private let predictions: [Double]
    private let values: [Double]
    private let weights: [Double]?
    private let totalWeight: Double

    public init(predictions: [Double], values: [Double], weights: [Double]? = nil) {
        precondition(predictions.count == values.count && weights.map { $0.count == values.count } ?? true, "lengths differ")
        precondition(weights?.allSatisfy { $0 >= 0 && $0.isFinite } ?? true, "a weight is not a number of at least 0")
        self.predictions = predictions
        self.values = values
        self.weights = weights
        totalWeight = weights.map { CompensatedSum.of($0) } ?? Double(values.count)
    }

    private func mean(_ value: (Int) -> Double) -> Double? {
        guard totalWeight > 0 else { return nil }
        var sum = CompensatedSum()
        for row in values.indices { sum.add((weights?[row] ?? 1) * value(row)) }
        return sum.value / totalWeight
    }

    private func squaredError(_ row: Int) -> Double {
        let miss = predictions[row] - values[row]
        return miss * miss
    }

    /// The root of the mean squared error, in the label's unit.
    public var rootMeanSquaredError: Double? { mean(squaredError)?.squareRoot() }

    /// The mean absolute error, in the label's unit.
    public var meanAbsoluteError: Double? { mean { abs(predictions[$0] - values[$0]) } }

    /// 1 − squared error ÷ variance of the values. Missing below two rows or if all values are equal.
    public var rSquared: Double? {
        guard values.count >= 2, let center = mean({ values[$0] }), let error = mean(squaredError),
            let variance = mean({ (values[$0] - center) * (values[$0] - center) }), variance > 0
        else { return nil }
        return 1 - error / variance
    }
}
