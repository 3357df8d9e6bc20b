import Foundation
import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletGovernance
import MartletPipelines
import MartletPlatform
import MartletRegistry
import MartletWorld
import Testing

@Suite("Pipelines")
struct PipelineTests {
    private static func versions(of model: String, on fixture: PlatformFixture) throws -> Int {
        try fixture.platform.modelVersions(model, limit: 100, scope: fixture.scope(.modelsRead, .model)).count
    }

    /// Runs a pipeline and waits for its end.
    func run(_ name: String, on fixture: PlatformFixture, parameters: JSONValue? = nil) async throws -> JSONValue {
        let run = try await fixture.platform.runPipeline(
            name, parameters: parameters, interval: nil, key: nil, note: nil, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, name))
        return try await end(of: try #require(run["run"]?.string), on: fixture)
    }

    func end(of id: String, on fixture: PlatformFixture) async throws -> JSONValue {
        try await state(of: id, on: fixture) { !["queued", "running"].contains($0["state"]?.string) }
    }

    /// The run once it is as asked for.
    func state(of id: String, on fixture: PlatformFixture, _ isSo: (JSONValue) -> Bool) async throws -> JSONValue {
        for _ in 0..<6_000 {
            let shown = try fixture.platform.pipelineRun(id, scope: fixture.scope(.pipelinesRead, .pipeline))
            if isSo(shown) { return shown }
            try await fixture.platform.checkPipelines()
            try await offPool { WakeSignal().wait(atMost: .init(microseconds: 10_000)) }
        }
        Issue.record("the run \(id) did not come to it")
        return .null
    }

    func states(_ run: JSONValue) -> [String: String] {
        Dictionary(uniqueKeysWithValues: (run["tasks"]?.array ?? []).map { ($0["task"]?.string ?? "", $0["state"]?.string ?? "") })
    }

    func log(_ run: JSONValue, _ task: String, index: Int = 0, on fixture: PlatformFixture) throws -> String? {
        try fixture.platform.pipelineLog(
            run: run["run"]?.string ?? "", task: task, index: index, attempt: nil, from: 0, limit: 1 << 20,
            scope: fixture.scope(.pipelinesRead, .pipeline)
        ).map { String(decoding: $0, as: UTF8.self) }
    }

    func started(_ pipelines: String, files: [String: String] = [:]) async throws -> PlatformFixture {
        var all = ["martlet.yaml": "project: works\npools: { cpu: 4 }\n", "pipelines/all.yaml": pipelines]
        all.merge(files) { $1 }
        let fixture = try await PlatformFixture(files: all)
        try await fixture.apply()
        try await fixture.platform.startPipelines(schedules: false)
        return fixture
    }

