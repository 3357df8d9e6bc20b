import MartletFrames
import MartletMonitoring
import MartletStorage

/// How far the reading of a stream's monitor has come; the open windows are in memory, and made anew from the log at a start.
struct StreamFold: Sendable {
    let definition: MonitorDefinition
    let columns: [WatchedColumn]
    /// As it was stored last, with what came late since.
    var progress: MonitorProgress
    /// Where reading goes on.
    var position: Int64
    private(set) var open: [Int64: StreamWindow] = [:]
    /// Of each open window, where in the log the first event stands that happened or came in it.
    private var firstPositions: [Int64: Int64] = [:]
    /// When the newest event came; nil before the first.
    private(set) var newest: Timestamp?

    /// Windows that may be open at a time; of more, events are counted as late.
    static let openLimit = 40

    init(definition: MonitorDefinition, columns: [WatchedColumn], progress: MonitorProgress) {
        self.definition = definition
        self.columns = columns
        self.progress = progress
        position = progress.position
        newest = progress.newest
    }

    /// Adds stored events to the windows that they happened in.
    mutating func add(_ batch: StoredBatch) {
        guard batch.kind == .event, let first = batch.positions.first else { return }
        let came = Timestamp(microseconds: batch.ingestTime)
        newest = max(newest ?? came, came)
        let arrival = definition.windowStart(of: batch.ingestTime)
        if var window = take(arrival, from: first) {
            window.arrived += batch.rows.rowCount
            open[arrival] = window
        }
        let values = columns.map { column in batch.rows[column.name].flatMap { $0.type == column.type ? $0 : nil } }
        for (start, rows) in stretches(batch.eventTimes) {
            guard var window = take(start, from: rows.map { batch.positions[$0[0]] } ?? first) else {
                let late = rows.map { rows in rows.map { batch.positions[$0] } } ?? batch.positions
                progress.late += Int64(late.count { $0 >= progress.readThrough })
                continue
            }
            window.add(rows.map { rows in values.map { $0?.gathering(rows) } } ?? values, columns, rows: rows?.count ?? batch.rows.rowCount)
            open[start] = window
        }
    }

    /// Neighbours that no window closes between as one, with the columns that are watched: a long run costs less a row, and profiles do
    /// not depend on how it is split.
    func joined(_ batches: [StoredBatch]) -> [StoredBatch] {
        guard batches.count > 1, let first = batches.first, var joined = batches.last else { return batches }
        let arrival = definition.windowStart(of: first.ingestTime)
        let areAlike = batches.allSatisfy {
            $0.kind == .event && $0.rows.schema == first.rows.schema && definition.windowStart(of: $0.ingestTime) == arrival
        }
        guard areAlike, next(closedBy: Timestamp(microseconds: joined.ingestTime)) == nil, let rows = Frame.concatenating(watched(of: batches)) else {
            return batches
        }
        joined.rows = rows
        joined.positions = batches.flatMap(\.positions)
        joined.eventTimes = batches.flatMap(\.eventTimes)
        return [joined]
    }

    private func watched(of batches: [StoredBatch]) -> [Frame] {
        let schema = batches.first?.rows.schema
        let names = columns.map(\.name).filter { schema?.index(of: $0) != nil }
        return batches.map { $0.rows.selecting(names) ?? $0.rows }
    }

    /// Hands an open window out, so that it is changed in place; nil of one that has closed, and where too many are open.
    private mutating func take(_ start: Int64, from position: Int64) -> StreamWindow? {
        guard start >= progress.closedThrough.microseconds else { return nil }
        if let window = open.removeValue(forKey: start) { return window }
        guard open.count < Self.openLimit else { return nil }
        firstPositions[start] = position
        return StreamWindow(start: Timestamp(microseconds: start), columns: columns)
    }

    /// The windows that times belong to, in order, each with its rows; nil for all of them.
    private func stretches(_ times: [Int64]) -> [(start: Int64, rows: [Int]?)] {
        guard let first = times.first else { return [] }
        let start = definition.windowStart(of: first)
        let end = start + definition.window.microseconds
        if times.allSatisfy({ $0 >= start && $0 < end }) { return [(start, nil)] }
        var rows: [Int64: [Int]] = [:]
        for (row, time) in times.enumerated() { rows[definition.windowStart(of: time), default: []].append(row) }
        return rows.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    // MARK: - Closing

    /// The window that is to be measured next, if it has closed by a time; one in which nothing happened is empty.
    ///
    /// After a long sleep the empty windows of long ago are passed over.
    func next(closedBy time: Timestamp) -> StreamWindow? {
        let length = definition.window
        var start = progress.closedThrough
        let oldest = Timestamp(microseconds: definition.windowStart(of: time.microseconds)) - Timestamp.Span(microseconds: length.microseconds * Platform.windowsOfTurn)
        if start < oldest { start = min(oldest, open.keys.min().map { Timestamp(microseconds: $0) } ?? oldest) }
        guard start + length + definition.lateness <= time else { return nil }
        return open[start.microseconds] ?? StreamWindow(start: start, columns: columns)
    }

    /// Closes a window, and says where reading would go on after a restart.
    mutating func close(_ window: StreamWindow) {
        open[window.start.microseconds] = nil
        firstPositions[window.start.microseconds] = nil
        progress.closedThrough = window.start + definition.window
        progress.position = firstPositions.values.min() ?? position
        progress.readThrough = max(progress.readThrough, position)
        progress.newest = newest
    }
}
