public import MartletFrames

/// A batch of changes to a stream's events, in log order: the input of the feature engine and of its oracle.
///
/// An event is one addition; a correction, or an outcome that fills a late field, is a removal of the version it
/// supersedes followed by an addition, both at the correction's position and known time; a retraction is a removal.
/// A version is visible from its addition until its removal.
public struct EventChanges: Sendable {
    /// The rows of the source stream: for a removal, the row as it was added.
    public var rows: Frame
    /// Whether each row is a removal.
    public var isRemoval: [Bool]
    /// The log position of the record that makes the change; never decreases over the batches a state is fed.
    public var positions: [Int64]
    /// When a decision could have known of the change: the record's known time.
    public var knownTimes: [Int64]
    /// For a removal, the position at which the version that ends was added; unused for an addition.
    public var supersededPositions: [Int64]
    /// The fingerprint of the event's unique key, or `.none` where the stream has none.
    public var uniqueKeys: [Fingerprint]
    /// The fingerprint of the row's payload: the last tie-break.
    public var payloads: [Fingerprint]

    public init(
        rows: Frame, isRemoval: [Bool], positions: [Int64], knownTimes: [Int64], supersededPositions: [Int64],
        uniqueKeys: [Fingerprint], payloads: [Fingerprint]
    ) {
        self.rows = rows
        self.isRemoval = isRemoval
        self.positions = positions
        self.knownTimes = knownTimes
        self.supersededPositions = supersededPositions
        self.uniqueKeys = uniqueKeys
        self.payloads = payloads
    }
}

/// A batch of questions to a view: the features of an entity, at a time, as of a cut.
public struct FeatureQuestions: Sendable {
    /// One column an entity key, in the plan's order. A row with a missing key asks for an entity that has no events.
    public var entityKeys: [Column]
    /// `t` of each row, in microseconds since 1970.
    public var times: [Int64]
    /// Only records at positions below this are seen.
    public var cut: Int64
    /// Whether, besides, only changes with `known time ≤ t` are seen: training sets `as_known`.
    public var asKnown: Bool
    /// The unique key that each row itself bears and must not see; nil if the rows are no events.
    public var ownKeys: [Fingerprint]?

    public init(entityKeys: [Column], times: [Int64], cut: Int64, asKnown: Bool = false, ownKeys: [Fingerprint]? = nil) {
        self.entityKeys = entityKeys
        self.times = times
        self.cut = cut
        self.asKnown = asKnown
        self.ownKeys = ownKeys
    }
}
