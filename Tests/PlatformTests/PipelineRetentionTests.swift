import Foundation
import MartletAccess
import MartletBytes
import MartletFrames
import MartletPipelines
import MartletPlatform
import MartletSimulation
import Testing

@Suite("What pipelines leave behind", .timeLimit(.minutes(2)))
struct PipelineRetentionTests {
    private let pipelines = PipelineTests()

    private func fixture(_ clock: VirtualClock, _ retention: String, limits: Platform.Limits = .init()) async throws -> PlatformFixture {
        let fixture = try await PlatformFixture(
            files: [
                "martlet.yaml": "project: works\npools: { cpu: 4 }\nretention: \(retention)\n",
                "pipelines/all.yaml": """
                pipeline: p
                tasks: { a: { check: 1 < 2 } }
                ---
                pipeline: once
                tasks: { a: { check: 1 < 2 } }
                ---
                pipeline: asks
                tasks: { a: { check: 1 < 2 }, may: { approval: May it?, after: a } }
                ---
                pipeline: fails
                tasks: { a: { check: 1 > 2 } }
                ---
                pipeline: daily
                schedule: "@daily"
                tasks: { a: { check: 1 < 2 } }
                ---
                pipeline: caches
                tasks: { a: { run: ["true"], cache: 10d } }
                ---
                pipeline: prints
                tasks: { a: { run: [echo, a] }, b: { run: [echo, b] }, c: { run: [echo, c] } }
                ---
                pipeline: makes
                tasks: { a: { run: [sh, -c, 'printf ''{"n": 1}'' > "$MARTLET_RESULT"'], outputs: { n: int64 } } }
                """,
            ], limits: limits, clock: clock)
        try await fixture.apply()
        try await fixture.platform.startPipelines(schedules: false)
        return fixture
    }

    private func runs(_ fixture: PlatformFixture) throws -> Set<String> {
        let page = try fixture.platform.pipelineRuns(RunFilter(), limit: 1_000, scope: fixture.scope(.pipelinesRead, .pipeline))
        return Set(page.runs.compactMap { $0["run"]?.string })
    }

    private func history(_ fixture: PlatformFixture, after sequence: Int64 = 0) throws -> [(sequence: Int64, run: String)] {
        try fixture.platform.pipelineHistory(run: nil, after: sequence, limit: 10_000, scope: fixture.scope(.pipelinesRead, .pipeline)).items
            .map { ($0["sequence"]?.int64 ?? 0, $0["run"]?.string ?? "") }
    }

