import MartletAccess
import MartletBytes
import MartletFrames
import MartletSimulation
import MartletStorage
import Testing

@testable import MartletPlatform

@Suite("Monitors of schemas")
struct SchemaMonitorTests {
    private func schema(_ fixture: PlatformFixture, _ monitor: String = "orders") throws -> [String: JSONValue] {
        let windows = try fixture.platform.monitorWindows(monitor, part: nil, from: nil, to: nil, limit: 1, scope: fixture.scope(.monitorsRead))
        let measures = (windows.first?["measures"]?.array ?? []).filter { $0["kind"] == "schema" }
        return Dictionary(uniqueKeysWithValues: measures.map { ($0["subject"]?.string ?? "", $0) })
    }

    private func firing(_ fixture: PlatformFixture) throws -> [String: String] {
        let alarms = (try fixture.platform.alarmList(scope: fixture.scope(.monitorsRead))["alarms"]?.array ?? []).filter { $0["phase"] == "firing" }
        return Dictionary(uniqueKeysWithValues: alarms.map { ($0["labels"]?["field"]?.string ?? "", $0["summary"]?.string ?? "") })
    }

    /// Counts that are stored of fields, by table.
    private func stored(_ fixture: PlatformFixture) throws -> (known: Int, unknown: Int) {
        try fixture.platform.database.read { reader in
            (
                try reader.row("SELECT COUNT(*) AS number FROM monitoring_rejections")?.value("number") ?? 0,
                try reader.row("SELECT COUNT(*) AS number FROM monitoring_unknown_fields")?.value("number") ?? 0
            )
        }
    }

    /// Six hours of orders as lines of JSON.
    private func step(_ orders: inout Orders, _ members: (Int) -> String) async throws {
        orders.clock.advance(by: .hours(6))
        let lines = (0..<100).map { index in
            "{\"id\":\"\(orders.clock.now()) \(index)\",\"time\":\"\(orders.clock.now() - .minutes(Int64(index)))\",\"buyer\":\"b\(index)\",\(members(index))}\n"
        }
        _ = try await orders.fixture.ingest(lines.joined(), into: "orders", format: .ndjson, history: false)
        try await orders.fixture.platform.checkMonitors()
    }

