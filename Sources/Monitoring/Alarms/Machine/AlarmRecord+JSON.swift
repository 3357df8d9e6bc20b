public import MartletBytes
import MartletFrames

/// Stored records are JSON objects with the time (`at`, µs since 1970) and a word for what happened (`event`).
extension TimedAlarmRecord {
    public var json: JSONValue {
        var object = JSONObject()
        object["at"] = .int64(time.microseconds)
        func put(_ event: String) { object["event"] = .string(event) }
        func outcome(_ event: String, _ key: String, _ group: String, _ reason: String? = nil) {
            put(event)
            object["key"] = .string(key)
            object["group"] = .string(group)
            if let reason { object["reason"] = .string(reason) }
        }
        switch record {
        case .alarm(let event, let alarm):
            put("alarm_" + event.word)
            if case .resolved(let reason?) = event { object["reason"] = .string(reason) }
            object["alarm"] = alarm.json
        case .groupOpened(let group):
            put("group_opened")
            object["group"] = group.json
        case .notified(let notification):
            put("notified")
            object["notification"] = notification.json
        case .delivered(let key, let group): outcome("delivered", key, group)
        case .tryFailed(let key, let group, let reason, let next):
            outcome("try_failed", key, group, reason)
            object["next"] = .int64(next.microseconds)
        case .gaveUp(let key, let group, let reason, let mayHaveArrived):
            outcome("gave_up", key, group, reason)
            object["may_have_arrived"] = .bool(mayHaveArrived)
        case .groupClosed(let id, let reason):
            put("group_closed")
            object["group"] = .string(id)
            object["reason"] = .string(reason)
        case .silence(let silence):
            put("silence")
            object["silence"] = silence.json
        case .silenceEnded(let id, let person):
            put("silence_ended")
            object["id"] = .string(id)
            object["by"] = .string(person)
        case .silenceForgotten(let id):
            put("silence_forgotten")
            object["id"] = .string(id)
        case .order(let event, let order):
            put("order_" + event.word)
            event.write(to: &object)
            object["order"] = order.json
        case .effect(let effect):
            put("reaction_effect")
            object["effect"] = effect.json
        case .keptGroup(let group):
            put("group_kept")
            object["group"] = group.json
        case .keptCounts(let notifications, let orders):
            put("counts_kept")
            object["notifications"] = .int64(notifications)
            var times = JSONObject()
            for (name, list) in orders.sorted(by: { $0.key < $1.key }) { times[name] = .array(list.map { .int64($0.microseconds) }) }
            object["ordered"] = .object(times)
        }
        return .object(object)
    }

    /// Nil for anything that ``json`` does not write.
    public init?(_ json: JSONValue) {
        guard let at = json["at"]?.int64, let event = json["event"]?.string else { return nil }
        let key = json["key"]?.string
        let group = json["group"]?.string
        let reason = json["reason"]?.string
        let record: AlarmRecord?
        switch event {
        case "group_opened": record = json["group"].flatMap { AlarmGroup(json: $0) }.map { .groupOpened($0) }
        case "group_kept": record = json["group"].flatMap { AlarmGroup(json: $0) }.map { .keptGroup($0) }
        case "notified": record = json["notification"].flatMap { AlarmNotification(json: $0) }.map { .notified($0) }
        case "delivered": record = key.flatMap { key in group.map { .delivered(key: key, group: $0) } }
        case "try_failed":
            guard let key, let group, let reason, let next = json["next"]?.time else { return nil }
            record = .tryFailed(key: key, group: group, reason: reason, next: next)
        case "gave_up":
            guard let key, let group, let reason, let mayHaveArrived = json["may_have_arrived"]?.bool else { return nil }
            record = .gaveUp(key: key, group: group, reason: reason, mayHaveArrived: mayHaveArrived)
        case "group_closed": record = group.flatMap { group in reason.map { .groupClosed(id: group, reason: $0) } }
        case "silence": record = json["silence"].flatMap { Silence(json: $0) }.map { .silence($0) }
        case "silence_ended":
            guard let id = json["id"]?.string, let person = json["by"]?.string else { return nil }
            record = .silenceEnded(id: id, by: person)
        case "silence_forgotten": record = json["id"]?.string.map { .silenceForgotten(id: $0) }
        case "counts_kept":
            guard let count = json["notifications"]?.int64, let times = json["ordered"]?.object else { return nil }
            var orders: [String: [Timestamp]] = [:]
            for member in times.members {
                guard let list = member.value.list({ $0.time }) else { return nil }
                orders[member.key] = list
            }
            record = .keptCounts(notifications: count, orders: orders)
        case "reaction_effect": record = json["effect"].flatMap { ReactionEffect(json: $0) }.map { .effect($0) }
        default:
            if event.hasPrefix("alarm_"), let what = AlarmEvent(String(event.dropFirst(6)), reason: reason) {
                record = json["alarm"].flatMap { Alarm(json: $0) }.map { .alarm(what, $0) }
            } else if event.hasPrefix("order_"), let what = OrderEvent(String(event.dropFirst(6)), json) {
                record = json["order"].flatMap { AlarmOrder(json: $0) }.map { .order(what, $0) }
            } else {
                record = nil
            }
        }
        guard let record else { return nil }
        self.init(Timestamp(microseconds: at), record)
    }
}

