import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletFrames
import MartletPipelines
import MartletPlatform
import Testing

extension PipelineTests {
    @Test("a function of the program gets its arguments and its key, gives what its task declares, and runs in no other build")
    func functions() async throws {
        var functions = TaskFunctions(build: "build-1")
        functions["p", "make"] = { run in
            run.log("key \(run.key), attempt \(run.attempt)")
            guard run.attempt > 1 else { throw Unlucky() }
            return ["n": [.int64(Int64(run.arguments["text"]?.count ?? 0))], "items": [.string("a"), .string(run.task)]]
        }
        functions["p", "wrong"] = { _ in ["n": [.string("x")]] }
        functions["p", "less"] = { _ in [:] }
        functions["p", "more"] = { _ in ["n": [.int64(1)], "m": [.int64(1)]] }
        functions["p", "two"] = { _ in ["n": [.int64(1), .int64(2)]] }
        functions["p", "many"] = { _ in ["items": Array(repeating: .string("x"), count: 10_001)] }
        functions["p", "mixed"] = { _ in ["items": [.string("x"), .bool(true)]] }
        var settings = TaskSettings()
        settings.functions = functions
        let fixture = try await PlatformFixture(
            files: [
                "martlet.yaml": "project: works\n",
                "pipelines/all.yaml": """
                pipeline: p
                parameters: { word: { type: string, default: four } }
                tasks:
                  make:
                    function: make
                    build: build-1
                    arguments: { text: "${parameters.word}!" }
                    outputs: { n: int64, items: list of string }
                    retries: 1
                    retry_delay: 10ms
                  check: { check: tasks.make.n == 5, after: make }
                  each: { run: [echo, "${item}"], map: tasks.make.items, after: make }
                  wrong: { function: wrong, build: "build-1", outputs: { n: int64 }, allow_failure: true }
                  less: { function: less, build: "build-1", outputs: { n: int64 }, allow_failure: true }
                  more: { function: more, build: "build-1", outputs: { n: int64 }, allow_failure: true }
                  two: { function: two, build: "build-1", outputs: { n: int64 }, allow_failure: true }
                  many: { function: many, build: "build-1", outputs: { items: list of string }, allow_failure: true }
                  mixed: { function: mixed, build: "build-1", outputs: { items: list of string }, allow_failure: true }
                  unknown: { function: none, build: "build-1", allow_failure: true }
                  other: { function: make, build: "build-2", allow_failure: true }
                """,
            ], tasks: settings)
        try await fixture.apply()
        try await fixture.platform.startPipelines(schedules: false)
        let done = try await run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded")
        let states = states(done)
        #expect(["make", "check", "each"].allSatisfy { states[$0] == "succeeded" })
        #expect(["wrong", "less", "more", "two", "many", "mixed", "unknown", "other"].allSatisfy { states[$0] == "failed" })
        let id = done["run"]?.string ?? ""
        // The newest attempt's log: the first one failed.
        #expect(try log(done, "make", on: fixture) == "key \(id)/make/0, attempt 2\n")
        #expect(try log(done, "each", index: 1, on: fixture) == "make\n")
        let reasons = Dictionary(uniqueKeysWithValues: (done["tasks"]?.array ?? []).map {
            ($0["task"]?.string ?? "", $0["instances"]?.array?.first?["reason"]?.string ?? "")
        })
        #expect(reasons["wrong"] == "the function gave 'n' as string where int64 is declared")
        #expect(reasons["less"] == "the function did not give 'n'")
        #expect(reasons["more"] == "the function gave 'm', which its task does not declare under 'outputs'")
        #expect(reasons["two"] == "the function gave 2 values for 'n', which is one")
        #expect(reasons["many"] == "'items' has 10001 items; a list has at most 10000")
        #expect(reasons["mixed"] == "the function gave 'items' as bool where string is declared")
        #expect(reasons["unknown"] == "this program has no function 'none' of pipeline 'p'")
        #expect(reasons["other"]?.contains("is compiled into the program build-2") == true)
        try await fixture.platform.close()
    }

    private struct Unlucky: Error {}

    @Test("definitions of a program are taken from the folder's owner, and from nobody else")
    func builtIn() async throws {
        let fixture = try await PlatformFixture(files: ["martlet.yaml": "project: works\n"])
        let files = [ProjectSource.File(path: "program/1.yaml", text: "pipeline: p\ntasks: { a: { run: [\"true\"] } }\n")]
        let report = try await fixture.platform.apply(
            builtIn: files, reason: nil, requestID: nil, scope: fixture.scope(.definitionsApply)
        ).report
        #expect(report.difference.changes.contains { $0.kind == "pipeline" && $0.name == "p" })
        // What was applied holds after a restart; applied without it, it is gone.
        try await fixture.restart()
        #expect(try fixture.platform.pipelineList(scope: fixture.scope(.pipelinesRead, .pipeline)).count == 1)
        let issued = try fixture.platform.createToken(
            name: "engineer", role: .engineer, expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        let engineer = try #require(try fixture.platform.tokens.principal(tokenID: issued.token.id))
        let place = Resource.project(fixture.platform.project)
        #expect(throws: PlatformError.self) {
            try fixture.platform.plan(builtIn: files, scope: Guard().scope(for: engineer, to: .definitionsPlan, on: place))
        }
        try await fixture.apply()
        #expect(try fixture.platform.pipelineList(scope: fixture.scope(.pipelinesRead, .pipeline)).isEmpty)
        try await fixture.platform.close()
    }
}
