import MartletFrames
@testable import MartletPipelines
import MartletSimulation
@testable import MartletStorage
import MartletWorld
import Testing

@Suite("How long the service of pipelines sleeps", .timeLimit(.minutes(5)))
struct PipelineSleepTests {
    private let store: PipelineDatabase
    /// 2023-11-14 22:13:20, so that the next hour begins after 2,800 seconds.
    private let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
    private static let ada = RunActor(kind: "user", id: "ada", name: "Ada")

    init() throws {
        store = try PipelineDatabase()
    }

    /// A service with pipelines in force that has not been told to turn by itself.
    private func service(
        _ executor: FakeExecutor, _ pipelines: [String], longestSleep: Timestamp.Span = .seconds(10), seed: UInt64 = 1
    ) async throws -> PipelineService {
        let world = World(clock: clock, random: SeededRandom(seed: seed), files: SimulatedFileSystem(seed: 1))
        let service = try PipelineService(
            database: store.database, world: world, executor: executor, longestSleep: longestSleep, graph: { _, _ in nil })
        let configured = try pipelines.map {
            Scheduler.Configured(PipelineGraph(try Reading.pipeline($0)), source: "s", actor: Self.ada)
        }
        try await turning(service) { try await service.configure(configured, pools: ["cpu": 8]) }
        return service
    }

    private static let hourly = "pipeline: hourly\nschedule: { every: 1h }\ntasks: { a: { run: [x] } }"

    private static func retrying(after delay: String) -> String {
        "pipeline: p\ntasks: { a: { run: [x], retries: 1, retry_delay: \(delay), retry_jitter: 0 } }"
    }

    private static func milliseconds(_ count: Int64) -> Timestamp.Span { Timestamp.Span(microseconds: count * 1_000) }

    private func request(_ service: PipelineService) async throws {
        _ = try await service.request(Scheduler.Request("p", cause: .manual, actor: Self.ada))
    }

    /// Waits for what another thread does; given up at the time limit.
    private func until(_ isSo: () -> Bool) async throws {
        while !isSo() {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    @Test("it sleeps until a schedule is due, as the wall clock has it, and no longer than it may")
    func wall() async throws {
        let executor = FakeExecutor()
        let service = try await service(executor, [Self.hourly])
        #expect(service.timeUntilNext == .seconds(10))
        clock.advance(by: .seconds(2_795))
        service.turn()
        #expect(service.timeUntilNext == .seconds(5) && executor.log.isEmpty)
        clock.advance(by: .seconds(5))
        #expect(service.timeUntilNext == .zero && executor.log.isEmpty)
        service.turn()
        #expect(executor.log == ["starts hourly a#1"])
        #expect(service.timeUntilNext == .seconds(10))
        // No time passes, and an hour does.
        let before = clock.now()
        clock.jump(to: before + .hours(1))
        #expect(service.timeUntilNext == .zero)
        service.turn()
        #expect(executor.log.count == 2)
        // Back before both: neither is run again, and the next is due when the clock has come so far.
        clock.jump(to: before - .hours(5))
        service.turn()
        #expect(executor.log.count == 2 && service.timeUntilNext == .seconds(10))
        clock.jump(to: before + .seconds(7_199))
        service.turn()
        #expect(executor.log.count == 2 && service.timeUntilNext == .seconds(1))
        clock.jump(to: before + .hours(2))
        service.turn()
        #expect(executor.log.count == 3)
    }

    @Test("a retry waits by the clock that never goes back, wherever the wall clock jumps")
    func steady() async throws {
        let executor = FakeExecutor()
        let service = try await service(executor, [Self.retrying(after: "1m")])
        try await turning(service) { try await request(service) }
        executor.end("p a#1", .failed(reason: "no"))
        #expect(service.timeUntilNext == .zero)
        service.turn()
        #expect(service.timeUntilNext == .seconds(10))
        clock.advance(by: .seconds(57))
        #expect(service.timeUntilNext == .seconds(3))
        for jump in [Timestamp.Span.days(1), .days(-2)] {
            clock.jump(to: clock.now() + jump)
            service.turn()
            #expect(service.timeUntilNext == .seconds(3) && executor.log == ["starts p a#1"])
        }
        clock.advance(by: .seconds(3))
        #expect(service.timeUntilNext == .zero)
        service.turn()
        #expect(executor.log == ["starts p a#1", "starts p a#2"])
    }

    @Test("its thread wakes by itself for a schedule, for a retry, and to see that the clock jumped")
    func waking() async throws {
        // Until the schedule: the thread looks at no other time for an hour.
        clock.advance(by: Self.milliseconds(2_799_980))
        let executor = FakeExecutor()
        let first = try await service(executor, [Self.hourly], longestSleep: .hours(1))
        first.start()
        try await first.ask { _, _, _ throws(SchedulerError) in }
        clock.advance(by: Self.milliseconds(20))
        try await until { executor.log == ["starts hourly a#1"] }
        first.close()

        let second = try await service(executor, [Self.retrying(after: "20ms")], longestSleep: .hours(1), seed: 2)
        second.start()
        try await request(second)
        try await until { executor.end("p a#1", .failed(reason: "no")) }
        try await until {
            clock.advance(by: Self.milliseconds(1))
            return executor.log.last == "starts p a#2"
        }
        second.close()

        let third = try await service(executor, [Self.hourly], longestSleep: Self.milliseconds(10), seed: 3)
        third.start()
        try await third.ask { _, _, _ throws(SchedulerError) in }
        #expect(third.timeUntilNext <= Self.milliseconds(10))
        let before = executor.log.count
        clock.jump(to: clock.now() + .hours(1))
        try await until { executor.log.count > before }
        third.close()
    }

    @Test("its thread wakes for whatever comes in, however long it may sleep")
    func calls() async throws {
        let service = try await service(FakeExecutor(), [], longestSleep: .hours(1))
        service.start()
        for _ in 0..<50 {
            let isDone = Shared(false)
            service.tell { _, _, _ in isDone.withLock { $0 = true } }
            try await until { isDone.withLock { $0 } }
        }
        service.close()
    }
}
