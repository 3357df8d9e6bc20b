import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet reviews`
struct Reviews: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Decisions that a person judges: uncertain, explored or contested ones.",
        discussion: "Which decisions come here an endpoint's 'review:' says. A verdict is an outcome of the decision, as any other.",
        subcommands: [List.self, Show.self, Claim.self, Answer.self, Contest.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the queue, oldest first.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Of this endpoint only.")
        var endpoint: String?

        @Option(help: "open, claimed, answering, decided or expired; open if left out.")
        var state = "open"

        @Option(help: "At most so many.")
        var limit = 100

        func run() async throws {
            try await Session.run(options) { session in
                let ask = Ask(.get, "reviews").with("endpoint", endpoint).with("state", state).with("limit", String(limit))
                try await session.list(ask) { items in
                    guard !items.isEmpty else { return try session.console.say("no decision is \(state)") }
                    try session.console.say(
                        AnswerText.table(items, leaving: ["explored", "propensity", "held_until", "decided", "state", "time"], session.console.style))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one decision: what was asked, what was answered, and why.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The prediction's id.")
        var prediction: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.get, "reviews", prediction)) { answer in
                    try session.console.say(AnswerText.pairs(answer, leaving: ["explanation"]))
                    if let explanation = answer["explanation"], !explanation.isNull {
                        try session.console.say(AnswerText.explanation(explanation, session.console.style))
                    }
                }
            }
        }
    }

    struct Claim: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Hold a decision, so that no other judges it meanwhile.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The prediction's id.")
        var prediction: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.post, "reviews", prediction, "claim").with(.object(JSONObject()))) { answer in
                    try session.console.say("yours until \(AnswerText.cell(answer["held_until"]))")
                }
            }
        }
    }

    struct Answer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Judge a decision; the verdict is its outcome.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "The verdict: JSON is taken as such, all else as a text.")
        var label: String

        @Option(help: "What there is to say about it.")
        var note: String?

        @Argument(help: "The prediction's id.")
        var prediction: String

        func run() async throws {
            try await Session.run(options) { session in
                var body = JSONObject()
                body["label"] = Outcome.label(label)
                body["note"] = note.map(JSONValue.string)
                try await session.answer(Ask(.post, "reviews", prediction, "answer").with(.object(body))) { answer in
                    try session.console.say("decided: \(AnswerText.cell(answer["label"]))")
                }
            }
        }
    }

    struct Contest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Object to a decision: a person is to judge it.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Why.")
        var reason: String

        @Argument(help: "The prediction's id.")
        var prediction: String

        func run() async throws {
            try await Session.run(options) { session in
                let ask = Ask(.post, "predictions", prediction, "contest").with(["reason": .string(reason)] as JSONValue)
                try await session.answer(ask) { answer in
                    try session.console.say("waits for a person until \(AnswerText.cell(answer["expires"]))")
                }
            }
        }
    }
}
