import ArgumentParser
import MartletBytes
import MartletServer

/// `martlet feedback`
struct Feedback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how far the labels of an endpoint's decisions have come, by day.",
        discussion: """
            A decision is mature once its label can be known: its time and the label's 'known_after'. Those that are mature and have no \
            outcome are what a model cannot learn from. 'explored' are those that a person was to see whatever their score.
            """)

    @OptionGroup var options: ProjectOptions

    @Option(help: "The first prediction time that counts, RFC 3339.")
    var from: String?

    @Option(help: "The prediction time before which all count, RFC 3339.")
    var to: String?

    @Argument(help: "The endpoint.")
    var endpoint: String

    func run() async throws {
        try await Session.run(options) { session in
            var days: [String: [String: Int64]] = [:]
            var reviews: JSONValue = .null
            var next: Int64? = 0
            while let after = next {
                let page = try await session.value(
                    Ask(.get, "endpoints", endpoint, "feedback").with("from", from).with("to", to).with("after", String(after)))
                for day in page["days"]?.array ?? [] {
                    for member in day.object?.members ?? [] {
                        if let number = member.value.int64 { days[day["day"]?.string ?? "", default: [:]][member.key, default: 0] += number }
                    }
                }
                reviews = page["reviews"] ?? .null
                next = page["next"]?.int64
            }
            let rows = days.sorted { $0.key < $1.key }.map { Self.row([("day", .string($0.key))], $0.value) }
            let total = Self.row([], days.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) })
            if session.isJSON { return try session.console.say(["days": .array(rows), "total": total, "reviews": reviews] as JSONValue) }
            guard !rows.isEmpty else { return try session.console.say("no decision was made") }
            let sum = Self.row([("day", "total")], days.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) })
            try session.console.say(AnswerText.table(rows + [sum], first: ["day"], session.console.style))
            try session.console.say("reviews: " + AnswerText.cell(reviews))
        }
    }

    private static let keys = ["decisions", "degraded", "mature", "labelled", "unlabelled", "early", "explored", "reviewed"]

    /// Counts with the share of the mature that have an outcome.
    private static func row(_ start: [(String, JSONValue)], _ counts: [String: Int64]) -> JSONValue {
        var row = JSONObject()
        for (key, value) in start { row[key] = value }
        for key in keys { row[key] = .int64(counts[key] ?? 0) }
        let mature = counts["mature"] ?? 0
        row["coverage"] = mature == 0 ? .null : .float64(Double(mature - (counts["unlabelled"] ?? 0)) / Double(mature))
        return .object(row)
    }
}
