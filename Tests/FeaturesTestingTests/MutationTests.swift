import MartletFeatures
import MartletFrames
import Testing

@testable import MartletFeaturesTesting

/// One paragraph of `mutations.txt`.
private struct Mutation {
    var name: String
    var scenarios: [String]
}

private func mutations() throws -> [Mutation] {
    var mutations: [Mutation] = []
    for line in try mutationsText().split(separator: "\n") where !line.hasPrefix("#") {
        if !line.hasPrefix(" ") {
            mutations.append(Mutation(name: String(line), scenarios: []))
        } else if let range = line.firstRange(of: "caught by: ") {
            mutations[mutations.count - 1].scenarios.append(String(line[range.upperBound...]))
        }
    }
    return mutations
}

private func isCaught(_ body: () throws -> Void) -> Bool {
    do { try body(); return false } catch { return error is ScenarioFailure || error is FeatureDisagreement }
}

@Suite("Planted mistakes")
struct MutationTests {
    @Test("each of the list is planted, and each that is planted is in the list") func listIsComplete() throws {
        #expect(try mutations().map(\.name) == Mutant.all.map(\.name))
    }

    @Test("each is caught by the scenarios that the list names") func caughtByScenarios() throws {
        let scenarios = Dictionary(
            try allScenarios().map { ($0.scenario.title, $0.scenario) }, uniquingKeysWith: { first, _ in first })
        for (mutation, mutant) in zip(try mutations(), Mutant.all) {
            #expect(!mutation.scenarios.isEmpty, "\(mutation.name)")
            for title in mutation.scenarios {
                let scenario = try #require(scenarios[title], "there is no scenario '\(title)'")
                #expect(isCaught { try scenario.verify { AnyFunction(mutant.make($0)) } }, "\(mutation.name): '\(title)'")
            }
        }
    }

    @Test("each is caught by random cases") func caughtByRandomCases() throws {
        func answers(_ function: any FeatureFunction, _ featureCase: FeatureCase) throws -> [[Value]] {
            var function = function
            try function.update(featureCase.log.batch(.min ..< .max))
            return try featureCase.questions.indices.map { try function.read(featureCase.batch([$0])).map { $0[0] } }
        }
        var alive = Mutant.all
        for seed in 0..<1_000 as Range<UInt64> where !alive.isEmpty {
            let featureCase = try RandomFeatureCase(seed: seed).featureCase
            let expected = try answers(FeatureOracle(featureCase.plan), featureCase)
            try alive.removeAll { mutant in
                let found = try answers(mutant.make(featureCase.plan), featureCase)
                return !zip(found, expected).allSatisfy { zip($0, $1).allSatisfy { $0.isIdentical(to: $1) } }
            }
        }
        #expect(alive.isEmpty, "no random case shows \(alive.map(\.name))")
    }
}

/// An implementation chosen at run time.
struct AnyFunction: FeatureFunction {
    private var base: any FeatureFunction

    init(_ base: any FeatureFunction) {
        self.base = base
    }

    mutating func update(_ changes: EventChanges) throws { try base.update(changes) }
    mutating func read(_ questions: FeatureQuestions) throws -> [Column] { try base.read(questions) }
}
