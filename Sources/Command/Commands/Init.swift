import ArgumentParser
import MartletBytes
import MartletFrames
import MartletIngestion
import MartletWorld

/// `martlet init`
struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a project: an example to edit, or one inferred from a file of rows.",
        discussion: """
            With --csv (CSV or NDJSON, plain or gzip) it infers the stream, its types, event time, keys and a first model, says how sure it is \
            and why, and names columns that give the label away; those are left out of the features. Nothing is ever overwritten.
            """)

    @Option(name: .customLong("csv"), help: ArgumentHelp("A file of rows to infer the project from.", valueName: "file"))
    var csv: String?

    @Option(help: ArgumentHelp("The column to predict; else the likeliest.", valueName: "column"))
    var label: String?

    @Option(help: "How many rows to look at.")
    var rows = 50_000

    @Flag(name: .long, help: "Print what was inferred and written as one JSON value.")
    var json = false

    @Argument(help: "The project's folder; its last part is the project's name.")
    var name: String

    func validate() throws {
        if label != nil, csv == nil { throw ValidationError("--label names a column of the file that --csv gives") }
        if rows < 1 { throw ValidationError("--rows is at least 1") }
        if name.isEmpty || name.allSatisfy({ $0 == "/" }) { throw ValidationError("the project needs a folder") }
    }

    func run() async throws {
        let console = try Console()
        try await Session.reporting(isJSON: json, to: console) {
            let title = name.split(separator: "/").last.map(String.init) ?? name
            guard let csv else {
                let files = ExampleProject.files(title)
                try write(files)
                if json { return try console.say(answer(files, draft: nil, inferred: nil)) }
                try console.say(Self.written(files, in: name) + "\n\nnext:\n  martlet plan --project \(name)")
                return
            }
            let input = try FileInput(csv)
            let sample = try Self.sample(input, rows: rows)
            guard sample.frame.rowCount > 0 else {
                throw CommandFailure("no_rows", "'\(csv)' has no row to infer from", hint: "it needs a header and at least one row, or lines of JSON")
            }
            let columns = sample.frame.schema.fields.map(\.name)
            if let label, !columns.contains(label) {
                throw CommandFailure("no_column", "'\(csv)' has no column '\(label)'", hint: "its columns: \(columns.joined(separator: ", "))")
            }
            let inferred = InferredStream(sample, label: label)
            let draft = ProjectDraft(title, from: inferred, source: input.name)
            try write(draft.files)
            if json { return try console.say(answer(draft.files, draft: draft, inferred: inferred)) }
            try console.say(InferenceText.text(
                inferred, source: input.name, isComplete: sample.isComplete, rejected: sample.rejected.count, draft: draft, console.style))
            try console.say("\n" + Self.written(draft.files, in: name) + "\n\n" + Self.next(draft, folder: name, file: csv))
        }
    }

    private func write(_ files: [ProjectDraft.File]) throws {
        if PathKind.of(name) == .other { throw CommandFailure("exists", "'\(name)' is a file", hint: "choose another name") }
        let folder: SystemFileSystem
        do throws(FileError) {
            folder = try SystemFileSystem(root: name)
        } catch {
            throw CommandFailure(error)
        }
        try ProjectWriter(folder).write(files)
    }

    /// Reads as much of a file as inference looks at.
    static func sample(_ input: FileInput, rows: Int) throws -> FileSample {
        var reader = SampleReader(rowLimit: rows)
        var gzip = GzipReader()
        var isGzip: Bool?
        do {
            while !reader.isFull, let piece = try input.next() {
                let isCompressed = isGzip ?? GzipReader.isGzip(piece)
                isGzip = isCompressed
                guard isCompressed else {
                    try reader.append(piece)
                    continue
                }
                var plain: [UInt8] = []
                try piece.withUnsafeBytes { bytes in try gzip.read(bytes) { plain.append(contentsOf: $0) } }
                try reader.append(plain)
            }
            return try reader.finish()
        } catch let error as IngestionError {
            throw CommandFailure("unreadable", error.message, place: input.name, hint: error.hint)
        }
    }

    // MARK: - Words

    static func written(_ files: [ProjectDraft.File], in folder: String) -> String {
        "written:\n" + files.map { "  \(folder)/\($0.path)" }.joined(separator: "\n")
    }

    static func next(_ draft: ProjectDraft, folder: String, file: String) -> String {
        let ingest = draft.renames.isEmpty ? "martlet ingest" : "martlet ingest --ignore-unknown"
        var lines = [
            "next:",
            "  martlet plan --project \(folder)",
            "  martlet apply --project \(folder)",
            "  \(ingest) --project \(folder) \(draft.stream) \(file)",
        ]
        if let model = draft.model {
            lines += ["  martlet train --project \(folder) \(model)", "  martlet promote --project \(folder) \(model)"]
        } else {
            lines.append("there is no model yet: no label, or nothing to predict it from; write one below \(folder)/models")
        }
        return lines.joined(separator: "\n")
    }

    private func answer(_ files: [ProjectDraft.File], draft: ProjectDraft?, inferred: InferredStream?) -> JSONValue {
        func finding(_ role: InferredRole?) -> JSONValue {
            role.map { ["column": .string($0.column), "confidence": .float64($0.finding.confidence), "reason": .string($0.finding.reason)] } ?? .null
        }
        var object = JSONObject()
        object["folder"] = .string(name)
        object["files"] = .array(files.map { .string($0.path) })
        guard let draft, let inferred else { return .object(object) }
        object["stream"] = .string(draft.stream)
        object["model"] = draft.model.map(JSONValue.string) ?? .null
        object["rows"] = .int64(Int64(inferred.rowCount))
        object["event_time"] = finding(inferred.eventTime)
        object["unique"] = finding(inferred.uniqueKey)
        object["entities"] = .array(inferred.entityKeys.map(finding))
        object["label"] = finding(inferred.label)
        object["leaks"] = .array(inferred.leaks.map { leak in
            [
                "column": .string(leak.column), "kind": .string(leak.kind.rawValue),
                "confidence": .float64(leak.finding.confidence), "reason": .string(leak.finding.reason),
            ]
        })
        object["rename"] = .array(draft.renames.map { ["column": .string($0.column), "name": .string($0.name)] })
        object["fields"] = .array(inferred.columns.map { column in
            [
                "column": .string(column.name), "type": .string(column.type.rawValue),
                "confidence": .float64(column.typeFinding.confidence), "reason": .string(column.typeFinding.reason),
                "missing": .float64(column.missingShare),
            ]
        })
        return .object(object)
    }
}
