public import MartletFrames

/// All that is known of alarms: the fold of records.
public struct AlarmState: Hashable, Sendable {
    public private(set) var alarms: [AlarmIdentity: Alarm] = [:]
    public private(set) var groups: [String: AlarmGroup] = [:]
    public private(set) var silences: [String: Silence] = [:]
    /// Actions that wait for an answer, or whose end has not been reported, by their keys.
    public private(set) var orders: [String: AlarmOrder] = [:]
    /// What is followed of reactions that were done, by their orders' keys.
    public private(set) var effects: [String: ReactionEffect] = [:]
    /// When each action was ordered, the last ``AlarmAction/Budget/countLimit`` times.
    public private(set) var ordered: [String: [Timestamp]] = [:]
    /// Messages decided so far.
    public private(set) var notifications: Int64 = 0
    /// The alarms of each group; follows from the alarms.
    private(set) var members: [String: Set<AlarmIdentity>] = [:]

    public init() {}

    /// The state that records lead to.
    public init(folding records: some Sequence<TimedAlarmRecord>) {
        for record in records { apply(record) }
    }

    public mutating func apply(_ timed: TimedAlarmRecord) {
        switch timed.record {
        case .alarm(let event, let alarm):
            for group in alarms[alarm.identity]?.groups ?? [] {
                members[group]?.remove(alarm.identity)
                if members[group]?.isEmpty == true { members[group] = nil }
            }
            alarms[alarm.identity] = event == .forgotten ? nil : alarm
            if event != .forgotten { for group in alarm.groups { members[group, default: []].insert(alarm.identity) } }
        case .groupOpened(let group), .keptGroup(let group): groups[group.id] = group
        case .notified(let notification):
            notifications = max(notifications, notification.number)
            let telling = knownAfterwards(notification.group)
            groups[notification.group]?.notifiedAt = timed.time
            groups[notification.group]?.outstanding = AlarmGroup.Outstanding(notification: notification, telling: telling)
        case .delivered(let key, let group):
            guard let outstanding = groups[group]?.outstanding, outstanding.notification.key == key else { return }
            groups[group]?.told = outstanding.telling
            groups[group]?.doubtful = [:]
            groups[group]?.outstanding = nil
        case .tryFailed(let key, let group, _, let next):
            guard groups[group]?.outstanding?.notification.key == key else { return }
            groups[group]?.outstanding?.failures += 1
            groups[group]?.outstanding?.nextTry = next
        case .gaveUp(let key, let group, _, let mayHaveArrived):
            guard let outstanding = groups[group]?.outstanding, outstanding.notification.key == key else { return }
            if mayHaveArrived { groups[group]?.doubtful.merge(outstanding.telling) { $1 } }
            groups[group]?.outstanding = nil
        case .groupClosed(let id, _): groups[id] = nil
        case .silence(let silence): silences[silence.id] = silence
        case .silenceEnded(let id, _):
            if let end = silences[id]?.end { silences[id]?.end = min(end, timed.time) }
        case .silenceForgotten(let id): silences[id] = nil
        case .order(let event, let order):
            switch event {
            case .asked, .kept: orders[order.key] = order
            case .ordered:
                orders[order.key] = order
                ordered[order.action] = Array(((ordered[order.action] ?? []) + [timed.time]).suffix(AlarmAction.Budget.countLimit))
            case .skipped, .rejected, .failed: orders[order.key] = nil
            case .done:
                orders[order.key] = nil
                effects[order.key] = ReactionEffect(order, done: timed.time)
            }
        case .effect(let effect): effects[effect.order.key] = effect.isComplete ? nil : effect
        case .keptCounts(let count, let times):
            notifications = count
            ordered = times
        }
    }

    /// The episodes that a group's receiver knows to last once it is told what stands now.
    ///
    /// One that is silenced is not told: what was known of it before is what is known.
    private func knownAfterwards(_ group: String) -> [AlarmIdentity: Timestamp] {
        var known: [AlarmIdentity: Timestamp] = [:]
        let told = groups[group]?.told ?? [:]
        for identity in members[group] ?? [] {
            guard let alarm = alarms[identity], alarm.isFiring, let episode = alarm.episode else { continue }
            if alarm.silencedBy == nil { known[identity] = episode.start } else { known[identity] = told[identity] }
        }
        return known
    }

    /// Records that lead to this state from an empty one, so that those before need not be kept.
    ///
    /// - Complexity: O(*n* log *n*) in what is known.
    public func checkpoint(at now: Timestamp) -> [TimedAlarmRecord] {
        var records: [AlarmRecord] = [.keptCounts(notifications: notifications, orders: ordered)]
        records += silences.values.sorted { $0.id < $1.id }.map { .silence($0) }
        records += alarms.values.sorted { $0.identity < $1.identity }.map { .alarm(.kept, $0) }
        records += groups.values.sorted { $0.id < $1.id }.map { .keptGroup($0) }
        records += orders.values.sorted { $0.key < $1.key }.map { .order(.kept, $0) }
        records += effects.values.sorted { $0.order.key < $1.order.key }.map { .effect($0) }
        return records.map { TimedAlarmRecord(now, $0) }
    }
}
