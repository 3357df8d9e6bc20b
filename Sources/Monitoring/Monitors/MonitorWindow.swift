package import MartletFrames
package import MartletStatistics

/// Predictions as a monitor reads them: one window's, in log order.
package struct MonitoredRows: Sendable {
    /// Of the features that the monitor watches, in its order, missing where a row has none.
    package var features: [Column]
    /// The one number that was answered; missing where there is none.
    package var outputs: Column
    package var isDegraded: [Bool]
    /// Of those that are degraded, where the fallback answered because an alarm asks for it.
    package var isMitigated: [Bool]
    /// Microseconds.
    package var latencies: [Int64]
    /// By bias, whose groups; missing where a row has none.
    package var groups: [Column]
    package var ids: [Fingerprint]

    package var count: Int { isDegraded.count }

    package init(
        features: [Column], outputs: Column, isDegraded: [Bool], isMitigated: [Bool], latencies: [Int64], groups: [Column], ids: [Fingerprint]
    ) {
        self.isMitigated = isMitigated
        self.features = features
        self.outputs = outputs
        self.isDegraded = isDegraded
        self.latencies = latencies
        self.groups = groups
        self.ids = ids
    }
}

/// How decisions for a group came out.
package struct GroupCounts: Hashable, Sendable {
    package var count = 0
    package var positive = 0

    package init() {}
}

/// What was asked and answered in one window, folded as it comes: bounded in memory, whatever the traffic.
package struct MonitorWindow: Sendable {
    package let start: Timestamp
    package private(set) var rows = 0
    package private(set) var degraded = 0
    /// Of them, those that the fallback answered because an alarm asks for it: neither errors nor of any latency.
    package private(set) var mitigated = 0
    /// Of the watched features, in the monitor's order; rows that the fallback answered are not among them.
    package private(set) var features: [ColumnProfile]
    package private(set) var output = ColumnProfile.numbers()
    package private(set) var latency = NumberHistogram()
    /// By bias, counts of each group; those beyond the first 20 are not watched.
    package private(set) var groups: [[(name: String, counts: GroupCounts)]]
    package private(set) var estimators: [PerformanceEstimator]
    /// Predictions to compute again: those whose ids' hashes are least, so that they are a fair sample and the same in every run.
    package private(set) var sample: [Fingerprint] = []
    private let biases: [MonitorDefinition.Bias]
    private let sampleLimit: Int

    package static let groupLimit = 20

    /// - Parameters:
    ///   - types: of the watched features.
    ///   - calibration: of the version that answers; nil leaves estimates out.
    package init(_ definition: MonitorDefinition, start: Timestamp, types: [ValueType], calibration: IsotonicCalibration?) {
        self.start = start
        features = types.map(ColumnProfile.empty)
        biases = definition.bias
        groups = biases.map { _ in [] }
        estimators = calibration == nil ? [] : definition.estimated.map { PerformanceEstimator(calibration: calibration, threshold: $0.threshold) }
        sampleLimit = definition.skewSample
    }

    package mutating func add(_ batch: MonitoredRows) {
        rows += batch.count
        for row in 0..<batch.count {
            if batch.isMitigated[row] { mitigated += 1 } else { latency.add(Double(batch.latencies[row])) }
        }
        var kept: [Int] = []
        kept.reserveCapacity(batch.count)
        for row in 0..<batch.count {
            if batch.isDegraded[row] { degraded += 1 } else { kept.append(row) }
        }
        func chosen(_ column: Column) -> Column { kept.count == batch.count ? column : column.gathering(kept) }
        for (index, column) in batch.features.enumerated() { features[index].add(chosen(column)) }
        let outputs = chosen(batch.outputs)
        output.add(outputs)
        if !estimators.isEmpty, case .float64(let scores) = outputs.storage {
            for index in estimators.indices { estimators[index].add(scores.span) }
        }
        for (index, column) in batch.groups.enumerated() { add(chosen(column), outputs, to: index) }
        if sampleLimit > 0 { for row in kept { addSample(batch.ids[row]) } }
    }

    private mutating func add(_ names: Column, _ outputs: Column, to bias: Int) {
        guard biases[bias].rate == .selection else { return }
        for row in 0..<names.count {
            guard names[row] != .missing, case .float64(let output) = outputs[row] else { continue }
            groups[bias].count("\(names[row])", isPositive: output >= biases[bias].threshold)
        }
    }

    private mutating func addSample(_ id: Fingerprint) {
        guard sample.count == sampleLimit else {
            sample.append(id)
            if sample.count == sampleLimit { sample.sort { Self.rank($0) < Self.rank($1) } }
            return
        }
        guard let last = sample.last, Self.rank(id) < Self.rank(last) else { return }
        let place = sample.firstIndex { Self.rank(id) < Self.rank($0) } ?? sample.count
        sample.insert(id, at: place)
        sample.removeLast()
    }

    private static func rank(_ id: Fingerprint) -> UInt64 { CategoryHash.mixed(id.low ^ id.high &* 0x9E37_79B9_7F4A_7C15) }
}

extension [(name: String, counts: GroupCounts)] {
    mutating func count(_ name: String, isPositive: Bool) {
        let index: Int
        if let known = firstIndex(where: { $0.name == name }) {
            index = known
        } else {
            guard count < MonitorWindow.groupLimit else { return }
            append((name, GroupCounts()))
            index = count - 1
        }
        self[index].counts.count += 1
        if isPositive { self[index].counts.positive += 1 }
    }
}

/// What the decisions of one window turned out to be, folded once their outcomes must have come.
package struct OutcomeWindow: Sendable {
    package let start: Timestamp
    package private(set) var rows = 0
    package private(set) var withOutcome = 0
    package private(set) var binary: BinaryPerformance
    package private(set) var regression = RegressionPerformance()
    package private(set) var groups: [[(name: String, counts: GroupCounts)]]
    private let biases: [MonitorDefinition.Bias]

    package init(_ definition: MonitorDefinition, start: Timestamp) {
        self.start = start
        biases = definition.bias
        groups = biases.map { _ in [] }
        binary = BinaryPerformance(thresholds: Array(Set(definition.performance.map(\.threshold))).sorted())
    }

    /// Adds decisions that were not the fallback's.
    ///
    /// - Parameters:
    ///   - outputs: the numbers that were answered.
    ///   - outcomes: what became known: truth values or numbers; missing where nothing did.
    ///   - names: by bias, whose groups.
    package mutating func add(outputs: Column, outcomes: [Value], groups names: [Column]) {
        rows += outcomes.count
        var scores: [Double] = []
        var labels: [Bool] = []
        var values: [Double] = []
        for row in outcomes.indices {
            guard case .float64(let output) = outputs[row] else { continue }
            switch outcomes[row] {
            case .bool(let label):
                scores.append(output)
                labels.append(label)
                for (index, column) in names.enumerated() where column[row] != .missing {
                    let bias = biases[index]
                    guard bias.rate.needsOutcomes, label == (bias.rate == .truePositive) else { continue }
                    groups[index].count("\(column[row])", isPositive: output >= bias.threshold)
                }
            case .float64(let value):
                scores.append(output)
                values.append(value)
            case .int64(let value):
                scores.append(output)
                values.append(Double(value))
            case .missing, .string, .timestamp: continue
            }
        }
        withOutcome += scores.count
        if values.isEmpty {
            binary.add(scores.span, labels: labels.span)
        } else {
            regression.add(scores.span, values: values.span)
        }
    }
}
