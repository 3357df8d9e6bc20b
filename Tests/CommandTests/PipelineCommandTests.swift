import ArgumentParser
import MartletBytes
import MartletFrames
import MartletServer
import Testing

@testable import MartletCommand

@Suite("martlet pipelines")
struct PipelineCommandTests {
    @Test("a run takes parameters, an interval and a key, and waits unless told otherwise")
    func run() throws {
        let command = try #require(
            try Root.parseAsRoot([
                "pipelines", "run", "nightly", "-p", "word=a=b", "-p", "count=2", "--interval", "2026-01-01", "2026-01-02T00:00:00Z", "--key",
                "k", "--no-wait",
            ]) as? Pipelines.Run)
        #expect(!command.wait && command.pipeline == "nightly")
        #expect(
            command.request == [
                "parameters": ["word": "a=b", "count": "2"],
                "interval": ["start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"], "key": "k",
            ])
        let plain = try #require(try Root.parseAsRoot(["pipelines", "run", "nightly"]) as? Pipelines.Run)
        #expect(plain.wait && plain.request == .object(JSONObject()))
        #expect(try Root.parseAsRoot(["pipelines"]) is Pipelines.List)
    }

    @Test("what else there is to do is parsed")
    func others() throws {
        let mark = try #require(try Root.parseAsRoot(["pipelines", "mark", "r", "t", "skipped", "--index", "3"]) as? Pipelines.Mark)
        #expect(mark.state == .skipped && mark.index == 3)
        let clear = try #require(try Root.parseAsRoot(["pipelines", "clear", "r", "a", "b", "--only"]) as? Pipelines.Clear)
        #expect(clear.tasks == ["a", "b"] && clear.only)
        let approve = try #require(try Root.parseAsRoot(["pipelines", "approve", "r", "t", "--note", "fine"]) as? Pipelines.Approve)
        #expect(approve.answer.note == "fine" && approve.answer.task == "t")
        let backfill = try #require(
            try Root.parseAsRoot(["pipelines", "backfill", "n", "--from", "2026-01-01", "--to", "2026-02-01", "--of", "failed", "--dry-run"])
                as? Pipelines.Backfill)
        #expect(backfill.of == .failed && backfill.dryRun && backfill.maxActiveRuns == 1)
    }

    @Test(
        "what makes no sense is a usage error",
        arguments: [
            ["run"], ["run", "n", "-p", "novalue"], ["run", "n", "--interval", "2026-01-01"], ["mark", "r", "t", "running"],
            ["backfill", "n", "--from", "2026-01-01"], ["backfill", "n", "--from", "a", "--to", "b", "--of", "some"],
            ["logs", "r", "t", "--follow", "--json"], ["status"], ["nothing", "x", "y"],
        ])
    func usage(_ arguments: [String]) {
        do {
            _ = try Root.parseAsRoot(["pipelines"] + arguments)
            Issue.record("\(arguments) was taken")
        } catch {
            #expect(Ending(error).status == 2)
        }
    }

    @Test("every command says what it does")
    func help() {
        for command in Pipelines.configuration.subcommands {
            #expect(command.configuration.abstract.hasSuffix("."), "\(command)")
            #expect(Root.helpMessage(for: command).contains("USAGE: martlet pipelines"), "\(command)")
        }
    }

    @Test("a graph is shown by levels")
    func graph() {
        let answer: JSONValue = [
            "pipeline": "nightly", "doc": "Loads", "schedule": "@daily", "next_due": nil, "paused": false, "max_active_runs": 16,
            "alerts": [["alert": 3, "kind": "deadline_passed", "pipeline": "nightly", "run": "0199", "task": "load", "time": "2026-01-31T00:00:00Z"]],
            "parameters": [["name": "word", "type": "string", "default": "hello", "doc": "What it says"]],
            "tasks": [
                task("join", after: ["train", "side"], rule: "all_done"), task("train", after: ["load"], retries: 2),
                task("side", after: ["load"], isMapped: true), task("load"), task("tell", isOnFailure: true),
            ],
        ]
        #expect(
            PipelineText.graph(answer) == """
                nightly: Loads
                schedule @daily; 16 runs at a time
                alert 2026-01-31T00:00:00Z  deadline_passed: run 0199, task load

                parameter  type    default
                word       string  hello    What it says

                level  task   kind  after        rule      retries
                    1  load   run                                0
                    2  train  run   load                         2
                    2  side   run   load                         0  one for each item
                    3  join   run   train, side  all_done        0
                fails  tell   run                                0
                """)
    }

    private func task(
        _ name: String, after: [JSONValue] = [], rule: String = "all_success", retries: Int64 = 0, isMapped: Bool = false,
        isOnFailure: Bool = false
    ) -> JSONValue {
        [
            "task": .string(name), "kind": "run", "after": .array(after), "trigger_rule": .string(rule), "retries": .int64(retries),
            "mapped": .bool(isMapped), "on_failure": .bool(isOnFailure), "doc": "",
        ]
    }

    private let failedRun: JSONValue = [
        "run": "r1", "pipeline": "nightly", "state": "failed", "cause": "manual", "actor": "user:owner", "interval": nil,
        "created": "2026-01-01T00:00:00Z", "began": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:10Z", "parameters": [:], "note": nil,
        "late": false,
        "tasks": [
            [
                "task": "load", "state": "succeeded",
                "instances": [[
                    "index": 0, "state": "succeeded", "attempt": 1, "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:05Z",
                    "reason": nil, "cached": false,
                ]],
            ],
            [
                "task": "train", "state": "failed",
                "instances": [[
                    "index": 0, "state": "failed", "attempt": 2, "started": "2026-01-01T00:00:05Z", "ended": "2026-01-01T00:00:10Z",
                    "reason": "exit code 1\nmore", "cached": false,
                ]],
            ],
            ["task": "last", "state": "upstream_failed", "instances": []],
        ],
    ]

    @Test("a run is shown with a bar for each task")
    func status() throws {
        let now = try #require(Timestamp(request: "2026-01-01T01:00:00Z"))
        #expect(
            PipelineText.run(failedRun, now: now, width: 60) == """
                run r1  nightly  failed
                manual, by user:owner, made 2026-01-01T00:00:00Z, took 10 s

                task   state            try   took
                load   succeeded          1  5.0 s  |===========           |
                train  failed             2  5.0 s  |           ===========|  exit code 1
                last   upstream_failed              |                      |
                """)
    }

    @Test("a bar stays within its room, whatever the times are")
    func bars() {
        let times = [-5, 0, 3, 50, 100, 200].map { Timestamp(microseconds: $0) }
        for room in [10, 33] {
            for start in times {
                for end in times + [nil] as [Timestamp?] {
                    for state in ["running", "succeeded"] {
                        let row = PipelineText.Row(name: "t", state: state, attempt: 1, started: start, ended: end)
                        let bar = PipelineText.bar(row, from: Timestamp(microseconds: 0), to: Timestamp(microseconds: 100), room: room)
                        #expect(bar.count == room && bar.contains { $0 != " " })
                    }
                }
            }
        }
    }

    @Test("a run's history becomes lines, and rows that a terminal shows in place")
    func progress() throws {
        var progress = RunProgress(run: failedRun)
        #expect(progress.rows.map(\.state) == ["waiting", "waiting", "waiting"])
        let lines = progress.take([
            "sequence": 7, "run": "r1",
            "records": [
                ["at": 0, "event": "began"], ["at": 0, "event": "started", "task": "load", "attempt": 1],
                ["at": 2_000_000, "event": "ended", "task": "load", "attempt": 1, "state": "succeeded"],
                ["at": 2_000_000, "event": "expanded", "task": "train", "count": 2],
                ["at": 2_000_000, "event": "started", "task": "train", "index": 1, "attempt": 1],
                ["at": 3_000_000, "event": "retrying", "task": "train", "index": 1, "attempt": 1, "reason": "exit code 1", "delay": 5_000_000],
            ],
        ])
        #expect(
            lines == [
                "1970-01-01T00:00:00Z  the run began", "1970-01-01T00:00:00Z  load runs", "1970-01-01T00:00:02Z  load succeeded after 2.0 s",
                "1970-01-01T00:00:02Z  train has 2 items", "1970-01-01T00:00:02Z  train[1] runs",
                "1970-01-01T00:00:03Z  train[1] is tried again in 5.0 s: exit code 1",
            ])
        #expect(progress.sequence == 7 && progress.end == nil)
        #expect(
            progress.lines(now: Timestamp(microseconds: 4_000_000), width: 80) == [
                "load      succeeded  2.0 s", "train     waiting", "train[1]  retrying  1.0 s  exit code 1", "last      waiting",
            ])
        #expect(progress.lines(now: Timestamp(microseconds: 0), width: 9, limit: 3) == ["load     ", "train[1] ", "… and 2 more"])
        _ = progress.take(["sequence": 8, "records": [["at": 9, "event": "finished", "state": "failed"]]])
        #expect(progress.end == "failed")
        _ = progress.take(["sequence": 9, "records": [["at": 9, "event": "cleared", "tasks": ["train"], "by": "user:owner"]]])
        #expect(progress.end == nil && progress.rows.map(\.name) == ["load", "train", "last"])
    }

    @Test("a backfill says what it makes")
    func backfill() {
        let interval: JSONValue = ["start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"]
        #expect(
            PipelineText.backfill(["pipeline": "n", "intervals": 31, "runs": 3, "preview": [interval], "backfill": nil]) == """
                it would make 3 runs of 31 intervals
                  2026-01-01T00:00:00Z  2026-01-02T00:00:00Z
                  … and 2 more
                """)
        #expect(PipelineText.backfill(["intervals": 1, "runs": 0, "preview": [], "backfill": nil]) == "nothing to run: 0 runs of 1 interval")
    }
}
