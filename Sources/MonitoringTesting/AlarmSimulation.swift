import MartletBytes
import MartletFrames
package import MartletMonitoring
import MartletWorld

/// What a simulation of alarms did, to show that it did something.
package struct AlarmSimulationSummary: Sendable, Equatable {
    package var crashes = 0
    package var lives = 0
    package var records = 0
    package var episodes = 0
    package var messages = 0
    package var sentAgain = 0
    package var givenUp = 0
    package var orders = 0
    package var orderedAgain = 0
    package var skipped = 0
    package var silences = 0
    package var checkpoints = 0
    package var hash: UInt64 = 0

    package init() {}

    package static func += (left: inout Self, right: Self) {
        left.crashes += right.crashes
        left.lives += right.lives
        left.records += right.records
        left.episodes += right.episodes
        left.messages += right.messages
        left.sentAgain += right.sentAgain
        left.givenUp += right.givenUp
        left.orders += right.orders
        left.orderedAgain += right.orderedAgain
        left.skipped += right.skipped
        left.silences += right.silences
        left.checkpoints += right.checkpoints
        left.hash ^= right.hash
    }
}

/// A promise of the alarms that a simulation saw broken.
package struct AlarmSimulationFailure: Error, CustomStringConvertible {
    package var seed: UInt64
    package var what: String

    package var description: String { "alarm simulation, seed \(seed): \(what)" }
}

/// Lives the life of alarms with crashes between any two steps, receivers that fail, and readings that come twice.
///
/// A crash loses the machine and whatever was given to be sent or done; the store keeps what was committed. Checked are, all along:
/// what is stored leads to the state of the machine and is read as it was written; a key names one message or order for ever, and no
/// message has two. At the end, once everything may go on: each alarm fired and ended when the definition says, whatever the crashes;
/// every message arrived or was given up; each receiver knows just what fires; for each time that an alarm fired each action was
/// ordered or skipped once, what was ordered was done, and no budget was passed.
///
/// - Parameter tamper: is given each turn before it is stored, to show that the checks see a promise broken.
/// - Throws: ``AlarmSimulationFailure`` with the seed.
package func simulateAlarms(
    seed: UInt64, tamper: (inout AlarmTurn) -> Void = { _ in }
) throws -> AlarmSimulationSummary {
    try withoutActuallyEscaping(tamper) { tamper in
        var simulation = try AlarmSimulation(seed: seed, tamper: tamper)
        return try simulation.run()
    }
}

private struct AlarmSimulation {
    struct Crash: Error {}
    struct Called: Hashable {
        var action: String
        var identity: AlarmIdentity
        var start: Timestamp
    }

    let seed: UInt64
    let tamper: (inout AlarmTurn) -> Void
    var random: SplitMix64
    let plan: AlarmPlan
    var machine: AlarmMachine
    var limits = AlarmMachine.Limits()
    /// The monitors' log, and how far it has been taken.
    var readings: [AlarmReading] = []
    var cursor = 0
    var stored: [TimedAlarmRecord] = []
    /// All that ever was, though the store keeps only a sum.
    var history: [TimedAlarmRecord] = []
    var wall = Timestamp(microseconds: 1_700_000_000_000_000)
    var windows = Timestamp(microseconds: 1_700_000_000_000_000)
    var isQuiet = false
    let jumps: Bool
    /// Given to be sent or done, whose end is reported later.
    var underWay: [AlarmEffect] = []
    var sent: [String: AlarmNotification] = [:]
    var keysOfNumbers: [Int64: String] = [:]
    /// By receiver, in the order of arrival.
    var arrived: [AlarmNotification] = []
    var done: [String: AlarmOrder] = [:]
    var doneOnce: [Called: String] = [:]
    var summary = AlarmSimulationSummary()

    init(seed: UInt64, tamper: @escaping (inout AlarmTurn) -> Void) throws {
        self.seed = seed
        self.tamper = tamper
        random = SplitMix64(seed: seed)
        jumps = Int.random(in: 0..<3, using: &random) == 0
        plan = try Self.plan(&random)
        limits.tries = Int.random(in: 2...6, using: &random)
        limits.groups = Int.random(in: 1...6, using: &random)
        limits.retention = .hours(6)
        machine = AlarmMachine(limits: limits)
    }

