import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet outcome`
struct Outcome: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what became of an event or a prediction: its label.",
        discussion: """
            martlet outcome --stream orders --unique o17 --label true
            martlet outcome --prediction ID --label 12.5
            martlet outcome labels.ndjson

            A file holds one JSON object a line, or one JSON array of them: {"prediction_id" or "stream" and "unique", "label", "field", "time"}. \
            A label that is JSON is taken as such, all else as a text. A later outcome takes the place of an earlier one.
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

    /// Outcomes of one request.
    private static let page = 1_000

    func validate() throws {
        if file != nil {
            guard stream == nil, unique == nil, prediction == nil, label == nil, field == nil, time == nil else {
                throw ValidationError("a file holds everything; give it alone")
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
            let outcomes = try file.map { try Self.read(FileInput($0)) } ?? [single]
            var total = JSONObject()
            var rejected: [JSONValue] = []
            for start in stride(from: 0, to: outcomes.count, by: Self.page) {
                let items = Array(outcomes[start..<min(start + Self.page, outcomes.count)])
                let answer = try await session.value(Ask(.post, "outcomes").with(.array(items)))
                for key in ["accepted", "duplicates"] {
                    total[key] = .int64((total[key]?.int64 ?? 0) + (answer[key]?.int64 ?? 0))
                }
                for item in answer["rejected"]?.array ?? [] {
                    var item = item.object ?? JSONObject()
                    if let number = item["item"]?.int64 { item["item"] = .int64(number + Int64(start)) }
                    rejected.append(.object(item))
                }
            }
            total["rejected"] = .array(rejected)
            if session.isJSON {
                try session.console.say(.object(total))
            } else {
                try session.console.say(Self.text(.object(total)))
            }
            if !rejected.isEmpty { throw ExitStatus.failed }
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
        let duplicates = answer["duplicates"]?.int64 ?? 0
        let rejected = answer["rejected"]?.array ?? []
        var lines = ["\(NumberText.counted(answer["accepted"]?.int64 ?? 0, "outcome")) stored"]
        if duplicates > 0 { lines.append("  \(NumberText.grouped(duplicates)) there already, without effect") }
        lines += rejected.prefix(20).map { "  item \(AnswerText.cell($0["item"])): \(AnswerText.cell($0["message"]))" }
        if rejected.count > 20 { lines.append("  … and \(rejected.count - 20) more") }
        return lines.joined(separator: "\n")
    }

    /// - Parameter limit: bytes that are read at most.
    static func read(_ input: FileInput, limit: Int = 256 << 20) throws -> [JSONValue] {
        var bytes: [UInt8] = []
        while let piece = try input.next() {
            bytes += piece
            guard bytes.count <= limit else {
                throw CommandFailure("too_large", "'\(input.name)' is larger than \(NumberText.bytes(limit))", hint: "send it in parts")
            }
        }
        if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "[") {
            return try JSONValue(parsing: bytes, lengthLimit: limit).array ?? []
        }
        var outcomes: [JSONValue] = []
        for (number, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 > 0x20 }) else { continue }
            do throws(JSONError) {
                outcomes.append(try JSONValue(parsing: line))
            } catch {
                throw CommandFailure("bad_json", "the line is not JSON: \(error)", place: "\(input.name), line \(number + 1)")
            }
        }
        return outcomes
    }
}
