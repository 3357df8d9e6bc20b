import MartletAccess
import MartletBytes
import Testing

@testable import MartletServer

@Suite("the gatekeeper")
struct GatekeeperTests {
    @Test("a request for another host is refused, whoever sends it", arguments: [
        "evil.example", "evil.example:7070", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::2]:7070", "0.0.0.0",
    ])
    func foreignHost(_ host: String) async throws {
        let project = try await TestProject(isApplied: false)
        let token = try await project.token(.admin)
        let answer = await project.send(.get, "/api/v1/streams", token: token, headers: [("host", host)])
        #expect(answer.status == 421)
        #expect(answer.errorCode == "wrong_host")
        #expect(await project.stranger(.get, "/", headers: [("host", host)]).status == 421)
        try await project.close()
    }

    @Test("the loopback's names and those given are taken, with any port", arguments: [
        "localhost", "LOCALHOST:1", "127.0.0.1:7070", "[::1]:7070", "ml.example.org:443",
    ])
    func ownHost(_ host: String) async throws {
        var settings = ProjectServer.Settings.patient
        settings.hostNames = ["ML.example.org"]
        let project = try await TestProject(settings: settings, isApplied: false)
        #expect(await project.stranger(.get, "/healthz", headers: [("host", host)]).status == 200)
        try await project.close()
    }

    @Test("a page of another origin is refused, also with a valid token", arguments: [
        "http://evil.example", "null", "http://localhost:7071", "http://localhost", "localhost:7070", "http://localhost:7070.evil.example",
    ])
    func foreignOrigin(_ origin: String) async throws {
        let project = try await TestProject(isApplied: false)
        let token = try await project.token(.admin)
        let answer = await project.send(.post, "/api/v1/plan", token: token, headers: [("origin", origin)])
        #expect(answer.status == 403)
        #expect(answer.errorCode == "foreign_origin")
        let own = await project.send(.post, "/api/v1/plan", token: token, headers: [("origin", "http://localhost:7070")])
        #expect(own.status == 200)
        try await project.close()
    }

    @Test("a session's cookie reads, and changes only from our own script")
    func sessionCookie() async throws {
        let project = try await TestProject(isApplied: false)
        let token = try await project.token(.admin)
        let cookie = ("cookie", "other=1; martlet_session=\(token)")
        let origin = ("origin", "http://localhost:7070")
        func apply(_ headers: [(String, String)]) async -> Int { await project.stranger(.post, "/api/v1/apply", headers: headers).status }
        #expect(await project.stranger(.get, "/api/v1/project", headers: [cookie]).status == 200)
        #expect(await apply([cookie]) == 401)
        #expect(await apply([cookie, origin]) == 401)
        #expect(await apply([cookie, ("x-martlet", "1")]) == 401)
        #expect(await apply([cookie, ("x-martlet", "1"), ("origin", "http://evil.example")]) == 403)
        #expect(await apply([cookie, ("x-martlet", "1"), origin]) == 200)
        try await project.close()
    }

    @Test("a token is taken as bearer or as basic password, and never from the query")
    func credentials() async throws {
        let project = try await TestProject()
        let token = try await project.token(.viewer)
        // base64 of ":<token>" and of "any:<token>", made here by hand of the same alphabet.
        for user in ["", "any"] {
            let basic = base64(Array("\(user):\(token)".utf8))
            #expect(await project.stranger(.get, "/api/v1/streams", headers: [("authorization", "Basic \(basic)")]).status == 200)
        }
        #expect(await project.stranger(.get, "/api/v1/streams?token=\(token)").status == 401)
        try await project.close()
    }

    private func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).map { start + $0 < bytes.count ? UInt32(bytes[start + $0]) : 0 }
            let number = group[0] << 16 | group[1] << 8 | group[2]
            for index in 0..<4 {
                text.append(start + index > bytes.count ? "=" : alphabet[Int(number >> UInt32(18 - 6 * index)) & 63])
            }
        }
        return text
    }

    @Test("base 64 is read back, and what is none is refused", arguments: [[], [0], [255, 1], [1, 2, 3], [9, 8, 7, 6]] as [[UInt8]])
    func base64RoundTrip(_ bytes: [UInt8]) {
        #expect(Base64Text.decode(base64(bytes).utf8) == bytes)
        #expect(Base64Text.decode((base64(bytes) + "!").utf8) == nil)
        #expect(Base64Text.decode("=AAA".utf8) == nil)
        #expect(Base64Text.decode("AAA".utf8) == nil)
    }

    @Test("failed attempts are bounded for a source, and a valid token is answered all the same")
    func guessing() async throws {
        let project = try await TestProject()
        let token = try await project.token(.viewer)
        var statuses: [Int] = []
        for _ in 0..<20 { statuses.append(await project.stranger(.get, "/api/v1/streams", address: "192.0.2.1").status) }
        #expect(statuses.first == 401)
        #expect(statuses.last == 429)
        let refused = await project.stranger(.get, "/api/v1/streams", address: "192.0.2.1")
        #expect(refused.headers["retry-after"] != nil)
        #expect(await project.send(.get, "/api/v1/streams", token: token).status == 200)
        try await project.close()
    }

    @Test("refusals are in the audit log with who, what and where from")
    func audited() async throws {
        let project = try await TestProject()
        let token = try await project.token(.viewer)
        _ = await project.send(.post, "/api/v1/apply", token: token)
        _ = await project.stranger(.get, "/api/v1/tokens", address: "203.0.113.7")
        _ = await project.stranger(.post, "/api/v1/session", #"{"token":"wrong"}"#, address: "203.0.113.8")
        project.server.flushRefusals()
        let entries = try await project.send(.get, "/api/v1/audit?outcome=refused").json["items"]?.array ?? []
        let denied = try #require(entries.first { $0["action"]?.string == "definitions.apply" })
        #expect(denied["actor"]?.string?.hasPrefix("token:") == true)
        #expect(denied["details"]?["code"]?.string == "denied")
        let anonymous = try #require(entries.first { $0["action"]?.string == "tokens.list" })
        #expect(anonymous["actor"]?.string == "anonymous")
        #expect(anonymous["details"]?["source"]?.string == "203.0.113.7")
        #expect(entries.contains { $0["action"]?.string == "session.open" })
        #expect(try await project.send(.get, "/api/v1/audit/verify").json["intact"] == true)
        try await project.close()
    }

    @Test("a body over its route's limit is refused, and one at the limit is read")
    func bodyLimits() async throws {
        let project = try await TestProject()
        let limit = 4_096
        let over = await project.stranger(.post, "/api/v1/setup", String(repeating: " ", count: limit + 1))
        #expect(over.status == 413)
        #expect(over.errorCode == "too_large")
        let at = #"{"code":""# + String(repeating: "x", count: limit - 11) + #""}"#
        #expect(await project.stranger(.post, "/api/v1/setup", at).status == 401)
        // A route without a body takes none.
        #expect(await project.send(.get, "/api/v1/streams", "x").status == 413)
        try await project.close()
    }
}
