internal import Dispatch
public import MartletFrames
public import MartletStorage
public import MartletWorld
import Synchronization

/// The scheduler at work: takes requests and reports, stores what they change, and lets the executor do the rest.
///
/// One thread of its own turns: it takes all that has come in, asks the scheduler, stores the turn in one transaction, and
/// only then answers and starts tasks. What comes in meanwhile is the next turn's, so that many reports share one commit.
public final class PipelineService: Sendable {
    /// Something that is asked of the scheduler within a turn.
    private struct Item: Sendable {
        var work: @Sendable (inout Scheduler, Moment, inout Turn) -> Void
        /// Told when the turn is stored, or why it cannot be.
        var done: @Sendable ((any Error)?) -> Void
    }

    private struct Inbox: Sendable {
        var items: [Item] = []
        var isClosed = false
        /// Why nothing is stored any more.
        var failure: (any Error)?
    }

    private let database: any Database
    private let clock: any WallClock
    private let tables = PipelineTables()
    private let executor: any TaskExecutor
    private let epoch: Int
    /// So that a clock that jumped, or a machine that slept, is soon seen.
    private let longestSleep: Timestamp.Span
    private let wake = WakeSignal()
    /// Guards what has come in.
    private let inbox = Mutex(Inbox())
    /// Guards the scheduler; held by the turning thread, and by readers for a moment.
    private let scheduler: Mutex<Scheduler>
    /// Guards the counts; held for a moment after each turn, and by whoever reads them.
    private let counts = Mutex(PipelineCounts())
    private let thread = DispatchQueue(label: "martlet.pipelines")
    /// Told after each stored turn, for whoever follows.
    private let followers = Mutex<[Int: @Sendable () -> Void]>([:])
    private let nextFollower = Atomic<Int>(0)

    /// Takes the pipelines of a project over from whoever had them; nothing runs until ``configure(_:pools:)``.
    ///
    /// - Parameters:
    ///   - longestSleep: after it the thread that turns looks at the clocks again, whatever it waits for.
    ///   - graph: a run's graph, from the project's files that its definition stands in; nil if they cannot be read.
    public init(
        database: any Database, world: World, executor: any TaskExecutor, limits: Scheduler.Limits = .init(),
        longestSleep: Timestamp.Span = .seconds(10), graph: (_ source: String, _ pipeline: String) -> PipelineGraph?
    ) throws {
        self.database = database
        self.executor = executor
        self.longestSleep = longestSleep
        clock = world.clock
        let tables = tables
        epoch = try database.write { try tables.takeOwnership($0) }
        scheduler = Mutex(Scheduler(random: world.random, limits: limits))
        let stored = try database.read { reader in
            let runs = try tables.unendedRuns(reader).map { run in
                let graph = graph(run.source, run.facts.pipeline)
                return (run: run, graph: graph, records: try graph.map { try tables.records(of: run.facts.id, $0, reader) } ?? [])
            }
            return (
                paused: try tables.paused(reader), cursors: try tables.cursors(reader),
                backfills: try tables.backfills(.running, limit: 100_000, reader), runs: runs
            )
        }
        scheduler.withLock { scheduler in
            for name in stored.paused.union(stored.cursors.keys) {
                scheduler.restore(pipeline: name, isPaused: stored.paused.contains(name), cursors: stored.cursors[name] ?? [:])
            }
            for backfill in stored.backfills { scheduler.restore(backfill) }
            for (run, graph, records) in stored.runs {
                if let graph { scheduler.restore(run.facts, graph, source: run.source, records: records) }
            }
        }
        let now = clock.now()
        let lost = stored.runs.filter { $0.graph == nil }.map(\.run.facts.id)
        if !lost.isEmpty { try database.write { try tables.fail(lost, at: now, $0) } }
    }

    private var now: Moment {
        Moment(wall: clock.now(), steady: Timestamp.Span(microseconds: Int64(clock.monotonicNanoseconds() / 1_000)))
    }

    // MARK: - Turning

    /// Begins to turn on a thread of its own, until ``close()``.
    public func start() {
        thread.async { [self] in
            while turn() { wake.wait(atMost: timeUntilNext) }
        }
    }

