public import MartletFrames

/// Decides which alarms there are, who is told of them when, and what is done: a pure machine that takes readings, requests and
/// the time, and gives what is to be stored and then to be done.
///
/// Every call adds to a turn. The shell stores its records in one transaction, with whatever the readings came from, and
/// carries out the effects only after that:
///
/// ```swift
/// var turn = AlarmTurn()
/// machine.feed(readings, at: now, &turn)
/// try store.commit(turn.records)
/// for effect in turn.effects { perform(effect) }      // and report what came of each
/// ```
///
/// A machine made of the stored records stands where the one before it stood: what was to be sent or done and was not
/// reported is given again by its first ``tick(at:_:)``, under the same key.
///
/// Whether an alarm fires follows its readings' own time; when it is told follows the clock. The clock may jump: what is due
/// after a span is due at the latest when it has shown another time for twice that span.
public struct AlarmMachine: Sendable {
    public struct Limits: Sendable {
        /// Alarms that are known, those at rest included; the oldest at rest make room for new ones.
        public var alarms = 10_000
        /// Groups of one row and receiver; alarms beyond share one group without labels.
        public var groups = 1_000
        public var silences = 1_000
        /// Actions that wait for an answer.
        public var waitingOrders = 1_000
        /// How long an alarm at rest is known, so that a reading that comes twice is not counted twice.
        public var retention: Timestamp.Span = .days(1)
        /// How long a silence is known after its end.
        public var silenceRetention: Timestamp.Span = .days(5)
        /// How often one message is tried.
        public var tries = 20
        public var firstRetry: Timestamp.Span = .seconds(10)
        public var longestRetry: Timestamp.Span = .minutes(10)
        /// Effects of reactions that are followed at a time, for how long, and readings that are kept of each.
        public var effects = 1_000
        public var effectRetention: Timestamp.Span = .days(60)
        public var effectReadings = 3
        /// Bytes of summaries, notes and reasons that are kept.
        public var textLength = 1_000

        public init() {}
    }

    public let limits: Limits
    public private(set) var plan = AlarmPlan.empty
    /// What the stored records lead to.
    public private(set) var state: AlarmState

    // What follows from the state, or is true of this life only.

    /// Keys of what was given to be done and has not been reported.
    private(set) var underWay: Set<String> = []
    /// Keys of messages that were decided in this life and given once: no program before this one can have sent them.
    var givenOnce: Set<String> = []
    /// When each group is to be looked at; none for one that waits for nothing.
    private var groupDue: [String: Timestamp] = [:]
    private var dirtyGroups: Set<String> = []
    /// Groups of each row and receiver.
    private var groupCounts: [String: Int] = [:]
    private var activeSilences: [String]?
    private var forgetDue: Timestamp?
    private var lastTime: Timestamp?
    /// Readings that there was no room for.
    public private(set) var refusedReadings = 0

    /// - Parameter state: the fold of the records that are stored.
    public init(_ state: AlarmState = AlarmState(), limits: Limits = Limits()) {
        self.state = state
        self.limits = limits
        dirtyGroups = Set(state.groups.keys)
        for group in state.groups.values { groupCounts[Self.rowKey(group.route, group.receiver), default: 0] += 1 }
    }

    // MARK: - Looking

    /// Alarms in the order of their identities; those at rest too.
    public var alarms: [Alarm] { state.alarms.values.sorted { $0.identity < $1.identity } }

    /// The alarms with a fingerprint: one, unless somebody set out to make two.
    public func alarms(withFingerprint fingerprint: String) -> [Alarm] { alarms.filter { $0.identity.fingerprint == fingerprint } }

    /// When to call ``tick(at:_:)`` next if nothing else happens; nil for never.
    ///
    /// - Complexity: O(groups + silences).
    public func nextWake(at now: Timestamp) -> Timestamp? {
        if !dirtyGroups.isEmpty { return now }
        var next = forgetDue
        func take(_ time: Timestamp) { next = next.map { min($0, time) } ?? time }
        for time in groupDue.values { take(time) }
        for silence in state.silences.values {
            take(now < silence.start ? silence.start : now < silence.end ? silence.end : after(silence.end, limits.silenceRetention, at: now))
        }
        return next
    }

    // MARK: - Time and definitions

    /// Does what is due.
    public mutating func tick(at now: Timestamp, _ turn: inout AlarmTurn) { settle(at: now, &turn) }

