import ArgumentParser
import MartletBytes
import MartletPlatform
import MartletServer
import MartletWorld

/// `martlet predict`
struct Predict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask an endpoint for a prediction: of one row, or of every row of a file.",
        discussion: """
            martlet predict returns --inputs '{"amount": 12.5, "buyer_id": "b17"}' --explain
            martlet predict returns --batch tomorrow.csv --output scores.ndjson

            A batch gives one JSON value a row, in the file's order and while the file is still read; each is recorded and can be
            explained and replayed.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(help: ArgumentHelp("The row's fields, as a JSON object.", valueName: "json"))
    var inputs: String?

    @Option(help: ArgumentHelp("Entity keys that the inputs do not hold, as a JSON object.", valueName: "json"))
    var entities: String?

    @Flag(help: "Store the row as an event too, in one commit with its prediction.")
    var append = false

    @Flag(help: "Say what each feature contributed.")
    var explain = false

    @Option(help: ArgumentHelp("A file of rows, CSV or NDJSON, plain or gzip; - for standard input.", valueName: "file"))
    var batch: String?

    @Option(help: "csv or ndjson; else told from the file's name or first bytes.", transform: FileInput.format(argument:))
    var format: FileInput.Format?

    @Option(help: "Where the batch's predictions go; standard output if left out.")
    var output: String?

    @Argument(help: "The endpoint.")
    var endpoint: String

    func validate() throws {
        guard (inputs == nil) != (batch == nil) else { throw ValidationError("give either --inputs or --batch") }
        if batch != nil, append || explain || entities != nil {
            throw ValidationError("--append, --explain and --entities go with --inputs")
        }
        if format == .json { throw ValidationError("a batch is csv or ndjson") }
        if batch == nil, output != nil || format != nil { throw ValidationError("--output and --format go with --batch") }
    }

    func run() async throws {
        try await Session.run(options) { session in
            if let batch { return try await score(batch, session) }
            var body = JSONObject()
            body["inputs"] = try Self.object(inputs ?? "{}", option: "--inputs")
            if let entities { body["entities"] = try Self.object(entities, option: "--entities") }
            if append { body["append"] = true }
            if explain { body["explain"] = true }
            try await session.answer(Ask(.post, "endpoints", endpoint, "predict").with(.object(body))) { answer in
                try session.console.say(AnswerText.prediction(answer, session.console.style))
            }
        }
    }

    private func score(_ path: String, _ session: Session) async throws {
        let input = try FileInput(path)
        let ask = Ask(.post, "endpoints", endpoint, "predict", "batch").with("format", try (format ?? input.format()).rawValue)
        guard let output else {
            let console = session.console
            try await session.upload(ask, from: input, title: nil) { try console.write($0) }
            return
        }
        let start = session.console.clock.monotonicNanoseconds()
        let file = NamedFile(output)
        try await session.upload(ask, from: input, title: endpoint) { try file.write($0) }
        let seconds = Double(session.console.clock.monotonicNanoseconds() - start) / 1e9
        session.console.note(
            "\(endpoint): \(NumberText.counted(Int64(file.lines), "prediction")) written to '\(output)' in \(NumberText.duration(seconds: seconds))")
    }

    /// A JSON object that stands on the command line.
    static func object(_ text: String, option: String) throws(CommandFailure) -> JSONValue {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: text)
        } catch {
            throw CommandFailure("usage", "\(option) is not JSON: \(error)", hint: "put it in single quotes", status: .usage)
        }
        guard value.object != nil else {
            throw CommandFailure(
                "usage", "\(option) is \(value.kind), not an object", hint: "write it as '{\"field\": value}'", status: .usage)
        }
        return value
    }
}

/// `martlet explain`
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what each feature contributed to a past prediction.",
        discussion: "Exact Shapley values of the model: the base and the contributions add up to the margin.")

    @OptionGroup var options: ProjectOptions

    @Argument(help: "The prediction's id.")
    var id: String

    func run() async throws {
        try await Session.run(options) { session in
            try await session.answer(Ask(.get, "predictions", id, "explanation")) { answer in
                try session.console.say(AnswerText.explanation(answer, session.console.style))
            }
        }
    }
}

/// `martlet replay`
struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute a past prediction anew, from the log as it was, and compare it with its record byte for byte.",
        discussion: "The exit code is 5 if they differ.")

    @OptionGroup var options: ProjectOptions

    @Argument(help: "The prediction's id.")
    var id: String

    func run() async throws {
        try await Session.run(options) { session in
            let answer = try await session.answer(Ask(.get, "predictions", id, "replay")) { answer in
                try session.console.say(AnswerText.replay(answer, session.console.style))
            }
            if answer["equal"]?.bool != true { throw ExitStatus.difference }
        }
    }
}
