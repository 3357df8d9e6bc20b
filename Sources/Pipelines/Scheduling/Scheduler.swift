internal import HeapModule
public import MartletFrames
public import MartletWorld

/// Decides what of all pipelines starts, ends and waits: a pure machine that takes readings of the clock and reports, and gives
/// what is to be stored and then to be done.
///
/// Every call adds to a ``Turn``. The shell stores the turn's records in one transaction and carries out its effects only
/// after that, so that nothing is done that a crash could make unknown:
///
/// ```swift
/// var turn = Turn()
/// scheduler.tick(at: now, &turn)
/// try store.commit(turn)
/// for effect in turn.effects { perform(effect) }
/// ```
///
/// What waits costs nothing: an instance without room is parked at the one limit that keeps it, and is looked at again when
/// that limit has room. A larger priority goes first, then the older run; nothing overtakes at a limit. Whoever waits holds
/// nothing, so one who needs room under several limits may find the one taken whenever the other has room.
public struct Scheduler: ~Copyable {
    public struct Limits: Sendable {
        /// Runs under way at a time, of all pipelines.
        public var activeRuns = 10_000
        /// Runs of one pipeline that may wait for their turn; a request beyond it is refused.
        public var queuedRuns = 10_000
        /// Times in a row that the program may end during attempts of an instance; then it has failed.
        public var interruptions = 5
        /// Runs made in one turn; more are made in the next, so that a long backlog does not hold others up.
        public var runsOfTurn = 500
        /// Characters of a reason that are kept.
        public var reasonLength = 2_000

        public init() {}
    }

    /// A pipeline as far as its runs to come are concerned.
    struct Entry: Sendable {
        /// Nil once the pipeline is no longer defined.
        var graph: PipelineGraph?
        /// Names the project's files that hold the definition.
        var source = ""
        /// Whose rights scheduled runs have.
        var actor = RunActor(kind: "system", id: "", name: "")
        var isPaused = false
        /// Where schedule and data triggers stand, by the trigger's key.
        var cursors: [String: Timestamp] = [:]
        /// Runs under way.
        var active = 0
        /// Runs under way or queued that were made by schedule or data.
        var automatic = 0
        /// Handles of runs that wait for their turn, oldest first.
        var queued: [Int] = []
        /// Of the timer that is set for it; others are void.
        var timerGeneration = 0
    }

    struct ActiveRun {
        let machine: RunMachine
        var source: String
        /// Of instances that are queued: the ticket with which they wait.
        var tickets: [InstanceNumber: Int] = [:]
    }

    struct AttemptKey: Hashable, Sendable {
        var run: Int
        var number: InstanceNumber
        var attempt: Int
    }

    struct RequestKey: Hashable, Sendable {
        var pipeline: String
        var key: String
    }

    public let limits: Limits
    let random: any RandomSource
    /// So that runs made in one turn are listed in the order of making.
    var newestID: UUIDv7?
    var entries: [String: Entry] = [:]
    /// By handle; handles ascend in the order of making.
    var runs: [Int: ActiveRun] = [:]
    var handles: [String: Int] = [:]
    var nextHandle = 0
    var activeRuns = 0
    var admission = Admission()
    /// Instances that may start, not yet tried: all of a moment are tried together, so that the first of them goes first.
    var ready: [Admission.Entry] = []
    /// The runs that requests with a key made, as far as they have not ended.
    var requested: [RequestKey: String] = [:]
    /// What each attempt holds until it is reported.
    var holdings: [AttemptKey: [Admission.Need]] = [:]
    var steadyTimers = TimerQueue<Timestamp.Span>()
    var wallTimers = TimerQueue<Timestamp>()
    var backfills: [String: Backfill] = [:]
    /// Pipelines and backfills of which a run ended: one that waited may begin, an interval that fell due may be run.
    var pendingPipelines: Set<String> = []
    /// Runs that were under way when the program ended, and are to be set going again.
    var restored: [Int] = []
    var pendingBackfills: Set<String> = []
    /// Newest event times of streams that triggers wait for, less the stream's lateness.
    var streamTimes: [String: Timestamp] = [:]
    /// Once set, nothing starts any more.
    public internal(set) var isStopping = false
    /// Decisions, tries to start, and timers looked at so far: what scheduling costs.
    public internal(set) var steps = 0

    public init(random: any RandomSource, limits: Limits = Limits()) {
        self.random = random
        self.limits = limits
    }

    /// A run under way or queued; nil for one that has ended or is not known.
    public func run(_ id: String) -> RunMachine? { handles[id].flatMap { runs[$0]?.machine } }

    /// The ids of runs under way and queued, oldest first.
    public var runIDs: [String] { runs.keys.sorted().compactMap { runs[$0]?.machine.facts.id } }

    public func isPaused(_ pipeline: String) -> Bool { entries[pipeline]?.isPaused ?? false }

    /// When a pipeline's next scheduled run is due; nil if it has no schedule, or none is to come.
    public func nextDue(of pipeline: String) -> Timestamp? {
        guard let entry = entries[pipeline], let schedule = entry.graph?.definition.schedule,
            let cursor = entry.cursors[Cursor.schedule]
        else { return nil }
        return schedule.nextDue(from: cursor)
    }

    /// How much of a pool is in use, and how many instances wait for it.
    public func use(of pool: String) -> (used: Int64, waiting: Int) { admission.use(of: .pool(pool)) }

    /// Attempts under way whose end has not been reported.
    public var attemptsUnderWay: Int { holdings.count }

    /// Instances that could start and wait for room.
    public var instancesWaiting: Int { admission.waitingCount }

    /// For how long the run has been due that should have started first; zero if none is late.
    ///
    /// - Complexity: O(pipelines), of which only those are looked at closely whose runs wait for others to end.
    public func scheduleLag(at now: Timestamp) -> Timestamp.Span {
        var lag = Timestamp.Span.zero
        for (name, entry) in entries {
            // All others have a timer set for the next.
            guard !entry.isPaused, let graph = entry.graph,
                entry.automatic >= graph.definition.maxActiveRuns || pendingPipelines.contains(name), let due = nextDue(of: name)
            else { continue }
            lag = max(lag, Timestamp.Span(microseconds: now.microseconds - due.microseconds))
        }
        return lag
    }

    /// When to call ``tick(at:_:)`` next if nothing else happens; either may be nil.
    public var nextWake: (steady: Timestamp.Span?, wall: Timestamp?) {
        pendingPipelines.isEmpty && pendingBackfills.isEmpty ? (steadyTimers.first, wallTimers.first) : (.zero, nil)
    }
}

/// The keys under which a pipeline's progress is stored.
enum Cursor {
    static let schedule = "schedule"
    static func stream(_ name: String, _ every: Timestamp.Span) -> String { "stream:\(name):\(every)" }
}