    /// Puts definitions in force; the first call comes before everything else.
    ///
    /// Alarms of rules that are gone end, groups of rows and receivers that are gone close, and what fires is told by the rows
    /// that are now.
    public mutating func configure(_ plan: AlarmPlan, at now: Timestamp, _ turn: inout AlarmTurn) {
        self.plan = plan
        for group in state.groups.values.sorted(by: { $0.id < $1.id }) {
            let route = plan.routes.first { $0.name == group.route }
            guard route?.receivers.contains(group.receiver) != true else { continue }
            close(group, reason: "its route or receiver is gone", at: now, &turn)
        }
        for order in state.orders.values.sorted(by: { $0.key < $1.key }) where order.isWaiting && plan.actions[order.action] == nil {
            note(.order(.skipped(.removed), order), at: now, &turn)
        }
        for alarm in alarms {
            let rule = plan.rules[alarm.identity.rule]
            if rule == nil || rule?.missing == .keep && alarm.identity.labels["reading"] == "missing" {
                if alarm.isFiring {
                    resolve(alarm, at: now, reason: rule == nil ? "its rule is gone" : "its rule lets values be missing", &turn)
                } else if alarm.beyond != nil {
                    lapse(alarm, at: now, &turn)
                }
            } else if alarm.isFiring {
                var changed = alarm
                assignGroups(&changed, at: now, &turn)
                if changed.groups != alarm.groups { note(.alarm(.regrouped, changed), at: now, &turn) }
            }
        }
        dirtyGroups.formUnion(state.groups.keys)
        settle(at: now, &turn)
    }

    // MARK: - Readings

    /// Takes what monitors measured, each alarm's readings in the order of their times; one that is not later than the one before
    /// it, or of a rule that there is none of, is passed over.
    public mutating func feed(_ readings: [AlarmReading], at now: Timestamp, _ turn: inout AlarmTurn) {
        var evictable: [AlarmIdentity]?
        for reading in readings {
            guard let rule = plan.rules[reading.rule] else { continue }
            let identity = AlarmIdentity(rule: rule.id, labels: reading.labels)
            if reading.level != .missing {
                count(reading, of: identity, rule, hold: rule.hold, clearAfter: rule.clearAfter, at: now, &evictable, &turn)
            }
            follow(reading, of: identity, at: now, &turn)
            if case .alarm(let hold) = rule.missing {
                var other = reading
                other.level = reading.level == .missing ? .beyond : .within
                other.value = nil
                if other.level == .beyond, other.summary.isEmpty { other.summary = "there is no value" }
                let missing = AlarmIdentity(rule: rule.id, labels: reading.labels.adding("reading", "missing"))
                count(other, of: missing, rule, hold: hold, clearAfter: .readings(1), at: now, &evictable, &turn)
                follow(other, of: missing, at: now, &turn)
            }
        }
        settle(at: now, &turn)
    }

    private mutating func count(
        _ reading: AlarmReading, of identity: AlarmIdentity, _ rule: AlarmRule, hold: AlarmRule.Hold, clearAfter: AlarmRule.Hold,
        at now: Timestamp, _ evictable: inout [AlarmIdentity]?, _ turn: inout AlarmTurn
    ) {
        guard var alarm = state.alarms[identity] else {
            guard reading.level == .beyond else { return }
            guard makeRoom(at: now, &evictable, &turn) else {
                turn.refused += 1
                refusedReadings += 1
                return
            }
            raise(Alarm(identity, severity: rule.severity, lastReading: reading.time), reading, rule, hold, at: now, &turn)
            return
        }
        guard reading.time > alarm.lastReading else { return }
        if alarm.isFiring {
            alarm.lastReading = reading.time
            alarm.value = reading.value
            switch reading.level {
            case .within:
                let streak = Alarm.Streak(count: (alarm.within?.count ?? 0) + 1, since: alarm.within?.since ?? reading.time)
                alarm.within = streak
                if clearAfter.isOver(count: streak.count, since: streak.since, at: reading.time) {
                    return resolve(alarm, at: now, reason: nil, &turn)
                }
            case .beyond:
                alarm.within = nil
                describe(&alarm, reading)
            case .between, .missing: alarm.within = nil
            }
            note(.alarm(.counted, alarm), at: now, &turn)
        } else if reading.level == .beyond {
            alarm.lastReading = reading.time
            alarm.severity = rule.severity
            raise(alarm, reading, rule, hold, at: now, &turn)
        } else if alarm.beyond != nil {
            alarm.lastReading = reading.time
            alarm.value = reading.value
            lapse(alarm, at: now, &turn)
        }
    }

