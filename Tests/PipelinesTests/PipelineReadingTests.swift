import MartletAccess
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletPipelines
import Testing

@Suite("Reading a pipeline")
struct PipelineReadingTests {
    static let full = """
        pipeline: nightly
        doc: the usual night
        schedule: { cron: "30 6 * * 1-5", time_zone: Europe/Brussels, start: 2024-01-01 }
        end: 2025-01-01T00:00:00Z
        catchup: true
        triggers:
          - { stream: orders, every: 1d }
          - { model: returns@candidate }
        parameters: { day: string, rows: { type: int64, default: 100, doc: how many }, since: { type: timestamp, default: 2024-05-01 } }
        max_active_runs: 2
        max_active_tasks: 8
        priority: 3
        deadline: 2h
        timeout: 6h
        defaults: { retries: 2, retry_delay: 1m, timeout: 1h, needs: { cpu: 2 } }
        tasks:
          load:
            run: [./load.sh, "--day=${parameters.day}", "${interval.start}", "$${HOME}"]
            env: { LEVEL: "${parameters.rows}" }
            secrets: { DB_PASSWORD: warehouse, DB_AGAIN: warehouse, KEY: mail-key_2 }
            folder: jobs/load
            limits: { cpu: 10m, memory: 2GB, output: 1MB, file_size: 4GiB, processes: 64 }
            skip_codes: [99]
            retry_codes: [75, 69]
            outputs: { files: list of string, rows: int64, report: file }
            inputs: [jobs/load/config.json]
            grace: 30s
            needs: { memory: 2GB, warehouse: 1 }
            cache: 1d
            doc: brings files
          take: { ingest: orders, file: "${item}", live: true, after: load, map: tasks.load.files, max_active: 3, priority: -1 }
          prepare:
            after: take
            doc: a group
            tasks:
              set: { dataset: returns, to: out/set.csv }
              look: { check: ["tasks.load.rows > 0", "has(tasks.prepare.set.rows)"], after: set, retries: 0 }
          train: { train: returns, after: prepare, when: 'tasks.load.rows > parameters.rows && interval.start.getDayOfWeek() != 0' }
          agree: { approval: "promote version ${tasks.train.version}?", after: train, timeout: 12h, trigger_rule: none_failed }
          deploy: { promote: returns, version: "${tasks.train.version}", alias: candidate, after: agree }
          ask: { smoke: returns, inputs: { amount: 1.5, kind: a, gift: true, count: 2, note: ~, code: "7" }, expect: output >= 0.0 && latency_ms < 50.0, after: deploy }
          sort: { smoke: topics, inputs: { text: x }, expect: 'label == "a"', after: deploy, allow_failure: true }
          score: { predict: returns, file: in.csv, to: "out/${interval.end.getFullYear()}.ndjson", after: ask, deadline: 5h }
          rest: { wait: { for: 10m }, after: score }
          morning: { wait: { until: "06:30" }, after: score }
          data: { wait: { stream: visits }, after: score }
          gone: { wait: { file: out/done }, after: score }
          moment: { wait: { until: 'interval.end + duration("2h")' }, after: score }
          next: { pipeline: other, parameters: { name: "run of ${parameters.day}", version: "${tasks.train.version}" }, after: [rest, morning, data, gone, moment] }
        on_failure:
          tell: { run: [./tell.sh, "${run.failed_tasks}", "${tasks.train.state}"] }
          clean: { run: [./clean.sh], after: tell }
        ---
        pipeline: other
        parameters: { name: string, version: int64, note: { type: string, default: "" } }
        tasks: { a: { run: [echo, "${parameters.note}"] } }
        """

