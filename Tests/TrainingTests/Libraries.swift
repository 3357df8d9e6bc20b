import Glibc
import MartletModels
import MartletTraining
import Testing

/// The libraries that this machine has: the system's, and the wheel that `MARTLET_XGBOOST` names.
enum Libraries {
    static let system: XGBoostLibrary? = try? XGBoostLibrary.open()

    static let wheel: XGBoostLibrary? = {
        let given = getenv("MARTLET_XGBOOST").map { [String(cString: $0)] } ?? []
        return given.lazy.compactMap { try? XGBoostLibrary.open(at: $0) }.first
    }()

    static let all: [XGBoostLibrary] = {
        if system == nil { print("XGBoost's system library is absent: apt-get install libxgboost-dev. Its tests are skipped.") }
        if wheel == nil { print("MARTLET_XGBOOST names no libxgboost.so of a wheel: the tests of XGBoost 3 are skipped.") }
        return [system, wheel].compactMap { $0 }
    }()
}

/// A small linear congruential generator, so that every run sees the same rows.
struct Seeded {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
    /// In [0, 1).
    mutating func unit() -> Float { Float(next() & 0xFF_FFFF) / 16_777_216 }
    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
}

/// Rows with numbers, missing values and, in the last columns, categories.
func syntheticSet(
    rows: Int, numbers: Int, categories: [Int] = [], missing: Float = 0.1, objective: Objective, seed: UInt64 = 1
) -> TrainingSet {
    var random = Seeded(seed)
    let width = numbers + categories.count
    var matrix = FloatMatrix(rowCount: rows, columnCount: width)
    var labels: [Float] = []
    for row in 0..<rows {
        var signal: Float = 0
        for column in 0..<width {
            let value: Float
            if column < numbers {
                // A few round values, so that thresholds and values meet exactly.
                value = column == 0 ? Float(random.below(5)) - 2 : random.unit() * 4 - 2
                signal += value * Float(column % 3) * 0.4
            } else {
                let category = random.below(categories[column - numbers])
                value = Float(category)
                signal += [1.5, -1, 0.3][category % 3]
            }
            if random.unit() >= missing { matrix[row, column] = value }
        }
        let noisy = signal + random.unit() * 2 - 1
        let label: Float =
            switch objective {
            case .squaredError: noisy * 10 + 30
            case .logistic: noisy > 0.8 ? 1 : 0
            case .softmax: noisy < -0.5 ? 0 : noisy < 0.7 ? 1 : 2
            case .poisson: Float(max(0, Int(noisy * 2)))
            }
        labels.append(label)
    }
    return TrainingSet(features: matrix, labels: labels)
}

func names(_ numbers: Int, categories: Int = 0) -> [TrainingFeature] {
    (0..<numbers).map { TrainingFeature("n\($0)") } + (0..<categories).map { TrainingFeature("c\($0)", isCategorical: true) }
}
