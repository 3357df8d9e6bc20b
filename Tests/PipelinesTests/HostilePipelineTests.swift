import MartletDefinitions
import MartletPipelines
import Testing

@Suite("Hostile pipelines")
struct HostilePipelineTests {
    private func first(_ tasks: String) -> String {
        Reading.complaints(tasks: tasks).split(separator: "\n").first.map(String.init) ?? ""
    }

    @Test("ten thousand tasks that read far results are checked", .timeLimit(.minutes(5)))
    func large() throws {
        var text = "  t0: { run: [x], outputs: { n: int64 } }\n"
        for index in 1..<10_000 {
            text += "  t\(index): { run: [x, \"${tasks.t\(index / 2).n}\"], outputs: { n: int64 }, after: t\(index - 1) }\n"
        }
        let pipeline = try Reading.tasks(text)
        #expect(pipeline.tasks.count == 10_000)
        #expect(pipeline.tasks.allSatisfy { $0.after.count <= 1 } && pipeline.task("t9999")?.readings == ["tasks.t4999.n"])
        #expect(Reading.complaints(tasks: text.replacing("after: t4999 ", with: "after: t4998 ")).contains("does not come after"))
    }

    @Test("more tasks than the limit are refused, and so is one circle through all of them", .timeLimit(.minutes(5)))
    func tooMany() {
        let many = (0...20_000).map { "  t\($0): { run: [x] }\n" }.joined()
        #expect(Reading.complaints(tasks: many).contains("pipeline 'p' has more than 20000 tasks and groups"))
        let circle = (0..<10_000).map { "  t\($0): { run: [x], after: t\(($0 + 1) % 10_000) }\n" }.joined()
        #expect(Reading.complaints(tasks: circle).contains("… (9990 more)"))
    }

    @Test("unknown names in every task are told up to the limit, in bounded time", .timeLimit(.minutes(5)))
    func unknownNames() {
        let name = String(repeating: "n", count: 90)
        let text = (0..<5_000).map { "  \(name)\($0): { run: [x], after: \(name)x\($0) }\n" }.joined()
        let said = Reading.complaints(tasks: text)
        #expect(said.hasSuffix("… and 4900 more"))
    }

    @Test("two large groups after one another are refused before they are written out")
    func product() {
        func group(_ name: String, _ after: String) -> String {
            "  \(name):\n\(after)    tasks:\n" + (0..<1_000).map { "      t\($0): { run: [x] }\n" }.joined()
        }
        #expect(first(group("a", "") + group("b", "    after: a\n")).contains("more than 200000 dependencies once its groups are written out"))
    }

    @Test("groups stand four deep and not deeper")
    func deep() {
        func nested(_ depth: Int) -> String {
            var text = ""
            for level in 0..<depth { text += String(repeating: "  ", count: 2 * level + 1) + "g: \n" + String(repeating: "  ", count: 2 * level + 2) + "tasks:\n" }
            return text + String(repeating: "  ", count: 2 * depth + 1) + "a: { run: [x] }\n"
        }
        #expect(Reading.complaints(tasks: nested(4)) == "")
        #expect(first(nested(5)).contains("stands in 4 others; 4 may"))
    }

    @Test(
        "names that are no names are refused",
        arguments: ["../x", "a/b", "a.b", "a b", "é", "0a", "\"\"", "$(id)", "-rf", "'a\tb'", String(repeating: "a", count: 101)])
    func names(name: String) {
        #expect(first("  \(name): { run: [x] }\n").contains("cannot be the name of a task"))
        #expect(first("  a: { run: [x], outputs: { \(name): string } }\n").contains("cannot be the name of a result"))
        #expect(
            Reading.complaints("pipeline: p\nparameters: { \(name): string }\ntasks: { a: { run: [x] } }").contains("cannot be the name of a parameter"))
    }

    @Test("long texts, long argument vectors and long lists are refused")
    func long() {
        #expect(Reading.complaints(tasks: "  a: { run: [x, \"\(String(repeating: "y", count: 65_536))\"] }\n") == "")
        #expect(first("  a: { run: [x, \"\(String(repeating: "y", count: 65_537))\"] }\n").contains("has 65537 bytes; a text may have 65536"))
        func vector(_ count: Int) -> String { "  a: { run: [\(Array(repeating: "x", count: count).joined(separator: ", "))] }\n" }
        #expect(Reading.complaints(tasks: vector(1_000)) == "")
        #expect(first(vector(1_001)).contains("has 1001 items; it may have 1000"))
        func list(_ count: Int) -> String { "  a: { run: [x], map: [\((0..<count).map(String.init).joined(separator: ", "))] }\n" }
        #expect(Reading.complaints(tasks: list(10_000)) == "")
        #expect(first(list(10_001)).contains("has 10001 values; it may have 1 to 10000"))
        #expect(first("  a: { run: [x], map: [] }\n").contains("has 0 values"))
    }

    @Test("an expression of a deep nest or great length is refused at its place")
    func expressions() {
        #expect(first("  a: { run: [x], when: '\(String(repeating: "(", count: 300))true\(String(repeating: ")", count: 300))' }\n").contains("the key 'when'"))
        #expect(first("  a: { run: [x, '${\(String(repeating: "1 + ", count: 5_000))1}'] }\n").contains("the expression is longer than 8192 bytes"))
    }

    @Test("an empty pipeline, an empty group and a task that is nothing are refused")
    func empty() {
        #expect(Reading.complaints("pipeline: p\n").contains("pipeline 'p' has no 'tasks'"))
        #expect(Reading.complaints("pipeline: p\ntasks: {}\n").contains("must be a map of at least one task"))
        #expect(first("  g: { tasks: {} }\n").contains("the key 'tasks' of group 'g' of pipeline 'p' must be a map of at least one task"))
        #expect(first("  g: { tasks: }\n").contains("has no value"))
        #expect(first("  a: {}\n").contains("does not say what it does"))
        #expect(first("  a: [x]\n").contains("must be a map of what it does"))
        #expect(first("  a: ~\n").contains("must be a map of what it does"))
    }

    @Test("names of the environment that the program sets itself, and names that are none, are refused", arguments: ["MARTLET_RESULT", "martlet_token", "A-B", "A=B", "''"])
    func environment(name: String) {
        #expect(Reading.complaints(tasks: "  a: { run: [x], env: { \(name): y } }\n").contains("in the key 'env' of task 'a'"))
    }
}
