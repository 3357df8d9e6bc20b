public import MartletFrames

/// What one turn of the scheduler changes, to be stored as a whole, and what is to be done once it is.
public struct Turn: Sendable {
    /// Runs that were made, each with the project's files that hold its definition.
    public var newRuns: [NewRun] = []
    /// What happened in runs, in order.
    public var records: [(run: String, record: TimedRecord)] = []
    /// Of the runs that have records.
    public var graphs: [String: PipelineGraph] = [:]
    /// Runs whose state changed.
    public var runStates: [RunStateChange] = []
    /// Where schedules and data triggers stand now.
    public var cursors: [CursorChange] = []
    public var paused: [(pipeline: String, isPaused: Bool, by: String, time: Timestamp)] = []
    /// Backfills that were made or went on.
    public var backfills: [Backfill] = []
    /// Results that later runs may take.
    public var cacheEntries: [CacheEntry] = []
    /// What attempts that ended read and made.
    public var traces: [AttemptTrace] = []
    public var effects: [Effect] = []

    public init() {}

    /// Whether nothing is to be stored.
    public var changesNothing: Bool {
        newRuns.isEmpty && records.isEmpty && runStates.isEmpty && cursors.isEmpty && paused.isEmpty && backfills.isEmpty
            && cacheEntries.isEmpty && traces.isEmpty
    }

    public struct NewRun: Sendable {
        public var facts: RunFacts
        public var source: String
        /// The hash of the definition that it is pinned to.
        public var definition: String
        public var taskCount: Int
    }

    public struct RunStateChange: Hashable, Sendable {
        public var run: String
        public var state: RunState
        public var began: Timestamp?
        public var ended: Timestamp?
    }

    public struct CursorChange: Hashable, Sendable {
        public var pipeline: String
        public var key: String
        public var time: Timestamp
    }

    public struct CacheEntry: Hashable, Sendable {
        public var key: String
        public var run: String
        public var task: String
        public var time: Timestamp
        public var result: [String: TaskValue]
    }
}

/// What is to be done after a turn is stored.
public enum Effect: Sendable {
    /// Carry out an attempt, and report its end once.
    case start(AttemptStart)
    /// End an attempt; it is reported all the same.
    case stop(InstanceAddress, attempt: Int, reason: String)
    /// Tell people of it.
    case alert(PipelineAlert)
    /// A run has ended.
    case ended(run: String, RunState)
}

/// An attempt that begins.
public struct AttemptStart: Sendable {
    public var address: InstanceAddress
    public var number: InstanceNumber
    public var attempt: Int
    /// How many attempts there had been when it was last cleared: those up to here were to be done anew.
    public var clearedAttempts: Int
    public var task: TaskDefinition
    public var facts: RunFacts
    /// The project's files that hold the definition.
    public var source: String
    /// Every name that its texts may read; those of files have the blob's hash.
    public var scope: TaskScope
    /// The names in it that are files, with the hashes of their blobs.
    public var files: [String: String]
    /// When it began.
    public var started: Timestamp
    /// Whether it began before the program did and only waits.
    public var isResumed: Bool

    /// The same for every attempt until it is cleared: what was done under it is not to be done again.
    public var effectKey: String { "\(address)#\(clearedAttempts)" }
}

/// Something that people should know of.
public struct PipelineAlert: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case deadlinePassed = "deadline_passed"
        case runFailed = "run_failed"
        case runTimedOut = "run_timed_out"
    }

    public var kind: Kind
    public var pipeline: String
    public var run: String
    /// Nil if it is about the run.
    public var task: String?
    public var time: Timestamp
}

/// How an attempt ended.
public enum AttemptOutcome: Sendable {
    /// With its result, and the key under which later runs may take it.
    case succeeded([String: TaskValue], cacheKey: String? = nil)
    /// With a result that an earlier run gave.
    case cached([String: TaskValue])
    case failed(reason: String, isRetryable: Bool = true)
    case skipped(reason: String)
}
