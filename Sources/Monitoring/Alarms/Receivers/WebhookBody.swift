import MartletBytes
import MartletFrames

/// What is posted to a webhook: the body that Alertmanager posts, version 4, so that whatever understands that understands this.
///
/// Labels are the alarm's with `alertname` (the rule) and `severity`; annotations the rule's, with `summary`, `value` and, where a person
/// looks after it, `acknowledged_by`.
///
/// Source: the Prometheus documentation, *Alerting › Configuration › webhook_config*, and Alertmanager's `template/template.go`.
public struct WebhookBody: Sendable {
    /// Where people look at alarms, without a `/` at its end; the address of an alarm is `…/alarms/FINGERPRINT`.
    public var externalURL: String

    public init(externalURL: String) {
        self.externalURL = externalURL.hasSuffix("/") ? String(externalURL.dropLast()) : externalURL
    }

    /// JSON in UTF-8; equal bytes for the same notification, however often it is sent.
    public func encoded(_ notification: AlarmNotification) -> [UInt8] {
        var writer = JSONWriter(reserving: 512 + notification.entries.count * 512)
        writer.beginObject()
        func put(_ key: String, _ value: String) {
            writer.key(key)
            writer.string(value)
        }
        func put(_ key: String, _ texts: [String: String]) {
            writer.key(key)
            writer.beginObject()
            for (name, text) in texts.sorted(by: { $0.key < $1.key }) { put(name, text) }
            writer.endObject()
        }
        put("receiver", notification.receiver)
        put("status", notification.isFiring ? "firing" : "resolved")
        writer.key("alerts")
        writer.beginArray()
        for entry in notification.entries {
            writer.beginObject()
            put("status", entry.end == nil ? "firing" : "resolved")
            put("labels", entry.allLabels)
            put("annotations", entry.allAnnotations)
            put("startsAt", "\(entry.start)")
            // The zero of Go's time stands for "not yet".
            put("endsAt", entry.end.map { "\($0)" } ?? "0001-01-01T00:00:00Z")
            put("generatorURL", "\(externalURL)/alarms/\(entry.identity.fingerprint)")
            put("fingerprint", entry.identity.fingerprint)
            writer.endObject()
        }
        writer.endArray()
        put("groupLabels", Dictionary(notification.groupLabels.map { ($0.name, $0.value) }) { first, _ in first })
        put("commonLabels", Self.common(notification.entries.map(\.allLabels)))
        put("commonAnnotations", Self.common(notification.entries.map(\.allAnnotations)))
        put("externalURL", externalURL)
        put("version", "4")
        put("groupKey", notification.groupKey)
        writer.key("truncatedAlerts")
        writer.int64(Int64(notification.omitted))
        writer.endObject()
        return writer.bytes
    }

    /// The header under which a receiver can recognise a message that comes twice: the notification's key.
    public static let keyHeader = "idempotency-key"

    /// What all of them have alike.
    static func common(_ texts: [[String: String]]) -> [String: String] {
        guard let first = texts.first else { return [:] }
        return first.filter { name, text in texts.allSatisfy { $0[name] == text } }
    }
}

extension AlarmNotification.Entry {
    /// With the rule's name and the severity.
    var allLabels: [String: String] {
        var labels = Dictionary(identity.labels.labels.map { ($0.name, $0.value) }) { first, _ in first }
        labels["alertname"] = identity.rule
        labels["severity"] = severity.rawValue
        return labels
    }

    /// With what was measured and who looks after it.
    var allAnnotations: [String: String] {
        var all = annotations
        if !summary.isEmpty { all["summary"] = summary }
        if let value { all["value"] = "\(value)" }
        if let acknowledgement { all["acknowledged_by"] = acknowledgement.by }
        return all
    }
}

/// What a program is started with that is told of alarms; it is started elsewhere, and never through a shell.
public struct AlarmCommand: Hashable, Sendable {
    /// The program and its arguments, as the receiver has them: nothing of an alarm is among them.
    public let arguments: [String]
    /// The webhook's body, and a line end.
    public let input: [UInt8]
    /// The same for every try of a message: given to the program as `MARTLET_NOTIFICATION`.
    public let key: String

    public init(_ notification: AlarmNotification, arguments: [String], externalURL: String) {
        self.arguments = arguments
        input = WebhookBody(externalURL: externalURL).encoded(notification) + [0x0A]
        key = notification.key
    }
}
