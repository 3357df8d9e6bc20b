import ArgumentParser
import MartletBytes
import MartletServer
import MartletWorld
import NIOCore
import NIOPosix

extension Pipelines {
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a pipeline now, and wait until the run has ended.",
            discussion: """
                martlet pipelines run nightly -p threshold=0.8
                martlet pipelines run nightly --interval 2026-01-01 2026-01-02

                The exit code is 4 if the run failed or was cancelled. With --key the same request again gives the run that is there.
                """)

        @OptionGroup var options: ProjectOptions

        @Option(name: [.customShort("p"), .customLong("parameter")], help: ArgumentHelp("A parameter's value.", valueName: "name=value"))
        var parameters: [ParameterPart] = []

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("What data the run is about: start and end, dates or RFC 3339.", valueName: "time"))
        var interval: [String] = []

        @Option(help: "A text that names this request, so that it may be sent again.")
        var key: String?

        @Option(help: "Why, for those who look at the run later.")
        var note: String?

        @Flag(inversion: .prefixedNo, help: "Wait until the run has ended.")
        var wait = true

        @Argument(help: "The pipeline.")
        var pipeline: String

        func validate() throws {
            guard interval.isEmpty || interval.count == 2 else {
                throw ValidationError("--interval takes a start and an end; write the pipeline's name before it")
            }
        }

        func run() async throws {
            try await Session.run(options) { session in
                let run = try await session.value(Ask(.post, "pipelines", pipeline, "runs").with(request))
                guard wait, let id = run["run"]?.string else {
                    if session.isJSON { return try session.console.say(run) }
                    try session.console.say("run \(AnswerText.cell(run["run"])) is \(AnswerText.cell(run["state"]))")
                    return session.noteThatItPauses()
                }
                let ended = try await session.wait(forRun: id)
                if session.isJSON {
                    try session.console.say(ended)
                } else {
                    let console = session.console
                    try console.say(PipelineText.run(ended, now: console.clock.now(), width: console.columns ?? 100, console.style))
                }
                if ended["state"]?.string != "succeeded" { throw ExitStatus.gateFailed }
            }
        }

        var request: JSONValue {
            var body = JSONObject()
            if !parameters.isEmpty {
                var values = JSONObject()
                for part in parameters { values[part.name] = .string(part.value) }
                body["parameters"] = .object(values)
            }
            if interval.count == 2 {
                body["interval"] = ["start": .string(RequestTime.text(interval[0])), "end": .string(RequestTime.text(interval[1]))]
            }
            body["key"] = key.map(JSONValue.string)
            body["note"] = note.map(JSONValue.string)
            return .object(body)
        }
    }

    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print what a task's attempt printed, as it is.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Of this instance of a mapped task.")
        var index = 0

        @Option(help: "Of this attempt; the newest if left out.")
        var attempt: Int?

        @Flag(help: "Go on as more is printed, until the task instance has ended.")
        var follow = false

        @Argument(help: "The run.")
        var pipelineRun: String

        @Argument(help: "The task.")
        var task: String

        func validate() throws {
            guard !follow || !options.json else { throw ValidationError("--json prints one value, so it does not go with --follow") }
        }

        func run() async throws {
            try await Session.run(options) { session in
                // Where nothing serves the project nothing more is printed.
                let follows = follow && !(session.door is LocalDoor)
                var offset = 0
                var text: [UInt8] = []
                while true {
                    // Looked at before the log, so that what came with the end is printed too.
                    let hasEnded = follows ? try await self.hasEnded(session) : true
                    let piece = try await read(session, from: &offset)
                    if session.isJSON { text += piece } else { try session.console.write(piece) }
                    if !piece.isEmpty { continue }
                    if hasEnded { break }
                    try await session.pause()
                }
                if session.isJSON {
                    try session.console.say([
                        "run": .string(pipelineRun), "task": .string(task), "log": .string(String(decoding: text, as: UTF8.self)),
                    ])
                } else if offset == 0 {
                    session.console.note("the attempt has printed nothing")
                }
            }
        }

        private func read(_ session: Session, from offset: inout Int) async throws -> [UInt8] {
            let ask = Ask(.get, "pipeline-runs", pipelineRun, "tasks", task, "log").with("index", String(index))
                .with("attempt", attempt.map(String.init)).with("offset", String(offset))
            do {
                let bytes = try await session.response(ask).body
                offset += bytes.count
                return bytes
            } catch let failure as CommandFailure where failure.code == "nothing_printed" {
                return []
            }
        }

        private func hasEnded(_ session: Session) async throws -> Bool {
            let run = try await session.value(Ask(.get, "pipeline-runs", pipelineRun))
            if ["succeeded", "failed", "cancelled"].contains(run["state"]?.string) { return true }
            let found = (run["tasks"]?.array ?? []).first { $0["task"]?.string == task }
            guard let instance = (found?["instances"]?.array ?? []).first(where: { $0["index"]?.int64 == Int64(index) }) else { return false }
            if let attempt, let newest = instance["attempt"]?.int64, newest > Int64(attempt) { return true }
            return ["succeeded", "failed", "skipped", "upstream_failed", "cancelled"].contains(instance["state"]?.string)
        }
    }
}

/// `name=value`; the pipeline's definition says what type the value is of.
struct ParameterPart: ExpressibleByArgument, Equatable {
    var name: String
    var value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        name = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }
}

/// A time on the command line: RFC 3339 as it is, or a date, which means its first moment in UTC.
enum RequestTime {
    static func text(_ argument: String) -> String {
        argument.count == 10 ? argument + "T00:00:00Z" : argument
    }
}

extension Session {
    /// How often a run that is waited for is looked at.
    private static let interval = TimeAmount.milliseconds(200)
    private static let historyPage = 1_000
    /// Rounds without news after which the run itself is looked at.
    private static let quietRounds = 25

    func pause() async throws {
        try await MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: Self.interval) {}.futureResult.get()
    }

    /// Says that what was asked for goes on only where something serves the project.
    func noteThatItPauses() {
        if door is LocalDoor { console.note("nothing serves the project, so it goes on once 'martlet up' does") }
    }

    /// Waits until a run has ended, and shows meanwhile what happens: on a terminal lines that change in place, else a line a change.
    ///
    /// - Returns: the run as it ended.
    func wait(forRun id: String) async throws -> JSONValue {
        let run = Ask(.get, "pipeline-runs", id)
        var progress = RunProgress(run: try await value(run))
        var live = isJSON ? nil : console.liveLines()
        defer { live?.clear() }
        var quiet = 0
        while true {
            let ask = Ask(.get, "pipeline-runs", id, "history").with("after", String(progress.sequence)).with("limit", String(Self.historyPage))
            let items = try await value(ask)["items"]?.array ?? []
            for item in items {
                let lines = progress.take(item)
                if live == nil, !isJSON { for line in lines { try console.say(line) } }
            }
            let width = (live?.columns ?? 80) - 1
            live?.show(progress.lines(now: console.clock.now(), width: width))
            quiet = items.isEmpty ? quiet + 1 : 0
            if items.count == Self.historyPage { continue }
            if progress.end != nil || quiet >= Self.quietRounds {
                quiet = 0
                let now = try await value(run)
                if ["succeeded", "failed", "cancelled"].contains(now["state"]?.string) { return now }
            }
            try await pause()
        }
    }
}
