import MartletFrames
@testable import MartletPipelines
import MartletSimulation
@testable import MartletStorage
import MartletWorld
import Synchronization
import Testing

@Suite("The service of pipelines")
struct PipelineServiceTests {
    let store: PipelineDatabase
    let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
    let graph: PipelineGraph
    static let ada = RunActor(kind: "user", id: "ada", name: "Ada")

    init() throws {
        store = try PipelineDatabase()
        graph = PipelineGraph(
            try Reading.pipeline(
                "pipeline: p\ntasks: { a: { run: [x], retries: 1, retry_delay: 1m, retry_jitter: 0 }, b: { run: [x], after: a } }"))
    }

    /// A service that turns when it is told to, with the pipeline in force.
    private func service(_ database: any Database, _ executor: FakeExecutor) async throws -> PipelineService {
        let world = World(clock: clock, random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        let graph = graph
        let service = try PipelineService(database: database, world: world, executor: executor) { _, name in name == "p" ? graph : nil }
        try await turning(service) { try await service.configure([.init(graph, source: "s", actor: Self.ada)], pools: ["cpu": 8]) }
        return service
    }

    @discardableResult
    private func run(_ service: PipelineService) async throws -> String {
        try await turning(service) {
            try await service.ask { scheduler, now, turn throws(SchedulerError) in
                try scheduler.request(.init("p", cause: .manual, actor: Self.ada), at: now, &turn)
            }
        }
    }

    private func stored(_ run: String) throws -> StoredRun? { try store.database.read { try store.tables.run(run, $0) } }

    @Test("two requests with one key give one run, also once that has ended and is known by the store alone")
    func keys() async throws {
        let executor = FakeExecutor()
        let service = try await service(store.database, executor)
        let request = Scheduler.Request("p", cause: .manual, actor: Self.ada, requestKey: "k")
        let first = try await turning(service) { try await service.request(request) }
        #expect(try await turning(service) { try await service.request(request) } == first)
        try await turning(service) {
            try await service.ask { scheduler, now, turn throws(SchedulerError) in
                try scheduler.cancel(run: first, by: "ada", at: now, &turn)
            }
        }
        while service.look({ $0.run(first) != nil }) {
            executor.end("p a#1", .failed(reason: "ended"))
            service.turn()
        }
        #expect(try await turning(service) { try await service.request(request) } == first)
        #expect(service.look { $0.runIDs } == [])
    }

    @Test("a request is answered once it is stored, and only then does anything start")
    func order() async throws {
        let executor = FakeExecutor()
        let seen = Shared<[String]>([])
        let database = FaultyDatabase(store.database) { _ in seen.withLock { $0.append("write after \(executor.log.count) effects") } }
        let service = try await service(database, executor)
        let run = try await run(service)
        #expect(try stored(run)?.state == .running)
        #expect(executor.log == ["starts p a#1"])
        #expect(seen.withLock { $0.last } == "write after 0 effects")
        executor.end("p a#1")
        // Nothing is decided until the next turn.
        #expect(executor.log == ["starts p a#1"])
        service.turn()
        #expect(executor.log == ["starts p a#1", "starts p b#1"])
        executor.end("p b#1")
        service.turn()
        #expect(executor.log.last == "run succeeded")
        #expect(try stored(run)?.state == .succeeded)
    }

    @Test("many reports share one commit")
    func groups() async throws {
        let executor = FakeExecutor()
        let database = FaultyDatabase(store.database)
        let service = try await service(database, executor)
        for _ in 0..<8 { try await run(service) }
        #expect(executor.log.count == 8)
        let before = database.writes
        for _ in 0..<8 { #expect(executor.end("p a#1")) }
        service.turn()
        #expect(database.writes == before + 1)
        #expect(executor.log.suffix(8) == Array(repeating: "starts p b#1", count: 8)[...])
    }

    @Test("what an attempt read and made is stored with its end, once, and not where the end was no news")
    func traces() async throws {
        let executor = FakeExecutor()
        let file = DataThing(.file, "new.csv", version: "5f")
        let uses = [DataUse(.input, file), DataUse(.output, DataThing(.stream, "orders", version: "7"), rows: 3)]
        executor.state.withLock { $0.uses = uses }
        let database = FaultyDatabase(store.database)
        let service = try await service(database, executor)
        let run = try await run(service)
        func traces() throws -> [AttemptTrace] { try store.database.read { try store.tables.traces(ofRun: run, $0) } }
        executor.end("p a#1", .failed(reason: "no"))
        service.turn()
        clock.advance(by: .minutes(1))
        service.turn()
        database.fail([.full])
        executor.end("p a#2")
        service.turn()
        let address = InstanceAddress(run: run, task: "a")
        #expect(try traces().map(\.attempt) == [1, 2])
        #expect(try traces().allSatisfy { $0.address == address && $0.pipeline == "p" && Set($0.uses) == Set(uses) })
        // An end that is told twice is no news the second time, whatever it says then.
        executor.state.withLock { $0.uses = [] }
        let report = try #require(executor.state.withLock { $0.reports.first { $0.name == "p b#1" }?.report })
        report(.succeeded([:]))
        service.turn()
        executor.state.withLock { $0.uses = uses }
        report(.succeeded([:]))
        service.turn()
        #expect(try traces().count == 2)
        // Nobody waits for what is said of the first attempt now.
        service.tell { scheduler, now, turn in
            if scheduler.report(run: run, InstanceNumber(0), attempt: 1, .succeeded([:]), at: now, &turn) { Issue.record("it was news") }
        }
        service.turn()
        #expect(try traces().count == 2)
        #expect(try store.database.read { try store.tables.attempts(.input, of: file, limit: 9, $0) }.map(\.attempt).sorted() == [1, 2])
    }

    @Test("what ended is counted by pipeline, kind and outcome, with how long it took; what waits is told")
    func figures() async throws {
        let executor = FakeExecutor()
        let service = try await service(store.database, executor)
        let runs = [try await run(service), try await run(service), try await run(service)]
        #expect(service.figures.runsUnderWay == 3 && service.figures.attemptsUnderWay == 3)
        clock.advance(by: .seconds(2))
        executor.end("p a#1", .failed(reason: "no"))
        executor.end("p a#1", .skipped(reason: "nothing"))
        executor.end("p a#1", .cached([:]))
        service.turn()
        executor.end("p b#1")
        service.turn()
        let cancelled = runs[0]
        try await turning(service) {
            try await service.ask { scheduler, now, turn throws(SchedulerError) in
                try scheduler.cancel(run: cancelled, by: "ada", at: now, &turn)
            }
        }
        let counts = service.figures.counts
        #expect(counts.attempts == [
            .init(kind: "run", outcome: .retried): 1, .init(kind: "run", outcome: .skipped): 1, .init(kind: "run", outcome: .cached): 1,
            .init(kind: "run", outcome: .succeeded): 1,
        ])
        #expect(counts.runs == [.init(pipeline: "p", state: .succeeded): 2, .init(pipeline: "p", state: .cancelled): 1])
        let durations = try #require(counts.durations["run"])
        #expect(durations.count == 4 && durations.seconds == 6)
        #expect(durations.counts[PipelineCounts.Durations.bounds.firstIndex(of: 5) ?? 0] == 3 && durations.counts[0] == 1)
        #expect(service.figures.runsUnderWay == 0 && counts.turns > 5)
    }

