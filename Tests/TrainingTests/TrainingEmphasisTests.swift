import Glibc
import MartletFrames
import MartletModels
import MartletTraining
import Testing

@Suite("Which rows a training learns from, and how much each counts")
struct TrainingEmphasisTests {
    private static let day: Int64 = 86_400_000_000

    @Test("recent rows are those later than the newest less the span; none of it changes nothing")
    func rows() {
        let times = [0, 5, 10, 10, 7, 3].map { $0 * Self.day }
        #expect(TrainingEmphasis(recent: .days(5)).rows(times) == [2, 3, 4])
        #expect(TrainingEmphasis(recent: .days(5) + Timestamp.Span(microseconds: 1)).rows(times) == [1, 2, 3, 4])
        #expect(TrainingEmphasis(recent: .days(1_000)).rows(times) == Array(0..<6) && TrainingEmphasis.none.rows(times) == Array(0..<6))
        #expect(TrainingEmphasis(recent: .days(5)).rows([]) == [] && TrainingEmphasis.none.weights(times) == nil)
    }

    @Test("weights are powers of a half to the age in half-lives, as the C library has them, the newest 1")
    func weights() throws {
        var random = Seeded(3)
        let times = (0..<5_000).map { _ in Int64(random.unit() * 400 * Float(Self.day)) }
        let newest = try #require(times.max())
        for days in [Int64(1), 7, 30, 365] {
            let weights = try #require(TrainingEmphasis(halfLife: .days(days)).weights(times))
            let wrong = zip(times, weights).count { time, weight in
                let expected = pow(0.5, Double(newest - time) / Double(days * Self.day))
                return abs(Double(weight) - expected) > max(expected * 1e-7, 1e-44)
            }
            #expect(wrong == 0)
            #expect(weights.max() == 1)
        }
    }

    @Test("a row of weight 3 is as good as three rows, for classes and for values", arguments: Libraries.all)
    func duplicates(library: XGBoostLibrary) throws {
        for objective in [Objective.logistic, .squaredError] {
            var set = syntheticSet(rows: 400, numbers: 3, objective: objective)
            // Few values, so that both ways see the same places to part them.
            set.features = FloatMatrix(
                rowCount: set.features.rowCount, columnCount: set.features.columnCount, values: set.features.values.map { ($0 * 8).rounded() / 8 })
            let weights = (0..<400).map { Float($0 % 4) }
            let width = set.features.columnCount
            var repeated = TrainingSet(features: FloatMatrix(rowCount: 0, columnCount: width, values: []), labels: [])
            var values: [Float] = []
            for row in 0..<400 {
                for _ in 0..<(row % 4) {
                    values += set.features.values[(row * width)..<((row + 1) * width)]
                    repeated.labels.append(set.labels[row])
                }
            }
            repeated.features = FloatMatrix(rowCount: repeated.labels.count, columnCount: width, values: values)
            func outputs(_ trained: TrainingSet) throws -> [Float] {
                let model = try library.train(
                    on: trained, features: names(3), objective: objective, parameters: XGBoostParameters(["rounds": .int(10), "max_depth": .int(3)]))
                return try TreeEnsemble(xgboostJSON: model.modelJSON).margins(set.features)
            }
            let plain = try outputs(set)
            set.weights = weights
            let weighted = try outputs(set)
            let expected = try outputs(repeated)
            let worst = zip(weighted, expected).map { abs($0 - $1) }.max() ?? 1
            #expect(worst < 1e-3, "\(objective): \(worst)")
            #expect(zip(weighted, plain).contains { abs($0 - $1) > 0.05 })
        }
    }
}
