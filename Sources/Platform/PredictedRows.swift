import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// Rows that predictions are asked for, held to the contract, with pseudonyms in place of persons.
struct AskedRows {
    var rows: Frame
    /// One a row, as the next two.
    var actors: [String]
    var times: [Int64]
    var keys: [Fingerprint]

    var count: Int { times.count }

    init(_ rows: Frame, actors: [String], of stream: StreamRuntime) {
        self.rows = rows
        self.actors = actors
        times = stream.eventTimes(of: rows)
        keys = stream.fingerprints.keys(of: rows)
    }

    private init(rows: Frame, actors: [String], times: [Int64], keys: [Fingerprint]) {
        self.rows = rows
        self.actors = actors
        self.times = times
        self.keys = keys
    }

    /// Some of the rows, in ascending order.
    func gathering(_ indices: [Int]) -> AskedRows {
        if indices.count == count { return self }
        return AskedRows(
            rows: rows.gathering(indices), actors: indices.map { actors[$0] }, times: indices.map { times[$0] },
            keys: indices.map { keys[$0] })
    }
}

/// Predictions of one request or of several that came together: one batch for each version that answered, and what other
/// versions computed beside.
struct PredictedRows: Sendable {
    private(set) var answered: [PredictionBatch]
    private(set) var shadows: [PredictionBatch] = []
    /// Of each row, which batch has it and where; empty where one batch has all in their order.
    private var places: [(batch: Int, row: Int)] = []
    let count: Int

    init(_ batch: PredictionBatch) {
        answered = [batch]
        count = batch.count
    }

    /// - Parameter parts: which rows, in ascending order, each batch has; all rows together.
    init(_ parts: [(rows: [Int], batch: PredictionBatch)]) {
        count = parts.reduce(0) { $0 + $1.rows.count }
        answered = parts.map(\.batch)
        guard parts.count > 1 else { return }
        places = [(batch: Int, row: Int)](repeating: (0, 0), count: count)
        for (number, part) in parts.enumerated() {
            for (row, index) in part.rows.enumerated() { places[index] = (number, row) }
        }
    }

    mutating func add(shadow: PredictionBatch) {
        shadows.append(shadow)
    }

    func place(of row: Int) -> (batch: PredictionBatch, row: Int) {
        guard !places.isEmpty else { return (answered[0], row) }
        return (answered[places[row].batch], places[row].row)
    }

    /// What the log stores of them.
    var records: [RecordBatch] { (answered + shadows).map { $0.records() } }
}
