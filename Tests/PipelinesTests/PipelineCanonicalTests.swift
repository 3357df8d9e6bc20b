import MartletDefinitions
@testable import MartletPipelines
import Testing

@Suite("The canonical form of a pipeline")
struct PipelineCanonicalTests {
    static let base = """
        pipeline: p
        schedule: "@daily"
        parameters: { n: int64, s: { type: string, default: x } }
        triggers: [{ model: returns }, { stream: orders, every: 1d }]
        tasks:
          a: { run: [x, "${parameters.n + 1}"], outputs: { r: int64, f: list of string } }
          b: { train: returns, after: a, when: tasks.a.r > 0 }
          c: { promote: returns, after: [a, b] }
          d: { run: [y, "${item}"], map: tasks.a.f, after: a }
          e: { check: tasks.b.roc_auc > 0.5, after: b }
        on_failure: { z: { run: [tell] } }
        """

    private func hash(_ old: String, _ new: String) throws -> DefinitionHash {
        #expect(Self.base.contains(old), "'\(old)' is not in the text")
        return DefinitionHash(of: try Reading.pipeline(Self.base.replacing(old, with: new)).canonical)
    }

    @Test(
        "spelling, order and defaults that are written out leave no trace",
        arguments: [
            ("pipeline: p", "doc: some words\npipeline: p"), ("after: [a, b]", "after: [b, a]"), ("after: [a, b] }", "after: [b, a], doc: why }"),
            ("\"${parameters.n + 1}\"", "'${ (parameters.n)+1 }'"), ("when: tasks.a.r > 0", "when: (tasks.a.r>0)"),
            ("parameters: { n: int64,", "parameters: { n: { type: int64, doc: d },"),
            ("{ n: int64, s: { type: string, default: x } }", "{ s: { default: \"x\", type: string }, n: int64 }"),
            ("[{ model: returns }, { stream: orders, every: 1d }]", "[{ every: 24h, stream: orders }, { model: returns@champion }]"),
            ("schedule: \"@daily\"", "schedule: { cron: \"@daily\", time_zone: UTC }\ncatchup: false\nmax_active_runs: 16\nmax_active_tasks: 16\npriority: 0"),
            ("after: a, when", "after: a, trigger_rule: all_success, retries: 0, retry_delay: 10s, retry_factor: 2, retry_max_delay: 60m, retry_jitter: 0.2, needs: { cpu: 1 }, priority: 0, allow_failure: false, when"),
            ("{ promote: returns,", "{ alias: champion, promote: returns,"),
            ("outputs: { r: int64, f: list of string }", "grace: 10000ms, outputs: { f: list of string, r: int64 }"),
            ("  b: { train: returns, after: a, when: tasks.a.r > 0 }\n  c: { promote: returns, after: [a, b] }\n", "  c: { promote: returns, after: [a, b] }\n  b: { train: returns, after: a, when: tasks.a.r > 0 }\n"),
            ("check: tasks.b.roc_auc > 0.5", "check: [tasks.b.roc_auc > 0.5]"), ("tasks:\n", "defaults: { retries: 0 }\ntasks:\n"),
        ])
    func equal(old: String, new: String) throws {
        #expect(try hash(old, new) == hash(old, old))
    }

