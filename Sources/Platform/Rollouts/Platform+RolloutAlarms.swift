import MartletBytes
import MartletFrames
import MartletMonitoring
import MartletRegistry
import MartletServing
import MartletStorage
import MartletWorld

extension Platform {
    /// How long an alarm about a withdrawn version stands, unless another rollout begins at the endpoint.
    private static let guardrailAlarmTime = Timestamp.Span.days(1)

    /// Raises or ends the alarm that a rollout's units are not shared as planned. Told only where it changes something.
    func tellSampleRatio(of trial: Trial, _ seen: RolloutEvidence) throws {
        guard let chance = seen.sampleRatio else { return }
        let identity = try RolloutAlarm.sampleRatio.identity(endpoint: trial.rollout.endpoint, rollout: trial.rollout.id)
        let isBeyond = chance < RolloutMachine.sampleRatioBound
        guard isBeyond != alarms.look({ $0.state.alarms[identity]?.isFiring ?? false }) else { return }
        let summary = "units are not shared as planned between versions \(trial.rollout.champion) and \(trial.rollout.challenger) at endpoint "
            + "'\(trial.rollout.endpoint)': a chance of \(FigureText.short(chance)) if they were; nothing is concluded from the comparison"
        let figures: [AlarmCause.Figure] = [
            .init("champion_units", Double(seen.champion.units)), .init("challenger_units", Double(seen.challenger.units)),
            .init("planned_share", trial.step.share),
        ]
        try alarms.turn { machine, now, turn in
            machine.feed(
                [RolloutAlarm.sampleRatio.reading(of: identity, at: now, isBeyond: isBeyond, value: chance, summary: summary, figures: figures)],
                at: now, &turn)
        }
    }

    /// Raises the alarms about versions that a guardrail withdrew, and ends those that are over.
    ///
    /// What is stored of rollouts says which there are, so that a crash between a withdrawal and its alarm loses nothing.
    func settleRolloutAlarms() throws {
        let now = world.clock.now()
        for endpoint in inForce.endpoints.values.sorted(by: { $0.definition.name < $1.definition.name })
        where endpoint.definition.rollout != nil && endpoint.trial == nil {
            guard let newest = try database.read({ try rollouts.list(endpoint: endpoint.definition.name, before: nil, limit: 1, $0) }).first,
                newest.state == .withdrawn, let ended = newest.ended, ended + Self.guardrailAlarmTime > now
            else { continue }
            let identity = try RolloutAlarm.guardrail.identity(endpoint: newest.endpoint, rollout: newest.id)
            guard alarms.look({ $0.state.alarms[identity] == nil }), let broken = try brokenGuardrail(of: newest) else { continue }
            let summary = "version \(newest.challenger) of '\(newest.model)' was withdrawn at endpoint '\(newest.endpoint)': \(newest.reason)"
            let reading = RolloutAlarm.guardrail.reading(
                of: identity, at: ended, isBeyond: true, value: broken.low, summary: summary,
                figures: [.init("limit", broken.limit), .init("low", broken.low), .init("challenger", Double(newest.challenger))])
            try alarms.turn { machine, now, turn in machine.feed([reading], at: now, &turn) }
        }
        try endRolloutAlarms(at: now)
    }

    /// The guardrail that was broken when a rollout ended: how far at least, and how far was allowed.
    private func brokenGuardrail(of rollout: Rollout) throws -> (low: Double, limit: Double)? {
        guard let last = try database.read({ try rollouts.events(of: rollout.id, $0) }).last,
            let evidence = last.evidence.flatMap({ try? JSONValue(parsing: $0) }),
            let broken = evidence["guardrails"]?.array?.first(where: { $0["broken"]?.bool == true }),
            let low = broken["bounds"]?["low"]?.double, let limit = broken["limit"]?.double
        else { return nil }
        return (low, limit)
    }

    private func endRolloutAlarms(at now: Timestamp) throws {
        let firing = alarms.look { machine in
            machine.state.alarms.values.filter { $0.isFiring && RolloutAlarm(rawValue: $0.identity.rule) != nil }
        }
        for alarm in firing.sorted(by: { $0.identity < $1.identity }) {
            let rollout = alarm.identity.labels[RolloutAlarm.rolloutLabel]
            let tried = alarm.identity.labels[RolloutAlarm.endpointLabel].flatMap { inForce.endpoints[$0] }?.trial?.rollout.id
            let reason: String? =
                switch RolloutAlarm(rawValue: alarm.identity.rule) {
                case .sampleRatio: tried == rollout ? nil : "the rollout is over"
                case .guardrail:
                    tried != nil ? "another version is tried" : alarm.lastReading + Self.guardrailAlarmTime <= now ? "it was told for a day" : nil
                case nil: nil
                }
            guard let reason else { continue }
            try alarms.turn { machine, now, turn in try machine.end(alarm.identity, reason: reason, at: now, &turn) }
        }
    }
}
