internal import MartletFrames
internal import MartletNumerics
package import MartletStatistics

/// What a window is held against.
package struct MonitorReference: Sendable {
    /// Of the watched features, in the monitor's order; nil where there is none.
    package var features: [ColumnProfile?]
    package var output: ColumnProfile?
    /// Of the same features, how much each moves the model.
    package var importance: [Double]
    /// Rows of the windows before, the newest first.
    package var volumes: [Int]

    package init(features: [ColumnProfile?], output: ColumnProfile?, importance: [Double], volumes: [Int]) {
        self.features = features
        self.output = output
        self.importance = importance
        self.volumes = volumes
    }
}

extension MonitorWindow {
    /// What a closed window shows.
    ///
    /// - Parameters:
    ///   - names: of the watched features, in the monitor's order.
    ///   - differing: of the sampled predictions, how many were computed again, and how many came out otherwise.
    ///   - schema: how rows that were asked about had fields otherwise than the contract, and how many were refused.
    ///   - before: fields of whose schema an alarm stands.
    package func measures(
        _ definition: MonitorDefinition, _ names: [String], against reference: MonitorReference, differing: (checked: Int, count: Int)?,
        schema: (faults: SchemaFaults, refused: Int), before: [String]
    ) -> [MonitorMeasure] {
        var measures: [MonitorMeasure] = []
        let isEnough = rows - degraded >= definition.minimumRows
        let total = CompensatedSum.of(reference.importance)
        if let drift = definition.drift {
            for (index, name) in names.enumerated() where drift.features?.contains(name) ?? true {
                let share = total > 0 && index < reference.importance.count ? reference.importance[index] / total : nil
                measures.append(drift.measure(.drift, name, features[index], reference.features[index], isEnough, share: share))
            }
            if drift.predictions { measures.append(drift.measure(.predictionDrift, "", output, reference.output, isEnough, share: nil)) }
        }
        measures += definition.quality.missingMeasures(names, features, reference, isEnough)
        measures += definition.quality.unseenMeasures(names.indices.map { (names[$0], features[$0], reference.features[$0]) }, isEnough)
        measures += definition.quality.volumeMeasures(rows, reference)
        measures += definition.quality.schemaMeasures(
            schema.faults, .none, came: rows + schema.refused, before: before, minimum: definition.minimumRows)
        // What an alarm lets the fallback answer says nothing of the model.
        let tried = rows - mitigated
        let isTried = tried >= definition.minimumRows
        if let bounds = definition.errors {
            let failed = degraded - mitigated
            let interval = ConfidenceInterval.rate(successes: failed, trials: tried)
            measures.append(
                MonitorMeasure(
                    .errors, value: isTried ? Double(failed) / Double(tried) : nil, low: interval?.lower, high: interval?.upper, bounds: bounds,
                    figures: [.init("degraded", Double(failed)), .init("rows", Double(tried))]))
        }
        if let bounds = definition.latency {
            measures.append(MonitorMeasure(.latency, value: isTried ? latency.quantile(0.99) : nil, bounds: bounds))
        }
        for (index, bias) in definition.bias.enumerated() where bias.rate == .selection {
            measures.append(bias.measure(groups[index], minimum: definition.minimumRows))
        }
        for (index, estimated) in definition.estimated.enumerated() {
            let estimate = index < estimators.count && isEnough ? estimators[index].estimate?.value(of: estimated.metric) : nil
            measures.append(
                MonitorMeasure(
                    .estimated, estimated.metric.rawValue, value: estimate?.value,
                    low: estimate.map { $0.value - 1.96 * $0.standardError }, high: estimate.map { $0.value + 1.96 * $0.standardError },
                    bounds: estimated.bounds))
        }
        if let differing {
            measures.append(
                MonitorMeasure(
                    .skew, value: differing.checked > 0 ? Double(differing.count) : nil, bounds: .init(raise: 0, clear: 0),
                    figures: [.init("checked", Double(differing.checked)), .init("differing", Double(differing.count))]))
        }
        return measures
    }
}

extension ColumnProfile {
    /// How much of it a reference has not: numbers outside of its range, categories that it lacks. Nil of nothing, and
    /// where the reference has nothing.
    ///
    /// Numbers are told apart by buckets: those in one with an end of the range count as inside. Where either side holds a sample of its
    /// categories, what is asked for is told of that sample.
    func share(outside reference: ColumnProfile) -> Double? {
        if let numbers, let known = reference.numbers, let low = known.histogram.minimum, let high = known.histogram.maximum {
            guard numbers.count > 0 else { return nil }
            let outside = numbers.histogram.buckets.reduce(0) { $1.upper < low || $1.lower > high ? $0 + $1.count : $0 }
            return Double(outside) / Double(numbers.count)
        }
        if let categories, let known = reference.categories {
            let level = max(categories.level, known.level)
            let (ours, theirs) = (categories.counts(atLevel: level), known.counts(atLevel: level))
            let all = ours.values.reduce(0, +)
            guard all > 0, known.count > 0 else { return nil }
            return Double(ours.reduce(0) { theirs[$1.key] == nil ? $0 + $1.value : $0 }) / Double(all)
        }
        return nil
    }
}

