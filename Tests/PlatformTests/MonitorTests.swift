import MartletAccess
import MartletBytes
import MartletFrames
import MartletPipelines
import MartletPlatform
import MartletRegistry
import MartletSimulation
import Testing

@Suite("Monitors")
struct MonitorTests {
    private func files(_ monitor: String, pipeline: String? = nil) -> [String: String] {
        var files = FraudProject.files
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\nlimits: { rows: 10000 }\n"
        files["monitors/fraud.yaml"] = "monitor: fraud\nendpoint: fraud\n" + monitor
        if let pipeline { files["pipelines/retrain.yaml"] = pipeline }
        return files
    }

    private func windows(_ fixture: PlatformFixture, _ part: String) throws -> [JSONValue] {
        try fixture.platform.monitorWindows(
            "fraud", part: part, from: nil, to: nil, limit: 1_000, scope: fixture.scope(.monitorsRead)
        ).reversed()
    }

    private func measure(_ window: JSONValue, _ kind: String, _ subject: String = "") -> JSONValue? {
        window["measures"]?.array?.first { $0["kind"]?.string == kind && $0["subject"]?.string == subject }
    }

    private func firing(_ fixture: PlatformFixture) throws -> [String] {
        (try fixture.platform.alarmList(scope: fixture.scope(.monitorsRead))["alarms"]?.array ?? [])
            .filter { $0["phase"]?.string == "firing" }.compactMap { $0["name"]?.string }
    }

