import ArgumentParser
import MartletAccess
import MartletBytes
import MartletServer
import MartletWorld

extension Demo {
    /// `martlet demo load`
    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send requests to an endpoint over HTTP, one after the other on one connection, and measure.",
            discussion: """
                The file holds one body of a predict request a line. Latency is from sending a request to having its answer, on this machine. \
                The token is taken from MARTLET_TOKEN.
                """)

        @Option(help: "The server's URL.")
        var url: String

        @Option(help: "The endpoint.")
        var endpoint: String

        @Option(help: ArgumentHelp("The requests.", valueName: "file"))
        var requests: String

        @Option(help: "At most so many of them.")
        var count: Int?

        @Flag(name: .long, help: "Print the figures as one JSON value.")
        var json = false

        func validate() throws {
            if let count, count < 1 { throw ValidationError("--count is at least 1") }
            if ServerAddress(url) == nil { throw ValidationError("--url is no address such as http://127.0.0.1:7070") }
        }

        func run() async throws {
            let console = try Console()
            try await Session.reporting(isJSON: json, to: console) {
                guard let address = ServerAddress(url) else { throw CommandFailure("usage", "'\(url)' is no address", status: .usage) }
                let bodies = Array(try Self.lines(requests).prefix(count ?? .max))
                guard !bodies.isEmpty else { throw CommandFailure("no_requests", "'\(requests)' holds no request") }
                let token = Session.givenToken?.revealed
                let client = try await KeepAliveClient.connect(host: address.host, port: address.port, token: token)
                defer { client.close() }
                let target = Ask(.post, "endpoints", endpoint, "predict").target
                var latencies: [UInt64] = []
                var (last, highest): (JSONValue, JSONValue) = (.null, .null)
                let start = console.clock.monotonicNanoseconds()
                for body in bodies {
                    let sent = console.clock.monotonicNanoseconds()
                    guard let answer = await client.post(target, body) else {
                        throw CommandFailure(
                            "closed", "the server closed the connection after \(NumberText.counted(Int64(latencies.count), "answer"))")
                    }
                    latencies.append(console.clock.monotonicNanoseconds() - sent)
                    let value = try? JSONValue(parsing: answer.body)
                    guard answer.status == 200, let value else { throw CommandFailure(status: answer.status, answer: value) }
                    last = value
                    if let output = value["output"]?.double, output > highest["output"]?.double ?? -.infinity { highest = value }
                }
                let seconds = Double(console.clock.monotonicNanoseconds() - start) / 1e9
                let figures = LoadFigures(latencies: latencies, seconds: seconds, last: last, highest: highest)
                try console.say(json ? figures.json.description : figures.text)
            }
        }

        private static func lines(_ path: String) throws -> [[UInt8]] {
            let input = try FileInput(path)
            var bytes: [UInt8] = []
            while let piece = try input.next() { bytes += piece }
            return bytes.split(separator: 0x0A).map(Array.init)
        }
    }
}

/// Host and port of a URL like `http://127.0.0.1:7070/`.
struct ServerAddress: Equatable {
    var host: String
    var port: Int

    init?(_ url: String) {
        guard url.hasPrefix("http://") else { return nil }
        let authority = url.dropFirst(7).prefix { $0 != "/" }
        let portText: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            portText = authority[authority.index(after: end)...]
        } else {
            host = String(authority.prefix { $0 != ":" })
            portText = authority.dropFirst(host.count)
        }
        guard !host.isEmpty else { return nil }
        if portText.isEmpty {
            port = 80
        } else {
            guard portText.first == ":", let number = Int(portText.dropFirst()), (1...65_535).contains(number) else { return nil }
            port = number
        }
    }
}

/// What a load measured.
struct LoadFigures {
    /// Nanoseconds of each request, in order.
    var latencies: [UInt64]
    var seconds: Double
    /// The last answer, and the one with the highest output; null where outputs are no numbers.
    var last: JSONValue
    var highest: JSONValue = .null

    /// The latency that a share of the requests did not pass, in milliseconds: the nearest rank.
    func milliseconds(_ share: Double) -> Double {
        let sorted = latencies.sorted()
        guard !sorted.isEmpty else { return .nan }
        let rank = min(sorted.count, max(1, Int((share * Double(sorted.count)).rounded(.up))))
        return Double(sorted[rank - 1]) / 1e6
    }

    var text: String {
        let rate = NumberText.grouped(Int64((Double(latencies.count) / max(seconds, 1e-9)).rounded()))
        return """
            \(NumberText.counted(Int64(latencies.count), "prediction")) over HTTP in \(NumberText.duration(seconds: seconds)), \(rate) a second on one connection
            latency  p50 \(NumberText.fixed(milliseconds(0.5), 2)) ms  p99 \(NumberText.fixed(milliseconds(0.99), 2)) ms
            last     \(Self.line(last))
            highest  \(Self.line(highest))
            """
    }

    private static func line(_ answer: JSONValue) -> String {
        answer.isNull ? "-" : "\(AnswerText.cell(answer["prediction_id"]))  output \(AnswerText.cell(answer["output"]))"
    }

    var json: JSONValue {
        [
            "requests": .int64(Int64(latencies.count)), "seconds": .float64(seconds),
            "per_second": .float64(Double(latencies.count) / max(seconds, 1e-9)),
            "p50_ms": .float64(milliseconds(0.5)), "p99_ms": .float64(milliseconds(0.99)), "last": last,
            "highest": highest,
        ]
    }
}
