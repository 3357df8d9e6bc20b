import MartletAccess
import MartletBytes
import MartletFrames
import MartletGovernance
import MartletPlatform
import MartletRegistry
import MartletServing
import MartletSimulation
import Testing

@Suite("What alarms change until they end", .timeLimit(.minutes(10)))
struct MitigationTests {
    private func files(_ reactions: String) -> [String: String] {
        var files = FraudProject.files
        files["endpoints/fraud.yaml"] = """
            endpoint: fraud
            model: fraud@champion
            fallback: { score: 0.25 }
            review: { explore: 10%, limit: 100000 }
            limits: { rows: 10000 }
            """
        files["monitors/fraud.yaml"] = "monitor: fraud\nendpoint: fraud\nquality: { freshness: 8h }\non_alarm: \(reactions)\n"
        return files
    }

    /// No payment comes until the alarm fires.
    private func beStill(_ traffic: LiveTraffic, hours: Int = 12) async throws {
        for _ in 0..<hours {
            traffic.clock.advance(by: .hours(1))
            try await traffic.fixture.platform.checkMonitors()
        }
    }

    private func lasting(_ fixture: PlatformFixture) throws -> [String] {
        try fixture.platform.alarmList(scope: fixture.scope(.monitorsRead))["mitigations"]?.array?.compactMap { $0["change"]?.string } ?? []
    }

    private func predict(_ fixture: PlatformFixture, _ count: Int = 1) async throws -> [JSONValue] {
        let body: JSONValue = ["inputs": ["customer_id": "c1", "terminal_id": "m1", "amount": 5.0, "tx_id": "x"]]
        return try await fixture.predict("fraud", together: Array(repeating: body.serialized(), count: count)).map {
            try JSONValue(parsing: $0.get().body, lengthLimit: 1 << 20)
        }
    }

    private func audited(_ fixture: PlatformFixture, _ action: String) throws -> [JSONValue] {
        let entries = try fixture.platform.auditEntries(AuditLog.Filter(action: action), before: nil, limit: 100, scope: fixture.scope(.auditRead, .server))
        return try entries.map { try JSONValue(parsing: $0.record.details.json) }
    }

    @Test("the fallback answers, marked as degraded, after a restart too, until a person lifts it or the alarm ends; each is audited")
    func fallback() async throws {
        var traffic = try await LiveTraffic(files("[{ fallback: true, cool_down: 1h }]"), history: 40, days: 10)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 1)
        let before = try await predict(fixture)[0]
        #expect(before["degraded"] == false && before["version"] == 1)
        try await beStill(traffic)
        #expect(try lasting(fixture) == ["fallback"])
        try await fixture.restart()
        #expect(try lasting(fixture) == ["fallback"])
        let degraded = try await predict(fixture)[0]
        #expect(degraded["degraded"] == true && degraded["output"]?.double == 0.25 && degraded["version"] != 1)

        let scope = try fixture.scope(.alarmsAnswer)
        #expect(throws: PlatformError.self) { try fixture.platform.liftMitigation(of: "fraud", "review", reason: nil, requestID: nil, scope: scope) }
        _ = try fixture.platform.liftMitigation(of: "fraud", "fallback", reason: "looked at", requestID: nil, scope: scope)
        #expect(try lasting(fixture).isEmpty)
        #expect(try await predict(fixture)[0]["degraded"] == false)
        // The alarm that was lifted from does not begin it again.
        try await fixture.platform.checkMonitors()
        #expect(try lasting(fixture).isEmpty)