    /// Takes what has come in and what has fallen due, stores it and carries it out.
    ///
    /// - Returns: whether there is more to come.
    @discardableResult
    public func turn() -> Bool {
        let (items, isClosed, hasFailed) = inbox.withLock { inbox in
            defer { inbox.items = [] }
            return (inbox.items, inbox.isClosed, inbox.failure != nil)
        }
        // The scheduler is ahead of what is stored, or has ended.
        guard !hasFailed else { return false }
        let now = now
        let turn = scheduler.withLock { scheduler in
            var turn = Turn()
            for item in items { item.work(&scheduler, now, &turn) }
            scheduler.tick(at: now, &turn)
            return turn
        }
        do {
            try store(turn)
        } catch {
            // What came in meanwhile is told too, or whoever asked would wait for ever.
            let late = inbox.withLock { inbox in
                defer { inbox.items = [] }
                inbox.failure = error
                return inbox.items
            }
            for item in items + late { item.done(error) }
            return false
        }
        counts.withLock { $0.add(turn, at: now.steady) }
        for item in items { item.done(nil) }
        for effect in turn.effects { perform(effect) }
        if !turn.changesNothing { for follower in followers.withLock({ Array($0.values) }) { follower() } }
        return inbox.withLock { inbox in
            guard isClosed, inbox.items.isEmpty else { return true }
            // This was the last turn: whoever asks from now on is refused.
            inbox.failure = SchedulerError.ending
            return false
        }
    }

