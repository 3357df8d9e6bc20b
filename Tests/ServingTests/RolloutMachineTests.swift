import MartletDefinitions
import MartletExpressions
import MartletFrames
@testable import MartletServing
import Testing

@Suite("Rollout decisions")
struct RolloutMachineTests {
    private let start = Timestamp(microseconds: 1_780_000_000_000_000)

    private func definition(
        _ steps: [RolloutDefinition.Step], margin: Double = 0, undecided: RolloutDefinition.Undecided = .withdraw, approval: Bool = false
    ) throws -> RolloutDefinition {
        let scope = ExpressionScope([.init("output", .float64), .init("outcome", .bool)])
        return RolloutDefinition(
            strategy: .canary, steps: steps, unit: "customer", objective: try .compile("outcome ? output : -output", in: scope, expecting: .float64),
            matures: .days(7), margin: margin, errorRate: 0.05, minimumUnits: 200, minimumTime: .days(1), longest: .days(30),
            undecided: undecided, guardrails: .none, needsApproval: approval)
    }

    private func rollout(step: Int = 0, state: Rollout.State = .running) -> Rollout {
        Rollout(
            id: "01a210d1-8aa8-7773-82fe-0a26c77dc009", endpoint: "e", model: "m", alias: "champion", champion: 1, challenger: 2, definition: "",
            actor: "user:ada", started: start, state: state, step: step, stepStarted: start + .days(Int64(step)), stepPosition: 0, reason: "")
    }

    private func seen(_ low: Double, _ high: Double, sampleRatio: Double? = 0.5, guardrail: Double? = nil) -> RolloutEvidence {
        var evidence = RolloutEvidence()
        evidence.difference = .init(low: low, estimate: (low + high) / 2, high: high)
        evidence.sampleRatio = sampleRatio
        if let guardrail { evidence.guardrails = [.init(name: "errors", limit: 0.01, bounds: .init(low: guardrail, estimate: 0.5, high: 1))] }
        return evidence
    }

    /// The decision without its words.
    private func decide(_ definition: RolloutDefinition, _ rollout: Rollout, _ seen: RolloutEvidence, after span: Timestamp.Span) -> String {
        switch RolloutMachine(definition).decide(rollout, seen, at: start + span) {
        case .wait: "wait"
        case .advance(let step, _): "advance \(step)"
        case .promote: "promote"
        case .askApproval: "ask"
        case .withdraw: "withdraw"
        }
    }

    private let two = [RolloutDefinition.Step(.split, share: 0.1), .init(.split, share: 0.5)]

    @Test("goes on when nothing speaks against it, and is let in when the last step speaks for it")
    func goesOn() throws {
        let definition = try definition(two)
        #expect(decide(definition, rollout(), seen(-1, 1), after: .hours(23)) == "wait")
        #expect(decide(definition, rollout(), seen(-1, 1), after: .hours(24)) == "advance 1")
        #expect(decide(definition, rollout(), RolloutEvidence(), after: .days(2)) == "wait")
        #expect(decide(definition, rollout(step: 1), seen(-1, 1), after: .days(3)) == "wait")
        #expect(decide(definition, rollout(step: 1), seen(0.01, 1), after: .days(3)) == "promote")
        #expect(decide(definition, rollout(step: 1), seen(0.01, 1), after: .hours(47)) == "wait")
        #expect(decide(definition, rollout(step: 1), seen(0, 1), after: .days(3)) == "wait")
    }

