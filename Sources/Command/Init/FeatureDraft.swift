import MartletFrames
import MartletIngestion

/// The first feature views of an inferred stream: one of the row itself, and one of each entity's past.
struct FeatureDraft {
    private(set) var files: [ProjectDraft.File] = []
    /// The views' names, in the order in which a model reads them.
    private(set) var names: [String] = []
    /// Columns that no feature reads, each with why.
    private(set) var leftOut: [(column: String, reason: String)] = []

    /// The most categories of a text that becomes a feature.
    private static let categoryLimit = 1_000
    /// The most entities that get a view, and numbers that are averaged in each.
    private static let entityLimit = 3
    private static let numberLimit = 5

    init(_ inferred: InferredStream, _ fields: FieldNames, stream: String) {
        var features: [InferredColumn] = []
        let entities = fields.eventTime == nil ? [] : Self.entities(inferred, fields)
        for column in inferred.columns where fields.isUsable(column.name) {
            if let reason = Self.reasonAgainst(column, inferred, fields) {
                leftOut.append((column.name, reason))
            } else {
                features.append(column)
            }
        }
        addRequest(features, fields, stream: stream, taken: Set(inferred.columns.map(\.name)), spansDays: Self.span(inferred, fields) > .days(2))
        let numbers = features.filter { $0.type == .float64 || ($0.type == .int64 && $0.distinctCount > 2) }
        for (key, finding) in entities {
            addEntity(
                key, finding, numbers: Array(numbers.filter { $0.name != key }.prefix(Self.numberLimit)), windows: Self.windows(inferred, fields),
                stream: stream, fields: Set(inferred.columns.map(\.name)), label: inferred.label?.column)
        }
    }

    private static func entities(_ inferred: InferredStream, _ fields: FieldNames) -> [(key: String, finding: Finding)] {
        inferred.entityKeys.filter { role in
            role.finding.confidence >= 0.6 && fields.isUsable(role.column) && role.column != inferred.label?.column
                && (inferred[role.column]?.missingShare ?? 1) == 0
        }.prefix(entityLimit).map { ($0.column, $0.finding) }
    }

    /// Why a column is no feature of its own; nil if it is one.
    private static func reasonAgainst(_ column: InferredColumn, _ inferred: InferredStream, _ fields: FieldNames) -> String? {
        if column.name == inferred.label?.column { return "it is the label" }
        if column.name == fields.eventTime { return "it is the event's time" }
        if let leak = inferred.leaks.first(where: { $0.column == column.name }) { return leak.finding.reason }
        if column.name == fields.uniqueKey { return "it identifies the row" }
        if column.type == .timestamp { return "it is a time; a difference of times could be a feature" }
        if column.isConstant { return "it has one value" }
        if inferred.entityKeys.contains(where: { $0.column == column.name && $0.finding.confidence >= 0.6 }) {
            return "it says which one, so a model could only remember it"
        }
        if column.type == .string, column.distinctCount > categoryLimit {
            return "it has \(NumberText.grouped(column.distinctCount)) different texts"
        }
        return nil
    }

    // MARK: - The row's own features

    private mutating func addRequest(
        _ features: [InferredColumn], _ fields: FieldNames, stream: String, taken: Set<String>, spansDays: Bool
    ) {
        var lines = features.map { "  \(YAML.key($0.name)): \(YAML.scalar($0.name))" }
        if let time = fields.eventTime, spansDays {
            for (name, function) in [("hour", "getHours"), ("weekday", "getDayOfWeek")] where !taken.contains("\(time)_\(name)") {
                lines.append("  \(time)_\(name): \(time).\(function)()")
            }
        }
        guard !lines.isEmpty else { return }
        var text = """
            # Features of the row itself: fields, and expressions of fields such as 'amount / (quantity + 1.0)'.

            """
        if !leftOut.isEmpty { text += "# Left out:\n" }
        for (column, reason) in leftOut { text += "#   \(column): \(Comment.text(reason))\n" }
        text += """
            feature_view: request
            source: \(stream)
            derive:

            """
        files.append(.init(path: "features/request.yaml", text: text + lines.joined(separator: "\n") + "\n"))
        names.append("request")
    }

    // MARK: - An entity's past

    private mutating func addEntity(
        _ key: String, _ finding: Finding, numbers: [InferredColumn], windows: [String], stream: String, fields: Set<String>, label: String?
    ) {
        var name = key.lowercased().hasSuffix("_id") && key.count > 3 ? String(key.dropLast(3)) : key + "_history"
        if fields.contains(name) { name += "_history" }
        if !FieldNames.isName(name) || names.contains(name) { name = "history_of_\(key)" }
        let listed = windows.joined(separator: ", ")
        var text = """
            # What each \(key) did before: windows that end just before the row, so that a row never sees itself.
            # \(Comment.text(finding.reason))
            feature_view: \(name)
            entity: \(YAML.scalar(key))
            source: \(stream)
            aggregate:
              - { function: count, windows: [\(listed)] }

            """
        for column in numbers {
            text += "  - { function: mean, of: \(YAML.scalar(column.name)), windows: [\(listed)] }\n"
        }
        if let label, FieldNames.isName(label) {
            text += "  # - { function: mean, of: \(label), windows: [\(listed)], as: rate }    # once \(label) says known_after\n"
        }
        files.append(.init(path: "features/\(name).yaml", text: text))
        names.append(name)
    }

    private static func span(_ inferred: InferredStream, _ fields: FieldNames) -> Timestamp.Span {
        guard let time = fields.eventTime, case .timestamp(let first)? = inferred[time]?.minimum,
            case .timestamp(let last)? = inferred[time]?.maximum
        else { return .zero }
        return Timestamp.Span(microseconds: last.microseconds - first.microseconds)
    }

    /// Windows that fit the time which the sample covers.
    private static func windows(_ inferred: InferredStream, _ fields: FieldNames) -> [String] {
        let span = span(inferred, fields)
        if span >= .days(45) { return ["1d", "7d", "30d"] }
        if span >= .days(5) { return ["1h", "1d", "7d"] }
        if span >= .hours(12) { return ["10m", "1h", "1d"] }
        return ["1m", "10m", "1h"]
    }
}
