import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletSimulation
import Testing

@Suite("Alarms of a time")
struct AlarmEpisodeTests {
    @Test("an alarm is told with the window that caused it, what was asked of a person, and what became of it")
    func life() async throws {
        var files = FraudProject.files
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\nlimits: { rows: 10000 }\n"
        files["monitors/fraud.yaml"] = """
            monitor: fraud
            endpoint: fraud
            drift: { features: [request.amount, customer.count_1d], predictions: false, distance: ks, raise: 0.15 }
            on_alarm: [{ pipeline: retrain, approval: required }]
            """
        files["pipelines/retrain.yaml"] = "pipeline: retrain\ntasks: { note: { run: [/bin/true] } }\n"
        var traffic = try await LiveTraffic(files, history: 60, days: 24)
        let fixture = traffic.fixture
        let clock = traffic.clock
        _ = try await traffic.train(rounds: 10)
        _ = try await traffic.run(days: 4)
        let read = try fixture.scope(.monitorsRead)
        func episodes(_ monitor: String? = nil) throws -> [JSONValue] {
            try fixture.platform.alarmEpisodes(monitor: monitor, since: clock.now() - .days(30), limit: 100, scope: read)
        }
        func amount() throws -> JSONValue? { try episodes().first { $0["labels"]?["feature"]?.string == "request.amount" } }
        traffic.scale = 3
        #expect(try await traffic.run(days: 4) { _ in try amount() != nil })
        let episode = try #require(try amount())
        #expect(episode["phase"] == "firing" && episode["resolved"] == .null && episode["fired"]?.string == "\(clock.now())")
        #expect(try episodes("fraud").count == episodes().count && episodes("other").isEmpty)

        let id = try #require(episode["alarm"]?.string)
        let details = try fixture.platform.alarmDetails(id, scope: read)
        let measures = try #require(details["window"]?["measures"]?.array)
        #expect(measures.first?["level"] == "beyond")
        // Beyond first; among alike, what matters more to the model.
        let ranks = measures.map { ($0["level"] == "beyond" ? 1 : 0, $0["effect"]?.double ?? -1) }
        #expect(zip(ranks, ranks.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(details["window"]?["start"] == details["cause"]?["from"])
        func events() throws -> [String] {
            (try fixture.platform.alarmDetails(id, scope: read)["history"]?.array ?? []).compactMap { $0["event"]?.string }.reversed()
        }
        #expect(try events().contains("fired") && events().contains("asked"))
        let order = try #require(details["orders"]?.array?.first)
        #expect(order["waiting"] == true && order["does"] == "run pipeline 'retrain'")
        try fixture.platform.acknowledgeAlarm(id, note: "mine", requestID: nil, scope: fixture.scope(.alarmsAnswer))
        try fixture.platform.decideReaction(
            order["reaction"]?.string ?? "", approved: false, note: "not now", requestID: nil, scope: fixture.scope(.alarmsAnswer))
        #expect(try events().suffix(2) == ["acknowledged", "refused"])
        #expect(try fixture.platform.alarmDetails(id, scope: read)["history"]?.array?.contains { $0["by"] == "user:test" && $0["words"] == "mine" } == true)

        // It survives a restart, and its end is told.
        try await fixture.restart()
        traffic.scale = 1
        #expect(try await traffic.run(days: 9) { _ in try amount()?["resolved"]?.string != nil })
        let ended = try #require(try amount())
        #expect(ended["started"] == episode["started"] && ended["fired"] == episode["fired"] && ended["ended"] != .null)
        #expect(try events().last == "ended")
        #expect(throws: PlatformError.self) { try fixture.platform.alarmDetails("0000000000000000", scope: read) }
        try await fixture.platform.close()
    }
}
