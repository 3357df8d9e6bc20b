import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet plan`
struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the project's files and show what they would change.",
        discussion: """
            Every mistake is told with its file, line and column, what was found, what was expected and the nearest match; then the exit code \
            is 3. Nothing is changed.
            """)

    @OptionGroup var options: ProjectOptions

    func run() async throws {
        try await Session.run(options) { session in
            var body = JSONObject()
            body["definitions"] = try BuiltIn.current.json()
            try await session.answer(Ask(.post, "plan").with(.object(body))) { answer in
                try session.console.say(answer["text"]?.string ?? "\(answer)")
            }
        }
    }
}

/// `martlet apply`
struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put the project's files in force, in one commit.",
        discussion: "New and changed features are computed over all that is stored before the switch. Rolling back is 'martlet rollback'.")

    @OptionGroup var options: ProjectOptions

    @Option(help: "Why, for the release and the audit log.")
    var reason: String?

    func run() async throws {
        try await Session.run(options) { session in
            var body = JSONObject()
            body["reason"] = reason.map(JSONValue.string)
            body["definitions"] = try BuiltIn.current.json()
            try await session.answer(Ask(.post, "apply").with(.object(body))) { answer in
                if let text = answer["text"]?.string { try session.console.say(text) }
                if let release = Self.release(answer) {
                    try session.console.say("release \(release) is in force")
                } else {
                    try session.console.say("nothing changes, so there is no new release")
                }
            }
        }
    }

    /// The number of a release, given as such or as an object that holds it.
    static func release(_ answer: JSONValue) -> String? {
        guard let release = answer["release"], !release.isNull else { return nil }
        return AnswerText.cell(release["number"] ?? release["release"] ?? release)
    }
}
