import ArgumentParser
import MartletBytes
import MartletServer
import MartletWorld

/// `martlet pipelines`
struct Pipelines: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run graphs of tasks, see how they do, and answer what they ask.",
        discussion: """
            Schedules and triggers start runs only while 'martlet up' runs. Without it a command that makes a run carries it on itself, for as \
            long as it waits.
            """,
        subcommands: [
            List.self, Show.self, Run.self, Runs.self, Status.self, Logs.self, Cancel.self, Clear.self, Mark.self, Approve.self,
            Refuse.self, Pause.self, Resume.self, Backfill.self,
        ], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the pipelines in force, with when each runs next and how it went last.")

        @OptionGroup var options: ProjectOptions

        func run() async throws {
            try await Session.run(options) { session in
                try await session.list(Ask(.get, "pipelines")) { items in
                    guard !items.isEmpty else { return try session.console.say("no pipeline is defined; a file in pipelines/ makes one") }
                    try session.console.say(
                        AnswerText.table(
                            items, first: ["pipeline", "tasks", "schedule", "next_due", "paused", "last_state", "last_began", "last_alert"],
                            leaving: ["doc"], session.console.style))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a pipeline's graph: its tasks by levels, each with what it comes after.",
            discussion: "Tasks of one level may run at the same time; those at 'fails' run only if the run fails.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The pipeline.")
        var pipeline: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.get, "pipelines", pipeline)) { answer in
                    try session.console.say(PipelineText.graph(answer, session.console.style))
                }
            }
        }
    }

    struct Runs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List runs, the newest first.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Only those in this state: queued, running, succeeded, failed or cancelled.")
        var state: String?

        @Option(help: "At most so many.")
        var limit = 50

        @Argument(help: "Of this pipeline; of all if left out.")
        var pipeline: String?

        func run() async throws {
            try await Session.run(options) { session in
                let ask = Ask(.get, "pipeline-runs").with("pipeline", pipeline).with("state", state).with("limit", String(limit))
                try await session.list(ask) { items in
                    guard !items.isEmpty else { return try session.console.say("no run") }
                    try session.console.say(
                        AnswerText.table(
                            items.map(Self.row), first: ["run", "pipeline", "state", "cause", "interval", "began", "ended"],
                            leaving: ["created", "actor", "parameters", "definition", "backfill", "parent", "note"], session.console.style))
                }
            }
        }

        /// The interval as one text.
        static func row(_ run: JSONValue) -> JSONValue {
            guard var object = run.object else { return run }
            if let start = run["interval"]?["start"]?.string, let end = run["interval"]?["end"]?.string {
                object["interval"] = .string("\(start)/\(end)")
            }
            return .object(object)
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a run: the state of each of its tasks, and when each ran as a bar.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The run.")
        var pipelineRun: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.get, "pipeline-runs", pipelineRun)) { answer in
                    let console = session.console
                    try console.say(PipelineText.run(answer, now: console.clock.now(), width: console.columns ?? 100, console.style))
                }
            }
        }
    }
}
