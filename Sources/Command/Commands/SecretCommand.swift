import ArgumentParser
import MartletAccess
import MartletBytes
import MartletServer
import MartletWorld

/// `martlet secret`
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Set, list and remove the secrets that pipelines' programs are given.",
        discussion: """
            A task names them: secrets: { DB_PASSWORD: warehouse }. They are sealed, and no command and no answer shows them again; what a \
            program prints of them is replaced in its log.
            """,
        subcommands: [Set.self, List.self, Remove.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a secret, or put another value in its place.",
            discussion: """
                The value is asked for on the terminal and not shown, or read from standard input, whose last line end is left out: \
                an argument would stand in the history of the shell.

                martlet secret set warehouse < password.txt
                """)

        @OptionGroup var options: ProjectOptions

        @Argument(help: "Its name: a letter, then letters, digits, _ or -.")
        var name: String

        func run() async throws {
            try await Session.run(options) { session in
                let value = try Self.value(of: name, session.console)
                let body: JSONValue = ["value": .string(value.revealed)]
                try await session.answer(Ask(.put, "secrets", name).with(body)) { _ in
                    try session.console.say("secret \(name) is set")
                }
            }
        }

        /// The longest value that is sent on; whether it may be so long is the server's to say.
        static let limit = 1 << 17

        private static func value(of name: String, _ console: Console) throws -> Secret {
            let input = try SequentialInput.standard()
            if input.isTerminal {
                console.prompt("value of \(name), which is not shown: ")
                let line = try input.readHiddenLine(limit: limit)
                console.note("")
                guard let line else { throw CommandFailure("given_up", "no value was given; the secret is as it was") }
                return try secret(line)
            }
            var bytes: [UInt8] = []
            while bytes.count <= limit {
                let piece = try input.read(upTo: 1 << 16)
                if piece.isEmpty { break }
                bytes += piece
            }
            return try secret(withoutLineEnd(bytes))
        }

        static func withoutLineEnd(_ bytes: [UInt8]) -> [UInt8] {
            guard bytes.last == 0x0A else { return bytes }
            return bytes.dropLast().last == 0x0D ? bytes.dropLast(2) : bytes.dropLast()
        }

        static func secret(_ bytes: [UInt8]) throws(CommandFailure) -> Secret {
            guard bytes.count <= limit else {
                throw CommandFailure("too_large", "the value is larger than any secret may be", hint: "keep what is large in a file, and its key as the secret")
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure("not_text", "the value is no text in UTF-8", hint: "keep it in base 64")
            }
            return Secret(text)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show which secrets there are, and who set them when; never their values.")

        @OptionGroup var options: ProjectOptions

        func run() async throws {
            try await Session.run(options) { session in
                try await session.list(Ask(.get, "secrets")) { items in
                    guard !items.isEmpty else { return try session.console.say("there is no secret") }
                    try session.console.say(AnswerText.table(items, leaving: ["version"], session.console.style))
                }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a secret; tasks that start later are not given it.")

        @OptionGroup var options: ProjectOptions

        @Argument(help: "Its name, as 'martlet secret list' shows it.")
        var name: String

        func run() async throws {
            try await Session.run(options) { session in
                try await session.answer(Ask(.delete, "secrets", name)) { _ in
                    try session.console.say("secret \(name) is removed")
                }
            }
        }
    }
}
