import Foundation
import MartletAccess
import MartletBytes
import MartletFrames
import MartletOutbound
import MartletOutboundTesting
import MartletPlatform
import MartletSimulation
import MartletWorld
import Synchronization
import Testing

@Suite("Mails and commands about alarms", .timeLimit(.minutes(10)))
struct AlarmMessageTests {
    private func files(_ reactions: String, mailPort: Int) -> [String: String] {
        var files = FraudProject.files
        files["martlet.yaml"] = """
            project: fraud
            egress: { allow: [127.0.0.1, "::1"] }
            mail: { server: "smtp://localhost:\(mailPort)", from: "martlet@example.org", user: ada, password: smtp_password }
            """
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\nlimits: { rows: 10000 }\n"
        files["monitors/fraud.yaml"] = "monitor: fraud\nendpoint: fraud\nquality: { freshness: 8h }\non_alarm:\n\(reactions)"
        return files
    }

    /// What happened, the oldest first.
    private func records(_ fixture: PlatformFixture, _ event: String) throws -> [JSONValue] {
        try fixture.platform.alarmHistory(nil, limit: 1_000, scope: fixture.scope(.monitorsRead)).filter { $0["event"]?.string == event }.reversed()
    }

    /// No payment comes for a while.
    private func beStill(_ traffic: LiveTraffic, hours: Int) async throws {
        for _ in 0..<(hours * 2) {
            traffic.clock.advance(by: .minutes(30))
            try await traffic.fixture.platform.checkMonitors()
        }
    }

    private func text(_ fixture: PlatformFixture, _ file: String) -> String {
        (try? String(contentsOfFile: fixture.folder + "/" + file, encoding: .utf8)) ?? ""
    }

    @Test("an alarm comes as a mail and to a command, once each, though server and command fail at first; its end comes too")
    func told() async throws {
        let isReady = Mutex(false)
        let server = try await LoopbackMailServer(certificate: (TestCertificates.server, TestCertificates.key)) { line, isSecure in
            guard let line else { return .say("220 hello") }
            switch line.prefix(4) {
            case "EHLO": return .say(isSecure ? "250-x\r\n250 AUTH PLAIN" : "250-x\r\n250 STARTTLS")
            case "STAR": return .beginTLS("220 go")
            case "AUTH": return .say("235 ok")
            case "MAIL": return .say(isReady.withLock { $0 } ? "250 ok" : "451 not yet")
            case "RCPT": return .say(line.contains("nobody") ? "550 no such box" : "250 ok")
            case "DATA": return .say("354 go")
            case "QUIT": return .say("221 bye")
            default: return .say("250 ok")
            }
        }
        var traffic = try await LiveTraffic(
            files(
                """
                  - { email: [ops@example.org, nobody@example.org] }
                  - { command: [sh, -c, 'cat >> tried; test -e ready && echo $MARTLET_NOTIFICATION >> told || { echo come back later; exit 7; }'] }
                """, mailPort: server.port),
            history: 40, days: 10, mail: OutboundMail(trusting: TestCertificates.root))
        let fixture = traffic.fixture
        _ = try fixture.platform.setSecret("smtp_password", to: Secret("sesame"), requestID: nil, scope: fixture.scope(.secretsManage, .secret, "smtp_password"))
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 1)
        try await beStill(traffic, hours: 10)
        #expect(try records(fixture, "alarm_fired").count == 1)
        #expect(server.lines.contains("AUTH PLAIN AGFkYQBzZXNhbWU="))
        #expect(try records(fixture, "delivered").isEmpty)
        let failed = try records(fixture, "try_failed").compactMap { $0["reason"]?.string }
        #expect(failed.contains { $0.contains("451") || $0.contains("not yet") })
        #expect(failed.contains("it ended with exit code 7: come back later"))

        isReady.withLock { $0 = true }
        try fixture.write("", to: "ready")
        try await beStill(traffic, hours: 1)
        let mails = server.lines.filter { $0.contains("Subject:") }
        let first = try #require(mails.first)
        #expect(mails.count == 1 && first.contains("To: <ops@example.org>") && first.contains("Subject: [FIRING 1] fraud.freshness"), "\(mails)")
        #expect(first.contains("From:") && first.contains("<martlet@example.org>"))
        // The box that there is none of is given up, and keeps nobody from being told.
        #expect(try records(fixture, "gave_up").contains { $0["group"]?.string?.contains("nobody@example.org") == true })
        let keys = text(fixture, "told").split(separator: "\n")
        #expect(keys.count == 1)
        let bodies = try text(fixture, "tried").split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(bodies.count > 1 && Set(bodies.map(\.description)).count == 1)
        #expect(bodies.last?["status"] == "firing" && bodies.last?["alerts"]?.array?.first?["labels"]?["alertname"] == "fraud.freshness")

        _ = try await traffic.run(days: 1)
        let last = try #require(server.lines.last { $0.contains("Subject:") })
        #expect(last.contains("Subject: [RESOLVED] fraud.freshness"))
        #expect(text(fixture, "told").split(separator: "\n").count == 2)
        try await fixture.platform.close()
        await server.stop()
    }

    @Test("what may not be done is told with its reason and not tried again: a command where none may start, a mail whose secret there is none of")
    func refused() async throws {
        var tasks = TaskSettings()
        tasks.allowsPrograms = false
        var traffic = try await LiveTraffic(
            files("  - { email: ops@example.org }\n  - { command: [touch, told] }\n", mailPort: 9), history: 40, days: 4, tasks: tasks,
            mail: OutboundMail())
        let fixture = traffic.fixture
        _ = try await traffic.train(rounds: 5)
        _ = try await traffic.run(days: 1)
        try await beStill(traffic, hours: 12)
        let reasons = try records(fixture, "gave_up").compactMap { $0["reason"]?.string }
        #expect(reasons.contains { $0.contains("no secret is named 'smtp_password'") })
        #expect(reasons.contains { $0.contains("--no-exec") })
        #expect(text(fixture, "told") == "" && !FileManager.default.fileExists(atPath: fixture.folder + "/told"))
        try await fixture.platform.close()
    }
}