    /// A reading beyond the bound of an alarm that does not fire.
    private mutating func raise(
        _ alarm: Alarm, _ reading: AlarmReading, _ rule: AlarmRule, _ hold: AlarmRule.Hold, at now: Timestamp, _ turn: inout AlarmTurn
    ) {
        var alarm = alarm
        let wasPending = alarm.beyond != nil
        let streak = Alarm.Streak(count: (alarm.beyond?.count ?? 0) + 1, since: alarm.beyond?.since ?? reading.time)
        alarm.beyond = streak
        alarm.restedAt = nil
        alarm.value = reading.value
        describe(&alarm, reading)
        let isRested = alarm.episode?.end.map { reading.time.microseconds - $0.microseconds >= rule.coolDown.microseconds } ?? true
        guard isRested, hold.isOver(count: streak.count, since: streak.since, at: reading.time) else {
            return note(.alarm(wasPending ? .counted : .pending, alarm), at: now, &turn)
        }
        alarm.beyond = nil
        alarm.episode = Alarm.Episode(start: reading.time)
        alarm.silencedBy = silence(of: alarm, at: now)
        assignGroups(&alarm, at: now, &turn)
        note(.alarm(.fired, alarm), at: now, &turn)
        callForActions(alarm, at: now, &turn)
    }

    private func describe(_ alarm: inout Alarm, _ reading: AlarmReading) {
        alarm.summary = reading.summary.cut(limits.textLength)
        alarm.cause = reading.cause
        if alarm.cause.figures.count > AlarmCause.figureLimit { alarm.cause.figures.removeLast(alarm.cause.figures.count - AlarmCause.figureLimit) }
    }

    mutating func resolve(_ alarm: Alarm, at now: Timestamp, reason: String?, _ turn: inout AlarmTurn) {
        var alarm = alarm
        alarm.episode?.end = alarm.lastReading
        alarm.within = nil
        alarm.silencedBy = nil
        alarm.restedAt = now
        note(.alarm(.resolved(reason: reason), alarm), at: now, &turn)
        let asked = state.orders.values.filter { $0.isWaiting && $0.identity == alarm.identity }
        for order in asked.sorted(by: { $0.key < $1.key }) { note(.order(.skipped(.resolved), order), at: now, &turn) }
        if reason != nil { endEffects(of: alarm.identity, at: now, &turn) }
        forgetDue = min(forgetDue ?? now + limits.retention, now + limits.retention)
    }

    mutating func lapse(_ alarm: Alarm, at now: Timestamp, _ turn: inout AlarmTurn) {
        var alarm = alarm
        alarm.beyond = nil
        alarm.restedAt = now
        note(.alarm(.lapsed, alarm), at: now, &turn)
        forgetDue = min(forgetDue ?? now + limits.retention, now + limits.retention)
    }

    // MARK: - Room

    /// Whether its end is known wherever it was told.
    private func isForgettable(_ alarm: Alarm) -> Bool {
        guard alarm.restedAt != nil else { return false }
        return alarm.groups.allSatisfy { id in
            guard let group = state.groups[id] else { return true }
            return group.outstanding?.telling[alarm.identity] == nil && !hasToTell(theEndOf: alarm.identity, group)
        }
    }

    private mutating func makeRoom(at now: Timestamp, _ evictable: inout [AlarmIdentity]?, _ turn: inout AlarmTurn) -> Bool {
        guard state.alarms.count >= limits.alarms else { return true }
        if evictable == nil {
            // Last those whose end is still to be told: nobody will be, but what fires goes before.
            evictable = state.alarms.values.filter { $0.restedAt != nil }.map { (isForgettable($0) ? 1 : 0, $0.restedAt ?? now, $0.identity) }.sorted {
                $0.0 == $1.0 ? ($0.1, $0.2) > ($1.1, $1.2) : $0.0 < $1.0
            }.map(\.2)
        }
        while let oldest = evictable?.popLast() {
            // It may have come back within this turn.
            guard let alarm = state.alarms[oldest], alarm.restedAt != nil else { continue }
            note(.alarm(.forgotten, alarm), at: now, &turn)
            return true
        }
        return false
    }

    private mutating func forget(at now: Timestamp, _ turn: inout AlarmTurn) {
        var next: Timestamp?
        for alarm in alarms {
            guard let rested = alarm.restedAt else { continue }
            let due = after(rested, limits.retention, at: now)
            if due <= now, isForgettable(alarm) {
                note(.alarm(.forgotten, alarm), at: now, &turn)
            } else {
                // One whose end is still to be told is looked at again after the shortest while that matters.
                let time = due <= now ? now + .minutes(1) : due
                next = next.map { min($0, time) } ?? time
            }
        }
        forgetDue = next
    }

