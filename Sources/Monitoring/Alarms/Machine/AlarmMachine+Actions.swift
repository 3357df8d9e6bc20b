public import MartletFrames

extension AlarmMachine {
    /// Decides on the actions of an alarm that has just begun to fire: once for each time that it does.
    mutating func callForActions(_ alarm: Alarm, at now: Timestamp, _ turn: inout AlarmTurn) {
        guard let start = alarm.episode?.start else { return }
        var seen: Set<String> = []
        for id in plan.routes(of: alarm.identity, severity: alarm.severity).flatMap(\.actions) where seen.insert(id).inserted {
            guard let action = plan.actions[id] else { continue }
            var key = "\(id)@\(alarm.identity.fingerprint)@\(start.microseconds)"
            // Another alarm may have the same fingerprint, if somebody set out for it.
            while state.orders[key] != nil { key += "+" }
            let order = AlarmOrder(
                key: key, action: id, identity: alarm.identity, start: start, time: now,
                isWaiting: action.needsApproval, value: alarm.value)
            if alarm.silencedBy != nil {
                note(.order(.skipped(.silenced), order), at: now, &turn)
            } else if let reason = refusal(of: action, at: now) {
                note(.order(.skipped(reason), order), at: now, &turn)
            } else if action.needsApproval {
                let waiting = state.orders.values.count { $0.isWaiting }
                note(.order(waiting < limits.waitingOrders ? .asked : .skipped(.tooMany), order), at: now, &turn)
            } else {
                note(.order(.ordered, order), at: now, &turn)
            }
        }
    }

    /// What keeps an action from being ordered now.
    private func refusal(of action: AlarmAction, at now: Timestamp) -> SkipReason? {
        let times = state.ordered[action.id] ?? []
        func isRecent(_ time: Timestamp, _ span: Timestamp.Span) -> Bool { span > .zero && after(time, span, at: now) > now }
        if times.contains(where: { isRecent($0, action.coolDown) }) { return .coolDown }
        if let budget = action.budget, times.count(where: { isRecent($0, budget.per) }) >= budget.count { return .budget }
        return nil
    }

    /// Answers the question whether an action is to be carried out.
    ///
    /// A yes does not pass over cool-down and budget: the action is skipped then.
    ///
    /// - Throws: ``AlarmError`` with code `notFound` if nothing waits under the key.
    public mutating func decide(
        _ key: String, approved: Bool, by person: String, note words: String = "", at now: Timestamp, _ turn: inout AlarmTurn
    ) throws(AlarmError) {
        guard var order = state.orders[key], order.isWaiting else { throw .noAction(key) }
        if !approved {
            note(.order(.rejected(by: person.cut(256), note: words.cut(limits.textLength)), order), at: now, &turn)
        } else if let action = plan.actions[order.action], let reason = refusal(of: action, at: now) {
            note(.order(.skipped(reason), order), at: now, &turn)
        } else {
            order.isWaiting = false
            order.approvedBy = person.cut(256)
            note(.order(.ordered, order), at: now, &turn)
        }
        settle(at: now, &turn)
    }

    /// Takes what came of an action. One that is not under way changes nothing.
    public mutating func report(_ order: AlarmOrder, _ outcome: OrderOutcome, at now: Timestamp, _ turn: inout AlarmTurn) {
        markReported(order.key)
        guard let known = state.orders[order.key], !known.isWaiting else { return }
        switch outcome {
        case .done(let text): note(.order(.done(text.cut(limits.textLength)), known), at: now, &turn)
        case .failed(let reason): note(.order(.failed(reason.cut(limits.textLength)), known), at: now, &turn)
        }
        settle(at: now, &turn)
    }

    /// Gives what is ordered and was not given in this life.
    mutating func giveOrders(_ turn: inout AlarmTurn) {
        for order in state.orders.values.sorted(by: { $0.key < $1.key }) where !order.isWaiting && markUnderWay(order.key) {
            turn.effects.append(.act(order))
        }
    }
}
