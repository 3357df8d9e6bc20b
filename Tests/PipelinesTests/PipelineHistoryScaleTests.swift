import Foundation
import MartletFrames
@testable import MartletPipelines
@testable import MartletStorage
import Testing

/// Many past runs. 50,000 by default; `MARTLET_PAST_RUNS=1000000` for the number that we promise, which takes a while to make.
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
    ]

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
                INSERT INTO pipelines_history (run, records) SELECT id, '[{"at":1,"event":"began"}]' FROM pipelines_runs ORDER BY id LIMIT 20000
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
            print("history: \(name): \(found.count) found in \(clock.now - begin)")
            let isNone = name.contains("no such") || name.contains("none") || name.contains("another") || name.contains("before all") || name.contains("after all")
            #expect(found.isEmpty == isNone, "\(name)")
        }
        let began = clock.now
        let ids = try store.database.write { transaction in
            let ended = try store.tables.runsWithFiles(endedBefore: Self.middle, limit: 1_000, transaction)
            for run in ended { try store.tables.removedFiles(of: run, transaction) }
            return try store.tables.deleteRuns(endedBefore: Self.middle, keepingKeysThatEnd: ":release 1", limit: 1_000, transaction)
        }
        print("history: 1,000 of many old runs deleted in \(clock.now - began)")
        #expect(ids.count == 1_000)
        let left = try store.database.read { try $0.row("SELECT COUNT(*) AS n FROM pipelines_history")?.value("n", as: Int.self) }
        #expect(left == 19_000)
    }
}
