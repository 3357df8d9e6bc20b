import Foundation
import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletServing
import MartletSimulation
import Testing

@Suite("Alarms of rollouts", .timeLimit(.minutes(10)))
struct RolloutAlarmTests {
    private func files(rollout: String, _ reactions: String) -> [String: String] {
        var files = LiveTraffic.files(rollout: rollout)
        // Whoever looks right after an answer sees its prediction.
        files["endpoints/fraud.yaml", default: ""] += "record: before_answer\n"
        files["monitors/fraud.yaml"] = "monitor: fraud\nendpoint: fraud\nquality: { freshness: 60d }\non_alarm: \(reactions)\n"
        return files
    }

    private func alarms(_ fixture: PlatformFixture) throws -> [JSONValue] {
        try fixture.platform.alarmList(scope: fixture.scope(.monitorsRead))["alarms"]?.array ?? []
    }

    private func check(_ traffic: LiveTraffic) async throws {
        for _ in 0..<3 {
            traffic.clock.advance(by: .minutes(1))
            try await traffic.fixture.platform.checkRollouts()
            try await traffic.fixture.platform.checkMonitors()
        }
    }

    private func predict(_ fixture: PlatformFixture, _ inputs: [JSONValue]) async throws -> [JSONValue] {
        try await fixture.predict("fraud", together: inputs.map { (["inputs": $0] as JSONValue).serialized() }).map {
            try JSONValue(parsing: $0.get().body, lengthLimit: 1 << 20)
        }
    }

