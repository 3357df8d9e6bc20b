import Foundation
import MartletFrames
@testable import MartletPipelines
import MartletSimulation
@testable import MartletStorage
import MartletWorld
import Testing

/// Many past runs. 50,000 by default; for the number that we promise, with what each costs:
///
///     MARTLET_PAST_RUNS=1000000 .build/release/martletPackageTests.xctest --testing-library swift-testing --filter PipelineHistoryScale | grep history:
///
/// On two cores with a million runs, each with its history and two things in the lineage (2.5 GB with the write-ahead log): lists and
/// searches take 0.1 to 8 ms, the start 22 ms and 0.3 MiB, a search of the lineage 0.3 ms.
@Suite("A long history of runs", .serialized)
struct PipelineHistoryScaleTests {
    static let count = ProcessInfo.processInfo.environment["MARTLET_PAST_RUNS"].flatMap { Int($0) } ?? 50_000

    /// Filters that few runs or none meet, and the usual ones.
    static let filters: [(name: String, filter: RunFilter)] = [
        ("all", RunFilter()),
        ("a pipeline", RunFilter(pipeline: "p3")),
        ("no such pipeline", RunFilter(pipeline: "nobody")),
        ("few failed", RunFilter(state: .failed)),
        ("none queued", RunFilter(state: .queued)),
        ("a pipeline, none cancelled", RunFilter(pipeline: "p3", state: .cancelled)),
        ("a pipeline, few failed", RunFilter(pipeline: "p0", state: .failed)),
        ("a backfill", RunFilter(backfill: "b1")),
        ("no such backfill", RunFilter(backfill: "nothing")),
        ("a backfill of another pipeline", RunFilter(pipeline: "p3", backfill: "b0")),
        ("a backfill, none failed", RunFilter(state: .failed, backfill: "b1")),
        ("a backfill of another pipeline, none queued", RunFilter(pipeline: "p3", state: .queued, backfill: "b0")),
        ("a pipeline, before all", RunFilter(pipeline: "p3", until: Timestamp(microseconds: 1_000_000))),
        ("few failed, of a middle hour", RunFilter(state: .failed, since: middle, until: middle + .hours(1))),
        ("a pipeline, of a middle hour", RunFilter(pipeline: "p3", since: middle, until: middle + .hours(1))),
        ("after all", RunFilter(since: start + .days(10_000))),
        ("a page deep in the past", RunFilter(before: PipelineTables.firstID(at: start + .minutes(500)))),
        ("of a pipeline, deep in the past", RunFilter(pipeline: "p3", before: PipelineTables.firstID(at: start + .minutes(600)))),
        ("a pipeline and state, deep in the past", RunFilter(pipeline: "p3", state: .succeeded, before: PipelineTables.firstID(at: start + .minutes(600)))),
    ]

    /// Lists and searches take less at any length of the past; checked at the full number, where a slow machine is told from a bad plan.
    private static let bound = Duration.milliseconds(50)

    static let start = Timestamp(microseconds: 1_600_000_000_000_000)
    static let middle = start + .minutes(Int64(count / 2))

