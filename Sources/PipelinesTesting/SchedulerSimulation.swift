import MartletBytes
import MartletFrames
package import MartletPipelines
import MartletSimulation
import MartletWorld

/// What a simulation of the scheduler did, to show that it did something.
package struct SchedulerSimulationSummary: Sendable, Equatable {
    package var lives = 0
    package var crashes = 0
    package var recoveryCrashes = 0
    package var runs = 0
    package var attempts = 0
    package var retries = 0
    package var interruptions = 0
    package var cancellations = 0
    package var cleared = 0
    package var marked = 0
    package var backfills = 0
    package var steps = 0
    package var hash: UInt64 = 0

    package init() {}

    package static func += (left: inout Self, right: Self) {
        left.lives += right.lives
        left.crashes += right.crashes
        left.recoveryCrashes += right.recoveryCrashes
        left.runs += right.runs
        left.attempts += right.attempts
        left.retries += right.retries
        left.interruptions += right.interruptions
        left.cancellations += right.cancellations
        left.cleared += right.cleared
        left.marked += right.marked
        left.backfills += right.backfills
        left.steps += right.steps
        left.hash ^= right.hash
    }
}

/// A promise of the scheduler that a simulation saw broken.
package struct SchedulerSimulationFailure: Error, CustomStringConvertible {
    package var seed: UInt64
    package var what: String

    package var description: String { "scheduler simulation, seed \(seed): \(what)" }
}

/// Lives the life of the scheduler under virtual time, with crashes between any two steps and during recovery.
///
/// Random pipelines run with bodies whose ends are drawn. A crash loses the scheduler and every body; the store keeps what
/// was committed. Checked are, at each step: no attempt starts twice or after its run was cancelled, and pools are never
/// overdrawn; at the end, once everything may go on: every run has ended, each instance completed exactly once and had been
/// started, its state is what the trigger rules say, no room is held, and each interval was run once.
///
/// - Parameter commit: is given every turn that is stored, in order.
/// - Throws: ``SchedulerSimulationFailure`` with the seed.
package func simulateScheduler(seed: UInt64, commit: @escaping (Turn) -> Void = { _ in }) throws -> SchedulerSimulationSummary {
    var simulation = SchedulerSimulation(seed: seed, commit: commit)
    return try simulation.run()
}

private struct SchedulerSimulation: ~Copyable {
    /// An attempt whose body runs.
    struct Body {
        var start: AttemptStart
        var end: Timestamp.Span
        var outcome: Int
        var isEnding = false
    }

    struct AttemptName: Hashable {
        var address: InstanceAddress
        var attempt: Int
    }

    struct Crash: Error {}

    let seed: UInt64
    let commit: (Turn) -> Void
    var random: SplitMix64
    let source: SeededRandom
    var scheduler: Scheduler
    var store = StoredPipelines()
    var pipelines: [PipelineDefinition]
    var wall = Timestamp(microseconds: 1_700_000_000_000_000)
    var steady = Timestamp.Span.zero
    var bodies: [AttemptName: Body] = [:]
    /// Instances that wait for an answer of ours.
    var waiting: [AttemptName: AttemptStart] = [:]
    var startedBodies: Set<AttemptName> = []
    var everStarted: Set<InstanceAddress> = []
    var summary = SchedulerSimulationSummary()
    var isQuiet = false
    var streamTime = Timestamp(microseconds: 1_700_000_000_000_000)

    init(seed: UInt64, commit: @escaping (Turn) -> Void) {
        self.seed = seed
        self.commit = commit
        random = SplitMix64(seed: seed)
        source = SeededRandom(seed: seed ^ 0x5EED)
        scheduler = Scheduler(random: source)
        pipelines = []
        for number in 0..<Int.random(in: 1...3, using: &random) {
            pipelines.append(RandomPipeline.make(named: "p\(number)", random: &random))
        }
    }

