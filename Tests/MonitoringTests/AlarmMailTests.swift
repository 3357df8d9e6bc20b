import MartletFrames
import MartletMonitoring
import MartletWorld
import Testing

@Suite("The mail about alarms")
struct AlarmMailTests {
    /// The mail about one alarm whose every text is of somebody's making.
    private func message(_ text: String) throws -> MailMessage {
        let now = Timestamp(microseconds: 1_520_424_000_000_000)
        let plan = try AlarmPlan(
            rules: [AlarmRule("drift", annotations: ["runbook": text])], routes: [AlarmRoute("all", receivers: ["ops"], groupWait: .zero)],
            receivers: [Receiver("ops", .email(to: [try MailAddress("ada@example.org")]))])
        var machine = AlarmMachine()
        var turn = AlarmTurn()
        machine.configure(plan, at: now, &turn)
        let reading = AlarmReading(
            rule: "drift", labels: try AlarmLabels([("feature", text)]), time: now, level: .beyond, value: 0.5, summary: text,
            cause: AlarmCause(monitor: text, feature: text, figures: [.init(text, 0.25)]))
        machine.feed([reading], at: now, &turn)
        guard case .notify(let notification)? = turn.effects.first else { throw Nothing() }
        let mail = AlarmMail(from: try MailAddress("martlet@example.org"), externalURL: "https://martlet.example/")
        #expect(try mail.message(notification, to: [MailAddress("ada@example.org")]).messageID == "<\(notification.key)@example.org>")
        return mail.message(notification, to: [try MailAddress("ada@example.org")])
    }

    struct Nothing: Error {}

    @Test("says what fires, since when, by which figures and where to look")
    func plain() throws {
        let message = try message("amount")
        #expect(message.subject == "[FIRING 1] drift feature=amount")
        let fingerprint = try AlarmIdentity(rule: "drift", labels: AlarmLabels([("feature", "amount")])).fingerprint
        #expect(
            message.text == """
                Firing:

                  drift{feature="amount"}  (warning)
                    amount
                    since 2018-03-07T12:00:00Z, value 0.5
                    amount: 0.25
                    runbook: amount
                    https://martlet.example/alarms/\(fingerprint)


                """)
    }

    @Test("no text of an alarm adds a line to the mail or a header to its head", arguments: [
        "x\r\nBcc: eve@example.org\r\n\r\n", "x\n.\nQUIT", "\u{2028}Resolved:", "\u{85}x", "\u{0}",
    ])
    func injection(_ text: String) throws {
        let message = try message(text)
        let plain = try self.message("x")
        #expect(message.text.split(separator: "\n", omittingEmptySubsequences: false).count == plain.text.split(separator: "\n", omittingEmptySubsequences: false).count)
        let head = String(decoding: message.encoded(), as: UTF8.self).prefix(while: { _ in true }).split(separator: "\r\n\r\n", maxSplits: 1)[0]
        #expect(!head.split(separator: "\r\n").contains { $0.lowercased().hasPrefix("bcc") })
    }

    @Test("a server that may take it later is tried again, one that will not is not")
    func outcomes() {
        #expect(MailError(.later, "x").outcome == .failed("x") && MailError(.timedOut, "x").outcome == .failed("x"))
        #expect(MailError(.refused, "x").outcome == .refused("x") && MailError(.untrusted, "x").outcome == .refused("x"))
    }
}
