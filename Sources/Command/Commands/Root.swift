import ArgumentParser
import MartletPlatform
import MartletWorld

/// The command line, `martlet`.
struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "From raw events to predictions that can be explained and reproduced, in one program.",
        discussion: """
            A project is a folder of YAML files; its data lies below it in .martlet. Every command takes --project DIR and --json, and \
            works the same whether 'martlet up' runs there or not.

            \(ExitStatus.help)

            ENVIRONMENT:
              MARTLET_TOKEN  the token that commands act under; without one they act as the folder's owner. A program that a
                             pipeline's task runs is given one with the rights of the run
              MARTLET_DUCKDB DuckDB's library for tasks that are SQL, where the system does not find it by itself
              NO_COLOR       no colours
            """,
        version: "martlet \(Martlet.version)",
        subcommands: [RunSQL.self],
        groupedSubcommands: [
            CommandGroup(name: "A PROJECT", subcommands: [Init.self, Plan.self, Apply.self, Up.self]),
            CommandGroup(name: "DATA", subcommands: [Ingest.self, Events.self, DeadLetters.self, Features.self, Dataset.self]),
            CommandGroup(name: "MODELS", subcommands: [Train.self, Runs.self, Models.self, Promote.self, Rollouts.self, Rollback.self]),
            CommandGroup(name: "PREDICTIONS", subcommands: [Predict.self, Explain.self, Replay.self, Outcome.self, Feedback.self, Reviews.self]),
            CommandGroup(name: "PIPELINES", subcommands: [Pipelines.self, Lineage.self]),
            CommandGroup(name: "MONITORING", subcommands: [Monitors.self, Alarms.self]),
            CommandGroup(name: "OPERATION", subcommands: [Audit.self, Doctor.self, TokenCommand.self, SecretCommand.self, Demo.self]),
        ])

    /// Parses, runs and ends with the exit code that the failure, if any, asks for.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let console = try? Console()
            Ending(error, style: console?.errorStyle ?? .plain).end(console)
        }
    }
}

/// How a command that threw ends: what it prints, and its exit code.
struct Ending {
    var text: String
    var isAnswer: Bool
    var status: Int32

    init(_ error: any Error, style: Style = .plain) {
        isAnswer = false
        if let failure = CommandFailure(error) {
            (text, status) = (failure.text(style), failure.status.rawValue)
        } else if let ending = error as? ExitStatus {
            (text, status) = ("", ending.rawValue)
        } else {
            text = Root.fullMessage(for: error)
            switch Root.exitCode(for: error) {
            case .success: (isAnswer, status) = (true, ExitStatus.done.rawValue)
            case .validationFailure: status = ExitStatus.usage.rawValue
            default:
                // No one foresaw it, so no one wrote a sentence for it.
                if !text.hasPrefix("Error: ") { text = "error: \(text)" }
                status = ExitStatus.failed.rawValue
            }
            if text.hasPrefix("Error: ") { text = "error: " + text.dropFirst(7) }
        }
    }

    /// Prints and ends the process.
    func end(_ console: Console?) -> Never {
        if let console {
            if isAnswer {
                try? console.say(text)
            } else if !text.isEmpty {
                console.note(text)
            }
        }
        endProcess(status)
    }
}

/// What every command takes.
struct ProjectOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The project's folder.", valueName: "dir"))
    var project = "."

    @Flag(name: .long, help: "Print the native API's answer: one JSON value, of a list one a line.")
    var json = false
}