    @Test("an alert is stored with what it tells of, in pages, and goes when it is old, the newest aside")
    func alerts() async throws {
        let executor = FakeExecutor()
        let service = try await service(store.database, executor)
        for number in 0..<3 {
            let run = try await run(service)
            executor.end("p a#1", .failed(reason: "no", isRetryable: false))
            service.turn()
            #expect(try alerts(nil).map(\.alert.run).first == run)
            #expect(try alerts(nil).count == number + 1)
            clock.advance(by: .hours(1))
        }
        let all = try alerts(nil)
        #expect(all.map(\.alert.kind) == [.runFailed, .runFailed, .runFailed])
        #expect(all.allSatisfy { $0.alert.pipeline == "p" && $0.alert.task == "a" })
        #expect(try alerts("p") == all && alerts("q") == [])
        #expect(try store.database.read { try store.tables.alerts(pipeline: "p", before: all[0].sequence, limit: 1, $0) } == [all[1]])
        func delete(_ limit: Int) throws -> Int {
            try store.database.write { try store.tables.deleteAlerts(before: clock.now(), limit: limit, $0) }
            return try alerts(nil).count
        }
        try store.database.write { try store.tables.deleteAlerts(before: all[2].alert.time, limit: 100, $0) }
        #expect(try alerts(nil) == all)
        #expect(try delete(1) == 2)
        #expect(try delete(100) == 1)
        #expect(try alerts(nil) == [all[0]])
    }

