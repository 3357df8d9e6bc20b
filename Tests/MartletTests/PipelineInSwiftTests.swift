import Foundation
import MartletCommand
import MartletDefinitions
import MartletFrames
import MartletPipelines
import MartletPlan
import MartletPlatform
import Testing

@testable import FraudProject
@testable import Martlet

infix operator >> : StepOrder

@Suite("Pipelines in Swift")
struct PipelineInSwiftTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The example's files; with pipelines in place of its own if some are given.
    private func project(with pipelines: [Pipeline]? = nil, beside more: [ProjectSource.File] = []) throws -> CheckedProject {
        let folder = Self.root.appending(path: "Examples/fraud")
        var files: [ProjectSource.File] = []
        let names = FileManager.default.enumerator(atPath: folder.path())?.compactMap { $0 as? String } ?? []
        for name in names where name.hasSuffix(".yaml") && (pipelines == nil || !name.hasPrefix("pipelines/")) {
            files.append(.init(path: name, text: try String(contentsOf: folder.appending(path: name), encoding: .utf8)))
        }
        return try ProjectPlan.check(ProjectSource(files + more).adding(pipelines.map { builtIn($0).files } ?? []))
    }

    private func check(_ yaml: String) throws -> PipelineDefinition {
        try #require(ProjectPlan.check(ProjectSource([.init(path: "pipelines/p.yaml", text: yaml)])).pipelines.first)
    }

    private func check(_ pipeline: Pipeline) throws -> PipelineDefinition {
        try #require(ProjectPlan.check(ProjectSource(builtIn([pipeline]).files)).pipelines.first)
    }

    @Test("the example in Swift has the hash of the example in a file")
    func example() throws {
        let written = try project()
        let built = try project(with: [mlPipeline])
        let hash = try #require(written.pipeline("ml_pipeline")?.hash)
        #expect(built.pipeline("ml_pipeline")?.hash == hash)
        #expect(written.definitions.hash == built.definitions.hash)
    }

    @Test("every key that Swift can say has the hash of the same in a file")
    func everyKey() throws {
        let built = Pipeline(
            "all", schedule: .cron("30 6 * * 1-5"), timeZone: "Europe/Brussels", start: "2026-01-01", end: "2027-01-01", catchup: true,
            triggers: [.webhook(signedWith: "forge")],
            parameters: [Parameter("rows", .int64, default: 5), Parameter("name", .string)], maxActiveRuns: 2, maxActiveTasks: 8,
            priority: 3, deadline: "6h", timeout: .hours(8), defaults: Defaults().retries(2, delay: "30s").timeout("1h"), doc: "words"
        ) {
            let load = Run(
                "load", "./load.sh", "${interval.start}", "a \"quoted\" \\ text\nof two lines: # {x}", environment: ["MODE": "fast"], secrets: ["PASSWORD": "warehouse"],
                folder: "tools", limits: .init(cpu: "2m", memory: "1GB", output: "1MB", fileSize: "2GB", processes: 20), skipCodes: [99],
                retryCodes: [75], outputs: ["count": .int64, "parts": .list(of: .string), "file": .file], inputs: ["tools/load.sh"],
                grace: "5s"
            ).cache("1d").needs(["cpu": 2, "memory": "512MB"]).priority(7).maxActive(1).doc("loads")
            let left = Run("left", "true").when("parameters.rows > 3")
            let right = Run("right", "true").retries(5, delay: "1s", factor: 3, maxDelay: "1m", jitter: 0).allowFailure()
            let each = Run("each", "echo", "${item}").map(over: "tasks.load.parts").deadline("30m")
            let fixed = Run("fixed", "echo", "${item}").map(over: ["a", "b"])
            let gate = Check("gate", "tasks.load.count > 0", "parameters.rows >= 1").trigger(.allDone)
            let ask = Approval("ask", "go on with ${parameters.name}?").timeout("2h")
            let group = Group("last") {
                let pause = Wait("pause", for: .span("10s"))
                let file = Wait("file", for: .file("ready.txt"))
                [pause, file] >> Run("end", "true")
            }
            load >> [left, right, each] >> gate >> ask >> group
            fixed
        } onFailure: {
            Run("tell", "./tell.sh", "${run.failed_tasks}")
        }
        let yaml = """
            pipeline: all
            doc: other words
            schedule: "30 6 * * 1-5"
            time_zone: Europe/Brussels
            start: 2026-01-01
            end: 2027-01-01
            catchup: true
            triggers: [{ webhook: forge }]
            parameters: { rows: { type: int64, default: 5 }, name: string }
            max_active_runs: 2
            max_active_tasks: 8
            priority: 3
            deadline: 6h
            timeout: 8h
            defaults: { retries: 2, retry_delay: 30s, timeout: 1h }
            tasks:
              load:
                run: [./load.sh, "${interval.start}", "a \\"quoted\\" \\\\ text\\nof two lines: # {x}"]
                env: { MODE: fast }
                secrets: { PASSWORD: warehouse }
                folder: tools
                limits: { cpu: 2m, memory: 1GB, output: 1MB, file_size: 2GB, processes: 20 }
                skip_codes: [99]
                retry_codes: [75]
                outputs: { count: int64, parts: list of string, file: file }
                inputs: [tools/load.sh]
                grace: 5s
                cache: 1d
                needs: { cpu: 2, memory: 512MB }
                priority: 7
                max_active: 1
              left: { run: ["true"], after: load, when: parameters.rows > 3 }
              right: { run: ["true"], after: load, retries: 5, retry_delay: 1s, retry_factor: 3, retry_max_delay: 1m, retry_jitter: 0, allow_failure: true }
              each: { run: [echo, "${item}"], after: load, map: tasks.load.parts, deadline: 30m }
              fixed: { run: [echo, "${item}"], map: [a, b] }
              gate: { check: ["tasks.load.count > 0", "parameters.rows >= 1"], after: [left, right, each], trigger_rule: all_done }
              ask: { approval: "go on with ${parameters.name}?", after: gate, timeout: 2h }
              last:
                after: ask
                tasks:
                  pause: { wait: { for: 10s } }
                  file: { wait: { file: ready.txt } }
                  end: { run: ["true"], after: [pause, file] }
            on_failure:
              tell: { run: [./tell.sh, "${run.failed_tasks}"] }
            """
        let (fromFile, fromProgram) = (try check(yaml), try check(built))
        #expect(fromFile.canonical == fromProgram.canonical)
        #expect(fromFile.hash == fromProgram.hash)
        // What the text says is what is hashed.
        #expect(try check(built.yaml).hash == fromFile.hash)
    }

    @Test("requests, waits for servers and evaluations have the hash of the same in a file")
    func requests() throws {
        let built = Pipeline("p") {
            let up = Wait("up", for: .http("https://api.example/up"))
            let send = HTTP(
                "send", .post, "https://api.example/${run.id}", headers: ["x-key": "${task.key}"], body: .json(["id": "${run.id}", "n": 3]),
                expect: [201], retryCodes: [503], outputs: ["id": .int64], follow: true, answerLimit: "64KiB")
            let plain = HTTP("plain", .put, "https://api.example/", body: .text("words"))
            let (newest, named) = (Evaluate("newest", "fraud"), Evaluate("named", "fraud", version: "champion"))
            up >> send >> plain >> [newest, named, Evaluate("numbered", "fraud", version: 3)]
        }
        let yaml = """
            pipeline: p
            tasks:
              up: { wait: { http: "https://api.example/up" } }
              send:
                http: { method: POST, url: "https://api.example/${run.id}", headers: { x-key: "${task.key}" }, json: { n: 3, id: "${run.id}" } }
                expect: [201]
                retry_codes: [503]
                outputs: { id: int64 }
                follow: true
                answer_limit: 64KiB
                after: up
              plain: { http: { method: PUT, url: "https://api.example/", body: words }, after: send }
              newest: { evaluate: fraud, after: plain }
              named: { evaluate: fraud, version: champion, after: plain }
              numbered: { evaluate: fraud, version: 3, after: plain }
            """
        let hash = try #require(project(with: [], beside: [.init(path: "pipelines/p.yaml", text: yaml)]).pipeline("p")?.hash)
        #expect(try project(with: [built]).pipeline("p")?.hash == hash)
    }

    @Test("the order of steps is the order of the arrows")
    func order() throws {
        let (a, b, c, d, e) = (Run("a", "true"), Run("b", "true"), Run("c", "true"), Run("d", "true"), Run("e", "true"))
        func after(_ pipeline: Pipeline) throws -> [String: [String]] {
            Dictionary(uniqueKeysWithValues: try check(pipeline).tasks.map { ($0.name, $0.after.sorted()) })
        }
        #expect(try after(Pipeline("p") { a >> b >> c }) == ["a": [], "b": ["a"], "c": ["b"]])
        #expect(try after(Pipeline("p") { a >> [b, c] >> d }) == ["a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]])
        #expect(try after(Pipeline("p") { [a, b] >> [c, d] }) == ["a": [], "b": [], "c": ["a", "b"], "d": ["a", "b"]])
        // Said in pieces, and with one piece joined to another.
        #expect(try after(Pipeline("p") { a >> b; a >> c; [b, c] >> d; e }) == ["a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []])
        #expect(try after(Pipeline("p") { (a >> b) >> (c >> d) }) == ["a": [], "b": ["a"], "c": ["b"], "d": ["c"]])
        #expect(try after(Pipeline("p") { a.after("e") >> b; e }) == ["a": ["e"], "b": ["a"], "e": []])
        let isWanted = false
        let made = Pipeline("p") {
            for number in 1...3 { Run("load_\(number)", "true") >> e }
            if isWanted { a } else { b }
        }
        #expect(try after(made) == ["load_1": [], "load_2": [], "load_3": [], "e": ["load_1", "load_2", "load_3"], "b": []])
    }

    @Test("a mistake is told with the place in the program")
    func places() throws {
        let line = #line + 3
        let wrong = Pipeline("wrong") {
            let a = Run("a", "true")
            let b = Run("b", "${tasks.c.count}")
            a >> b
        }
        #expect {
            try check(wrong)
        } throws: { error in
            let place = (error as? DefinitionErrors)?.errors.first?.place
            return place?.file == "MartletTests/PipelineInSwiftTests.swift" && place?.line == line
        }
    }

    @Test("two steps of one name, and one step in two groups, are mistakes")
    func twice() throws {
        #expect(throws: DefinitionErrors.self) { try check(Pipeline("p") { Run("a", "true"); Run("a", "false") }) }
        let shared = Run("a", "true")
        let nested = Pipeline("p") {
            Group("g") { shared }
            shared >> Run("b", "true")
        }
        #expect(nested.mistakes.map(\.code) == [.duplicate])
        // The same words made anew are other steps.
        func group(_ name: String) -> Group { Group(name) { Run("a", "true") } }
        #expect(Pipeline("p") { group("g") >> group("h") }.mistakes.isEmpty)
    }

    @Test("a closure is known by its name and the program's build")
    func closures() throws {
        let pipeline = Pipeline("p") {
            Group("g") { Task("make", arguments: ["run": "${run.id}"], outputs: ["count": .int64]) { _ in ["count": .int64(1)] } }
        }
        let built = builtIn([pipeline])
        #expect(built.mistakes.isEmpty)
        let functions = try #require(built.functions)
        #expect(functions["p", "g.make"] != nil)
        #expect(functions["p", "make"] == nil)
        let work = try #require(check(pipeline).task("g.make")?.work.base as? FunctionWork)
        #expect(work.function == "g.make")
        #expect(work.build == functions.build)
        #expect(work.build.count == 64)
        let yaml = """
            pipeline: p
            tasks:
              g: { tasks: { make: { function: g.make, build: "\(functions.build)", arguments: { run: "${run.id}" }, outputs: { count: int64 } } } }
            """
        #expect(try check(yaml).hash == check(pipeline).hash)
    }
}