    private func names(_ folder: String, _ fixture: PlatformFixture) -> Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: fixture.folder + "/.martlet/pipelines/" + folder)) ?? [])
    }

    private func id(_ run: JSONValue) throws -> String { try #require(run["run"]?.string) }

    @Test("logs, then runs go when they are kept no longer; not what is under way, nor the newest of a pipeline; numbers do not recur")
    func spans() async throws {
        let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        let fixture = try await fixture(clock, "{ runs: 10d, logs: 2d }")
        let first = try id(try await pipelines.run("p", on: fixture))
        let once = try id(try await pipelines.run("once", on: fixture))
        let waiting = try id(
            try await fixture.platform.runPipeline(
                "asks", parameters: nil, interval: nil, key: nil, note: nil, requestID: nil,
                scope: fixture.scope(.pipelinesRun, .pipeline, "asks")))
        _ = try await pipelines.state(of: waiting, on: fixture) { pipelines.states($0)["may"] == "deferred" }
        clock.advance(by: .days(1) + .hours(12))
        let second = try id(try await pipelines.run("p", on: fixture))
        try await fixture.platform.maintain()
        #expect(names("logs", fixture) == [first, once, waiting, second])

        clock.advance(by: .days(1))
        try await fixture.platform.maintain()
        #expect(names("logs", fixture) == [waiting, second])
        #expect(try runs(fixture) == [first, once, waiting, second])

        clock.advance(by: .days(8))
        try await fixture.platform.maintain()
        #expect(names("logs", fixture) == [waiting])
        #expect(try runs(fixture) == [once, waiting, second])
        #expect(throws: PlatformError.self) { try fixture.platform.pipelineRun(first, scope: fixture.scope(.pipelinesRead, .pipeline)) }
        #expect(try !history(fixture).contains { $0.run == first })

        // The second is the newest of its pipeline until there is a third, and what happened last is its.
        clock.advance(by: .days(20))
        try await fixture.platform.maintain()
        #expect(try runs(fixture) == [once, waiting, second])
        let newest = try #require(try history(fixture).map(\.sequence).max())
        let third = try id(try await pipelines.run("p", on: fixture))
        try await fixture.platform.maintain()
        #expect(try runs(fixture) == [once, waiting, third])
        #expect(try history(fixture, after: newest).allSatisfy { $0.run == third })

        // What waited all the time goes on, over a restart too.
        try await fixture.restart()
        try await fixture.platform.startPipelines(schedules: false)
        try await fixture.platform.decidePipelineApproval(
            run: waiting, task: "may", index: 0, approved: true, note: nil, requestID: nil, scope: fixture.scope(.pipelinesApprove, .pipeline))
        #expect(try await pipelines.end(of: waiting, on: fixture)["state"]?.string == "succeeded")
        try await fixture.platform.close()
    }

    @Test("a round removes a bounded number, and the next goes on; what was kept for ever stays")
    func bounded() async throws {
        let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        var limits = Platform.Limits()
        limits.pastRuns = 2
        let fixture = try await fixture(clock, "{ runs: 1h, logs: forever }", limits: limits)
        for _ in 0..<6 { _ = try await pipelines.run("p", on: fixture) }
        clock.advance(by: .hours(2))
        for left in [4, 2, 1, 1] {
            try await fixture.platform.maintain()
            #expect(try runs(fixture).count == left)
        }
        try fixture.write("project: works\npools: { cpu: 4 }\nretention: { runs: forever }\n", to: "martlet.yaml")
        try await fixture.apply()
        _ = try await pipelines.run("p", on: fixture)
        clock.advance(by: .days(30_000))
        try await fixture.platform.maintain()
        #expect(try runs(fixture).count == 2)
        #expect(names("logs", fixture).isEmpty)
        try await fixture.platform.close()
    }

    @Test("alerts and backfills go with the runs; a result stays for as long as a task may take it")
    func others() async throws {
        let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        let fixture = try await fixture(clock, "{ runs: 2d }")
        let platform = fixture.platform
        func alerts() throws -> [String?] {
            try platform.pipelineAlerts(pipeline: nil, before: nil, limit: 100, scope: fixture.scope(.pipelinesRead, .pipeline)).alerts
                .map { $0["run"]?.string }
        }
        func backfills() throws -> [JSONValue] { try platform.backfillList(limit: 100, scope: fixture.scope(.pipelinesRead, .pipeline)) }
        _ = try await pipelines.run("fails", on: fixture)
        _ = try await pipelines.run("caches", on: fixture)
        let now = clock.now()
        _ = try await platform.backfillPipeline(
            "daily", from: now - .days(3), to: now, of: .all, maxActiveRuns: 4, newestFirst: false, dryRun: false, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, "daily"))
        while try backfills().first?["state"]?.string == "running" {
            try await platform.checkPipelines()
            await Task.yield()
        }
        clock.advance(by: .days(3))
        let newest = try id(try await pipelines.run("fails", on: fixture))
        _ = try await pipelines.run("daily", on: fixture)
        #expect(try alerts().count == 2 && backfills().count == 1)
        // Files, runs and what hangs on them go one after the other.
        for _ in 0..<3 { try await platform.maintain() }
        #expect(try alerts() == [newest])
        #expect(try backfills().isEmpty)
        let again = try await pipelines.run("caches", on: fixture)
        #expect(again["tasks"]?.array?.first?["instances"]?.array?.first?["cached"]?.bool == true)
        try await platform.close()
    }

    @Test("the run that answers the release in force stays, so that no start of the server answers it again; then it goes too")
    func answers() async throws {
        let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        let fixture = try await PlatformFixture(
            files: [
                "martlet.yaml": "project: works\nretention: { runs: 2d }\n",
                "streams/s.yaml": "stream: s\nevent_time: at\nunique: id\nfields: { id: string, at: timestamp, x: float64, y: float64 }\n",
                "features/v.yaml": "feature_view: v\nsource: s\nderive: { x: x }\n",
                "models/m.yaml": """
                model: m
                task: regression
                from: s
                label: y
                features: [v.*]
                split: { train: 50%, test: 50% }
                trainer: { kind: xgboost, rounds: 2, max_depth: 2, seed: 1 }
                metrics: [rmse]
                """,
                "pipelines/follows.yaml": "pipeline: follows\ntriggers: { model: m }\ntasks: { a: { check: 1 < 2 } }\n",
            ], clock: clock)
        try await fixture.apply()
        let rows = (0..<40).map { "\($0),2023-01-01T00:00:\($0 < 10 ? "0" : "")\($0)Z,\($0 % 5).5,\($0 % 5)\n" }.joined()
        _ = try await fixture.ingest("id,at,x,y\n" + rows, into: "s")
        try await fixture.platform.startPipelines(schedules: true)
        for _ in 0..<2 { _ = try await fixture.platform.train("m", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "m")) }
        /// The runs that the release of a version has started.
        func promote(_ version: Int) async throws -> String {
            let before = try runs(fixture)
            _ = try await fixture.platform.promote(
                "m", version: version, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "m"))
            let started = try runs(fixture).subtracting(before)
            #expect(started.count == 1)
            let run = try #require(started.first)
            #expect(try await pipelines.end(of: run, on: fixture)["cause"]?.string == "data")
            return run
        }
        func maintain() async throws { for _ in 0..<3 { try await fixture.platform.maintain() } }

        let answer = try await promote(1)
        clock.advance(by: .days(3))
        // Whoever asks for a run may give it a key that looks like one of a release.
        let named = try await fixture.platform.runPipeline(
            "follows", parameters: nil, interval: nil, key: "mine:release 2", note: nil, requestID: nil,
            scope: fixture.scope(.pipelinesRun, .pipeline, "follows"))
        _ = try await pipelines.end(of: id(named), on: fixture)
        clock.advance(by: .days(3))
        let newest = try id(try await pipelines.run("follows", on: fixture))
        try await maintain()
        #expect(try runs(fixture) == [answer, newest])
        for _ in 0..<2 {
            try await fixture.restart()
            try await fixture.platform.startPipelines(schedules: true)
            #expect(try runs(fixture) == [answer, newest])
        }

        // Of two releases that moved the alias it is the one in force whose run stays.
        let next = try await promote(2)
        try await maintain()
        #expect(try runs(fixture) == [newest, next])
        clock.advance(by: .days(3))
        let last = try id(try await pipelines.run("follows", on: fixture))
        try await maintain()
        #expect(try runs(fixture) == [next, last])
        try await fixture.platform.close()
    }

    @Test("a run with more files than one round removes is kept until all are gone")
    func manyFiles() async throws {
        let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        var limits = Platform.Limits()
        limits.pastFiles = 1
        let fixture = try await fixture(clock, "{ runs: 1h }", limits: limits)
        let first = try id(try await pipelines.run("prints", on: fixture))
        clock.advance(by: .hours(2))
        let second = try id(try await pipelines.run("prints", on: fixture))
        try await fixture.platform.maintain()
        #expect(try runs(fixture) == [first, second] && names("logs", fixture) == [first, second])
        for _ in 0..<30 where names("logs", fixture).contains(first) {
            #expect(try runs(fixture).contains(first))
            try await fixture.platform.maintain()
        }
        for _ in 0..<3 { try await fixture.platform.maintain() }
        #expect(names("logs", fixture) == [second])
        #expect(try runs(fixture) == [second])
        try await fixture.platform.close()
    }

    @Test("folders of attempts go with the run's end")
    func work() async throws {
        let fixture = try await fixture(VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000)), "{ runs: 1h }")
        let done = try await pipelines.run("makes", on: fixture)
        #expect(done["state"]?.string == "succeeded")
        _ = try await pipelines.state(of: id(done), on: fixture) { _ in names("work", fixture).isEmpty }
        try await fixture.platform.close()
    }
}
