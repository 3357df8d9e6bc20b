public import MartletFrames

extension AlarmMachine {
    // MARK: - Groups

    /// Puts an alarm that fires into the groups in which it is told, and opens those that there are not.
    mutating func assignGroups(_ alarm: inout Alarm, at now: Timestamp, _ turn: inout AlarmTurn) {
        var ids: [String] = []
        for route in plan.routes(of: alarm.identity, severity: alarm.severity) {
            let labels = Self.labels(of: alarm, route.groupBy)
            for receiver in route.receivers {
                let full = Self.group(route, receiver, labels, at: now)
                let isKnown = state.groups[full.id] != nil
                // The group without labels takes the room of none.
                let group = isKnown || labels.isEmpty || groupCount(route.name, receiver) < limits.groups ? full : Self.group(route, receiver, [], at: now)
                if state.groups[group.id] == nil { note(.groupOpened(group), at: now, &turn) }
                if !ids.contains(group.id) { ids.append(group.id) }
            }
        }
        alarm.groups = ids
    }

    private static func labels(of alarm: Alarm, _ grouping: AlarmRoute.Grouping) -> [AlarmLabels.Label] {
        let all = alarm.identity.labels.adding("alertname", alarm.identity.rule).adding("severity", alarm.severity.rawValue)
        switch grouping {
        case .all: return all.labels
        case .labels(let names): return all.only(Set(names)).labels
        }
    }

    private static func group(_ route: AlarmRoute, _ receiver: String, _ labels: [AlarmLabels.Label], at now: Timestamp) -> AlarmGroup {
        let labelText = "{" + labels.map { "\($0.name)=\(LabelText.quoted($0.value))" }.joined(separator: ", ") + "}"
        return AlarmGroup(
            id: "\(route.name)/\(receiver)/\(labelText)", route: route.name, receiver: receiver, labels: labels,
            key: "{}" + (route.matchers.isEmpty ? "" : "/" + route.matchers.keyText) + ":" + labelText, openedAt: now)
    }

    mutating func close(_ group: AlarmGroup, reason: String, at now: Timestamp, _ turn: inout AlarmTurn) {
        if let key = group.outstanding?.notification.key {
            markReported(key)
            givenOnce.remove(key)
        }
        note(.groupClosed(id: group.id, reason: reason), at: now, &turn)
    }

    // MARK: - What is to be told

    /// What a group has to tell.
    private struct News {
        var firing: [Alarm] = []
        var ended: [Alarm] = []
        /// Whether one fires that the receiver does not know of.
        var hasNew = false
        /// Whether one fires that nobody looks after.
        var isUnattended = false
        /// The shortest span after which one of them is told again.
        var repeatInterval: Timestamp.Span
        /// Whether one fires, silenced or not.
        var isAlive = false
    }

    /// Whether a group's receiver is to be told that an alarm ended.
    func hasToTell(theEndOf identity: AlarmIdentity, _ group: AlarmGroup) -> Bool {
        guard plan.receivers[group.receiver]?.sendsResolved == true, let episode = state.alarms[identity]?.episode else { return false }
        return [group.told[identity], group.doubtful[identity]].contains { told in told.map { episode.end != nil || episode.start != $0 } ?? false }
    }

    private func news(of group: AlarmGroup, _ route: AlarmRoute) -> News {
        var news = News(repeatInterval: route.repeatInterval)
        for identity in (state.members[group.id] ?? []).sorted() {
            guard let alarm = state.alarms[identity], alarm.isFiring, let episode = alarm.episode else { continue }
            news.isAlive = true
            guard alarm.silencedBy == nil else { continue }
            news.firing.append(alarm)
            if group.told[identity] != episode.start { news.hasNew = true }
            if episode.acknowledgement == nil {
                let interval = plan.rules[identity.rule]?.repeatInterval ?? route.repeatInterval
                news.repeatInterval = news.isUnattended ? min(news.repeatInterval, interval) : interval
                news.isUnattended = true
            }
        }
        for identity in Set(group.told.keys).union(group.doubtful.keys).sorted() where hasToTell(theEndOf: identity, group) {
            // One that fires again is told as such, unless a silence hides that.
            guard let alarm = state.alarms[identity], !alarm.isFiring else { continue }
            news.ended.append(alarm)
        }
        return news
    }

