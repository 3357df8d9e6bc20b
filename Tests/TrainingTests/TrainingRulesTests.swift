import Glibc
import MartletModels
import MartletTraining
import Testing

@Suite("Training")
struct TrainingRulesTests {
    @Test("the same set, seed and threads give the same bytes; another seed gives others", arguments: Libraries.all)
    func determinism(library: XGBoostLibrary) throws {
        let set = syntheticSet(rows: 2000, numbers: 6, categories: [5], objective: .logistic)
        func train(seed: Int, threads: Int) throws -> [UInt8] {
            try library.train(
                on: set, features: names(6, categories: 1), objective: .logistic,
                parameters: XGBoostParameters(["rounds": .int(15), "seed": .int(seed), "subsample": .double(0.7), "colsample_bytree": .double(0.7)]),
                threads: threads
            ).modelJSON
        }
        let first = try train(seed: 7, threads: 1)
        #expect(try train(seed: 7, threads: 1) == first)
        #expect(try train(seed: 7, threads: 2) == first)
        #expect(try train(seed: 8, threads: 1) != first)
    }

    @Test("both libraries start from the same base score and give nearly the same model")
    func baseScore() throws {
        guard Libraries.all.count == 2 else { return }
        for objective in Objective.allCases {
            let set = syntheticSet(rows: 1500, numbers: 5, objective: objective)
            let margins = try Libraries.all.map { library in
                let model = try library.train(
                    on: set, features: names(5), objective: objective, classCount: objective == .softmax ? 3 : nil,
                    parameters: XGBoostParameters(["rounds": .int(10)]))
                let ensemble = try TreeEnsemble(xgboostJSON: model.modelJSON)
                return (ensemble.baseMargins, try ensemble.margins(set.features), model.baseScore)
            }
            #expect(margins[0].0 == margins[1].0, "\(objective)")
            #expect(margins[0].2 == margins[1].2)
            let apart = zip(margins[0].1, margins[1].1).count { abs($0 - $1) > 1e-3 * max(1, abs($0)) }
            #expect(apart < margins[0].1.count / 10, "\(objective): \(apart) of \(margins[0].1.count) differ")
        }
    }

    @Test("weights count", arguments: Libraries.all)
    func weights(library: XGBoostLibrary) throws {
        let matrix = FloatMatrix(rowCount: 4, columnCount: 1, values: [0, 0, 1, 1])
        func mean(_ weights: [Float]?) throws -> Float {
            let set = TrainingSet(features: matrix, labels: [0, 10, 20, 30], weights: weights)
            let model = try library.train(
                on: set, features: names(1), objective: .squaredError,
                parameters: XGBoostParameters(["rounds": .int(1), "eta": .double(1), "lambda": .int(0), "min_child_weight": .int(0)]))
            return try TreeEnsemble(xgboostJSON: model.modelJSON).margins(FloatMatrix(rowCount: 1, columnCount: 1, values: [0]))[0]
        }
        #expect(abs(try mean(nil) - 5) < 1e-4)
        #expect(abs(try mean([3, 1, 1, 1]) - 2.5) < 1e-4)
    }

    @Test("early stopping keeps the best round's trees and reports every round", arguments: Libraries.all)
    func earlyStopping(library: XGBoostLibrary) throws {
        let set = syntheticSet(rows: 600, numbers: 5, objective: .logistic)
        let held = syntheticSet(rows: 600, numbers: 5, objective: .logistic, seed: 3)
        var seen: [Int] = []
        let model = try library.train(
            on: set, features: names(5), objective: .logistic,
            parameters: XGBoostParameters(["rounds": .int(300), "eta": .double(0.5), "early_stopping_rounds": .int(5)]),
            validation: held
        ) { round in
            seen.append(round.number)
            return round.validation != nil
        }
        #expect(model.validation.count == model.rounds + 5 && model.validation.count < 300)
        #expect(seen == Array(1...model.validation.count))
        #expect(model.validation.min() == model.validation[model.rounds - 1])
        let ensemble = try TreeEnsemble(xgboostJSON: model.modelJSON)
        #expect(ensemble.treeCount == model.rounds)
        #expect(try ensemble.margins(held.features) == library.margins(ofModel: model.modelJSON, held.features))
        // The metric is the one it says: log loss of our own outputs on the validation part.
        let loss = zip(try ensemble.predictions(held.features), held.labels)
            .reduce(0.0) { $0 - log(Double($1.1 == 1 ? $1.0 : 1 - $1.0)) } / 600
        #expect(abs(loss - model.validation[model.rounds - 1]) < 1e-4)
    }