extension AlarmEvent {
    init?(_ word: String, reason: String?) {
        let plain: [AlarmEvent] = [
            .pending, .lapsed, .fired, .counted, .resolved(reason: reason), .acknowledged, .unacknowledged, .silenced, .unsilenced, .regrouped,
            .forgotten, .kept,
        ]
        guard let event = plain.first(where: { $0.word == word }) else { return nil }
        self = event
    }
}

extension OrderEvent {
    var word: String {
        switch self {
        case .asked: "asked"
        case .ordered: "ordered"
        case .skipped: "skipped"
        case .rejected: "rejected"
        case .done: "done"
        case .failed: "failed"
        case .kept: "kept"
        }
    }

    func write(to object: inout JSONObject) {
        switch self {
        case .asked, .ordered, .kept: break
        case .skipped(let reason): object["reason"] = .string(reason.rawValue)
        case .rejected(let person, let note):
            object["by"] = .string(person)
            object["note"] = .string(note)
        case .done(let text): object["result"] = .string(text)
        case .failed(let reason): object["reason"] = .string(reason)
        }
    }

    init?(_ word: String, _ json: JSONValue) {
        switch word {
        case "asked": self = .asked
        case "ordered": self = .ordered
        case "kept": self = .kept
        case "skipped":
            guard let reason = json["reason"]?.string.flatMap(SkipReason.init) else { return nil }
            self = .skipped(reason)
        case "rejected":
            guard let person = json["by"]?.string, let note = json["note"]?.string else { return nil }
            self = .rejected(by: person, note: note)
        case "done":
            guard let text = json["result"]?.string else { return nil }
            self = .done(text)
        case "failed":
            guard let reason = json["reason"]?.string else { return nil }
            self = .failed(reason)
        default: return nil
        }
    }
}

// MARK: - What records hold

extension JSONValue {
    fileprivate var time: Timestamp? { int64.map { Timestamp(microseconds: $0) } }

    /// Nil unless it is an array of what is read.
    fileprivate func list<Element>(_ read: (JSONValue) -> Element?) -> [Element]? {
        guard let array else { return nil }
        var elements: [Element] = []
        for value in array {
            guard let element = read(value) else { return nil }
            elements.append(element)
        }
        return elements
    }

    fileprivate static func time(_ time: Timestamp) -> JSONValue { .int64(time.microseconds) }
}

extension AlarmLabels.Label {
    fileprivate static func json(_ labels: [AlarmLabels.Label]) -> JSONValue {
        var object = JSONObject()
        for label in labels { object[label.name] = .string(label.value) }
        return .object(object)
    }

    fileprivate static func list(json: JSONValue?) -> [AlarmLabels.Label]? {
        guard let object = json?.object else { return nil }
        let labels = object.members.compactMap { member in member.value.string.map { AlarmLabels.Label(name: member.key, value: $0) } }
        guard labels.count == object.count, zip(labels, labels.dropFirst()).allSatisfy({ $0.name < $1.name }) else { return nil }
        return labels
    }
}

extension AlarmIdentity {
    fileprivate func write(to object: inout JSONObject) {
        object["rule"] = .string(rule)
        object["labels"] = AlarmLabels.Label.json(labels.labels)
    }