    /// Does what is due in a group, and says when it is to be looked at again.
    mutating func look(at id: String, _ now: Timestamp, _ turn: inout AlarmTurn) -> Timestamp? {
        guard let group = state.groups[id], let route = plan.routes.first(where: { $0.name == group.route }),
            let receiver = plan.receivers[group.receiver]
        else { return nil }
        if let outstanding = group.outstanding {
            let key = outstanding.notification.key
            guard !underWay.contains(key) else { return nil }
            if let next = outstanding.nextTry {
                // Set back by more than the longest wait there is, the clock has nothing to say about it.
                guard next <= now || next.microseconds - now.microseconds > limits.longestRetry.microseconds else { return next }
            }
            if markUnderWay(key) { turn.effects.append(.notify(outstanding.notification)) }
            return nil
        }
        let news = news(of: group, route)
        guard news.isAlive || !news.ended.isEmpty else {
            close(group, reason: "nothing is left to tell", at: now, &turn)
            return nil
        }
        let due: Timestamp
        if news.hasNew || !news.ended.isEmpty {
            due = group.notifiedAt.map { after($0, route.groupInterval, at: now) } ?? after(group.openedAt, route.groupWait, at: now)
        } else if news.isUnattended, let last = group.notifiedAt {
            due = after(last, news.repeatInterval, at: now)
        } else {
            return nil
        }
        guard due <= now else { return due }
        let notification = notification(group, receiver, news, at: now)
        note(.notified(notification), at: now, &turn)
        givenOnce.insert(notification.key)
        if markUnderWay(notification.key) { turn.effects.append(.notify(notification)) }
        return nil
    }

    private func notification(_ group: AlarmGroup, _ receiver: Receiver, _ news: News, at now: Timestamp) -> AlarmNotification {
        let told = news.firing + news.ended
        let number = state.notifications + 1
        var hash = FNV1a()
        hash.add(group.id)
        return AlarmNotification(
            key: "\(String(now.microseconds, radix: 16))-\(number)-\(hash.text)", number: number, receiver: group.receiver, route: group.route,
            group: group.id, groupKey: group.key, groupLabels: group.labels, time: now,
            entries: told.prefix(receiver.alarmLimit).map { entry($0) }, omitted: max(0, told.count - receiver.alarmLimit),
            isFiring: !news.firing.isEmpty)
    }

    private func entry(_ alarm: Alarm) -> AlarmNotification.Entry {
        AlarmNotification.Entry(
            identity: alarm.identity, severity: alarm.severity, start: alarm.episode?.start ?? alarm.lastReading, end: alarm.episode?.end,
            value: alarm.value, summary: alarm.summary, annotations: plan.rules[alarm.identity.rule]?.annotations ?? [:], cause: alarm.cause,
            acknowledgement: alarm.episode?.acknowledgement)
    }

    // MARK: - Reports

    /// Takes what came of a message. One that is not outstanding, since it was reported already, changes nothing.
    public mutating func report(_ notification: AlarmNotification, _ outcome: DeliveryOutcome, at now: Timestamp, _ turn: inout AlarmTurn) {
        let key = notification.key
        markReported(key)
        let isFirst = givenOnce.remove(key) != nil
        guard let outstanding = state.groups[notification.group]?.outstanding, outstanding.notification.key == key else { return }
        let group = notification.group
        switch outcome {
        case .delivered: note(.delivered(key: key, group: group), at: now, &turn)
        case .refused(let reason):
            note(
                .gaveUp(key: key, group: group, reason: reason.cut(limits.textLength), mayHaveArrived: !isFirst), at: now, &turn)
        case .failed(let reason):
            if outstanding.failures + 1 >= limits.tries {
                note(.gaveUp(key: key, group: group, reason: reason.cut(limits.textLength), mayHaveArrived: true), at: now, &turn)
            } else {
                // Doubled with each failure.
                let longest = limits.longestRetry.microseconds
                let doublings = Int64(min(outstanding.failures, 20))
                let delay = min(longest, limits.firstRetry.microseconds.multipliedReportingOverflow(by: 1 << doublings).partialValue)
                note(
                    .tryFailed(key: key, group: group, reason: reason.cut(limits.textLength), next: now + Timestamp.Span(microseconds: max(0, delay))),
                    at: now, &turn)
            }
        }
        settle(at: now, &turn)
    }
}
