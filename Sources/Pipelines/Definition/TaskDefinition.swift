public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// One node of a pipeline's graph.
public struct TaskDefinition: Hashable, Sendable {
    /// Unique in its pipeline; a task in a group bears the group's name before its own: `prepare.split`.
    public let name: String
    public let place: SourcePlace
    /// What it does.
    public let work: AnyTaskWork
    /// The tasks that must end before it is decided whether it starts, groups written out, in the order of the file.
    public let after: [String]
    public let rule: TriggerRule
    /// It is skipped unless this is true; nil for always.
    public let condition: CompiledExpression?
    /// One instance for each item; nil for a single instance.
    public let mapping: TaskMapping?
    public let retry: RetryPolicy
    /// How long one attempt may take; nil for any time.
    public let timeout: Timestamp.Span?
    /// How long after the run's start a task that has not ended is an alert.
    public let deadline: Timestamp.Span?
    /// How much of which pool an instance holds while it runs.
    public let needs: [String: Int64]
    /// Larger goes first.
    public let priority: Int
    /// Its instances under way at a time, of all runs; nil for any number.
    public let maxActive: Int?
    /// For how long a result is taken again for equal code, parameters and inputs; nil for never.
    public let cache: Timestamp.Span?
    /// Whether the run succeeds even if this fails.
    public let allowFailure: Bool
    /// Whether it starts only once all others have ended and the run has failed.
    public let isOnFailure: Bool
    /// The results of other tasks that its condition, its mapping and its work read, sorted: `tasks.train.version`.
    public let readings: [String]
    /// For people; no part of the version.
    public let doc: String

    package init(
        name: String, place: SourcePlace, work: AnyTaskWork, after: [String] = [], rule: TriggerRule = .allSuccess,
        condition: CompiledExpression? = nil, mapping: TaskMapping? = nil, retry: RetryPolicy = RetryPolicy(),
        timeout: Timestamp.Span? = nil, deadline: Timestamp.Span? = nil, needs: [String: Int64] = ["cpu": 1], priority: Int = 0,
        maxActive: Int? = nil, cache: Timestamp.Span? = nil, allowFailure: Bool = false, isOnFailure: Bool = false,
        readings: [String] = [], doc: String = ""
    ) {
        self.name = name
        self.place = place
        self.work = work
        self.after = after
        self.rule = rule
        self.condition = condition
        self.mapping = mapping
        self.retry = retry
        self.timeout = timeout
        self.deadline = deadline
        self.needs = needs
        self.priority = priority
        self.maxActive = maxActive
        self.cache = cache
        self.allowFailure = allowFailure
        self.isOnFailure = isOnFailure
        self.readings = readings
        self.doc = doc
    }
}

/// The items that a task is repeated for.
public enum TaskMapping: Hashable, Sendable {
    case items([Value])
    /// The list that a task before it gave under a name.
    case result(task: String, output: String)
}

/// What the states of the tasks before it must be for a task to start. A mapped task counts as one.
public enum TriggerRule: String, Hashable, Sendable, CaseIterable {
    /// All succeeded.
    case allSuccess = "all_success"
    /// All failed, or could not start for a failure before them.
    case allFailed = "all_failed"
    /// All ended, however.
    case allDone = "all_done"
    /// All ended and at least one succeeded.
    case allDoneMinOneSuccess = "all_done_min_one_success"
    /// All were skipped.
    case allSkipped = "all_skipped"
    /// One has failed; the others are not waited for.
    case oneFailed = "one_failed"
    /// One has succeeded; the others are not waited for.
    case oneSuccess = "one_success"
    /// One has succeeded or failed; the others are not waited for.
    case oneDone = "one_done"
    /// All ended and none failed.
    case noneFailed = "none_failed"
    /// All ended, none failed, at least one succeeded.
    case noneFailedMinOneSuccess = "none_failed_min_one_success"
    /// All ended and none was skipped.
    case noneSkipped = "none_skipped"
    /// At once.
    case always
}

/// How often and when a failed attempt is made again.
///
/// The n-th retry waits `delay × factor^(n − 1)`, at most `maxDelay`, less a share of up to `jitter` of it that is drawn.
public struct RetryPolicy: Hashable, Sendable {
    public var retries: Int
    public var delay: Timestamp.Span
    public var factor: Double
    public var maxDelay: Timestamp.Span
    /// From 0 to 1.
    public var jitter: Double

    public init(
        retries: Int = 0, delay: Timestamp.Span = .seconds(10), factor: Double = 2, maxDelay: Timestamp.Span = .hours(1),
        jitter: Double = 0.2
    ) {
        self.retries = retries
        self.delay = delay
        self.factor = factor
        self.maxDelay = maxDelay
        self.jitter = jitter
    }
}
