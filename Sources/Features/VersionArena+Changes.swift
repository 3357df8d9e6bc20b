internal import MartletFrames

/// Columns of versions to be folded, by row: a batch, or another arena.
struct StagedVersions {
    struct LaneValues {
        var flags: UnsafePointer<UInt8>
        var words: UnsafePointer<UInt64>
    }

    var times: UnsafePointer<Int64>
    var uniqueKeys: UnsafePointer<Fingerprint>
    var payloads: UnsafePointer<Fingerprint>
    var positions: UnsafePointer<Int64>
    var knownTimes: UnsafePointer<Int64>
    /// Nil if none of them is removed.
    var removedPositions: UnsafePointer<Int64>?
    var removedKnownTimes: UnsafePointer<Int64>?
    /// One a lane of the arena.
    var lanes: UnsafePointer<LaneValues>
    /// Whether the unique key may have been folded before; see ``UniqueKeyIndex``.
    var mayRepeat: UnsafePointer<Bool>

    @inline(__always) func precedes(_ left: Int, _ right: Int) -> Bool {
        if times[left] != times[right] { return times[left] < times[right] }
        if uniqueKeys[left] != uniqueKeys[right] { return uniqueKeys[left] < uniqueKeys[right] }
        if payloads[left] != payloads[right] { return payloads[left] < payloads[right] }
        if positions[left] != positions[right] { return positions[left] < positions[right] }
        return left < right
    }
}

extension VersionArena {
    // MARK: Additions

    /// Folds versions of one entity; gives the first version whose place or value changed.
    ///
    /// Rows that come in order are appended. Others are sorted and merged from the end, so that each older version moves
    /// at most once a batch.
    func insert(_ rows: UnsafeMutableBufferPointer<Int>, of staged: StagedVersions, into entity: Int) -> Int {
        reserve(entity, entities[entity].count + rows.count)
        let owner = entities[entity]
        var isOrdered = owner.count == 0 || !precedes(staged, rows[0], slot: owner.start + owner.count - 1)
        var index = 1
        while isOrdered, index < rows.count {
            isOrdered = staged.precedes(rows[index - 1], rows[index])
            index += 1
        }
        let first = isOrdered ? append(rows, of: staged, to: owner) : merge(rows, of: staged, into: owner)
        note(rows, of: staged, in: entity)
        return first
    }

    /// Column by column, so that each copies on its own without waiting.
    private func append(_ rows: UnsafeMutableBufferPointer<Int>, of staged: StagedVersions, to owner: Entity) -> Int {
        let end = owner.start + owner.count
        copy(rows, staged.times, to: times, at: end)
        copy(rows, staged.positions, to: positions, at: end)
        copy(rows, staged.knownTimes, to: knownTimes, at: end)
        copy(rows, staged.uniqueKeys, to: fingerprints, at: end)
        copy(rows, staged.payloads, to: payloads, at: end)
        if tracksRemovals {
            for (index, row) in rows.enumerated() { writeRemoval(row, of: staged, at: end + index) }
        }
        for number in lanes.indices {
            let values = staged.lanes[number]
            copy(rows, values.flags, to: lanes[number].flags, at: end)
            if lanes[number].hasWords { copy(rows, values.words, to: lanes[number].words, at: end) }
        }
        for (index, row) in rows.enumerated() where staged.mayRepeat[row] {
            let slot = end + index
            if slot == owner.start || !areTwins(slot - 1, slot) { uniqueKeys.noteMove(staged.uniqueKeys[row]) }
        }
        return owner.count
    }

    @inline(__always) private func copy<Element: BitwiseCopyable>(
        _ rows: UnsafeMutableBufferPointer<Int>, _ source: UnsafePointer<Element>, to target: Slab<Element>, at start: Int
    ) {
        for index in 0..<rows.count { target[start + index] = source[rows[index]] }
    }