    /// Stores a turn; waits for a full disk or another's lock to go away, since the scheduler cannot take a turn back.
    private func store(_ turn: Turn) throws {
        guard !turn.changesNothing else { return }
        while true {
            do {
                try database.write { try tables.commit(turn, epoch: epoch, $0) }
                return
            } catch let error as DatabaseError where error.code == .full || error.code == .busy {
                if inbox.withLock({ $0.isClosed }) { throw error }
                wake.wait(atMost: .seconds(1))
            }
        }
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .start(let start):
            executor.start(start) { [self] outcome in
                let uses = executor.takeUses(of: start.address, attempt: start.attempt)
                tell { scheduler, now, turn in
                    let isNew = scheduler.report(run: start.address.run, start.number, attempt: start.attempt, outcome, at: now, &turn)
                    guard isNew, !uses.isEmpty else { return }
                    turn.traces.append(
                        AttemptTrace(start.address, attempt: start.attempt, pipeline: start.facts.pipeline, time: now.wall, uses: uses))
                }
            }
        case .stop(let address, let attempt, let reason): executor.stop(address, attempt: attempt, reason: reason)
        case .alert(let alert): executor.alert(alert)
        case .ended(let run, let state): executor.ended(run: run, state)
        }
    }

    /// How long there is nothing to do, as far as is known now; at most the longest sleep.
    var timeUntilNext: Timestamp.Span {
        if inbox.withLock({ !$0.items.isEmpty }) { return .zero }
        let now = now
        let next = scheduler.withLock { $0.nextWake }
        var span = longestSleep
        if let steady = next.steady { span = min(span, Timestamp.Span(microseconds: steady.microseconds - now.steady.microseconds)) }
        if let wall = next.wall { span = min(span, Timestamp.Span(microseconds: wall.microseconds - now.wall.microseconds)) }
        return max(.zero, span)
    }

    private func post(
        _ work: @escaping @Sendable (inout Scheduler, Moment, inout Turn) -> Void, done: @escaping @Sendable ((any Error)?) -> Void
    ) {
        let failure = inbox.withLock { inbox -> (any Error)? in
            if let failure = inbox.failure { return failure }
            inbox.items.append(Item(work: work, done: done))
            return nil
        }
        if let failure { return done(failure) }
        wake.raise()
    }

    // MARK: - Asking

    /// Asks something of the scheduler, and returns once what it changed is stored.
    ///
    /// - Throws: what the body throws, after which nothing has changed; or why nothing can be stored.
    public func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (inout Scheduler, Moment, inout Turn) throws(SchedulerError) -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let answer = Mutex<Result<Answer, SchedulerError>?>(nil)
            post(
                { scheduler, now, turn in
                    let result: Result<Answer, SchedulerError>
                    do throws(SchedulerError) { result = .success(try body(&scheduler, now, &turn)) } catch { result = .failure(error) }
                    answer.withLock { $0 = result }
                },
                done: { failure in
                    if let failure { return continuation.resume(throwing: failure) }
                    switch answer.withLock({ $0 }) {
                    case .success(let value)?: continuation.resume(returning: value)
                    case .failure(let error)?: continuation.resume(throwing: error)
                    case nil: continuation.resume(throwing: SchedulerError.ending)
                    }
                })
        }
    }

    /// Asks something of the scheduler and does not wait for it; for the executor, which must not block.
    public func tell(_ body: @escaping @Sendable (inout Scheduler, Moment, inout Turn) -> Void) {
        post(body, done: { _ in })
    }

    /// Asks for a run. A request whose key a run bears already, ended or not, gives that run.
    ///
    /// The store is asked within the turn, so that of two requests at a time with one key the second finds the first's run.
    public func request(_ request: Scheduler.Request) async throws -> String {
        let (database, tables) = (database, tables)
        let answer: Result<String, any Error> = try await ask { scheduler, now, turn throws(SchedulerError) in
            do {
                if let key = request.requestKey,
                    let known = try database.read({ try tables.run(pipeline: request.pipeline, requestKey: key, $0) })
                {
                    return .success(known.facts.id)
                }
            } catch {
                return .failure(error)
            }
            return .success(try scheduler.request(request, at: now, &turn))
        }
        return try answer.get()
    }

    /// Asks something about a run that has ended, unless it has been deleted meanwhile.
    public func ask<Answer: Sendable>(
        aboutRun run: String, _ body: @escaping @Sendable (inout Scheduler, Moment, inout Turn) throws(SchedulerError) -> Answer
    ) async throws -> Answer {
        let (database, tables) = (database, tables)
        let answer: Result<Answer, any Error> = try await ask { scheduler, now, turn throws(SchedulerError) in
            do {
                let isKnown = try scheduler.run(run) != nil || database.read { try tables.run(run, $0) } != nil
                guard isKnown else { throw SchedulerError.noActiveRun(run) }
            } catch {
                return .failure(error)
            }
            return .success(try body(&scheduler, now, &turn))
        }
        return try answer.get()
    }

    /// Deletes runs of the past within a turn, so that none of them is taken up again meanwhile.
    ///
    /// - Returns: the ids of the runs.
    public func deleteRuns(endedBefore time: Timestamp, keepingKeysThatEnd ending: String?, limit: Int) async throws -> [String] {
        let (database, tables) = (database, tables)
        let answer: Result<[String], any Error> = try await ask { scheduler, _, _ throws(SchedulerError) in
            let underWay = Set(scheduler.runIDs)
            return Result {
                try database.write {
                    try tables.deleteRuns(
                        endedBefore: time, keepingKeysThatEnd: ending, limit: limit, isUnderWay: { underWay.contains($0) }, $0)
                }
            }
        }
        return try answer.get()
    }

    /// Looks at the scheduler without changing it.
    public func look<Answer: Sendable>(_ body: (borrowing Scheduler) -> Answer) -> Answer {
        scheduler.withLock { body($0) }
    }

    /// What was done since the start, and how things stand.
    public var figures: PipelineFigures {
        let counts = counts.withLock { $0.counted }
        let now = clock.now()
        return look { scheduler in
            PipelineFigures(
                counts: counts, runsUnderWay: scheduler.activeRuns, runsQueued: scheduler.runs.count - scheduler.activeRuns,
                attemptsUnderWay: scheduler.attemptsUnderWay, instancesWaiting: scheduler.instancesWaiting,
                scheduleLag: scheduler.scheduleLag(at: now), steps: scheduler.steps)
        }
    }

    /// Puts definitions in force, and sets going again what was under way when the program ended.
    public func configure(_ pipelines: [Scheduler.Configured], pools: [String: Int64]) async throws {
        try await ask { scheduler, now, turn throws(SchedulerError) in scheduler.configure(pipelines, pools: pools, at: now, &turn) }
    }

    /// Calls a closure after each stored turn, until it is taken back with the number that this gives.
    public func follow(_ body: @escaping @Sendable () -> Void) -> Int {
        let number = nextFollower.add(1, ordering: .relaxed).newValue
        followers.withLock { $0[number] = body }
        return number
    }

    public func unfollow(_ number: Int) {
        followers.withLock { $0[number] = nil }
    }

    // MARK: - Ending

    /// Lets nothing start any more.
    public func beginStopping() async throws {
        try await ask { scheduler, _, _ throws(SchedulerError) in scheduler.beginStopping() }
    }

    /// Takes back an attempt that was ended because the program ends.
    public func interrupt(_ address: InstanceAddress, _ number: InstanceNumber, attempt: Int) async throws {
        try await ask { scheduler, now, turn throws(SchedulerError) in
            scheduler.interrupt(run: address.run, number, attempt: attempt, at: now, &turn)
        }
    }

    /// Stops to turn once everything that came in is stored.
    public func close() {
        inbox.withLock { $0.isClosed = true }
        wake.raise()
        thread.sync {}
    }
}
