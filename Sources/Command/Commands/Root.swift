import ArgumentParser
import MartletWorld

/// The command line, `martlet`.
@main
struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "From raw events to predictions that can be explained and reproduced, in one program.",
        discussion: """
            A project is a folder of YAML files; its data lies below it in .martlet. Every command takes --project DIR and --json, and
            works the same whether 'martlet up' runs there or not.

            \(ExitStatus.help)

            ENVIRONMENT:
              MARTLET_TOKEN  the token to act under; without it a command acts as the owner of the project's folder
              NO_COLOR       no colours
            """,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(name: "A PROJECT", subcommands: [Init.self, Plan.self, Apply.self, Up.self]),
            CommandGroup(name: "DATA", subcommands: [Ingest.self, Events.self, DeadLetters.self, Features.self, Dataset.self]),
            CommandGroup(name: "MODELS", subcommands: [Train.self, Runs.self, Models.self, Promote.self, Rollback.self]),
            CommandGroup(name: "PREDICTIONS", subcommands: [Predict.self, Explain.self, Replay.self, Outcome.self]),
            CommandGroup(name: "OPERATION", subcommands: [Audit.self, Doctor.self, TokenCommand.self, Demo.self]),
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
            Ending(error).end()
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
        switch error {
        case let failure as CommandFailure:
            (text, status) = (failure.text(style), failure.status.rawValue)
        case let status as ExitStatus:
            (text, self.status) = ("", status.rawValue)
        default:
            text = Root.fullMessage(for: error)
            switch Root.exitCode(for: error) {
            case .success: (isAnswer, status) = (true, ExitStatus.done.rawValue)
            case .validationFailure: status = ExitStatus.usage.rawValue
            default:
                // No one foresaw it, so no one wrote a sentence for it.
                if !text.hasPrefix("Error") { text = "error: \(text)" }
                status = ExitStatus.failed.rawValue
            }
        }
    }

    /// Prints and ends the process.
    func end() -> Never {
        if let console = try? Console() {
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
