public import MartletFrames
public import MartletStorage

/// The events of a stream as they stand at a cut: corrected ones in their last form, retracted ones gone.
public struct EventTable: Sendable {
    /// In order of event time, then position.
    public var rows: Frame
    /// The position of the version that stands, row by row.
    public var positions: [Int64]
    public var eventTimes: [Int64]
    public var knownTimes: [Int64]
    public var uniqueKeys: [Fingerprint]

    /// Reads a stream's records below a cut.
    ///
    /// - Parameters:
    ///   - schema: the stream's schema now; what events stored under an earlier one lack is missing.
    ///   - rowLimit: the most records to hold.
    /// - Complexity: O(*n* log *n*) time, all rows in memory.
    public static func read(
        _ stream: String, from log: any EventLog, below cut: Int64, schema: Schema, rowLimit: Int
    ) async throws(FeatureStoreError) -> EventTable {
        var frames: [Frame] = []
        var all = EventTable(rows: Frame(schema, schema.fields.map { Column([], type: $0.type) }, rowCount: 0))
        var ended: Set<Int64> = []
        var position: Int64 = 0
        while position < cut {
            let page: LogPage
            do {
                page = try await log.read(from: position, streams: [stream], maxRows: 65_536, maxBytes: 16 << 20)
            } catch {
                throw .logUnreadable(error)
            }
            for batch in page.batches {
                let count = batch.positions.firstIndex { $0 >= cut } ?? batch.positions.count
                guard count > 0 else { continue }
                switch batch.kind {
                case .prediction, .erasure: continue
                case .event: break
                case .correction, .outcome, .retraction: ended.formUnion((batch.superseded ?? []).prefix(count))
                }
                if batch.kind == .retraction { continue }
                let rows = count == batch.positions.count ? batch.rows : batch.rows.gathering(Array(0..<count))
                frames.append(rows.conforming(to: schema))
                all.positions += batch.positions.prefix(count)
                all.eventTimes += batch.eventTimes.prefix(count)
                all.knownTimes += batch.knownTimes.prefix(count)
                all.uniqueKeys += batch.uniqueKeys.prefix(count)
                guard all.positions.count <= rowLimit else { throw .tooLarge(rows: all.positions.count, limit: rowLimit) }
            }
            position = page.next
            if position >= page.end { break }
        }
        if let joined = Frame.concatenating(frames) { all.rows = joined }
        return all.standing(without: ended)
    }

    private init(rows: Frame) {
        self.rows = rows
        positions = []
        eventTimes = []
        knownTimes = []
        uniqueKeys = []
    }

    /// The versions that no later record ended, in order of event time.
    private func standing(without ended: Set<Int64>) -> EventTable {
        let order = positions.indices.filter { ended.isEmpty || !ended.contains(positions[$0]) }
            .sorted { (eventTimes[$0], positions[$0]) < (eventTimes[$1], positions[$1]) }
        return gathering(order)
    }

    /// The rows at the given indices, in that order.
    public func gathering(_ order: [Int]) -> EventTable {
        var table = EventTable(rows: rows.gathering(order))
        table.positions = order.map { positions[$0] }
        table.eventTimes = order.map { eventTimes[$0] }
        table.knownTimes = order.map { knownTimes[$0] }
        table.uniqueKeys = order.map { uniqueKeys[$0] }
        return table
    }
}