    private func alerts(_ pipeline: String?) throws -> [StoredAlert] {
        try store.database.read { try store.tables.alerts(pipeline: pipeline, before: nil, limit: 100, $0) }
    }

    @Test("an attempt that only waits is counted when its run is stopped or a person says how it ended; of too many pipelines some are not")
    func counts() throws {
        let now = Timestamp(microseconds: 1)
        let waits = PipelineGraph(
            try Reading.pipeline("pipeline: p\ntasks: { a: { approval: \"go?\" }, b: { run: [x] }, c: { run: [x] } }"))
        var turn = Turn()
        turn.graphs["r"] = waits
        for task in 0..<3 {
            turn.records.append(("r", TimedRecord(now, .attempt(InstanceNumber(task), number: 1, isDeferred: waits.nodes[task].task.name == "a"))))
        }
        let ran = InstanceNumber(try #require(waits.number(of: "b")))
        turn.records.append(("r", TimedRecord(now, .marked(ran, .succeeded, by: "ada"))))
        turn.records.append(("r", TimedRecord(now, .stopping(.cancelled, by: "ada"))))
        var counts = PipelineCounts()
        counts.add(turn, at: .zero)
        #expect(counts.attempts == [.init(kind: "approval", outcome: .cancelled): 1, .init(kind: "run", outcome: .cancelled): 1])

        var many = Turn()
        for number in 0...PipelineCounts.pipelineLimit {
            let graph = PipelineGraph(try Reading.pipeline("pipeline: p\(number)\ntasks: { a: { run: [x] } }"))
            many.graphs["r\(number)"] = graph
            many.runStates.append(.init(run: "r\(number)", state: .succeeded, began: now, ended: now))
        }
        counts.add(many, at: .zero)
        counts.add(many, at: .zero)
        #expect(counts.runs.count == PipelineCounts.pipelineLimit && counts.runs.values.allSatisfy { $0 == 2 })
    }

    @Test("what comes in is done in its order, and who follows is told once of each turn that is stored")
    func following() async throws {
        let service = try await service(store.database, FakeExecutor())
        let told = Shared(0)
        let number = service.follow { told.withLock { $0 += 1 } }
        let done = Shared<[Int]>([])
        for item in 0..<5 { service.tell { _, _, _ in done.withLock { $0.append(item) } } }
        service.turn()
        #expect(done.withLock { $0 } == [0, 1, 2, 3, 4])
        #expect(told.withLock { $0 } == 0)
        try await run(service)
        #expect(told.withLock { $0 } == 1)
        service.unfollow(number)
        try await run(service)
        #expect(told.withLock { $0 } == 1)
    }

    @Test("a run that is not there is asked nothing about; one that ended is")
    func unknown() async throws {
        let executor = FakeExecutor()
        let service = try await service(store.database, executor)
        let run = try await run(service)
        executor.end("p a#1", .failed(reason: "no", isRetryable: false))
        service.turn()
        #expect(service.look { $0.run(run) == nil })
        #expect(try await turning(service) { try await service.ask(aboutRun: run) { _, _, _ throws(SchedulerError) in 7 } } == 7)
        await #expect(throws: SchedulerError.self) {
            try await turning(service) { try await service.ask(aboutRun: "nothing") { _, _, _ throws(SchedulerError) in 7 } }
        }
    }

    @Test("a pipeline that was paused is so when the store is opened again")
    func pausing() async throws {
        let first = try await service(store.database, FakeExecutor())
        try await turning(first) {
            try await first.ask { scheduler, now, turn throws(SchedulerError) in
                try scheduler.setPaused(true, "p", by: "ada", at: now, &turn)
            }
        }
        let second = try await service(store.database, FakeExecutor())
        #expect(second.look { $0.isPaused("p") })
    }

