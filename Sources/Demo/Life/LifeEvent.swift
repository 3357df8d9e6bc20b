public import MartletBytes
public import MartletFrames

/// Something that happened in a life, as the platform tells it.
public struct LifeEvent: Sendable {
    public enum Kind: String, Sendable {
        case alarmFired, alarmEnded, pipelineEnded
        case rolloutStarted, rolloutAdvanced, rolloutWaiting, rolloutPromoted, rolloutWithdrawn, rolloutSuperseded
    }

    public var kind: Kind
    /// When the platform says that it happened; of alarms, when it was seen.
    public var time: Timestamp
    /// What the interface answers about it: the alarm, the run of a pipeline with its `training`, the rollout with its `event`.
    public var facts: JSONValue
}
