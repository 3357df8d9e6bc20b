package import MartletFrames
package import MartletStatistics

/// What came into a stream in one window, folded as it comes: bounded in memory, whatever the traffic.
package struct StreamWindow: Sendable {
    package let start: Timestamp
    /// Events that happened in it.
    package private(set) var rows = 0
    /// Events that came in it, whenever they happened.
    package var arrived = 0
    /// Of the watched columns, in their order.
    package private(set) var profiles: [ColumnProfile]

    package init(start: Timestamp, columns: [WatchedColumn]) {
        self.start = start
        profiles = columns.map { .empty(of: $0.isWhole ? $0.type : .bool) }
    }

    /// Adds events that happened in it.
    ///
    /// - Parameters:
    ///   - columns: the watched ones, in their order; nil where the events were stored before the stream had the field.
    ///   - watched: what they are, in the same order.
    package mutating func add(_ columns: [Column?], _ watched: [WatchedColumn], rows: Int) {
        self.rows += rows
        for (index, column) in columns.enumerated() {
            guard let column else { continue }
            if watched[index].isWhole { profiles[index].add(column) } else { profiles[index].add(presenceOf: column) }
        }
    }
}

extension StreamWindow {
    /// What a closed window shows.
    ///
    /// - Parameters:
    ///   - columns: what was watched, in the order of the profiles and of the reference.
    ///   - rejected: rows that came in it and became dead letters.
    ///   - schema: how rows that came in it had fields otherwise than the contract, and what became of the contract.
    ///   - before: fields of whose schema an alarm stands.
    package func measures(
        _ definition: MonitorDefinition, _ columns: [WatchedColumn], against reference: MonitorReference, rejected: Int,
        schema: (faults: SchemaFaults, change: ContractChange), before: [String]
    ) -> [MonitorMeasure] {
        var measures: [MonitorMeasure] = []
        let isEnough = rows >= definition.minimumRows
        if let drift = definition.drift {
            for (index, column) in columns.enumerated() where column.isWhole && drift.features?.contains(column.name) ?? true {
                measures.append(drift.measure(.drift, column.name, profiles[index], reference.features[index], isEnough, share: nil))
            }
        }
        measures += definition.quality.missingMeasures(columns.map(\.name), profiles, reference, isEnough)
        let whole = columns.indices.filter { columns[$0].isWhole }
        measures += definition.quality.unseenMeasures(whole.map { (columns[$0].name, profiles[$0], reference.features[$0]) }, isEnough)
        measures += definition.quality.volumeMeasures(rows, reference)
        if let bound = definition.quality.rejected {
            let came = arrived + rejected
            let interval = came > 0 ? ConfidenceInterval.rate(successes: rejected, trials: came) : nil
            measures.append(
                MonitorMeasure(
                    .rejected, value: came >= definition.minimumRows ? Double(rejected) / Double(came) : nil, low: interval?.lower,
                    high: interval?.upper, bounds: .init(raise: bound, clear: bound),
                    figures: [.init("rejected", Double(rejected)), .init("accepted", Double(arrived))]))
        }
        measures += definition.quality.schemaMeasures(
            schema.faults, schema.change, came: arrived + rejected, before: before, minimum: definition.minimumRows)
        return measures
    }
}
