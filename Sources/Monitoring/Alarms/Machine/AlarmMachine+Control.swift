public import MartletFrames

extension AlarmMachine {
    /// Says that a person looks after an alarm: it is not told again while it lasts; its end is told.
    ///
    /// - Throws: ``AlarmError`` with code `notFound`, or `conflict` if it does not fire.
    public mutating func acknowledge(
        _ fingerprint: String, by person: String, note words: String = "", at now: Timestamp, _ turn: inout AlarmTurn
    ) throws(AlarmError) {
        let found = alarms(withFingerprint: fingerprint)
        guard let first = found.first else { throw .noAlarm(fingerprint) }
        let firing = found.filter(\.isFiring)
        guard !firing.isEmpty else { throw .notFiring(first.identity) }
        for alarm in firing {
            var changed = alarm
            changed.episode?.acknowledgement = Alarm.Acknowledgement(by: person.cut(256), note: words.cut(limits.textLength), time: now)
            note(.alarm(.acknowledged, changed), at: now, &turn)
        }
        settle(at: now, &turn)
    }

    /// Takes an acknowledgement back.
    ///
    /// - Throws: ``AlarmError`` with code `notFound`, or `conflict` if nobody looks after it.
    public mutating func unacknowledge(_ fingerprint: String, at now: Timestamp, _ turn: inout AlarmTurn) throws(AlarmError) {
        let found = alarms(withFingerprint: fingerprint)
        guard let first = found.first else { throw .noAlarm(fingerprint) }
        let attended = found.filter { $0.isFiring && $0.episode?.acknowledgement != nil }
        guard !attended.isEmpty else { throw AlarmError(.conflict, "nobody has acknowledged the alarm \(first.identity)") }
        for alarm in attended {
            var changed = alarm
            changed.episode?.acknowledgement = nil
            note(.alarm(.unacknowledged, changed), at: now, &turn)
        }
        settle(at: now, &turn)
    }

    /// Ends an alarm that no reading will end: what it is about is no longer measured, or a person says that it is over.
    ///
    /// It fires again if its readings do.
    ///
    /// - Throws: ``AlarmError`` with code `notFound`, or `conflict` if it neither fires nor is pending.
    public mutating func end(_ identity: AlarmIdentity, reason: String, at now: Timestamp, _ turn: inout AlarmTurn) throws(AlarmError) {
        guard let alarm = state.alarms[identity] else { throw .noAlarm(identity.fingerprint) }
        if alarm.isFiring {
            resolve(alarm, at: now, reason: reason.cut(limits.textLength), &turn)
        } else if alarm.beyond != nil {
            lapse(alarm, at: now, &turn)
        } else {
            throw .notFiring(identity)
        }
        settle(at: now, &turn)
    }

    /// Adds a silence, or changes the one with its id.
    ///
    /// - Throws: ``AlarmError`` with code `invalid`, or `tooMany`.
    public mutating func add(_ silence: Silence, at now: Timestamp, _ turn: inout AlarmTurn) throws(AlarmError) {
        try silence.check()
        guard silence.end > now else { throw .invalid("the silence would be over at \(silence.end), and it is \(now)") }
        guard state.silences[silence.id] != nil || state.silences.count < limits.silences else {
            throw AlarmError(.tooMany, "\(limits.silences) silences are known already", hint: "one that is over is known for \(limits.silenceRetention)")
        }
        note(.silence(silence), at: now, &turn)
        forgetSilencesSeen()
        settle(at: now, &turn)
    }

    /// Ends a silence now.
    ///
    /// - Throws: ``AlarmError`` with code `notFound`, or `conflict` if it is over.
    public mutating func endSilence(_ id: String, by person: String, at now: Timestamp, _ turn: inout AlarmTurn) throws(AlarmError) {
        guard let silence = state.silences[id] else { throw .noSilence(id) }
        guard silence.end > now else { throw AlarmError(.conflict, "the silence '\(id)' ended at \(silence.end)") }
        note(.silenceEnded(id: id, by: person.cut(256)), at: now, &turn)
        forgetSilencesSeen()
        settle(at: now, &turn)
    }
}
