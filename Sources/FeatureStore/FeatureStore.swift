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

    /// A view on its way, in the hands of one task at a time; the state has no other owner, so that updates change it in place.
    private final class NewSlot: Sendable {
        private let slot: Mutex<Slot>

        init(_ slot: Slot) {
            self.slot = Mutex(slot)
        }

        func update(_ changes: EventChanges) {
            slot.withLock { $0.update(changes) }
        }

        var source: String { slot.withLock { $0.view.plan.source } }

        /// Gives the slot away; what stays is empty.
        func take() -> Slot {
            slot.withLock { slot in
                let taken = slot
                slot.state = ViewState(plan: slot.view.plan)
                return taken
            }
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
            let new = views.filter { !known.contains($0.hash) }
            let starts = await startingStates(of: new, upTo: target)
            // Views that begin at one place read the log together.
            for start in Set(starts.map(\.cut)).sorted() {
                let slots = starts.filter { $0.cut == start }.map(\.slot)
                try await backfill(slots, from: start, to: target, progress)
            }
            folded.withLock { folded in
                for start in starts {
                    let slot = start.slot.take()
                    folded.slots[slot.view.hash] = slot
                }
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

    /// Computes features of few rows as of an earlier cut: a replay.
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

    /// Computes the features of many rows, such as a training set's, with the views read side by side.
    ///
    /// The same values as ``compute(_:_:at:ownKeys:cut:asKnown:)`` gives, bit for bit.
    public func computeSideBySide(
        _ recipe: FeatureRecipe, _ rows: Frame, at times: [Int64], ownKeys: [Fingerprint]?, cut: Int64, asKnown: Bool
    ) async throws(FeatureStoreError) -> FeatureResult {
        let slots = folded.withLock { $0.slots }
        return try await recipe.computeSideBySide(rows, at: times, ownKeys: ownKeys, cut: cut, asKnown: asKnown) {
            hash throws(FeatureStoreError) in
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

    /// A page's changes by stream, and where the page after it begins.
    private struct Step: Sendable {
        var parts: [(stream: String, changes: EventChanges)]
        var next: Int64
    }

    /// The changes of the next page, none at or past a bound, and where the page after it begins.
    private func step(
        from position: Int64, below bound: Int64, streams: Set<String>, rows: Int
    ) async throws(FeatureStoreError) -> Step {
        do {
            let page = try await log.read(from: position, streams: streams, maxRows: rows, maxBytes: limits.pageBytes)
            var parts: [(stream: String, changes: EventChanges)] = []
            for batch in page.batches where batch.positions.first ?? bound < bound {
                guard let all = try await EventFold.changes(batch, before: { try await log.row(at: $0)?.rows }) else { continue }
                parts.append((batch.stream, all.below(bound)))
            }
            return Step(parts: parts, next: min(page.next, bound))
        } catch {
            throw .logUnreadable(error)
        }
    }

    /// The states that new views begin with, and the cuts that these are of; snapshots are loaded side by side.
    private func startingStates(of views: [View], upTo target: Int64) async -> [(slot: NewSlot, cut: Int64)] {
        await withTaskGroup(of: (index: Int, slot: NewSlot, cut: Int64).self) { group in
            for (index, view) in views.enumerated() {
                group.addTask {
                    let (state, cut) = self.snapshot(of: view, upTo: target) ?? (ViewState(plan: view.plan), 0)
                    return (index, NewSlot(Slot(view: view, state: state)), cut)
                }
            }
            var all: [(index: Int, slot: NewSlot, cut: Int64)] = []
            for await one in group { all.append(one) }
            return all.sorted { $0.index < $1.index }.map { ($0.slot, $0.cut) }
        }
    }

    /// Folds a stretch of the log into views that nothing reads yet: a task a view, while the next page is read.
    private func backfill(
        _ slots: [NewSlot], from start: Int64, to target: Int64, _ progress: (_ cut: Int64, _ end: Int64) -> Void
    ) async throws(FeatureStoreError) {
        let streams = Set(slots.map(\.source))
        guard start < target else { return }
        var page = try await step(from: start, below: target, streams: streams, rows: limits.backfillRows)
        while true {
            let folding = page
            let next: Result<Step, FeatureStoreError>? = await withTaskGroup(of: Void.self) { group in
                for slot in slots {
                    group.addTask {
                        let source = slot.source
                        for part in folding.parts where part.stream == source { slot.update(part.changes) }
                    }
                }
                guard folding.next < target else { return nil }
                do throws(FeatureStoreError) {
                    return .success(
                        try await step(from: folding.next, below: target, streams: streams, rows: limits.backfillRows))
                } catch { return .failure(error) }
            }
            progress(folding.next, target)
            guard let next else { return }
            page = try next.get()
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
