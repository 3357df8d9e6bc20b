public import MartletFrames

/// What is settled about a run when it is made.
public struct RunFacts: Hashable, Sendable {
    /// A time-ordered id, in its text form.
    public var id: String
    public var pipeline: String
    public var cause: RunCause
    /// The data that it is about; nil for a run that is about no interval.
    public var interval: DataInterval?
    /// Every parameter of the definition that has a value.
    public var parameters: [String: Value]
    /// Whose rights it has.
    public var actor: RunActor
    public var created: Timestamp
    /// The backfill that it is part of.
    public var backfill: String?
    /// The task instance that it was started by.
    public var parent: InstanceAddress?
    /// A request that bears the same key again starts nothing.
    public var requestKey: String?
    /// For people.
    public var note: String?

    public init(
        id: String, pipeline: String, cause: RunCause, interval: DataInterval? = nil, parameters: [String: Value] = [:],
        actor: RunActor, created: Timestamp, backfill: String? = nil, parent: InstanceAddress? = nil, requestKey: String? = nil,
        note: String? = nil
    ) {
        self.id = id
        self.pipeline = pipeline
        self.cause = cause
        self.interval = interval
        self.parameters = parameters
        self.actor = actor
        self.created = created
        self.backfill = backfill
        self.parent = parent
        self.requestKey = requestKey
        self.note = note
    }
}

/// Why a run was made.
public enum RunCause: String, Hashable, Sendable, CaseIterable {
    case schedule, manual, backfill
    /// A stream reached a time, or a model's alias names another version.
    case data
    /// A request with a signature.
    case event
    /// An alarm of a monitor.
    case alarm
    /// A task of another pipeline.
    case pipeline
}

/// Who submitted or scheduled a run: what the guard is asked about when a task starts.
public struct RunActor: Hashable, Sendable {
    /// As ``Principal/Kind``.
    public var kind: String
    public var id: String
    public var name: String

    public init(kind: String, id: String, name: String) {
        self.kind = kind
        self.id = id
        self.name = name
    }
}

/// One task instance among all runs.
public struct InstanceAddress: Hashable, Sendable {
    public var run: String
    public var task: String
    /// 0 for a task that is not mapped.
    public var index: Int

    public init(run: String, task: String, index: Int = 0) {
        self.run = run
        self.task = task
        self.index = index
    }
}

extension InstanceAddress: CustomStringConvertible {
    /// The same for every attempt: the key that a body which may run twice can use to have one effect.
    public var description: String { "\(run)/\(task)/\(index)" }
}