    fileprivate init?(json: JSONValue) {
        guard let rule = json["rule"]?.string, let labels = AlarmLabels.Label.list(json: json["labels"]) else { return nil }
        self.init(rule: rule, labels: AlarmLabels(sorted: labels))
    }
}

extension AlarmCause {
    var json: JSONValue {
        var object = JSONObject()
        object["monitor"] = .string(monitor)
        if let from { object["from"] = .time(from) }
        if let to { object["to"] = .time(to) }
        if let feature { object["feature"] = .string(feature) }
        if !figures.isEmpty {
            object["figures"] = .array(figures.map { ["name": .string($0.name), "value": $0.value.exactJSON] })
        }
        return .object(object)
    }

    fileprivate init?(json: JSONValue?) {
        guard let json, let monitor = json["monitor"]?.string else { return nil }
        self.init(monitor: monitor, from: json["from"]?.time, to: json["to"]?.time, feature: json["feature"]?.string)
        guard let list = json["figures"] else { return }
        let read = list.list { item in item["name"]?.string.flatMap { name in item["value"].flatMap { Double(exactJSON: $0) }.map { Figure(name, $0) } } }
        guard let read else { return nil }
        figures = read
    }
}

extension Double {
    /// A number, or the name of one that JSON lacks.
    fileprivate var exactJSON: JSONValue { isNaN ? "nan" : isFinite ? .float64(self) : self > 0 ? "inf" : "-inf" }

    fileprivate init?(exactJSON json: JSONValue) {
        switch json {
        case .string("nan"): self = .nan
        case .string("inf"): self = .infinity
        case .string("-inf"): self = -.infinity
        default:
            guard let number = json.double else { return nil }
            self = number
        }
    }
}

extension Alarm.Acknowledgement {
    fileprivate var json: JSONValue { ["by": .string(by), "note": .string(note), "time": .time(time)] }

    fileprivate init?(json: JSONValue) {
        guard let by = json["by"]?.string, let note = json["note"]?.string, let time = json["time"]?.time else { return nil }
        self.init(by: by, note: note, time: time)
    }
}

extension Alarm.Streak {
    fileprivate var json: JSONValue { ["count": .int64(Int64(count)), "since": .time(since)] }

    fileprivate init?(json: JSONValue) {
        guard let count = json["count"]?.int64, let since = json["since"]?.time else { return nil }
        self.init(count: Int(count), since: since)
    }
}

extension Alarm {
    var json: JSONValue {
        var object = JSONObject()
        identity.write(to: &object)
        object["fingerprint"] = .string(identity.fingerprint)
        object["severity"] = .string(severity.rawValue)
        object["state"] = .string(phase.rawValue)
        object["last_reading"] = .time(lastReading)
        if let value { object["value"] = value.exactJSON }
        object["summary"] = .string(summary)
        object["cause"] = cause.json
        if let beyond { object["beyond"] = beyond.json }
        if let within { object["within"] = within.json }
        if let episode {
            object["start"] = .time(episode.start)
            if let end = episode.end { object["end"] = .time(end) }
            if let acknowledgement = episode.acknowledgement { object["acknowledged"] = acknowledgement.json }
        }
        if let silencedBy { object["silenced_by"] = .string(silencedBy) }
        if !groups.isEmpty { object["groups"] = .array(groups.map { .string($0) }) }
        if let restedAt { object["rested"] = .time(restedAt) }
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let identity = AlarmIdentity(json: json), let severity = json["severity"]?.string.flatMap(AlarmSeverity.init),
            let lastReading = json["last_reading"]?.time, let summary = json["summary"]?.string, let cause = AlarmCause(json: json["cause"])
        else { return nil }
        self.init(identity, severity: severity, lastReading: lastReading)
        self.summary = summary
        self.cause = cause
        value = json["value"].flatMap { Double(exactJSON: $0) }
        beyond = json["beyond"].flatMap { Streak(json: $0) }
        within = json["within"].flatMap { Streak(json: $0) }
        if let start = json["start"]?.time {
            episode = Episode(
                start: start, end: json["end"]?.time, acknowledgement: json["acknowledged"].flatMap { Acknowledgement(json: $0) })
        }
        silencedBy = json["silenced_by"]?.string
        groups = (json["groups"] ?? []).list { $0.string } ?? []
        restedAt = json["rested"]?.time
    }
}

