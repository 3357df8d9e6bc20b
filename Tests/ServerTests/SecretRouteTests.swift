import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("Routes of secrets, and acting by a token through the socket")
struct SecretRouteTests {
    @Test("a secret is set, listed without its value, replaced and removed, and told in the audit log without its value")
    func life() async throws {
        let project = try await TestProject()
        let set = try await project.send(.put, "/api/v1/secrets/warehouse", #"{"value":"canary-1"}"#).json
        #expect(set["secret"]?.string == "warehouse" && set["version"]?.int64 == 1 && set["set_by"]?.string == "user:owner")
        #expect(try await project.send(.put, "/api/v1/secrets/warehouse", #"{"value":"canary-2"}"#).json["version"]?.int64 == 2)
        _ = await project.send(.put, "/api/v1/secrets/mail", #"{"value":"canary-3"}"#)
        let list = await project.send(.get, "/api/v1/secrets")
        #expect(try list.json["items"]?.array?.compactMap { $0["secret"]?.string } == ["mail", "warehouse"])
        #expect(await project.send(.get, "/api/v1/secrets/warehouse").status == 405)
        #expect(await project.send(.delete, "/api/v1/secrets/mail").status == 200)
        #expect(await project.send(.delete, "/api/v1/secrets/mail").errorCode == "not_found")
        let audit = await project.send(.get, "/api/v1/audit?action=secrets.set")
        #expect(try audit.json["items"]?.array?.count == 3)
        let all = await project.send(.get, "/api/v1/audit")
        for answer in [list, audit, all] { #expect(!answer.text.contains("canary")) }
        #expect(!project.log.all.contains { $0.contains("canary") })
        try await project.close()
    }

    @Test("what cannot be a secret is refused, and the answer does not repeat it", arguments: [
        ("warehouse", #"{"value":""}"#), ("warehouse", #"{"value":7711}"#), ("warehouse", #"{"value":"canary\u0000"}"#),
        ("warehouse", #"{"values":"canary"}"#), ("warehouse", "canary"), ("1warehouse", #"{"value":"canary"}"#), ("a%20b", #"{"value":"canary"}"#),
        ("warehouse", #"{"value":"canary"#), ("warehouse", #"{"value":["canary"]}"#),
    ])
    func refused(_ name: String, _ body: String) async throws {
        let project = try await TestProject()
        let answer = await project.send(.put, "/api/v1/secrets/\(name)", body)
        #expect(answer.status == 400, "\(answer.text)")
        #expect(!answer.text.contains("canary") && !answer.text.contains("7711"))
        let size = String(repeating: "x", count: 65_537)
        #expect(await project.send(.put, "/api/v1/secrets/large", #"{"value":"\#(size)"}"#).status == 400)
        #expect(await project.send(.put, "/api/v1/secrets/large", #"{"value":"\#(size.dropLast())"}"#).status == 200)
        #expect(try await project.send(.get, "/api/v1/secrets").json["items"]?.array?.count == 1)
        try await project.close()
    }

    @Test("at the socket a token is honoured: its holder acts, with its rights, and a wrong one makes nobody the owner")
    func socket() async throws {
        let project = try await TestProject()
        let token = try await project.token(.viewer)
        try await project.server.listenOnSocket()
        let client = SocketClient(path: ProjectServer.socketPath(ofProject: project.path))
        func status(_ target: String, _ header: String?) async throws -> Int {
            let headers = Headers(header.map { [("authorization", $0)] } ?? [])
            return try await client.send(Request(method: .get, segments: [], headers: headers, peer: .owner), target: target).status
        }
        #expect(try await status("/api/v1/secrets", nil) == 200)
        #expect(try await status("/api/v1/streams", "Bearer " + token) == 200)
        #expect(try await status("/api/v1/secrets", "Bearer " + token) == 403)
        for wrong in ["Bearer " + token.dropLast() + (token.hasSuffix("0") ? "1" : "0"), "Bearer", "", "Bearer martlet_task_" + String(repeating: "0", count: 52)] {
            #expect(try await status("/api/v1/streams", wrong) == 401, "\(wrong)")
        }
        project.server.flushRefusals()
        let refused = try await project.send(.get, "/api/v1/audit?outcome=refused&action=secrets.list").json
        #expect(refused["items"]?.array?.first?["actor"]?.string?.hasPrefix("token:") == true)
        try await project.close()
    }
}
