import MartletBytes
import MartletFrames
import MartletMonitoring
import MartletWorld

extension AlarmScenario {
    /// Lives through the scenario.
    ///
    /// - Throws: ``AlarmScenarioError`` with the first step at which something else happens than it tells.
    package func run() throws {
        guard !steps.isEmpty else { throw AlarmScenarioError(file: file, line: line, message: "nothing happens in it") }
        var runner = try AlarmScenarioRunner(self)
        for step in steps { try runner.live(step) }
    }
}

/// The machine with a store, a clock, and receivers that the scenario plays.
private struct AlarmScenarioRunner {
    enum Mood { case up, down, refuses, hangs }

    let scenario: AlarmScenario
    var plan = AlarmPlan.empty
    var limits = AlarmMachine.Limits()
    var machine = AlarmMachine()
    /// What is stored, as it is stored.
    var stored: [JSONValue] = []
    var wall = Timestamp(microseconds: 0)
    var line = 0
    var moods: [String: Mood] = [:]
    /// What was sent and done, by key.
    var seen: [String: AlarmEffect] = [:]
    /// Given, and not reported since whoever it was given to hangs.
    var hanging: [AlarmEffect] = []
    var told: [String] = []

    init(_ scenario: AlarmScenario) throws {
        self.scenario = scenario
        line = scenario.line
        plan = try readPlan()
        for limit in scenario.limits {
            let words = limit.split(separator: " ").map(String.init)
            guard words.count == 2 else { throw fail("'\(limit)' is no limit") }
            switch words[0] {
            case "alarms": limits.alarms = try number(words[1])
            case "groups": limits.groups = try number(words[1])
            case "silences": limits.silences = try number(words[1])
            case "waiting": limits.waitingOrders = try number(words[1])
            case "tries": limits.tries = try number(words[1])
            case "retention": limits.retention = try span(words[1])
            default: throw fail("there is no limit '\(words[0])'")
            }
        }
        machine = AlarmMachine(limits: limits)
    }

    func fail(_ message: String) -> AlarmScenarioError { AlarmScenarioError(file: scenario.file, line: line, message: message) }

