import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletSimulation
import MartletWorld
import Testing

@Suite("Monitors of streams")
struct StreamMonitorTests {
    private func windows(_ fixture: PlatformFixture) throws -> [JSONValue] {
        try fixture.platform.monitorWindows("orders", part: nil, from: nil, to: nil, limit: 1_000, scope: fixture.scope(.monitorsRead)).reversed()
    }

    private func measure(_ window: JSONValue?, _ kind: String, _ subject: String = "") -> JSONValue? {
        window?["measures"]?.array?.first { $0["kind"]?.string == kind && $0["subject"]?.string == subject }
    }

    private func firing(_ fixture: PlatformFixture) throws -> [String] {
        (try fixture.platform.alarmList(scope: fixture.scope(.monitorsRead))["alarms"]?.array ?? [])
            .filter { $0["phase"]?.string == "firing" }
            .map { "\($0["name"]?.string ?? "") \($0["labels"]?["field"]?.string ?? "")".trimmed }.sorted()
    }

    @Test("what stays as it was is still; what moves, goes missing, is new or comes in another number is an alarm in the window in which it does")
    func measures() async throws {
        var orders = try await Orders(
            "drift: { distance: ks, raise: 0.2 }\nquality: { missing: 5%, unseen: 5%, volume: 40% }\nreference: { windows: 3 }\n")
        try await orders.run(days: 7)
        let quiet = try windows(orders.fixture)
        #expect(quiet.count == 6)
        #expect(quiet.allSatisfy { $0["part"] == "events" })
        #expect(quiet.dropFirst().map { $0["rows"]?.int64 } == Array(repeating: Int64(Orders.perDay), count: 5))
        #expect(try firing(orders.fixture) == [])
        // What identifies an event or a person, and what is a time or known late, has no drift; whether it is there is watched.
        let subjects = { (kind: String) in Set((quiet.last?["measures"]?.array ?? []).filter { $0["kind"]?.string == kind }.compactMap { $0["subject"]?.string }) }
        #expect(subjects("drift") == ["amount", "channel", "gift"])
        #expect(subjects("unseen") == ["amount", "channel", "gift"])
        #expect(subjects("missing") == ["amount", "channel", "gift", "id", "time", "buyer"])
        orders.change = .init(scale: 3, channel: "kiosk", missing: 4, perDay: Orders.perDay * 2)
        try await orders.run(days: 1)
        #expect(try firing(orders.fixture) == [])
        try await orders.step()
        #expect(
            try firing(orders.fixture) == [
                "orders.drift amount", "orders.drift channel", "orders.missing channel", "orders.unseen amount", "orders.unseen channel", "orders.volume",
            ])
        let last = try windows(orders.fixture).last
        #expect(measure(last, "missing", "channel")?["value"]?.double == 0.25)
        #expect(measure(last, "volume")?["figures"]?["mean"]?.double == Double(Orders.perDay))
        let figures = try orders.fixture.platform.watchFigures()
        #expect(figures.windows.map(\.monitor) == ["orders"])
        #expect(figures.windows.first?.beyond == 6)
        #expect(figures.windows.first?.measures.first { $0.kind == "missing" && $0.subject == "channel" }?.value == 0.25)
        #expect(figures.alarms["warning"]?["firing"] == 6)
        try await orders.fixture.platform.close()
    }

    @Test("what comes between a release and the first look at its monitor is measured")
    func begins() async throws {
        var orders = try await Orders("quality: { volume: 40% }\n")
        for _ in 0..<3 { try await orders.step(isRead: false) }
        for _ in 0..<2 { try await orders.step() }
        #expect(try windows(orders.fixture).first?["rows"]?.int64 == Int64(Orders.perDay))
        try await orders.fixture.platform.close()
    }

    @Test("short windows wait no longer than so many may be open, unless they are told to: nothing is late")
    func shortWindows() async throws {
        let orders = try await Orders("window: 1s\nquality: { volume: 50% }\nminimum_rows: 1\n")
        let begin = orders.clock.now()
        for second in 0..<90 {
            orders.clock.advance(by: .seconds(1))
            let time = orders.clock.now() - Timestamp.Span(microseconds: 500_000)
            let lines = (0..<2).map { Orders.line("s\(second)-\($0)", time, "b1", "5", "web", "true") }
            _ = try await orders.fixture.ingest(Orders.header + lines.joined(), into: "orders", history: false)
            try await orders.fixture.platform.checkMonitors()
        }
        orders.clock.advance(by: .minutes(1))
        try await orders.fixture.platform.checkMonitors()
        let found = try windows(orders.fixture).filter { $0["rows"] != 0 }
        #expect(found.count == 90 && found.allSatisfy { $0["rows"] == 2 }, "\(found.count) windows since \(begin)")
        try await orders.fixture.platform.close()
    }

    @Test("a backlog that is read piece by piece is no silence")
    func backlog() async throws {
        var limits = Platform.Limits()
        limits.monitoredRows = 100
        var orders = try await Orders("quality: { freshness: 8h }\n", limits: limits)
        for _ in 0..<4 { try await orders.step(isRead: false) }
        for _ in 0..<6 {
            try await orders.fixture.platform.checkMonitors()
            #expect(try firing(orders.fixture) == [])
        }
        orders.clock.advance(by: .hours(9))
        try await orders.fixture.platform.checkMonitors()
        #expect(try firing(orders.fixture) == ["orders.freshness"])
        try await orders.fixture.platform.close()
    }

    @Test("a monitor that comes to watch another stream is held against nothing of the former")
    func anotherSubject() async throws {
        var orders = try await Orders("quality: { volume: 40%, schema: 1%, missing: 1% }\n")
        try await orders.run(days: 4)
        let fixture = orders.fixture
        let other = Orders.stream(ahead: "5m").replacing("stream: orders", with: "stream: returns")
            .replacing("gift: { type: bool, optional: true }", with: "note: { type: string, optional: true }")
        try fixture.write(other, to: "streams/returns.yaml")
        try fixture.write("monitor: orders\nstream: returns\nquality: { volume: 40%, schema: 1%, missing: 1% }\nminimum_rows: 1\n", to: "monitors/orders.yaml")
        try await fixture.apply()
        for day in 0..<4 {
            orders.clock.advance(by: .days(1))
            let lines = (0..<10).map { "{\"id\":\"\(day) \($0)\",\"time\":\"\(orders.clock.now() - .minutes(1))\",\"buyer\":\"b\",\"amount\":1}\n" }
            _ = try await fixture.ingest(lines.joined(), into: "returns", format: .ndjson, history: false)
            try await fixture.platform.checkMonitors()
            #expect(try firing(fixture) == [])
        }
        let last = try windows(fixture).last
        #expect(last?["rows"] == 10)
        #expect(measure(last, "volume")?["figures"]?["mean"]?.double == 10)
        #expect(measure(last, "schema")?["value"]?.double == 0)
        // What was measured of the former is kept.
        #expect(try windows(fixture).contains { $0["rows"]?.int64 == Int64(Orders.perDay) })
        try await fixture.platform.close()
    }

    @Test("the share of rows that the contract refuses is of the rows that came in the window; dead letters that are tried again are not counted again")
    func rejected() async throws {
        var orders = try await Orders("quality: { rejected: 10% }\n")
        try await orders.run(days: 2)
        #expect(try firing(orders.fixture) == [])
        orders.change = .init(broken: 5)
        try await orders.run(days: 1)
        orders.change = .init()
        try await orders.step()
        #expect(try firing(orders.fixture) == ["orders.rejected"])
        // What came at midnight came in the window that begins there.
        let found = measure(try windows(orders.fixture).last, "rejected")
        #expect(found?["value"]?.double == 0.15)
        #expect(found?["figures"]?["rejected"]?.double == 60)
        let scope = try orders.fixture.scope(.deadLettersReplay, .stream, "orders")
        let replayed = try await orders.fixture.platform.replayDeadLetters(of: "orders", requestID: nil, scope: scope)
        #expect(replayed.rejected == Orders.perDay / 5)
        try await orders.run(days: 1)
        #expect(measure(try windows(orders.fixture).last, "rejected")?["value"]?.double == 0.05)
        #expect(try firing(orders.fixture) == [])
        try await orders.fixture.platform.close()
    }

    @Test("a restart in the middle of windows loses nothing and counts nothing twice, late events too", arguments: [1, 2, 3])
    func restart(_ steps: Int) async throws {
        func measured(restarting: Bool) async throws -> [JSONValue] {
            var orders = try await Orders("drift: {}\nquality: { missing: 5%, rejected: 50% }\nreference: { windows: 2 }\n")
            try await orders.run(days: 3)
            orders.change = .init(broken: 7, late: 10)
            for step in 0..<12 {
                try await orders.step()
                if restarting, step % steps == 0 { try await orders.fixture.restart() }
            }
            try await orders.run(days: 1)
            let list = try orders.fixture.platform.monitorList(scope: orders.fixture.scope(.monitorsRead))
            let all = try windows(orders.fixture).map { window -> JSONValue in
                ["start": window["start"] ?? .null, "rows": window["rows"] ?? .null, "measures": window["measures"] ?? .null]
            }
            try await orders.fixture.platform.close()
            return all + list
        }
        let without = try await measured(restarting: false)
        #expect(without.last?["late"]?.int64 ?? 0 > 0)
        #expect(try await measured(restarting: true) == without)
    }

    @Test("what is read late is measured as if it had been read at once")
    func readLate() async throws {
        func measured(every steps: Int) async throws -> [JSONValue] {
            var limits = Platform.Limits()
            limits.monitoredRows = 150
            var orders = try await Orders("drift: {}\nreference: { windows: 2 }\nwindow: 6h\n", limits: limits)
            for step in 0..<28 { try await orders.step(isRead: step % steps == 0) }
            for _ in 0..<30 { try await orders.fixture.platform.checkMonitors() }
            let all = try windows(orders.fixture).map { window -> JSONValue in
                ["start": window["start"] ?? .null, "rows": window["rows"] ?? .null, "measures": window["measures"] ?? .null]
            }
            try await orders.fixture.platform.close()
            return all
        }
        let atOnce = try await measured(every: 1)
        #expect(atOnce.count >= 26)
        #expect(try await measured(every: 9) == atOnce)
    }

    @Test("a stream with a weekly course is held against its weekdays once these have been nearer, and without a course against the last days")
    func seasonal() async throws {
        func chosen(hasWeekends: Bool, days: Int) async throws -> (choices: [String], volumes: [Double?]) {
            var orders = try await Orders("drift: { fields: [channel] }\nquality: { volume: 40% }\nreference: seasonal\n")
            for day in 0..<days {
                orders.change = hasWeekends && day % 7 >= 5 ? .init(channel: "web", perDay: Orders.perDay / 4) : .init()
                try await orders.run(days: 1)
            }
            let all = try windows(orders.fixture)
            try await orders.fixture.platform.close()
            return (all.map { $0["reference"]?["chosen"]?.string ?? "" }, all.map { measure($0, "volume")?["value"]?.double })
        }
        let (choices, volumes) = try await chosen(hasWeekends: true, days: 27)
        #expect(choices.prefix(14).allSatisfy { $0 == "recent" })
        #expect(choices.suffix(7).allSatisfy { $0 == "weekly" })
        #expect(volumes.suffix(7).allSatisfy { $0 == 0 })
        #expect(try await chosen(hasWeekends: false, days: 18).choices.allSatisfy { $0 == "recent" })
    }

    @Test("events of more windows than may be open are counted and not measured, so that memory is bounded")
    func bounded() async throws {
        var orders = try await Orders("quality: { volume: 90% }\nwindow: 1m\n", ahead: "30d")
        try await orders.step()
        let lines = (0..<500).map { Orders.line("x\($0)", orders.clock.now() + .minutes($0), "b", "1", "web", "true") }
        _ = try await orders.fixture.ingest(Orders.header + lines.joined(), into: "orders", history: false)
        try await orders.fixture.platform.checkMonitors()
        orders.clock.advance(by: .minutes(30))
        try await orders.fixture.platform.checkMonitors()
        let late = try orders.fixture.platform.monitorList(scope: orders.fixture.scope(.monitorsRead)).first?["late"]?.int64 ?? 0
        #expect(late >= 450)
        try await orders.fixture.platform.close()
    }

    @Test("a silence of the stream is an alarm, also across a restart")
    func freshness() async throws {
        var orders = try await Orders("quality: { freshness: 8h }\n")
        try await orders.run(days: 2)
        orders.clock.advance(by: .hours(7))
        try await orders.fixture.platform.checkMonitors()
        #expect(try firing(orders.fixture) == [])
        try await orders.fixture.restart()
        orders.clock.advance(by: .hours(2))
        try await orders.fixture.platform.checkMonitors()
        #expect(try firing(orders.fixture) == ["orders.freshness"])
        try await orders.run(days: 1)
        #expect(try firing(orders.fixture) == [])
        try await orders.fixture.platform.close()
    }
}

