import MartletAccess
import MartletBytes
import MartletFrames
import MartletOutboundTesting
import MartletPlatform
import Testing

@Suite("Tasks that ask servers")
struct HTTPTaskTests {
    private let runs = PipelineTests()

    /// A project that may ask servers on this machine, with a pipeline `p`.
    private func started(_ pipeline: String, egress: String = "egress: { allow: [127.0.0.1] }\n") async throws -> PlatformFixture {
        try await runs.started(pipeline, files: ["martlet.yaml": "project: works\n" + egress])
    }

    private func instance(_ run: JSONValue, _ task: String) -> JSONValue? {
        run["tasks"]?.array?.first { $0["task"]?.string == task }?["instances"]?.array?.first
    }

    private func reason(_ run: JSONValue, _ task: String) -> String { instance(run, task)?["reason"]?.string ?? "" }

    @Test("a request has what the task says, each computed part in its place; its answer gives typed results and is in the log")
    func request() async throws {
        let server = try await LoopbackServer { _, _ in .answer(201, body: #"{"id": 7, "tags": ["a", "b"], "more": null}"#) }
        let fixture = try await started("""
            pipeline: p
            parameters: { name: { type: string, default: "a/../b?c&d=e#f%" }, count: { type: int64, default: 3 } }
            tasks:
              send:
                http:
                  method: POST
                  url: "http://127.0.0.1:\(server.port)/items/${parameters.name}?by=${parameters.name}"
                  headers: { Idempotency-Key: "${task.key}", X-Name: "n ${parameters.count}" }
                  json: { count: "${parameters.count}", text: "is ${parameters.count}", name: "${parameters.name}", fixed: [1, true, null, x, "2"] }
                expect: [201]
                outputs: { id: int64, tags: list of string }
              whole: { http: { url: "${item}" }, expect: [201], map: ["http://127.0.0.1:\(server.port)/w?x"] }
              next: { check: ["tasks.send.id == 7", "tasks.send.status == 201"], after: send }
              each: { run: [echo, "${item}"], after: send, map: tasks.send.tags }
            """)
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        let asked = try #require(server.requests.first { $0.method == "POST" })
        let encoded = "a%2F..%2Fb%3Fc%26d%3De%23f%25"
        #expect(asked.target == "/items/\(encoded)?by=\(encoded)")
        #expect(asked.headers["idempotency-key"] == "\(done["run"]?.string ?? "")/send/0" && asked.headers["x-name"] == "n 3")
        #expect(asked.headers["content-type"] == "application/json")
        #expect(asked.body == #"{"count":3,"fixed":[1,true,null,"x","2"],"name":"a/../b?c&d=e#f%","text":"is 3"}"#)
        #expect(server.requests.contains { $0.target == "/w?x" })
        let log = try #require(try runs.log(done, "send", on: fixture))
        #expect(log.hasPrefix("POST http://127.0.0.1:\(server.port)/items/\(encoded): 201, 43 bytes\n{\"id\": 7"))
        #expect(!log.contains("by="))
        try await fixture.platform.close()
        await server.stop()
    }

    @Test("a secret goes into a header and nowhere else: not into the log, a reason or a result, and to no other server")
    func secretHeaders() async throws {
        let other = try await LoopbackServer { _, _ in .answer(200, body: "there") }
        let server = try await LoopbackServer { asked, _ in
            switch asked.target {
            case "/moved": .answer(302, headers: ["location": "http://localhost:\(other.port)/"])
            case "/words": .answer(200, body: "hunter2! is no JSON")
            default: .answer(200, body: #"{"given": "it is \#(asked.headers["authorization"] ?? "nothing")", "n": 1}"#)
            }
        }
        let base = "http://127.0.0.1:\(server.port)"
        let fixture = try await started("""
            pipeline: p
            tasks:
              plain: { http: { url: "\(base)/a" }, secrets: { authorization: Bearer api, X-Key: api }, outputs: { n: int64 } }
              echoed: { http: { url: "\(base)/a" }, secrets: { authorization: api }, outputs: { given: string }, allow_failure: true }
              words: { http: { url: "\(base)/words" }, secrets: { authorization: api }, outputs: { n: int64 }, allow_failure: true }
              moved: { http: { url: "\(base)/moved" }, secrets: { authorization: api, x-key: api }, follow: true }
              unset: { http: { url: "\(base)/unset" }, secrets: { authorization: nothing }, allow_failure: true }
              lines: { http: { url: "\(base)/lines" }, secrets: { authorization: lines }, allow_failure: true }
            """, egress: "egress: { allow: [127.0.0.1, \"::1\"] }\n")
        for (name, value) in [("api", "hunter2!"), ("lines", "a\nb: hidden")] {
            _ = try fixture.platform.setSecret(name, to: Secret(value), requestID: nil, scope: fixture.scope(.secretsManage, .secret, name))
        }
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        let first = try #require(server.requests.first { $0.headers["authorization"] == "Bearer hunter2!" })
        #expect(first.headers["x-key"] == "hunter2!")
        let log = try #require(try runs.log(done, "plain", on: fixture))
        #expect(log.contains("it is Bearer ***") && !log.contains("hunter2"), "\(log)")
        #expect(reason(done, "echoed").contains("holds a secret"))
        #expect(reason(done, "words").contains("not JSON") && !reason(done, "words").contains("hunter2"), "\(reason(done, "words"))")
        #expect(other.requests.count == 1 && other.requests.allSatisfy { $0.headers["authorization"] == nil && $0.headers["x-key"] == nil })
        #expect(reason(done, "unset").contains("martlet secret set nothing"))
        #expect(reason(done, "lines").contains("the secret 'lines' cannot be the header 'authorization'") && !reason(done, "lines").contains("hidden"))
        #expect(!server.requests.contains { ["/unset", "/lines"].contains($0.target) })
        #expect(!done.description.contains("hunter2"))
        try await fixture.platform.close()
        await server.stop()
        await other.stop()
    }

    @Test("statuses mean what the task says: success, another attempt, or the end")
    func statuses() async throws {
        let server = try await LoopbackServer { asked, _ in
            switch asked.target {
            case "/missing": .answer(404, body: "none")
            case "/moved": .answer(302, headers: ["location": "/there"])
            case "/there": .answer(200, body: "there")
            case "/words": .answer(200, body: "words")
            case "/huge": .answer(200, body: String(repeating: "x", count: 3_000))
            default: .answer(200, body: #"{"n": "many"}"#)
            }
        }
        let flaky = try await LoopbackServer { _, number in number < 2 ? .answer(503) : .answer(200) }
        let base = "http://127.0.0.1:\(server.port)"
        let fixture = try await started("""
            pipeline: p
            defaults: { retries: 3, retry_delay: 10ms, retry_factor: 1 }
            tasks:
              flaky: { http: { url: "http://127.0.0.1:\(flaky.port)/" } }
              missing: { http: { url: "\(base)/missing" }, allow_failure: true }
              wanted: { http: { url: "\(base)/missing" }, expect: [200, 404] }
              again: { http: { url: "\(base)/missing" }, retry_codes: [404], retries: 1, allow_failure: true }
              moved: { http: { url: "\(base)/moved" }, allow_failure: true }
              followed: { http: { url: "\(base)/moved" }, follow: true }
              words: { http: { url: "\(base)/words" }, outputs: { n: int64 }, allow_failure: true }
              typed: { http: { url: "\(base)/typed" }, outputs: { n: int64 }, allow_failure: true }
              lacks: { http: { url: "\(base)/typed" }, outputs: { m: int64 }, allow_failure: true }
              huge: { http: { url: "\(base)/huge" }, answer_limit: 2kB }
              much: { http: { url: "\(base)/huge" }, answer_limit: 2kB, outputs: { n: int64 }, allow_failure: true }
            """)
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        #expect(instance(done, "flaky")?["attempt"]?.int64 == 3 && flaky.requests.count == 3)
        #expect(reason(done, "missing") == "\(base)/missing answers 404" && instance(done, "missing")?["attempt"]?.int64 == 1)
        #expect(try runs.log(done, "missing", on: fixture)?.contains("\nnone\n") == true)
        #expect(instance(done, "wanted")?["result"]?["status"]?.int64 == 404)
        #expect(instance(done, "again")?["attempt"]?.int64 == 2)
        #expect(reason(done, "moved").contains("302; with 'follow: true'"))
        #expect(try runs.log(done, "followed", on: fixture)?.hasSuffix("there\n") == true)
        #expect(reason(done, "words").contains("not JSON"))
        #expect(reason(done, "typed").contains("'n' of the answer is"))
        #expect(reason(done, "lacks") == "the answer lacks 'm'")
        #expect(try runs.log(done, "huge", on: fixture)?.contains("more than 2000 bytes") == true)
        #expect(reason(done, "much").contains("answer_limit"))
        try await fixture.platform.close()
        await server.stop()
        await flaky.stop()
    }

    @Test("an answer that is no object, or lacks what is declared, fails; nobody there is asked again; no sentence has a query")
    func failures() async throws {
        let server = try await LoopbackServer { asked, _ in
            switch asked.target {
            case "/array": .answer(200, body: "[1]")
            case "/null": .answer(200, body: #"{"n": null}"#)
            case "/round": .answer(302, headers: ["location": "/round"])
            case "/nowhere": .answer(302)
            case "/given": .answer(200, body: #"{"n": 1}"#)
            default: .answer(404)
            }
        }
        let hidden = try await LoopbackServer(certificate: (TestCertificates.server, TestCertificates.key)) { _, _ in .answer(200) }
        let gone = try await LoopbackServer { _, _ in .silence }
        await gone.stop()
        let base = "http://127.0.0.1:\(server.port)"
        let fixture = try await started("""
            pipeline: p
            defaults: { retries: 1, retry_delay: 10ms, retry_factor: 1 }
            tasks:
              array: { http: { url: "\(base)/array" }, outputs: { n: int64 }, allow_failure: true }
              null: { http: { url: "\(base)/null" }, outputs: { n: int64 }, allow_failure: true }
              given: { http: { url: "\(base)/given" }, outputs: { n: int64 } }
              gone: { http: { url: "http://127.0.0.1:\(gone.port)/" }, allow_failure: true }
              round: { http: { url: "\(base)/round" }, follow: true, allow_failure: true }
              nowhere: { http: { url: "\(base)/nowhere" }, follow: true, allow_failure: true }
              unexpected: { http: { url: "\(base)/array" }, expect: [404], allow_failure: true }
              query: { http: { url: "\(base)/x?key=hidden" }, allow_failure: true }
              untrusted: { http: { url: "https://localhost:\(hidden.port)/" }, allow_failure: true }
            """)
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        #expect(reason(done, "array") == "the answer is an array where an object is expected")
        #expect(reason(done, "null") == "the answer lacks 'n'")
        #expect(instance(done, "given")?["result"] == ["n": 1, "status": 200])
        #expect(reason(done, "gone").contains("cannot be reached") && instance(done, "gone")?["attempt"]?.int64 == 2)
        #expect(reason(done, "round").contains("after 5 redirects") && instance(done, "round")?["attempt"]?.int64 == 2)
        #expect(reason(done, "nowhere") == "\(base)/nowhere answers 302")
        #expect(reason(done, "unexpected") == "\(base)/array answers 200" && instance(done, "unexpected")?["attempt"]?.int64 == 1)
        #expect(reason(done, "query") == "\(base)/x answers 404")
        #expect(reason(done, "untrusted").contains("certificate") && instance(done, "untrusted")?["attempt"]?.int64 == 1, "\(reason(done, "untrusted"))")
        #expect(hidden.requests.isEmpty)
        await hidden.stop()
        for task in ["array", "null", "query"] { #expect(try runs.log(done, task, on: fixture)?.contains("hidden") == false) }
        try await fixture.platform.close()
        await server.stop()
    }

    @Test("a body is sent as the task writes it, a text as a text unless a header says otherwise, an empty one too; others send none")
    func bodies() async throws {
        let server = try await LoopbackServer { _, _ in .answer(204) }
        let base = "http://127.0.0.1:\(server.port)"
        let fixture = try await started("""
            pipeline: p
            parameters: { name: { type: string, default: "ä" } }
            tasks:
              text: { http: { method: POST, url: "\(base)/text", body: "is ${parameters.name}" } }
              typed: { http: { method: PUT, url: "\(base)/typed", body: "a,b", headers: { Content-Type: text/csv } } }
              empty: { http: { method: PATCH, url: "\(base)/empty", body: "" } }
              json: { http: { method: POST, url: "\(base)/json", json: "${parameters.name}" } }
              none: { http: { method: DELETE, url: "\(base)/none" } }
              head: { http: { method: HEAD, url: "\(base)/head" } }
            """)
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        let asked = Dictionary(uniqueKeysWithValues: server.requests.map { ($0.target, $0) })
        #expect(asked["/text"]?.body == "is ä" && asked["/text"]?.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(asked["/typed"]?.method == "PUT" && asked["/typed"]?.body == "a,b" && asked["/typed"]?.headers["content-type"] == "text/csv")
        #expect(asked["/empty"]?.body == "" && asked["/empty"]?.headers["content-length"] == "0" && asked["/empty"]?.headers["content-type"] != nil)
        #expect(asked["/json"]?.body == "\"ä\"" && asked["/json"]?.headers["content-type"] == "application/json")
        #expect(["/none", "/head"].map { asked[$0]?.method } == ["DELETE", "HEAD"])
        #expect(["/none", "/head"].allSatisfy { asked[$0]?.headers["content-type"] == nil })
        try await fixture.platform.close()
        await server.stop()
    }

    @Test("a time-out and a cancellation end a request that is under way")
    func ending() async throws {
        let server = try await LoopbackServer { _, _ in .silence }
        let fixture = try await started("""
            pipeline: p
            tasks: { a: { http: { url: "http://127.0.0.1:\(server.port)/" }, timeout: 300ms } }
            ---
            pipeline: q
            tasks: { a: { http: { url: "http://127.0.0.1:\(server.port)/" } } }
            """)
        let late = try await runs.run("p", on: fixture)
        #expect(late["state"]?.string == "failed", "\(late)")
        let before = server.requests.count
        let run = try await fixture.platform.runPipeline(
            "q", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline, "q"))
        let id = try #require(run["run"]?.string)
        _ = try await runs.state(of: id, on: fixture) { _ in server.requests.count > before }
        try await fixture.platform.cancelPipelineRun(id, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline))
        #expect(try await runs.end(of: id, on: fixture)["state"]?.string == "cancelled")
        try await fixture.platform.close()
        await server.stop()
    }

    @Test("what the project does not allow is not asked, by nobody without the permission, and no header is ended early")
    func refused() async throws {
        let server = try await LoopbackServer { _, _ in .answer(200) }
        let pipeline = """
            pipeline: p
            parameters: { name: { type: string, default: "a\\r\\nx-evil: b" }, host: { type: string, default: "127.0.0.1:\(server.port)/?" } }
            tasks:
              inner: { http: { url: "http://localhost:\(server.port)/" }, retries: 2, retry_delay: 10ms, allow_failure: true }
              header: { http: { url: "http://localhost:\(server.port)/", headers: { x: "${parameters.name}" } }, allow_failure: true }
              host: { http: { url: "http://${parameters.host}.good.example/" }, allow_failure: true }
              wait: { wait: { http: "http://localhost:\(server.port)/" }, allow_failure: true }
            """
        let fixture = try await started(pipeline, egress: "")
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        #expect(reason(done, "inner").contains("this machine") && instance(done, "inner")?["attempt"]?.int64 == 1)
        #expect(reason(done, "header").contains("the header 'x' has a control character"))
        #expect(reason(done, "host").contains("host that is no name"))
        #expect(reason(done, "wait").contains("this machine"))

        let issued = try fixture.platform.createToken(
            name: "scientist", role: .scientist, expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        let principal = try #require(try fixture.platform.tokens.principal(tokenID: issued.token.id))
        let scope = try Guard().scope(for: principal, to: .pipelinesRun, on: .thing(.pipeline, "p", in: fixture.platform.project))
        let run = try await fixture.platform.runPipeline(
            "p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: scope)
        let theirs = try await runs.end(of: try #require(run["run"]?.string), on: fixture)
        for task in ["inner", "wait"] { #expect(reason(theirs, task).contains("http.send"), "\(theirs)") }
        #expect(server.requests.isEmpty)
        try await fixture.platform.close()
        await server.stop()
    }

    @Test("a wait for a server ends with its first success, over a restart too, and holds nothing meanwhile")
    func wait() async throws {
        let server = try await LoopbackServer { asked, number in number < 2 ? .answer(number == 0 ? 503 : 302) : .answer(204) }
        let fixture = try await started("""
            pipeline: p
            tasks:
              up: { wait: { http: "http://127.0.0.1:\(server.port)/health" } }
              then: { run: [echo, up], after: up }
            """)
        let run = try await fixture.platform.runPipeline(
            "p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline, "p"))
        let id = try #require(run["run"]?.string)
        let waiting = try await runs.state(of: id, on: fixture) { _ in server.requests.count == 1 }
        #expect(runs.states(waiting)["up"] == "deferred")
        try await fixture.restart()
        try await fixture.platform.startPipelines(schedules: false)
        let done = try await runs.end(of: id, on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        #expect(server.requests.count >= 3 && server.requests.allSatisfy { $0.method == "GET" && $0.target == "/health" })
        try await fixture.platform.close()
        await server.stop()
    }
}
