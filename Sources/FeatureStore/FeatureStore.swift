public import MartletFeatures
public import MartletFrames
public import MartletStorage
public import MartletWorld
import Synchronization

/// The folded state of every feature view in force, kept up with the log.
///
/// All views are folded to one cut, so a read over several of them sees one moment. A state answers for any earlier
/// cut as well, which is what replay and training sets ask for. States are a function of the log: a snapshot of them
/// only saves time, and one that is missing or stale is made up for by folding.
public final class FeatureStore: Sendable {
    public struct Limits: Sendable {
        /// Rows folded at a time while reads wait.
        public var foldRows = 4_096
        /// Rows folded at a time into a view that nothing reads yet.
        public var backfillRows = 65_536
        /// Bytes of the log looked at for one page.
        public var pageBytes = 16 << 20
        /// Rows folded since the last snapshots after which ``snapshotIfDue()`` writes them anew.
        public var snapshotRows = 400_000
        /// Bytes of one snapshot file.
        public var snapshotBytes = 8 << 30

        public init() {}
    }

    /// A view as the store knows it.
    public struct View: Sendable {
        /// The hash of its definition, which names its state.
        public var hash: String
        public var plan: ViewPlan
        /// The schema under which the plan reads its source; events stored before a field was added lack it.
        public var source: Schema

        public init(hash: String, plan: ViewPlan, source: Schema) {
            self.hash = hash
            self.plan = plan
            self.source = source
        }
    }

    private struct Slot {
        let view: View
        var state: ViewState

        mutating func update(_ changes: EventChanges) {
            var changes = changes
            changes.rows = changes.rows.conforming(to: view.source)
            state.update(changes)
        }
    }

    private struct Folded {
        /// Every state has folded the records below this.
        var cut: Int64 = 0
        var slots: [String: Slot] = [:]
        var rowsSinceSnapshot = 0
    }

    private let log: any EventLog
    private let files: any FileSystem
    private let folder: RelativePath
    private let limits: Limits
    /// Guards the states and their cut.
    private let folded = Mutex(Folded())
    /// Held while the cut moves or views come and go, so that one does so at a time.
    private let folding = AsyncLock()

    /// - Parameter folder: where snapshots are kept.
    public init(log: any EventLog, files: any FileSystem, folder: RelativePath, limits: Limits = Limits()) throws(FileError) {
        self.log = log
        self.files = files
        self.folder = folder
        self.limits = limits
        try files.createFolder(folder)
    }

    /// The cut to which every view is folded.
    public var cut: Int64 { folded.withLock { $0.cut } }

    /// The figures of each folded view's state, by hash.
    public var statistics: [String: ViewState.Statistics] {
        folded.withLock { $0.slots.mapValues(\.state.statistics) }
    }

    /// Folds these views from now on, and no others; returns when all are folded to one cut.
    ///
    /// A view that was folded before goes on as it is; a new one starts from its snapshot if there is one, else from
    /// the beginning of the log. Reads of the others go on meanwhile.
    public func setViews(_ views: [View], progress: (_ cut: Int64, _ end: Int64) -> Void = { _, _ in }) async throws(FeatureStoreError) {
        try await folding.hold { () async throws(FeatureStoreError) in
            let known = folded.withLock { Set($0.slots.keys) }
            // With nothing folded the cut may go anywhere; else the new views join the others where they are.
            let target = known.isEmpty ? log.end : cut
            for view in views where !known.contains(view.hash) {
                var (state, start) = snapshot(of: view, upTo: target) ?? (ViewState(plan: view.plan), 0)
                var slot = Slot(view: view, state: state)
                // The slot alone holds the state from here on, so that updates change it where it is.
                state = ViewState(plan: view.plan)
                while start < target {
                    let step = try await step(from: start, below: target, streams: [view.plan.source], rows: limits.backfillRows)
                    for part in step.parts { slot.update(part.changes) }
                    start = step.next
                    progress(start, target)
                }
                folded.withLock { [slot] in $0.slots[view.hash] = slot }
            }
            let wanted = Set(views.map(\.hash))
            folded.withLock { folded in
                folded.cut = target
                for hash in Array(folded.slots.keys) where !wanted.contains(hash) { folded.slots[hash] = nil }
            }
        }
    }

    /// Folds everything that is durable now, and returns the cut.
    @discardableResult
    public func catchUp() async throws(FeatureStoreError) -> Int64 {
        try await folding.hold { () async throws(FeatureStoreError) in
            try await fold(upTo: log.end)
            return cut
        }
    }