/// Seeded orders that come in as they happen, under virtual time.
struct Orders {
    /// How what comes differs from what is usual.
    struct Change {
        var scale = 1
        var channel: String?
        /// Of so many orders one has no channel; 0 for none.
        var missing = 0
        /// Of so many orders one breaks the contract; 0 for none.
        var broken = 0
        /// Of so many orders one comes two days late; 0 for none.
        var late = 0
        var perDay = Orders.perDay
    }

    static let perDay = 400
    static let header = "id,time,buyer,amount,channel,gift\n"
    let fixture: PlatformFixture
    let clock: VirtualClock
    var change = Change()
    private var number = 0
    private var random = SplitMix64(seed: 11)

    /// - Parameters:
    ///   - monitor: the keys of the monitor of the orders.
    ///   - ahead: how far beyond its arrival an order's time may lie.
    init(_ monitor: String, ahead: String = "5m", limits: Platform.Limits = .init()) async throws {
        clock = VirtualClock(at: Timestamp(microseconds: 1_780_012_800_000_000))
        fixture = try await PlatformFixture(
            files: [
                "martlet.yaml": "project: shop\n",
                "streams/orders.yaml": Self.stream(ahead: ahead),
                "monitors/orders.yaml": "monitor: orders\nstream: orders\n" + monitor,
            ], limits: limits, clock: clock)
        try await fixture.apply()
    }

