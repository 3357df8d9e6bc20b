import Foundation
import Glibc
import MartletServer
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Answers with what it was asked, so that the transport can be looked at alone.
private struct Echo: RequestResponder {
    func admit(_ head: Request) -> Admission {
        switch head.segments.first {
        case "refused": .refuse(.text("no", status: 403))
        case "stream": .stream(limit: 10_000_000, 0)
        default: .collect(limit: 1_000, 0)
        }
    }

    func respond(
        to request: Request, admission: Admission.Ticket, on thread: RequestThread?, _ answer: @escaping @Sendable (Response) -> Void
    ) {
        switch request.body {
        case .bytes(let bytes):
            let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
            let text = "\(request.method.rawValue) \(request.segments.joined(separator: "|")) \(query) \(bytes.count)"
            // Answered from another thread, while the connection goes on.
            if request.segments.first == "slow" {
                return DispatchQueue.global().asyncAfter(deadline: .now() + 6) { answer(.text(text)) }
            }
            if request.segments.first == "later" { return DispatchQueue.global().async { answer(.text(text)) } }
            answer(.text(text))
        case .stream(let stream):
            Task {
                var count = 0
                do {
                    while let piece = try await stream.next() { count += piece.count }
                    answer(.text("\(count)"))
                } catch {
                    answer(.text("\(error)", status: 413))
                }
            }
        }
    }
}

