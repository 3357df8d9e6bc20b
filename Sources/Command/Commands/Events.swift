import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet events`
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a stream's events in log order, one JSON value a line.",
        discussion: """
            {"position","kind","event_time","ingest_time","payload"}. Fields that identify persons appear as pseudonyms; --personal shows them, \
            under a permission of its own, and the audit log keeps that they were read.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(help: "The first position.")
    var from: Int64 = 0

    @Option(help: "At most so many events; all of them if left out.")
    var limit: Int?

    @Flag(help: "Show the fields that identify persons.")
    var personal = false

    @Argument(help: "The stream.")
    var stream: String

    /// Events of one request.
    private static let page = 5_000

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is at least 1") }
    }

    func run() async throws {
        try await Session.run(options) { session in
            var position = from
            var left = limit ?? .max
            while left > 0 {
                var ask = Ask(.get, "streams", stream, "events")
                if personal { ask.path.append("personal") }
                let response = try await session.response(
                    ask.with("from", String(position)).with("limit", String(min(left, Self.page))))
                try session.console.write(response.body)
                left -= response.body.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
                guard let next = response.headers["x-next-position"].flatMap(Int64.init),
                    let end = response.headers["x-end-position"].flatMap(Int64.init), next > position, next < end
                else { break }
                position = next
            }
        }
    }
}

/// `martlet dead-letters`
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "Rows that broke their stream's contract, with place and reason.",
        subcommands: [List.self, Replay.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the rows that wait, oldest first.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "At most so many.")
        var limit = 100

        @Option(help: "Those after this one's number.")
        var after: Int64?

        @Argument(help: "The stream; all of them if left out.")
        var stream: String?

        func run() async throws {
            try await Session.run(options) { session in
                let ask = Ask(.get, "dead-letters").with("stream", stream).with("after", after.map(String.init))
                    .with("limit", String(limit))
                try await session.list(ask) { items in
                    guard !items.isEmpty else { return try session.console.say("no row waits") }
                    try session.console.say(AnswerText.table(items, session.console.style))
                }
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold the rows that wait to the contract as it is now; those that keep it come in.",
            discussion: "Mend the contract in the stream's file and apply it first. Rows that still break it stay, with their present reason.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The stream.")
        var stream: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.post, "streams", stream, "dead-letters", "replay")) { answer in
                    try session.console.say(AnswerText.ingestion(answer, stream: stream, seconds: nil, session.console.style))
                }
            }
        }
    }
}
