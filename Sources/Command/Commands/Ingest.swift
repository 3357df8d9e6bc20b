import ArgumentParser
import MartletBytes
import MartletServer
import MartletWorld

/// `martlet ingest`
struct Ingest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the rows of a file or of standard input into a stream.",
        discussion: """
            CSV with a header, NDJSON or one JSON array, plain or gzip. Rows are held to the stream's contract: those that keep it are stored, \
            the others wait as dead letters, with their place and reason. The same rows again have no effect if the stream has a unique key.

            A file is history: its events count as known when they happened, plus the stream's 'delay'. With --live they count as known now.
            """)

    @OptionGroup var options: ProjectOptions

    @Flag(help: "The rows are news: known from now on, not since they happened.")
    var live = false

    @Option(help: "csv, ndjson or json; else told from the file's name or first bytes.")
    var format: FileInput.Format?

    @Flag(help: "Pass over columns that the stream does not have.")
    var ignoreUnknown = false

    @Argument(help: "The stream.")
    var stream: String

    @Argument(help: ArgumentHelp("A file, or - for standard input.", valueName: "file"))
    var file: String

    func run() async throws {
        try await Session.run(options) { session in
            let input = try FileInput(file)
            let ask = Ask(.post, "streams", stream, "ingest")
                .with("history", live ? "false" : "true").with("format", try (format ?? input.format()).rawValue)
                .with("ignore_unknown", ignoreUnknown ? "true" : nil).with("source", input.name)
            let start = session.console.clock.monotonicNanoseconds()
            let response = try await session.upload(ask, from: input, title: stream)
            let seconds = Double(session.console.clock.monotonicNanoseconds() - start) / 1e9
            let answer = try JSONValue(parsing: response.body)
            if session.isJSON { return try session.console.say(answer) }
            try session.console.say(AnswerText.ingestion(answer, stream: stream, seconds: seconds, session.console.style))
        }
    }
}

extension FileInput.Format: ExpressibleByArgument {}
