internal import MartletFrames

extension ViewState {
    /// Takes over what another state of the same view has folded.
    ///
    /// For parts of a backfill: each record is folded into exactly one of the states, in any split. A correction may be
    /// in another part than the event it corrects.
    ///
    /// - Precondition: both have the same plan.
    /// - Complexity: O(versions of `other`, and of the entities that both have).
    public mutating func merge(_ other: ViewState) {
        precondition(
            arena.program.lanes == other.arena.program.lanes && plan.entityKeys.map(\.type) == other.plan.entityKeys.map(\.type),
            "views '\(plan.name)' and '\(other.plan.name)' differ: their states cannot be merged")
        makeUnique()
        arena.merge(other.arena)
    }
}

extension VersionArena {
    fileprivate func merge(_ other: VersionArena) {
        evaluationFailures += other.evaluationFailures
        for (index, lane) in other.lanes.enumerated() where !lane.isAlwaysPresent { lanes[index].isAlwaysPresent = false }
        for (index, lane) in other.lanes.enumerated() where lane.kind == .number {
            widenGroup(of: index, low: lane.format.lowest, high: lane.format.highest)
        }
        if other.tracksRemovals { trackRemovals() }

        // Texts are numbered by each state for itself.
        let words = other.lanes.enumerated().map { index, lane -> Slab<UInt64>? in
            guard lane.kind == .text else { return nil }
            let group = program.groups[index]
            let numbers = (0..<other.texts[group].count).map { UInt64(texts[group].intern(other.texts[group].key($0))) }
            let renumbered = lane.words.duplicate()
            other.forEachSlot { slot in
                if lane.flags[slot] & Lane.present != 0 { renumbered[slot] = numbers[Int(lane.words[slot])] }
            }
            return renumbered
        }
        defer { words.forEach { $0?.deallocate() } }
        let values = other.lanes.enumerated().map { index, lane in
            StagedVersions.LaneValues(
                flags: UnsafePointer(lane.flags.base), words: UnsafePointer(words[index]?.base ?? lane.words.base))
        }
        let longest = (0..<other.entityCount).reduce(0) { max($0, other.entities[$1].count) }
        let rows = UnsafeMutableBufferPointer<Int>.allocate(capacity: longest)
        defer { rows.deallocate() }
        let numbers = (0..<other.entityCount).map { internEntity(other.keys.key($0)) }
        let mayRepeat = Slab<Bool>(capacity: other.slotCapacity)
        defer { mayRepeat.deallocate() }
        noteUniqueKeys(other.fingerprints.base, other.slots, count: other.versionCount, mayRepeat.base)
        values.withUnsafeBufferPointer { values in
            guard let values = values.baseAddress else { return }
            let staged = StagedVersions(
                times: other.times.base, uniqueKeys: other.fingerprints.base, payloads: other.payloads.base,
                positions: other.positions.base, knownTimes: other.knownTimes.base,
                removedPositions: other.tracksRemovals ? UnsafePointer(other.removedPositions.base) : nil,
                removedKnownTimes: other.tracksRemovals ? UnsafePointer(other.removedKnownTimes.base) : nil, lanes: values,
                mayRepeat: mayRepeat.base)
            for entity in 0..<other.entityCount where other.entities[entity].count > 0 {
                let source = other.entities[entity]
                let chosen = UnsafeMutableBufferPointer(rebasing: rows[0..<source.count])
                for index in 0..<source.count { chosen[index] = source.start + index }
                rebuildSummaries(numbers[entity], from: insert(chosen, of: staged, into: numbers[entity]))
            }
        }
        resolve(other.pendingRemovals.map { removal in
            var removal = removal
            removal.entity = numbers[removal.entity]
            return removal
        })
    }

    /// Applies removals whose version may have come from the other side; the rest goes on waiting.
    private func resolve(_ added: [PendingRemoval]) {
        let waiting = pendingRemovals + added
        pendingRemovals = waiting.filter { removal in
            guard let version = remove(removal) else { return true }
            rebuildSummaries(removal.entity, from: version)
            return false
        }
    }

    /// The slots that hold versions.
    private var slots: [Int] {
        var slots: [Int] = []
        slots.reserveCapacity(versionCount)
        forEachSlot { slots.append($0) }
        return slots
    }

    /// Calls `body` for each slot that holds a version.
    func forEachSlot(_ body: (Int) -> Void) {
        for entity in 0..<entityCount {
            let owner = entities[entity]
            for slot in owner.start..<(owner.start + owner.count) { body(slot) }
        }
    }
}