    @Test("lists are found by an index whatever the filter, and old runs are deleted a bounded number at a time")
    func history() throws {
        let store = try PipelineDatabase()
        let clock = ContinuousClock()
        let begin = clock.now
        try store.database.write { transaction in
            // One run a minute of ten pipelines; one in 5,000 failed; one in 1,000 of p0 belongs to one of ten backfills.
            try transaction.execute(
                """
                INSERT INTO pipelines_runs (id, pipeline, state, cause, interval_start, interval_end, parameters, actor_kind, actor_id,
                    actor_name, created, began, ended, source, definition, tasks, backfill)
                WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < \(Self.count))
                SELECT substr(printf('%012x', 1600000000000 + n * 60000), 1, 8) || '-' || substr(printf('%012x', 1600000000000 + n * 60000), 9)
                        || printf('-7000-8000-%012x', n),
                    'p' || (n % 10), CASE WHEN n % 5000 = 0 THEN 'failed' ELSE 'succeeded' END, 'manual', n * 60000000, n * 60000000 + 60000000,
                    '{}', 'user', 'ada', 'Ada', 1600000000000000 + n * 60000000, 1600000000000000 + n * 60000000,
                    1600000000000000 + n * 60000000 + 30000000, 's', 'd', 1, CASE WHEN n % 1000 = 0 THEN 'b' || (n / 1000 % 10) END
                FROM numbers
                """)
            try transaction.execute(
                """
                INSERT INTO pipelines_history (run, records) SELECT id, '[{"at":1,"event":"began"},{"at":1,"event":"started","task":"a","attempt":1},'
                    || '{"at":2,"event":"ended","task":"a","attempt":1,"state":"succeeded"},{"at":2,"event":"finished","state":"succeeded"}]'
                FROM pipelines_runs ORDER BY id
                """)
            // Each run reads a file and writes past a position; one in 1,000 makes a model.
            try transaction.execute(
                "INSERT INTO pipelines_traces (run, task, item, attempt, pipeline, time) SELECT id, 'a', 0, 1, pipeline, ended FROM pipelines_runs")
            try transaction.execute(
                """
                INSERT INTO pipelines_uses (run, task, item, attempt, direction, kind, name, version)
                SELECT id, 'a', 0, 1, 'input', 'file', 'new.csv', id FROM pipelines_runs
                UNION ALL SELECT id, 'a', 0, 1, 'output', 'stream', 'orders', created / 60000000 FROM pipelines_runs
                UNION ALL SELECT id, 'a', 0, 1, 'output', 'model', 'm', created / 60000000 FROM pipelines_runs WHERE created / 60000000 % 1000 = 0
                """)
        }
        print("history: \(Self.count) runs made in \(clock.now - begin)")
        for (name, filter) in Self.filters {
            let plan = try store.database.read {
                try $0.rows("EXPLAIN QUERY PLAN " + PipelineTables.list(filter, limit: 50)).map { try $0.value("detail", as: String.self) }
            }
            let steps = plan.joined(separator: "; ")
            // The rows of the table as it lies are read only where no filter but time is left.
            #expect(!steps.contains("SCAN") || name == "all", "\(name): \(steps)")
            #expect(!steps.contains("TEMP B-TREE"), "\(name): \(steps)")
            if filter.backfill != nil { #expect(steps.contains("pipelines_runs_by_backfill"), "\(name): \(steps)") }
            let begin = clock.now
            let found = try store.database.read { try store.tables.runs(filter, limit: 50, $0) }
            let took = clock.now - begin
            print("history: \(name): \(found.count) found in \(took)")
            if Self.count >= 1_000_000 { #expect(took < Self.bound, "\(name): \(took)") }
            let isNone = name.contains("no such") || name.contains("none") || name.contains("another") || name.contains("before all") || name.contains("after all")
            #expect(found.isEmpty == isNone, "\(name)")
        }
        func timed<Answer>(_ name: String, _ body: () throws -> Answer) rethrows -> Answer {
            let begin = clock.now
            let answer = try body()
            let took = clock.now - begin
            print("history: \(name): \(took)")
            if Self.count >= 1_000_000 { #expect(took < Self.bound, "\(name): \(took)") }
            return answer
        }
        let middle = Timestamp(microseconds: Int64(Self.count / 2) * 60_000_000)
        let states = try timed("the states of 1,000 intervals of a pipeline") {
            try store.database.read { try store.tables.states(pipeline: "p3", intervalsFrom: middle, to: middle + .minutes(10_000), $0) }
        }
        #expect(states.count == 1_000)
        let events = try timed("100 events after a number") {
            try store.database.read { try store.tables.history(after: Int64(Self.count / 2), run: nil, limit: 100, $0) }
        }
        #expect(events.count == 100)
        let last = Self.start.microseconds / 60_000_000 + Int64(Self.count / 2 / 1_000 * 1_000)
        let past = last - last % 1_000
        for (thing, direction, count) in [
            (DataThing(.model, "m", version: "\(past)"), DataUse.Direction.output, 1), (DataThing(.model, "m"), .output, 20),
            (DataThing(.stream, "orders"), .output, 20), (DataThing(.file, "new.csv"), .input, 20), (DataThing(.file, "none"), .input, 0),
        ] {
            let found = try timed("lineage: \(direction.rawValue) of \(thing)") {
                try store.database.read { try store.tables.attempts(direction, of: thing, limit: 20, $0) }
            }
            #expect(found.count == count, "\(thing)")
        }
        try opening(store, clock)
        try retention(store, clock)
    }

    /// What a server does before it serves: it takes the store over and looks for what has not ended.
    private func opening(_ store: PipelineDatabase, _ clock: ContinuousClock) throws {
        let before = Self.residentBytes
        let begin = clock.now
        let service = try PipelineService(
            database: store.database,
            world: World(clock: SystemClock(), random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1)), executor: FakeExecutor(),
            graph: { _, _ in nil })
        let took = clock.now - begin
        print("history: the start: \(took), \((Self.residentBytes - before) / 1_024) KiB more memory; the file: \(try store.size >> 20) MiB")
        #expect(service.look { $0.runIDs }.isEmpty)
        if Self.count >= 1_000_000 { #expect(took < Self.bound) }
    }

    /// Turns that delete 20 runs each, ten to a round of upkeep; and one that finds nothing to do.
    private func retention(_ store: PipelineDatabase, _ clock: ContinuousClock) throws {
        var deleted = 0
        var slowest = Duration.zero
        for _ in 0..<100 {
            try store.database.write { transaction in
                for run in try store.tables.runsWithFiles(endedBefore: Self.middle, limit: 20, transaction) {
                    try store.tables.removedFiles(of: run, transaction)
                }
            }
            let middle = clock.now
            deleted += try store.database.write {
                try store.tables.deleteRuns(endedBefore: Self.middle, keepingKeysThatEnd: ":release 1", limit: 20, $0)
            }.count
            slowest = max(slowest, clock.now - middle)
        }
        print("history: 20 runs deleted in at most \(slowest)")
        if Self.count >= 1_000_000 { #expect(slowest < Self.bound) }
        #expect(deleted == 2_000)
        let begin = clock.now
        let none = try store.database.write {
            try store.tables.deleteRuns(endedBefore: Self.start, keepingKeysThatEnd: ":release 1", limit: 200, $0)
        }
        print("history: nothing to delete: \(clock.now - begin)")
        #expect(none.isEmpty)
        let left = try store.database.read { try $0.row("SELECT COUNT(*) AS n FROM pipelines_history")?.value("n", as: Int.self) }
        #expect(left == Self.count - 2_000)
    }

    private static var residentBytes: Int {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return (pages ?? 0) * 4_096
    }
}
