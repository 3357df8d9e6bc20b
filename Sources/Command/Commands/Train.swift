import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet train`
struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a model, measure it on its test part, hold it to its gates, sign and register it.",
        discussion: "The exit code is 4 if a gate failed; the run is kept all the same.")

    @OptionGroup var options: ProjectOptions

    @Argument(help: "The model.")
    var model: String

    func run() async throws {
        try await Session.run(options) { session in
            let answer = try await session.answer(Ask(.post, "models", model, "train")) { answer in
                try session.console.say(AnswerText.training(answer, session.console.style))
            }
            if !AnswerText.gatesPassed(answer) { throw ExitStatus.gateFailed }
        }
    }
}

/// `martlet runs`
struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List training runs, the newest first.")

    @OptionGroup var options: ProjectOptions

    @Option(help: "At most so many.")
    var limit = 50

    @Argument(help: "Of this model; of all if left out.")
    var model: String?

    func run() async throws {
        try await Session.run(options) { session in
            try await session.list(Ask(.get, "runs").with("model", model).with("limit", String(limit))) { items in
                guard !items.isEmpty else { return try session.console.say("no model was trained yet") }
                try session.console.say(
                    AnswerText.table(items, first: ["model", "version", "status", "started", "metrics"],
                        leaving: ["run", "definition", "parameters", "actor", "gates", "ended"], session.console.style))
            }
        }
    }
}

/// `martlet models`
struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List models, their versions and what bears which alias.")

    @OptionGroup var options: ProjectOptions

    @Argument(help: "Only this model.")
    var model: String?

    func run() async throws {
        try await Session.run(options) { session in
            let ask = model.map { Ask(.get, "models", $0) } ?? Ask(.get, "models")
            try await session.list(ask) { items in
                guard !items.isEmpty else { return try session.console.say("no model has a version yet; make one with 'martlet train MODEL'") }
                try session.console.say(AnswerText.table(items, first: ["model", "version", "aliases", "created"], leaving: ["run"], session.console.style))
            }
        }
    }
}

/// `martlet promote`
struct Promote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a version bear an alias, so that endpoints answer with it; one commit.",
        discussion: """
            Without VERSION the newest that passed its gates. Where an endpoint declares a rollout, the version is tried there first and bears the alias \
            once it is let in: see 'martlet rollouts'. The exit code is 4 if the version did not pass its gates.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(help: "The alias.")
    var alias = "champion"

    @Option(help: "Why, for the release and the audit log.")
    var reason: String?

    @Flag(help: "Do not try it first.")
    var atOnce = false

    @Flag(help: "Let it take the place of a version that is being tried.")
    var replace = false

    @Argument(help: "The model.")
    var model: String

    @Argument(help: "The version's number.")
    var version: Int?

    func run() async throws {
        try await Session.run(options) { session in
            var body = JSONObject()
            body["version"] = version.map { .int64(Int64($0)) }
            body["alias"] = .string(alias)
            body["reason"] = reason.map(JSONValue.string)
            if atOnce { body["at_once"] = true }
            if replace { body["replace"] = true }
            try await session.answer(Ask(.post, "models", model, "promote").with(.object(body))) { answer in
                if let rollout = answer["rollout"], !rollout.isNull {
                    let endpoint = AnswerText.cell(rollout["endpoint"])
                    try session.console.say(
                        "\(model): version \(AnswerText.cell(rollout["challenger"])) is tried at endpoint \(endpoint) beside version \(AnswerText.cell(rollout["champion"]))")
                    return try session.console.say("next: martlet rollouts show \(endpoint)")
                }
                let number = AnswerText.cell(answer["aliases"]?[model]?[alias])
                try session.console.say("\(model): version \(number) is \(alias), in release \(Apply.release(answer) ?? "-")")
            }
        }
    }
}

/// `martlet rollback`
struct Rollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore the release before this one: definitions, models and routes, in one commit.",
        discussion: "Events stay. A rollback is itself a release, so it can be rolled back.")

    @OptionGroup var options: ProjectOptions

    @Option(help: "Why, for the release and the audit log.")
    var reason: String?

    func run() async throws {
        try await Session.run(options) { session in
            var body = JSONObject()
            body["reason"] = reason.map(JSONValue.string)
            try await session.answer(Ask(.post, "rollback").with(.object(body))) { answer in
                let release = Apply.release(answer) ?? "-"
                try session.console.say(
                    "release \(release) is in force; it restores release \(AnswerText.cell(answer["restores"] ?? answer["release"]?["restores"]))")
            }
        }
    }
}
