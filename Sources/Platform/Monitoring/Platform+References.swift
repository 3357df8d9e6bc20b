import MartletFrames
import MartletMonitoring
import MartletRegistry
import MartletStatistics
import MartletStorage

extension Platform {
    /// The windows of the past that a window is held against, together, and how they were chosen; of a monitor whose reference is a
    /// training the volumes alone.
    ///
    /// - Parameters:
    ///   - names: under which the profiles of the columns are kept.
    ///   - columns: of the window, in the same order.
    func reference(
        of monitor: MonitorDefinition, _ part: MeasuredWindow.Part, start: Timestamp, rows: Int, names: [String], columns: [ColumnProfile],
        output: ColumnProfile? = nil
    ) throws -> (reference: MonitorReference, choice: ReferenceChoice?) {
        func past(_ count: Int, _ every: Timestamp.Span) throws -> MonitorReference {
            try reference(of: monitor, part, before: start, (count, every), names: names, columns: columns, output: output)
        }
        switch monitor.reference {
        case .training: return (try past(0, monitor.window), nil)
        case .windows(let count, let every): return (try past(count, every), nil)
        case .seasonal:
            let before = try database.read {
                try MonitorTables().references(of: monitor.name, part: part, before: start, limit: ReferenceChoice.lookBack(monitor.window), $0)
            }
            let chosen = ReferenceChoice.choose(before.map(\.errors))
            var held: [PastWindows: MonitorReference] = [:]
            var errors: [PastWindows: Double] = [:]
            for candidate in PastWindows.allCases {
                guard let (count, every) = candidate.windows(of: monitor.window) else { continue }
                var reference = try past(count, every)
                reference.volumes = try database.read { reader in
                    try (1...Int64(count)).compactMap { number in
                        try MonitorTables().rows(of: monitor.name, part: part, start: start - Timestamp.Span(microseconds: every.microseconds * number), reader)
                    }
                }
                errors[candidate] = ReferenceChoice.error(rows: rows, columns, against: reference)
                held[candidate] = reference
            }
            return (try held[chosen] ?? past(0, monitor.window), ReferenceChoice(chosen, errors: errors))
        }
    }

    /// So many windows of the past, taken together; the volumes are of the seven windows before.
    private func reference(
        of monitor: MonitorDefinition, _ part: MeasuredWindow.Part, before start: Timestamp, _ windows: (count: Int, every: Timestamp.Span),
        names: [String], columns: [ColumnProfile], output: ColumnProfile?
    ) throws -> MonitorReference {
        var reference = MonitorReference(
            features: names.map { _ in nil }, output: nil, importance: [],
            volumes: try database.read { try MonitorTables().volumes(of: monitor.name, part: part, before: start, limit: 7, $0) })
        for number in 0..<Int64(windows.count) {
            let time = start - Timestamp.Span(microseconds: windows.every.microseconds * (number + 1))
            guard let bytes = try database.read({ try MonitorTables().profiles(of: monitor.name, start: time, $0) }),
                let past = try? TrainingProfile(encoded: bytes)
            else { continue }
            for (index, name) in names.enumerated() { reference.features[index].merge(past[name]?.profile, like: columns[index]) }
            if let output { reference.output.merge(past.output, like: output) }
        }
        return reference
    }
}

extension ColumnProfile? {
    /// Adds another, if it is of the kind of the one that is to be held against it: a column may have had another type.
    fileprivate mutating func merge(_ other: ColumnProfile?, like current: ColumnProfile) {
        guard let other, (other.numbers == nil) == (current.numbers == nil) else { return }
        if self == nil { self = other } else { self?.merge(other) }
    }
}