extension AlarmNotification {
    var json: JSONValue {
        [
            "key": .string(key), "number": .int64(number), "receiver": .string(receiver), "route": .string(route), "group": .string(group),
            "group_key": .string(groupKey), "group_labels": AlarmLabels.Label.json(groupLabels), "time": .time(time), "firing": .bool(isFiring),
            "omitted": .int64(Int64(omitted)), "alarms": .array(entries.map(\.json)),
        ]
    }

    fileprivate init?(json: JSONValue) {
        guard let key = json["key"]?.string, let number = json["number"]?.int64, let receiver = json["receiver"]?.string,
            let route = json["route"]?.string, let group = json["group"]?.string, let groupKey = json["group_key"]?.string,
            let labels = AlarmLabels.Label.list(json: json["group_labels"]), let time = json["time"]?.time,
            let isFiring = json["firing"]?.bool, let omitted = json["omitted"]?.int64,
            let entries = json["alarms"]?.list({ Entry(json: $0) })
        else { return nil }
        self.init(
            key: key, number: number, receiver: receiver, route: route, group: group, groupKey: groupKey, groupLabels: labels, time: time,
            entries: entries, omitted: Int(omitted), isFiring: isFiring)
    }
}

extension AlarmNotification.Entry {
    fileprivate var json: JSONValue {
        var object = JSONObject()
        identity.write(to: &object)
        object["severity"] = .string(severity.rawValue)
        object["start"] = .time(start)
        if let end { object["end"] = .time(end) }
        if let value { object["value"] = value.exactJSON }
        object["summary"] = .string(summary)
        if !annotations.isEmpty {
            var texts = JSONObject()
            for (name, text) in annotations.sorted(by: { $0.key < $1.key }) { texts[name] = .string(text) }
            object["annotations"] = .object(texts)
        }
        object["cause"] = cause.json
        if let acknowledgement { object["acknowledged"] = acknowledgement.json }
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let identity = AlarmIdentity(json: json), let severity = json["severity"]?.string.flatMap(AlarmSeverity.init),
            let start = json["start"]?.time, let summary = json["summary"]?.string, let cause = AlarmCause(json: json["cause"])
        else { return nil }
        var annotations: [String: String] = [:]
        for member in json["annotations"]?.object?.members ?? [] {
            guard let text = member.value.string else { return nil }
            annotations[member.key] = text
        }
        self.init(
            identity: identity, severity: severity, start: start, end: json["end"]?.time,
            value: json["value"].flatMap { Double(exactJSON: $0) }, summary: summary, annotations: annotations, cause: cause,
            acknowledgement: json["acknowledged"].flatMap { Alarm.Acknowledgement(json: $0) })
    }
}

extension AlarmGroup {
    var json: JSONValue {
        var object = JSONObject()
        object["id"] = .string(id)
        object["route"] = .string(route)
        object["receiver"] = .string(receiver)
        object["labels"] = AlarmLabels.Label.json(labels)
        object["key"] = .string(key)
        object["opened"] = .time(openedAt)
        if let notifiedAt { object["notified"] = .time(notifiedAt) }
        if !told.isEmpty { object["told"] = Self.json(told) }
        if !doubtful.isEmpty { object["doubtful"] = Self.json(doubtful) }
        if let outstanding {
            var value = JSONObject()
            value["notification"] = outstanding.notification.json
            value["telling"] = Self.json(outstanding.telling)
            value["failures"] = .int64(Int64(outstanding.failures))
            if let next = outstanding.nextTry { value["next"] = .time(next) }
            object["outstanding"] = .object(value)
        }
        return .object(object)
    }

    private static func json(_ episodes: [AlarmIdentity: Timestamp]) -> JSONValue {
        .array(
            episodes.sorted { $0.key < $1.key }.map { identity, start in
                var object = JSONObject()
                identity.write(to: &object)
                object["start"] = .time(start)
                return .object(object)
            })
    }

