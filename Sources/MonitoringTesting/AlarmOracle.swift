package import MartletFrames
package import MartletMonitoring

/// What alarms are by definition, found anew from the whole history each time.
package enum AlarmOracle {
    /// The times from which one alarm fires and at which it ends, given all its readings in order.
    ///
    /// By definition: it fires at a reading if it did not, that reading is beyond the bound, the readings in a row beyond it that lead up to
    /// this one (those that are missing left out; none before the last end) fill `for`, and the cool-down since the last end is over. It ends
    /// at a reading if it fires, and the readings in a row within the clear bound since it fired fill `clear_after`.
    package static func episodes(_ readings: [AlarmReading], _ rule: AlarmRule) -> [(start: Timestamp, end: Timestamp?)] {
        var kept: [AlarmReading] = []
        for reading in readings where reading.level != .missing && (kept.last.map { $0.time < reading.time } ?? true) { kept.append(reading) }
        var episodes: [(start: Timestamp, end: Timestamp?)] = []
        for index in kept.indices {
            let now = kept[index].time
            if let last = episodes.last, last.end == nil {
                let row = kept[...index].reversed().prefix { $0.level == .within && $0.time > last.start }
                if let first = row.last, fills(rule.clearAfter, row.count, first.time, now) { episodes[episodes.count - 1].end = now }
            } else {
                let lastEnd = episodes.last?.end
                let row = kept[...index].reversed().prefix { reading in reading.level == .beyond && lastEnd.map { reading.time > $0 } ?? true }
                let isRested = lastEnd.map { now.microseconds >= $0.microseconds + rule.coolDown.microseconds } ?? true
                if let first = row.last, isRested, fills(rule.hold, row.count, first.time, now) { episodes.append((now, nil)) }
            }
        }
        return episodes
    }

    private static func fills(_ hold: AlarmRule.Hold, _ count: Int, _ first: Timestamp, _ last: Timestamp) -> Bool {
        switch hold {
        case .readings(let needed): count >= max(1, needed)
        case .span(let span): last.microseconds >= first.microseconds + span.microseconds
        }
    }

    /// What a receiver is told of one group, second by second.
    package struct Message: Hashable, Sendable {
        package var second: Int
        package var firing: Set<Int>
        package var ended: Set<Int>

        package init(second: Int, firing: Set<Int>, ended: Set<Int>) {
            self.second = second
            self.firing = firing
            self.ended = ended
        }
    }

    /// What stands in one second.
    package struct Second: Sendable {
        /// The episode of each alarm that fires, by number.
        package var firing: [Int: Int] = [:]
        /// The last episode of each alarm that does not.
        package var rested: [Int: Int] = [:]
        package var silenced: Set<Int> = []
        package var acknowledged: Set<Int> = []

        package init() {}
    }

    /// What is told of a group whose messages arrive at once, found by looking at every second.
    ///
    /// By definition: in a second, there is *news* if an alarm fires, not silenced, in an episode that was not told, or if one ended whose firing
    /// was told last. News are told once `wait` has passed since the group opened, or `interval` since the last message; without news,
    /// what fires unattended is told again once `repeatAfter` has passed since the last message. A group opens with the first alarm that fires and
    /// closes when none does and no news are left.
    package static func messages(_ seconds: [Second], wait: Int, interval: Int, repeatAfter: Int) -> [Message] {
        var messages: [Message] = []
        var opened: Int?
        var last: Int?
        var told: [Int: Int] = [:]
        for (now, second) in seconds.enumerated() {
            if opened == nil, !second.firing.isEmpty { opened = now }
            guard let start = opened else { continue }
            let visible = second.firing.filter { !second.silenced.contains($0.key) }
            let new = visible.filter { told[$0.key] != $0.value }
            let ended = told.keys.filter { second.firing[$0] == nil }
            if second.firing.isEmpty, ended.isEmpty {
                (opened, last, told) = (nil, nil, [:])
                continue
            }
            let isUnattended = visible.contains { !second.acknowledged.contains($0.key) }
            let due: Int
            if !new.isEmpty || !ended.isEmpty {
                due = last.map { $0 + interval } ?? start + wait
            } else if isUnattended, let last {
                due = last + repeatAfter
            } else {
                continue
            }
            guard now >= due else { continue }
            messages.append(Message(second: now, firing: Set(visible.keys), ended: Set(ended)))
            var known = visible
            for (alarm, episode) in told where second.silenced.contains(alarm) && second.firing[alarm] != nil { known[alarm] = episode }
            (last, told) = (now, known)
            if second.firing.isEmpty { (opened, last, told) = (nil, nil, [:]) }
        }
        return messages
    }
}
