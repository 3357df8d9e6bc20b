import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet features`
struct Features: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a feature view at an entity's key, as a prediction would.",
        discussion: """
            martlet features customer --key customer_id=c17

            A key of several fields is given by several --key. A value that is a whole number is taken for one; in quotes, as in \
            --key 'id="17"', for a text. Without --time the features are those of now.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(name: .long, help: ArgumentHelp("A field of the entity's key and its value.", valueName: "field=value"))
    var key: [KeyPart] = []

    @Option(help: "As of this time, RFC 3339.")
    var time: String?

    @Argument(help: "The feature view.")
    var view: String

    func validate() throws {
        if key.isEmpty { throw ValidationError("name the entity: --key field=value") }
    }

    func run() async throws {
        try await Session.run(options) { session in
            var keys = JSONObject()
            for part in key { keys[part.field] = part.value }
            var body = JSONObject()
            body["view"] = .string(view)
            body["keys"] = .array([.object(keys)])
            body["time"] = time.map(JSONValue.string)
            try await session.answer(Ask(.post, "feature-views", "read").with(.object(body))) { answer in
                try session.console.say(Self.text(answer, session.console.style))
            }
        }
    }

    /// One line a feature, of the one row that was asked for.
    static func text(_ answer: JSONValue, _ style: Style) -> String {
        guard let features = answer["rows"]?.array?.first?["features"] else { return AnswerText.pairs(answer) }
        return "as of \(AnswerText.cell(answer["time"]))\n" + AnswerText.pairs(features)
    }
}

/// One field of a key and its value.
struct KeyPart: ExpressibleByArgument, Equatable {
    var field: String
    var value: JSONValue

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        field = String(parts[0])
        value = Self.value(String(parts[1]))
    }

    /// A whole number as one, what stands in quotes as a text, all else as a text too.
    static func value(_ text: String) -> JSONValue {
        if let number = Int64(text), String(number) == text { return .int64(number) }
        if text.count >= 2, text.first == "\"", let quoted = try? JSONValue(parsing: text), quoted.string != nil { return quoted }
        return .string(text)
    }
}

/// `martlet dataset`
struct Dataset: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model's training set as CSV: its features as they were known at each row's time, and the label.",
        discussion: "With --json its summary is printed instead of its rows.")

    @OptionGroup var options: ProjectOptions

    @Option(help: "The file to write; standard output if left out.")
    var output: String?

    @Argument(help: "The model.")
    var model: String

    func run() async throws {
        try await Session.run(options) { session in
            let ask = Ask(.post, "datasets").with(["model": .string(model)])
            if session.isJSON, output == nil { return try session.console.say(try await session.value(ask.with("summary", "true"))) }
            let csv = try await session.response(ask).body
            guard let output else { return try session.console.write(csv) }
            try writeFile(csv, to: output)
            // A header, then a line a row; a label or category may hold line breaks, so rows are not counted here.
            try session.console.say(
                session.isJSON ? "{\"output\":\(JSONValue.string(output)),\"bytes\":\(csv.count)}"
                    : "\(model): training set of \(NumberText.bytes(csv.count)) written to '\(output)'")
        }
    }
}
