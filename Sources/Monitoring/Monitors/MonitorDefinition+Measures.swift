internal import MartletStatistics

// What windows of predictions and of events have in common.

extension MonitorDefinition.Drift {
    /// How far a column has moved from a reference.
    ///
    /// - Parameter share: of what moves the model, how much the column does; nil if that is not known.
    func measure(
        _ kind: MonitorMeasure.Kind, _ name: String, _ current: ColumnProfile, _ reference: ColumnProfile?, _ isEnough: Bool, share: Double?
    ) -> MonitorMeasure {
        guard isEnough, let reference, let found = ColumnDrift(reference: reference, current: current) else {
            return MonitorMeasure(kind, name, value: nil, bounds: bounds)
        }
        // Categories have no order, so distances of numbers have no meaning for them.
        let value: Double?
        switch distance {
        case .psi: value = found.distances.populationStability
        case .chiSquared: value = found.distances.chiSquared.pValue
        case .jensenShannon: value = found.distances.jensenShannon
        case .ks: value = found.kolmogorovSmirnov?.statistic ?? found.distances.populationStability
        case .wasserstein:
            let deviation = reference.numbers?.standardDeviation ?? 0
            value = found.wasserstein.map { deviation > 0 ? $0 / deviation : $0 > 0 ? .greatestFiniteMagnitude : 0 } ?? found.distances.populationStability
        }
        var figures: [AlarmCause.Figure] = [
            .init("rows", Double(found.currentCount)), .init("psi", found.distances.populationStability), .init("jensen_shannon", found.distances.jensenShannon),
        ]
        if let ks = found.kolmogorovSmirnov { figures.append(.init("ks", ks.statistic)) }
        if let mean = current.numbers?.mean { figures.append(.init("mean", mean)) }
        if let mean = reference.numbers?.mean { figures.append(.init("reference_mean", mean)) }
        let effect = share.flatMap { share in value.map { (bounds.isUpper ? $0 : 1 - $0) * share } }
        return MonitorMeasure(kind, name, value: value, bounds: bounds, effect: effect, figures: figures)
    }
}

extension MonitorDefinition.Quality {
    func missingMeasures(_ names: [String], _ profiles: [ColumnProfile], _ reference: MonitorReference, _ isEnough: Bool) -> [MonitorMeasure] {
        guard let bound = missing else { return [] }
        return names.enumerated().map { index, name in
            let now = profiles[index].missingShare
            let before = reference.features[index]?.missingShare
            let value = isEnough ? now.flatMap { now in before.map { max(0, now - $0) } } : nil
            return MonitorMeasure(
                .missing, name, value: value, bounds: .init(raise: bound, clear: bound),
                figures: [.init("missing", now ?? 0), .init("reference_missing", before ?? 0)])
        }
    }

    func unseenMeasures(_ columns: [(name: String, current: ColumnProfile, reference: ColumnProfile?)], _ isEnough: Bool) -> [MonitorMeasure] {
        guard let bound = unseen else { return [] }
        return columns.map { column in
            let value = isEnough ? column.reference.flatMap { column.current.share(outside: $0) } : nil
            return MonitorMeasure(.unseen, column.name, value: value, bounds: .init(raise: bound, clear: bound))
        }
    }

    func volumeMeasures(_ rows: Int, _ reference: MonitorReference) -> [MonitorMeasure] {
        guard let bound = volume, !reference.volumes.isEmpty else { return [] }
        let mean = Double(reference.volumes.reduce(0, +)) / Double(reference.volumes.count)
        let value = mean > 0 ? (Double(rows) - mean).magnitude / mean : nil
        return [
            MonitorMeasure(.volume, value: value, bounds: .init(raise: bound, clear: bound), figures: [.init("rows", Double(rows)), .init("mean", mean)])
        ]
    }
}
