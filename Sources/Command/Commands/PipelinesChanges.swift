import ArgumentParser
import MartletBytes
import MartletServer

extension Pipelines {
    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a run: what has not started never will, what runs is ended.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The run.")
        var pipelineRun: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.post, "pipeline-runs", pipelineRun, "cancel")) { _ in
                    try session.console.say("run \(pipelineRun) is being ended")
                }
            }
        }
    }

    struct Clear: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make tasks of a run anew, with all that they lead to.",
            discussion: "Without TASK those that failed. What the others gave stays and is used.")

        @OptionGroup var options: ProjectOptions

        @Flag(help: "Only these tasks, not what they lead to.")
        var only = false

        @Argument(help: "The run.")
        var pipelineRun: String

        @Argument(help: "The tasks.")
        var tasks: [String] = []

        func run() async throws {
            try await Session.run(options) { session in
                let body: JSONValue = ["tasks": .array(tasks.map(JSONValue.string)), "downstream": .bool(!only)]
                try await session.answer(Ask(.post, "pipeline-runs", pipelineRun, "clear").with(body)) { _ in
                    let what = tasks.isEmpty ? "what failed" : tasks.joined(separator: ", ")
                    try session.console.say("run \(pipelineRun): \(what) is made anew")
                    session.noteThatItPauses()
                }
            }
        }
    }

    struct Mark: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how a task instance ended, in place of the truth; the audit log keeps who said it.")

        enum State: String, ExpressibleByArgument, CaseIterable {
            case succeeded, failed, skipped
        }

        @OptionGroup var options: ProjectOptions

        @Option(help: "This instance of a mapped task.")
        var index = 0

        @Argument(help: "The run.")
        var pipelineRun: String

        @Argument(help: "The task.")
        var task: String

        @Argument(help: "How it ended.")
        var state: State

        func run() async throws {
            try await Session.run(options) { session in
                let body: JSONValue = ["state": .string(state.rawValue), "index": .int64(Int64(index))]
                try await session.answer(Ask(.post, "pipeline-runs", pipelineRun, "tasks", task, "mark").with(body)) { _ in
                    try session.console.say("run \(pipelineRun): \(task) is marked as \(state.rawValue)")
                }
            }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a run that waits for an approval go on.")

        @OptionGroup var answer: DecisionOptions

        func run() async throws { try await answer.send(approved: true) }
    }

    struct Refuse: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Refuse the approval that a run waits for; its task fails.")

        @OptionGroup var answer: DecisionOptions

        func run() async throws { try await answer.send(approved: false) }
    }

    /// What an approval's answer takes, whichever it is.
    struct DecisionOptions: ParsableArguments {
        @OptionGroup var options: ProjectOptions

        @Option(help: "Why, for the run's history.")
        var note: String?

        @Option(help: "This instance of a mapped task.")
        var index = 0

        @Argument(help: "The run.")
        var pipelineRun: String

        @Argument(help: "The task that asks.")
        var task: String

        func send(approved: Bool) async throws {
            try await Session.run(options) { session in
                var body = JSONObject()
                body["approved"] = .bool(approved)
                body["index"] = .int64(Int64(index))
                body["note"] = note.map(JSONValue.string)
                try await session.answer(Ask(.post, "pipeline-runs", pipelineRun, "tasks", task, "decide").with(.object(body))) { _ in
                    try session.console.say("run \(pipelineRun): \(task) is \(approved ? "approved" : "refused")")
                    session.noteThatItPauses()
                }
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keep a pipeline from starting anything; what is under way goes on.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The pipeline.")
        var pipeline: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.post, "pipelines", pipeline, "pause")) { _ in
                    try session.console.say("\(pipeline) is paused; 'martlet pipelines resume \(pipeline)' lets it go on")
                }
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a paused pipeline go on.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The pipeline.")
        var pipeline: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.post, "pipelines", pipeline, "resume")) { _ in
                    try session.console.say("\(pipeline) goes on")
                }
            }
        }
    }

    struct Backfill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the intervals of a past range, a bounded number at a time.",
            discussion: """
                martlet pipelines backfill nightly --from 2026-01-01 --to 2026-02-01 --dry-run

                The range's ends are dates or RFC 3339; intervals begin at or after --from and end at or before --to.
                """)

        enum Scope: String, ExpressibleByArgument, CaseIterable {
            case missing, failed, all
        }

        @OptionGroup var options: ProjectOptions

        @Option(help: "Where the range begins.")
        var from: String

        @Option(help: "Where it ends.")
        var to: String

        @Option(help: "Those without a run, also those whose runs failed, or all.")
        var of = Scope.missing

        @Option(help: "Runs of it at a time.")
        var maxActiveRuns = 1

        @Flag(help: "The newest interval first.")
        var newestFirst = false

        @Flag(help: "Only say what would be run.")
        var dryRun = false

        @Argument(help: "The pipeline.")
        var pipeline: String

        func run() async throws {
            try await Session.run(options) { session in
                let body: JSONValue = [
                    "from": .string(RequestTime.text(from)), "to": .string(RequestTime.text(to)), "of": .string(of.rawValue),
                    "max_active_runs": .int64(Int64(maxActiveRuns)), "newest_first": .bool(newestFirst), "dry_run": .bool(dryRun),
                ]
                try await session.answer(Ask(.post, "pipelines", pipeline, "backfills").with(body)) { answer in
                    try session.console.say(PipelineText.backfill(answer, session.console.style))
                    if answer["backfill"]?.string != nil { session.noteThatItPauses() }
                }
            }
        }
    }
}
