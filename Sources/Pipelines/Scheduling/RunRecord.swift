public import MartletFrames

/// A task instance within one run, by numbers.
public struct InstanceNumber: Hashable, Sendable {
    /// In the order of the definition's tasks.
    public var task: Int
    /// Of the item; 0 for a task that is not mapped.
    public var index: Int

    public init(_ task: Int, _ index: Int = 0) {
        self.task = task
        self.index = index
    }
}

/// One thing that happened in a run. A run's state is what its records say, one after another, and nothing else.
///
/// Records tell what was decided, never what is to be decided, so that a later program reads them to the same state.
public enum RunRecord: Hashable, Sendable {
    /// The run left the queue.
    case began
    /// A mapped task has so many items.
    case expanded(task: Int, count: Int)
    /// An attempt begins; numbered from 1 over the whole life of the run.
    case attempt(InstanceNumber, number: Int, isDeferred: Bool)
    /// An instance ended, after the attempt of that number or (0) without one.
    case ended(InstanceNumber, attempt: Int, InstanceState, InstanceEnd)
    /// An attempt failed; the next begins after a delay.
    case retrying(InstanceNumber, attempt: Int, reason: String, delay: Timestamp.Span)
    /// An attempt was cut short by the end of the program, and is no failure of its own; counted if the program did not end in order.
    case interrupted(InstanceNumber, attempt: Int, isCounted: Bool)
    /// Tasks are made anew, with all their instances.
    case cleared(tasks: [Int], by: String)
    /// A person said how an instance ended.
    case marked(InstanceNumber, InstanceState, by: String)
    /// Nothing starts any more; what runs is being ended.
    case stopping(StopCause, by: String)
    /// The run, or a task of it, passed its deadline.
    case late(task: Int?)
    case finished(RunState)
}

/// Why a run is being stopped.
public enum StopCause: String, Hashable, Sendable, CaseIterable {
    /// A person asked for it.
    case cancelled
    /// It took longer than it may.
    case timedOut = "timed_out"
}

/// What an instance's end says beside its state.
public struct InstanceEnd: Hashable, Sendable {
    /// By the outputs' names.
    public var result: [String: TaskValue]
    /// Why it failed or was skipped; bounded.
    public var reason: String?
    /// Whether the result was taken from an earlier run.
    public var isCached: Bool

    public init(result: [String: TaskValue] = [:], reason: String? = nil, isCached: Bool = false) {
        self.result = result
        self.reason = reason
        self.isCached = isCached
    }
}

/// A record with its time.
public struct TimedRecord: Hashable, Sendable {
    public var time: Timestamp
    public var record: RunRecord

    public init(_ time: Timestamp, _ record: RunRecord) {
        self.time = time
        self.record = record
    }
}