    /// Computes features as of the newest folded cut, which is returned with them.
    public func compute(
        _ recipe: FeatureRecipe, _ rows: Frame, at times: [Int64], ownKeys: [Fingerprint]?
    ) throws(FeatureStoreError) -> (result: FeatureResult, cut: Int64) {
        // In the lock: the states are read where they stand, for a copy would cost the next fold dearly.
        let outcome: Result<(FeatureResult, Int64), FeatureStoreError> = folded.withLock { folded in
            do throws(FeatureStoreError) {
                let cut = folded.cut
                let result = try recipe.compute(rows, at: times, ownKeys: ownKeys, cut: cut, asKnown: false) {
                    hash throws(FeatureStoreError) in
                    guard let slot = folded.slots[hash] else { throw .viewNotFolded(hash) }
                    return slot.state
                }
                return .success((result, cut))
            } catch { return .failure(error) }
        }
        let (result, cut) = try outcome.get()
        return (result, cut)
    }

    /// Computes features as of an earlier cut: a replay, or a training set.
    ///
    /// Works on the states as they are at the call; folding goes on meanwhile, at the cost of one copy of them.
    public func compute(
        _ recipe: FeatureRecipe, _ rows: Frame, at times: [Int64], ownKeys: [Fingerprint]?, cut: Int64, asKnown: Bool
    ) throws(FeatureStoreError) -> FeatureResult {
        let slots = folded.withLock { $0.slots }
        return try recipe.compute(rows, at: times, ownKeys: ownKeys, cut: cut, asKnown: asKnown) { hash throws(FeatureStoreError) in
            guard let slot = slots[hash] else { throw .viewNotFolded(hash) }
            return slot.state
        }
    }

    /// Writes snapshots if much was folded since the last ones.
    public func snapshotIfDue() async throws(FeatureStoreError) {
        if folded.withLock({ $0.rowsSinceSnapshot }) >= limits.snapshotRows { try await writeSnapshots() }
    }

    /// Writes a snapshot of every view, so that the next start folds only what comes after.
    public func writeSnapshots() async throws(FeatureStoreError) {
        try await folding.hold { () async throws(FeatureStoreError) in
            let (slots, cut) = folded.withLock { ($0.slots, $0.cut) }
            for (hash, slot) in slots.sorted(by: { $0.key < $1.key }) {
                let snapshot = ViewSnapshot(hash: hash, cut: cut)
                do {
                    try snapshot.write(slot.state, to: files, in: folder)
                } catch {
                    throw .logUnreadable(error)
                }
            }
            folded.withLock { $0.rowsSinceSnapshot = 0 }
        }
    }

    // MARK: - Folding; the lock `folding` is held

    private func fold(upTo target: Int64) async throws(FeatureStoreError) {
        let sources = folded.withLock { Set($0.slots.values.map(\.view.plan.source)) }
        while cut < target {
            if sources.isEmpty {
                folded.withLock { $0.cut = target }
                return
            }
            let step = try await step(from: cut, below: target, streams: sources, rows: limits.foldRows)
            folded.withLock { folded in
                // An array of its own: the dictionary's keys would hold on to the dictionary, and each update copy the states.
                let hashes = Array(folded.slots.keys)
                for part in step.parts {
                    for hash in hashes where folded.slots[hash]?.view.plan.source == part.stream {
                        folded.slots[hash]?.update(part.changes)
                    }
                    folded.rowsSinceSnapshot += part.changes.positions.count
                }
                folded.cut = step.next
            }
        }
    }

    /// The changes of the next page, none at or past a bound, and where the page after it begins.
    private func step(
        from position: Int64, below bound: Int64, streams: Set<String>, rows: Int
    ) async throws(FeatureStoreError) -> (parts: [(stream: String, changes: EventChanges)], next: Int64) {
        do {
            let page = try await log.read(from: position, streams: streams, maxRows: rows, maxBytes: limits.pageBytes)
            var parts: [(stream: String, changes: EventChanges)] = []
            for batch in page.batches where batch.positions.first ?? bound < bound {
                guard let all = try await EventFold.changes(batch, before: { try await log.row(at: $0)?.rows }) else { continue }
                parts.append((batch.stream, all.below(bound)))
            }
            return (parts, min(page.next, bound))
        } catch {
            throw .logUnreadable(error)
        }
    }

    /// The state that a snapshot holds; nil if there is none that can be used, for then folding makes up for it.
    private func snapshot(of view: View, upTo target: Int64) -> (ViewState, Int64)? {
        guard let found = ViewSnapshot.read(view, from: files, in: folder, limit: limits.snapshotBytes), found.cut <= target else {
            return nil
        }
        return (found.state, found.cut)
    }
}