        try await beStill(traffic)
        #expect(try lasting(fixture) == ["fallback"])
        _ = try await predict(fixture)
        try await fixture.platform.checkMonitors()
        #expect(try lasting(fixture).isEmpty)
        #expect(try await predict(fixture)[0]["degraded"] == false)
        #expect(try audited(fixture, "mitigation.begin").count == 2)
        let ends = try audited(fixture, "mitigation.end").compactMap { $0["reason"]?.string }
        #expect(ends.contains { $0.hasPrefix("lifted by user:test") } && ends.contains("the alarm ended"))
        try await fixture.platform.close()
    }

    @Test("another version that comes to answer ends it: the reason was the former one")
    func promoted() async throws {
        var traffic = try await LiveTraffic(files("[{ fallback: true }]"), history: 40, days: 10)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 1)
        try await beStill(traffic)
        #expect(try lasting(fixture) == ["fallback"])
        _ = try await traffic.train(rounds: 6)
        try await fixture.platform.checkMonitors()
        #expect(try lasting(fixture).isEmpty)
        let answer = try await predict(fixture)[0]
        #expect(answer["degraded"] == false && answer["version"] == 2)
        try await fixture.platform.close()
    }

    @Test("more decisions are reviewed while an alarm fires, those made meanwhile and no others, with the chance that they had")
    func review() async throws {
        var traffic = try await LiveTraffic(files("[{ review: 50% }]"), history: 40, days: 10)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 1)
        try await beStill(traffic)
        #expect(try lasting(fixture) == ["review"])
        traffic.clock.advance(by: .minutes(1))
        let raised = Set(try await predict(fixture, 400).compactMap { $0["prediction_id"]?.string })
        traffic.clock.advance(by: .minutes(1))
        try await fixture.platform.checkMonitors()
        #expect(try lasting(fixture).isEmpty)
        traffic.clock.advance(by: .minutes(1))
        let plain = Set(try await predict(fixture, 400).compactMap { $0["prediction_id"]?.string })
        // They are looked at only now, each by what held when it was made.
        try await fixture.restart()
        let items = try await fixture.platform.reviewList(
            endpoint: "fraud", state: nil, after: 0, limit: 10_000, scope: fixture.scope(.reviewsRead, .prediction)
        ).items
        let chosen = items.filter { raised.contains($0["prediction_id"]?.string ?? "") }
        let others = items.filter { plain.contains($0["prediction_id"]?.string ?? "") }
        #expect((150...250).contains(chosen.count) && chosen.allSatisfy { $0["propensity"]?.double == 0.5 }, "\(chosen.count) of 400")
        #expect((15...70).contains(others.count) && others.allSatisfy { $0["propensity"]?.double == 0.1 }, "\(others.count) of 400")
        try await fixture.platform.close()
    }

    @Test("what the fallback answers because an alarm asks for it is no error of the model, nor a decision of a version that is tried")
    func noErrors() async throws {
        var files = files("[{ fallback: true, cool_down: 1h, on: [freshness] }]")
        files["endpoints/fraud.yaml", default: ""] += "\nrollout: { strategy: shadow, share: 100%, guardrails: { errors: 1% }, minimum: { units: 1000000, time: 20d } }\n"
        files["monitors/fraud.yaml"] = files["monitors/fraud.yaml"]?
            .replacing("quality:", with: "window: 6h\nminimum_rows: 10\nerrors: 1%\nlatency: 1h\nquality:")
        var traffic = try await LiveTraffic(files, history: 40, days: 10)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5, atOnce: true)
        #expect(try await traffic.train(rounds: 6).rollout != nil)
        _ = try await traffic.run(days: 1)
        func decisions() throws -> Int64? { try traffic.rollout()["evidence"]?["champion"]?["decisions"]?.int64 }
        let before = try #require(try decisions())
        #expect(before > 0)
        try await beStill(traffic)
        #expect(try lasting(fixture) == ["fallback"])
        let answers = try await predict(fixture, 200)
        #expect(answers.allSatisfy { $0["degraded"] == true && $0["variant"] == "fallback" })
        try await fixture.platform.checkRollouts()
        #expect(try decisions() == before)
        for _ in 0..<14 {
            traffic.clock.advance(by: .hours(1))
            try await fixture.platform.checkMonitors()
        }
        let windows = try fixture.platform.monitorWindows("fraud", part: nil, from: nil, to: nil, limit: 20, scope: fixture.scope(.monitorsRead))
        let theirs = try #require(windows.first { $0["rows"]?.int64 ?? 0 >= 200 })
        let errors = theirs["measures"]?.array?.first { $0["kind"] == "errors" }
        #expect(errors?["value"] == .null && errors?["figures"]?["degraded"]?.double == 0, "\(theirs)")
        let fired = try fixture.platform.alarmHistory(nil, limit: 1_000, scope: fixture.scope(.monitorsRead)).filter { $0["event"] == "alarm_fired" }
        #expect(!"\(fired)".contains("fraud.errors"))
        #expect(try traffic.rollout()["state"] == "running")
        try await fixture.platform.close()
    }

    @Test("a rollback goes back to before the version that answers, over what was applied since; while another is tried it is not done")
    func rollback() async throws {
        var files = files("[{ rollback: true, cool_down: 1h }]")
        files["endpoints/fraud.yaml", default: ""] += "\nrollout: { strategy: shadow, minimum: { units: 1000000, time: 20d } }\n"
        let traffic = try await LiveTraffic(files, history: 40, days: 10)
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5, atOnce: true)
        _ = try await traffic.train(rounds: 6, atOnce: true)
        #expect(try await predict(fixture)[0]["version"] == 2)
        // An edit of something else.
        try fixture.write("pipeline: note\ntasks: { note: { run: [touch, noted] } }\n", to: "pipelines/note.yaml")
        try await fixture.apply()
        let rollout = try #require(try await traffic.train(rounds: 7).rollout)
        func reactions() throws -> String {
            let records = try fixture.platform.alarmHistory(nil, limit: 1_000, scope: fixture.scope(.monitorsRead))
            return "\(records.filter { $0["event"]?.string?.hasPrefix("order") == true || $0["event"]?.string?.hasPrefix("action") == true })"
        }
        try await beStill(traffic)
        let records = try reactions()
        #expect(records.contains("a version is tried at endpoint 'fraud'"), "\(records)")
        let standing = try traffic.rollout()
        #expect(standing["rollout"]?.string == rollout.id && standing["state"] == "running")

        _ = try await fixture.platform.withdrawRollout("fraud", reason: "enough", requestID: nil, scope: fixture.scope(.modelsPromote, .endpoint, "fraud"))
        #expect(try await predict(fixture)[0]["version"] == 2)
        traffic.clock.advance(by: .minutes(1))
        try await fixture.platform.checkMonitors()
        try await beStill(traffic)
        #expect(try await predict(fixture)[0]["version"] == 1)
        let newest = try #require(try fixture.platform.releaseList(limit: 1, scope: fixture.scope(.definitionsRead)).first)
        #expect(newest.action == .rollback && newest.aliases["fraud"]?["champion"] == 1)
        try await fixture.platform.close()
    }
}
