import MartletModels
import MartletTraining
import Testing

@Suite("Our scoring equals the library's")
struct ScoringEqualityTests {
    @Test("margins bit for bit, outputs within 1 ulp, with missing values", arguments: Libraries.all, Objective.allCases)
    func numbers(library: XGBoostLibrary, objective: Objective) throws {
        try compare(library, objective, numbers: 8, categories: [])
    }

    @Test("the same with categories: few (one against the rest) and many (sets)", arguments: Libraries.all, Objective.allCases)
    func categories(library: XGBoostLibrary, objective: Objective) throws {
        try compare(library, objective, numbers: 3, categories: [3, 40])
    }

    private func compare(_ library: XGBoostLibrary, _ objective: Objective, numbers: Int, categories: [Int]) throws {
        let set = syntheticSet(rows: 3000, numbers: numbers, categories: categories, objective: objective)
        let parameters = try XGBoostParameters(["rounds": .int(40), "max_depth": .int(6), "eta": .double(0.2), "subsample": .double(0.8)])
        let trained = try library.train(
            on: set, features: names(numbers, categories: categories.count), objective: objective,
            classCount: objective == .softmax ? 3 : nil, parameters: parameters)
        let ensemble = try TreeEnsemble(xgboostJSON: trained.modelJSON)
        #expect(ensemble.objective == objective)
        #expect(ensemble.treeCount == 40 * ensemble.outputCount)
        if !categories.isEmpty { #expect(ensemble.hasCategories) }
        // Other rows than those trained on, a number that is no multiple of the blocks, more values missing;
        // one category more than was seen in training.
        let fresh = syntheticSet(
            rows: 2011, numbers: numbers, categories: categories.map { $0 + 1 }, missing: 0.3, objective: objective, seed: 2
        ).features
        let ours = try ensemble.margins(fresh)
        let theirs = try library.margins(ofModel: trained.modelJSON, fresh)
        #expect(ours.count == theirs.count)
        let differing = zip(ours, theirs).filter { $0.bitPattern != $1.bitPattern }.count
        #expect(differing == 0, "\(differing) of \(ours.count) margins differ")
        #expect(Set(ours).count > 100)
        let outputs = zip(try ensemble.predictions(fresh), try library.predictions(ofModel: trained.modelJSON, fresh))
        // A class's share divides two roundings of `exp`, so 1 ulp in one of them can show as 2.
        let ulps: Float = objective == .softmax ? 2 : 1
        let beyond = outputs.filter { abs($0 - $1) > ulps * max($0, $1).ulp }.count
        let equal = outputs.filter { $0.bitPattern == $1.bitPattern }.count
        #expect(beyond == 0, "\(beyond) outputs differ by more than \(ulps) ulp")
        print("\(library.version) \(objective.rawValue): \(equal) of \(ours.count) outputs equal in every bit")
        // Single rows take another path through the code.
        for row in 0..<fresh.rowCount {
            let single = try ensemble.margins(fresh.gathering([row]))
            #expect(single.map(\.bitPattern) == ours[(row * ensemble.outputCount)..<((row + 1) * ensemble.outputCount)].map(\.bitPattern))
        }
    }
}
