import Foundation
import MartletFrames
import MartletPipelines
import MartletSimulation
import Testing

/// A scheduler whose bodies all succeed, as many turns as it takes.
struct SchedulerLoad: ~Copyable {
    var scheduler = Scheduler(random: SeededRandom(seed: 1))
    var now = Moment(wall: Timestamp(microseconds: 1_700_000_000_000_000), steady: .zero)
    /// Attempts that have started and not ended, oldest first.
    var running: [AttemptStart] = []
    var started = 0
    var records = 0
    var result: [String: TaskValue] = [:]

    mutating func apply(_ pipelines: [PipelineDefinition], pools: [String: Int64]) {
        turn { scheduler, now, turn in
            scheduler.configure(
                pipelines.map { .init(PipelineGraph($0), source: "s", actor: RunActor(kind: "user", id: "u", name: "u")) }, pools: pools,
                at: now, &turn)
        }
    }

    mutating func turn(_ body: (inout Scheduler, Moment, inout Turn) throws -> Void) rethrows {
        var turn = Turn()
        try body(&scheduler, now, &turn)
        records += turn.records.count
        for case .start(let start) in turn.effects {
            running.append(start)
            started += 1
        }
    }

    mutating func request(_ pipeline: String) throws {
        try turn { scheduler, now, turn in
            try scheduler.request(.init(pipeline, cause: .manual, actor: RunActor(kind: "user", id: "u", name: "u")), at: now, &turn)
        }
    }

    mutating func tick() {
        turn { scheduler, now, turn in scheduler.tick(at: now, &turn) }
    }

    /// Lets what runs succeed, up to a number of attempts in one turn, until nothing runs.
    mutating func finish(perTurn: Int = 50) {
        while !running.isEmpty {
            let ending = running.prefix(perTurn)
            running.removeFirst(ending.count)
            let result = result
            turn { scheduler, now, turn in
                for start in ending {
                    scheduler.report(run: start.address.run, start.number, attempt: start.attempt, .succeeded(result), at: now, &turn)
                }
            }
        }
    }
}

/// Costs are counted in ``Scheduler/steps``; the times that are printed are for people, and none is tested.
@Suite("The scheduler at scale", .serialized)
struct SchedulerScaleTests {
    private static func yaml(_ tasks: [String]) -> String {
        "pipeline: p\nmax_active_tasks: 100000\ntasks:\n" + tasks.map { "  " + $0 + "\n" }.joined()
    }

    private static let graphs: [(name: String, tasks: [String])] = [
        ("chain", (0..<10_000).map { $0 == 0 ? "t0: { run: [x] }" : "t\($0): { run: [x], after: t\($0 - 1) }" }),
        (
            "fan-out",
            ["t0: { run: [x] }"] + (1..<9_999).map { "t\($0): { run: [x], after: t0 }" }
                + ["t9999: { run: [x], after: [" + (1..<9_999).map { "t\($0)" }.joined(separator: ", ") + "] }"]
        ),
        (
            "layers of 100, each task after 10",
            (0..<10_000).map { number in
                let (layer, place) = (number / 100, number % 100)
                if layer == 0 { return "t\(number): { run: [x] }" }
                let before = (0..<10).map { "t\((layer - 1) * 100 + (place + $0 * 7) % 100)" }
                return "t\(number): { run: [x], after: [" + before.joined(separator: ", ") + "] }"
            }
        ),
    ]

    private func timed(_ name: String, _ body: () throws -> Int) rethrows {
        let clock = ContinuousClock()
        let begin = clock.now
        let steps = try body()
        print("scale: \(name): \(steps) steps, \(clock.now - begin)")
    }

    @Test("10,000 tasks cost a few steps each, whatever their graph", arguments: 0..<3)
    func tasks(graph: Int) throws {
        let (name, tasks) = Self.graphs[graph]
        let pipeline = try Reading.pipeline(Self.yaml(tasks))
        try timed(name) {
            var load = SchedulerLoad()
            load.apply([pipeline], pools: ["cpu": 64])
            try load.request("p")
            load.finish()
            #expect(load.started == 10_000)
            #expect(load.scheduler.runIDs.isEmpty)
            // A start and an end each, one more try where a pool was full, and the run's own.
            #expect(load.scheduler.steps < 4 * 10_000)
            return load.scheduler.steps
        }
    }