    func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw fail("'\(text)' is no number") }
        return number
    }

    func span(_ text: String) throws -> Timestamp.Span {
        guard let span = Timestamp.Span(text) else { throw fail("'\(text)' is no span of time") }
        return span
    }

    /// `2024-03-01`, `2024-03-01T10:00` or `…T10:00:00`.
    func time(_ text: String) throws -> Timestamp {
        let numbers = text.split { "-T:Z".contains($0) }.compactMap { Int($0) }
        guard (3...6).contains(numbers.count) else { throw fail("'\(text)' is no time") }
        let parts = numbers + Array(repeating: 0, count: 6 - numbers.count)
        let date = CivilDate(year: parts[0], month: parts[1], day: parts[2], hour: parts[3], minute: parts[4], second: parts[5])
        guard let time = date.timestamp else { throw fail("'\(text)' is no time") }
        return time
    }

    // MARK: - The head

    mutating func readPlan() throws -> AlarmPlan {
        do {
            return try AlarmPlan(
                rules: scenario.rules.map { try rule($0) }, routes: scenario.routes.map { try route($0) },
                receivers: scenario.receivers.map { try receiver($0) }, actions: scenario.actions.map { try action($0) })
        } catch let error as AlarmError {
            throw fail("\(error)")
        }
    }

    /// The first word, and the rest.
    func split(_ text: String) -> (String, String) {
        let word = text.prefix { $0 != " " }
        return (String(word), String(text.dropFirst(word.count)).trimmed)
    }

    mutating func rule(_ item: AlarmScenario.Item) throws -> AlarmRule {
        line = item.line
        var rule = AlarmRule(item.name)
        func hold(_ text: String) throws -> AlarmRule.Hold {
            guard let hold = AlarmRule.Hold(text) else { throw fail("'\(text)' is no number of readings and no span") }
            return hold
        }
        for part in item.parts {
            let (word, rest) = split(part)
            switch word {
            case "severity":
                guard let severity = AlarmSeverity(rawValue: rest) else { throw fail("there is no severity '\(rest)'") }
                rule.severity = severity
            case "for": rule.hold = try hold(rest)
            case "clear_after": rule.clearAfter = try hold(rest)
            case "repeat": rule.repeatInterval = try span(rest)
            case "cool_down": rule.coolDown = try span(rest)
            case "missing": rule.missing = .alarm(after: try hold(rest))
            default: throw fail("a rule has no '\(word)'")
            }
        }
        return rule
    }

    mutating func route(_ item: AlarmScenario.Item) throws -> AlarmRoute {
        line = item.line
        var route = AlarmRoute(item.name)
        for part in item.parts {
            let (word, rest) = split(part)
            let names = AlarmScenario.items(rest, at: ",")
            switch word {
            case "if": route.matchers = try names.map { try LabelMatcher($0) }
            case "to": route.receivers = names
            case "do": route.actions = names
            case "group_by": route.groupBy = rest == "all" ? .all : .labels(names == ["nothing"] ? [] : names)
            case "wait": route.groupWait = try span(rest)
            case "interval": route.groupInterval = try span(rest)
            case "repeat": route.repeatInterval = try span(rest)
            case "continues": route.continues = true
            default: throw fail("a route has no '\(word)'")
            }
        }
        return route
    }

    mutating func receiver(_ item: AlarmScenario.Item) throws -> Receiver {
        line = item.line
        var receiver = Receiver(item.name, .command(["tell"]))
        for part in item.parts {
            let (word, rest) = split(part)
            switch word {
            case "ends": receiver.sendsResolved = rest != "not told"
            case "alarms": receiver.alarmLimit = try number(rest)
            default: throw fail("a receiver has no '\(word)'")
            }
        }
        return receiver
    }

    mutating func action(_ item: AlarmScenario.Item) throws -> AlarmAction {
        line = item.line
        var action = AlarmAction(item.name, coolDown: .zero, budget: nil)
        for part in item.parts {
            let (word, rest) = split(part)
            switch word {
            case "cool_down": action.coolDown = try span(rest)
            case "budget":
                let words = rest.split(separator: " ").map(String.init)
                guard words.count == 3, words[1] == "per" else { throw fail("a budget is 'budget 2 per 1d'") }
                action.budget = AlarmAction.Budget(try number(words[0]), per: try span(words[2]))
            case "approval": action.needsApproval = true
            default: throw fail("an action has no '\(word)'")
            }
        }
        return action
    }

    // MARK: - Steps

    mutating func live(_ step: AlarmScenario.Step) throws {
        line = step.line
        told = []
        switch step.time {
        case .same: break
        case .after(let text): try pass(to: wall + span(text))
        case .at(let text):
            let moment = try time(text)
            if wall.microseconds == 0 {
                wall = moment
                try turn { $0.configure($1, at: $2, &$3) }
            } else {
                guard moment >= wall else { throw fail("it is \(wall) already") }
                try pass(to: moment)
            }
        }
        if !step.event.isEmpty { try perform(step.event) }
        try check()
        let expected = step.expected.sorted()
        let found = told.sorted()
        guard expected != found else { return }
        var counts: [String: Int] = [:]
        for text in found { counts[text, default: 0] += 1 }
        for text in expected { counts[text, default: 0] -= 1 }
        let missing = expected.filter { counts[$0, default: 0] < 0 }
        let surplus = found.filter { counts[$0, default: 0] > 0 }
        let problems = [("told, and did not happen: ", missing), ("happened, and is not told: ", surplus)]
        throw fail(problems.filter { !$0.1.isEmpty }.map { $0.0 + $0.1.joined(separator: ", ") }.joined(separator: "; "))
    }

    mutating func pass(to target: Timestamp) throws {
        var looks = 0
        while let next = machine.nextWake(at: wall), next <= target {
            looks += 1
            guard looks < 100_000 else { throw fail("the machine wakes without end") }
            wall = max(wall, next)
            try turn { machine, _, now, turn in machine.tick(at: now, &turn) }
        }
        wall = target
        try turn { machine, _, now, turn in machine.tick(at: now, &turn) }
    }

    /// One turn: it is stored, then carried out.
    mutating func turn(
        isStored: Bool = true, isCarriedOut: Bool = true, _ body: (inout AlarmMachine, AlarmPlan, Timestamp, inout AlarmTurn) throws -> Void
    ) throws {
        var turn = AlarmTurn()
        do {
            try body(&machine, plan, wall, &turn)
        } catch let error as AlarmError {
            told.append("refused (\(error.message))")
        }
        guard isStored else { return }
        stored += turn.records.map(\.json)
        for record in turn.records { tell(record.record) }
        if turn.refused > 0 { told.append("no room for \(turn.refused)") }
        guard isCarriedOut else { return }
        for effect in turn.effects { try carryOut(effect) }
    }

    func name(_ identity: AlarmIdentity) -> String {
        let labels = identity.labels.labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
        return labels.isEmpty ? identity.rule : "\(identity.rule){\(labels)}"
    }

    mutating func tell(_ record: AlarmRecord) {
        switch record {
        case .alarm(let event, let alarm):
            let name = name(alarm.identity)
            switch event {
            case .counted, .kept: break
            case .pending: told.append("pending \(name)")
            case .lapsed: told.append("lapses \(name)")
            case .fired: told.append("fires \(name)")
            case .resolved(let reason): told.append("resolves \(name)" + (reason.map { " (\($0))" } ?? ""))
            case .acknowledged: told.append("acknowledged \(name)")
            case .unacknowledged: told.append("unacknowledged \(name)")
            case .silenced: told.append("silenced \(name)")
            case .unsilenced: told.append("unsilenced \(name)")
            case .regrouped: told.append("regrouped \(name)")
            case .forgotten: told.append("forgotten \(name)")
            }
        case .gaveUp(_, let group, let reason, _): told.append("gives up \(machine.state.groups[group]?.receiver ?? group) (\(reason))")
        case .order(let event, let order):
            let text = "\(order.action) for \(name(order.identity))"
            switch event {
            case .asked: told.append("asks \(text)")
            case .skipped(let reason): told.append("skips \(text) (\(reason.rawValue))")
            case .rejected: told.append("rejects \(text)")
            case .failed(let reason): told.append("fails \(text) (\(reason))")
            case .ordered, .done, .kept: break
            }
        case .groupOpened, .notified, .delivered, .tryFailed, .groupClosed, .silence, .silenceEnded, .silenceForgotten, .effect, .keptGroup,
            .keptCounts:
            break
        }
    }

    mutating func carryOut(_ effect: AlarmEffect) throws {
        let key: String
        switch effect {
        case .notify(let notification): key = notification.key
        case .act(let order): key = order.key
        }
        if let before = seen[key], before != effect { throw fail("the key \(key) names two things") }
        let again = seen.updateValue(effect, forKey: key) == nil ? "" : " again"
        switch effect {
        case .notify(let notification):
            let texts = notification.entries.map { ($0.end == nil ? "firing " : "resolved ") + name($0.identity) }
            let content = texts.joined(separator: ", ") + (notification.omitted > 0 ? " and \(notification.omitted) more" : "")
            let mood = moods[notification.receiver] ?? .up
            switch mood {
            case .up: told.append("\(notification.receiver) told\(again) (\(content))")
            case .down: told.append("\(notification.receiver) not reached")
            case .refuses: told.append("\(notification.receiver) refuses")
            case .hangs:
                told.append("\(notification.receiver) hangs")
                hanging.append(effect)
                return
            }
            let outcome: DeliveryOutcome = mood == .up ? .delivered : mood == .down ? .failed("down") : .refused("no")
            try turn { machine, _, now, turn in machine.report(notification, outcome, at: now, &turn) }
        case .act(let order):
            told.append("does \(order.action) for \(name(order.identity))\(again)")
            switch moods[order.action] ?? .up {
            case .up: try turn { machine, _, now, turn in machine.report(order, .done("ok"), at: now, &turn) }
            case .down, .refuses: try turn { machine, _, now, turn in machine.report(order, .failed("broken"), at: now, &turn) }
            case .hangs: hanging.append(effect)
            }
        }
    }

    // MARK: - Events

    /// `drift{feature=amount}`.
    func identity(_ text: String) throws -> AlarmIdentity {
        let rule = text.prefix { $0 != "{" }
        var pairs: [(String, String)] = []
        var missing = false
        if rule.count < text.count {
            guard text.hasSuffix("}") else { throw fail("'\(text)' is no alarm") }
            for item in AlarmScenario.items(String(text.dropFirst(rule.count + 1).dropLast()), at: ",") {
                let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { throw fail("'\(item)' is no label") }
                if parts[0] == "reading" { missing = true } else { pairs.append((parts[0], parts[1])) }
            }
        }
        let labels = try AlarmLabels(pairs)
        let plain = AlarmIdentity(rule: String(rule), labels: labels)
        guard missing else { return plain }
        guard let alarm = machine.alarms.first(where: { name($0.identity) == text }) else { throw fail("there is no alarm '\(text)'") }
        return alarm.identity
    }

    mutating func perform(_ event: String, isStored: Bool = true, isCarriedOut: Bool = true) throws {
        func after(_ prefix: String) -> String? { event.hasPrefix(prefix) ? String(event.dropFirst(prefix.count)).trimmed : nil }
        if event == "crash" { return try crash() }
        if let event = after("crash before storing:") {
            try perform(event, isStored: false)
            return try crash()
        }
        if let event = after("crash before carrying out:") {
            try perform(event, isCarriedOut: false)
            return try crash()
        }
        if event == "checkpoint" {
            stored = machine.state.checkpoint(at: wall).map(\.json)
            return
        }
        if let text = after("clock ") {
            let isBack = text.hasPrefix("-")
            let span = try span(String(text.dropFirst()))
            wall = isBack ? wall - span : wall + span
            return try turn { machine, _, now, turn in machine.tick(at: now, &turn) }
        }
        if let text = after("without ") {
            let (_, name) = split(text)
            do {
                plan = try AlarmPlan(
                    rules: plan.rules.values.filter { $0.id != name }, routes: plan.routes.filter { $0.name != name },
                    receivers: Array(plan.receivers.values), actions: Array(plan.actions.values))
            } catch {
                throw fail("\(error)")
            }
            return try turn { $0.configure($1, at: $2, &$3) }
        }
        for (words, mood) in [(" is up", Mood.up), (" is down", .down), (" refuses", .refuses), (" hangs", .hangs)] where event.hasSuffix(words) {
            moods[String(event.dropLast(words.count))] = mood
            return
        }
        if let name = after("show ") {
            let alarm = machine.state.alarms[try identity(name)]
            told.append("\(name) is \(alarm?.phase.rawValue ?? "unknown")")
            return
        }
        if event == "again" {
            // Whatever hangs is told by whom it was given to that it is done.
            let effects = hanging
            hanging = []
            for effect in effects {
                try turn { machine, _, now, turn in
                    switch effect {
                    case .notify(let notification): machine.report(notification, .delivered, at: now, &turn)
                    case .act(let order): machine.report(order, .done("late"), at: now, &turn)
                    }
                }
            }
            return
        }
        let before = self
        try turn(isStored: isStored, isCarriedOut: isCarriedOut) { machine, _, now, turn in
            try before.request(event, &machine, now, &turn)
        }
    }

    func request(_ event: String, _ machine: inout AlarmMachine, _ now: Timestamp, _ turn: inout AlarmTurn) throws {
        let words = AlarmScenario.items(event, at: " ")
        switch words[0] {
        case "ack":
            guard words.count >= 4, words[2] == "by" else { throw fail("'ack ALARM by PERSON NOTE'") }
            let note = words.dropFirst(4).joined(separator: " ")
            return try machine.acknowledge(identity(words[1]).fingerprint, by: words[3], note: note, at: now, &turn)
        case "unack" where words.count == 2: return try machine.unacknowledge(identity(words[1]).fingerprint, at: now, &turn)
        case "finish" where words.count == 2: return try machine.end(identity(words[1]), reason: "by hand", at: now, &turn)
        case "silence":
            // silence s1 [feature=a, severity=page] for 2h [from +1h]
            guard words.count >= 5, words[2].hasPrefix("["), words[3] == "for" else { throw fail("'silence ID [MATCHERS] for SPAN [in SPAN]'") }
            let matchers = try AlarmScenario.items(String(words[2].dropFirst().dropLast()), at: ",").map { try LabelMatcher($0) }
            let start = words.count == 7 ? now + (try span(words[6])) : now
            return try machine.add(
                Silence(id: words[1], matchers: matchers, start: start, end: start + (try span(words[4])), author: "ada", comment: ""), at: now, &turn)
        case "unsilence" where words.count == 2: return try machine.endSilence(words[1], by: "ada", at: now, &turn)
        case "approve", "reject":
            guard words.count == 4 else { throw fail("'approve ACTION for ALARM'") }
            let identity = try identity(words[3])
            let order = machine.state.orders.values.first { $0.action == words[1] && $0.identity == identity }
            return try machine.decide(order?.key ?? "none", approved: words[0] == "approve", by: "ada", at: now, &turn)
        default: break
        }
        var readings: [AlarmReading] = []
        for text in AlarmScenario.items(event, at: ";") {
            var words = AlarmScenario.items(text, at: " ")
            guard words.count >= 2, let level = AlarmReading.Level(rawValue: words[1]) else { throw fail("'\(event)' means nothing") }
            let identity = try identity(words[0])
            var reading = AlarmReading(rule: identity.rule, labels: identity.labels, time: now, level: level)
            words.removeFirst(2)
            if words.count >= 2, words[words.count - 2] == "of" {
                reading.time = try time(words[words.count - 1])
                words.removeLast(2)
            }
            if let value = words.first {
                guard let number = Double(value) else { throw fail("'\(value)' is no value") }
                reading.value = number
            }
            readings.append(reading)
        }
        machine.feed(readings, at: now, &turn)
    }

    mutating func crash() throws {
        hanging = []
        machine = AlarmMachine(try rebuilt(), limits: limits)
        try turn { $0.configure($1, at: $2, &$3) }
    }

    func rebuilt() throws -> AlarmState {
        var state = AlarmState()
        for json in stored {
            guard let read = TimedAlarmRecord(try JSONValue(parsing: json.serialized())) else { throw fail("a record cannot be read: \(json)") }
            state.apply(read)
        }
        return state
    }

    /// What must hold after every step, whatever the scenario tells.
    func check() throws {
        let state = try rebuilt()
        guard state == machine.state else { throw fail("what is stored leads to another state") }
        var folded = AlarmState()
        for record in state.checkpoint(at: wall) { folded.apply(record) }
        guard folded == state else { throw fail("the checkpoint leads to another state") }
    }
}
