import Crypto
import Foundation
import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletWorld
import Testing

@testable import MartletServer

@Suite("Webhooks", .timeLimit(.minutes(2)))
struct WebhookTests {
    private static let files: [(String, String)] = [
        ("martlet.yaml", "project: shop\n"),
        (
            "pipelines/hooked.yaml",
            """
            pipeline: hooked
            triggers: [{ webhook: hub }, { webhook: older }]
            parameters:
              word: { type: string, default: hello }
              count: { type: int64, default: 1 }
            tasks: { say: { run: [/bin/echo, "${parameters.word}"] } }
            ---
            pipeline: plain
            tasks: { say: { run: [/bin/true] } }
            ---
            pipeline: unset
            triggers: [{ webhook: nothing }]
            tasks: { say: { run: [/bin/true] } }
            """
        ),
    ]

    private func project() async throws -> TestProject {
        let project = try await TestProject(Self.files)
        try await project.server.platform.startPipelines(schedules: false)
        for (name, value) in [("hub", "hunter2!"), ("older", "hunter1!")] {
            #expect(await project.send(.put, "/api/v1/secrets/\(name)", #"{"value":"\#(value)"}"#).status == 200)
        }
        return project
    }

    /// The headers of Standard Webhooks.
    private func standard(_ body: String, _ secret: String = "hunter2!", id: String = "msg_1", secondsAgo: Int64 = 0) -> [(String, String)] {
        let stamp = "\(SystemClock().now().microseconds / 1_000_000 - secondsAgo)"
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(id).\(stamp).\(body)".utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return [
            ("webhook-id", id), ("webhook-timestamp", stamp),
            ("webhook-signature", "v1," + String(decoding: Base64Text.encode(Array(code)), as: UTF8.self)),
        ]
    }

    private func github(_ body: String, _ secret: String = "hunter2!", delivery: String? = nil) -> [(String, String)] {
        let code = HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        let digits = code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        return [("x-hub-signature-256", "sha256=" + digits)] + (delivery.map { [("x-github-delivery", $0)] } ?? [])
    }

    private func send(_ body: String, _ headers: [(String, String)], to pipeline: String = "hooked", _ project: TestProject, from address: String = "192.0.2.9")
        async -> Response
    {
        await project.stranger(.post, "/api/v1/pipelines/\(pipeline)/webhook", body, headers: headers, address: address)
    }

    private func runs(_ project: TestProject) async throws -> [JSONValue] {
        try await project.send(.get, "/api/v1/pipeline-runs").json["items"]?.array ?? []
    }

    @Test("a signed request starts a run with the parameters that it gives; the same delivery again gives the same run")
    func signed() async throws {
        let project = try await project()
        let body = #"{"parameters":{"word":"hi","nobody":7},"ref":"main"}"#
        let first = try await send(body, standard(body), project).json
        let run = try #require(first["run"]?.string)
        #expect(first == ["run": .string(run), "pipeline": "hooked"])
        for _ in 0..<3 { #expect(try await send(body, standard(body), project).json["run"]?.string == run) }
        // Another body under the id of a delivery that was taken is that delivery.
        #expect(try await send("{}", standard("{}"), project).json["run"]?.string == run)
        let others = [
            await send(body, standard(body, "hunter1!", id: "msg_2"), project), await send("no json", standard("no json", id: "msg_3"), project),
            await send(body, github(body, delivery: "d1"), project), await send("", github(""), project), await send("", github(""), project),
        ]
        #expect(others.allSatisfy { $0.status == 200 })
        #expect(try await send(body, github(body, delivery: "d1"), project).json["run"] == others[2].json["run"])
        let all = try await runs(project)
        #expect(all.count == 6)
        let shown = try #require(all.first { $0["run"]?.string == run })
        #expect(shown["cause"]?.string == "event" && shown["actor"]?.string == "user:owner" && shown["parameters"] == ["count": 1, "word": "hi"])
        let audit = try await project.send(.get, "/api/v1/audit?action=pipelines.run").json
        #expect(audit["items"]?.array?.first?["details"]?["cause"]?.string == "event")
        try await project.close()
    }

    @Test("all that is not signed as it should be is answered alike, and starts nothing")
    func refused() async throws {
        let project = try await project()
        let body = #"{"parameters":{"word":"hi"}}"#
        let token = try await project.token(.admin)
        let good = standard(body)
        let attempts: [(String, [(String, String)], String)] = [
            (body, [], "hooked"), (body, standard(body, "hunter3!"), "hooked"), (body + " ", good, "hooked"), (body, standard(body, secondsAgo: 1_000), "hooked"),
            (body, standard(body, secondsAgo: -1_000), "hooked"), (body, github(body, "hunter3!"), "hooked"), (body, good + [("webhook-id", "msg_1")], "hooked"),
            (body, good, "plain"), (body, good, "nothing"), (body, standard(body, "nothing"), "nothing"), (body, good, "unset"),
            (body, standard(body, "unset"), "unset"), (body, [("authorization", "Bearer " + token)], "hooked"),
            (body, [("x-hub-signature-256", "sha256=" + String(repeating: "0", count: 64))], "hooked"),
        ]
        var answers: Set<String> = []
        for (number, (body, headers, pipeline)) in attempts.enumerated() {
            let answer = await send(body, headers, to: pipeline, project, from: "198.51.100.\(number)")
            #expect(answer.status == 401, "\(number): \(answer.text)")
            answers.insert(answer.text)
        }
        #expect(answers.count == 1)
        // The owner needs a signature too.
        #expect(await project.send(.post, "/api/v1/pipelines/hooked/webhook", body).status == 401)
        #expect(try await runs(project).isEmpty)
        project.server.flushRefusals()
        let audit = try await project.send(.get, "/api/v1/audit?outcome=refused&action=pipelines.webhook").json
        #expect((audit["items"]?.array?.count ?? 0) > 0)
        try await project.close()
    }

    @Test("wrong signatures from one address are bounded, and a right one is taken all the same")
    func guessing() async throws {
        let project = try await project()
        var statuses: [Int] = []
        // Ten at once, and one more each six seconds: on a slow machine the bound comes a little later.
        while statuses.count < 60, statuses.last != 429 { statuses.append(await send("{}", standard("{}", "guess"), project).status) }
        #expect(statuses.count > 10 && statuses.dropLast().allSatisfy { $0 == 401 } && statuses.last == 429, "\(statuses)")
        #expect(await send("{}", standard("{}"), project).status == 200)
        try await project.close()
    }

    @Test("a body over the limit is not looked at, and parameters of a wrong type are told to who signed them")
    func bodies() async throws {
        let project = try await project()
        let huge = String(repeating: " ", count: 1 << 20) + "{}"
        #expect(await send(huge, standard(huge), project).status == 413)
        let wrong = #"{"parameters":{"count":"many"}}"#
        #expect(await send(wrong, standard(wrong), project).status == 400)
        let long = String(repeating: "m", count: 151)
        #expect(await send("{}", standard("{}", id: long), project).status == 400)
        for odd in ["[]", "7", #"{"parameters":7}"#, String(repeating: "[", count: 100_000)] {
            #expect(await send(odd, standard(odd, id: "odd\(odd.utf8.count)"), project).status == 200)
        }
        try await project.close()
    }

    @Test("whoever applies a webhook must be allowed its secret, and a run has their rights as they are when it is asked for")
    func rights() async throws {
        let project = try await TestProject(Self.files, isApplied: false)
        try await project.server.platform.startPipelines(schedules: false)
        _ = await project.send(.put, "/api/v1/secrets/hub", #"{"value":"hunter2!"}"#)
        let engineer = try await project.token(.engineer, including: [.execute])
        let refused = await project.send(.post, "/api/v1/apply", token: engineer)
        #expect(refused.status == 422 && refused.text.contains("secrets.use"), "\(refused.text)")
        let fit = try await project.token(.engineer, including: [.execute, .secretsUse])
        #expect(await project.send(.post, "/api/v1/apply", token: fit).status == 200)
        #expect(await send("{}", standard("{}"), project).status == 200)
        let tokens = try await project.send(.get, "/api/v1/tokens").json["items"]?.array ?? []
        for token in tokens { _ = await project.send(.delete, "/api/v1/tokens/\(token["id"]?.string ?? "")") }
        #expect(await send("{}", standard("{}", id: "msg_2"), project).errorCode == "conflict")
        try await project.close()
    }
}