extension OutcomeWindow {
    /// What a window shows once its outcomes must have come.
    package func measures(_ definition: MonitorDefinition) -> [MonitorMeasure] {
        var measures: [MonitorMeasure] = []
        let coverage = rows > 0 ? Double(withOutcome) / Double(rows) : 0
        let figures: [AlarmCause.Figure] = [
            .init("predictions", Double(rows)), .init("with_outcome", Double(withOutcome)), .init("coverage", coverage),
            .init("positives", Double(binary.positiveCount)),
        ]
        for performance in definition.performance {
            let interval = withOutcome >= definition.minimumRows ? interval(performance) : nil
            measures.append(
                MonitorMeasure(
                    .performance, performance.metric.rawValue, value: interval?.value, low: interval?.low, high: interval?.high,
                    bounds: performance.bounds, figures: figures))
        }
        for (index, bias) in definition.bias.enumerated() where bias.rate.needsOutcomes {
            measures.append(bias.measure(groups[index], minimum: definition.minimumRows))
        }
        return measures
    }

    private func interval(_ performance: MonitorDefinition.Performance) -> (value: Double, low: Double?, high: Double?)? {
        func ranked(_ ranked: BinaryPerformance.Ranked?) -> (Double, Double?, Double?)? {
            ranked.map { ($0.interval.estimate, $0.interval.lower, $0.interval.upper) }
        }
        func rate(_ part: Double, _ whole: Double) -> (Double, Double?, Double?)? {
            guard whole > 0 else { return nil }
            let interval = ConfidenceInterval.rate(successes: Int(part), trials: Int(whole))
            return (part / whole, interval?.lower, interval?.upper)
        }
        func plain(_ value: Double?) -> (Double, Double?, Double?)? { value.map { ($0, nil, nil) } }
        let confusion = binary.confusion(at: performance.threshold)
        switch performance.metric {
        case .averagePrecision: return ranked(binary.averagePrecision())
        case .rocAUC: return ranked(binary.rocAUC())
        case .logLoss: return plain(binary.logLoss)
        case .brierScore: return plain(binary.brierScore)
        case .accuracy:
            return confusion.flatMap {
                rate($0.truePositives + $0.trueNegatives, $0.truePositives + $0.trueNegatives + $0.falsePositives + $0.falseNegatives)
            }
        case .precision: return confusion.flatMap { rate($0.truePositives, $0.truePositives + $0.falsePositives) }
        case .recall: return confusion.flatMap { rate($0.truePositives, $0.truePositives + $0.falseNegatives) }
        case .f1: return plain(confusion?.f1)
        case .rmse: return plain(regression.rootMeanSquaredError)
        case .mae: return plain(regression.meanAbsoluteError)
        }
    }
}

extension MonitorDefinition.Bias {
    /// The greatest difference between two groups that are large enough, with the interval of that difference.
    func measure(_ groups: [(name: String, counts: GroupCounts)], minimum: Int) -> MonitorMeasure {
        let known = groups.filter { $0.counts.count >= minimum }.map { ($0.name, $0.counts, Double($0.counts.positive) / Double($0.counts.count)) }
        let subject = "\(rate.rawValue) by \(field)"
        guard known.count > 1, let high = known.max(by: { $0.2 < $1.2 }), let low = known.min(by: { $0.2 < $1.2 }) else {
            return MonitorMeasure(.bias, subject, value: nil, bounds: bounds)
        }
        let interval = ConfidenceInterval.rateDifference(
            successes: high.1.positive, trials: high.1.count, otherSuccesses: low.1.positive, otherTrials: low.1.count)
        var figures: [AlarmCause.Figure] = []
        for group in known.prefix(8) {
            figures.append(.init("rate of \(group.0.prefix(60))", group.2))
            figures.append(.init("rows of \(group.0.prefix(60))", Double(group.1.count)))
        }
        return MonitorMeasure(.bias, subject, value: high.2 - low.2, low: interval?.lower, high: interval?.upper, bounds: bounds, figures: figures)
    }
}

extension EstimatedPerformance {
    func value(of metric: MonitoredMetric) -> Estimate? {
        switch metric {
        case .averagePrecision: averagePrecision
        case .rocAUC: rocAUC
        case .accuracy: accuracy
        case .precision: precision
        case .recall: recall
        case .f1: f1
        case .logLoss, .brierScore, .rmse, .mae: nil
        }
    }
}