    @Test("mapped over 1,000 and 10,000 items, and over what those gave", arguments: [1_000, 10_000])
    func mapping(count: Int) throws {
        let pipeline = try Reading.pipeline(
            """
            pipeline: p
            max_active_tasks: 100000
            tasks:
              list: { run: [x], outputs: { items: list of int64, n: int64 } }
              each: { run: [x, "${item}"], map: tasks.list.items, after: list, outputs: { n: int64 } }
              next: { run: [x, "${item}"], map: tasks.each.n, after: each }
            """)
        try timed("mapped over \(count), twice") {
            var load = SchedulerLoad()
            load.result = ["items": .list((0..<count).map { .int64(Int64($0)) }), "n": .scalar(.int64(1))]
            load.apply([pipeline], pools: ["cpu": 64])
            try load.request("p")
            load.finish()
            #expect(load.started == 2 * count + 1)
            #expect(load.scheduler.steps < 4 * (2 * count + 1) + 20)
            return load.scheduler.steps
        }
    }

    @Test("5,000 pipelines that fall due together, and nothing while none is due")
    func schedules() throws {
        let pipelines = try Reading.pipelines(
            (0..<5_000).map { "pipeline: p\($0)\nschedule: \"@daily\"\ntasks: { a: { run: [x] } }" }.joined(separator: "\n---\n"))
        timed("5,000 daily pipelines, one midnight") {
            var load = SchedulerLoad()
            load.apply(pipelines, pools: ["cpu": 64])
            let before = load.scheduler.steps
            load.now.wall = load.now.wall + .minutes(1)
            load.tick()
            #expect(load.scheduler.steps == before)
            load.now.wall = load.now.wall + .days(1)
            for _ in 0..<20 where load.scheduler.nextWake.steady == .zero || load.started == 0 { load.tick() }
            load.finish()
            #expect(load.started == 5_000)
            #expect(load.scheduler.steps - before < 12 * 5_000)
            return load.scheduler.steps - before
        }
    }

    @Test("10,000 instances that wait for room cost nothing until there is some, and then what fits")
    func waiting() throws {
        let pipeline = try Reading.pipeline(Self.yaml((0..<10_001).map { "t\($0): { run: [x] }" }))
        try timed("10,000 waiting") {
            var load = SchedulerLoad()
            load.apply([pipeline], pools: ["cpu": 1])
            try load.request("p")
            #expect(load.scheduler.use(of: "cpu").waiting == 10_000)
            let before = load.scheduler.steps
            for _ in 0..<1_000 {
                load.now.steady = load.now.steady + .seconds(1)
                load.now.wall = load.now.wall + .seconds(1)
                load.tick()
            }
            #expect(load.scheduler.steps == before)
            let last = load.running.popLast()
            let start = try #require(last)
            load.turn { scheduler, now, turn in
                scheduler.report(run: start.address.run, start.number, attempt: 1, .succeeded([:]), at: now, &turn)
            }
            #expect(load.scheduler.steps - before <= 3)
            #expect(load.scheduler.use(of: "cpu").waiting == 9_999)
            let run = load.scheduler.runIDs[0]
            try load.turn { scheduler, now, turn in try scheduler.cancel(run: run, by: "u", at: now, &turn) }
            #expect(load.scheduler.use(of: "cpu").waiting == 0)
            return load.scheduler.steps
        }
    }

    @Test("what a run of 10,000 tasks that is under way keeps in memory")
    func memory() throws {
        let pipeline = try Reading.pipeline(Self.yaml((0..<10_000).map { "t\($0): { run: [x] }" }))
        var load = SchedulerLoad()
        load.apply([pipeline], pools: ["cpu": 1])
        try load.request("p")
        let before = try residentBytes()
        for _ in 0..<15 { try load.request("p") }
        let each = (try residentBytes() - before) / 15
        print("scale: a waiting run of 10,000 tasks keeps \(each / 1_000_000) MB")
        #expect(load.scheduler.runIDs.count == 16)
        #expect(each < 30_000_000)
    }

    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) }) * 4_096
    }
}
