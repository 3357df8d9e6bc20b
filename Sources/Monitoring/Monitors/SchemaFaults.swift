/// What rows had in place of what the contract asks of a field.
public enum FieldSight: String, Hashable, Sendable, CaseIterable {
    /// Nothing where a value must be.
    case missing
    /// A field that the contract lacks.
    case unknown
    case text = "a text"
    case number = "a number"
    case flag = "true or false"
    case nested = "a list or object"
}

/// How the rows that came in a window had fields otherwise than the contract.
///
/// A field that the contract lacks bears a name that anybody may have sent, so it is named only where enough rows have it to be a change
/// of what sends them; the others are counted together.
public struct SchemaFaults: Hashable, Sendable {
    /// Rows by field, and what they had there.
    public private(set) var fields: [String: [FieldSight: Int]] = [:]

    /// Fields that are told apart; those beyond are not counted.
    public static let fieldLimit = 200
    /// A field that the contract lacks is named if so many rows have it, and so large a share.
    public static let namedRows = 5
    public static let namedShare = 0.01

    public init() {}

    public mutating func add(_ field: String, _ sight: FieldSight, rows: Int) {
        guard fields[field] != nil || fields.count < Self.fieldLimit else { return }
        fields[field, default: [:]][sight, default: 0] += rows
    }

    /// The same with those together, under the empty name, that are not to be named.
    func named(among rows: Int) -> SchemaFaults {
        var named = SchemaFaults()
        for (field, sights) in fields {
            let unknown = sights[.unknown] ?? 0
            let isNamed = unknown == 0 || unknown >= Self.namedRows && Double(unknown) >= Self.namedShare * Double(rows)
            for (sight, count) in sights { named.fields[isNamed ? field : "", default: [:]][sight, default: 0] += count }
        }
        return named
    }
}

/// Fields of a stream that a release added or removed.
package struct ContractChange: Hashable, Sendable {
    package var added: [String]
    package var removed: [String]

    package static let none = ContractChange(added: [], removed: [])

    /// Between the columns of a window and those of the one before, each by the name that its profile is kept under.
    package init(from before: [String], to now: [String]) {
        let (before, now) = (Set(before.map(Self.plain)), Set(now.map(Self.plain)))
        added = now.subtracting(before).sorted()
        removed = before.subtracting(now).sorted()
    }

    private init(added: [String], removed: [String]) {
        self.added = added
        self.removed = removed
    }

    private static func plain(_ name: String) -> String { name.hasPrefix("?") ? String(name.dropFirst()) : name }
}

extension MonitorDefinition.Quality {
    /// One measure for each field that has changed, and for each of which an alarm stands, so that it ends.
    ///
    /// - Parameters:
    ///   - came: rows that came, refused ones too.
    ///   - before: subjects of which an alarm stands.
    package func schemaMeasures(_ faults: SchemaFaults, _ change: ContractChange, came: Int, before: [String], minimum: Int) -> [MonitorMeasure] {
        guard let bound = schema else { return [] }
        let bounds = MonitorDefinition.Bounds(raise: bound, clear: bound)
        let fields = faults.named(among: came).fields
        let changed = Set(change.added + change.removed)
        let subjects = Set(fields.keys.map { $0.isEmpty ? Self.otherFields : $0 }).union(changed).union(before).sorted()
        guard !subjects.isEmpty else { return [MonitorMeasure(.schema, value: came >= minimum ? 0 : nil, bounds: bounds)] }
        return subjects.prefix(SchemaFaults.fieldLimit).map { subject in
            let sights = fields[subject == Self.otherFields ? "" : subject] ?? [:]
            var figures = FieldSight.allCases.compactMap { sight in sights[sight].map { AlarmCause.Figure(sight.rawValue, Double($0)) } }
            if change.added.contains(subject) { figures.append(.init("added to the contract", 1)) }
            if change.removed.contains(subject) { figures.append(.init("removed from the contract", 1)) }
            let rows = sights.values.reduce(0, +)
            let share = came >= minimum && came > 0 ? min(1, Double(rows) / Double(came)) : nil
            return MonitorMeasure(.schema, subject, value: changed.contains(subject) ? 1 : share, bounds: bounds, figures: figures)
        }
    }

    /// Fields that the contract lacks and that are not named.
    package static let otherFields = "(others)"
}
