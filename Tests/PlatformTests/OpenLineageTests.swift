import Foundation
import MartletBytes
import MartletDefinitions
import MartletFrames
@testable import MartletPipelines
@testable import MartletPlatform
import MartletPlan
import Testing

@Suite("Events of OpenLineage")
struct OpenLineageTests {
    /// Held to the specification's schemas by `Golden/check-openlineage.py`; set MARTLET_RECORD_LINEAGE to write it anew.
    static let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("Golden/openlineage-events.ndjson")

    private let start = Timestamp(microseconds: 1_767_225_600_000_000)

    private func graph() throws -> PipelineGraph {
        let text = """
            pipeline: daily
            schedule: "@daily"
            tasks:
              load: { run: [./load, "${interval.start}"], outputs: { n: int64 }, inputs: [new.csv], retries: 2 }
              each: { run: ["${tasks.load.n}"], after: load }
              ask: { approval: may it?, after: load }
              last: { run: [./last], after: [each, ask] }
            on_failure: { tell: { run: [./tell] } }
            """
        let source = ProjectSource([
            ProjectSource.File(path: "martlet.yaml", text: "project: shop\n"), ProjectSource.File(path: "pipelines/daily.yaml", text: text),
        ])
        return PipelineGraph(try #require(try ProjectPlan.check(source).pipeline("daily")))
    }

    private func events(_ records: [RunRecord], _ traces: [AttemptTrace] = [], parent: (String, String)? = nil) throws -> [JSONValue] {
        let graph = try graph()
        let facts = RunFacts(
            id: "019b76da-a800-7000-8000-000000000001", pipeline: "daily", cause: .schedule,
            interval: DataInterval(start: start - .days(1), end: start), actor: RunActor(kind: "user", id: "ada", name: "Ada"), created: start)
        let run = StoredRun(
            facts: facts, state: .succeeded, began: start, ended: start + .hours(1), source: "s", definition: "\(graph.definition.hash)",
            taskCount: 5)
        return OpenLineageEvents(
            project: "shop", root: "/srv/shop", run: run, graph: graph, parent: parent.map { (job: $0.0, id: $0.1) },
            traces: Dictionary(uniqueKeysWithValues: traces.map { ($0.id, $0) })
        ).events(records.enumerated().map { TimedRecord(start + .seconds(Int64($0)), $1) })
    }

    private let load = InstanceNumber(0)
    private let each = InstanceNumber(1)
    private let ask = InstanceNumber(2)
    private let last = InstanceNumber(3)
    private let tell = InstanceNumber(4)

    /// A run in which everything happens that can: retries, an interruption, a cancellation, and a second time over.
    private func everything() throws -> [JSONValue] {
        let run = "019b76da-a800-7000-8000-000000000001"
        func uses(_ attempt: Int, _ made: Int64?) -> AttemptTrace {
            var uses = [DataUse(.input, DataThing(.file, "new.csv", version: String(repeating: "5f", count: 32)))]
            if let made {
                uses.append(DataUse(.output, DataThing(.stream, "orders", version: "120"), rows: made))
                uses.append(DataUse(.output, DataThing(.blob, String(repeating: "ab", count: 32), version: String(repeating: "ab", count: 32)), bytes: 77))
                uses.append(DataUse(.input, DataThing(.endpoint, "churn")))
            }
            return AttemptTrace(InstanceAddress(run: run, task: "load"), attempt: attempt, pipeline: "daily", time: start, uses: uses)
        }
        return try events(
            [
                .began,
                .attempt(load, number: 1, isDeferred: false), .retrying(load, attempt: 1, reason: "it ended with exit code 75", delay: .seconds(1)),
                .attempt(load, number: 2, isDeferred: false), .interrupted(load, attempt: 2, isCounted: true),
                .attempt(load, number: 3, isDeferred: false),
                .ended(load, attempt: 3, .succeeded, InstanceEnd(result: ["n": .scalar(.int64(3))])),
                .attempt(each, number: 1, isDeferred: false), .attempt(ask, number: 1, isDeferred: true), .late(task: nil),
                .stopping(.cancelled, by: "user:ada"), .ended(each, attempt: 1, .cancelled, InstanceEnd(reason: "the run was cancelled")),
                .finished(.cancelled),
                .cleared(tasks: [1, 2, 3], by: "user:ada"), .attempt(each, number: 2, isDeferred: false), .attempt(ask, number: 2, isDeferred: true),
                .marked(ask, .succeeded, by: "user:ada"), .ended(each, attempt: 2, .failed, InstanceEnd(reason: "it ended with exit code 1")),
                .ended(last, attempt: 0, .upstreamFailed, InstanceEnd(reason: "failed before it: each")),
                .attempt(tell, number: 1, isDeferred: false), .ended(tell, attempt: 1, .succeeded, InstanceEnd()), .finished(.failed),
            ],
            [uses(1, nil), uses(3, 120)], parent: ("weekly.next", "019b76da-a800-7000-8000-000000000002"))
    }

    @Test("what happened in a run is told as recorded, and held to the specification by the script beside it")
    func golden() throws {
        let text = try everything().map { $0.description + "\n" }.joined()
        if ProcessInfo.processInfo.environment["MARTLET_RECORD_LINEAGE"] != nil {
            try text.write(to: Self.file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.file, encoding: .utf8) == text)
    }

    @Test("every run of a job has one START and, once it has ended, one end; ids are UUIDs and do not change")
    func pairs() throws {
        let events = try everything()
        var types: [String: [String]] = [:]
        for event in events { types[event["run"]?["runId"]?.string ?? "", default: []].append(event["eventType"]?.string ?? "") }
        for (id, seen) in types {
            #expect(seen.count == 2 && seen[0] == "START" && seen[1] != "START", "\(id): \(seen)")
            #expect(UUID(uuidString: id) != nil)
        }
        // Two rounds of the run; three attempts at load, two at each of each and ask, one at tell.
        #expect(types.count == 10)
        #expect(try everything() == events)
        let ends = events.filter { $0["job"]?["name"]?.string == "daily.load" && $0["eventType"]?.string != "START" }
        #expect(ends.map { $0["eventType"]?.string } == ["FAIL", "ABORT", "COMPLETE"])
        #expect(ends.map { $0["outputs"]?.array?.count } == [0, 0, 2])
        #expect(ends[2]["inputs"]?.array?.first?["name"]?.string == "/srv/shop/new.csv")
    }

    @Test("a run that is under way has no end yet")
    func underWay() throws {
        let events = try events([.began, .attempt(load, number: 1, isDeferred: false)])
        #expect(events.map { $0["eventType"]?.string } == ["START", "START"])
    }
}
