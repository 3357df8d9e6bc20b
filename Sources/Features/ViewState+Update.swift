internal import MartletFrames
internal import MartletExpressions

extension ViewState {
    /// Folds a batch of changes, in log order.
    ///
    /// Late and equal-time events, corrections and retractions may come in any order of event time. A row that misses a
    /// part of its entity key is in no entity.
    ///
    /// - Precondition: the rows have the plan's source columns; positions do not decrease over the batches.
    /// - Complexity: O(*n*) for events that come in order of event time, and amortised no allocation an event; a late
    ///   event costs besides O(its entity's events after it) moves, once for all late events of the batch.
    public mutating func update(_ changes: EventChanges) {
        let rowCount = changes.rows.rowCount
        precondition(
            changes.isRemoval.count == rowCount && changes.positions.count == rowCount
                && changes.knownTimes.count == rowCount && changes.supersededPositions.count == rowCount
                && changes.uniqueKeys.count == rowCount && changes.payloads.count == rowCount,
            "the columns of a batch of changes differ in length")
        guard rowCount > 0 else { return }
        makeUnique()
        guard let timeColumn = changes.rows[plan.eventTime], case .timestamp(let times) = timeColumn.storage else {
            preconditionFailure("view '\(plan.name)' finds no timestamp column '\(plan.eventTime)' in its source")
        }
        let entityColumns = plan.entityKeys.map { field -> Column in
            guard let column = changes.rows[field.name], column.type == field.type else {
                preconditionFailure("view '\(plan.name)' finds no \(field.type) column '\(field.name)' in its source")
            }
            return column
        }
        let numbers = Slab<Int32>(capacity: rowCount)
        numbers.fill(-1, from: 0, to: rowCount)
        EntityKeyBytes.forEach(entityColumns, rowCount: rowCount) { row, key in
            // An event without a time is in no window.
            guard !timeColumn.isMissing(row) else { return }
            numbers[row] = Int32(truncatingIfNeeded: arena.internEntity(key))
        }
        let batch = LaneBatch(changes.rows, plan, arena)
        let rows = EntityRows(numbers: numbers.base, rowCount: rowCount, entityCount: arena.entityCount)
        numbers.deallocate()
        arena.fold(changes, times, rows, batch)
        rows.deallocate()
        batch.deallocate()
    }
}

extension VersionArena {
    fileprivate func fold(_ changes: EventChanges, _ times: [Int64], _ rows: EntityRows, _ batch: LaneBatch) {
        let rowCount = changes.rows.rowCount
        let chosen = UnsafeMutableBufferPointer<Int>.allocate(capacity: rowCount)
        defer { chosen.deallocate() }
        let mayRepeat = Slab<Bool>(capacity: rowCount)
        defer { mayRepeat.deallocate() }
        times.withUnsafeBufferPointer { times in
            changes.uniqueKeys.withUnsafeBufferPointer { uniqueKeys in
                changes.payloads.withUnsafeBufferPointer { payloads in
                    changes.positions.withUnsafeBufferPointer { positions in
                        changes.knownTimes.withUnsafeBufferPointer { knownTimes in
                            guard let times = times.baseAddress, let uniqueKeys = uniqueKeys.baseAddress,
                                let payloads = payloads.baseAddress, let positions = positions.baseAddress,
                                let knownTimes = knownTimes.baseAddress
                            else { return }
                            noteUniqueKeys(
                                uniqueKeys, (0..<rowCount).lazy.filter { !changes.isRemoval[$0] }, count: rowCount, mayRepeat.base)
                            let staged = StagedVersions(
                                times: times, uniqueKeys: uniqueKeys, payloads: payloads, positions: positions,
                                knownTimes: knownTimes, removedPositions: nil, removedKnownTimes: nil, lanes: batch.values,
                                mayRepeat: mayRepeat.base)
                            foldRuns(changes, staged, rows, chosen)
                        }
                    }
                }
            }
        }
    }

    /// Folds each entity's rows: additions first, since a removal may end a version of the same batch.
    private func foldRuns(
        _ changes: EventChanges, _ staged: StagedVersions, _ rows: EntityRows, _ chosen: UnsafeMutableBufferPointer<Int>
    ) {
        var index = 0
        while index < rows.count, rows.entity(index) >= 0 {
            let entity = rows.entity(index)
            let end = rows.endOfRun(from: index)
            var additions = 0
            for place in index..<end where !changes.isRemoval[rows.row(place)] {
                chosen[additions] = rows.row(place)
                additions += 1
            }
            var firstChanged = Int.max
            if additions > 0 {
                firstChanged = insert(UnsafeMutableBufferPointer(rebasing: chosen[0..<additions]), of: staged, into: entity)
            }
            if additions < end - index {
                for place in index..<end where changes.isRemoval[rows.row(place)] {
                    let row = rows.row(place)
                    let removal = PendingRemoval(
                        entity: entity, eventTime: staged.times[row], superseded: changes.supersededPositions[row],
                        position: staged.positions[row], knownTime: staged.knownTimes[row],
                        uniqueKey: staged.uniqueKeys[row])
                    if let version = remove(removal) {
                        firstChanged = min(firstChanged, version)
                    } else {
                        pendingRemovals.append(removal)
                    }
                }
            }
            if firstChanged != .max { rebuildSummaries(entity, from: firstChanged) }
            index = end
        }
    }
}
