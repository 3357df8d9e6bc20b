/// Where a task instance is: a task's definition in one run, for one item if it is mapped.
public enum InstanceState: String, Hashable, Sendable, CaseIterable {
    /// What comes before it has not ended.
    case waiting
    /// It could start, and waits for room in a pool.
    case queued
    case running
    /// It runs no code and takes no room while it waits: for a person, a time, data, another run.
    case deferred
    /// An attempt failed; the next begins after a while.
    case retrying
    case succeeded
    case failed
    /// Its condition or its trigger rule ruled it out.
    case skipped
    /// It could not start for a failure before it.
    case upstreamFailed = "upstream_failed"
    /// The run was cancelled before it ended.
    case cancelled

    public var isEnd: Bool {
        switch self {
        case .succeeded, .failed, .skipped, .upstreamFailed, .cancelled: true
        case .waiting, .queued, .running, .deferred, .retrying: false
        }
    }

    var isFailure: Bool { self == .failed || self == .upstreamFailed || self == .cancelled }
    /// Whether an attempt is under way, in this process or waited for.
    var isUnderWay: Bool { self == .running || self == .deferred }
}

/// Where a run is.
public enum RunState: String, Hashable, Sendable, CaseIterable {
    /// Other runs of its pipeline are under way, as many as may be.
    case queued
    case running
    case succeeded
    /// A task failed that may not fail, or the run took too long.
    case failed
    case cancelled

    public var isEnd: Bool { self == .succeeded || self == .failed || self == .cancelled }
}
