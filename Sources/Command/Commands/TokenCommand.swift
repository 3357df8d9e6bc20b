import ArgumentParser
import MartletAccess
import MartletBytes
import MartletFrames
import MartletServer
import MartletWorld

/// `martlet token`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, list and revoke the tokens that programs act under.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print it; it is shown this once.",
            discussion: """
                Programs send it as 'Authorization: Bearer TOKEN'; commands take it from MARTLET_TOKEN.

                ROLES: \(Role.allCases.map(\.rawValue).joined(separator: ", "))
                """)

        @OptionGroup var options: ProjectOptions

        @Option(help: "What it may do.")
        var role: String

        @Option(help: "What it is for, for people.")
        var name: String?

        @Option(help: "When it ends: a span such as 30d, or RFC 3339; never if left out.")
        var expires: String?

        func validate() throws {
            guard Role(rawValue: role) != nil else {
                throw ValidationError("there is no role '\(role)'; roles: \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }

        func run() async throws {
            try await Session.run(options) { session in
                var body = JSONObject()
                body["name"] = .string(name ?? role)
                body["role"] = .string(role)
                let now = session.console.clock.now()
                body["expires"] = expires.map { text in .string(Timestamp.Span(text).map { "\(now + $0)" } ?? text) }
                try await session.answer(Ask(.post, "tokens").with(.object(body))) { answer in
                    try session.console.say(AnswerText.cell(answer["token"]))
                    session.console.note("keep it now: it is not shown again")
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the tokens that exist, without their texts.")

        @OptionGroup var options: ProjectOptions

        func run() async throws {
            try await Session.run(options) { session in
                try await session.list(Ask(.get, "tokens")) { items in
                    guard !items.isEmpty else { return try session.console.say("there is no token") }
                    try session.console.say(AnswerText.table(items, first: ["id", "name", "role"], session.console.style))
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a token at once.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "The token's id, as 'martlet token list' shows it.")
        var id: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.delete, "tokens", id)) { _ in
                    try session.console.say("token \(id) is revoked")
                }
            }
        }
    }
}
