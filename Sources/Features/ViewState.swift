/// The state of one feature view: folds a stream's changes and answers *f(view, entity key, t, cut)*.
///
/// The same state and code serve live reads, backfill, training sets and replay. Answers depend only on which changes
/// were folded, not on how they were split into batches, merged, or saved in between.
///
/// ```swift
/// var state = ViewState(plan: plan)
/// state.update(changes)
/// let columns = state.read(FeatureQuestions(entityKeys: [customers], times: times, cut: cut))
/// ```
///
/// A copy is cheap until one of the two is changed. Reading is safe from several threads at once.
public struct ViewState: Sendable {
    /// What the state computes.
    public let plan: ViewPlan
    var arena: VersionArena

    /// A state that has folded nothing.
    public init(plan: ViewPlan) {
        self.plan = plan
        arena = VersionArena(plan: plan)
    }

    /// What the state holds.
    public struct Statistics: Hashable, Sendable {
        /// Versions of events, those that a correction or retraction ended included.
        public var versions: Int
        /// Of them, the ended ones.
        public var removedVersions: Int
        public var entities: Int
        /// Removals whose version was not among the records folded: they take effect when a merge brings it.
        public var pendingRemovals: Int
        /// Rows whose filter or argument failed to evaluate (division by zero, overflow …) and so is missing.
        public var evaluationFailures: Int
        /// Memory taken, in bytes.
        public var bytes: Int
    }

    /// What the state holds; O(aggregations).
    public var statistics: Statistics {
        Statistics(
            versions: arena.versionCount, removedVersions: arena.removedCount, entities: arena.entityCount,
            pendingRemovals: arena.pendingRemovals.count, evaluationFailures: arena.evaluationFailures,
            bytes: arena.byteCount)
    }

    /// Makes the arena ours alone before it is changed.
    mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&arena) { arena = arena.copy() }
    }
}