    @Test("says what it waits for while it waits, and nothing once it has ended")
    func waitsFor() throws {
        func waits(_ rollout: Rollout, _ seen: RolloutEvidence, _ span: Timestamp.Span, _ undecided: RolloutDefinition.Undecided = .wait) throws -> [String] {
            RolloutMachine(try definition(two, undecided: undecided)).waitsFor(rollout, seen, at: start + span)
        }
        let early = try waits(rollout(), RolloutEvidence(), .hours(1), .withdraw)
        #expect(early.count == 3 && early[0].contains("\(start + .days(1))") && early[1].contains("200 units") && early[2].contains("\(start + .days(30))"))
        // With nothing left to wait for it goes on at once.
        #expect(try waits(rollout(), seen(-1, 1), .days(2)) == [])
        #expect(decide(try definition(two), rollout(), seen(-1, 1), after: .days(2)) == "advance 1")
        let last = try waits(rollout(step: 1), seen(-1, 1), .days(3))
        #expect(last.count == 1 && last[0].contains("outcomes that tell"))
        #expect(try waits(rollout(step: 1), seen(0.1, 1), .days(3)) == [])
        #expect(try waits(rollout(step: 1), seen(0.1, 1, sampleRatio: 0.0001), .days(3)).first?.contains("not shared as planned") == true)
        #expect(try waits(rollout(state: .waiting), seen(0.1, 1), .days(3)) == ["a second person to let it in"])
        for state in [Rollout.State.promoted, .withdrawn, .superseded] { #expect(try waits(rollout(state: state), seen(0.1, 1), .days(3)) == []) }
    }

    @Test("is withdrawn as soon as it is shown to be worse than the margin allows, at any step and time")
    func worse() throws {
        for step in 0...1 {
            let rollout = rollout(step: step)
            #expect(decide(try definition(two), rollout, seen(-2, -0.01), after: .days(Int64(step))) == "withdraw")
            #expect(decide(try definition(two, margin: 0.5), rollout, seen(-2, -0.4), after: .days(Int64(step))) == "wait")
            #expect(decide(try definition(two, margin: 0.5), rollout, seen(-2, -0.6), after: .days(Int64(step))) == "withdraw")
        }
        #expect(decide(try definition(two, margin: 0.5), rollout(step: 1), seen(-0.4, 0.2), after: .days(3)) == "promote")
        #expect(decide(try definition(two), rollout(step: 1, state: .waiting), seen(-2, -0.01), after: .days(3)) == "withdraw")
    }

    @Test("a guardrail that is shown to be broken withdraws it, whatever its objective")
    func guardrail() throws {
        #expect(decide(try definition(two), rollout(step: 1), seen(1, 2, guardrail: 0.011), after: .days(3)) == "withdraw")
        #expect(decide(try definition(two), rollout(step: 1), seen(1, 2, guardrail: 0.01), after: .days(3)) == "promote")
    }

    @Test("is not let in nor taken further while units are not shared as planned, but can be withdrawn")
    func sampleRatio() throws {
        for undecided in RolloutDefinition.Undecided.allCases {
            let definition = try definition(two, undecided: undecided)
            #expect(decide(definition, rollout(), seen(1, 2, sampleRatio: 0.0009), after: .days(2)) == "wait")
            #expect(decide(definition, rollout(step: 1), seen(1, 2, sampleRatio: 0.0009), after: .days(3)) == "wait")
            #expect(decide(definition, rollout(step: 1), seen(-2, -1, sampleRatio: 0.0009), after: .days(3)) == "withdraw")
            #expect(
                decide(definition, rollout(step: 1), seen(1, 2, sampleRatio: 0.0009), after: .days(30)) == (undecided == .wait ? "wait" : "withdraw"))
        }
        #expect(decide(try definition(two), rollout(step: 1), seen(1, 2, sampleRatio: 0.001), after: .days(3)) == "promote")
    }

    @Test("when time is up it ends as declared", arguments: [
        (RolloutDefinition.Undecided.withdraw, "withdraw"), (.promote, "promote"), (.wait, "wait"),
    ])
    func undecided(_ undecided: RolloutDefinition.Undecided, _ decision: String) throws {
        let definition = try definition(two, undecided: undecided)
        #expect(decide(definition, rollout(step: 1), seen(-1, 1), after: .days(30)) == decision)
        #expect(decide(definition, rollout(step: 1), RolloutEvidence(), after: .days(30)) == decision)
        #expect(decide(definition, rollout(step: 1), seen(-1, 1), after: .days(30) + Timestamp.Span(microseconds: -1)) == "wait")
    }

    @Test("where a second person is asked for, the judgement waits for them, and is not made twice")
    func approval() throws {
        let definition = try definition(two, undecided: .promote, approval: true)
        #expect(decide(definition, rollout(step: 1), seen(1, 2), after: .days(3)) == "ask")
        #expect(decide(definition, rollout(step: 1), seen(-1, 1), after: .days(30)) == "ask")
        #expect(decide(definition, rollout(step: 1, state: .waiting), seen(1, 2), after: .days(60)) == "wait")
    }

    @Test("decides nothing of one that has ended", arguments: [Rollout.State.promoted, .withdrawn, .superseded])
    func ended(_ state: Rollout.State) throws {
        #expect(decide(try definition(two), rollout(step: 1, state: state), seen(-2, -1), after: .days(60)) == "wait")
    }

    @Test("a unit's draw depends on rollout and unit alone, is uniform, and stays as the share grows")
    func assignment() {
        let assignment = RolloutAssignment(rollout: "a")
        let draws = (0..<20_000).map { assignment.draw("unit \($0)") }
        #expect(draws == (0..<20_000).map { RolloutAssignment(rollout: "a").draw("unit \($0)") })
        for share in [0.01, 0.1, 0.5, 0.9] {
            let count = Double(draws.count { $0.isWithin(share) })
            // Five standard deviations.
            #expect(abs(count - 20_000 * share) < 5 * (20_000 * share * (1 - share)).squareRoot())
        }
        #expect(draws.allSatisfy { !$0.isWithin(0.1) || $0.isWithin(0.5) })
        #expect(draws.allSatisfy { $0.isWithin(1) && !$0.isWithin(0) })
        let other = (0..<20_000).map { RolloutAssignment(rollout: "b").draw("unit \($0)") }
        let both = Double(zip(draws, other).count { $0.isWithin(0.5) && $1.isWithin(0.5) })
        #expect(abs(both - 5_000) < 5 * (20_000 * 0.25 * 0.75).squareRoot())
        #expect(Set(draws.map(\.unit)).count == 20_000)
    }
}