    static func stream(ahead: String) -> String {
        """
        stream: orders
        event_time: time
        unique: id
        ahead: \(ahead)
        fields:
          id: string
          time: timestamp
          buyer: { type: string, personal: subject }
          amount: { type: float64, check: "amount >= 0.0" }
          channel: { type: string, optional: true }
          gift: { type: bool, optional: true }
          returned: { type: bool, known_after: 7d, optional: true }
        """
    }

    static func line(_ id: String, _ time: Timestamp, _ buyer: String, _ amount: String, _ channel: String, _ gift: String) -> String {
        "\(id),\(time),\(buyer),\(amount),\(channel),\(gift)\n"
    }

    /// Lets six hours pass, with their orders.
    mutating func step(isRead: Bool = true) async throws {
        let start = clock.now()
        clock.advance(by: .hours(6))
        var lines = ""
        for index in 0..<change.perDay / 4 {
            number += 1
            func isOne(of count: Int) -> Bool { count > 0 && index % count == 0 }
            let spread = Timestamp.Span(microseconds: 6 * 3_600_000_000 / Int64(change.perDay / 4) * Int64(index))
            let time = start + spread - (isOne(of: change.late) ? .days(2) : .zero)
            let amount = isOne(of: change.broken) ? "much" : "\(Int(random.next() % 10_000) * change.scale)"
            let channel = isOne(of: change.missing) ? "" : change.channel ?? ["web", "shop", "phone"][Int(random.next() % 3)]
            lines += Self.line("o\(number)", time, "b\(random.next() % 50)", amount, channel, random.next() % 4 == 0 ? "true" : "false")
        }
        _ = try await fixture.ingest(Self.header + lines, into: "orders", history: false)
        if isRead { try await fixture.platform.checkMonitors() }
    }

    mutating func run(days: Int) async throws {
        for _ in 0..<days * 4 { try await step() }
    }
}

extension String {
    fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
