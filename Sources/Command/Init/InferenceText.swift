import MartletFrames
import MartletIngestion

/// What was inferred from a file, how sure that is, and why; for people.
enum InferenceText {
    static func text(_ inferred: InferredStream, source: String, isComplete: Bool, rejected: Int, draft: ProjectDraft, _ style: Style = .plain) -> String {
        let format = switch inferred.format {
            case .csv: "CSV"
            case .ndjson: "NDJSON"
            }
        var lines = [
            "\(source): \(format), \(NumberText.counted(Int64(inferred.rowCount), "row"))\(isComplete ? "" : " of its beginning") looked at"
        ]
        if rejected > 0 { lines.append("\(NumberText.counted(Int64(rejected), "row")) could not be split into cells") }

        var columns = Table([("column", .left), ("type", .left), ("sure", .right), ("missing", .right), ("values", .right), ("why", .left)])
        columns.rows = inferred.columns.map { column in
            [
                column.name, column.type.rawValue, sure(column.typeFinding), share(column.missingShare),
                NumberText.grouped(column.distinctCount), column.typeFinding.reason,
            ]
        }
        lines += ["", columns.text(style), ""]

        var roles = Table([("role", .left), ("column", .left), ("sure", .right), ("why", .left)])
        roles.rows.append(role("event time", inferred.eventTime, without: "no column is a time in every row; events get the time of arrival"))
        roles.rows.append(role("unique key", inferred.uniqueKey, without: "no column identifies a row"))
        for key in inferred.entityKeys { roles.rows.append(role("entity", key, without: "")) }
        roles.rows.append(role("label", inferred.label, without: "no column looks like one; name it with --label"))
        lines.append(roles.text(style))

        let leaks = inferred.leaks.filter { $0.kind != .identifier }
        if !leaks.isEmpty, let label = inferred.label {
            var table = Table([("", .left), ("", .right), ("", .left)])
            table.rows = leaks.map { ["  \($0.column)", sure($0.finding), $0.finding.reason] }
            lines += ["", style.bad("Columns that give '\(label.column)' away, left out of the features:"), table.text(style)]
        }
        if !draft.renames.isEmpty {
            lines += ["", style.bad("Columns that cannot name a field (a name is a letter or _, then letters, digits or _):")]
            lines += draft.renames.map { "  '\($0.column)': rename it in the file's header, to '\($0.name)' for example" }
            lines.append("  or pass over them with 'martlet ingest --ignore-unknown'")
        }
        return lines.joined(separator: "\n")
    }

    private static func role(_ name: String, _ role: InferredRole?, without: String) -> [String] {
        role.map { [name, $0.column, sure($0.finding), $0.finding.reason] } ?? [name, "-", "", without]
    }

    /// A confidence as a percentage.
    static func sure(_ finding: Finding) -> String { "\(Int((finding.confidence * 100).rounded()))%" }

    private static func share(_ share: Double) -> String {
        share == 0 ? "-" : share < 0.001 ? "<0.1%" : NumberText.fixed(share * 100, 1) + "%"
    }
}
