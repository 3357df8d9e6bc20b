import MartletBytes
import MartletFrames
import MartletIngestion

/// The files of a new project, as inferred from a file of rows.
///
/// Everything that was guessed stands in the files with its reason, and what was left out with why, so that correcting
/// the guess is editing a line.
struct ProjectDraft {
    /// One file of the project.
    struct File: Equatable {
        /// From the project's folder, with `/`.
        var path: String
        var text: String
    }

    var files: [File] = []
    /// Columns that no field can be named after, each with the name that it could have.
    var renames: [(column: String, name: String)] = []
    /// The model, if there is a label and something to predict it from.
    var model: String?
    let stream: String

    private let inferred: InferredStream
    /// Where the rows came from, for comments.
    private let source: String
    private let names: FieldNames

    /// - Parameters:
    ///   - name: the project's.
    ///   - source: the name of the file, without its folders.
    init(_ name: String, from inferred: InferredStream, source: String) {
        self.inferred = inferred
        self.source = source
        names = FieldNames(inferred)
        stream = Self.name(from: Self.baseName(source), fallback: "events")
        renames = inferred.columns.filter { !names.isUsable($0.name) }.map {
            ($0.name, Self.name(from: $0.name, fallback: "column"))
        }
        files.append(File(path: "martlet.yaml", text: """
            # The project. Everything below is checked by 'martlet plan' and put in force by 'martlet apply'.
            project: \(Self.name(from: name, fallback: "project"))

            """))
        files.append(File(path: "streams/\(stream).yaml", text: streamText))
        let views = FeatureDraft(inferred, names, stream: stream)
        for view in views.files { files.append(view) }
        if let label = LabelDraft(inferred, names), !views.names.isEmpty {
            model = label.model
            files.append(File(path: "models/\(label.model).yaml", text: label.text(
                stream: stream, views: views.names, isTimed: names.eventTime != nil)))
            files.append(File(path: "endpoints/\(label.model).yaml", text: """
                # A stable address that answers with the model's champion: POST /api/v1/endpoints/\(label.model)/predict
                endpoint: \(label.model)
                model: \(label.model)@champion

                """))
        }
    }

    /// The stream's file.
    private var streamText: String {
        var text = """
            # One row of \(Comment.text(source)). The types and roles were inferred from \(NumberText.grouped(inferred.rowCount)) of its rows; correct what is wrong.
            # A field that identifies a person is kept as a pseudonym if it says: personal: subject
            stream: \(stream)

            """
        if let time = names.eventTime, let role = inferred.eventTime {
            text += "event_time: \(YAML.scalar(time))    # \(Comment.text(role.finding.reason))\n"
            if inferred[time]?.hasZone == false, inferred[time]?.timeUnit == nil {
                text += "# time_zone: Europe/Brussels    # its times name no zone, and are read as UTC without this\n"
            }
        } else {
            text += "# No field is a time in every row, so events have the time at which they arrive.\n"
        }
        if let unique = names.uniqueKey, let role = inferred.uniqueKey {
            text += "unique: \(YAML.scalar(unique))    # \(Comment.text(role.finding.reason))\n"
        } else {
            text += "# No field identifies a row, so the same file sent twice counts twice.\n"
        }
        text += "fields:\n"
        for column in inferred.columns { text += fieldText(column) }
        return text
    }

    private func fieldText(_ column: InferredColumn) -> String {
        guard names.isUsable(column.name) else {
            let name = Self.name(from: column.name, fallback: "column")
            return """
                  # The column \(JSONValue.string(column.name)) cannot name a field. Rename it in the file's header, to \(name) for example, and say:
                  # \(name): \(typeText(column, isOptional: column.missingShare > 0))

                """
        }
        let leak = inferred.leaks.first { $0.column == column.name && $0.kind != .identifier }
        let isLabel = column.name == inferred.label?.column
        let isRole = column.name == names.eventTime || column.name == names.uniqueKey
        let isOptional = !isRole && (column.missingShare > 0 || isLabel || leak != nil)
        var line = "  \(YAML.key(column.name)): \(typeText(column, isOptional: isOptional))"
        var comments: [String] = []
        if isLabel {
            comments.append("the label; say known_after: 7d if it is known only a week after the event")
        } else if let leak {
            comments.append("gives the label away: \(leak.finding.reason)")
        }
        if column.typeFinding.confidence < 0.85 { comments.append(column.typeFinding.reason) }
        if !comments.isEmpty { line += "    # " + Comment.text(comments.joined(separator: "; ")) }
        return line + "\n"
    }