    @Test("what stays as it was trained on is still; what moves is an alarm in the window in which it does, ranked by what it does to the model")
    func drift() async throws {
        var traffic = try await LiveTraffic(files("drift: { features: [request.amount], predictions: false, distance: ks, raise: 0.15 }\n"), history: 60, days: 20)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 20)
        _ = try await traffic.run(days: 6)
        #expect(try windows(fixture, "requests").count >= 5)
        #expect(try !firing(fixture).contains("fraud.drift"))
        traffic.scale = 3
        let began = traffic.clock.now()
        #expect(try await traffic.run(days: 4) { _ in try firing(fixture).contains("fraud.drift") })
        #expect(traffic.clock.now() <= began + .days(2))
        let alarm = try #require(
            try fixture.platform.alarmList(scope: fixture.scope(.monitorsRead))["alarms"]?.array?.first { $0["labels"]?["feature"]?.string == "request.amount" })
        #expect(alarm["cause"]?["feature"]?.string == "request.amount")
        let last = try #require(try windows(fixture, "requests").last)
        let effects = (last["measures"]?.array ?? []).compactMap { $0["kind"] == "drift" ? $0["effect"]?.double : nil }
        #expect(effects.contains { $0 > 0 })
        try await fixture.platform.close()
    }

    @Test("predictions of a window are computed again and agree in every bit; performance is told once outcomes have come, with its coverage")
    func performance() async throws {
        var traffic = try await LiveTraffic(
            files("skew: 20\nperformance: { metric: average_precision, at_least: 0.01 }\nminimum_rows: 50\n"), history: 60, days: 20)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 20)
        _ = try await traffic.run(days: 12)
        for window in try windows(fixture, "requests").dropFirst() {
            #expect(measure(window, "skew")?["value"]?.double == 0)
            #expect(measure(window, "skew")?["figures"]?["checked"]?.double == 20)
        }
        let judged = try windows(fixture, "outcomes")
        #expect(judged.count >= 3)
        let measured = try #require(judged.last.flatMap { measure($0, "performance", "average_precision") })
        #expect(measured["value"]?.double ?? 0 > 0.01)
        #expect(measured["low"]?.double ?? 1 < measured["high"]?.double ?? 0)
        #expect(measured["figures"]?["coverage"]?.double ?? 0 > 0.99)
        try await fixture.platform.close()
    }

    @Test("windows that were open at a restart are measured as if there had been none")
    func restart() async throws {
        func measured(restarting: Bool) async throws -> [JSONValue] {
            var traffic = try await LiveTraffic(
                files("drift: { features: [request.amount], predictions: false }\nperformance: { metric: roc_auc, at_least: 0.1 }\nminimum_rows: 50\n"), history: 40, days: 16)
            let fixture = traffic.fixture
            _ = try await traffic.train(rounds: 10)
            _ = try await traffic.run(days: 9, step: .hours(5))
            if restarting { try await fixture.restart() }
            _ = try await traffic.run(days: 4, step: .hours(5))
            // What no model has a say in: two trainings differ in the pseudonyms by which ties are broken.
            let all = try windows(fixture, "requests") + windows(fixture, "outcomes")
            try await fixture.platform.close()
            return all.map { window in
                [
                    "part": window["part"] ?? .null, "start": window["start"] ?? .null, "rows": window["rows"] ?? .null,
                    "amount": measure(window, "drift", "request.amount")?["value"] ?? .null,
                    "figures": measure(window, "performance", "roc_auc")?["figures"] ?? .null,
                ]
            }
        }
        let without = try await measured(restarting: false)
        #expect(without.count > 15)
        #expect(try await measured(restarting: true) == without)
    }

    @Test("what was measured longer ago than it is kept is removed by upkeep, and nothing younger")
    func retention() async throws {
        var limits = Platform.Limits()
        limits.measuresKept = .days(3)
        var traffic = try await LiveTraffic(
            files("drift: { features: [request.amount], predictions: false }\nminimum_rows: 50\n"), history: 40, days: 10, limits: limits)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 6)
        let all = try windows(fixture, "requests").compactMap { $0["end"]?.string }
        let border = "\(traffic.clock.now() - .days(3))"
        #expect(all.contains { $0 < border })
        try await fixture.platform.maintain()
        #expect(try windows(fixture, "requests").compactMap { $0["end"]?.string } == all.filter { $0 >= border })
        try await fixture.platform.close()
    }

    @Test("a silence of predictions is an alarm by when they came, stored when it begins and ends and not all the while")
    func freshness() async throws {
        var traffic = try await LiveTraffic(files("quality: { freshness: 8h }\n"), history: 40, days: 10)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 10)
        _ = try await traffic.run(days: 1)
        func records() throws -> [String] {
            try fixture.platform.alarmHistory(nil, limit: 100, scope: fixture.scope(.monitorsRead)).compactMap { $0["event"]?.string }.reversed()
        }
        #expect(try records() == [])
        for _ in 0..<40 {
            traffic.clock.advance(by: .minutes(30))
            try await fixture.platform.checkMonitors()
        }
        #expect(try firing(fixture) == ["fraud.freshness"])
        #expect(try records() == ["alarm_fired"])
        _ = try await traffic.run(days: 1)
        #expect(try firing(fixture) == [])
        #expect(try records() == ["alarm_fired", "alarm_resolved"])
        try await fixture.platform.close()
    }

    @Test("an alarm runs a pipeline once, with the rights of who applied the project, within its budget")
    func reaction() async throws {
        var traffic = try await LiveTraffic(
            files(
                "drift: { features: [request.amount], distance: ks, raise: 0.15 }\non_alarm: [{ pipeline: retrain, parameters: { days: 30 }, cool_down: 30d }]\n",
                pipeline: "pipeline: retrain\nparameters: { days: int64, share: { type: float64, default: 0.5 } }\ntasks: { note: { run: [touch, retrained] } }\n"), history: 60, days: 20)
        let fixture = traffic.fixture
        try await fixture.platform.startPipelines(schedules: false)
        _ = try await traffic.train(rounds: 20)
        _ = try await traffic.run(days: 2)
        traffic.scale = 3
        _ = try await traffic.run(days: 5)
        let runs = try fixture.platform.pipelineRuns(RunFilter(), limit: 10, scope: fixture.scope(.pipelinesRead, .pipeline)).runs
        #expect(runs.count == 1)
        #expect(runs.first?["cause"]?.string == "alarm")
        let history = try fixture.platform.alarmHistory(nil, limit: 1_000, scope: fixture.scope(.monitorsRead))
        let effect = try #require(history.first { $0["event"]?.string == "reaction_effect" }?["effect"])
        #expect(effect["order"]?["value"]?.double ?? 0 > 0.15 && effect["after"]?.array?.first?["value"]?.double ?? 0 > 0.15)
        #expect(runs.first?["parameters"]?["days"]?.int64 == 30 && runs.first?["parameters"]?["share"]?.double == 0.5)
        try await fixture.platform.close()
    }
}
