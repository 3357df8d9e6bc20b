import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet rollouts`
struct Rollouts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See versions that are tried at endpoints, let them in or take them back.",
        discussion: """
            Where an endpoint declares a rollout, 'martlet promote' begins one. A server judges it by itself: it goes on, lets the version in or takes it back. \
            A person can always do so.
            """,
        subcommands: [List.self, Show.self, PromoteNow.self, Withdraw.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List rollouts, the newest first.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "At most so many.")
        var limit = 50

        @Argument(help: "Of this endpoint; of all if left out.")
        var endpoint: String?

        func run() async throws {
            try await Session.run(options) { session in
                try await session.list(Ask(.get, "rollouts").with("endpoint", endpoint).with("limit", String(limit))) { items in
                    guard !items.isEmpty else { return try session.console.say("no version was tried yet; 'martlet promote MODEL' does where an endpoint declares a rollout") }
                    try session.console.say(
                        AnswerText.table(
                            items, first: ["endpoint", "challenger", "champion", "state", "step", "started", "ended", "reason"],
                            leaving: ["rollout", "model", "alias", "actor", "step_started"], session.console.style))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a rollout: what happened to it, and what its present step has shown.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "An endpoint, for its newest rollout, or a rollout's id.")
        var rollout: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.get, "rollouts", try await id(session))) { answer in
                    try session.console.say(RolloutText.details(answer, session.console.style))
                }
            }
        }

        /// Names of endpoints have no '-', ids have.
        private func id(_ session: Session) async throws -> String {
            if rollout.contains("-") { return rollout }
            let newest = try await session.value(Ask(.get, "rollouts").with("endpoint", rollout).with("limit", "1"))
            guard let id = newest["items"]?.array?.first?["rollout"]?.string else {
                throw CommandFailure("not_found", "no version was tried at endpoint '\(rollout)'", hint: "see them with 'martlet rollouts'")
            }
            return id
        }
    }

    struct PromoteNow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "promote", abstract: "Let the version that is tried at an endpoint answer everything.",
            discussion: "Where the endpoint asks for a second person, somebody else than who began the rollout must do it.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Why, for the release and the audit log.")
        var reason: String?

        @Argument(help: "The endpoint.")
        var endpoint: String

        func run() async throws {
            try await Session.run(options) { session in
                let body = JSONValue.object(reason: reason)
                try await session.answer(Ask(.post, "endpoints", endpoint, "rollout", "promote").with(body)) { answer in
                    try session.console.say("let in: release \(AnswerText.cell(answer["release"])) is in force")
                }
            }
        }
    }

    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take the version that is tried at an endpoint back.")

        @OptionGroup var options: ProjectOptions

        @Option(help: "Why, for the audit log.")
        var reason: String?

        @Argument(help: "The endpoint.")
        var endpoint: String

        func run() async throws {
            try await Session.run(options) { session in
                let body = JSONValue.object(reason: reason)
                try await session.answer(Ask(.post, "endpoints", endpoint, "rollout", "withdraw").with(body)) { answer in
                    try session.console.say("version \(AnswerText.cell(answer["challenger"])) is withdrawn; version \(AnswerText.cell(answer["champion"])) answers")
                }
            }
        }
    }
}

extension JSONValue {
    fileprivate static func object(reason: String?) -> JSONValue {
        var body = JSONObject()
        body["reason"] = reason.map(JSONValue.string)
        return .object(body)
    }
}

/// A rollout as a person reads it.
enum RolloutText {
    static func details(_ rollout: JSONValue, _ style: Style = .plain) -> String {
        var lines = [
            "\(AnswerText.cell(rollout["endpoint"])): version \(AnswerText.cell(rollout["challenger"])) of \(AnswerText.cell(rollout["model"])) beside version \(AnswerText.cell(rollout["champion"])), \(AnswerText.cell(rollout["state"]))"
        ]
        let steps = rollout["steps"]?.array ?? []
        if !steps.isEmpty {
            let now = Int(rollout["step"]?.int64 ?? 1)
            lines.append("steps: " + steps.enumerated().map { $0 + 1 == now ? "[\(AnswerText.cell($1))]" : AnswerText.cell($1) }.joined(separator: " → "))
        }
        if let evidence = rollout["evidence"], !evidence.isNull { lines += self.evidence(evidence, style) }
        lines.append("")
        for event in rollout["events"]?.array ?? [] {
            let actor = event["actor"]?.string.map { " by \($0)" } ?? ""
            let reason = event["reason"]?.string ?? ""
            lines.append("\(AnswerText.cell(event["time"]))  \(AnswerText.cell(event["kind"]))\(actor)\(reason.isEmpty ? "" : ": " + reason)")
        }
        return lines.joined(separator: "\n")
    }

    private static func evidence(_ evidence: JSONValue, _ style: Style) -> [String] {
        var lines: [String] = []
        for side in ["champion", "challenger"] {
            let shown = evidence[side]
            lines.append(
                "\(side): \(count(shown, "decisions")) decisions for \(count(shown, "units")) units, \(count(shown, "judged")) judged, \(count(shown, "without_outcome")) without outcome, mean worth \(AnswerText.cell(shown?["mean"]))")
        }
        lines.append("difference: " + (bounds(evidence["difference"]) ?? "too little was seen"))
        if let ratio = evidence["sample_ratio"]?.double {
            lines.append("units shared as planned: \(ratio < 0.001 ? style.bad("no") : "yes") (p = \(AnswerText.number(ratio)))")
        }
        for guardrail in evidence["guardrails"]?.array ?? [] {
            let state = guardrail["broken"]?.bool == true ? style.bad("broken") : "holds"
            lines.append(
                "guardrail \(AnswerText.cell(guardrail["name"])): \(state), \(bounds(guardrail["bounds"]) ?? "too little was seen") (limit \(AnswerText.cell(guardrail["limit"])))")
        }
        return lines
    }

    private static func count(_ side: JSONValue?, _ name: String) -> String {
        side?[name]?.int64.map { NumberText.grouped($0) } ?? "0"
    }

    private static func bounds(_ bounds: JSONValue?) -> String? {
        guard let low = bounds?["low"]?.double, let estimate = bounds?["estimate"]?.double, let high = bounds?["high"]?.double else { return nil }
        return "\(AnswerText.number(estimate)), at all times between \(AnswerText.number(low)) and \(AnswerText.number(high))"
    }
}
