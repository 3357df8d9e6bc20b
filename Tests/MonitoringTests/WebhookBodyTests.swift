import Foundation
import MartletBytes
import MartletFrames
import MartletMonitoring
import Testing

@Suite("The webhook's body")
struct WebhookBodyTests {
    private func example() throws -> AlarmNotification {
        let start = Timestamp(microseconds: 1_520_942_400_000_000)
        let rules = [
            AlarmRule("HighLatency", severity: .page, annotations: ["description": "the 95th percentile", "runbook": "https://example.org/r"])
        ]
        let route = AlarmRoute(
            "pages", matchers: [try LabelMatcher("severity=\"page\""), try LabelMatcher("dc=~\"eu*\"")], receivers: ["team-X-hook"],
            groupBy: .labels(["alertname", "dc"]), groupWait: .zero)
        let plan = try AlarmPlan(rules: rules, routes: [route], receivers: [Receiver("team-X-hook", .command(["x"]), alarmLimit: 2)])
        var machine = AlarmMachine()
        var turn = AlarmTurn()
        machine.configure(plan, at: start, &turn)
        func reading(_ service: String, _ level: AlarmReading.Level, _ value: Double, after seconds: Int64) throws -> AlarmReading {
            AlarmReading(
                rule: "HighLatency", labels: try AlarmLabels([("dc", "eu-west-1"), ("service", service)]), time: start + .seconds(seconds), level: level,
                value: value, summary: "slow \"\(service)\"\n", cause: AlarmCause(monitor: "m"))
        }
        machine.feed([try reading("a", .beyond, 0.5, after: 0), try reading("b", .beyond, 0.5, after: 0), try reading("c", .beyond, 0.5, after: 0)], at: start, &turn)
        guard case .notify(let first)? = turn.effects.first else { throw AlarmScenarioFailure() }
        machine.report(first, .delivered, at: start, &turn)
        turn = AlarmTurn()
        try machine.acknowledge(
            AlarmIdentity(rule: "HighLatency", labels: try AlarmLabels([("dc", "eu-west-1"), ("service", "b")])).fingerprint, by: "ada", at: start, &turn)
        machine.feed([try reading("a", .within, 0.125, after: 60), try reading("b", .beyond, 0.75, after: 60)], at: start + .minutes(10), &turn)
        guard case .notify(let second)? = turn.effects.first else { throw AlarmScenarioFailure() }
        return second
    }

    struct AlarmScenarioFailure: Error {}

    @Test("is what the documentation of Alertmanager has: these keys and no others, of these types, byte for byte as kept")
    func golden() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/webhook.json")
        let kept = try JSONValue(parsing: try Data(contentsOf: file))
        let body = WebhookBody(externalURL: "https://martlet.example/").encoded(try example())
        let found = try JSONValue(parsing: body)
        #expect(found == kept, "\(found)")
        #expect(body == kept.serialized())
        #expect(
            Set(found.object?.keys ?? []) == [
                "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
                "alerts",
            ])
        for alert in found["alerts"]?.array ?? [] {
            #expect(
                alert.object?.keys.sorted() == ["annotations", "endsAt", "fingerprint", "generatorURL", "labels", "startsAt", "status"])
        }
    }

    @Test("the fingerprint is Alertmanager's: FNV-1a over alertname and labels")
    func fingerprint() throws {
        // Computed by a script of its own over the bytes that Prometheus' `model.LabelSet.Fingerprint` hashes.
        let identity = AlarmIdentity(rule: "drift", labels: try AlarmLabels([("group", "é"), ("feature", "amount")]))
        #expect(identity.fingerprint == "aba0794ec02f750e")
        #expect(AlarmIdentity(rule: "other", labels: .none).fingerprint == "bfc62c3d10f77334")
    }

    @Test("a command's arguments are the receiver's alone; what it is told stands on its input")
    func command() throws {
        let notification = try example()
        let command = AlarmCommand(notification, arguments: ["tell", "--now"], externalURL: "https://martlet.example")
        #expect(command.arguments == ["tell", "--now"] && command.key == notification.key)
        #expect(command.input == WebhookBody(externalURL: "https://martlet.example").encoded(notification) + [0x0A])
    }
}
