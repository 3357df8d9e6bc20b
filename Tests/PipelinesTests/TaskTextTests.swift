import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletPipelines
import Testing

@Suite("Texts of tasks")
struct TaskTextTests {
    private func argument(_ text: String) throws -> TaskText {
        let quoted = text.replacing("'", with: "''")
        let pipeline = try Reading.pipeline(
            "pipeline: p\nschedule: \"@daily\"\nparameters: { s: string, i: int64, f: float64, b: bool, t: timestamp }\ntasks:\n  a: { run: [x, '\(quoted)'] }\n")
        return try #require(pipeline.tasks[0].work.base as? RunWork).arguments[1]
    }

    static let scope = TaskScope([
        "parameters.s": .string("a'b\"c $(id) ${parameters.i} \\ ; | & \n*"), "parameters.i": .int64(-7), "parameters.f": .float64(0.1),
        "parameters.b": .bool(true), "parameters.t": .timestamp(Timestamp(microseconds: 1_500_000)),
    ])

    @Test(
        "are what is written, with what is computed put in",
        arguments: [
            ("plain", "plain"), ("", ""), ("$", "$"), ("$HOME $(x) {a}", "$HOME $(x) {a}"), ("$${x}", "${x}"), ("$$${x}", "$${x}"),
            ("$$$$", "$$$$"), ("${parameters.i}", "-7"), ("a${ parameters.i + 1 }b", "a-6b"), ("${parameters.i}${parameters.b}", "-7true"),
            ("${\"}\"}", "}"), ("${'a}b'}", "a}b"), ("${\"\\\"}\"}", "\"}"), ("${r\"\\\"}", "\\"), ("${parameters.t}", "1970-01-01T00:00:01.500000Z"),
            ("${parameters.i > 0 ? \"up\" : \"down\"}", "down"), ("é${parameters.i}é", "é-7é"),
        ])
    func rendering(text: String, expected: String) throws {
        #expect(try argument(text).render(in: Self.scope) == expected)
    }

    @Test("put in a value as it is: it is not read again, and stays within its argument")
    func noSecondReading() throws {
        let given = try argument("--name=${parameters.s}").render(in: Self.scope)
        #expect(given == "--name=a'b\"c $(id) ${parameters.i} \\ ; | & \n*")
    }

    @Test(
        "write values as string(x) does",
        arguments: ["parameters.s", "parameters.i", "parameters.f", "parameters.b", "parameters.t", "1e300", "-0.0", "1.0 / 3.0", "5e-324"])
    func asString(expression: String) throws {
        #expect(
            try argument("${\(expression)}").render(in: Self.scope) == argument("${string(\(expression))}").render(in: Self.scope))
    }

    @Test(
        "are refused at the place of the mistake",
        arguments: [
            ("${parameters.i", "5:18: argument 1 of task 'a' of pipeline 'p': '${' is not closed"),
            ("ab${nothing}", "5:22: argument 1 of task 'a' of pipeline 'p': nothing is named 'nothing'"),
            ("ab${parameters.i + }", "argument 1 of task 'a' of pipeline 'p': "), ("${}", "argument 1 of task 'a'"),
            ("${parameters.i + parameters.s}", "'+' does not apply to int64 and string"),
            ("x${1}${parameters.ii}", "5:25: argument 1 of task 'a' of pipeline 'p': nothing is named 'parameters.ii'\n hint: did you mean 'parameters.i'?"),
        ])
    func mistakes(text: String, said: String) {
        let thrown = #expect(throws: DefinitionErrors.self) { try argument(text) }
        #expect(thrown?.description.contains(said) == true, "\(thrown.map { "\($0)" } ?? "")")
    }

    @Test("a value that is missing, or cannot be, names the one to blame")
    func missing() throws {
        var scope = Self.scope
        scope["parameters.i"] = .missing
        let missing = #expect(throws: TaskScopeError.self) { try argument("${parameters.i + 1}").render(in: scope) }
        #expect(missing?.code == .missingValue && missing?.reference == "parameters.i")
        #expect(missing?.message == "'parameters.i' has no value, so neither has 'parameters.i + 1'")
        let failed = #expect(throws: TaskScopeError.self) { try argument("${1 / (parameters.i + 7)}").render(in: Self.scope) }
        #expect(failed?.code == .failed)
        #expect(try argument("${parameters.i.orValue(3)}").render(in: scope) == "3")
    }

    @Test("an argument with a zero byte is refused when it comes, and an empty program too")
    func zeroByte() throws {
        let pipeline = try Reading.pipeline(
            "pipeline: p\nparameters: { s: string }\ntasks:\n  a: { run: [\"${parameters.s}\", b], env: { A: \"${parameters.s}\" } }\n")
        let work = try #require(pipeline.tasks[0].work.base as? RunWork)
        #expect(try work.arguments(in: TaskScope(["parameters.s": .string("x")])) == ["x", "b"])
        for text in ["a\u{0}b", ""] {
            let scope = TaskScope(["parameters.s": .string(text)])
            #expect(#expect(throws: TaskScopeError.self) { try work.arguments(in: scope) }?.code == .unusable)
        }
        #expect(throws: TaskScopeError.self) { try work.environment(in: TaskScope(["parameters.s": .string("a\u{0}b")])) }
    }

    @Test(
        "a path that leaves the project is refused, written or computed",
        arguments: ["/etc/passwd", "../up", "a/../../b", "~/x", ".martlet/token", "./.martlet/x", "a\u{1}b", ".."])
    func paths(path: String) throws {
        #expect(TaskPath.problem(of: path) != nil)
        if !path.contains("\u{1}") {
            #expect(Reading.complaints(tasks: "  a: { ingest: orders, file: \"\(path)\" }\n").contains("the key 'file' of task 'a' of pipeline 'p' cannot be"))
        }
        let pipeline = try Reading.pipeline(
            "pipeline: p\nparameters: { s: string }\ntasks:\n  a: { ingest: orders, file: \"${parameters.s}\" }\n")
        let work = try #require(pipeline.tasks[0].work.base as? IngestWork)
        #expect(#expect(throws: TaskScopeError.self) { try work.file.render(in: TaskScope(["parameters.s": .string(path)])) }?.code == .unusable)
        #expect(try work.file.render(in: TaskScope(["parameters.s": .string("a..b/..c.csv")])) == "a..b/..c.csv")
    }

    @Test("what is written and what is computed differ in the canonical form")
    func canonical() throws {
        #expect(try argument("$${parameters.i}").canonical != argument("${parameters.i}").canonical)
        #expect(try argument("${parameters.i+1}").canonical == argument("${ (parameters.i) + 1 }").canonical)
        #expect(try argument("a").literal == "a" && argument("${parameters.i}").literal == nil)
    }
}