@Suite("HTTP transport")
struct TransportTests {
    /// Runs a body against a listener on a socket file, through the socket client.
    private func withListener(_ body: (SocketClient, HTTPListener) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "s").path()
        let listener = HTTPListener(responder: Echo(), threads: 1, limits: .patient)
        _ = try await listener.listen(on: .socket(path: path))
        try await body(SocketClient(path: path), listener)
        await listener.stop()
    }

    private func request(_ method: Request.Method, body: Request.Body = .bytes([])) -> Request {
        Request(method: method, segments: [], body: body, peer: .owner)
    }

    private func status(_ client: SocketClient, _ request: Request) async throws -> Int {
        try await client.send(request, target: "/x").status
    }

    @Test("a request arrives decoded and its answer comes back")
    func roundTrip() async throws {
        try await withListener { client, _ in
            let answer = try await client.send(request(.post, body: .bytes([1, 2, 3])), target: "/a%20b/c?x=1&y=a+b%26")
            #expect(answer.status == 200)
            #expect(String(decoding: answer.body, as: UTF8.self) == "POST a b|c x=1,y=a b& 3")
        }
    }

    @Test("a body over the limit is refused, also when its length is not announced")
    func tooLarge() async throws {
        try await withListener { client, _ in
            let large = [UInt8](repeating: 1, count: 1_001)
            let announced = try await status(client, request(.post, body: .bytes(large)))
            let pieces = BodyStream([[UInt8]](repeating: [UInt8](repeating: 1, count: 500), count: 3))
            let unannounced = try await status(client, request(.post, body: .stream(pieces)))
            let fits = BodyStream([[UInt8](repeating: 1, count: 500), [UInt8](repeating: 1, count: 500)])
            let fitting = try await status(client, request(.post, body: .stream(fits)))
            #expect(announced == 413)
            #expect(unannounced == 413)
            #expect(fitting == 200)
        }
    }

    @Test("a streamed body of many pieces arrives whole")
    func streamed() async throws {
        try await withListener { client, _ in
            let pieces = BodyStream([[UInt8]](repeating: [UInt8](repeating: 1, count: 10_000), count: 500))
            let answer = try await client.send(request(.post, body: .stream(pieces)), target: "/stream")
            #expect(String(decoding: answer.body, as: UTF8.self) == "5000000")
        }
    }

    @Test("a refused head is answered without its body", arguments: ["/refused", "/a%zz", "/a%00"])
    func refused(_ target: String) async throws {
        try await withListener { client, _ in
            let answer = try await client.send(request(.post, body: .bytes([1, 2])), target: target)
            #expect(answer.status == (target == "/refused" ? 403 : 400))
        }
    }

    @Test("over the network the peer is its address, and requests on one connection are answered in order")
    func network() async throws {
        let listener = HTTPListener(responder: Echo(), threads: 1, limits: .patient)
        let port = try #require(try await listener.listen(on: .network(host: "127.0.0.1", port: 0)))
        let pipelined = "GET /one HTTP/1.1\r\nhost: x\r\n\r\nGET /two HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        let text = try await exchange(pipelined, port: port)
        let first = try #require(text.firstRange(of: "GET one"))
        let second = try #require(text.firstRange(of: "GET two"))
        #expect(first.lowerBound < second.lowerBound)
        await listener.stop()
    }

    @Test("many requests sent at once are answered in order, whether at once or later")
    func pipelined() async throws {
        try await withPort { port in
            var requests = ""
            for number in 0..<200 {
                let path = number % 3 == 0 ? "later" : "now"
                requests += "POST /\(path)/\(number) HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
            }
            requests += "GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let text = try await exchange(requests, port: port)
            let numbers = text.split(separator: "\r\n").compactMap { line in
                line.firstRange(of: "|").flatMap { Int(line[$0.upperBound...].prefix { $0.isNumber }) }
            }
            #expect(numbers == Array(0..<200))
            #expect(text.contains("GET last"))
        }
    }

    @Test("a connection is not idle while its answer is made, however long that takes")
    func slowAnswer() async throws {
        var limits = ListenerLimits.patient
        limits.idleSeconds = 4
        try await withPort(limits) { port in
            let text = await blockingExchange("GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", port: port)
            #expect(text.hasPrefix("HTTP/1.1 200"))
        }
    }

    /// Connects, sends and reads to the end on a thread of its own, so that other tests cannot come between the connection
    /// and its request for as long as a connection may be idle.
    private func blockingExchange(_ text: String, port: Int) async -> String {
        await withCheckedContinuation { continuation in
            Thread {
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = UInt16(port).bigEndian
                address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
                let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                defer { close(connection) }
                let isConnected = withUnsafePointer(to: address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                    }
                }
                var received: [UInt8] = []
                if isConnected, write(connection, text, text.utf8.count) == text.utf8.count {
                    var piece = [UInt8](repeating: 0, count: 4_096)
                    while case let count = read(connection, &piece, piece.count), count > 0 { received += piece[..<count] }
                }
                continuation.resume(returning: String(decoding: received, as: UTF8.self))
            }.start()
        }
    }

    @Test("a client that asks before it sends its body is told to go on, or refused")
    func expectation() async throws {
        try await withPort { port in
            let head = "HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n"
            let welcome = try await exchange("POST /a \(head)abc", port: port)
            #expect(welcome.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"))
            let refused = try await exchange("POST /refused \(head)", port: port)
            #expect(refused.hasPrefix("HTTP/1.1 403"))
        }
    }

    @Test("an idle connection, and one whose request never ends, are closed", arguments: ["", "POST /a HTTP/1.1\r\nhost: x\r\ncontent-"])
    func idle(_ bytes: String) async throws {
        var limits = ListenerLimits.patient
        limits.idleSeconds = 1
        limits.requestSeconds = 1
        try await withPort(limits) { port in
            // A busy machine may close it before it has read what came, which then is a reset and no end.
            let answer = await blockingExchange(bytes, port: port)
            #expect(answer.isEmpty)
        }
    }

    @Test(
        "malformed HTTP is answered with an error of our shape and a closed connection",
        arguments: [
            ("nonsense\r\n\r\n", 400, "malformed_http"), ("GET /\u{1} HTTP/1.1\r\n\r\n", 400, "malformed_http"),
            ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1x\r\n\r\n", 400, "malformed_http"),
            ("GET / HTTP/1.1\r\nx: " + String(repeating: "y", count: 20_000) + "\r\n\r\n", 431, "head_too_large"),
        ])
    func malformed(_ bytes: String, status: Int, code: String) async throws {
        try await withPort { port in
            let answer = try await exchange(bytes, port: port)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"))
            #expect(answer.contains("{\"error\":{\"code\":\"\(code)\""))
        }
    }

    /// Runs a body against a listener on a port.
    private func withPort(_ limits: ListenerLimits = .patient, _ body: (Int) async throws -> Void) async throws {
        let listener = HTTPListener(responder: Echo(), threads: 1, limits: limits)
        let port = try #require(try await listener.listen(on: .network(host: "127.0.0.1", port: 0)))
        try await body(port)
        await listener.stop()
    }

    /// Sends raw bytes and returns all that comes until the connection closes.
    private func exchange(_ text: String, port: Int) async throws -> String {
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        return try await channel.executeThenClose { inbound, outbound in
            var received = ""
            do {
                if !text.isEmpty { try await outbound.write(ByteBuffer(string: text)) }
                for try await buffer in inbound { received += String(buffer: buffer) }
            } catch ChannelError.ioOnClosedChannel {
                // The server was first.
            }
            return received
        }
    }
}
