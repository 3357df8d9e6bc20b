public import MartletWorld

/// The mail about a notification.
public struct AlarmMail: Sendable {
    public var from: MailAddress
    public var fromName: String
    /// Where people look at alarms, without a `/` at its end.
    public var externalURL: String

    public init(from: MailAddress, fromName: String = "Martlet", externalURL: String) {
        self.from = from
        self.fromName = fromName
        self.externalURL = externalURL.hasSuffix("/") ? String(externalURL.dropLast()) : externalURL
    }

    /// The same for every try: also its `Message-ID` and `Date`, which are the notification's.
    public func message(_ notification: AlarmNotification, to recipients: [MailAddress]) -> MailMessage {
        var hash = FNV1a()
        hash.add(notification.group)
        return MailMessage(
            from: from, fromName: fromName, to: recipients, subject: Self.subject(notification), text: text(notification), key: notification.key,
            threadKey: "group-\(hash.text)", date: notification.time)
    }

    /// `[FIRING 2] drift feature=amount`.
    static func subject(_ notification: AlarmNotification) -> String {
        let firing = notification.entries.count { $0.end == nil }
        let names = Set(notification.entries.map(\.identity.rule)).sorted()
        let labels = WebhookBody.common(notification.entries.map(\.allLabels)).filter { $0.key != "alertname" && $0.key != "severity" }
        let more = notification.omitted > 0 ? "+" : ""
        let status = notification.isFiring ? "FIRING \(firing)\(more)" : "RESOLVED"
        return "[\(status)] " + (names.prefix(3) + (names.count > 3 ? ["…"] : [])).joined(separator: ", ")
            + labels.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    }

    func text(_ notification: AlarmNotification) -> String {
        var lines: [String] = []
        for (title, entries) in [
            ("Firing", notification.entries.filter { $0.end == nil }), ("Resolved", notification.entries.filter { $0.end != nil }),
        ] where !entries.isEmpty {
            lines.append("\(title):")
            for entry in entries {
                lines.append("")
                lines.append("  \(Self.oneLine("\(entry.identity)"))  (\(entry.severity.rawValue))")
                if !entry.summary.isEmpty { lines.append("    \(Self.oneLine(entry.summary))") }
                lines.append("    since \(entry.start)" + (entry.end.map { " until \($0)" } ?? "") + (entry.value.map { ", value \($0)" } ?? ""))
                for figure in entry.cause.figures { lines.append("    \(Self.oneLine(figure.name)): \(figure.value)") }
                for (name, text) in entry.annotations.sorted(by: { $0.key < $1.key }) { lines.append("    \(Self.oneLine(name)): \(Self.oneLine(text))") }
                if let acknowledgement = entry.acknowledgement {
                    let note = acknowledgement.note.isEmpty ? "" : ": \(Self.oneLine(acknowledgement.note))"
                    lines.append("    \(Self.oneLine(acknowledgement.by)) looks after it" + note)
                }
                lines.append("    \(externalURL)/alarms/\(entry.identity.fingerprint)")
            }
            lines.append("")
        }
        if notification.omitted > 0 { lines.append("And \(notification.omitted) more: \(externalURL)/alarms") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// So that no text of an alarm looks like another line of the mail.
    private static func oneLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            line.unicodeScalars.append(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value) ? " " : scalar)
        }
        return line
    }
}

extension MailError {
    /// What the machine is told of it.
    public var outcome: DeliveryOutcome { isTemporary ? .failed(message) : .refused(message) }
}