    static func plan(_ random: inout SplitMix64) throws -> AlarmPlan {
        func hold(_ random: inout SplitMix64) -> AlarmRule.Hold {
            Bool.random(using: &random) ? .readings(Int.random(in: 1...3, using: &random)) : .span(.minutes(Int64.random(in: 0...20, using: &random)))
        }
        let rules = (0..<Int.random(in: 1...3, using: &random)).map { number in
            AlarmRule(
                "r\(number)", severity: AlarmSeverity.allCases.randomElement(using: &random) ?? .page, hold: hold(&random), clearAfter: hold(&random),
                missing: Bool.random(using: &random) ? .keep : .alarm(after: hold(&random)),
                repeatInterval: Bool.random(using: &random) ? nil : .minutes(Int64.random(in: 30...300, using: &random)),
                coolDown: .minutes([0, 0, 15].randomElement(using: &random) ?? 0))
        }
        let receivers = (0..<3).map { Receiver("receiver\($0)", .command(["tell"]), sendsResolved: $0 != 2, alarmLimit: 1_000) }
        let actions = [
            AlarmAction("free", coolDown: .zero, budget: nil), AlarmAction("cool", coolDown: .hours(1), budget: AlarmAction.Budget(5, per: .days(1))),
            AlarmAction("asked", coolDown: .zero, budget: AlarmAction.Budget(2, per: .hours(2)), needsApproval: true),
        ]
        var routes: [AlarmRoute] = []
        for number in 0..<Int.random(in: 1...3, using: &random) {
            let matchers =
                Bool.random(using: &random) ? [] : [try LabelMatcher("n", .matches, ["1|2", "?", "*0"].randomElement(using: &random) ?? "*")]
            let grouping: [AlarmRoute.Grouping] = [.all, .labels([]), .labels(["alertname"]), .labels(["n", "severity"])]
            routes.append(
                AlarmRoute(
                    "route\(number)", matchers: matchers, receivers: receivers.map(\.id).filter { _ in Bool.random(using: &random) },
                    actions: actions.map(\.id).filter { _ in Bool.random(using: &random) },
                    groupBy: grouping.randomElement(using: &random) ?? .all, groupWait: .seconds(Int64.random(in: 0...60, using: &random)),
                    groupInterval: .minutes(Int64.random(in: 1...10, using: &random)), repeatInterval: .minutes(Int64.random(in: 20...240, using: &random)),
                    continues: Bool.random(using: &random)))
        }
        return try AlarmPlan(rules: rules, routes: routes, receivers: receivers, actions: actions)
    }

    mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share && !isQuiet }

    func fail(_ what: String) -> AlarmSimulationFailure { AlarmSimulationFailure(seed: seed, what: what) }

    // MARK: - Lives

    mutating func run() throws -> AlarmSimulationSummary {
        try live { try $0.start() }
        for _ in 0..<Int.random(in: 50...250, using: &random) { try live { try $0.act() } }
        isQuiet = true
        try live { try $0.settleDown() }
        try checkEnd()
        summary.records = history.count
        summary.hash = hash()
        return summary
    }

    /// Does something; after a crash begins another life.
    mutating func live(_ body: (inout AlarmSimulation) throws -> Void) throws {
        do {
            try body(&self)
        } catch is Crash {
            summary.crashes += 1
            while true {
                underWay = []
                if chance(0.3) { wall = wall + .seconds(Int64.random(in: 0...7_200, using: &random)) }
                machine = AlarmMachine(AlarmState(folding: try reread()), limits: limits)
                do {
                    return try start()
                } catch is Crash {
                    summary.crashes += 1
                }
            }
        }
    }

    mutating func start() throws {
        summary.lives += 1
        try turn { simulation, turn in simulation.machine.configure(simulation.plan, at: simulation.wall, &turn) }
    }

    /// What is stored, as a later program reads it.
    func reread() throws -> [TimedAlarmRecord] {
        try stored.map { record in
            guard let json = try? JSONValue(parsing: record.json.serialized()), let read = TimedAlarmRecord(json), read == record else {
                throw fail("a record is read otherwise than it was written: \(record.json)")
            }
            return read
        }
    }

    /// One turn: stored as a whole with the cursor, then carried out, with a crash between any two steps.
    mutating func turn(cursor: Int? = nil, _ body: (inout AlarmSimulation, inout AlarmTurn) throws -> Void) throws {
        var turn = AlarmTurn()
        try body(&self, &turn)
        if chance(0.03) { throw Crash() }
        tamper(&turn)
        stored += turn.records
        history += turn.records
        if let cursor { self.cursor = cursor }
        for case .silence in turn.records.map(\.record) { summary.silences += 1 }
        if chance(0.02) {
            guard AlarmState(folding: try reread()) == machine.state else { throw fail("what is stored leads to another state") }
        }
        if chance(0.05) {
            stored = machine.state.checkpoint(at: wall)
            guard AlarmState(folding: stored) == machine.state else { throw fail("the sum of what is stored leads to another state") }
            summary.checkpoints += 1
        }
        for effect in turn.effects {
            if chance(0.03) { throw Crash() }
            if case .act(let order) = effect { try carryOut(order) }
            if case .notify(let notification) = effect { try look(at: notification) }
            underWay.append(effect)
        }
        if chance(0.03) { throw Crash() }
    }

    // MARK: - What is sent and done

    mutating func look(at notification: AlarmNotification) throws {
        if let before = sent[notification.key] {
            guard before == notification else { throw fail("the key \(notification.key) names two messages") }
            summary.sentAgain += 1
        }
        if let key = keysOfNumbers[notification.number], key != notification.key {
            throw fail("message \(notification.number) has the keys \(key) and \(notification.key)")
        }
        sent[notification.key] = notification
        keysOfNumbers[notification.number] = notification.key
    }

    /// As whoever carries orders out does it: not again what was done under its key.
    mutating func carryOut(_ order: AlarmOrder) throws {
        guard done[order.key] == nil else {
            summary.orderedAgain += 1
            return
        }
        done[order.key] = order
        summary.orders += 1
        let called = Called(action: order.action, identity: order.identity, start: order.start)
        if let other = doneOnce.updateValue(order.key, forKey: called) { throw fail("\(order.action) was done under \(other) and \(order.key)") }
    }

    mutating func report(_ effect: AlarmEffect) throws {
        switch effect {
        case .act(let order):
            try turn { simulation, turn in simulation.machine.report(order, .done("ok"), at: simulation.wall, &turn) }
        case .notify(let notification):
            let outcome: DeliveryOutcome = chance(0.25) ? (chance(0.2) ? .refused("no") : .failed("down")) : .delivered
            // What is reported as failed may have arrived all the same.
            if outcome == .delivered || outcome == .failed("down") && chance(0.3) { arrived.append(notification) }
            if chance(0.03) { throw Crash() }
            try turn { simulation, turn in simulation.machine.report(notification, outcome, at: simulation.wall, &turn) }
        }
    }

    // MARK: - What happens

    mutating func act() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: try measure()
        case 35..<60: try pass()
        case 60..<85:
            guard !underWay.isEmpty else { return try pass() }
            let effect = underWay.remove(at: Int.random(in: 0..<underWay.count, using: &random))
            try report(effect)
        case 85..<90: try silence()
        case 90..<93: try attend()
        case 93..<97: try answer()
        case 97..<98 where jumps:
            wall = wall + .minutes(Int64.random(in: -2_000...2_000, using: &random))
            try turn { simulation, turn in simulation.machine.tick(at: simulation.wall, &turn) }
        default: throw Crash()
        }
    }

    mutating func measure() throws {
        windows = windows + .minutes(5)
        for rule in plan.rules.keys.sorted() {
            for number in 0..<4 {
                let level = AlarmReading.Level.allCases.randomElement(using: &random) ?? .within
                let wasBeyond = readings.last { $0.rule == rule && $0.labels["n"] == "\(number)" }?.level == .beyond
                // Mostly as before.
                let likely: AlarmReading.Level = Double.random(in: 0..<1, using: &random) < 0.6 ? (wasBeyond ? .beyond : .within) : level
                readings.append(
                    AlarmReading(
                        rule: rule, labels: try AlarmLabels([("n", "\(number)")]), time: windows, level: likely, value: likely == .missing ? nil : 0.5,
                        summary: "\(rule) of \(number)", cause: AlarmCause(monitor: "m", from: windows, to: windows, figures: [.init("psi", .infinity)])))
            }
        }
        try take()
    }

    /// Takes the readings that were not taken; sometimes some that were.
    mutating func take() throws {
        let from = chance(0.1) ? max(0, cursor - 24) : cursor
        let batch = Array(readings[from...])
        try turn(cursor: readings.count) { simulation, turn in simulation.machine.feed(batch, at: simulation.wall, &turn) }
    }

    mutating func pass() throws {
        let longest = wall + .minutes(Int64.random(in: 1...60, using: &random))
        wall = max(wall, min(longest, machine.nextWake(at: wall) ?? longest))
        try turn { simulation, turn in simulation.machine.tick(at: simulation.wall, &turn) }
    }

    mutating func silence() throws {
        let number = Int.random(in: 0..<4, using: &random)
        let silence = Silence(
            id: "s\(number)", matchers: [try LabelMatcher("n", .equals, "\(number)")], start: wall + .minutes(Int64.random(in: -5...30, using: &random)),
            end: wall + .minutes(Int64.random(in: 31...90, using: &random)), author: "ada", comment: "")
        let ends = Bool.random(using: &random)
        try turn { simulation, turn in
            if ends {
                try? simulation.machine.endSilence(silence.id, by: "ada", at: simulation.wall, &turn)
            } else {
                try? simulation.machine.add(silence, at: simulation.wall, &turn)
            }
        }
    }

    mutating func attend() throws {
        guard let alarm = machine.alarms.filter(\.isFiring).randomElement(using: &random) else { return }
        let isBack = Bool.random(using: &random)
        try turn { simulation, turn in
            if isBack {
                try? simulation.machine.unacknowledge(alarm.identity.fingerprint, at: simulation.wall, &turn)
            } else {
                try? simulation.machine.acknowledge(alarm.identity.fingerprint, by: "ada", note: "on it", at: simulation.wall, &turn)
            }
        }
    }

    mutating func answer() throws {
        let waiting = machine.state.orders.values.filter(\.isWaiting).map(\.key).sorted()
        guard let key = waiting.randomElement(using: &random) else { return }
        let isYes = Bool.random(using: &random)
        try turn { simulation, turn in try? simulation.machine.decide(key, approved: isYes, by: "bob", at: simulation.wall, &turn) }
    }

    /// Lets everything arrive until nothing is left to tell.
    mutating func settleDown() throws {
        try take()
        let end = wall + .hours(12)
        for _ in 0..<20_000 where wall < end {
            while !underWay.isEmpty { try report(underWay.removeFirst()) }
            wall = max(wall, min(end, machine.nextWake(at: wall) ?? end))
            try turn { simulation, turn in simulation.machine.tick(at: simulation.wall, &turn) }
        }
        while !underWay.isEmpty { try report(underWay.removeFirst()) }
        guard wall >= end else { throw fail("the machine wakes without end") }
    }

    // MARK: - Checking

    mutating func checkEnd() throws {
        guard AlarmState(folding: try reread()) == machine.state else { throw fail("what is stored leads to another state") }
        try checkLives()
        try checkMessages()
        try checkKnowledge()
        try checkOrders()
    }

    mutating func checkLives() throws {
        var found: [AlarmIdentity: [(start: Timestamp, end: Timestamp?)]] = [:]
        for case .alarm(let event, let alarm) in history.map(\.record) {
            guard let episode = alarm.episode else { continue }
            if event == .fired {
                found[alarm.identity, default: []].append((episode.start, nil))
                summary.episodes += 1
            }
            if case .resolved = event, let last = found[alarm.identity]?.indices.last { found[alarm.identity]?[last].end = episode.end }
        }
        for rule in plan.rules.values {
            for number in 0..<4 {
                let identity = AlarmIdentity(rule: rule.id, labels: try AlarmLabels([("n", "\(number)")]))
                let expected = AlarmOracle.episodes(readings.filter { $0.rule == rule.id && $0.labels == identity.labels }, rule)
                let actual = found[identity] ?? []
                guard actual.map(\.start) == expected.map(\.start), actual.map(\.end) == expected.map(\.end) else {
                    throw fail("\(identity) fired \(actual), by definition \(expected)")
                }
            }
        }
    }

    mutating func checkMessages() throws {
        let arrivedKeys = Set(arrived.map(\.key))
        var given: Set<String> = []
        for case .gaveUp(let key, _, _, _) in history.map(\.record) { given.insert(key) }
        summary.givenUp += given.count
        for case .notified(let notification) in history.map(\.record) {
            summary.messages += 1
            guard arrivedKeys.contains(notification.key) || given.contains(notification.key) else {
                throw fail("message \(notification.number) to \(notification.receiver) is lost")
            }
            guard Set(notification.entries.map(\.identity)).count == notification.entries.count, !notification.entries.isEmpty else {
                throw fail("message \(notification.number) tells of an alarm twice, or of none")
            }
        }
    }

    /// What each receiver knows, who takes each message once, in their order, is what fires.
    func checkKnowledge() throws {
        var known: [String: [AlarmIdentity: Timestamp]] = [:]
        var seen: Set<String> = []
        for notification in arrived.sorted(by: { $0.number < $1.number }) where seen.insert(notification.key).inserted {
            for entry in notification.entries {
                known[notification.route + " " + notification.receiver, default: [:]][entry.identity] = entry.end == nil ? entry.start : nil
            }
        }
        for route in plan.routes {
            for receiver in route.receivers {
                let known = known[route.name + " " + receiver] ?? [:]
                for alarm in machine.alarms {
                    let isRouted = alarm.groups.contains { machine.state.groups[$0]?.route == route.name && machine.state.groups[$0]?.receiver == receiver }
                    if alarm.isFiring, alarm.silencedBy == nil, isRouted, known[alarm.identity] != alarm.episode?.start {
                        throw fail("\(receiver) does not know by \(route.name) that \(alarm.identity) fires")
                    }
                    if !alarm.isFiring, plan.receivers[receiver]?.sendsResolved == true, known[alarm.identity] != nil {
                        throw fail("\(receiver) does not know by \(route.name) that \(alarm.identity) ended")
                    }
                }
            }
        }
    }

    mutating func checkOrders() throws {
        var calls: [Called: Int] = [:]
        var times: [String: [Timestamp]] = [:]
        for timed in history {
            guard case .order(let event, let order) = timed.record else { continue }
            let called = Called(action: order.action, identity: order.identity, start: order.start)
            switch event {
            case .asked: calls[called, default: 0] += 1
            case .ordered:
                // One that was asked for is counted already.
                if order.approvedBy == nil { calls[called, default: 0] += 1 }
                times[order.action, default: []].append(timed.time)
                guard done[order.key] != nil else { throw fail("\(order.key) was ordered and not done") }
            case .skipped(.resolved), .rejected: break
            case .skipped(let reason):
                if plan.actions[order.action]?.needsApproval == false || reason == .silenced { calls[called, default: 0] += 1 }
                summary.skipped += 1
            case .done, .failed, .kept: break
            }
        }
        if let (called, count) = calls.first(where: { $0.value != 1 && plan.actions[$0.key.action]?.needsApproval == false }) {
            throw fail("\(called.action) was decided \(count) times for \(called.identity)")
        }
        guard !jumps else { return }
        for action in plan.actions.values {
            let list = times[action.id] ?? []
            for (left, right) in zip(list, list.dropFirst()) where right.microseconds - left.microseconds < action.coolDown.microseconds {
                throw fail("\(action.id) was ordered at \(left) and \(right)")
            }
            guard let budget = action.budget else { continue }
            for index in list.indices.dropFirst(budget.count) where list[index].microseconds - list[index - budget.count].microseconds < budget.per.microseconds {
                throw fail("\(action.id) was ordered more often than its budget has it, at \(list[index])")
            }
        }
    }

    func hash() -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for record in history { for byte in record.json.serialized() { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        return hash
    }
}