    @Test("a caller can stop between rounds", arguments: Libraries.all)
    func stop(library: XGBoostLibrary) throws {
        let set = syntheticSet(rows: 100, numbers: 3, objective: .logistic)
        var rounds = 0
        #expect {
            try library.train(on: set, features: names(3), objective: .logistic, parameters: XGBoostParameters()) { round in
                rounds = round.number
                return round.number < 3
            }
        } throws: { ($0 as? TrainingError)?.code == .stopped }
        #expect(rounds == 3)
    }

    @Test("parameters: unknown, mistyped and out of range are refused with the nearest match")
    func parameters() throws {
        func refusal(_ given: [String: XGBoostParameters.Value]) -> TrainingError? {
            do { _ = try XGBoostParameters(given); return nil } catch { return error }
        }
        #expect(refusal(["max_dept": .int(6)])?.hint == "did you mean 'max_depth'?")
        #expect(refusal(["lerning_rate": .double(0.1)])?.hint == "did you mean 'learning_rate'?")
        #expect(refusal(["zzzzzzzz": .int(1)])?.hint?.hasPrefix("known are:") == true)
        #expect(refusal(["max_depth": .int(0)])?.message == "the parameter 'max_depth' is 0; it must be from 1 to 64")
        #expect(refusal(["max_depth": .double(6)])?.code == .invalidParameter)
        #expect(refusal(["eta": .double(0)]) != nil && refusal(["eta": .double(1.5)]) != nil && refusal(["eta": .double(.nan)]) != nil)
        #expect(refusal(["eta": .text("fast")]) != nil && refusal(["tree_method": .text("gpu_hist")]) != nil)
        #expect(refusal(["eta": .double(0.1), "learning_rate": .double(0.1)])?.message.contains("twice") == true)
        let good = try XGBoostParameters(["learning_rate": .double(0.1), "n_estimators": .int(200), "random_state": .int(7), "lambda": .int(2)])
        #expect(good.rounds == 200 && good.seed == 7)
        #expect(good.libraryParameters == ["eta": "0.1", "lambda": "2", "seed": "7", "tree_method": "hist"])
    }

    @Test("every parameter that we know, both libraries know", arguments: Libraries.all)
    func knownToLibrary(library: XGBoostLibrary) throws {
        let set = syntheticSet(rows: 200, numbers: 3, objective: .logistic)
        func trees(_ given: [String: XGBoostParameters.Value]) throws -> [UInt8] {
            var given = given
            given["rounds"] = .int(3)
            return try library.train(on: set, features: names(3), objective: .logistic, parameters: XGBoostParameters(given)).modelJSON
        }
        let plain = try trees([:])
        // Each of these values changes the model; a name that the library passed over would not.
        let changes: [(String, XGBoostParameters.Value)] = [
            ("eta", .double(0.11)), ("max_depth", .int(2)), ("max_leaves", .int(3)), ("max_bin", .int(4)),
            ("min_child_weight", .double(9)), ("gamma", .double(5)), ("lambda", .double(9)), ("alpha", .double(2)),
            ("subsample", .double(0.5)), ("colsample_bytree", .double(0.4)), ("colsample_bylevel", .double(0.4)),
            ("colsample_bynode", .double(0.4)), ("scale_pos_weight", .double(3)), ("max_delta_step", .double(0.1)),
            ("base_score", .double(0.2)), ("tree_method", .text("exact")),
        ]
        for (name, value) in changes { #expect(try trees([name: value]) != plain, "\(name)") }
    }

    @Test("rows and labels that cannot be learned from are refused, with their place", arguments: Libraries.all)
    func data(library: XGBoostLibrary) throws {
        func refusal(_ change: (inout TrainingSet) -> Void, _ objective: Objective = .logistic, classes: Int? = nil) throws -> TrainingError? {
            var set = syntheticSet(rows: 50, numbers: 2, categories: [3], missing: 0, objective: .logistic)
            change(&set)
            let parameters = try XGBoostParameters(["rounds": .int(1)])
            do {
                _ = try library.train(on: set, features: names(2, categories: 1), objective: objective, classCount: classes, parameters: parameters)
                return nil
            } catch { return error }
        }
        #expect(try refusal { _ in } == nil)
        #expect(try refusal { $0.labels[4] = 0.5 }?.message.contains("row 4") == true)
        #expect(try refusal { $0.labels[4] = .nan }?.code == .invalidData)
        #expect(try refusal { $0.labels.removeLast() }?.code == .invalidData)
        #expect(try refusal { $0.features[3, 1] = .infinity }?.message.contains("'n1' of row 3") == true)
        #expect(try refusal { $0.features[3, 2] = 1.5 }?.message.contains("'c0' of row 3") == true)
        #expect(try refusal { $0.features[3, 2] = -1 }?.code == .invalidData)
        #expect(try refusal { $0.weights = Array(repeating: -1, count: 50) }?.code == .invalidData)
        #expect(try refusal({ _ in }, .softmax)?.code == .invalidData)
        #expect(try refusal({ _ in }, .logistic, classes: 2)?.code == .invalidData)
        #expect(try refusal { $0 = TrainingSet(features: FloatMatrix(rowCount: 0, columnCount: 3), labels: []) }?.code == .invalidData)
    }

    @Test("a library that is not there is a hint, not a crash")
    func missing() {
        #expect { try XGBoostLibrary.open(at: "/nowhere/libxgboost.so") } throws: {
            ($0 as? TrainingError)?.code == .libraryMissing && ($0 as? TrainingError)?.hint?.contains("apt-get install libxgboost-dev") == true
        }
        #expect { try XGBoostLibrary.open(at: "libm.so.6") } throws: { ($0 as? TrainingError)?.code == .libraryUnusable }
    }

    @Test("a model of version 3 is not given to a library of version 1, which would score it wrongly")
    func newerModel() throws {
        guard let old = Libraries.all.first(where: { $0.version.major == 1 }), let new = Libraries.all.first(where: { $0.version.major == 3 }) else { return }
        let set = syntheticSet(rows: 100, numbers: 2, objective: .logistic)
        let model = try new.train(on: set, features: names(2), objective: .logistic, parameters: XGBoostParameters(["rounds": .int(2)]))
        #expect { try old.margins(ofModel: model.modelJSON, set.features) } throws: { ($0 as? TrainingError)?.code == .libraryUnusable }
        let older = try old.train(on: set, features: names(2), objective: .logistic, parameters: XGBoostParameters(["rounds": .int(2)]))
        #expect(try new.margins(ofModel: older.modelJSON, set.features) == TreeEnsemble(xgboostJSON: older.modelJSON).margins(set.features))
    }
}
