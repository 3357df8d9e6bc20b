import Foundation
import MartletAccess
import MartletBytes
import NIOCore
import NIOPosix
import Testing

@testable import MartletServer

/// Speaks bytes to a server's port that no library would send.
struct Wire {
    let port: Int

    /// Sends pieces one after another and gives all that comes until the server hangs up, or goes silent after an answer.
    ///
    /// - Parameter hangsUp: whether our end of the connection is closed after the last piece.
    func exchange(_ pieces: [[UInt8]], hangsUp: Bool = false) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            // A server that hung up early makes the next piece fail; what it said before counts.
            for piece in pieces { try? await outbound.write(ByteBuffer(bytes: piece)) }
            if hangsUp { outbound.finish() }
            var received: [UInt8] = []
            do { for try await buffer in inbound { received += buffer.readableBytesView } } catch {}
            return String(decoding: received, as: UTF8.self)
        }
    }

    func exchange(_ text: String, hangsUp: Bool = false) async throws -> String {
        try await exchange([Array(text.utf8)], hangsUp: hangsUp)
    }
}

/// The answers that stand one after another in what a connection gave.
struct WireAnswers {
    var statuses: [Int] = []
    var bodies: [String] = []
    /// Whether every byte belongs to an answer.
    var isWhole = true

    init(_ text: String) {
        var rest = Substring(text)
        while !rest.isEmpty {
            guard let head = rest.firstRange(of: "\r\n\r\n"), rest.hasPrefix("HTTP/1.1 "), let status = Int(rest.dropFirst(9).prefix(3))
            else {
                isWhole = false
                return
            }
            let fields = rest[..<head.lowerBound].lowercased()
            let length = fields.firstMatch(of: #/content-length: (\d+)/#).flatMap { Int($0.1) } ?? 0
            let body = rest[head.upperBound...].utf8
            guard body.count >= length else {
                isWhole = false
                return
            }
            statuses.append(status)
            bodies.append(String(decoding: body.prefix(length), as: UTF8.self))
            rest = Substring(body.dropFirst(length))
        }
    }
}

@Suite("hostile clients, on the wire", .timeLimit(.minutes(2)))
struct HostileTransportTests {
    /// Runs a body against a project on a port, and then asks whether the server is as well as before.
    private func withServer(
        _ limits: (inout ListenerLimits) -> Void = { _ in }, _ body: (TestProject, Wire) async throws -> Void
    ) async throws {
        var settings = ProjectServer.Settings.patient
        limits(&settings.listener)
        let project = try await TestProject(settings: settings)
        let url = try await project.server.listen(host: "127.0.0.1", port: 0)
        let wire = Wire(port: try #require(URL(string: url)?.port))
        try await body(project, wire)
        // On a machine that is busy a short deadline of the server's may pass before one exchange is done; it is asked again then.
        var health: [Int] = []
        for _ in 0..<20 where health != [200] {
            health = WireAnswers(try await wire.exchange("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).statuses
        }
        #expect(health == [200])
        #expect(!project.log.all.contains { $0.contains(#""internal""#) || $0.contains("\"status\":5") }, "\(project.log.all)")
        try await project.close()
    }

    /// One request to an open route, with lines put between its first and the end of its head.
    private static func get(_ target: String = "/healthz", _ lines: String = "host: localhost\r\n", version: String = "HTTP/1.1") -> String {
        "GET \(target) \(version)\r\n\(lines)connection: close\r\n\r\n"
    }

    private static let post = "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"

    /// What is sent, and the statuses that may come; none means that a closed connection is an answer, too.
    static let strangeHeads: [(name: String, bytes: String, statuses: Set<Int>)] = [
        ("HTTP/1.0 without a host", "GET /healthz HTTP/1.0\r\n\r\n", [421]),
        ("HTTP/1.0", "GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n", [200]),
        ("absolute form", get("http://localhost/healthz"), [400]),
        ("absolute form of another host", get("http://elsewhere/healthz"), [400]),
        ("asterisk form", "OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [501]),
        ("authority form", "CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [501, 0]),
        ("an unknown method", "BREW /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [400, 501, 0]),
        ("an empty target", "GET  HTTP/1.1\r\nhost: localhost\r\n\r\n", [400, 0]),
        ("version 9.9", get(version: "HTTP/9.9"), [400, 505, 0]),
        ("no version", "GET /healthz\r\n\r\n", [400, 0]),
        ("a host missing", get("/healthz", ""), [421]),
        ("two hosts", get("/healthz", "host: localhost\r\nhost: localhost\r\n"), [421, 400, 0]),
        ("an empty host", get("/healthz", "host:\r\n"), [421]),
        ("another host", get("/healthz", "host: example.org\r\n"), [421]),
        ("a host that begins as ours", get("/healthz", "host: localhost.example.org\r\n"), [421]),
        ("a host behind a user", get("/healthz", "host: localhost@example.org\r\n"), [421]),
        ("our host in capitals, with a port", get("/healthz", "host: LOCALHOST:99\r\n"), [200]),
        ("no origin", get("/healthz", "host: localhost\r\norigin: null\r\n"), [403]),
        ("another origin", get("/healthz", "host: localhost\r\norigin: https://example.org\r\n"), [403]),
        ("another port's origin", get("/healthz", "host: localhost:1\r\norigin: http://localhost:2\r\n"), [403]),
        ("an origin that is none", get("/healthz", "host: localhost\r\norigin: localhost\r\n"), [403]),
        ("an escaped NUL", get("/a%00b"), [400]), ("an escape of no digits", get("/a%zz"), [400]), ("half an escape", get("/a%4"), [400]),
        ("bytes that are no UTF-8, escaped", get("/a%ff"), [400]), ("an overlong escape", get("/%c0%ae%c0%ae/x"), [400]),
        ("a surrogate, escaped", get("/%ed%a0%80"), [400]), ("a NUL in the query", get("/healthz?a=%00"), [400]),
        ("no UTF-8 in the query", get("/healthz?a=%ff"), [400]), ("a query nobody reads", get("/healthz?a=1"), [400]),
        ("a query item twice", get("/?a=1&a=2"), [400]),
        ("dots in the path", get("/../../etc/passwd"), [401, 404]), ("escaped dots", get("/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), [401, 404]),
        ("a long target", get("/" + String(repeating: "a", count: 40_000)), [400, 414, 431, 0]),
        ("a long header", get("/healthz", "host: localhost\r\nx: " + String(repeating: "a", count: 40_000) + "\r\n"), [400, 431, 0]),
        (
            "a thousand headers", get("/healthz", "host: localhost\r\n" + (0..<1_000).map { "x\($0): 1\r\n" }.joined()),
            [400, 431, 0]
        ),
        ("a header without a name", get("/healthz", "host: localhost\r\n: x\r\n"), [400, 0]),
        ("a space before the colon", get("/healthz", "host: localhost\r\nx : 1\r\n"), [400, 0]),
        ("a NUL in a header", get("/healthz", "host: localhost\r\nx: a\u{0}b\r\n"), [400, 0]),
        ("a negative length", post + "content-length: -5\r\n\r\nhello", [400, 0]),
        ("a length with a sign", post + "content-length: +5\r\n\r\nhello", [400, 0]),
        ("a length that is a list", post + "content-length: 5, 5\r\n\r\nhello", [400, 0]),
        ("two lengths", post + "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", [400, 0]),
        ("a length beyond 64 bits", post + "content-length: 99999999999999999999\r\n\r\nhello", [400, 413, 0]),
        ("a length beyond the limit", post + "content-length: 99999999\r\n\r\nhello", [413]),
        ("a length and chunks", post + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", [400, 0]),
        ("a chunk size of no digits", post + "transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", [400, 0]),
        ("a chunk size beyond 64 bits", post + "transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", [400, 0]),
        ("a chunk longer than it says", post + "transfer-encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", [400, 0]),
        ("an encoding that is not chunked last", post + "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", [400, 501, 0]),
        ("an encoding of no kind", post + "transfer-encoding: nonsense\r\n\r\nhello", [400, 501, 0]),
        ("bytes of no protocol", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", [400, 0]),
        ("nothing", "", [0]),
    ]

    @Test("a head that no library would send is answered with an error, or the connection closes", arguments: strangeHeads)
    func heads(name: String, bytes: String, statuses: Set<Int>) async throws {
        try await withServer { _, wire in
            let answers = WireAnswers(try await wire.exchange(bytes, hangsUp: true))
            #expect(answers.isWhole)
            let found = answers.statuses.first ?? 0
            #expect(statuses.contains(found), "\(name): \(found)")
            for (status, body) in zip(answers.statuses, answers.bodies) where status >= 400 && !body.isEmpty {
                #expect((try? JSONValue(parsing: body))?["error"]?["code"]?.string != nil, "\(name): \(body)")
            }
        }
    }

    @Test("bytes behind a body that is as long as announced are the next request, and nothing is answered twice")
    func lengthTooShort() async throws {
        try await withServer { _, wire in
            let smuggled = "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            let answers = WireAnswers(try await wire.exchange(smuggled))
            #expect(answers.isWhole)
            #expect(answers.statuses == [400, 200])
        }
    }

    @Test("a body that ends before its announced length is no request")
    func lengthTooLong() async throws {
        try await withServer { project, wire in
            let token = try await project.token(.engineer)
            let row = #"{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"# + "\n"
            for route in ["events", "ingest"] {
                let head = "POST /api/v1/streams/orders/\(route) HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(token)\r\ncontent-length: 5000\r\n\r\n"
                let answers = WireAnswers(try await wire.exchange(head + row, hangsUp: true))
                #expect(answers.isWhole)
                #expect(!answers.statuses.contains(200), "\(route)")
            }
            // A file's rows are taken as they come, and what came stays; of a batch none does.
            #expect(await project.send(.get, "/api/v1/streams/orders/events").text.split(separator: "\n").count <= 1)
        }
    }

    @Test("a chunked body beyond the bound is refused, however it is cut", arguments: [1_000, 100_000, 2_000_000])
    func chunkedBeyondBound(chunk: Int) async throws {
        try await withServer { _, wire in
            let size = String(chunk, radix: 16)
            let piece = Array("\(size)\r\n".utf8) + [UInt8](repeating: 0x20, count: chunk) + Array("\r\n".utf8)
            let head = Array((Self.post + "transfer-encoding: chunked\r\n\r\n").utf8)
            let count = 3_000_000 / chunk + 1
            let answers = WireAnswers(try await wire.exchange([head] + [[UInt8]](repeating: piece, count: count)))
            #expect(answers.isWhole)
            #expect(answers.statuses == [413])
        }
    }

    @Test("a head or a body that comes drop by drop is cut off at the deadline", arguments: ["GET /healthz HTTP/1.1\r\nx: ", post + "content-length: 50\r\n\r\n{"])
    func slow(start: String) async throws {
        try await withServer { $0.requestSeconds = 1 } _: { _, wire in
            let began = ContinuousClock.now
            // Nothing more is sent: what ends the exchange is the server.
            let answers = WireAnswers(try await wire.exchange(start))
            #expect(answers.statuses.isEmpty)
            #expect(ContinuousClock.now - began < .seconds(30))
        }
    }

    @Test("connections beyond the limit are told so, and one that closes makes room")
    func connectionFlood() async throws {
        try await withServer { $0.connections = 4 } _: { _, wire in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<40 {
                    group.addTask { WireAnswers(try await wire.exchange(Self.get())).statuses.first ?? 0 }
                }
                return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(statuses.isSubset(of: [200, 503]))
        }
    }
}
