import MartletAccess
import MartletBytes
import MartletFrames
import MartletPipelines
import MartletSQL
import MartletWorld
import Testing

@Suite("Kinds of tasks")
struct TaskKindTests {
    private func work<Work: TaskWork>(_ text: String, _ type: Work.Type) throws -> Work {
        let pipeline = try Reading.tasks("  before: { train: returns }\n  it: \(text)\n")
        return try #require(pipeline.task("it")?.work.base as? Work)
    }

    private func permissions(_ text: String) throws -> [String] {
        try Reading.tasks("  it: \(text)\n").permissions.map { "\($0.required.permission.rawValue) on \($0.required.resource(in: "shop"))" }
    }

    @Test("an evaluation is of the newest version, of a number, or of an alias; it gives what a check reads")
    func evaluate() throws {
        #expect(try work("{ evaluate: returns }", EvaluateWork.self).version == .newest)
        #expect(try work("{ evaluate: returns, version: 3 }", EvaluateWork.self).version == .number(.literal(.int64(3))))
        #expect(try work("{ evaluate: returns, version: champion }", EvaluateWork.self).version == .alias("champion"))
        let work = try work("{ evaluate: returns, version: \"${tasks.before.version}\", after: before }", EvaluateWork.self)
        guard case .number(let number) = work.version else {
            Issue.record("no number")
            return
        }
        #expect(try number.value(in: TaskScope(["tasks.before.version": .int64(4)])) == .int64(4))
        #expect(work.outputs.map { "\($0.name): \($0.type)" } == [
            "version: int64", "rows: int64", "average_precision: float64", "roc_auc: float64",
        ])
        // Metrics are what `models.read` shows.
        #expect(try permissions("{ evaluate: returns }") == ["models.read on model:shop/returns"])
        for wrong in ["0", "-1", "1.5", "3rd", "[1]", "\"${tasks.before.run}\"", "\"${\""] {
            #expect(!Reading.complaints(tasks: "  before: { train: returns }\n  it: { evaluate: returns, version: \(wrong), after: before }\n").isEmpty, "\(wrong)")
        }
    }

    @Test("a request has its defaults, and its computed parts stay in their places")
    func http() throws {
        let plain = try work("{ http: { url: https://api.example/a } }", HTTPWork.self)
        #expect(plain.method == .get && plain.body == .nothing && !plain.follows && plain.answerLimit == 1 << 20)
        #expect([199, 200, 299, 300].map(plain.isExpected) == [false, true, true, false])
        let expecting = try work("{ http: { url: https://api.example/a }, expect: [404, 599] }", HTTPWork.self)
        #expect([200, 404, 599].map(expecting.isExpected) == [false, true, true])
        #expect([408, 425, 429, 500, 599].allSatisfy(plain.retryCodes.contains) && !plain.retryCodes.contains(404))
        #expect(plain.outputs.map(\.name) == ["status"])
        // What is a success is not tried again.
        #expect(try !work("{ http: { url: https://api.example/ }, expect: [503] }", HTTPWork.self).retryCodes.contains(503))
        #expect(try permissions("{ http: { url: https://api.example/ } }") == ["http.send on project:shop"])
        #expect(try permissions("{ http: { url: https://api.example/ }, secrets: { Authorization: Bearer api, x: api } }") == [
            "http.send on project:shop", "secrets.use on secret:shop/api",
        ])
        #expect(try work("{ http: { url: https://api.example/ }, secrets: { Authorization: Bearer api, x: api } }", HTTPWork.self).secretHeaders.mapValues { "\($0.scheme ?? "-") \($0.secret)" } == ["authorization": "Bearer api", "x": "- api"])
        #expect(try permissions("{ wait: { http: https://api.example/ } }") == ["http.send on project:shop"])
        #expect(try permissions("{ wait: { for: 1m } }") == [])

        let full = try work(
            "{ http: { method: POST, url: \"https://api.example/${run.id}?a=${run.id}\", headers: { X-A: \"${run.id}\", content-type: x/y }, json: { r: [\"${run.id}\"] } }, follow: true, answer_limit: 1kB }",
            HTTPWork.self)
        let scope = TaskScope(["run.id": .string("../ä&b c")])
        let request = try full.request(in: scope, rule: EgressRule())
        #expect("\(request.address)" == "https://api.example/..%2F%C3%A4%26b%20c?a=..%2F%C3%A4%26b%20c")
        #expect(request.headers.map { "\($0.name): \($0.value)" } == ["content-type: x/y", "x-a: ../ä&b c"])
        #expect(request.body == Array(#"{"r":["../ä&b c"]}"#.utf8))
        let empty = try work("{ http: { method: POST, url: https://api.example/, body: \"\" } }", HTTPWork.self).request(in: TaskScope(), rule: EgressRule())
        #expect(empty.body == [] && empty.redirectLimit == 0)
        #expect(request.redirectLimit == 5 && request.answerLimit == 1_000)
        let broken = #expect(throws: TaskScopeError.self) { try full.request(in: TaskScope(["run.id": .string("a\nb")]), rule: EgressRule()) }
        #expect(broken?.code == .unusable)
        let whole = try work("{ http: { url: \"${run.id}\" } }", HTTPWork.self)
        #expect(try whole.request(in: TaskScope(["run.id": .string("http://x.example/a?b")]), rule: EgressRule()).address.target == "/a?b")
        #expect(throws: TaskScopeError.self) { try whole.request(in: TaskScope(["run.id": .string("file:///etc/passwd")]), rule: EgressRule()) }
    }

    @Test("SQL becomes a call of this program with its statements, the values of their parameters and its bounds")
    func sql() throws {
        let plain = try work("{ sql: \"SELECT 1\" }", SQLWork.self)
        #expect(plain.outputs.map { "\($0.name): \($0.type)" } == ["rows: int64"])
        #expect(try permissions("{ sql: \"SELECT 1\" }") == ["execute on project:shop"])
        let work = try work(
            "{ sql: \"CREATE TABLE t AS SELECT $Day AS d; SELECT $n AS n, d FROM t;\", parameters: { day: \"${run.id}\", n: 3, text: \"at ${run.id}\" }, database: \"${run.id}.duckdb\", outputs: { n: int64, d: list of string } }"
                .replacing("d FROM", with: "$text, d FROM"), SQLWork.self)
        #expect(work.outputs.map { "\($0.name): \($0.type)" } == ["d: list of string", "n: int64", "rows: int64"])
        let scope = TaskScope(["run.id": .string("r'1")])
        let program = try work.program(in: scope, needs: ["cpu": 4], folder: "/work")
        #expect(try program.arguments(in: scope) == ["martlet", "run-sql"])
        let json = try JSONValue(parsing: try program.environment(in: scope)[SQLWork.requestVariable] ?? "")
        var expected = SQLRequest(
            statements: ["CREATE TABLE t AS SELECT $Day AS d", " SELECT $n AS n, $text, d FROM t"],
            parameters: ["day": .string("r'1"), "n": .int64(3), "text": .string("at r'1")])
        expected.database = "r'1.duckdb"
        expected.outputs = [.init("d", .string, isList: true), .init("n", .int64, isList: false)]
        (expected.threads, expected.readable, expected.spill) = (4, ["/work"], "/work")
        #expect(try SQLRequest(json: json) == expected)
        #expect(program.outputs == work.outputs && program.limits.memory == (4 << 30) + (4 << 30))

        // Memory is what the task says, else what it holds of the pool.
        func memory(_ text: String, _ needs: [String: Int64]) throws -> Int64? {
            let program = try self.work(text, SQLWork.self).program(in: scope, needs: needs, folder: nil)
            return try JSONValue(parsing: program.environment(in: scope)[SQLWork.requestVariable] ?? "")["memory_bytes"]?.int64
        }
        #expect(try memory("{ sql: \"SELECT 1\", limits: { memory: 100MB } }", ["memory": 7]) == 100_000_000)
        #expect(try memory("{ sql: \"SELECT 1\" }", ["memory": 7 << 30]) == 7 << 30)
        #expect(try memory("{ sql: \"SELECT 1\" }", [:]) == 2 << 30)

        let file = try self.work("{ sql: \"SELECT 1\", to: \"out/${run.id}\" }", SQLWork.self)
        #expect(file.outputs.map { "\($0.name): \($0.type)" } == ["file: file", "rows: int64"])
        #expect(throws: TaskScopeError.self) { try file.program(in: scope, needs: [:], folder: nil) }
        let named = try file.program(in: TaskScope(["run.id": .string("a.CSV.gz")]), needs: [:], folder: nil)
        #expect(try named.environment(in: scope)[SQLWork.requestVariable]?.contains(#""target":"out/a.CSV.gz","format":"csv.gz""#) == true)

        // What does not fit into an environment is refused with its size, before anything starts.
        let large = try self.work("{ sql: \"SELECT $a\", parameters: { a: \"${run.id}\" } }", SQLWork.self)
        let error = #expect(throws: TaskScopeError.self) {
            try large.program(in: TaskScope(["run.id": .string(String(repeating: "x", count: 130_000))]), needs: [:], folder: nil)
        }
        #expect(error?.message.contains("120000") == true)
    }

    @Test(
        "a request that would not do what it says is refused",
        arguments: [
            "{ method: HEAD, url: https://api.example/, body: a }", "{ method: GET, url: https://api.example/, json: a }",
            "{ method: POST, url: https://api.example/, body: a, json: a }", "{ method: TRACE, url: https://api.example/ }", "{ method: POST }",
            "{ url: https://api.example/, headers: { X-A: a, x-a: b } }", "{ url: https://api.example/, headers: { x-a: a, X-A: b } }", "{ url: https://api.example/, headers: { content-length: \"1\" } }",
            "{ url: https://api.example/ }, expect: [99]", "{ url: https://api.example/ }, expect: [600]", "{ url: https://api.example/ }, retry_codes: [600]",
            "{ url: https://api.example/ }, expect: [200], retry_codes: [200]", "{ url: https://api.example/ }, answer_limit: 0B",
            "{ url: https://api.example/ }, answer_limit: 8388609B", "{ url: https://api.example/ }, outputs: { status: int64 }",
            "{ url: https://api.example/ }, outputs: { f: file }",
        ])
    func refused(_ text: String) {
        #expect(!Reading.complaints(tasks: "  it: { http: \(text) }\n").isEmpty)
    }

    @Test("the bounds of a request may be reached")
    func bounds() throws {
        for more in ["answer_limit: 8388608B", "answer_limit: 1B", "expect: [100, 599]", "retry_codes: [100, 599]"] {
            #expect(Reading.complaints(tasks: "  it: { http: { url: https://api.example/ }, \(more) }\n") == "", "\(more)")
        }
    }

    @Test("texts that look alike and mean otherwise are other definitions")
    func canonical() throws {
        let texts = [
            "{ http: { method: POST, url: https://api.example/, body: a } }", "{ http: { method: POST, url: https://api.example/, json: a } }",
            "{ http: { method: PUT, url: https://api.example/, body: a } }", "{ http: { method: POST, url: https://api.example/, json: [a] } }",
            "{ http: { method: POST, url: https://api.example/, json: \"${run.id}\" } }",
            "{ http: { method: POST, url: https://api.example/, json: \"$${run.id}\" } }",
            "{ http: { method: POST, url: https://api.example/, json: 1 } }", "{ http: { method: POST, url: https://api.example/, json: \"1\" } }",
            "{ http: { method: POST, url: https://api.example/, json: { a: 1 } } }", "{ http: { method: POST, url: https://api.example/, json: { a: 1.0 } } }",
            "{ http: { method: POST, url: https://api.example/, body: a }, follow: true }",
            "{ http: { method: POST, url: https://api.example/, body: a }, expect: [200] }",
            "{ http: { method: POST, url: https://api.example/, body: a }, secrets: { x: api } }",
            "{ http: { method: POST, url: https://api.example/, body: a }, secrets: { x: Bearer api } }",
            "{ http: { method: POST, url: https://api.example/, body: a }, expect: [200, 201] }",
            "{ http: { method: POST, url: https://api.example/, body: a }, retry_codes: [500] }",
            "{ http: { method: POST, url: https://api.example/, body: a }, answer_limit: 1kB }",
            "{ http: { method: POST, url: https://api.example/, body: a }, outputs: { n: int64 } }",
            "{ http: { method: POST, url: https://api.example/, body: a }, outputs: { n: list of int64 } }",
            "{ http: { method: POST, url: https://api.example/, body: a, headers: { x: a } } }",
            "{ http: { method: POST, url: https://api.example/, body: a, headers: { y: a } } }",
            "{ http: { method: POST, url: https://api.example/?a, body: a } }", "{ http: { method: POST, url: https://api.example/, body: \"\" } }",
            "{ http: { method: POST, url: https://api.example/ } }",
        ]
        let works = try texts.map { AnyTaskWork(try work($0, HTTPWork.self)) }
        #expect(Set(works).count == texts.count)
        let queries = [
            "{ sql: \"SELECT $a\", parameters: { a: 1 } }", "{ sql: \"SELECT $a\", parameters: { a: \"1\" } }", "{ sql: \"SELECT $a\", parameters: { a: 1.0 } }",
            "{ sql: \"SELECT $a\", parameters: { a: \"${run.id}\" } }", "{ sql: \"SELECT $a\", parameters: { a: \"$${run.id}\" } }",
            "{ sql: \"SELECT 1\" }", "{ sql: \"SELECT 1\", to: a.csv }", "{ sql: \"SELECT 1\", database: a.csv }", "{ sql: \"SELECT 1\", outputs: { a: int64 } }",
            "{ sql: \"SELECT 1\", outputs: { a: list of int64 } }", "{ sql: \"SELECT 1\", limits: { memory: 1GB } }", "{ sql: \"SELECT 1\", inputs: [a.csv] }",
            "{ sql: \"SELECT 1\", grace: 1s }",
        ]
        #expect(try Set(queries.map { AnyTaskWork(try work($0, SQLWork.self)) }).count == queries.count)
        #expect(try Set(["newest", "1", "champion"].map { version in
            AnyTaskWork(try work(version == "newest" ? "{ evaluate: returns }" : "{ evaluate: returns, version: \(version) }", EvaluateWork.self))
        } + [AnyTaskWork(try work("{ evaluate: topics }", EvaluateWork.self))]).count == 4)
    }
}