    @Test("a producer that renames and retypes fields is told by the fields' names and by what was seen, and the alarms end when it is mended")
    func producer() async throws {
        var orders = try await Orders("quality: { schema: 2% }\n")
        for _ in 0..<4 { try await step(&orders) { "\"amount\":\($0)" } }
        for number in 0..<5 {
            try await step(&orders) { index in
                switch index % 10 {
                case 0: "\"amt\":\(index)"
                case 1: "\"amount\":\"dear\""
                case 2: "\"channel\":\"web\""
                case 3: index == 3 ? "\"amount\":1,\"alice@example.com\":1" : "\"amount\":\"-\""
                default: "\"amount\":\(index)"
                }
            }
            if number == 0 { #expect(try schema(orders.fixture).mapValues { $0["value"]?.double } == ["": 0]) }
        }
        // Of the window: 100 as usual at its begin, then 300 with changes.
        let found = try schema(orders.fixture)
        #expect(Set(found.keys) == ["amt", "amount", "(others)"])
        #expect(found["amt"]?["value"]?.double == 30.0 / 400)
        #expect(found["amt"]?["figures"]?["unknown"]?.double == 30)
        #expect(found["amount"]?["figures"]?["a text"]?.double == 57)
        #expect(found["amount"]?["figures"]?["missing"]?.double == 30)
        #expect(found["(others)"]?["value"]?.double == 3.0 / 400)
        let alarms = try firing(orders.fixture)
        #expect(Set(alarms.keys) == ["amt", "amount"])
        #expect(alarms["amt"]?.contains("amt came otherwise than the contract has it (unknown: 30)") == true, "\(alarms)")
        #expect(!"\(alarms)\(found)".contains("alice"))
        for _ in 0..<8 { try await step(&orders) { "\"amount\":\($0)" } }
        #expect(try firing(orders.fixture).isEmpty)
        #expect(try schema(orders.fixture).values.allSatisfy { $0["value"]?.double == 0 })
        for _ in 0..<4 { try await step(&orders) { "\"amount\":\($0)" } }
        #expect(try schema(orders.fixture).mapValues { $0["value"]?.double } == ["": 0])
        try await orders.fixture.platform.close()
    }

    @Test("an alarm of a field ends once enough rows have come without it, over windows of too few and where it asks for several")
    func ends() async throws {
        var orders = try await Orders("quality: { schema: 2% }\nminimum_rows: 50\nalarms: { clear_after: 2 }\n")
        for _ in 0..<5 { try await step(&orders) { $0 % 10 == 0 ? "\"amt\":1" : "\"amount\":1" } }
        let seen = try schema(orders.fixture)
        #expect(Set(try firing(orders.fixture).keys) == ["amt"], "\(seen)")
        // A day with nothing.
        orders.clock.advance(by: .days(1))
        try await orders.fixture.platform.checkMonitors()
        #expect(Set(try firing(orders.fixture).keys) == ["amt"])
        for _ in 0..<16 { try await step(&orders) { "\"amount\":\($0)" } }
        #expect(try firing(orders.fixture).isEmpty)
        #expect(try schema(orders.fixture).mapValues { $0["value"]?.double } == ["": 0])
        try await orders.fixture.platform.close()
    }

    @Test("a field that a release adds or removes is told in the window in which it did, and in no other")
    func contract() async throws {
        var orders = try await Orders("quality: { schema: 1% }\n")
        let file = Orders.stream(ahead: "5m")
        for _ in 0..<5 { try await orders.step() }
        #expect(try firing(orders.fixture).isEmpty)
        try orders.fixture.write(file.replacing("gift: { type: bool, optional: true }", with: "note: { type: string, optional: true }"), to: "streams/orders.yaml")
        try await orders.fixture.apply()
        for _ in 0..<4 { try await step(&orders) { "\"amount\":\($0),\"note\":\"n\"" } }
        #expect(Set(try firing(orders.fixture).keys) == ["gift", "note"])
        #expect(try schema(orders.fixture)["note"]?["figures"]?["added to the contract"]?.double == 1)
        #expect(try schema(orders.fixture)["gift"]?["figures"]?["removed from the contract"]?.double == 1)
        for _ in 0..<4 { try await step(&orders) { "\"amount\":\($0),\"note\":\"n\"" } }
        #expect(try firing(orders.fixture).isEmpty)
        try await orders.fixture.platform.close()
    }

    @Test("names that somebody makes up take bounded room, hide no real change that comes with them, and are forgotten with their window")
    func flood() async throws {
        var limits = Platform.Limits()
        limits.pastRefusals = 7
        var orders = try await Orders("quality: { schema: 1% }\n", limits: limits)
        try await step(&orders) { "\"amount\":\($0)" }
        for batch in 0..<20 {
            let lines = (0..<40).map { "{\"id\":\"f\(batch) \($0)\",\"time\":\"\(orders.clock.now())\",\"buyer\":\"b\",\"amount\":1,\"field \(batch) \($0)\":1}\n" }
            _ = try await orders.fixture.ingest(lines.joined(), into: "orders", format: .ndjson, history: false)
        }
        #expect(try stored(orders.fixture).unknown == 50)
        #expect(try stored(orders.fixture).known <= 4)
        // A change, behind made up names that come with it.
        try await step(&orders) { $0 < 60 ? "\"amount\":1,\"made \($0)\":1" : $0 % 2 == 0 ? "\"amt\":\($0)" : "\"amount\":\"dear\"" }
        for _ in 0..<3 { try await step(&orders) { "\"amount\":\($0)" } }
        let found = try schema(orders.fixture)
        #expect(Set(found.keys) == ["amt", "amount", "(others)"])
        #expect(found["amt"]?["figures"]?["unknown"]?.double == 20)
        #expect(found["amount"]?["figures"]?["a text"]?.double == 20)
        #expect(found["(others)"]?["figures"]?["unknown"]?.double == 860)
        #expect(try stored(orders.fixture) == (0, 0))
        try await orders.fixture.platform.close()
    }

    @Test("what was refused is forgotten once no monitor counts it")
    func unwatched() async throws {
        var orders = try await Orders("quality: { schema: 2% }\n")
        try await step(&orders) { index in index % 2 == 0 ? "\"amt\":\(index)" : "\"amount\":\"dear\"" }
        try await orders.fixture.platform.maintain()
        #expect(try stored(orders.fixture).known == 2 && stored(orders.fixture).unknown == 1)
        try orders.fixture.write("monitor: orders\nstream: orders\nquality: { volume: 50% }\n", to: "monitors/orders.yaml")
        try await orders.fixture.apply()
        try await step(&orders) { "\"amt\":\($0)" }
        try await orders.fixture.platform.maintain()
        #expect(try stored(orders.fixture) == (0, 0))
        try await orders.fixture.platform.close()
    }

    @Test("inputs that the contract refuses are told of an endpoint, by field")
    func endpoint() async throws {
        var files = LiveTraffic.files(rollout: "{ strategy: canary }")
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\n"
        files["monitors/fraud.yaml"] = "monitor: fraud\nendpoint: fraud\nwindow: 6h\nquality: { schema: 10% }\nminimum_rows: 20\n"
        var traffic = try await LiveTraffic(files, history: 40, days: 8)
        let fixture = traffic.fixture
        func body() -> [UInt8] {
            Array(#"{"inputs":{"tx_id":"q","tx_time":"\#(traffic.clock.now())","customer_id":"c","terminal_id":"t","amount":"dear"}}"#.utf8)
        }
        // Of an endpoint that no model answers nothing is measured, so nothing is counted.
        _ = try await fixture.predict("fraud", together: [body()])
        try await fixture.platform.checkMonitors()
        #expect(try stored(fixture) == (0, 0))
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 1)
        #expect(try firing(fixture).isEmpty)
        traffic.clock.advance(by: .minutes(5))
        let answers = try await fixture.predict("fraud", together: Array(repeating: body(), count: 400))
        #expect(answers.allSatisfy { if case .failure = $0 { true } else { false } })
        // Counts that cannot be stored are stored later.
        _ = try fixture.platform.database.write { try $0.execute("ALTER TABLE monitoring_rejections RENAME TO elsewhere") }
        #expect(throws: DatabaseError.self) { try fixture.platform.storeRefused() }
        _ = try fixture.platform.database.write { try $0.execute("ALTER TABLE elsewhere RENAME TO monitoring_rejections") }
        try await fixture.platform.checkMonitors()
        _ = try await traffic.run(days: 1, until: { _ in try !firing(fixture).isEmpty })
        #expect(Set(try firing(fixture).keys) == ["amount"])
        #expect(try firing(fixture)["amount"]?.contains("(a text: 400)") == true)
        #expect(try schema(fixture, "fraud")["amount"]?["value"]?.double ?? 0 > 0.1)
        _ = try await traffic.run(days: 1)
        #expect(try firing(fixture).isEmpty)
        try await fixture.platform.close()
    }
}
