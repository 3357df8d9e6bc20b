import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet audit`
struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who did what, and check that the record was not changed.",
        discussion: """
            The audit log keeps every change and every refusal in a chain of hashes, which is signed now and then. --verify checks all of it; \
            the exit code is 5 if something is not as it was written. --json shows each entry whole, with its details.
            """)

    @OptionGroup var options: ProjectOptions

    @Flag(help: "Check the chain and its signatures.")
    var verify = false

    @Option(help: "Only what this actor did.")
    var actor: String?

    @Option(help: "Only this action, such as release.apply.")
    var action: String?

    @Option(help: "Only what was done to this resource.")
    var resource: String?

    @Option(help: "Only what had this outcome.")
    var outcome: String?

    @Option(help: "Only entries before this one's number.")
    var before: Int64?

    @Option(help: "At most so many, the newest first.")
    var limit = 50

    func run() async throws {
        try await Session.run(options) { session in
            if verify {
                let answer = try await session.answer(Ask(.get, "audit", "verify")) { answer in
                    try session.console.say(Self.verification(answer, session.console.style))
                }
                if !Self.isIntact(answer) { throw ExitStatus.difference }
                return
            }
            let ask = Ask(.get, "audit").with("actor", actor).with("action", action).with("resource", resource)
                .with("outcome", outcome).with("before", before.map(String.init)).with("limit", String(limit))
            try await session.list(ask) { items in
                guard !items.isEmpty else { return try session.console.say("no entry") }
                try session.console.say(AnswerText.table(items, leaving: ["request", "details", "count", "hash"], session.console.style))
            }
        }
    }

    static func isIntact(_ answer: JSONValue) -> Bool {
        (answer["intact"] ?? answer["ok"])?.bool ?? (answer["findings"]?.array?.isEmpty == true)
    }

    static func verification(_ answer: JSONValue, _ style: Style) -> String {
        let entries = answer["entries"]?.int64.map { NumberText.grouped($0) + " entries" } ?? "the entries"
        let signed = answer["signed_through"]?.int64.map { ", signed through entry \($0)" } ?? ""
        if isIntact(answer) { return "\(style.good("intact")): \(entries) are as they were written\(signed)" }
        let findings = answer["findings"]?.array ?? []
        return (["\(style.bad("changed")): \(entries) were looked at\(signed)"] + findings.map { "  " + AnswerText.cell($0) })
            .joined(separator: "\n")
    }
}

/// `martlet doctor`
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the project, its stores and the libraries it needs.",
        discussion: "The exit code is 5 if a check failed; its hint says what to do.")

    @OptionGroup var options: ProjectOptions

    func run() async throws {
        try await Session.run(options) { session in
            var isFine = true
            try await session.list(Ask(.get, "doctor")) { items in
                try session.console.say(AnswerText.checks(items, session.console.style))
            } inspecting: { items in
                isFine = items.allSatisfy { $0["ok"]?.bool == true }
            }
            if !isFine { throw ExitStatus.difference }
        }
    }
}
