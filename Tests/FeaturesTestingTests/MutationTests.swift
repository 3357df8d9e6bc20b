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

    @Test("each is caught by random cases", arguments: Mutant.all.map(\.name))
    func caughtByRandomCases(name: String) throws {
        let mutant = try #require(Mutant.all.first { $0.name == name })
        let seed = try (0..<3_000 as Range<UInt64>).first { seed in
            let random = try RandomFeatureCase(seed: seed, size: .small, compile: compile)
            return isCaught {
                try expectAgreement(engine: { AnyFunction(mutant.make($0)) }, on: random, shrinkingRuns: 0)
            }
        }
        #expect(seed != nil, "no random case of 3,000 shows '\(name)'")
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
