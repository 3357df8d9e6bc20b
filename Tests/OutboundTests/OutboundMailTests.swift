import MartletFrames
@testable import MartletOutbound
import MartletOutboundTesting
import MartletWorld
import Testing

@Suite("Mails handed over by the real network", .timeLimit(.minutes(5)))
struct OutboundMailTests {
    private static let certificate = (chain: TestCertificates.server, key: TestCertificates.key)

    /// What a decent server says.
    @Sendable private static func decent(_ line: String?, _ isSecure: Bool) -> LoopbackMailServer.Reply {
        guard let line else { return .say("220 hello") }
        return switch line.prefix(4) {
        case "EHLO": .say(isSecure ? "250-x\r\n250 AUTH PLAIN" : "250-x\r\n250 STARTTLS")
        case "STAR": .beginTLS("220 go")
        case "AUTH": .say(isSecure ? "235 ok" : "538 in the clear")
        case "DATA": .say("354 go")
        case "QUIT": .say("221 bye")
        default: .say("250 ok")
        }
    }

    private func message() throws -> MailMessage {
        MailMessage(
            from: try MailAddress("martlet@example.org"), to: [try MailAddress("ada@example.org")], subject: "s", text: "one\n.two\n", key: "k",
            date: Timestamp(microseconds: 0))
    }

    private func settings(
        _ server: LoopbackMailServer, _ security: MailServer.Security, host: String = "localhost", login: Bool = false, inner: [String] = ["127.0.0.1", "::1"]
    ) -> MailServer {
        MailServer(
            host: host, port: server.port, security: security, login: login ? MailLogin(user: "ada", password: "sesame") : nil,
            rule: EgressRule(inner: inner.compactMap { AddressRange($0) }))
    }

    private func failure(_ server: MailServer, by mail: OutboundMail) async throws -> MailError? {
        let message = try message()
        do throws(MailError) {
            Issue.record("it was taken: \(try await mail.send(message, through: server))")
            return nil
        } catch {
            return error
        }
    }

    @Test("in the clear, by STARTTLS and by TLS the mail arrives as it was made", arguments: MailServer.Security.allCases)
    func arrives(_ security: MailServer.Security) async throws {
        let server = try await LoopbackMailServer(certificate: Self.certificate, isSecure: security == .tls, Self.decent)
        let mail = try OutboundMail(trusting: TestCertificates.root)
        let receipt = try await mail.send(message(), through: settings(server, security, login: security != .none))
        #expect(receipt.accepted.map(\.description) == ["ada@example.org"] && receipt.refused.isEmpty)
        let lines = server.lines
        #expect(lines.contains("STARTTLS") == (security == .startTLS || security == .startTLSIfOffered))
        #expect(lines.contains("AUTH PLAIN AGFkYQBzZXNhbWU=") == (security != .none))
        #expect(lines.contains { $0.hasSuffix("\r\n\r\none\r\n..two") })
        await server.stop()
    }

    @Test("a certificate that nobody vouches for, or of another host, ends it before a password is said", arguments: [MailServer.Security.tls, .startTLS])
    func certificates(_ security: MailServer.Security) async throws {
        let server = try await LoopbackMailServer(certificate: Self.certificate, isSecure: security == .tls, Self.decent)
        let unknown = try #require(try await failure(settings(server, security, login: true), by: OutboundMail()))
        #expect(unknown.code == .untrusted && unknown.message.contains("CERTIFICATE_VERIFY_FAILED") && !unknown.message.contains("/"))
        let other = try #require(
            try await failure(settings(server, security, host: "127.0.0.1", login: true), by: OutboundMail(trusting: TestCertificates.root)))
        #expect(other.code == .untrusted)
        #expect(!server.lines.contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") })
        await server.stop()
    }

    @Test("what is said between STARTTLS and TLS ends it")
    func injected() async throws {
        let server = try await LoopbackMailServer(certificate: Self.certificate) { line, isSecure in
            line == "STARTTLS" ? .beginTLS("220 go\r\n250 AUTH PLAIN") : Self.decent(line, isSecure)
        }
        let error = try #require(try await failure(settings(server, .startTLS, login: true), by: OutboundMail(trusting: TestCertificates.root)))
        #expect(error.code == .untrusted && !server.lines.contains { $0.hasPrefix("AUTH") })
        await server.stop()
    }

    @Test("an address that is not to be connected to is not, and a server that is not there is not reached")
    func places() async throws {
        let server = try await LoopbackMailServer(Self.decent)
        let forbidden = try #require(try await failure(settings(server, .none, inner: []), by: OutboundMail()))
        #expect(forbidden.code == .forbidden && server.lines.isEmpty)
        let place = settings(server, .none, host: "127.0.0.1")
        await server.stop()
        let gone = try #require(try await failure(place, by: OutboundMail()))
        #expect(gone.code == .unreachable)
    }

    @Test("a server that falls silent, or hangs up, is left")
    func silence() async throws {
        for reply in [LoopbackMailServer.Reply.silence, .hangUp] {
            let server = try await LoopbackMailServer { line, isSecure in line == "DATA" ? reply : Self.decent(line, isSecure) }
            var settings = settings(server, .none)
            // One that hangs up is seen to at once, also by a machine that is busy.
            if case .silence = reply { settings.timeout = .seconds(1) } else { settings.timeout = .seconds(60) }
            let error = try #require(try await failure(settings, by: OutboundMail()))
            if case .silence = reply { #expect(error.code == .timedOut) } else { #expect(error.code == .unreachable) }
            await server.stop()
        }
    }

    @Test("a task that is cancelled gives the mail up")
    func cancelled() async throws {
        let server = try await LoopbackMailServer { line, isSecure in line == "DATA" ? .silence : Self.decent(line, isSecure) }
        let settings = settings(server, .none)
        let message = try message()
        let task = Task { () -> MailError? in
            do throws(MailError) {
                _ = try await OutboundMail().send(message, through: settings)
                return nil
            } catch {
                return error
            }
        }
        while !server.lines.contains("DATA") { await Task.yield() }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        await server.stop()
    }
}
