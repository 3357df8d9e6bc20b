import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet monitors`
struct Monitors: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See what monitors measured.",
        discussion: "A server measures the windows of monitors as they close.",
        subcommands: [List.self, Show.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the monitors in force.")

        @OptionGroup var options: ProjectOptions

        func run() async throws {
            try await Session.run(options) { session in
                try await session.list(Ask(.get, "monitors")) { items in
                    guard !items.isEmpty else { return try session.console.say("the project has no monitor; see docs/how-to/monitor.md") }
                    try session.console.say(AnswerText.table(items, first: ["monitor", "endpoint", "stream", "firing", "beyond", "rows"], session.console.style))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the last windows of a monitor, what moved most first.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Only what was measured of requests, once outcomes had come, or of a stream's events.")
        var part: Part?

        @Option(help: "So many windows.")
        var limit = 2

        @Argument(help: "The monitor.")
        var monitor: String

        enum Part: String, ExpressibleByArgument, CaseIterable { case requests, outcomes, events }

        func run() async throws {
            try await Session.run(options) { session in
                let ask = Ask(.get, "monitors", monitor, "windows").with("part", part?.rawValue).with("limit", String(limit))
                try await session.list(ask) { items in
                    guard !items.isEmpty else { return try session.console.say("no window has closed yet") }
                    for window in items { try session.console.say(MonitorText.window(window, session.console.style)) }
                }
            }
        }
    }
}

/// `martlet alarms`
struct Alarms: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See alarms, look after them, silence them, answer what they ask for.",
        subcommands: [List.self, History.self, Acknowledge.self, SilenceThem.self, Unsilence.self, Approve.self, Refuse.self, Lift.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List alarms that are pending, firing or ended a short while ago.")

        @OptionGroup var options: ProjectOptions

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.get, "alarms")) { answer in
                    try session.console.say(MonitorText.alarms(answer, session.console.style))
                }
            }
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what happened to alarms, the newest first.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "At most so many.")
        var limit = 50

        @Argument(help: "An alarm's id; all if left out.")
        var alarm: String?

        func run() async throws {
            try await Session.run(options) { session in
                try await session.list(Ask(.get, "alarms", "history").with("alarm", alarm).with("limit", String(limit))) { items in
                    guard !items.isEmpty else { return try session.console.say("nothing happened yet") }
                    for item in items { try session.console.say(MonitorText.event(item)) }
                }
            }
        }
    }

    struct Acknowledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say that you look after an alarm: it is not told again.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "What you do about it.")
        var note = ""

        @Argument(help: "The alarm's id.")
        var alarm: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.post, "alarms", alarm, "acknowledge").with(["note": .string(note)])) { _ in
                    try session.console.say("acknowledged")
                }
            }
        }
    }

    struct SilenceThem: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "silence", abstract: "For a while, do not tell alarms that fit, and do nothing for them.",
            discussion: "Matchers are such as alertname=\"fraud.drift\", feature=~\"amount_*\", severity!=\"page\"; all must hold.")

        @OptionGroup var options: ProjectOptions

        @Option(name: .customLong("for"), help: "How long, as in 2h.")
        var span: String

        @Option(help: "Why.")
        var comment = ""

        @Argument(help: "The matchers.")
        var matchers: [String]

        func run() async throws {
            try await Session.run(options) { session in
                let body: JSONValue = ["matchers": .array(matchers.map(JSONValue.string)), "for": .string(span), "comment": .string(comment)]
                try await session.answer(Ask(.post, "silences").with(body)) { answer in
                    try session.console.say("silence \(AnswerText.cell(answer["silence"])) holds for \(span)")
                }
            }
        }
    }

    struct Unsilence: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a silence.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The silence's id.")
        var silence: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.delete, "silences", silence)) { _ in try session.console.say("the silence is over") }
            }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let what an alarm asks for be done.")

        @OptionGroup var options: ProjectOptions
        @Option(help: "Why.")
        var note = ""
        @Argument(help: "The reaction's id.")
        var reaction: String

        func run() async throws { try await Alarms.decide(reaction, true, note, options) }
    }

    struct Refuse: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Do not let what an alarm asks for be done.")

        @OptionGroup var options: ProjectOptions
        @Option(help: "Why.")
        var note = ""
        @Argument(help: "The reaction's id.")
        var reaction: String

        func run() async throws { try await Alarms.decide(reaction, false, note, options) }
    }

    struct Lift: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back what alarms changed at an endpoint, though they fire on.",
            discussion: "The model answers again, or no more decisions are reviewed than the endpoint says. Another alarm may change it again.")

        enum Change: String, ExpressibleByArgument, CaseIterable { case fallback, review }

        @OptionGroup var options: ProjectOptions

        @Option(help: "Why.")
        var reason: String?

        @Argument(help: "The endpoint.")
        var endpoint: String

        @Argument(help: "What was changed.")
        var change: Change

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.delete, "endpoints", endpoint, "mitigations", change.rawValue).with("reason", reason)) { _ in
                    try session.console.say(change == .fallback ? "the model answers again" : "no more is reviewed than the endpoint says")
                }
            }
        }
    }

    private static func decide(_ reaction: String, _ approved: Bool, _ note: String, _ options: ProjectOptions) async throws {
        try await Session.run(options) { session in
            let body: JSONValue = ["approved": .bool(approved), "note": .string(note)]
            try await session.answer(Ask(.post, "reactions", reaction).with(body)) { _ in
                try session.console.say(approved ? "it is done" : "it is not done")
            }
        }
    }
}
