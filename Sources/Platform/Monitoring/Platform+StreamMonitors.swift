import MartletFrames
import MartletIngestion
import MartletMonitoring
import MartletPlan
import MartletRegistry
import MartletStatistics
import MartletStorage
import MartletWorld

extension Platform {
    /// Reads what came into a stream since the last time, and measures the windows that have closed.
    func check(_ monitor: MonitorDefinition, _ stream: StreamRuntime) async throws {
        // On a failure the fold is not put back, and is made anew from what is stored.
        var fold = try fold(monitor, stream)
        if try await read(&fold) { try checkFreshness(monitor, newest: fold.newest) }
        monitorDesk.put(fold)
    }

    /// The fold of a monitor as it is defined now; begun anew from the log where the definition or the stream's fields are others.
    private func fold(_ monitor: MonitorDefinition, _ stream: StreamRuntime) throws -> StreamFold {
        let columns = monitor.columns(of: stream.definition.watchedFields)
        if let fold = monitorDesk.takeStream(monitor.name), fold.definition.canonical == monitor.canonical, fold.columns == columns { return fold }
        return StreamFold(definition: monitor, columns: columns, progress: try beginning(of: monitor, .events))
    }

    /// A bounded number of events at a time.
    ///
    /// - Returns: whether everything durable was read.
    private func read(_ fold: inout StreamFold) async throws -> Bool {
        guard let stream = fold.definition.stream else { return false }
        var left = limits.monitoredRows
        while left > 0 {
            // Before reading: what came until then is read when a page ends at the log's end.
            let now = world.clock.now()
            let page = try await log.read(from: fold.position, streams: [stream], maxRows: min(left, 32_768), maxBytes: 16 << 20)
            let isAtEnd = page.next == fold.position || page.next >= page.end
            var isClosed = false
            for batch in fold.joined(page.batches) {
                left -= batch.rows.rowCount
                fold.position = batch.positions.first ?? fold.position
                // By when events came: what a window holds does not depend on when it is read.
                if try close(&fold, by: Timestamp(microseconds: batch.ingestTime)) { isClosed = true }
                fold.add(batch)
            }
            fold.position = page.next
            if isAtEnd, try close(&fold, by: now) { isClosed = true }
            if isClosed { try forgetRefused(by: .stream(stream)) }
            if isAtEnd { return true }
        }
        return false
    }

    /// - Returns: whether a window was measured.
    private func close(_ fold: inout StreamFold, by clock: Timestamp) throws -> Bool {
        var isAny = false
        while let window = fold.next(closedBy: clock) {
            let monitor = fold.definition
            let end = window.start + monitor.window
            let refused = try refused(by: .stream(monitor.stream ?? ""), monitor, from: window.start)
            let held = try reference(
                of: monitor, .events, start: window.start, rows: window.rows, names: fold.columns.map(\.storedName), columns: window.profiles)
            let measures = window.measures(
                monitor, fold.columns, against: held.reference, rejected: refused.rows,
                schema: (refused.faults, try contractChange(before: window, fold)), before: refused.before)
            fold.close(window)
            try close(
                MeasuredWindow(
                    monitor: monitor.name, part: .events, start: window.start, end: end, measured: world.clock.now(), rows: window.rows,
                    measures: measures, reference: held.choice),
                fold.progress, monitor, profiles: encoded(window, fold))
            isAny = true
        }
        return isAny
    }

    private func encoded(_ window: StreamWindow, _ fold: StreamFold) -> [UInt8] {
        let fields = zip(fold.columns, window.profiles).map { TrainingProfile.Feature(name: $0.storedName, profile: $1, importance: 0) }
        return TrainingProfile(features: fields, output: nil, calibration: nil).encoded()
    }

    /// What a release changed of the stream's fields since the window before.
    private func contractChange(before window: StreamWindow, _ fold: StreamFold) throws -> ContractChange {
        let monitor = fold.definition
        let start = window.start - monitor.window
        guard monitor.quality.schema != nil, let bytes = try database.read({ try MonitorTables().profiles(of: monitor.name, start: start, $0) }),
            let past = try? TrainingProfile(encoded: bytes)
        else { return .none }
        return ContractChange(from: past.features.map(\.name), to: fold.columns.map(\.storedName))
    }
}