    private func typeText(_ column: InferredColumn, isOptional: Bool) -> String {
        var keys = ["type: \(column.type.rawValue)"]
        if let unit = column.timeUnit { keys.append("unit: \(unit.rawValue)") }
        if isOptional { keys.append("optional: true") }
        if !column.missingTexts.isEmpty {
            keys.append("missing: [\(column.missingTexts.map(YAML.quoted).joined(separator: ", "))]")
        }
        return keys.count == 1 ? column.type.rawValue : "{ \(keys.joined(separator: ", ")) }"
    }

    // MARK: - Names

    /// A name made of a text: letters, digits and `_`, in lower case, beginning with a letter.
    static func name(from text: String, fallback: String) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", "_": name.unicodeScalars.append(scalar)
            case "A"..."Z": name += String(scalar).lowercased()
            default: if !name.isEmpty, name.last != "_" { name += "_" }
            }
        }
        while name.last == "_" { name.removeLast() }
        name = String(name.prefix(60))
        guard let first = name.first else { return fallback }
        return first.isNumber ? "\(fallback)_\(name)" : FieldNames.reserved.contains(name) ? name + "_" : name
    }

    /// `data/adult.csv.gz` as `adult`.
    private static func baseName(_ source: String) -> String {
        let name = source.split(separator: "/").last.map(String.init) ?? ""
        return name.split(separator: ".").first.map(String.init) ?? ""
    }
}

/// Which columns can be fields, and which fields bear a role.
struct FieldNames {
    let eventTime: String?
    let uniqueKey: String?
    private let usable: Set<String>

    /// Words of expressions.
    static let reserved: Set<String> = ["true", "false", "null", "in"]

    init(_ inferred: InferredStream) {
        let timed = inferred.eventTime.map { Self.isName($0.column) } ?? false
        usable = Set(inferred.columns.map(\.name).filter {
            // A stream that is timed by arrival has a field of this name.
            Self.isName($0) && (timed || $0 != "arrival_time")
        })
        eventTime = timed ? inferred.eventTime?.column : nil
        uniqueKey = inferred.uniqueKey.flatMap { [usable] role in usable.contains(role.column) ? role.column : nil }
    }

    func isUsable(_ column: String) -> Bool { usable.contains(column) }

    /// What a field can be called: a letter or `_`, then up to 99 letters, digits or `_`, and no word of expressions.
    static func isName(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { 65...90 ~= byte || 97...122 ~= byte || byte == 95 }
        guard let first = text.utf8.first, text.utf8.count <= 100, isLetter(first), !reserved.contains(text) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || 48...57 ~= $0 }
    }
}

/// Texts as they stand in YAML.
enum YAML {
    /// In double quotes, whose escapes are JSON's.
    static func quoted(_ text: String) -> String { JSONValue.string(text).description }

    /// A name, in quotes where some reader of YAML would take it for true, false or nothing.
    static func scalar(_ name: String) -> String {
        let words: Set<String> = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        return words.contains(name.lowercased()) ? quoted(name) : name
    }

    static func key(_ name: String) -> String { scalar(name) }
}

/// Data's own words in a comment: on one line, and short.
enum Comment {
    static func text(_ text: String) -> String {
        let line = String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }.filter { !($0.unicodeScalars.first?.properties.generalCategory == .control) })
        return line.count <= 160 ? line : line.prefix(159) + "…"
    }
}
