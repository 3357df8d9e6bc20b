import MartletFrames

extension AlarmMachine {
    /// Notes what an alarm's measure shows after its reactions; called once the reading was counted.
    mutating func follow(_ reading: AlarmReading, of identity: AlarmIdentity, at now: Timestamp, _ turn: inout AlarmTurn) {
        guard !state.effects.isEmpty else { return }
        let start = reading.cause.from ?? reading.time
        for effect in effects(of: identity) {
            var next = effect
            let isNew = effect.after.last.map { $0.time < reading.time } ?? true
            if isNew, start >= effect.done, effect.after.count < limits.effectReadings {
                next.after.append(.init(from: reading.cause.from, time: reading.time, value: reading.value, level: reading.level))
            }
            if next.ended == nil, !isFiring(effect.order) { next.ended = now }
            next.isComplete = next.ended != nil && next.after.count >= limits.effectReadings
            if next != effect { note(.effect(next), at: now, &turn) }
        }
    }

    /// An alarm was ended without a reading: what is known of its reactions' effects is all there will be.
    mutating func endEffects(of identity: AlarmIdentity, at now: Timestamp, _ turn: inout AlarmTurn) {
        for effect in effects(of: identity) { complete(effect, at: now, &turn) }
    }

    /// Lets go of those that are followed for longer than is worth it, and of the oldest where there are too many.
    mutating func settleEffects(at now: Timestamp, _ turn: inout AlarmTurn) {
        guard !state.effects.isEmpty else { return }
        let all = state.effects.values.sorted { ($0.done, $0.order.key) < ($1.done, $1.order.key) }
        for (index, effect) in all.enumerated() where after(effect.done, limits.effectRetention, at: now) <= now || all.count - index > limits.effects {
            complete(effect, at: now, &turn)
        }
    }

    private mutating func complete(_ effect: ReactionEffect, at now: Timestamp, _ turn: inout AlarmTurn) {
        var next = effect
        if next.ended == nil, !isFiring(effect.order) { next.ended = now }
        next.isComplete = true
        note(.effect(next), at: now, &turn)
    }

    private func effects(of identity: AlarmIdentity) -> [ReactionEffect] {
        state.effects.values.filter { $0.order.identity == identity }.sorted { $0.order.key < $1.order.key }
    }

    /// Whether the alarm lasts that called for an action.
    private func isFiring(_ order: AlarmOrder) -> Bool {
        state.alarms[order.identity].map { $0.isFiring && $0.episode?.start == order.start } ?? false
    }
}
