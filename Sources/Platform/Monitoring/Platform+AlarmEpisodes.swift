public import MartletAccess
public import MartletBytes
public import MartletFrames
import MartletMonitoring
import MartletPlan
import MartletStorage
import MartletWorld

extension Platform {
    /// The alarms that fire, and those that began or ended since a time, the newest first.
    ///
    /// - Parameters:
    ///   - monitor: nil for all.
    ///   - since: by the clock.
    public func alarmEpisodes(monitor: String?, since time: Timestamp, limit: Int, scope: Scope) throws -> [JSONValue] {
        try scope.require(.monitorsRead, on: .project(project))
        let count = min(limit, limits.pageRows)
        let stored = try database.read { try MonitorTables().episodes(since: time, limit: self.limits.episodeRecords, $0) }
        let known = Set(stored.filter { $0.ended == nil }.map(\.alarm.identity))
        // Those that fired before the time and fire still.
        let older = alarms.look { machine in machine.alarms.filter { $0.isFiring && !known.contains($0.identity) } }
            .map { AlarmEpisode(alarm: $0, fired: nil, ended: nil) }
        let all = (stored + older).filter { episode in monitor.map { episode.alarm.cause.monitor == $0 } ?? true }
        return all.sorted { ($0.start, $1.alarm.identity) > ($1.start, $0.alarm.identity) }.prefix(count).map(\.json)
    }

    /// One alarm as it stands or last stood, with the window that caused it, what was done about it, and what it waits for.
    public func alarmDetails(_ fingerprint: String, scope: Scope) throws -> JSONValue {
        try scope.require(.monitorsRead, on: .project(project))
        let (standing, orders) = alarms.look { machine in
            (machine.alarms.first { $0.identity.fingerprint == fingerprint }, machine.state.orders)
        }
        let records = try database.read { try MonitorTables().history(fingerprint: fingerprint, limit: Self.historyLength, $0) }
        guard let alarm = standing ?? Self.newest(records) else {
            throw PlatformError(.notFound, "no alarm is named '\(fingerprint.prefix(60))'", hint: "list them with 'martlet alarms'")
        }
        let cause = alarm.cause
        let windows = try database.read { reader in
            guard let from = cause.from else { return [MeasuredWindow]() }
            return try MonitorTables().windows(
                of: cause.monitor, part: nil, from: from, to: from + Timestamp.Span(microseconds: 1), limit: 2, reader)
        }
        // Of the two parts of a window, the one that has the measure which raised it.
        let window = windows.first { window in window.measures.contains { alarm.identity.rule == "\(cause.monitor).\($0.kind.rawValue)" } }
        let told = try messages(about: alarm)
        var object = alarm.summaryJSON.object ?? JSONObject()
        object["window"] = window?.ranked.json ?? .null
        object["history"] = .array((records.compactMap(moment) + told).sorted { $0.time > $1.time }.prefix(Self.historyLength).map(\.json))
        object["orders"] = .array(orders.values.filter { $0.identity == alarm.identity }.sorted { $0.key < $1.key }.map { order in
            [
                "reaction": .string(order.key), "does": .string(reactionWords(order.action)), "waiting": .bool(order.isWaiting),
                "time": .string("\(order.time)"),
            ]
        })
        return .object(object)
    }

    private static let historyLength = 200

    private static func newest(_ records: [TimedAlarmRecord]) -> Alarm? {
        for case .alarm(_, let alarm) in records.map(\.record) { return alarm }
        return nil
    }

    // MARK: - What happened, for people

    /// What happened to an alarm at a time.
    private struct Moment {
        var time: Timestamp
        /// `fired`, `told`, `acted`
        var event: String
        var words: String
        var by: String?

        var json: JSONValue {
            ["time": .string("\(time)"), "event": .string(event), "words": .string(words), "by": by.map(JSONValue.string) ?? .null]
        }
    }

