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

    /// The example's files; with pipelines in place of its nightly one if some are given.
    private func project(with pipelines: [Pipeline]? = nil) throws -> CheckedProject {
        try project(with: pipelines.map { builtIn($0).files })
    }

    private func project(with pipelines: [ProjectSource.File]?) throws -> CheckedProject {
        let folder = Self.root.appending(path: "Examples/fraud")
        var files: [ProjectSource.File] = []
        let names = FileManager.default.enumerator(atPath: folder.path())?.compactMap { $0 as? String } ?? []
        for name in names where name.hasSuffix(".yaml") && (pipelines == nil || name != "pipelines/ml_pipeline.yaml") {
            files.append(.init(path: name, text: try String(contentsOf: folder.appending(path: name), encoding: .utf8)))
        }
        return try ProjectPlan.check(ProjectSource(files).adding(pipelines ?? []))
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
                "send", .post, "https://api.example/${run.id}", headers: ["x-key": "${task.key}"],
                secrets: ["authorization": "Bearer api"], body: .json(["id": "${run.id}", "n": 3]),
                expect: [201], retryCodes: [503], outputs: ["id": .int64], follow: true, answerLimit: "64KiB")
            let plain = HTTP("plain", .put, "https://api.example/", body: .text("words"))
            let (newest, named) = (Evaluate("newest", "fraud"), Evaluate("named", "fraud", version: "champion"))
            let query = SQL(
                "query", "SELECT $id AS id, $n AS n\nFROM 'a.csv'", parameters: ["id": "${run.id}", "n": 3], database: "shop.duckdb",
                outputs: ["id": .list(of: .string), "n": .int64], limits: Run.Limits(memory: "1GB"), inputs: ["a.csv"], grace: "5s")
            up >> send >> plain >> [newest, named, Evaluate("numbered", "fraud", version: 3)]
            plain >> query >> SQL("rows", "SELECT 1", to: "out/rows.parquet")
        }
        let yaml = """
            pipeline: p
            tasks:
              up: { wait: { http: "https://api.example/up" } }
              send:
                http: { method: POST, url: "https://api.example/${run.id}", headers: { x-key: "${task.key}" }, json: { n: 3, id: "${run.id}" } }
                secrets: { authorization: Bearer api }
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
              query:
                sql: |-
                  SELECT $id AS id, $n AS n
                  FROM 'a.csv'
                parameters: { id: "${run.id}", n: 3 }
                database: shop.duckdb
                outputs: { id: list of string, n: int64 }
                limits: { memory: 1GB }
                inputs: [a.csv]
                grace: 5s
                after: plain
              rows: { sql: SELECT 1, to: out/rows.parquet, after: query }
            """
        let hash = try #require(project(with: [ProjectSource.File(path: "pipelines/p.yaml", text: yaml)]).pipeline("p")?.hash)
        #expect(try project(with: [built]).pipeline("p")?.hash == hash)
    }

    @Test("every kind of step, trigger, parameter and value that Swift can say has the hash of the same in a file")
    func everyKind() throws {
        let other = Pipeline("other", parameters: [Parameter("word", .string), Parameter("is_dry", .bool, default: false)]) { Run("a", "true") }
        let built = Pipeline(
            "kinds", triggers: [.stream("transactions", every: .hours(6)), .model("fraud"), .model("fraud", alias: "shadow")],
            parameters: [Parameter("share", .float64, default: 0.5, doc: "words"), Parameter("since", .timestamp, default: "2026-01-01")],
            defaults: Defaults().priority(2).maxActive(3)
        ) {
            let ingest = Ingest("ingest", "new.csv", into: "transactions", live: true)
            let dataset = Dataset("dataset", of: "fraud", to: "set.csv")
            let promote = Promote("promote", "fraud", version: 3, alias: "shadow")
            ingest >> dataset >> promote
            Predict("predict", "fraud", for: "some.csv", to: "answers.ndjson")
            Smoke("smoke", "fraud", inputs: ["tx_id": "true", "odd: {key}": true, "amount": 10.5, "count": 3], expect: "output > 0.25")
            Subpipeline("sub", "other", parameters: ["word": "x${run.id}", "is_dry": true])
            Wait("until", for: .until("06:30"))
            Wait("stream", for: .stream("transactions"))
        }
        let yaml = """
            pipeline: kinds
            triggers: [{ stream: transactions, every: 6h }, { model: fraud }, { model: fraud@shadow }]
            parameters:
              share: { type: float64, default: 0.5 }
              since: { type: timestamp, default: 2026-01-01 }
            defaults: { priority: 2, max_active: 3 }
            tasks:
              ingest: { ingest: transactions, file: new.csv, live: true }
              dataset: { dataset: fraud, to: set.csv, after: ingest }
              promote: { promote: fraud, version: 3, alias: shadow, after: dataset }
              predict: { predict: fraud, file: some.csv, to: answers.ndjson }
              smoke: { smoke: fraud, inputs: { tx_id: "true", "odd: {key}": true, amount: 10.5, count: 3 }, expect: output > 0.25 }
              sub: { pipeline: other, parameters: { word: "x${run.id}", is_dry: true } }
              until: { wait: { until: "06:30" } }
              stream: { wait: { stream: transactions } }
            ---
            pipeline: other
            parameters: { word: string, is_dry: { type: bool, default: false } }
            tasks: { a: { run: ["true"] } }
            """
        let fromFile = try project(with: [ProjectSource.File(path: "pipelines/kinds.yaml", text: yaml)])
        let fromProgram = try project(with: [built, other])
        for name in ["kinds", "other"] {
            let canonical = try #require(fromFile.pipeline(name)?.canonical)
            #expect(fromProgram.pipeline(name)?.canonical == canonical)
        }
        #expect(fromProgram.pipeline("kinds")?.parameters.first { $0.name == "share" }?.doc == "words")
    }

    @Test(
        "every schedule is that of the same in a file",
        arguments: [
            (Schedule.hourly, "\"@hourly\""), (.daily, "\"@daily\""), (.weekly, "\"@weekly\""), (.monthly, "\"@monthly\""),
            (.yearly, "\"@yearly\""), (.every(.seconds(90)), "{ every: 90s }"), (.every(.minutes(15)), "{ every: 15m }"),
            (.every(.days(7)), "{ every: 7d }"),
        ] as [(Schedule, String)])
    func schedules(_ schedule: Schedule, _ text: String) throws {
        let fromFile = try check("pipeline: p\nschedule: \(text)\ntasks: { a: { run: [\"true\"] } }")
        #expect(try check(Pipeline("p", schedule: schedule) { Run("a", "true") }).canonical == fromFile.canonical)
    }

    @Test("any text comes back as it was said")
    func texts() throws {
        var text = "\u{85}\u{A0}\u{2028}\u{2029}\u{FEFF}é \u{1F600} # : {x} [y] 'z' \"q\" &a *b !c %d @e `f | > - ? \\u0041 \\"
        for value in UInt32(1)..<0x20 { text.unicodeScalars.append(Unicode.Scalar(UInt8(value))) }
        text += "\u{7F} "
        let back = try check(Pipeline("p", doc: text) { Run("a", "true").doc(text) })
        #expect(Array(back.doc.utf8) == Array(text.utf8))
        #expect(back.tasks.first.map { Array($0.doc.utf8) } == Array(text.utf8))
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
        // Nothing stands between two steps, before the first and after the last.
        #expect(try after(Pipeline("p") { a >> Flow() >> b }) == ["a": [], "b": ["a"]])
        #expect(try after(Pipeline("p") { Flow() >> a >> [b, c] >> Flow() >> d }) == ["a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]])
        // What a step waits for already stays.
        #expect(try after(Pipeline("p") { a >> b.after("c"); c }) == ["a": [], "b": ["a", "c"], "c": []])
        // Said twice, it holds once.
        #expect(try after(Pipeline("p") { a >> b.after("a"); a >> c; a >> c }) == ["a": [], "b": ["a"], "c": ["a"]])
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
        func lines(_ pipeline: Pipeline) throws -> [Int] {
            do {
                _ = try check(pipeline)
                return []
            } catch let errors as DefinitionErrors {
                return errors.errors.compactMap(\.place).filter { $0.file == "MartletTests/PipelineInSwiftTests.swift" }.map(\.line).sorted()
            }
        }
        let top = #line + 1
        let both = Pipeline("wrong", timeZone: "Mars/Olympus") {
            Group("g") {
                Run("b", "true").priority(5_000_000)
            }
        }
        #expect(try lines(both) == [top, top + 2])
        // Also of the first line of what is said there.
        #expect(try lines(Pipeline("no name") { Run("a", "true") }) == [#line])
        let step = #line + 3
        let named = Pipeline("wrong") {
            Run("a", "true")
            Run("no name", "true")
        }
        #expect(try lines(named) == [step])
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
        #expect(builtIn([nested]).mistakes == nested.mistakes)
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
        #expect(builtIn([Pipeline("p") { Run("a", "true") }]).functions == nil)
    }

    @Test("of several pipelines each has a file and closures of its own, also of what is done on a failure")
    func several() throws {
        let first = Pipeline("first") {
            Task("make") { run in run.log("made") }
        } onFailure: {
            Task("tell") { run in run.log("told") }
        }
        let second = Pipeline("second") { Task("other") { run in run.log("other") } }
        let built = builtIn([first, second])
        #expect(Set(built.files.map(\.path)).count == 2)
        #expect(try ProjectPlan.check(ProjectSource(built.files)).pipelines.map(\.name).sorted() == ["first", "second"])
        let functions = try #require(built.functions)
        #expect(functions["first", "make"] != nil && functions["first", "tell"] != nil && functions["second", "other"] != nil)
        #expect(functions["first", "other"] == nil && functions["second", "make"] == nil)
    }
}