    @Test("programs give results, conditions and lists follow them, codes mean what the task says, output is kept")
    func programs() async throws {
        let fixture = try await started("""
            pipeline: work
            parameters: { name: { type: string, default: world } }
            tasks:
              a:
                run: [sh, -c, 'echo "hello $1"; printf ''{"n": 3, "items": ["x", "y"]}'' > "$MARTLET_RESULT"', sh, "${parameters.name}; $(rm -rf /)"]
                outputs: { n: int64, items: list of string }
              b: { run: [echo, "n is ${tasks.a.n}"], after: a, when: tasks.a.n > 2 }
              not: { run: ["false"], after: a, when: tasks.a.n > 3 }
              each: { run: [sh, -c, 'echo "$0 $MARTLET_TASK_KEY"', "${item}"], after: a, map: tasks.a.items }
              skip: { run: [sh, -c, exit 99], skip_codes: [99] }
              fail: { run: [sh, -c, exit 3], retries: 2, retry_delay: 10ms, allow_failure: true }
              once: { run: [sh, -c, exit 4], retries: 2, retry_delay: 10ms, retry_codes: [75], allow_failure: true }
              gate: { check: "tasks.a.n == 3", after: [b, each] }
            """)
        let done = try await run("work", on: fixture)
        #expect(done["state"]?.string == "succeeded")
        #expect(states(done) == [
            "a": "succeeded", "b": "succeeded", "not": "skipped", "each": "succeeded", "skip": "skipped", "fail": "failed",
            "once": "failed", "gate": "succeeded",
        ])
        #expect(try log(done, "a", on: fixture) == "hello world; $(rm -rf /)\n")
        #expect(try log(done, "b", on: fixture) == "n is 3\n")
        #expect(try log(done, "each", index: 1, on: fixture) == "y \(done["run"]?.string ?? "")/each/1\n")
        #expect(try log(done, "skip", on: fixture) == nil)
        let attempts = Dictionary(uniqueKeysWithValues: (done["tasks"]?.array ?? []).map {
            ($0["task"]?.string ?? "", $0["instances"]?.array?.first?["attempt"]?.int64 ?? 0)
        })
        #expect(attempts["fail"] == 3 && attempts["once"] == 1)
        try await fixture.platform.close()
    }

    @Test("a cancelled run ends its programs with their children, and starts nothing more")
    func cancel() async throws {
        let fixture = try await started("""
            pipeline: long
            tasks:
              a: { run: [sh, -c, 'trap "" TERM; sleep 600 & echo started; wait; sleep 600'], grace: 100ms }
              b: { run: [touch, never], after: a, trigger_rule: all_done }
            """)
        let run = try await fixture.platform.runPipeline(
            "long", parameters: nil, interval: nil, key: "once", note: nil, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, "long"))
        let again = try await fixture.platform.runPipeline(
            "long", parameters: nil, interval: nil, key: "once", note: nil, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, "long"))
        #expect(run["run"] == again["run"])
        let id = try #require(run["run"]?.string)
        _ = try await state(of: id, on: fixture) { (try? log($0, "a", on: fixture)) == "started\n" }
        try await fixture.platform.cancelPipelineRun(id, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline))
        let done = try await end(of: id, on: fixture)
        #expect(done["state"]?.string == "cancelled")
        #expect(states(done) == ["a": "cancelled", "b": "cancelled"])
        #expect(!FileManager.default.fileExists(atPath: fixture.folder + "/never"))
        try await fixture.platform.close()
    }

    @Test("a run that a restart cut short goes on where it was; each task has its one effect by its key")
    func restart() async throws {
        let fixture = try await started("""
            pipeline: ledger
            tasks:
              a: { run: [sh, -c, 'echo a >> ledger'] }
              b: { run: [sh, -c, 'test $MARTLET_ATTEMPT = 2 || sleep 600; echo b >> ledger'], after: a, grace: 0s }
              c: { run: [sh, -c, 'echo c >> ledger'], after: b }
            """)
        let run = try await fixture.platform.runPipeline(
            "ledger", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, "ledger"))
        let id = try #require(run["run"]?.string)
        _ = try await state(of: id, on: fixture) { states($0)["b"] == "running" }
        try await fixture.restart()
        try await fixture.platform.startPipelines(schedules: false)
        let done = try await end(of: id, on: fixture)
        #expect(done["state"]?.string == "succeeded")
        #expect(try String(contentsOfFile: fixture.folder + "/ledger", encoding: .utf8) == "a\nb\nc\n")
        let task = done["tasks"]?.array?.first { $0["task"]?.string == "b" }
        #expect(task?["instances"]?.array?.first?["attempt"]?.int64 == 2)
        try await fixture.platform.close()
    }

    @Test("ingest, train, promote, ask: the whole way as one pipeline; a failed gate keeps the champion")
    func machineLearning() async throws {
        let pipelines = """
            pipeline: daily
            tasks:
              ingest: { ingest: transactions, file: new.csv }
              train: { train: fraud, after: ingest }
              gate: { check: "tasks.train.roc_auc > 0.5", after: train }
              deploy: { promote: fraud, version: "${tasks.train.version}", after: gate }
              smoke:
                smoke: fraud
                inputs: { tx_id: probe, customer_id: c1, terminal_id: m1, amount: 25.0 }
                expect: output >= 0.0 && output <= 1.0
                after: deploy
              approve: { approval: "publish release ${tasks.deploy.release}?", after: smoke }
              answers: { predict: fraud, file: some.csv, to: answers.ndjson, after: approve }
            """
        let history = FraudProject.history()
        let some = history.split(separator: "\n").prefix(4).joined(separator: "\n") + "\n"
        let fixture = try await PlatformFixture(
            files: FraudProject.files.merging(["pipelines/daily.yaml": pipelines, "new.csv": history, "some.csv": some]) { $1 })
        try await fixture.apply()
        try await fixture.platform.startPipelines(schedules: false)
        let run = try await fixture.platform.runPipeline(
            "daily", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, "daily"))
        let id = try #require(run["run"]?.string)
        let waiting = try await state(of: id, on: fixture) { states($0)["approve"] == "deferred" || $0["state"]?.string != "running" }
        #expect(waiting["state"]?.string == "running", "\(waiting)")
        try await fixture.platform.decidePipelineApproval(
            run: id, task: "approve", index: 0, approved: true, note: "fine", requestID: nil,
            scope: fixture.scope(.pipelinesApprove, .pipeline))
        let done = try await end(of: id, on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        let answers = try String(contentsOfFile: fixture.folder + "/answers.ndjson", encoding: .utf8)
        #expect(answers.split(separator: "\n").count == 3)

        // The body of 'train' once more, as after a crash before its end was stored: the version that it registered, and no other.
        let train = try fixture.scope(.modelsTrain, .model, "fraud")
        let made = try await fixture.platform.train("fraud", effectKey: "\(id)/train/0#0", requestID: nil, scope: train)
        #expect(made.version == 1 && made.passed)
        let result = done["tasks"]?.array?.first { $0["task"]?.string == "train" }?["instances"]?.array?.first?["result"]
        #expect(made.metrics.map(\.name).sorted() == ["average_precision", "precision_at_10", "roc_auc"])
        for metric in made.metrics { #expect(metric.value != nil && result?[metric.name]?.double == metric.value, "\(metric)") }
        #expect(result?["run"]?.string == made.run)
        #expect(try Self.versions(of: "fraud", on: fixture) == 1)

        // Where the model came from, and what was made of it.
        let read = try fixture.scope(.pipelinesRead, .pipeline)
        let lineage = try fixture.platform.lineage(of: DataThing(.model, "fraud", version: "1"), depth: 5, limit: 100, scope: read)
        func steps(_ direction: String) -> [String: Set<String>] {
            var found: [String: Set<String>] = [:]
            for step in lineage[direction]?.array ?? [] {
                let things = (step[direction == "upstream" ? "inputs" : "outputs"]?.array ?? []).compactMap(\.string)
                found[step["task"]?.string ?? ""] = Set(things.map { String($0.prefix { $0 != "@" }) })
            }
            return found
        }
        #expect(steps("upstream") == ["train": ["stream:transactions", "dataset:fraud"], "ingest": ["file:new.csv"]])
        #expect(steps("downstream")["deploy"] == ["endpoint:fraud"])
        #expect(steps("downstream")["answers"]?.contains("file:answers.ndjson") == true)
        #expect(steps("downstream")["smoke"] == [])
        let events = try fixture.platform.pipelineLineage(run: id, from: 0, limit: 1_000, scope: read).events
        #expect(events.count == 16)
        let ingest = try #require(events.first { $0["job"]?["name"]?.string == "daily.ingest" && $0["eventType"]?.string == "COMPLETE" })
        #expect(ingest["inputs"]?.array?.first?["name"]?.string?.hasSuffix("/new.csv") == true)
        #expect(ingest["outputs"]?.array?.first?["outputFacets"]?["outputStatistics"]?["rowCount"]?.int64 == Int64(history.split(separator: "\n").count - 1))

        // Whoever promotes since does not lend their rights to what was scheduled.
        let issued = try fixture.platform.createToken(
            name: "operator", role: .operator, expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        let principal = try #require(try fixture.platform.tokens.principal(tokenID: issued.token.id))
        let release = try await fixture.platform.promote(
            "fraud", version: 1, alias: "shadow", reason: nil, requestID: nil,
            scope: Guard().scope(for: principal, to: .modelsPromote, on: .thing(.model, "fraud", in: fixture.platform.project))).release
        #expect(release.actor == "token:\(issued.token.id)")
        #expect(try fixture.platform.pipelineActor(of: release).id == "test")
        #expect(try fixture.platform.verifyAudit(scope: fixture.scope(.auditRead, .server)).isIntact)
        try await fixture.platform.close()
    }

    @Test("a training that is cleared is done anew")
    func clearedTraining() async throws {
        let fixture = try await PlatformFixture(
            files: FraudProject.files.merging(["pipelines/p.yaml": "pipeline: p\ntasks: { train: { train: fraud } }\n"]) { $1 })
        try await fixture.apply()
        _ = try await fixture.ingest(FraudProject.history(), into: "transactions")
        try await fixture.platform.startPipelines(schedules: false)
        let first = try await run("p", on: fixture)
        let id = try #require(first["run"]?.string)
        func version(_ run: JSONValue) -> Int64? {
            run["tasks"]?.array?.first?["instances"]?.array?.first?["result"]?["version"]?.int64
        }
        #expect(version(first) == 1)
        _ = try await fixture.platform.clearPipelineRun(
            id, tasks: ["train"], withDownstream: true, requestID: nil, scope: fixture.scope(.pipelinesRun, .pipeline))
        let again = try await end(of: id, on: fixture)
        #expect(version(again) == 2, "\(again)")
        // What was made before the clear keeps its key, what came after it has its own.
        for (key, version) in [("0", 1), ("1", 2)] {
            let made = try await fixture.platform.train(
                "fraud", effectKey: "\(id)/train/0#\(key)", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
            #expect(made.version == version)
        }
        try await fixture.platform.close()
    }

    @Test("a run has the rights of who asked for it, asked again when a task starts")
    func rights() async throws {
        let fixture = try await started("pipeline: p\ntasks: { a: { run: [\"true\"] } }\n")
        let issued = try fixture.platform.createToken(
            name: "scientist", role: .scientist, expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        let principal = try #require(try fixture.platform.tokens.principal(tokenID: issued.token.id))
        let scope = try Guard().scope(for: principal, to: .pipelinesRun, on: .thing(.pipeline, "p", in: fixture.platform.project))
        let run = try await fixture.platform.runPipeline(
            "p", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil, scope: scope)
        let done = try await end(of: try #require(run["run"]?.string), on: fixture)
        #expect(done["state"]?.string == "failed")
        let reason = done["tasks"]?.array?.first?["instances"]?.array?.first?["reason"]?.string
        #expect(reason?.contains("execute") == true, "\(reason ?? "")")
        try await fixture.platform.close()
    }
}

extension PipelineTests {
    @Test("a scheduled pipeline that is run by hand is about the newest interval that has ended")
    func byHand() async throws {
        let fixture = try await started("""
            pipeline: p
            schedule: "0 6 * * *"
            tasks: { a: { run: [echo, "${interval.start} ${interval.end}"] } }
            """)
        let done = try await run("p", on: fixture)
        #expect(done["state"]?.string == "succeeded")
        let texts = try #require(try log(done, "a", on: fixture)).split(separator: "\n")[0].split(separator: " ").map(String.init)
        let now = SystemClock().now()
        let end = try #require(Timestamp(date: texts[1], in: .utc))
        #expect(texts.allSatisfy { $0.hasSuffix("T06:00:00Z") })
        #expect(end <= now && now < end + .days(1))
        #expect(Timestamp(date: texts[0], in: .utc) == end - .days(1))
        try await fixture.platform.close()
    }

    @Test("what a schedule runs must be allowed to who applies it: refused with the task's place, before anything is in force")
    func permissionsAtPlan() async throws {
        let fixture = try await PlatformFixture(files: [
            "martlet.yaml": "project: works\n",
            "pipelines/all.yaml": "pipeline: p\nschedule: \"@daily\"\ntasks:\n  a: { run: [\"true\"] }\n",
        ])
        let issued = try fixture.platform.createToken(
            name: "engineer", role: .engineer, expires: nil, requestID: nil, scope: fixture.scope(.tokensManage, .server))
        let engineer = try #require(try fixture.platform.tokens.principal(tokenID: issued.token.id))
        let place = Resource.project(fixture.platform.project)
        for permission in [Permission.definitionsPlan, .definitionsApply] {
            do {
                let scope = try Guard().scope(for: engineer, to: permission, on: place)
                if permission == .definitionsPlan {
                    _ = try fixture.platform.plan(scope: scope)
                } else {
                    _ = try await fixture.platform.apply(reason: nil, requestID: nil, scope: scope)
                }
                Issue.record("it was taken")
            } catch let errors as DefinitionErrors {
                #expect(errors.errors.map { "\($0.place.map { "\($0)" } ?? "")" } == ["pipelines/all.yaml:4:3"])
                #expect(errors.errors.first?.message.contains("execute") == true)
            }
        }
        // A pipeline that only people start has the rights of who starts it.
        try fixture.write("pipeline: p\ntasks:\n  a: { run: [\"true\"] }\n", to: "pipelines/all.yaml")
        _ = try fixture.platform.plan(scope: Guard().scope(for: engineer, to: .definitionsPlan, on: place))
        try await fixture.platform.close()
    }

    @Test("a result is taken again for equal code, parameters and inputs, and for no others")
    func cache() async throws {
        let fixture = try await started("""
            pipeline: p
            parameters: { word: { type: string, default: a } }
            tasks:
              a:
                run: [sh, -c, 'echo x >> runs; cat input; printf ''{"n": 1}'' > "$MARTLET_RESULT"', "${parameters.word}"]
                outputs: { n: int64 }
                inputs: [input]
                cache: 1d
            """, files: ["input": "one"])
        func count() throws -> Int { try String(contentsOfFile: fixture.folder + "/runs", encoding: .utf8).count / 2 }
        func isCached(_ run: JSONValue) -> Bool? { run["tasks"]?.array?.first?["instances"]?.array?.first?["cached"]?.bool }
        #expect(try await isCached(run("p", on: fixture)) == false)
        let again = try await run("p", on: fixture)
        #expect(isCached(again) == true)
        #expect(again["tasks"]?.array?.first?["instances"]?.array?.first?["result"] == ["n": 1])
        #expect(try count() == 1)
        #expect(try await isCached(run("p", on: fixture, parameters: ["word": "b"])) == false)
        try fixture.write("two", to: "input")
        #expect(try await isCached(run("p", on: fixture)) == false)
        try fixture.write("one", to: "input")
        #expect(try await isCached(run("p", on: fixture)) == true)
        #expect(try count() == 3)
        try await fixture.platform.close()
    }

    @Test("a server that starts no programs fails the task and says why")
    func noPrograms() async throws {
        var settings = TaskSettings()
        settings.allowsPrograms = false
        let fixture = try await PlatformFixture(
            files: ["martlet.yaml": "project: works\n", "pipelines/all.yaml": "pipeline: p\ntasks: { a: { run: [touch, made] } }\n"],
            tasks: settings)
        try await fixture.apply()
        try await fixture.platform.startPipelines(schedules: false)
        let done = try await run("p", on: fixture)
        #expect(done["state"]?.string == "failed")
        #expect(done["tasks"]?.array?.first?["instances"]?.array?.first?["reason"]?.string?.contains("--no-exec") == true)
        #expect(!FileManager.default.fileExists(atPath: fixture.folder + "/made"))
        try await fixture.platform.close()
    }

    @Test("a stream that has passed an interval starts a run about it, once, and a task may wait for a file")
    func dataTriggers() async throws {
        let fixture = try await PlatformFixture(files: [
            "martlet.yaml": "project: works\n",
            "streams/s.yaml": "stream: s\nevent_time: at\nunique: id\nfields: { id: string, at: timestamp }\n",
            "pipelines/all.yaml": """
            pipeline: p
            triggers: [{ stream: s, every: 1d }]
            tasks:
              file: { wait: { file: go } }
              a: { run: [echo, "${interval.start}"], after: file }
            """,
        ])
        try await fixture.apply()
        try await fixture.platform.startPipelines(schedules: true)
        func runs() throws -> [JSONValue] {
            try fixture.platform.pipelineRuns(RunFilter(pipeline: "p"), limit: 10, scope: fixture.scope(.pipelinesRead, .pipeline)).runs
        }
        _ = try await fixture.ingest("id,at\na,2024-03-01T10:00:00Z\n", into: "s")
        try await fixture.platform.checkPipelines()
        #expect(try runs().isEmpty)
        _ = try await fixture.ingest("id,at\nb,2024-03-03T10:00:00Z\n", into: "s")
        for _ in 0..<3 { try await fixture.platform.checkPipelines() }
        let made = try runs()
        // Made in one millisecond, so that nothing says which comes first in the list.
        #expect(made.compactMap { $0["interval"]?["start"]?.string }.sorted() == ["2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"])
        #expect(made.allSatisfy { $0["cause"]?.string == "data" })
        let id = try #require(made.first { $0["interval"]?["start"]?.string == "2024-03-01T00:00:00Z" }?["run"]?.string)
        #expect(states(try fixture.platform.pipelineRun(id, scope: fixture.scope(.pipelinesRead, .pipeline)))["file"] == "deferred")
        try fixture.write("", to: "go")
        let done = try await end(of: id, on: fixture)
        #expect(try log(done, "a", on: fixture) == "2024-03-01T00:00:00Z\n")
        try await fixture.platform.close()
    }

    @Test("a time comes back as it prints itself, with decimals, from a result and as a parameter; a day is its first moment")
    func times() async throws {
        let fixture = try await started("""
            pipeline: p
            parameters: { t: timestamp }
            tasks:
              a: { run: [sh, -c, 'printf ''{"t": "%s"}'' "$1" > "$MARTLET_RESULT"', sh, "${parameters.t}"], outputs: { t: timestamp } }
              b: { check: tasks.a.t == parameters.t, after: a }
              c: { run: [echo, "${tasks.a.t}"], after: a }
            """)
        for (text, shown) in [
            ("2024-01-02T03:04:05.25Z", "2024-01-02T03:04:05.250000Z"), ("1969-12-31T23:59:59.999999+00:00", "1969-12-31T23:59:59.999999Z"),
            ("2024-01-02", "2024-01-02T00:00:00Z"), ("2024-01-02 03:04:05", "2024-01-02T03:04:05Z"),
        ] {
            let done = try await run("p", on: fixture, parameters: ["t": .string(text)])
            #expect(done["state"]?.string == "succeeded", "\(done)")
            #expect(try log(done, "c", on: fixture) == shown + "\n")
        }
        for wrong in ["yesterday", "2024-01-02T03:04:05.Z", "2024-13-01", ""] {
            await #expect(throws: PlatformError.self) { try await run("p", on: fixture, parameters: ["t": .string(wrong)]) }
        }
        try await fixture.platform.close()
    }
}