    /// Nil for what is of no interest to people.
    private func moment(_ timed: TimedAlarmRecord) -> Moment? {
        switch timed.record {
        case .alarm(let event, let alarm):
            let acknowledgement = alarm.episode?.acknowledgement
            switch event {
            case .pending: return Moment(time: timed.time, event: "pending", words: alarm.summary)
            case .fired: return Moment(time: timed.time, event: "fired", words: alarm.summary)
            case .lapsed: return Moment(time: timed.time, event: "lapsed", words: "within the bound again before it fired")
            case .resolved(let reason): return Moment(time: timed.time, event: "ended", words: reason ?? "within the bound again")
            case .acknowledged: return Moment(time: timed.time, event: "acknowledged", words: acknowledgement?.note ?? "", by: acknowledgement?.by)
            case .silenced: return Moment(time: timed.time, event: "silenced", words: "by silence \(alarm.silencedBy ?? "")")
            case .unsilenced: return Moment(time: timed.time, event: "told again", words: "the silence ended")
            case .counted, .unacknowledged, .regrouped, .forgotten, .kept: return nil
            }
        case .order(let event, let order):
            let what = reactionWords(order.action)
            switch event {
            case .asked: return Moment(time: timed.time, event: "asked", words: "\(what): a person is to say yes")
            case .ordered: return Moment(time: timed.time, event: "ordered", words: what, by: order.approvedBy)
            case .skipped(let reason): return Moment(time: timed.time, event: "not done", words: "\(what): \(Self.words(reason))")
            case .rejected(let person, let note): return Moment(time: timed.time, event: "refused", words: "\(what) \(note)", by: person)
            case .done(let result): return Moment(time: timed.time, event: "done", words: "\(what): \(result)")
            case .failed(let reason): return Moment(time: timed.time, event: "failed", words: "\(what): \(reason)")
            case .kept: return nil
            }
        default: return nil
        }
    }

    private static func words(_ reason: SkipReason) -> String {
        switch reason {
        case .silenced: "the alarm is silenced"
        case .coolDown: "it was done a short while ago"
        case .budget: "it was done as often as it may be"
        case .tooMany: "too many wait for an answer already"
        case .resolved: "the alarm ended before anybody answered"
        case .removed: "it is defined no longer"
        }
    }

    /// What a reaction does, by the id of its action.
    private func reactionWords(_ action: String) -> String {
        guard let found = AlarmPlan.reaction(action, among: inForce.project?.monitors ?? []) else { return action }
        return switch found.reaction.way {
        case .pipeline(let name, _): "run pipeline '\(name)'"
        case .rollback: "restore what was in force before the version that answers"
        case .mitigate(.fallback): "let the fallback answer until the alarm ends"
        case .mitigate(.review): "send more decisions to people until the alarm ends"
        case .webhook: "post a webhook"
        case .email: "send a mail"
        case .command: "run a command"
        }
    }

    /// What receivers were told of an alarm since its episode began, and whether it arrived.
    private func messages(about alarm: Alarm) throws -> [Moment] {
        guard let start = alarm.episode?.start else { return [] }
        let records = try database.read { try MonitorTables().messages(since: start, limit: self.limits.episodeRecords, $0) }
        var receivers: [String: String] = [:]
        for case .notified(let message) in records.map(\.record) where message.entries.contains(where: { $0.identity == alarm.identity }) {
            receivers[message.key] = message.receiver
        }
        return records.compactMap { timed in
            switch timed.record {
            case .notified(let message):
                guard receivers[message.key] != nil else { return nil }
                return Moment(time: timed.time, event: "message", words: "\(message.isFiring ? "firing" : "ended"), to \(message.receiver)")
            case .delivered(let key, _):
                return receivers[key].map { Moment(time: timed.time, event: "told", words: $0) }
            case .gaveUp(let key, _, let reason, _):
                return receivers[key].map { Moment(time: timed.time, event: "not told", words: "\($0): \(reason)") }
            default: return nil
            }
        }
    }
}

extension AlarmEpisode {
    fileprivate var start: Timestamp { alarm.episode?.start ?? alarm.lastReading }

    /// As the interface answers it: the alarm as it then stood, with when it was seen to fire and to end.
    fileprivate var json: JSONValue {
        var object = alarm.summaryJSON.object ?? JSONObject()
        object["fired"] = fired.map { .string("\($0)") } ?? .null
        object["resolved"] = ended.map { .string("\($0)") } ?? .null
        return .object(object)
    }
}

extension MeasuredWindow {
    /// The same with what matters most first: beyond its bound, then by its effect on the model, then by how far it is.
    var ranked: MeasuredWindow {
        var ranked = self
        ranked.measures = measures.enumerated().sorted { left, right in
            let (first, second) = (Self.rank(left.element), Self.rank(right.element))
            return first == second ? left.offset < right.offset : first > second
        }.map(\.element)
        return ranked
    }

    private static func rank(_ measure: MonitorMeasure) -> (Int, Double, Double) {
        (measure.level == .beyond ? 1 : 0, measure.effect ?? -1, measure.value ?? -.infinity)
    }
}