    // MARK: - Details

    mutating func note(_ record: AlarmRecord, at now: Timestamp, _ turn: inout AlarmTurn) {
        switch record {
        case .alarm(_, let alarm):
            dirtyGroups.formUnion(state.alarms[alarm.identity]?.groups ?? [])
            dirtyGroups.formUnion(alarm.groups)
        case .groupOpened(let group):
            groupCounts[Self.rowKey(group.route, group.receiver), default: 0] += 1
            dirtyGroups.insert(group.id)
        case .groupClosed(let id, _):
            if let group = state.groups[id] { groupCounts[Self.rowKey(group.route, group.receiver), default: 1] -= 1 }
            groupDue[id] = nil
            dirtyGroups.remove(id)
        case .notified(let notification): dirtyGroups.insert(notification.group)
        case .delivered(_, let group), .tryFailed(_, let group, _, _), .gaveUp(_, let group, _, _): dirtyGroups.insert(group)
        case .silence, .silenceEnded, .silenceForgotten, .order, .effect, .keptGroup, .keptCounts: break
        }
        let timed = TimedAlarmRecord(now, record)
        state.apply(timed)
        turn.records.append(timed)
    }

    static func rowKey(_ route: String, _ receiver: String) -> String { "\(route)\u{0}\(receiver)" }

    func groupCount(_ route: String, _ receiver: String) -> Int { groupCounts[Self.rowKey(route, receiver)] ?? 0 }

    /// When a span has passed since a time of the clock; now, if the clock shows that it was set back by more.
    func after(_ time: Timestamp, _ span: Timestamp.Span, at now: Timestamp) -> Timestamp {
        now < time - span ? now : time + span
    }

    mutating func markUnderWay(_ key: String) -> Bool { underWay.insert(key).inserted }
    mutating func markReported(_ key: String) { underWay.remove(key) }

    /// What follows at this moment, after whatever happened.
    mutating func settle(at now: Timestamp, _ turn: inout AlarmTurn) {
        // After a start, and when the clock was set back, what is due is found anew.
        if lastTime.map({ now < $0 }) ?? true {
            dirtyGroups.formUnion(state.groups.keys)
            forgetDue = now
        }
        lastTime = now
        settleSilences(at: now, &turn)
        giveOrders(&turn)
        settleEffects(at: now, &turn)
        let due = groupDue.filter { $0.value <= now }.keys
        dirtyGroups.formUnion(due)
        // A message may close its group or make another due at once; nothing opens one here.
        while !dirtyGroups.isEmpty {
            let ids = dirtyGroups.sorted()
            dirtyGroups = []
            for id in ids { groupDue[id] = look(at: id, now, &turn) }
        }
        if let forgetDue, forgetDue <= now { forget(at: now, &turn) }
        // Being forgotten changes no group that is open.
        dirtyGroups = []
    }

    private mutating func settleSilences(at now: Timestamp, _ turn: inout AlarmTurn) {
        for silence in state.silences.values.sorted(by: { $0.id < $1.id })
        where silence.end <= now && after(silence.end, limits.silenceRetention, at: now) <= now {
            note(.silenceForgotten(id: silence.id), at: now, &turn)
        }
        let active = state.silences.values.filter { $0.isActive(at: now) }.map(\.id).sorted()
        guard active != activeSilences else { return }
        activeSilences = active
        for alarm in alarms where alarm.isFiring {
            let silence = silence(of: alarm, at: now)
            guard silence != alarm.silencedBy else { continue }
            var changed = alarm
            changed.silencedBy = silence
            note(.alarm(silence == nil ? .unsilenced : .silenced, changed), at: now, &turn)
        }
    }

    /// The first by id of the silences that hold for an alarm now.
    private func silence(of alarm: Alarm, at now: Timestamp) -> String? {
        let ids = state.silences.values.filter { silence in
            silence.isActive(at: now) && silence.matchers.hold(for: alarm.identity, severity: alarm.severity)
        }.map(\.id)
        return ids.min()
    }

    mutating func forgetSilencesSeen() { activeSilences = nil }
}

extension String {
    /// At most so many bytes of it, whole characters.
    func cut(_ length: Int) -> String {
        guard utf8.count > length else { return self }
        var cut = ""
        var room = length
        for scalar in unicodeScalars {
            room -= UTF8.width(scalar)
            guard room >= 0 else { break }
            cut.unicodeScalars.append(scalar)
        }
        return cut
    }
}