    var now: Moment { Moment(wall: wall, steady: steady) }

    mutating func chance(_ share: Double) -> Bool { !isQuiet && Double.random(in: 0..<1, using: &random) < share }

    func fail(_ what: String) -> SchedulerSimulationFailure { SchedulerSimulationFailure(seed: seed, what: what) }

    mutating func run() throws -> SchedulerSimulationSummary {
        try live { simulation throws(Crash) in try simulation.recover() }
        for _ in 0..<Int.random(in: 20...120, using: &random) {
            try live { simulation throws(Crash) in try simulation.act() }
        }
        isQuiet = true
        try live { simulation throws(Crash) in try simulation.settleDown() }
        try checkEnd()
        summary.steps = scheduler.steps
        summary.hash = hash()
        return summary
    }

    /// Does something; after a crash begins another life.
    mutating func live(_ body: (inout SchedulerSimulation) throws(Crash) -> Void) throws {
        do throws(Crash) {
            try body(&self)
        } catch {
            summary.crashes += 1
            var tries = 0
            while true {
                bodies = [:]
                waiting = [:]
                scheduler = Scheduler(random: source)
                if chance(0.3) { pass(.seconds(Int64.random(in: 0...900, using: &random))) }
                tries += 1
                do throws(Crash) { try recover() } catch where tries < 4 {
                    summary.recoveryCrashes += 1
                    continue
                } catch {
                    isQuiet = true
                    continue
                }
                break
            }
        }
        if let broken { throw fail(broken) }
    }

    /// A promise that was seen broken within a step.
    var broken: String?

    mutating func pass(_ span: Timestamp.Span) {
        wall = wall + span
        steady = steady + span
    }

    // MARK: - Acting

