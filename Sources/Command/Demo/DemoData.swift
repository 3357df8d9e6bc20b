import ArgumentParser
import MartletDemo
import MartletExpressions
import MartletFrames
import MartletWorld

extension Demo {
    /// `martlet demo data`
    struct Data: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write seeded card transactions: history as CSV, the last hours as requests.",
            discussion: """
                Equal options give equal bytes on every machine. History ends --hours before --end; what comes after goes to --live, one body of \
                a predict request a line, without its label.
                """)

        @Option(help: "The seed.")
        var seed: UInt64 = 7

        @Option(help: "How many customers.")
        var customers = 1_500

        @Option(help: "How many terminals.")
        var terminals = 3_000

        @Option(help: "How many days.")
        var days = 100

        @Option(help: "The last moment, RFC 3339; now if left out.")
        var end: String?

        @Option(help: ArgumentHelp("Where history goes.", valueName: "file"))
        var output: String

        @Option(help: ArgumentHelp("Where the last hours go as requests; they stay in history if left out.", valueName: "file"))
        var live: String?

        @Option(help: "How many hours go there.")
        var hours = 6

        func validate() throws {
            guard (1...100_000).contains(customers), (1...100_000).contains(terminals), (1...1_000).contains(days), hours >= 1 else {
                throw ValidationError("take 1 to 100000 customers and terminals, 1 to 1000 days, and at least 1 hour")
            }
            if let end, Timestamp(rfc3339: end) == nil { throw ValidationError("--end is no RFC 3339 time such as 2026-01-31T12:00:00Z") }
        }

        func run() async throws {
            let console = try Console()
            let end = end.flatMap { Timestamp(rfc3339: $0) } ?? console.clock.now()
            var settings = TransactionGenerator.Settings(end: end)
            settings.seed = seed
            settings.customers = customers
            settings.terminals = terminals
            settings.days = days
            let all = TransactionGenerator.transactions(settings).filter { $0.time <= end }
            let border = live == nil ? end : end - .hours(Int64(hours))
            var history = Array(TransactionGenerator.Transaction.csvHeader.utf8)
            var requests: [UInt8] = []
            var counts = (history: 0, live: 0)
            for payment in all {
                if payment.time <= border {
                    history += payment.csvLine(labelKnownAt: end, delay: settings.labelDelay).utf8
                    counts.history += 1
                } else {
                    requests += payment.requestLine.utf8
                    counts.live += 1
                }
            }
            try writeFile(history, to: output)
            if let live { try writeFile(requests, to: live) }
            let after = live.map { ", \(NumberText.counted(Int64(counts.live), "request")) in '\($0)'" } ?? ""
            try console.say("\(NumberText.counted(Int64(counts.history), "transaction")) in '\(output)'\(after)")
        }
    }
}
