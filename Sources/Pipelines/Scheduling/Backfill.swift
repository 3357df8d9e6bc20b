public import MartletFrames

/// A range of past intervals that is run, a bounded number at a time.
public struct Backfill: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        case running, ended, cancelled
    }

    public var id: String
    public var pipeline: String
    public var actor: RunActor
    public var created: Timestamp
    public var parameters: [String: Value]
    /// In the order in which they run.
    public var intervals: [DataInterval]
    /// How many of them have been made into runs.
    public var next = 0
    /// Runs of it that are queued or under way at a time.
    public var maxActiveRuns: Int
    public var state = State.running
    /// Runs of it that have not ended.
    var active = 0

    public init(
        id: String, pipeline: String, actor: RunActor, created: Timestamp, parameters: [String: Value] = [:],
        intervals: [DataInterval], maxActiveRuns: Int
    ) {
        self.id = id
        self.pipeline = pipeline
        self.actor = actor
        self.created = created
        self.parameters = parameters
        self.intervals = intervals
        self.maxActiveRuns = maxActiveRuns
    }
}
