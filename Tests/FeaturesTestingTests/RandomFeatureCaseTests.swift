import MartletFeatures
import MartletFrames
import Testing

@testable import MartletFeaturesTesting

@Suite("Random cases")
struct RandomFeatureCaseTests {
    @Test("a seed gives the same case each time, another seed another") func isDeterministic() throws {
        func text(_ seed: UInt64) throws -> String {
            let featureCase = try RandomFeatureCase(seed: seed).featureCase
            let answers = featureCase.questions.map { _ in featureCase.plan.aggregations.map { _ in Value.missing } }
            return featureCase.scenarioText(title: "", answers: answers)
        }
        #expect(try text(7) == text(7))
        #expect(try text(7) != text(8))
    }

    @Test("sizes bound the records") func sizes() throws {
        for size in RandomFeatureCase.Size.allCases {
            let counts = try (0..<8 as Range<UInt64>).map {
                try RandomFeatureCase(seed: $0, size: size).featureCase.records.count
            }
            #expect(counts.allSatisfy { (1...size.rawValue).contains($0) })
            #expect((counts.max() ?? 0) > size.rawValue / 2)
        }
    }

    @Test("the changes obey the rules of EventChanges: order, and each removal names the version it ends")
    func changesAreValid() throws {
        for seed in 0..<100 as Range<UInt64> {
            let changes = try RandomFeatureCase(seed: seed).featureCase.log.batch(.min ..< .max)
            #expect(zip(changes.positions, changes.positions.dropFirst()).allSatisfy { $0 <= $1 })
            var inForce: [Fingerprint: (position: Int64, row: Int)] = [:]
            for row in changes.positions.indices where changes.uniqueKeys[row] != .none {
                let key = changes.uniqueKeys[row]
                if changes.isRemoval[row] {
                    let version = try #require(inForce[key], "seed \(seed)")
                    #expect(version.position == changes.supersededPositions[row])
                    #expect(changes.payloads[version.row] == changes.payloads[row])
                    #expect(changes.rows.gathering([version.row]) == changes.rows.gathering([row]))
                    inForce[key] = nil
                } else {
                    #expect(inForce[key] == nil, "seed \(seed): two versions of \(key) are in force")
                    inForce[key] = (changes.positions[row], row)
                }
            }
        }
    }

    @Test("the cases hold what they promise, each thing in a fair share of them") func coverage() throws {
        var seen: [String: Int] = [:]
        func note(_ what: String, _ isSeen: Bool) { if isSeen { seen[what, default: 0] += 1 } }
        for seed in 0..<300 as Range<UInt64> {
            let featureCase = try RandomFeatureCase(seed: seed).featureCase
            let (records, plan, questions) = (featureCase.records, featureCase.plan, featureCase.questions)
            for kind in LogRecord.Kind.allCases { note("\(kind)", records.contains { $0.kind == kind }) }
            let times = records.filter { $0.kind == .event }.map { $0.row[0] }
            note("equal times", Set(times).count < times.count)
            note("no keys", records.allSatisfy { $0.key == .none })
            note("duplicates", featureCase.log.batch(.min ..< .max).isRemoval.filter { !$0 }.count
                < records.filter { $0.kind != .retraction }.count)
            note("filter", plan.filter != nil)
            note("absent", plan.aggregations.contains { $0.absent != nil })
            note("offset", plan.aggregations.contains { $0.offset != .zero })
            note("two keys", plan.entityKeys.count == 2)
            note("as known", questions.contains { $0.asKnown })
            note("own key", questions.contains { $0.ownKey != nil && $0.ownKey != Fingerprint.none })
            note("past cut", questions.contains { $0.cut < .max })
            var oracle = FeatureOracle(plan)
            oracle.update(featureCase.log.batch(.min ..< .max))
            let answers = questions.indices.map { oracle.read(featureCase.batch([$0])).map { $0[0] } }
            let isFull = answers.flatMap { $0 }.filter { $0 != .missing && $0 != .int64(0) && $0 != .float64(0) }.count
            note("answers of substance", isFull * 4 > answers.count * plan.aggregations.count)
            for function in AggregationFunction.allCases {
                note(function.rawValue, plan.aggregations.contains { $0.function == function })
            }
        }
        #expect(seen.count == 25)
        #expect(seen.values.allSatisfy { $0 >= 15 }, "\(seen)")
        #expect((seen["answers of substance"] ?? 0) > 100, "\(seen)")
    }

    @Test("a case written as a scenario reads back to the same answers", arguments: 0..<20 as Range<UInt64>)
    func roundTripsAsScenario(seed: UInt64) throws {
        let featureCase = try RandomFeatureCase(seed: seed).featureCase
        var oracle = FeatureOracle(featureCase.plan)
        oracle.update(featureCase.log.batch(.min ..< .max))
        let answers = featureCase.questions.indices.map { oracle.read(featureCase.batch([$0])).map { $0[0] } }
        let text = featureCase.scenarioText(title: "seed \(seed)", answers: answers)
        let scenario = try #require(try Scenario.parse(text).first)
        try scenario.verify { FeatureOracle($0) }
    }
}

@Suite("Agreement with the oracle")
struct FeatureAgreementTests {
    @Test("the oracle agrees with itself in batches, at past cuts, and in any order of arrival", arguments: 0..<40 as Range<UInt64>)
    func oracleAgreesWithItself(seed: UInt64) throws {
        try expectAgreement(engine: { FeatureOracle($0) }, on: RandomFeatureCase(seed: seed))
    }

    @Test("a disagreement is shrunken to a scenario that still shows it") func shrinks() throws {
        let mutant = try #require(Mutant.all.first { $0.name == "near edge closed" })
        var shrunken = 0
        for seed in 0..<40 as Range<UInt64> {
            let random = try RandomFeatureCase(seed: seed)
            do {
                try expectAgreement(engine: { AnyFunction(mutant.make($0)) }, on: random)
            } catch let disagreement as FeatureDisagreement {
                let scenario = try #require(try Scenario.parse(disagreement.scenario).first)
                #expect(scenario.featureCase.questions.count == 1)
                #expect(scenario.featureCase.records.count <= 4, "seed \(seed): \(disagreement)")
                try scenario.verify { FeatureOracle($0) }
                #expect(throws: ScenarioFailure.self) { try scenario.verify { AnyFunction(mutant.make($0)) } }
                shrunken += 1
            }
        }
        #expect(shrunken > 4)
    }

    @Test("an answer of the wrong type, or none, is a disagreement") func wrongShape() throws {
        struct Silent: FeatureFunction {
            mutating func update(_ changes: EventChanges) {}
            func read(_ questions: FeatureQuestions) -> [Column] { [] }
        }
        let random = try RandomFeatureCase(seed: 1, size: .tiny)
        let disagreement = #expect(throws: FeatureDisagreement.self) { try expectAgreement(engine: { _ in Silent() }, on: random) }
        #expect(disagreement?.found == nil)
    }
}