    @Test("gives every value that is written")
    func everything() throws {
        let pipeline = try Reading.pipeline(Self.full)
        let schedule = try #require(pipeline.schedule)
        #expect(schedule.zone.name == "Europe/Brussels" && schedule.catchup)
        // Midnight in Brussels.
        #expect(schedule.start.map { "\($0)" } == "2023-12-31T23:00:00Z" && schedule.end.map { "\($0)" } == "2025-01-01T00:00:00Z")
        #expect(pipeline.timeZone.name == "Europe/Brussels" && pipeline.hasInterval)
        #expect(
            pipeline.triggers == [
                .stream("orders", every: .days(1)), .model("returns", alias: "candidate"),
            ])
        #expect(pipeline.parameters.map(\.name) == ["day", "rows", "since"])
        #expect(pipeline.parameters.map(\.type) == [.string, .int64, .timestamp])
        #expect(pipeline.parameters[0].standard == nil && pipeline.parameters[1].standard == .int64(100))
        #expect(pipeline.parameters[2].standard.map { "\($0)" } == "2024-04-30T22:00:00Z")
        #expect(pipeline.maxActiveRuns == 2 && pipeline.maxActiveTasks == 8 && pipeline.priority == 3)
        #expect(pipeline.deadline == .hours(2) && pipeline.timeout == .hours(6))
        #expect(pipeline.doc == "the usual night" && pipeline.parameters[1].doc == "how many")
        #expect(
            pipeline.tasks.map(\.name) == [
                "load", "take", "prepare.set", "prepare.look", "train", "agree", "deploy", "ask", "sort", "score", "rest", "morning",
                "data", "gone", "moment", "next", "tell", "clean",
            ])
        #expect(pipeline.tasks.filter(\.isOnFailure).map(\.name) == ["tell", "clean"])
    }

    @Test("a program has its arguments, environment, limits and results")
    func program() throws {
        let task = try #require(try Reading.pipeline(Self.full).task("load"))
        let work = try #require(task.work.base as? RunWork)
        let scope = TaskScope([
            "parameters.day": .string("2024-05-01; rm -rf /"), "parameters.rows": .int64(7),
            "interval.start": .timestamp(Timestamp(microseconds: 0)),
        ])
        #expect(
            try work.arguments(in: scope) == ["./load.sh", "--day=2024-05-01; rm -rf /", "1970-01-01T00:00:00Z", "${HOME}"])
        #expect(try work.environment(in: scope) == ["LEVEL": "7"])
        #expect(work.secrets == ["DB_PASSWORD": "warehouse", "DB_AGAIN": "warehouse", "KEY": "mail-key_2"])
        #expect(work.folder == "jobs/load")
        #expect(work.limits.cpu == .minutes(10) && work.limits.memory == 2_000_000_000 && work.limits.output == 1_000_000)
        #expect(work.limits.fileSize == 4 << 30 && work.limits.processes == 64)
        #expect(work.skipCodes == [99] && work.retryCodes == [69, 75] && work.grace == .seconds(30))
        #expect(
            work.outputs == [
                TaskOutput("files", .list(.string)), TaskOutput("report", .file), TaskOutput("rows", .scalar(.int64)),
            ])
        #expect(try work.inputs.map { try $0.render(in: scope) } == ["jobs/load/config.json"])
        #expect(task.needs == ["cpu": 1, "memory": 2_000_000_000, "warehouse": 1] && task.cache == .days(1))
        #expect(task.retry.retries == 2 && task.retry.delay == .minutes(1) && task.timeout == .hours(1))
    }

    @Test("each kind has its parameters")
    func kinds() throws {
        let pipeline = try Reading.pipeline(Self.full)
        func work<Work: TaskWork>(_ name: String, _ type: Work.Type) throws -> Work {
            try #require(pipeline.task(name)?.work.base as? Work)
        }
        let scope = TaskScope([
            "item": .string("a.csv"), "tasks.train.version": .int64(3), "parameters.day": .string("x"),
            "interval.end": .timestamp(Timestamp(microseconds: 0)),
        ])
        let take = try work("take", IngestWork.self)
        #expect(try take.stream == "orders" && take.isLive && take.file.render(in: scope) == "a.csv")
        #expect(try work("prepare.set", DatasetWork.self).to?.render(in: scope) == "out/set.csv")
        #expect(try work("prepare.look", CheckWork.self).conditions.map(\.canonicalText).count == 2)
        #expect(
            try work("train", TrainWork.self).outputs.map(\.name) == ["version", "run", "average_precision", "roc_auc"])
        #expect(try work("agree", ApprovalWork.self).question.render(in: scope) == "promote version 3?")
        let deploy = try work("deploy", PromoteWork.self)
        #expect(try deploy.version?.value(in: scope) == .int64(3) && deploy.alias == "candidate")
        let ask = try work("ask", SmokeWork.self)
        #expect(
            ask.inputs == [
                "amount": .float64(1.5), "kind": .string("a"), "gift": .bool(true), "count": .int64(2), "note": .missing,
                "code": .string("7"),
            ])
        #expect(ask.outputs.map(\.name) == ["output", "latency_ms", "version"])
        #expect(try work("sort", SmokeWork.self).outputs.map(\.name) == ["label", "latency_ms", "version"])
        #expect(try work("score", PredictWork.self).to.render(in: scope) == "out/1970.ndjson")
        #expect(try work("rest", WaitWork.self).condition == .span(.minutes(10)))
        let brussels = try TimeZoneTable.named("Europe/Brussels")
        #expect(try work("morning", WaitWork.self).condition == .timeOfDay(.minutes(390), zone: brussels))
        #expect(try work("data", WaitWork.self).condition == .stream("visits"))
        guard case .moment(let moment) = try work("moment", WaitWork.self).condition else {
            Issue.record("no moment")
            return
        }
        #expect(try moment.value(in: scope) == .timestamp(Timestamp(microseconds: 7_200_000_000)))
        let next = try work("next", PipelineWork.self)
        #expect(next.pipeline == "other")
        #expect(try next.parameters.mapValues { try $0.value(in: scope) } == ["name": .string("run of x"), "version": .int64(3)])
    }

    @Test("a task has what it says, else what the defaults say, else what holds for all")
    func settings() throws {
        let pipeline = try Reading.pipeline(Self.full)
        let take = try #require(pipeline.task("take"))
        #expect(take.mapping == .result(task: "load", output: "files"))
        #expect(take.maxActive == 3 && take.priority == -1 && take.needs == ["cpu": 2] && take.after == ["load"])
        let look = try #require(pipeline.task("prepare.look"))
        #expect(look.retry.retries == 0 && look.after == ["prepare.set"] && look.readings == ["tasks.load.rows", "tasks.prepare.set.rows"])
        #expect(pipeline.task("prepare.set")?.after == ["take"] && pipeline.task("train")?.after == ["prepare.look"])
        let agree = try #require(pipeline.task("agree"))
        #expect(agree.rule == .noneFailed && agree.timeout == .hours(12) && agree.needs.isEmpty && agree.work.base.isWaiting)
        #expect(pipeline.task("sort")?.allowFailure == true && pipeline.task("score")?.deadline == .hours(5))
        #expect(pipeline.task("next")?.after == ["rest", "morning", "data", "gone", "moment"])
        let plain = try Reading.tasks("  a: { run: [x] }\n").tasks[0]
        #expect(plain.retry == RetryPolicy() && plain.needs == ["cpu": 1] && plain.rule == .allSuccess && plain.timeout == nil)
        #expect(try Reading.tasks("  a: { run: [x], needs: { cpu: 0, warehouse: 1 } }\n").tasks[0].needs == ["warehouse": 1])
        // A longer first delay lifts the default bound.
        #expect(try Reading.tasks("  a: { run: [x], retry_delay: 2h }\n").tasks[0].retry.maxDelay == .hours(2))
    }

    @Test("a condition is evaluated over what the scope knows")
    func condition() throws {
        let condition = try #require(try Reading.pipeline(Self.full).task("train")?.condition)
        var scope = TaskScope([
            "tasks.load.rows": .int64(101), "parameters.rows": .int64(100), "interval.start": .timestamp(Timestamp(microseconds: 0)),
        ])
        #expect(try condition.holds(in: scope))
        scope["tasks.load.rows"] = .int64(100)
        #expect(try !condition.holds(in: scope))
        scope["tasks.load.rows"] = .missing
        let missing = #expect(throws: TaskScopeError.self) { try condition.holds(in: scope) }
        #expect(missing?.code == .missingValue && missing?.reference == "tasks.load.rows")
        scope["tasks.load.rows"] = nil
        let unknown = #expect(throws: TaskScopeError.self) { try condition.holds(in: scope) }
        #expect(unknown?.code == .unknownName && unknown?.reference == "tasks.load.rows")
        scope["tasks.load.rows"] = .string("7")
        #expect(throws: TaskScopeError.self) { try condition.holds(in: scope) }
    }

    @Test("a gate tells the condition and what it saw")
    func gate() throws {
        let work = try #require(try Reading.pipeline(Self.full).task("prepare.look")?.work.base as? CheckWork)
        var scope = TaskScope(["tasks.load.rows": .int64(1), "tasks.prepare.set.rows": .int64(5)])
        #expect(work.failure(in: scope) == nil)
        scope["tasks.load.rows"] = .int64(0)
        #expect(work.failure(in: scope) == "'tasks.load.rows > 0' does not hold: tasks.load.rows is 0")
        scope["tasks.load.rows"] = .missing
        #expect(work.failure(in: scope) == "'tasks.load.rows > 0' has no value: tasks.load.rows is missing")
    }

    @Test("whoever applies a pipeline must be allowed what its tasks do")
    func permissions() throws {
        let pipeline = try Reading.pipeline(Self.full)
        let needed = pipeline.permissions.map { "\($0.task): \($0.required.permission.rawValue) on \($0.required.resource(in: "shop"))" }
        #expect(
            needed == [
                "load: execute on project:shop", "load: secrets.use on secret:shop/mail-key_2", "load: secrets.use on secret:shop/warehouse",
                "take: events.write on stream:shop/orders", "prepare.set: datasets.build on project:shop",
                "train: models.train on model:shop/returns", "deploy: models.promote on model:shop/returns",
                "ask: predict on endpoint:shop/returns", "sort: predict on endpoint:shop/topics",
                "score: predict on endpoint:shop/returns", "next: pipelines.run on pipeline:shop/other", "tell: execute on project:shop",
                "clean: execute on project:shop",
            ])
        #expect(pipeline.permissions[0].place == pipeline.task("load")?.place)
    }

    @Test("a stream's trigger alone makes intervals, and nothing else does")
    func intervals() throws {
        let tasks = "tasks: { a: { run: [x, \"${interval.start}\"] } }"
        #expect(try Reading.pipeline("pipeline: p\ntriggers: { stream: orders, every: 1h }\n\(tasks)").hasInterval)
        #expect(
            Reading.complaints("pipeline: p\ntriggers: { model: returns }\n\(tasks)").contains("the runs of pipeline 'p' are about no interval"))
    }

    @Test("every kind says of itself what it is, once")
    func registry() {
        #expect(Set(TaskKinds.all.map(\.word)).count == TaskKinds.all.count && TaskKinds.all.count == 15)
        for kind in TaskKinds.all { #expect(!kind.summary.isEmpty && !kind.type.isEmpty) }
    }
}