    private func merge(_ rows: UnsafeMutableBufferPointer<Int>, of staged: StagedVersions, into owner: Entity) -> Int {
        if rows.count <= 24 {
            for index in 1..<max(rows.count, 1) {
                let row = rows[index]
                var hole = index
                while hole > 0, staged.precedes(row, rows[hole - 1]) {
                    rows[hole] = rows[hole - 1]
                    hole -= 1
                }
                rows[hole] = row
            }
        } else {
            var sorted = rows
            sorted.sort { staged.precedes($0, $1) }
        }
        // The versions before `end` are still in their old places.
        var end = owner.count
        for index in stride(from: rows.count - 1, through: 0, by: -1) {
            let row = rows[index]
            let place = insertionPlace(of: row, staged, owner.start, end)
            moveVersions(from: owner.start + place, to: owner.start + place + index + 1, count: end - place)
            end = place
            let slot = owner.start + place + index
            writeTimes(row, of: staged, at: slot)
            for number in lanes.indices {
                lanes[number].flags[slot] = staged.lanes[number].flags[row]
                if lanes[number].hasWords { lanes[number].words[slot] = staged.lanes[number].words[row] }
            }
            guard staged.mayRepeat[row] else { continue }
            let followsTwin = place > 0 && areTwins(owner.start + place - 1, slot)
            let precedesTwin = slot + 1 < owner.start + owner.count + rows.count && areTwins(slot, slot + 1)
            if !followsTwin, !precedesTwin { uniqueKeys.noteMove(staged.uniqueKeys[row]) }
        }
        return end
    }

