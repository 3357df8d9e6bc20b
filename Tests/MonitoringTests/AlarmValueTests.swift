import MartletFrames
import MartletMonitoring
import Testing

@Suite("Labels, matchers, plans")
struct AlarmValueTests {
    @Test("matchers are read as they are written, and written as they are read", arguments: [
        ("feature=amount", "feature=\"amount\""), ("feature=\"a b\"", "feature=\"a b\""), ("feature != x", "feature!=\"x\""),
        ("feature=~\"a*|b?\"", "feature=~\"a*|b?\""), ("feature!~\"a\\\"b\\\\n\"", "feature!~\"a\\\"b\\\\n\""), ("x=", "x=\"\""), ("x=\"\\n\"", "x=\"\\n\""),
    ])
    func matchers(_ text: String, _ canonical: String) throws {
        let matcher = try LabelMatcher(text)
        #expect(matcher.description == canonical)
        #expect(try LabelMatcher(canonical) == matcher)
    }

    @Test("what is no matcher is refused", arguments: ["", "feature", "=x", "1a=x", "a b=x", "a=\"x", "a=\"x\"y", "a=x y", "a==\"x\"y", "é=x", "a=\"x\\\""])
    func noMatchers(_ text: String) {
        #expect(throws: AlarmError.self) { try LabelMatcher(text) }
    }

    @Test("patterns hold for whole values", arguments: [
        ("a*", "a", true), ("a*", "ab", true), ("a*", "ba", false), ("*a", "ba", true), ("*a*", "bab", true), ("a?c", "abc", true), ("a?c", "ac", false),
        ("a|b", "b", true), ("a|b", "ab", false), ("", "", true), ("", "a", false), ("*", "", true), ("a\\*", "a*", true), ("a\\*", "ab", false),
        ("a\\|b", "a|b", true), ("*ab*ab", "abxabab", true), ("**?", "é", true), ("a\\", "a\\", true),
    ])
    func patterns(_ pattern: String, _ text: String, _ holds: Bool) throws {
        #expect(try LabelMatcher("n", .matches, pattern).holds(for: text) == holds)
        #expect(try LabelMatcher("n", .matchesNot, pattern).holds(for: text) != holds)
    }

    @Test("no pattern takes long", .timeLimit(.minutes(1)))
    func hostilePattern() throws {
        let pattern = String(repeating: "*a", count: 500) + "b"
        let text = String(repeating: "a", count: 1_024)
        for _ in 0..<100 { #expect(try !LabelMatcher("n", .matches, pattern).holds(for: text)) }
    }

    @Test("labels are sorted, unique, named as Prometheus names them, and bounded")
    func labels() throws {
        #expect(try AlarmLabels([("b", "2"), ("a", "1")]) == AlarmLabels([("a", "1"), ("b", "2")]))
        #expect(try AlarmLabels([("a", "x\"\n")]).description == "{a=\"x\\\"\\n\"}")
        for pairs in [[("a", "1"), ("a", "2")], [("1a", "")], [("", "")], [("alertname", "x")], [("severity", "x")], [("reading", "x")], [("a-b", "")]] {
            #expect(throws: AlarmError.self) { try AlarmLabels(pairs) }
        }
        let limit = String(repeating: "x", count: AlarmLabels.valueLimit)
        #expect(try AlarmLabels([("a", limit)])["a"] == limit)
        #expect(throws: AlarmError.self) { try AlarmLabels([("a", limit + "x")]) }
        let many = (0...AlarmLabels.countLimit).map { ("l\($0)", "") }
        #expect(throws: AlarmError.self) { try AlarmLabels(many) }
        #expect(try AlarmLabels(Array(many.dropLast())).labels.count == AlarmLabels.countLimit)
    }

    @Test("a plan names only what there is, each once")
    func plans() throws {
        let hook = Receiver("hook", .command(["x"]))
        #expect(throws: AlarmError.self) { try AlarmPlan(rules: [], routes: [AlarmRoute("r", receivers: ["hook"])]) }
        #expect(throws: AlarmError.self) { try AlarmPlan(rules: [], routes: [AlarmRoute("r", actions: ["do"])]) }
        #expect(throws: AlarmError.self) { try AlarmPlan(rules: [], routes: [], receivers: [hook, hook]) }
        #expect(throws: AlarmError.self) { try AlarmPlan(rules: [AlarmRule("a"), AlarmRule("a")], routes: []) }
        #expect(throws: AlarmError.self) { try AlarmPlan(rules: [], routes: [AlarmRoute("r", groupBy: .labels(["a-b"]))]) }
        #expect(try AlarmPlan(rules: [], routes: [AlarmRoute("r", receivers: ["hook"])], receivers: [hook]).routes.count == 1)
    }

    @Test("for and clear_after are a number of readings or a span", arguments: [
        ("2", AlarmRule.Hold.readings(2)), ("0", .readings(1)), ("10m", .span(.minutes(10))),
    ])
    func holds(_ text: String, _ hold: AlarmRule.Hold) {
        #expect(AlarmRule.Hold(text) == hold)
        #expect(AlarmRule.Hold("x") == nil && AlarmRule.Hold("-1") == nil)
    }

    @Test("10,000 alarms of one group are fed and told within seconds", .timeLimit(.minutes(1)))
    func scale() throws {
        let plan = try AlarmPlan(
            rules: [AlarmRule("r")], routes: [AlarmRoute("all", receivers: ["hook"], groupWait: .zero)], receivers: [Receiver("hook", .command(["x"]))])
        var machine = AlarmMachine()
        var turn = AlarmTurn()
        let now = Timestamp(microseconds: 1_700_000_000_000_000)
        machine.configure(plan, at: now, &turn)
        let labels = try (0..<10_001).map { try AlarmLabels([("n", "\($0)")]) }
        for round in 0..<3 {
            turn = AlarmTurn()
            let time = now + .minutes(Int64(round) * 10)
            machine.feed(labels.map { AlarmReading(rule: "r", labels: $0, time: time, level: .beyond) }, at: time, &turn)
            #expect(turn.refused == 1)
        }
        #expect(machine.state.alarms.count == 10_000 && machine.refusedReadings == 3)
        guard case .notify(let notification)? = machine.state.groups.values.first?.outstanding.map({ AlarmEffect.notify($0.notification) }) else {
            Issue.record("nothing is told")
            return
        }
        #expect(notification.entries.count == 100 && notification.omitted == 9_900)
    }
}
