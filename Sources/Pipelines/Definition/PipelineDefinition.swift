public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// A graph of tasks with what starts it: checked, its groups flattened, its defaults filled in.
public struct PipelineDefinition: Definition {
    public let name: String
    public let place: SourcePlace
    /// When it runs by itself; nil if only data, events or people start it.
    public let schedule: PipelineSchedule?
    /// What its calendar functions and times of day use.
    public let timeZone: TimeZoneTable
    /// Data and events that start it.
    public let triggers: [PipelineTrigger]
    public let parameters: [PipelineParameter]
    /// Runs under way at a time; more wait.
    public let maxActiveRuns: Int
    /// Task instances under way at a time, of all its runs.
    public let maxActiveTasks: Int
    /// Larger goes first; added to the tasks' own.
    public let priority: Int
    /// How long after its start a run that has not ended is an alert; nil for never.
    public let deadline: Timestamp.Span?
    /// How long a run may take; then it is cancelled and has failed.
    public let timeout: Timestamp.Span?
    /// Every task after those that it waits for; those of `on_failure` at the end.
    public let tasks: [TaskDefinition]
    /// For people; empty if there is none.
    public let doc: String
    private let indices: [String: Int]

    package init(
        name: String, place: SourcePlace, schedule: PipelineSchedule? = nil, timeZone: TimeZoneTable = .utc,
        triggers: [PipelineTrigger] = [],
        parameters: [PipelineParameter] = [], maxActiveRuns: Int = 16, maxActiveTasks: Int = 16, priority: Int = 0,
        deadline: Timestamp.Span? = nil, timeout: Timestamp.Span? = nil, tasks: [TaskDefinition], doc: String = ""
    ) {
        self.name = name
        self.place = place
        self.schedule = schedule
        self.timeZone = timeZone
        self.triggers = triggers
        self.parameters = parameters
        self.maxActiveRuns = maxActiveRuns
        self.maxActiveTasks = maxActiveTasks
        self.priority = priority
        self.deadline = deadline
        self.timeout = timeout
        self.tasks = tasks
        self.doc = doc
        indices = Dictionary(tasks.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Where a task stands in ``tasks``.
    public func index(of task: String) -> Int? { indices[task] }

    public func task(_ name: String) -> TaskDefinition? { indices[name].map { tasks[$0] } }

    /// Whether its runs are about an interval of data.
    public var hasInterval: Bool {
        schedule != nil || triggers.contains { if case .stream = $0 { true } else { false } }
    }
}

/// A value that a run is given when it is asked for.
public struct PipelineParameter: Hashable, Sendable {
    public let name: String
    public let type: ValueType
    /// Taken where the request gives none; nil for a parameter that must be given.
    public let standard: Value?
    /// For people; no part of the version.
    public let doc: String

    package init(name: String, type: ValueType, standard: Value?, doc: String = "") {
        self.name = name
        self.type = type
        self.standard = standard
        self.doc = doc
    }
}

/// Data or an event that starts a run.
public enum PipelineTrigger: Hashable, Sendable {
    /// Each interval of a length, once the newest event of a stream is later than its end by the stream's lateness.
    case stream(String, every: Timestamp.Span)
    /// A model's alias names another version.
    case model(String, alias: String)
    /// A request that is signed with a secret.
    case webhook(secret: String)
}
