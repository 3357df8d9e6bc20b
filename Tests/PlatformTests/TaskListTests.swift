import MartletAccess
import MartletBytes
import MartletFrames
import MartletOutboundTesting
import MartletPlatform
import Testing

@Suite("Lists that tasks give")
struct TaskListTests {
    private let runs = PipelineTests()

    private func instances(_ run: JSONValue, _ task: String) -> [JSONValue] {
        run["tasks"]?.array?.first { $0["task"]?.string == task }?["instances"]?.array ?? []
    }

    private func reason(_ run: JSONValue, _ task: String) -> String { instances(run, task).first?["reason"]?.string ?? "" }

    @Test("a list of each type is kept with its items in order, comes back after a restart, and tasks are repeated for it")
    func kept() async throws {
        let types = ["b": "bool", "i": "int64", "f": "float64", "s": "string", "t": "timestamp", "none": "string"]
        let outputs = types.sorted { $0.key < $1.key }.map { "\($0.key): list of \($0.value)" }.joined(separator: ", ")
        let given = #"""
            {"b": [true, false], "i": [9223372036854775807, -1, 0], "f": [1, 2.5], "s": ["", "b", "ä \"c\"", "b"],
             "t": ["2024-01-02T03:04:05Z", "1969-12-31T23:59:59.999999Z"], "none": []}
            """#
        let each = types.keys.sorted().map { "  each_\($0): { run: [echo, \"${string(item)}\"], map: tasks.a.\($0), after: [a, may] }\n" }
            .joined().replacing("string(item)}\"], map: tasks.a.s", with: "item}\"], map: tasks.a.s")
            .replacing("string(item)}\"], map: tasks.a.none", with: "item}\"], map: tasks.a.none")
        let fixture = try await runs.started(
            "pipeline: p\ntasks:\n  a: { run: [sh, -c, 'cat given.json > \"$MARTLET_RESULT\"'], outputs: { \(outputs) } }\n"
                + "  may: { approval: \"Go on?\", after: a }\n" + each, files: ["given.json": given])
        let asked = try await fixture.platform.runPipeline(
            "p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline, "p"))
        let id = try #require(asked["run"]?.string)
        let before = try await runs.state(of: id, on: fixture) { runs.states($0)["may"] == "deferred" }
        let result = try #require(instances(before, "a").first?["result"])
        #expect(result["b"] == [true, false] && result["i"] == [.int64(.max), -1, 0] && result["f"] == [1.0, 2.5])
        #expect(result["s"] == ["", "b", "ä \"c\"", "b"] && result["none"] == [])
        #expect(result["t"] == ["2024-01-02T03:04:05Z", "1969-12-31T23:59:59.999999Z"])

        // From here on it is what was stored.
        try await fixture.restart()
        try await fixture.platform.startPipelines(schedules: false)
        let stored = try fixture.platform.pipelineRun(id, scope: fixture.scope(.pipelinesRead, .pipeline))
        #expect(instances(stored, "a").first?["result"] == result)
        try await fixture.platform.decidePipelineApproval(
            run: id, task: "may", index: 0, approved: true, note: nil, requestID: nil, scope: fixture.scope(.pipelinesApprove, .pipeline))
        let done = try await runs.end(of: id, on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        for (task, lines) in [
            "b": ["true", "false"], "i": ["9223372036854775807", "-1", "0"], "f": ["1.0", "2.5"], "s": ["", "b", "ä \"c\"", "b"],
            "t": ["2024-01-02T03:04:05Z", "1969-12-31T23:59:59.999999Z"],
        ] {
            #expect(try lines.indices.map { try runs.log(done, "each_" + task, index: $0, on: fixture) } == lines.map { $0 + "\n" }, "\(task)")
        }
        #expect(runs.states(done)["each_none"] == "skipped")
        try await fixture.platform.close()
    }

    @Test(
        "a list with an item of another type is refused, also if it is the last one, and so is what is no list",
        arguments: [
            ("int64", "[1, 2, \"3\"]", "a text where int64"), ("int64", "[1.5]", "a number where int64"), ("int64", "[1.0]", "a number where int64"),
            ("int64", "[9223372036854775808]", "a number where int64"), ("int64", "[true]", "true or false where int64"),
            ("int64", "[1, null]", "null where int64"), ("int64", "[[1]]", "an array where int64"), ("string", "[\"a\", 1]", "a number where string"),
            ("string", "[{}]", "an object where string"), ("bool", "[0]", "a number where bool"), ("float64", "[\"1.5\"]", "a text where float64"),
            ("float64", "[1, true]", "true or false where float64"), ("timestamp", "[\"2024-01-01\", \"yesterday\"]", "a text where timestamp"),
            ("timestamp", "[1704067200]", "a number where timestamp"), ("string", "\"a\"", "a text where a list"),
            ("string", "{\"0\": \"a\"}", "an object where a list"), ("int64", "1", "a number where a list"),
        ])
    func refused(_ type: String, _ json: String, _ words: String) async throws {
        let fixture = try await runs.started(
            "pipeline: p\ntasks: { a: { run: [sh, -c, 'cat given.json > \"$MARTLET_RESULT\"'], outputs: { l: list of \(type) } } }\n",
            files: ["given.json": "{\"l\": \(json)}"])
        let done = try await runs.run("p", on: fixture)
        #expect(reason(done, "a") == "'l' of its result is \(words) is declared")
        #expect(instances(done, "a").first?["result"] == [:], "\(done)")
        try await fixture.platform.close()
    }

    @Test("a list has at most 10000 items, and is no single value; a server's lists are held to the same")
    func bounds() async throws {
        @Sendable func list(_ count: Int) -> String { "[" + repeatElement("7", count: count).joined(separator: ",") + "]" }
        let server = try await LoopbackServer { asked, _ in .answer(200, body: asked.target == "/mixed" ? #"{"l": [1, "2"]}"# : "{\"l\": \(list(10_001))}") }
        func task(_ file: String, _ type: String = "list of int64") -> String {
            "{ run: [sh, -c, 'cat \(file) > \"$MARTLET_RESULT\"'], outputs: { l: \(type) }, allow_failure: true }"
        }
        let fixture = try await runs.started("""
            pipeline: p
            tasks:
              most: \(task("most"))
              more: \(task("more"))
              null: \(task("null"))
              single: \(task("most", "int64"))
              mixed: { http: { url: "http://127.0.0.1:\(server.port)/mixed" }, outputs: { l: list of int64 }, allow_failure: true }
              long: { http: { url: "http://127.0.0.1:\(server.port)/long" }, outputs: { l: list of int64 }, allow_failure: true }
            """, files: [
                "most": "{\"l\": \(list(10_000))}", "more": "{\"l\": \(list(10_001))}", "null": #"{"l": null}"#,
                "martlet.yaml": "project: works\npools: { cpu: 4 }\negress: { allow: [127.0.0.1] }\n",
            ])
        let done = try await runs.run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        #expect(instances(done, "most").first?["result"]?["l"]?.array?.count == 10_000)
        #expect(reason(done, "more") == "'l' of its result has 10001 items; a list has at most 10000")
        #expect(reason(done, "null") == "its result lacks 'l'")
        #expect(reason(done, "single") == "'l' of its result is an array where int64 is declared")
        #expect(reason(done, "mixed") == "'l' of the answer is a text where int64 is declared")
        #expect(reason(done, "long") == "'l' of the answer has 10001 items; a list has at most 10000")
        try await fixture.platform.close()
        await server.stop()
    }
}