    private static func episodes(json: JSONValue?) -> [AlarmIdentity: Timestamp]? {
        guard let list = (json ?? []).list({ item in AlarmIdentity(json: item).flatMap { identity in item["start"]?.time.map { (identity, $0) } } })
        else { return nil }
        return Dictionary(list) { first, _ in first }
    }

    fileprivate init?(json: JSONValue) {
        guard let id = json["id"]?.string, let route = json["route"]?.string, let receiver = json["receiver"]?.string,
            let labels = AlarmLabels.Label.list(json: json["labels"]), let key = json["key"]?.string, let opened = json["opened"]?.time,
            let told = Self.episodes(json: json["told"]), let doubtful = Self.episodes(json: json["doubtful"])
        else { return nil }
        self.init(id: id, route: route, receiver: receiver, labels: labels, key: key, openedAt: opened)
        self.told = told
        self.doubtful = doubtful
        notifiedAt = json["notified"]?.time
        guard let value = json["outstanding"] else { return }
        guard let notification = value["notification"].flatMap({ AlarmNotification(json: $0) }), let failures = value["failures"]?.int64,
            let telling = Self.episodes(json: value["telling"])
        else { return nil }
        outstanding = Outstanding(notification: notification, telling: telling, failures: Int(failures), nextTry: value["next"]?.time)
    }
}

extension Silence {
    package var json: JSONValue {
        [
            "id": .string(id), "matchers": .array(matchers.map { .string($0.description) }), "start": .time(start), "end": .time(end),
            "author": .string(author), "comment": .string(comment),
        ]
    }

    fileprivate init?(json: JSONValue) {
        guard let id = json["id"]?.string, let start = json["start"]?.time, let end = json["end"]?.time, let author = json["author"]?.string,
            let comment = json["comment"]?.string, let matchers = json["matchers"]?.list({ $0.string.flatMap { try? LabelMatcher($0) } })
        else { return nil }
        self.init(id: id, matchers: matchers, start: start, end: end, author: author, comment: comment)
    }
}

extension AlarmOrder {
    package var json: JSONValue {
        var object = JSONObject()
        object["key"] = .string(key)
        object["action"] = .string(action)
        identity.write(to: &object)
        object["start"] = .time(start)
        object["time"] = .time(time)
        object["waiting"] = .bool(isWaiting)
        if let approvedBy { object["approved_by"] = .string(approvedBy) }
        if let value { object["value"] = value.exactJSON }
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let key = json["key"]?.string, let action = json["action"]?.string, let identity = AlarmIdentity(json: json),
            let start = json["start"]?.time, let time = json["time"]?.time, let isWaiting = json["waiting"]?.bool
        else { return nil }
        self.init(
            key: key, action: action, identity: identity, start: start, time: time, isWaiting: isWaiting,
            approvedBy: json["approved_by"]?.string, value: json["value"].flatMap { Double(exactJSON: $0) })
    }
}

extension ReactionEffect {
    /// `ended_after` is for readers: seconds from `done` to `ended`.
    var json: JSONValue {
        var object = JSONObject()
        object["order"] = order.json
        object["done"] = .time(done)
        object["after"] = .array(after.map(\.json))
        if let ended, let endedAfter {
            object["ended"] = .time(ended)
            object["ended_after"] = .float64(Double(endedAfter.microseconds) / 1e6)
        }
        object["complete"] = .bool(isComplete)
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let order = json["order"].flatMap({ AlarmOrder(json: $0) }), let done = json["done"]?.time,
            let after = json["after"]?.list({ Reading(json: $0) }), let isComplete = json["complete"]?.bool
        else { return nil }
        self.init(order, done: done)
        self.after = after
        ended = json["ended"]?.time
        self.isComplete = isComplete
    }
}

extension ReactionEffect.Reading {
    fileprivate var json: JSONValue {
        var object = JSONObject()
        if let from { object["from"] = .time(from) }
        object["time"] = .time(time)
        if let value { object["value"] = value.exactJSON }
        object["level"] = .string(level.rawValue)
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let time = json["time"]?.time, let level = json["level"]?.string.flatMap(AlarmReading.Level.init) else { return nil }
        self.init(from: json["from"]?.time, time: time, value: json["value"].flatMap { Double(exactJSON: $0) }, level: level)
    }
}
