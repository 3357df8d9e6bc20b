import MartletBytes
import MartletFrames
import MartletMonitoring
import Testing

@Suite("What became of the measure after a reaction")
struct ReactionEffectTests {
    /// The machine, and what it stored.
    private struct Desk {
        var machine = AlarmMachine()
        var records: [TimedAlarmRecord] = []
        var orders: [AlarmOrder] = []

        mutating func turn(_ body: (inout AlarmMachine, inout AlarmTurn) throws -> Void) rethrows {
            var turn = AlarmTurn()
            try body(&machine, &turn)
            records += turn.records
            for case .act(let order) in turn.effects { orders.append(order) }
        }

        /// As after a crash: what was stored is all there is.
        mutating func restart(_ plan: AlarmPlan, at now: Timestamp) throws {
            let read = try records.map { record in try #require(TimedAlarmRecord(try JSONValue(parsing: record.json.description))) }
            #expect(read == records)
            let state = AlarmState(folding: read)
            #expect(state == machine.state)
            #expect(AlarmState(folding: state.checkpoint(at: now)).effects == state.effects)
            machine = AlarmMachine(state)
            turn { $0.configure(plan, at: now, &$1) }
        }

        var effects: [ReactionEffect] { records.compactMap { if case .effect(let effect) = $0.record { effect } else { nil } } }
    }

    private static func day(_ number: Int64) -> Timestamp { Timestamp(microseconds: 1_780_012_800_000_000) + .days(number) }

    /// Of the window that begins on a day.
    private static func reading(_ number: Int64, _ value: Double?, _ level: AlarmReading.Level) -> AlarmReading {
        AlarmReading(
            rule: "m.drift", time: day(number + 1), level: level, value: value,
            cause: AlarmCause(monitor: "m", from: day(number), to: day(number + 1)))
    }

    private static func plan(_ rules: [String] = ["m.drift"]) throws -> AlarmPlan {
        try AlarmPlan(
            rules: rules.map { AlarmRule($0) }, routes: [AlarmRoute("r", actions: ["retrain"])], actions: [AlarmAction("retrain")])
    }

    private func fired() throws -> Desk {
        var desk = Desk()
        try desk.turn { $0.configure(try Self.plan(), at: Self.day(0), &$1) }
        desk.turn { $0.feed([Self.reading(0, 0.4, .beyond)], at: Self.day(1) + .minutes(10), &$1) }
        let order = try #require(desk.orders.first)
        desk.turn { $0.report(order, .done("run 1"), at: Self.day(1) + .minutes(11), &$1) }
        return desk
    }

    private func feed(_ desk: inout Desk, _ number: Int64, _ value: Double?, _ level: AlarmReading.Level) {
        desk.turn { $0.feed([Self.reading(number, value, level)], at: Self.day(number + 1) + .minutes(10), &$1) }
    }

    @Test("is told of the first windows that began after it was done, though the program starts anew, with when the alarm ended")
    func followed() throws {
        var desk = try fired()
        // It began before the reaction was done.
        feed(&desk, 1, 0.35, .beyond)
        #expect(desk.effects.isEmpty)
        feed(&desk, 2, 0.2, .beyond)
        try desk.restart(Self.plan(), at: Self.day(3) + .minutes(20))
        // What comes twice counts once.
        feed(&desk, 2, 0.2, .beyond)
        feed(&desk, 3, nil, .missing)
        feed(&desk, 4, 0.05, .within)
        try desk.restart(Self.plan(), at: Self.day(5) + .minutes(20))
        feed(&desk, 5, 0.04, .within)
        let last = try #require(desk.effects.last)
        #expect(desk.effects.count == 3 && last.isComplete && desk.machine.state.effects.isEmpty)
        #expect(last.order.value == 0.4 && last.done == Self.day(1) + .minutes(11))
        #expect(last.after.map(\.value) == [0.2, nil, 0.05] && last.after.map(\.level) == [.beyond, .missing, .within])
        #expect(last.after.map(\.from) == [Self.day(2), Self.day(3), Self.day(4)])
        #expect(last.ended == Self.day(5) + .minutes(10))
        #expect(last.endedAfter == .days(4) + Timestamp.Span(microseconds: -60_000_000))
    }

    @Test("goes on after the windows until the alarm ends, and to its third window after an early end")
    func late() throws {
        var desk = try fired()
        for number in Int64(2)...6 { feed(&desk, number, 0.3, .beyond) }
        let before = try #require(desk.effects.last)
        #expect(!before.isComplete && before.ended == nil && before.after.count == 3 && desk.effects.count == 3)
        feed(&desk, 7, 0.1, .within)
        let last = try #require(desk.effects.last)
        #expect(last.isComplete && last.after == before.after && last.ended == Self.day(8) + .minutes(10))

        var early = try fired()
        feed(&early, 1, 0.1, .within)
        #expect(early.effects.last?.ended == Self.day(2) + .minutes(10) && early.effects.last?.after.isEmpty == true)
        for number in Int64(2)...4 { feed(&early, number, 0.3, .beyond) }
        // The alarm that fires anew is another's reason, and its order is within the cool-down.
        #expect(early.effects.last?.isComplete == true && early.effects.last?.ended == Self.day(2) + .minutes(10))
    }

    @Test("ends with what is known if the alarm's rule goes, or if it is followed for too long")
    func cut() throws {
        var removed = try fired()
        feed(&removed, 2, 0.3, .beyond)
        try removed.turn { $0.configure(try Self.plan(["other"]), at: Self.day(4), &$1) }
        let gone = try #require(removed.effects.last)
        #expect(gone.isComplete && gone.after.count == 1 && gone.ended == Self.day(4) && removed.machine.state.effects.isEmpty)

        var long = try fired()
        long.turn { $0.tick(at: Self.day(60), &$1) }
        #expect(long.effects.isEmpty)
        long.turn { $0.tick(at: Self.day(62), &$1) }
        let dropped = try #require(long.effects.last)
        #expect(dropped.isComplete && dropped.ended == nil && dropped.after.isEmpty && long.machine.state.effects.isEmpty)
    }
}