    mutating func act() throws(Crash) {
        var turn = Turn()
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45:
            try advance()
            return
        case 45..<62: request(&turn)
        case 62..<68: cancel(&turn)
        case 68..<73: clear(&turn)
        case 73..<77: mark(&turn)
        case 77..<84: answer(&turn)
        case 84..<88: pause(&turn)
        case 88..<91: backfill(&turn)
        case 91..<95:
            streamTime = streamTime + .seconds(Int64.random(in: 0...300, using: &random))
            scheduler.streamReached("events", streamTime, at: now, &turn)
        case 95..<97:
            // The time of day jumps, either way.
            wall = wall + Timestamp.Span.seconds(Int64.random(in: -1_000...3_000, using: &random))
            scheduler.tick(at: now, &turn)
        case 97: throw Crash()
        default:
            try stopInOrder()
            return
        }
        try perform(turn)
    }

    /// Commits, then does what is to be done; a crash may fall anywhere.
    mutating func perform(_ turn: Turn) throws(Crash) {
        if chance(0.012) { throw Crash() }
        store.commit(turn)
        commit(turn)
        summary.runs += turn.newRuns.count
        for (_, record) in turn.records { if case .retrying = record.record { summary.retries += 1 } }
        for effect in turn.effects {
            if chance(0.006) { throw Crash() }
            switch effect {
            case .start(let start): begin(start)
            case .stop(let address, let attempt, _):
                let name = AttemptName(address: address, attempt: attempt)
                waiting[name] = nil
                // A body that is being ended takes a moment, and may have succeeded before.
                if var body = bodies[name], !body.isEnding {
                    body.isEnding = true
                    body.end = min(body.end, steady + .seconds(Int64.random(in: 0...3, using: &random)))
                    if Double.random(in: 0..<1, using: &random) < 0.8 { body.outcome = 100 }
                    bodies[name] = body
                }
            case .alert, .ended: break
            }
        }
        if chance(0.012) { throw Crash() }
    }

    mutating func begin(_ start: AttemptStart) {
        let name = AttemptName(address: start.address, attempt: start.attempt)
        if !start.isResumed, !startedBodies.insert(name).inserted { broken = "attempt \(start.attempt) of \(start.address) starts twice" }
        everStarted.insert(start.address)
        summary.attempts += 1
        if let run = store.runs[start.facts.id] {
            let isCancelled = run.records.reduce(false) { isCancelled, timed in
                switch timed.record {
                case .stopping(.cancelled, _): true
                case .cleared: false
                default: isCancelled
                }
            }
            if isCancelled { broken = "\(start.address) starts after its run was cancelled: " + run.records.map { "\($0.record)" }.joined(separator: "; ") }
        } else {
            broken = "\(start.address) starts before its run is stored"
        }
        if start.task.work.base.isWaiting {
            waiting[name] = start
            return
        }
        let seconds = Int64.random(in: 0...30, using: &random)
        bodies[name] = Body(start: start, end: steady + .seconds(seconds), outcome: Int.random(in: 0..<100, using: &random))
        checkPools()
    }

    mutating func checkPools() {
        var used: [String: Int64] = [:]
        var ofPipeline: [String: Int] = [:]
        var ofTask: [String: Int] = [:]
        for body in bodies.values {
            for (pool, amount) in body.start.task.needs { used[pool, default: 0] += amount }
            ofPipeline[body.start.facts.pipeline, default: 0] += 1
            ofTask[body.start.facts.pipeline + "/" + body.start.task.name, default: 0] += 1
            if let most = body.start.task.maxActive, let count = ofTask[body.start.facts.pipeline + "/" + body.start.task.name], count > most {
                broken = "more than \(most) instances of '\(body.start.task.name)' run"
            }
        }
        for (pool, size) in RandomPipeline.pools where used[pool, default: 0] > size { broken = "pool '\(pool)' is overdrawn" }
        for definition in pipelines where ofPipeline[definition.name, default: 0] > definition.maxActiveTasks {
            broken = "pipeline '\(definition.name)' has too many instances under way"
        }
    }

    /// Lets time pass until the next thing happens, and lets it happen.
    mutating func advance() throws(Crash) {
        var times: [Timestamp.Span] = bodies.values.map(\.end)
        if let next = scheduler.nextWake.steady { times.append(next) }
        if let next = scheduler.nextWake.wall { times.append(steady + Timestamp.Span(microseconds: max(0, next.microseconds - wall.microseconds))) }
        let next = times.min() ?? steady + .seconds(30)
        let isAsleep = chance(0.02)
        pass(isAsleep ? .days(7) : Timestamp.Span(microseconds: max(0, next.microseconds - steady.microseconds)))
        var turn = Turn()
        let due = bodies.filter { $0.value.end <= steady }.sorted {
            ($0.value.end, $0.key.address.description, $0.key.attempt) < ($1.value.end, $1.key.address.description, $1.key.attempt)
        }
        for (name, body) in due {
            bodies[name] = nil
            // An end that was seen and not committed is lost with a crash.
            report(name, body, &turn)
            if chance(0.05) { report(name, body, &turn) }
        }
        scheduler.tick(at: now, &turn)
        try perform(turn)
    }

    mutating func report(_ name: AttemptName, _ body: Body, _ turn: inout Turn) {
        let outcome: AttemptOutcome =
            switch isQuiet && body.outcome != 100 ? 0 : body.outcome {
            case 0..<70:
                .succeeded(
                    (body.start.task.work.base as? SimulatedWork)?.result ?? [:],
                    cacheKey: body.outcome < 10 ? "\(name.address.task) of \(body.start.facts.pipeline)" : nil)
            case 70..<90: .failed(reason: "drawn")
            case 90..<94: .failed(reason: "drawn for good", isRetryable: false)
            case 94..<100: .skipped(reason: "drawn")
            default: .failed(reason: "ended from outside")
            }
        scheduler.report(run: name.address.run, body.start.number, attempt: name.attempt, outcome, at: now, &turn)
    }

    mutating func request(_ turn: inout Turn) {
        guard let pipeline = pipelines.randomElement(using: &random) else { return }
        let actor = RunActor(kind: "user", id: "ada", name: "ada")
        _ = try? scheduler.request(.init(pipeline.name, cause: .manual, actor: actor), at: now, &turn)
    }

    mutating func cancel(_ turn: inout Turn) {
        guard let run = scheduler.runIDs.randomElement(using: &random) else { return }
        summary.cancellations += 1
        try? scheduler.cancel(run: run, by: "ada", at: now, &turn)
    }

    /// A run that has ended, folded from what is stored.
    func ended(_ id: String) -> (machine: RunMachine, source: String)? {
        guard let run = store.runs[id], run.state.isEnd, scheduler.run(id) == nil,
            let definition = pipelines.first(where: { $0.name == run.facts.pipeline })
        else { return nil }
        let machine = RunMachine(run.facts, PipelineGraph(definition))
        for record in run.records { machine.apply(record) }
        return (machine, run.source)
    }

    mutating func clear(_ turn: inout Turn) {
        guard let run = store.order.randomElement(using: &random), let facts = store.runs[run]?.facts,
            let definition = pipelines.first(where: { $0.name == facts.pipeline })
        else { return }
        let names = definition.tasks.filter { _ in Bool.random(using: &random) }.map(\.name)
        let ended = ended(run)
        guard (try? scheduler.clear(run: run, ended: ended, tasks: names, by: "ada", at: now, &turn)) != nil else { return }
        summary.cleared += 1
    }

    mutating func mark(_ turn: inout Turn) {
        guard let run = store.order.randomElement(using: &random), let facts = store.runs[run]?.facts,
            let task = pipelines.first(where: { $0.name == facts.pipeline })?.tasks.randomElement(using: &random),
            let state = [InstanceState.succeeded, .failed, .skipped].randomElement(using: &random)
        else { return }
        let ended = ended(run)
        guard (try? scheduler.mark(run: run, ended: ended, task: task.name, as: state, by: "ada", at: now, &turn)) != nil else { return }
        summary.marked += 1
    }

    mutating func answer(_ turn: inout Turn) {
        let names = waiting.keys.sorted { ($0.address.description, $0.attempt) < ($1.address.description, $1.attempt) }
        guard let name = names.randomElement(using: &random), let start = waiting.removeValue(forKey: name) else { return }
        if start.task.work.kind.word == "approval" {
            let approved = isQuiet || Bool.random(using: &random)
            try? scheduler.decide(
                run: name.address.run, task: name.address.task, index: name.address.index, approved: approved, by: "ada", note: nil,
                at: now, &turn)
        } else {
            scheduler.report(
                run: name.address.run, start.number, attempt: name.attempt, .succeeded([:]), at: now, &turn)
        }
    }

    mutating func pause(_ turn: inout Turn) {
        guard let pipeline = pipelines.randomElement(using: &random) else { return }
        try? scheduler.setPaused(Bool.random(using: &random), pipeline.name, by: "ada", at: now, &turn)
    }

    mutating func backfill(_ turn: inout Turn) {
        guard let pipeline = pipelines.randomElement(using: &random) else { return }
        let start = Timestamp(microseconds: 1_600_000_000_000_000)
        let intervals = (0..<Int64.random(in: 1...4, using: &random)).map {
            DataInterval(start: start + .seconds($0 * 60), end: start + .seconds($0 * 60 + 60))
        }
        let backfill = Backfill(
            id: "b\(summary.backfills)-\(source.next())", pipeline: pipeline.name, actor: RunActor(kind: "user", id: "ada", name: "ada"),
            created: wall, intervals: intervals, maxActiveRuns: Int.random(in: 1...2, using: &random))
        guard (try? scheduler.add(backfill, at: now, &turn)) != nil else { return }
        summary.backfills += 1
    }

    mutating func stopInOrder() throws(Crash) {
        scheduler.beginStopping()
        var turn = Turn()
        for (name, body) in bodies.sorted(by: { $0.key.address.description < $1.key.address.description }) {
            scheduler.interrupt(run: name.address.run, body.start.number, attempt: name.attempt, at: now, &turn)
        }
        bodies = [:]
        try perform(turn)
        throw Crash()
    }

    // MARK: - Lives

    mutating func recover() throws(Crash) {
        summary.lives += 1
        var turn = Turn()
        for pipeline in pipelines {
            scheduler.restore(
                pipeline: pipeline.name, isPaused: store.paused.contains(pipeline.name), cursors: store.cursors[pipeline.name] ?? [:])
        }
        for backfill in store.backfills.values.sorted(by: { $0.id < $1.id }) where backfill.state == .running { scheduler.restore(backfill) }
        for id in store.order {
            guard let run = store.runs[id], !run.state.isEnd, let definition = pipelines.first(where: { $0.name == run.facts.pipeline })
            else { continue }
            scheduler.restore(run.facts, PipelineGraph(definition), source: run.source, records: run.records)
        }
        let actor = RunActor(kind: "user", id: "ada", name: "ada")
        scheduler.configure(
            pipelines.map { .init(PipelineGraph($0), source: "source", actor: actor) }, pools: RandomPipeline.pools, at: now, &turn)
        for (_, record) in turn.records { if case .interrupted = record.record { summary.interruptions += 1 } }
        scheduler.streamReached("events", streamTime, at: now, &turn)
        try perform(turn)
    }

    /// Lets everything go on until nothing is left to do.
    mutating func settleDown() throws(Crash) {
        for pipeline in pipelines {
            var turn = Turn()
            try? scheduler.setPaused(false, pipeline.name, by: "ada", at: now, &turn)
            try perform(turn)
        }
        // Schedules go on for ever; what they made by then must end.
        var turn = Turn()
        scheduler.configure(
            pipelines.map { .init(PipelineGraph($0.withoutSchedule), source: "source", actor: RunActor(kind: "user", id: "ada", name: "")) },
            pools: RandomPipeline.pools, at: now, &turn)
        try perform(turn)
        for _ in 0..<5_000 where !scheduler.runIDs.isEmpty {
            var turn = Turn()
            answer(&turn)
            try perform(turn)
            try advance()
        }
    }

    // MARK: - Checking

    func checkEnd() throws {
        let left = scheduler.runIDs
        if let run = left.first {
            let machine = scheduler.run(run)
            let states = (machine?.graph.nodes.indices).map { $0.map { machine?.state(of: $0).rawValue ?? "" } } ?? []
            var others = ""
            for other in left.dropFirst() {
                guard let machine = scheduler.run(other), machine.state == .running else { continue }
                others += " \(other): \(machine.graph.nodes.indices.map { machine.state(of: $0).rawValue })"
            }
            throw fail("\(left.count) runs are stuck, such as \(run): \(machine?.state.rawValue ?? "") \(states)\(others)")
        }
        guard scheduler.attemptsUnderWay == 0 else { throw fail("\(scheduler.attemptsUnderWay) attempts hold room and no run is under way") }
        for pool in RandomPipeline.pools.keys where scheduler.use(of: pool) != (0, 0) { throw fail("room is left held in pool '\(pool)'") }
        for backfill in store.backfills.values {
            let made = store.runs.values.count { $0.facts.backfill == backfill.id }
            guard made == backfill.next else { throw fail("backfill \(backfill.id) made \(made) runs and counts \(backfill.next)") }
            guard backfill.state == .ended, made == backfill.intervals.count else {
                throw fail("backfill \(backfill.id) is \(backfill.state.rawValue) after \(made) of \(backfill.intervals.count) intervals")
            }
        }
        var intervals: Set<[String]> = []
        for id in store.order {
            guard let run = store.runs[id] else { continue }
            guard run.state.isEnd else { throw fail("run \(id) is stored as \(run.state.rawValue)") }
            if run.facts.cause == .schedule || run.facts.cause == .data, let interval = run.facts.interval {
                guard intervals.insert([run.facts.pipeline, run.facts.cause.rawValue, "\(interval.start)"]).inserted else {
                    throw fail("interval \(interval.start) of '\(run.facts.pipeline)' was run twice")
                }
            }
            try checkHistory(run)
        }
    }

    func checkHistory(_ run: StoredPipelines.StoredRun) throws {
        guard let definition = pipelines.first(where: { $0.name == run.facts.pipeline }) else { return }
        let graph = PipelineGraph(definition)
        let machine = RunMachine(run.facts, graph)
        for timed in run.records where TimedRecord(timed.json(graph), graph) != timed { throw fail("a record is read otherwise than it was written: \(timed)") }
        var completed: [InstanceNumber: Int] = [:]
        var isPlain = true
        for timed in run.records {
            machine.apply(timed)
            switch timed.record {
            case .ended(let number, let attempt, let state, _):
                completed[number, default: 0] += 1
                let address = machine.address(of: number)
                guard completed[number] == 1 else { throw fail("\(address) completed twice") }
                if attempt > 0, state == .succeeded, !everStarted.contains(address) { throw fail("\(address) completed and never started") }
            case .cleared(let tasks, _):
                isPlain = false
                completed = completed.filter { !tasks.contains($0.key.task) }
            case .marked(let number, _, _):
                isPlain = false
                completed[number] = nil
            case .stopping: isPlain = false
            default: break
            }
        }
        guard machine.state == run.state else { throw fail("run \(run.facts.id) is stored as \(run.state.rawValue), its records say \(machine.state.rawValue)") }
        guard isPlain else { return }
        // What the rules say of a run that nobody interfered with.
        for (task, node) in graph.nodes.enumerated() where !node.task.isOnFailure {
            let before = node.upstream.map { machine.state(of: $0) }
            let expected = TriggerRuleOracle.starts(node.task.rule, before)
            let states = machine.instances(of: task).map(\.state)
            let hasStarted = states.contains { $0 == .succeeded || $0 == .failed } || machine.instances(of: task).contains { $0.attempt > 0 }
            if expected == .start, states.contains(.upstreamFailed) { throw fail("'\(node.task.name)' did not start, though \(node.task.rule) holds after \(before)") }
            if expected != .start, hasStarted { throw fail("'\(node.task.name)' started, though \(node.task.rule) does not hold after \(before)") }
            if expected == .upstreamFailed, states != [.upstreamFailed] { throw fail("'\(node.task.name)' is \(states) after \(before)") }
            if expected == .skip, states != [.skipped] { throw fail("'\(node.task.name)' is \(states) after \(before)") }
        }
        let failures = graph.nodes.indices.filter { !graph.nodes[$0].task.allowFailure && [.failed, .upstreamFailed].contains(machine.state(of: $0)) }
        guard (run.state == .failed) == !failures.isEmpty else { throw fail("run \(run.facts.id) \(run.state.rawValue) with \(failures.count) failures") }
    }

    func hash() -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for id in store.order {
            guard let run = store.runs[id] else { continue }
            guard let definition = pipelines.first(where: { $0.name == run.facts.pipeline }) else { continue }
            let graph = PipelineGraph(definition)
            let text = "\(run.facts.id) \(run.state) " + run.records.map { $0.json(graph).description }.joined()
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return hash
    }
}

extension PipelineDefinition {
    fileprivate var withoutSchedule: PipelineDefinition {
        PipelineDefinition(
            name: name, place: place, parameters: parameters, maxActiveRuns: maxActiveRuns, maxActiveTasks: maxActiveTasks,
            priority: priority, deadline: deadline, timeout: timeout, tasks: tasks, doc: doc)
    }
}
