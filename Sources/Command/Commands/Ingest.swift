import ArgumentParser
import MartletBytes
import MartletPlatform
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

            With --correct each row takes the place of the stored event with its unique key, whole: what it leaves out is missing. With --retract \
            it only names one, which then did not happen. What an event was before stays readable, and past predictions are replayed with it.
            """)

    @OptionGroup var options: ProjectOptions

    @Flag(help: "The rows are news: known from now on, not since they happened.")
    var live = false

    @Flag(help: "Put the rows in the place of the stored events with their keys.")
    var correct = false

    @Flag(help: "End the stored events with the rows' keys; other columns are passed over.")
    var retract = false

    @Option(help: "csv, ndjson or json; else told from the file's name or first bytes.", transform: FileInput.format(argument:))
    var format: FileInput.Format?

    @Flag(help: "Pass over columns that the stream does not have.")
    var ignoreUnknown = false

    @Argument(help: "The stream.")
    var stream: String

    @Argument(help: ArgumentHelp("A file, or - for standard input.", valueName: "file"))
    var file: String

    func validate() throws {
        guard !(correct && retract) else { throw ValidationError("give one of --correct and --retract") }
    }

    func run() async throws {
        try await Session.run(options) { session in
            let input = try FileInput(file)
            let path = correct ? "corrections" : retract ? "retractions" : "ingest"
            let ask = Ask(.post, "streams", stream, path)
                .with("history", live ? "false" : "true").with("format", try (format ?? input.format()).rawValue)
                .with("ignore_unknown", ignoreUnknown ? "true" : nil).with("source", input.name)
            let start = session.console.clock.monotonicNanoseconds()
            let response = try await session.upload(ask, from: input, title: stream)
            let seconds = Double(session.console.clock.monotonicNanoseconds() - start) / 1e9
            let answer = try JSONValue(parsing: response.body)
            if session.isJSON { return try session.console.say(answer) }
            let style = session.console.style
            try session.console.say(
                correct || retract
                    ? AnswerText.revision(answer, stream: stream, done: correct ? "corrected" : "retracted", style)
                    : AnswerText.ingestion(answer, stream: stream, seconds: seconds, style))
        }
    }
}