    @Test("a schedule and a backfill go on where they were when the store is opened again")
    func goingOn() async throws {
        let hourly = PipelineGraph(
            try Reading.pipeline("pipeline: p\nschedule: { every: 1h }\ncatchup: true\ntasks: { a: { run: [x] } }"))
        func open(_ executor: FakeExecutor) async throws -> PipelineService {
            let world = World(clock: clock, random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
            let service = try PipelineService(database: store.database, world: world, executor: executor) { _, _ in hourly }
            try await turning(service) { try await service.configure([.init(hourly, source: "s", actor: Self.ada)], pools: [:]) }
            return service
        }
        func runs(_ cause: RunCause) throws -> [StoredRun] {
            try store.database.read { try store.tables.runs(RunFilter(), limit: 100, $0) }.filter { $0.facts.cause == cause }
        }
        let first = try await open(FakeExecutor())
        let past = try Turns.at("2023-01-01")
        let backfill = Backfill(
            id: Turns.id(1, past), pipeline: "p", actor: Self.ada, created: past,
            intervals: (0..<2).map { DataInterval(start: past + .hours($0), end: past + .hours($0 + 1)) }, maxActiveRuns: 1)
        try await turning(first) {
            try await first.ask { scheduler, now, turn throws(SchedulerError) in try scheduler.add(backfill, at: now, &turn) }
        }
        #expect(try runs(.backfill).count == 1 && runs(.schedule).isEmpty)
        clock.advance(by: .hours(3))
        let executor = FakeExecutor()
        let second = try await open(executor)
        second.turn()
        // The hours that have passed since the first opening.
        let scheduled = try runs(.schedule).count
        #expect((2...3).contains(scheduled), "\(scheduled)")
        #expect(executor.end("p a#2"))
        second.turn()
        #expect(try runs(.backfill).map(\.facts.interval?.start) == [past + .hours(1), past])
    }

    @Test("a turn that changes nothing writes nothing")
    func idle() async throws {
        let database = FaultyDatabase(store.database)
        let service = try await service(database, FakeExecutor())
        let before = database.writes
        for _ in 0..<10 {
            clock.advance(by: .minutes(1))
            service.turn()
        }
        #expect(database.writes == before)
    }

    @Test("a retry begins when its time has come")
    func retries() async throws {
        let executor = FakeExecutor()
        let service = try await service(store.database, executor)
        try await run(service)
        executor.end("p a#1", .failed(reason: "no"))
        service.turn()
        clock.advance(by: .seconds(59))
        service.turn()
        #expect(executor.log == ["starts p a#1"])
        clock.advance(by: .seconds(1))
        service.turn()
        #expect(executor.log == ["starts p a#1", "starts p a#2"])
    }

    @Test("a full disk holds back what is to be done, and nothing is lost", .timeLimit(.minutes(5)))
    func full() async throws {
        let executor = FakeExecutor()
        let failed = Shared<[Int]>([])
        let waker = Shared<PipelineService?>(nil)
        let database = FaultyDatabase(store.database) { failure in
            guard failure != nil else { return }
            failed.withLock { $0.append(executor.log.count) }
            // Something comes in meanwhile, so that the service need not sleep its second out.
            if let service = waker.withLock({ $0 }) { Task { try await service.ask { _, _, _ throws(SchedulerError) in } } }
        }
        let service = try await service(database, executor)
        waker.withLock { $0 = service }
        let before = executor.log.count
        database.fail([.full, .busy, .full])
        let run = try await run(service)
        #expect(failed.withLock { $0 } == [before, before, before])
        #expect(try stored(run)?.state == .running)
        #expect(executor.log == ["starts p a#1"])
        waker.withLock { $0 = nil }
    }

    @Test("after any other failure of the database nothing is done, and all callers are told", .timeLimit(.minutes(5)))
    func fatal() async throws {
        let executor = FakeExecutor()
        let database = FaultyDatabase(store.database)
        let service = try await service(database, executor)
        let first = try await run(service)
        database.fail([.failed])
        await #expect(throws: DatabaseError.self) { try await run(service) }
        #expect(executor.log == ["starts p a#1"])
        #expect(!service.turn())
        // Without a turn: it is known.
        await #expect(throws: DatabaseError.self) { try await service.ask { _, _, _ throws(SchedulerError) in } }
        executor.end("p a#1")
        #expect(!service.turn())
        #expect(executor.log == ["starts p a#1"])
        // What was stored is what a new program finds.
        let all = try store.database.read { try store.tables.runs(RunFilter(), limit: 10, $0) }
        #expect(all.map(\.facts.id) == [first])
    }

    @Test("whoever asks while a write fails for good is told too", .timeLimit(.minutes(5)))
    func fatalMeanwhile() async throws {
        let late = Shared<Task<Void, any Error>?>(nil)
        let waker = Shared<PipelineService?>(nil)
        let database = FaultyDatabase(store.database) { failure in
            guard failure != nil, let service = waker.withLock({ $0 }) else { return }
            // It goes on here until it waits, so that the question is in the inbox.
            late.withLock { $0 = Task.immediate { try await service.ask { _, _, _ throws(SchedulerError) in } } }
        }
        let service = try await service(database, FakeExecutor())
        waker.withLock { $0 = service }
        database.fail([.failed])
        await #expect(throws: DatabaseError.self) { try await run(service) }
        let task = try #require(late.withLock { $0 })
        await #expect(throws: DatabaseError.self) { try await task.value }
        waker.withLock { $0 = nil }
    }

    @Test("another program that takes over ends this one")
    func overtaken() async throws {
        let service = try await service(store.database, FakeExecutor())
        let second = try await self.service(store.database, FakeExecutor())
        await #expect(throws: PipelineStoreError.self) { try await run(service) }
        try await run(second)
    }

    @Test("what was stored goes on when it is opened again after a crash")
    func reopening() async throws {
        let executor = FakeExecutor()
        let run: String
        do {
            let service = try await service(store.database, executor)
            run = try await self.run(service)
            executor.end("p a#1")
            service.turn()
            // The end of b is lost with the program.
            executor.end("p b#1")
        }
        let second = FakeExecutor()
        let service = try await service(store.database, second)
        #expect(second.log == ["starts p b#2"])
        #expect(!second.end("p a#1"))
        second.end("p b#2")
        service.turn()
        #expect(try stored(run)?.state == .succeeded)
    }

    @Test("a run whose definition can no longer be read has failed after a start")
    func lost() async throws {
        let service = try await service(store.database, FakeExecutor())
        let run = try await run(service)
        let world = World(clock: clock, random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        _ = try PipelineService(database: store.database, world: world, executor: FakeExecutor()) { _, _ in nil }
        #expect(try stored(run)?.state == .failed)
        #expect(try stored(run)?.ended == clock.now())
    }

    @Test("what it refuses changes nothing and is told to whoever asked")
    func refusals() async throws {
        let database = FaultyDatabase(store.database)
        let service = try await service(database, FakeExecutor())
        let before = database.writes
        await #expect(throws: SchedulerError.self) {
            try await turning(service) {
                try await service.ask { scheduler, now, turn throws(SchedulerError) in
                    try scheduler.request(.init("nobody", cause: .manual, actor: Self.ada), at: now, &turn)
                }
            }
        }
        #expect(database.writes == before)
    }

    @Test("on a thread of its own: it turns when something comes in, and refuses once it is closed", .timeLimit(.minutes(5)))
    func thread() async throws {
        let executor = FakeExecutor()
        let service = try await service(store.database, executor)
        service.start()
        let run = try await service.ask { scheduler, now, turn throws(SchedulerError) in
            try scheduler.request(.init("p", cause: .manual, actor: Self.ada), at: now, &turn)
        }
        while executor.log.isEmpty { await Task.yield() }
        executor.end("p a#1")
        while executor.log.count < 2 { await Task.yield() }
        try await service.beginStopping()
        let number = try #require(graph.number(of: "b"))
        try await service.interrupt(InstanceAddress(run: run, task: "b"), InstanceNumber(number), attempt: 1)
        service.close()
        await #expect(throws: SchedulerError.self) { try await service.ask { _, _, _ throws(SchedulerError) in } }
        let records = try store.database.read { try store.tables.records(of: run, graph, $0) }
        #expect(records.last?.record == .interrupted(InstanceNumber(number), attempt: 1, isCounted: false))
    }
}
