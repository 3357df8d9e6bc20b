import MartletNumerics

/// How well a classifier of several classes does, weighted; sums are compensated and run in row order.
///
/// Missing (nil) without rows or weight. Probabilities are row-major, `classCount` a row.
public struct MulticlassMetrics: Sendable {
    private let probabilities: [Double]
    private let labels: [Int]
    private let classCount: Int
    private let weights: [Double]?
    /// The class of the highest probability, the first of equal ones.
    private let predicted: [Int]
    private let totalWeight: Double

    public init(probabilities: [Double], classCount: Int, labels: [Int], weights: [Double]? = nil) {
        precondition(classCount >= 1 && probabilities.count == labels.count * classCount, "lengths differ")
        precondition(labels.allSatisfy { $0 >= 0 && $0 < classCount }, "a label is no class")
        precondition(weights.map { $0.count == labels.count && $0.allSatisfy { $0 >= 0 && $0.isFinite } } ?? true, "weights")
        self.probabilities = probabilities
        self.labels = labels
        self.classCount = classCount
        self.weights = weights
        predicted = labels.indices.map { row in
            var best = 0
            for index in 1..<max(classCount, 1) where probabilities[row * classCount + index] > probabilities[row * classCount + best] {
                best = index
            }
            return best
        }
        totalWeight = weights.map { CompensatedSum.of($0) } ?? Double(labels.count)
    }

    private func mean(_ value: (Int) -> Double) -> Double? {
        guard totalWeight > 0 else { return nil }
        var sum = CompensatedSum()
        for row in labels.indices { sum.add((weights?[row] ?? 1) * value(row)) }
        return sum.value / totalWeight
    }

    /// −log of the probability given to the true class, averaged; kept 2⁻⁵² off 0 and 1.
    public var logLoss: Double? {
        mean { row in
            -ElementaryFunctions.log(min(max(probabilities[row * classCount + labels[row]], 0x1p-52), 1 - 0x1p-52))
        }
    }

    /// The weighted share of rows whose most probable class is the true one.
    public var accuracy: Double? { mean { predicted[$0] == labels[$0] ? 1 : 0 } }

    /// The mean F1 of the classes that occur among labels or predictions, each counting alike.
    public var macroF1: Double? {
        var right = Array(repeating: CompensatedSum(), count: classCount)
        var asked = right, given = right
        for row in labels.indices {
            let weight = weights?[row] ?? 1
            asked[labels[row]].add(weight)
            given[predicted[row]].add(weight)
            if labels[row] == predicted[row] { right[labels[row]].add(weight) }
        }
        let scores = (0..<classCount).compactMap { index in
            Confusion.ratio(2 * right[index].value, asked[index].value + given[index].value)
        }
        return scores.isEmpty ? nil : CompensatedSum.of(scores) / Double(scores.count)
    }
}
