import MartletFeatures
import MartletFrames
import MartletStorage

/// Turns stored records of one stream into the changes that the feature engine folds.
enum EventFold {
    /// The rows that a correction ends are read from the log, since the correction may have moved the event to another
    /// entity or time; those that an outcome or a retraction ends stand in the record itself.
    static func changes(_ batch: StoredBatch, before: (Int64) async throws -> Frame?) async throws -> EventChanges? {
        let count = batch.positions.count
        switch batch.kind {
        case .event:
            return EventChanges(
                rows: batch.rows, isRemoval: [Bool](repeating: false, count: count), positions: batch.positions,
                knownTimes: batch.knownTimes, supersededPositions: [Int64](repeating: 0, count: count),
                uniqueKeys: batch.uniqueKeys, payloads: batch.payloads)
        case .correction, .outcome, .retraction:
            guard let superseded = batch.superseded else { return nil }
            var parts: [Frame] = []
            var isRemoval: [Bool] = []
            var source: [Int] = []
            for row in 0..<count {
                let after = batch.rows.gathering([row])
                let ended = batch.kind == .correction
                    ? try await before(superseded[row])?.conforming(to: batch.rows.schema) ?? after : after
                parts.append(ended)
                isRemoval.append(true)
                source.append(row)
                if batch.kind != .retraction {
                    parts.append(after)
                    isRemoval.append(false)
                    source.append(row)
                }
            }
            guard let rows = Frame.concatenating(parts) else { return nil }
            return EventChanges(
                rows: rows, isRemoval: isRemoval,
                positions: source.map { batch.positions[$0] }, knownTimes: source.map { batch.knownTimes[$0] },
                supersededPositions: source.map { superseded[$0] }, uniqueKeys: source.map { batch.uniqueKeys[$0] },
                payloads: source.map { batch.payloads[$0] })
        case .prediction, .erasure:
            return nil
        }
    }
}

extension EventChanges {
    /// The changes at positions below a bound.
    func below(_ bound: Int64) -> EventChanges {
        guard let last = positions.last, last >= bound else { return self }
        let count = positions.firstIndex { $0 >= bound } ?? positions.count
        return EventChanges(
            rows: rows.gathering(Array(0..<count)), isRemoval: Array(isRemoval.prefix(count)),
            positions: Array(positions.prefix(count)), knownTimes: Array(knownTimes.prefix(count)),
            supersededPositions: Array(supersededPositions.prefix(count)), uniqueKeys: Array(uniqueKeys.prefix(count)),
            payloads: Array(payloads.prefix(count)))
    }
}