    @Test(
        "whatever changes what a run does changes it",
        arguments: [
            ("\"@daily\"", "\"@hourly\""), ("\"@daily\"", "{ every: 1d }"), ("schedule: \"@daily\"", "schedule: \"@daily\"\ntime_zone: Europe/Brussels"),
            ("schedule: \"@daily\"", "schedule: \"@daily\"\nstart: 2024-01-01"), ("schedule: \"@daily\"", "schedule: \"@daily\"\nend: 2034-01-01"),
            ("schedule: \"@daily\"", "schedule: \"@daily\"\ncatchup: true"), ("pipeline: p", "pipeline: p\nmax_active_runs: 1"),
            ("pipeline: p", "pipeline: p\nmax_active_tasks: 1"), ("pipeline: p", "pipeline: p\npriority: 1"), ("pipeline: p", "pipeline: p\ndeadline: 1h"),
            ("pipeline: p", "pipeline: p\ntimeout: 1h"), ("default: x", "default: y"), ("n: int64,", "n: int64, o: bool,"), ("every: 1d", "every: 2d"),
            ("{ model: returns }", "{ model: returns@candidate }"),
            ("[{ model: returns }", "[{ webhook: hub }, { model: returns }"), ("[x, \"${", "[x2, \"${"), ("n + 1", "n + 2"), ("\"${parameters.n + 1}\"", "\"$${parameters.n + 1}\""),
            ("after: [a, b]", "after: b"), ("r > 0", "r > 1"), ("map: tasks.a.f", "map: [u, v]"), ("[tell]", "[tell, more]"), ("b.roc_auc > 0.5", "b.roc_auc > 0.6"),
            ("{ promote: returns,", "{ promote: returns, version: 3,"), ("{ promote: returns,", "{ promote: returns, alias: candidate,"),
            ("r: int64, f", "r: float64, f"), ("  e: {", "  ee: {"), ("on_failure: { z:", "on_failure: { zz:"),
            ("after: a, when", "after: a, trigger_rule: all_done, when"), ("after: a, when", "after: a, retries: 1, when"),
            ("after: a, when", "after: a, retry_delay: 1s, when"), ("after: a, when", "after: a, retry_factor: 3, when"),
            ("after: a, when", "after: a, retry_max_delay: 2h, when"), ("after: a, when", "after: a, retry_jitter: 0, when"),
            ("after: a, when", "after: a, timeout: 1s, when"), ("after: a, when", "after: a, deadline: 1s, when"),
            ("after: a, when", "after: a, needs: { cpu: 2 }, when"), ("after: a, when", "after: a, priority: 1, when"),
            ("after: a, when", "after: a, max_active: 1, when"), ("after: a, when", "after: a, cache: 1s, when"),
            ("after: a, when", "after: a, allow_failure: true, when"), ("tasks:\n", "defaults: { retries: 1 }\ntasks:\n"),
            ("[y, \"${item}\"]", "[y, \"${item}\"], env: { A: b }"),
            ("[y, \"${item}\"]", "[y, \"${item}\"], secrets: { A: b }"),
            ("[y, \"${item}\"]", "[y, \"${item}\"], folder: f"), ("[y, \"${item}\"]", "[y, \"${item}\"], limits: { cpu: 1s }"),
            ("[y, \"${item}\"]", "[y, \"${item}\"], skip_codes: 3"), ("[y, \"${item}\"]", "[y, \"${item}\"], retry_codes: 3"),
            ("[y, \"${item}\"]", "[y, \"${item}\"], inputs: [f]"), ("[y, \"${item}\"]", "[y, \"${item}\"], grace: 1s"),
            ("[tell]", "[tell], limits: { memory: 1B }"), ("[tell]", "[tell], limits: { output: 1B }"), ("[tell]", "[tell], limits: { file_size: 1B }"),
            ("[tell]", "[tell], limits: { processes: 1 }"),
        ])
    func different(old: String, new: String) throws {
        #expect(try hash(old, new) != hash(old, old))
    }

    @Test("a group is written out: the same tasks written with full names are another pipeline only by their names")
    func groups() throws {
        let grouped = try Reading.tasks("  s: { run: [x] }\n  g: { after: s, tasks: { a: { run: [x] }, b: { run: [y], after: a } } }\n  e: { run: [x], after: g }\n")
        let other = try Reading.tasks("  s: { run: [x] }\n  g: { tasks: { b: { run: [y], after: g.a }, a: { run: [x], after: s } } }\n  e: { run: [x], after: g.b }\n")
        #expect(grouped.canonical == other.canonical)
    }

    @Test("is read back from its bytes, and shows a change by its key")
    func encoding() throws {
        let pipeline = try Reading.pipeline(Self.base)
        #expect(try CanonicalValue(encoded: pipeline.canonical.encoded) == pipeline.canonical)
        let changed = try Reading.pipeline(Self.base.replacing("after: a, when", with: "after: a, retries: 3, when"))
        let difference = DefinitionDifference(
            from: DefinitionSet([DefinedVersion(pipeline)]), to: DefinitionSet([DefinedVersion(changed)]))
        #expect(difference.description.contains("    ~ tasks.b.retries: 0 → 3\n"))
    }

    @Test("every key of a task and of a pipeline is in it or is known to be for people")
    func complete() throws {
        guard case .map(let form) = try Reading.pipeline(Self.base).canonical, case .map(let tasks)? = form["tasks"],
            case .map(let task)? = tasks["b"]
        else {
            Issue.record("no map")
            return
        }
        let forPeople: Set = ["doc"]
        let shared = PipelineDefinition.taskKeys.keys.map(\.name).filter { !forPeople.contains($0) }
        #expect(Set(shared).subtracting(task.keys) == [])
        // `start`, `end` and `catchup` stand in the schedule, defaults and on_failure in the tasks.
        let elsewhere: Set = ["doc", "pipeline", "start", "end", "catchup", "defaults", "on_failure"]
        #expect(Set(PipelineDefinition.keys.keys.map(\.name)).subtracting(elsewhere).subtracting(form.keys) == [])
    }
}
