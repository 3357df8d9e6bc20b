import ArgumentParser
import MartletBytes
import MartletPlatform
import MartletServer

/// `martlet outcome`
struct Outcome: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what became of an event or a prediction: its label.",
        discussion: """
            martlet outcome --stream orders --unique o17 --label true
            martlet outcome --prediction ID --label 12.5
            martlet outcome labels.ndjson
            martlet outcome labels.csv --stream orders

            A file holds one JSON object a line, or one JSON array of them: {"prediction_id" or "stream" and "unique", "label", "field", "time"}. \
            A table has these columns, and instead of 'unique' the fields of the unique key; it may be of any length, plain or gzip. \
            A label that is JSON is taken as such, all else as a text. A later outcome takes the place of an earlier one; one whose event or \
            prediction is not there yet waits among the dead letters.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(help: "The stream of the event.")
    var stream: String?

    @Option(help: "The event's unique key; of several fields, a JSON object.")
    var unique: String?

    @Option(help: "The prediction's id.")
    var prediction: String?

    @Option(help: "The label.")
    var label: String?

    @Option(help: "The field that it fills, of a stream with several late fields.")
    var field: String?

    @Option(help: "When it became known, RFC 3339; now if left out.")
    var time: String?

    @Argument(help: ArgumentHelp("A file of outcomes, or - for standard input.", valueName: "file"))
    var file: String?

    @Option(help: "csv, ndjson or json of a file; else told from its name or first bytes.", transform: FileInput.format(argument:))
    var format: FileInput.Format?

    @Flag(help: "Pass over columns of a table that mean nothing.")
    var ignoreUnknown = false

    func validate() throws {
        if file != nil {
            guard unique == nil, prediction == nil, label == nil, field == nil, time == nil else {
                throw ValidationError("a file holds everything; give it alone, or with --stream")
            }
            return
        }
        guard label != nil else { throw ValidationError("give --label, or a file of outcomes") }
        guard (prediction != nil) != (stream != nil || unique != nil) else {
            throw ValidationError("name either --prediction, or --stream and --unique")
        }
        guard (stream != nil) == (unique != nil) else { throw ValidationError("--stream and --unique go together") }
    }

    func run() async throws {
        try await Session.run(options) { session in
            let answer: JSONValue
            if let file {
                let input = try FileInput(file)
                let ask = Ask(.post, "outcomes", "ingest").with("format", try (format ?? input.format()).rawValue).with("stream", stream)
                    .with("ignore_unknown", ignoreUnknown ? "true" : nil).with("source", input.name)
                answer = try JSONValue(parsing: try await session.upload(ask, from: input, title: "outcomes").body)
            } else {
                answer = try await session.value(Ask(.post, "outcomes").with(.array([single])))
            }
            try session.console.say(session.isJSON ? answer.description : Self.text(answer))
            if (answer["rejected_count"]?.int64 ?? 0) > 0 { throw ExitStatus.failed }
        }
    }

    private var single: JSONValue {
        var outcome = JSONObject()
        outcome["prediction_id"] = prediction.map(JSONValue.string)
        outcome["stream"] = stream.map(JSONValue.string)
        outcome["unique"] = unique.map { text in
            text.hasPrefix("{") ? (try? JSONValue(parsing: text)) ?? .string(text) : KeyPart.value(text)
        }
        outcome["label"] = label.map(Self.label)
        outcome["field"] = field.map(JSONValue.string)
        outcome["time"] = time.map(JSONValue.string)
        return .object(outcome)
    }

    /// JSON as such, all else as a text.
    static func label(_ text: String) -> JSONValue {
        (try? JSONValue(parsing: text)) ?? .string(text)
    }

    static func text(_ answer: JSONValue) -> String {
        let changed = answer["changed"]?.int64 ?? 0
        let duplicates = answer["duplicates"]?.int64 ?? 0
        let refused = answer["rejected_count"]?.int64 ?? 0
        let waiting = answer["waiting"]?.int64 ?? 0
        let rejected = answer["rejected"]?.array ?? []
        var lines = ["\(NumberText.counted(answer["accepted"]?.int64 ?? 0, "outcome")) stored"]
        if changed > 0 { lines.append("  \(NumberText.grouped(changed)) of them in the place of another label") }
        if duplicates > 0 { lines.append("  \(NumberText.grouped(duplicates)) there already, without effect") }
        if waiting > 0 {
            lines.append("  \(NumberText.grouped(waiting)) wait for their event or prediction: 'martlet dead-letters', then 'dead-letters replay'")
        }
        if refused > waiting { lines.append("  \(NumberText.grouped(refused - waiting)) refused") }
        lines += rejected.prefix(20).map { "  \(AnswerText.cell($0["place"])): \(AnswerText.cell($0["message"]))" }
        if refused > 20 { lines.append("  … and \(NumberText.grouped(refused - 20)) more") }
        return lines.joined(separator: "\n")
    }
}