    /// Behind all old versions that do not come after the row, sought from the end.
    private func insertionPlace(of row: Int, _ staged: StagedVersions, _ start: Int, _ end: Int) -> Int {
        var high = end
        var low = end
        var step = 1
        while low > 0, precedes(staged, row, slot: start + low - 1) {
            high = low - 1
            low = max(high - step, 0)
            step *= 2
        }
        while low < high {
            let middle = (low + high) >> 1
            if precedes(staged, row, slot: start + middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    @inline(__always) private func precedes(_ staged: StagedVersions, _ row: Int, slot: Int) -> Bool {
        if staged.times[row] != times[slot] { return staged.times[row] < times[slot] }
        if staged.uniqueKeys[row] != fingerprints[slot] { return staged.uniqueKeys[row] < fingerprints[slot] }
        if staged.payloads[row] != payloads[slot] { return staged.payloads[row] < payloads[slot] }
        return staged.positions[row] < positions[slot]
    }

    @inline(__always) private func areTwins(_ left: Int, _ right: Int) -> Bool {
        times[left] == times[right] && fingerprints[left] == fingerprints[right]
    }

    @inline(__always) private func writeTimes(_ row: Int, of staged: StagedVersions, at slot: Int) {
        times[slot] = staged.times[row]
        fingerprints[slot] = staged.uniqueKeys[row]
        payloads[slot] = staged.payloads[row]
        positions[slot] = staged.positions[row]
        knownTimes[slot] = staged.knownTimes[row]
        if tracksRemovals { writeRemoval(row, of: staged, at: slot) }
    }

    @inline(__always) private func writeRemoval(_ row: Int, of staged: StagedVersions, at slot: Int) {
        removedPositions[slot] = staged.removedPositions?[row] ?? .max
        removedKnownTimes[slot] = staged.removedKnownTimes?[row] ?? .max
    }

    private func note(_ rows: UnsafeMutableBufferPointer<Int>, of staged: StagedVersions, in entity: Int) {
        var owner = entities[entity]
        owner.count += rows.count
        versionCount += rows.count
        for row in rows {
            owner.note(position: staged.positions[row], knownTime: staged.knownTimes[row], eventTime: staged.times[row])
        }
        guard let removedPositions = staged.removedPositions, let removedKnownTimes = staged.removedKnownTimes else {
            entities[entity] = owner
            return
        }
        for row in rows {
            let (position, knownTime) = (removedPositions[row], removedKnownTimes[row])
            guard position != .max else { continue }
            owner.removedCount += 1
            removedCount += 1
            owner.note(position: position, knownTime: knownTime, eventTime: staged.times[row])
        }
        entities[entity] = owner
    }

    /// Makes the filter of unique keys large enough before as many versions are added.
    private func prepareUniqueKeys(adding count: Int) {
        guard uniqueKeys.isFull(at: uniqueKeys.count + count) else { return }
        uniqueKeys.reset(for: versionCount + count)
        for entity in 0..<entityCount {
            let owner = entities[entity]
            for slot in owner.start..<(owner.start + owner.count) { _ = uniqueKeys.insert(fingerprints[slot]) }
        }
    }

    /// Adds the unique keys of rows to the filter, and writes of each whether it may have been there before.
    ///
    /// In a loop of its own: every key waits for memory, and so the waits overlap.
    func noteUniqueKeys(
        _ keys: UnsafePointer<Fingerprint>, _ rows: some Sequence<Int>, count: Int, _ mayRepeat: UnsafeMutablePointer<Bool>
    ) {
        prepareUniqueKeys(adding: count)
        var index = uniqueKeys
        for row in rows { mayRepeat[row] = index.insert(keys[row]) }
        uniqueKeys = index
    }

    // MARK: Removals

    /// Ends a version; gives its place, or nil if it is not here.
    func remove(_ removal: PendingRemoval) -> Int? {
        let owner = entities[removal.entity]
        guard let version = find(removal, in: owner) else { return nil }
        trackRemovals()
        let slot = owner.start + version
        removedPositions[slot] = removal.position
        removedKnownTimes[slot] = removal.knownTime
        for number in lanes.indices { lanes[number].flags[slot] |= Lane.removed }
        removedCount += 1
        entities[removal.entity].removedCount += 1
        entities[removal.entity].note(
            position: removal.position, knownTime: removal.knownTime, eventTime: removal.eventTime)
        return version
    }

    private func find(_ removal: PendingRemoval, in owner: Entity) -> Int? {
        func matches(_ slot: Int) -> Bool {
            positions[slot] == removal.superseded && (!tracksRemovals || removedPositions[slot] == .max)
        }
        // Most often the unique key leads to it; the position alone decides.
        let earliest = firstVersion(notBefore: removal.eventTime, start: owner.start, count: owner.count, near: owner.count)
        var place = firstVersion(of: removal.uniqueKey, at: removal.eventTime, owner, from: earliest)
        while place < owner.count, times[owner.start + place] == removal.eventTime,
            fingerprints[owner.start + place] == removal.uniqueKey
        {
            if matches(owner.start + place) { return place }
            place += 1
        }
        place = earliest
        while place < owner.count, times[owner.start + place] == removal.eventTime {
            if matches(owner.start + place) { return place }
            place += 1
        }
        return nil
    }

    /// The first version at a time whose unique key is not below one, given the first at that time.
    func firstVersion(of key: Fingerprint, at time: Int64, _ owner: Entity, from first: Int) -> Int {
        func isBefore(_ place: Int) -> Bool {
            times[owner.start + place] == time && fingerprints[owner.start + place] < key
        }
        var low = first
        var step = 1
        var high = low
        while high < owner.count, isBefore(high) {
            low = high + 1
            high = min(low + step, owner.count)
            step *= 2
        }
        while low < high {
            let middle = (low + high) >> 1
            if isBefore(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension VersionArena.Entity {
    mutating func note(position: Int64, knownTime: Int64, eventTime: Int64) {
        positionMax = max(positionMax, position)
        knownMax = max(knownMax, knownTime)
        let (lag, overflow) = knownTime.subtractingReportingOverflow(eventTime)
        lagMax = max(lagMax, overflow ? (knownTime > 0 ? .max : .min) : lag)
    }
}