    private func told(_ fixture: PlatformFixture) -> [String] {
        ((try? String(contentsOfFile: fixture.folder + "/told", encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    @Test("units that are not shared as planned are an alarm with endpoint and rollout, told by the endpoint's monitor, until the rollout is over")
    func sampleRatio() async throws {
        let traffic = try await LiveTraffic(
            files(
                rollout: "{ strategy: canary, share: 30%, unit: terminal_id, minimum: { units: 30, time: 20d } }",
                "[{ command: [sh, -c, 'cat >> told'], on: sample_ratio }, { command: [touch, other], on: freshness }]"),
            history: 40, days: 1)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 10)
        let rollout = try #require(try await traffic.train(rounds: 8).rollout)
        let assignment = RolloutAssignment(rollout: rollout.id)
        let all = (0..<1_200).map { "t\($0)" }
        func inputs(_ terminals: [String]) -> [JSONValue] {
            terminals.map { ["customer_id": "c1", "terminal_id": .string($0), "amount": 5.0, "tx_id": .string("x" + $0)] }
        }
        // As it should be.
        _ = try await predict(fixture, inputs(Array(all.prefix(100))))
        try await check(traffic)
        #expect(try alarms(fixture).isEmpty)
        // Something keeps the challenger's units away.
        let champions = all.filter { !assignment.draw($0).isWithin(0.3) }
        #expect(try await predict(fixture, inputs(champions)).allSatisfy { $0["variant"] == "champion" })
        try await check(traffic)
        let alarm = try #require(try alarms(fixture).first)
        #expect(alarm["name"] == "sample_ratio" && alarm["phase"] == "firing")
        #expect(alarm["labels"]?["endpoint"] == "fraud" && alarm["labels"]?["rollout"]?.string == rollout.id)
        #expect(alarm["value"]?.double ?? 1 < 0.001 && alarm["cause"]?["figures"]?["champion_units"]?.double ?? 0 > 200)
        #expect(told(fixture).count == 1 && told(fixture)[0].contains(rollout.id))
        #expect(!FileManager.default.fileExists(atPath: fixture.folder + "/other"))
        // It is stored once and not each second.
        let fired = try fixture.platform.alarmHistory(nil, limit: 100, scope: fixture.scope(.monitorsRead)).filter { $0["event"] == "alarm_fired" }
        #expect(fired.count == 1)

        try await fixture.restart()
        try await check(traffic)
        #expect(try alarms(fixture).first?["phase"] == "firing")
        _ = try await fixture.platform.withdrawRollout("fraud", reason: "shares", requestID: nil, scope: fixture.scope(.modelsPromote, .endpoint, "fraud"))
        traffic.clock.advance(by: .minutes(10))
        try await check(traffic)
        #expect(try alarms(fixture).map { $0["phase"]?.string } == ["resolved"])
        #expect(told(fixture).count == 2 && told(fixture)[1].contains("\"status\":\"resolved\""))
        try await fixture.platform.close()
    }

    @Test("a version that a guardrail withdrew is an alarm, though the program ended between the two; it ends when another is tried, or after a day")
    func guardrail() async throws {
        let traffic = try await LiveTraffic(
            files(
                rollout: "{ strategy: canary, share: 50%, unit: customer_id }",
                "[{ command: [sh, -c, 'cat >> told'] }, { pipeline: retrain }]"
            ).merging(["pipelines/retrain.yaml": "pipeline: retrain\ntasks: { note: { run: [touch, retrained] } }\n"]) { $1 },
            history: 40, days: 1)
        let fixture = traffic.fixture
        try await fixture.platform.startPipelines(schedules: false)
        _ = try await traffic.train(rounds: 10)
        // What the two groups are answered, to part them by a threshold between.
        func inputs(_ amount: Double, _ terminal: String, _ customers: Range<Int>) -> [JSONValue] {
            customers.map { customer in
                // One in five as the other group's.
                let paid = customer % 5 == 4 ? 901 - amount : amount
                return ["customer_id": .string("g\(customer)"), "terminal_id": .string(terminal), "amount": .float64(paid), "tx_id": .string("\(terminal)-\(customer)")]
            }
        }
        let outputs = try await predict(fixture, inputs(1, "low", 0..<1) + inputs(900, "high", 0..<1)).compactMap { $0["output"]?.double }
        let threshold = (outputs[0] + outputs[1]) / 2
        #expect(outputs[0] != outputs[1])
        let text = "endpoint: fraud\nmodel: fraud@champion\nlimits: { rows: 10000 }\nrollout: { strategy: canary, share: 50%, unit: customer_id, "
            + "guardrails: { fairness: { by: terminal_id, threshold: \(threshold), gap: 1% } }, minimum: { units: 30, time: 20d } }\n"
        try fixture.write(text, to: "endpoints/fraud.yaml")
        try await fixture.apply()
        let rollout = try #require(try await traffic.train(rounds: 10).rollout)
        _ = try await predict(fixture, inputs(1, "low", 0..<1_500) + inputs(900, "high", 1_500..<3_000))
        traffic.clock.advance(by: .minutes(1))
        // The withdrawal alone, as a crash leaves it: its alarm is found again from what is stored.
        try await fixture.platform.checkRollouts()
        let withdrawn = try traffic.rollout()
        #expect(withdrawn["state"] == "withdrawn" && withdrawn["reason"]?.string?.contains("guardrail") == true, "\(withdrawn)")
        try await fixture.restart()
        try await check(traffic)
        let alarm = try #require(try alarms(fixture).first)
        #expect(alarm["name"] == "guardrail" && alarm["phase"] == "firing" && alarm["labels"]?["rollout"]?.string == rollout.id)
        #expect(alarm["summary"]?.string?.contains("version 2 of 'fraud' was withdrawn") == true)
        #expect(told(fixture).count == 1)
        // Nothing is done for it that does not name it.
        #expect(try fixture.platform.alarmHistory(nil, limit: 100, scope: fixture.scope(.monitorsRead)).allSatisfy { $0["order"] == nil })
        _ = try await traffic.train(rounds: 9)
        try await check(traffic)
        #expect(try alarms(fixture).map { $0["phase"]?.string } == ["resolved"])
        try await fixture.platform.close()
    }
}
