import MartletFeatureStore
import MartletFrames
import MartletIngestion
import MartletModels
import MartletMonitoring
import MartletRegistry
import MartletServing
import MartletStorage
import MartletWorld

/// A stretch of an endpoint's stored predictions, as monitors read it: column by column.
struct StoredPredictions {
    let batch: StoredBatch
    private let degraded: Column?
    private let variants: Column?

    init(_ batch: StoredBatch) {
        self.batch = batch
        degraded = batch.rows["degraded"]
        variants = batch.rows["variant"]
    }

    func isDegraded(_ row: Int) -> Bool { degraded?[row] == .bool(true) }

    /// Whether the fallback answered because an alarm asks for it.
    func isMitigated(_ row: Int) -> Bool { variants?[row] == .string(Platform.fallbackVariant) }

    /// The rows that were given as answers, by the window that each belongs to; windows in order.
    func rows(byWindowOf fold: MonitorFold) -> [(start: Int64, rows: [Int])] {
        var windows: [(start: Int64, rows: [Int])] = []
        for row in 0..<batch.rows.rowCount where variants?[row] != .string("shadow") {
            let start = fold.start(of: batch.eventTimes[row])
            if let index = windows.lastIndex(where: { $0.start == start }) {
                windows[index].rows.append(row)
            } else {
                windows.append((start, [row]))
            }
        }
        return windows.sorted { $0.start < $1.start }
    }

    /// The one number that was answered, of all rows; missing where there are several.
    var outputs: Column {
        guard batch.rows["output.1"] == nil, let output = batch.rows["output.0"] else {
            return Column(repeating: .missing, type: .float64, count: batch.rows.rowCount)
        }
        return output
    }

    func groups(_ rows: [Int], _ fold: MonitorFold) -> [Column] {
        fold.definition.bias.map { column("input." + $0.field, .string, rows) }
    }

    func monitored(_ rows: [Int], _ fold: MonitorFold) -> MonitoredRows {
        var latencies = [Int64](repeating: 0, count: rows.count)
        if case .int64(let all)? = batch.rows["latency_us"]?.storage { for (index, row) in rows.enumerated() { latencies[index] = all[row] } }
        return MonitoredRows(
            features: zip(fold.columns.names, fold.columns.types).map { column("feature." + $0, $1, rows) }, outputs: gathered(outputs, rows),
            isDegraded: rows.map(isDegraded), isMitigated: rows.map(isMitigated), latencies: latencies, groups: groups(rows, fold), ids: rows.map { batch.uniqueKeys[$0] })
    }

    /// Some rows of a column; missing where predictions have none of that name, or where it is of another type than it should be.
    private func column(_ name: String, _ type: ValueType, _ rows: [Int]) -> Column {
        guard let column = batch.rows[name] else { return Column(repeating: .missing, type: type, count: rows.count) }
        return gathered(column, rows)
    }

    private func gathered(_ column: Column, _ rows: [Int]) -> Column {
        rows.count == batch.rows.rowCount ? column : column.gathering(rows)
    }
}

extension WatchedColumns {
    /// Of the features of the model that answers at an endpoint.
    init(of endpoint: EndpointRuntime) {
        let fields = endpoint.model?.recipe.schema.fields ?? []
        self.init(names: fields.map(\.name), types: fields.map(\.type))
    }
}
