import MartletFrames
@testable import MartletOutbound
import MartletOutboundTesting
import MartletWorld
import Testing

@Suite("Requests to other servers")
struct OutboundRequestsTests {
    private let requests = OutboundRequests()

    /// Of a request to a server of a test, which listens on this machine.
    private func request(_ method: HTTPRequest.Method = .get, _ address: String, inner: [String] = ["127.0.0.1", "::1"]) throws -> HTTPRequest {
        HTTPRequest(method, try WebAddress(address), rule: EgressRule(inner: inner.compactMap { AddressRange($0) }))
    }

    private func failure(_ request: HTTPRequest, by requests: OutboundRequests = OutboundRequests()) async -> HTTPRequestError? {
        do throws(HTTPRequestError) {
            Issue.record("it was answered: \(try await requests.send(request))")
            return nil
        } catch {
            return error
        }
    }

    /// Runs a body against a server that is stopped after it.
    private func withServer(
        _ reply: @escaping @Sendable (LoopbackServer.Asked, Int) -> LoopbackServer.Reply,
        _ body: (LoopbackServer, String) async throws -> Void
    ) async throws {
        let server = try await LoopbackServer(reply)
        do {
            try await body(server, "http://127.0.0.1:\(server.port)")
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test("a request arrives as it was made, and its answer comes back, whatever the status")
    func plain() async throws {
        try await withServer({ asked, _ in .answer(asked.target == "/bad" ? 500 : 201, headers: ["x": "y"], body: "said") }) { server, base in
            var request = try request(.post, base + "/a%20b?c=d")
            request.headers = [HTTPHeader("X-Key", "k"), HTTPHeader("content-type", "text/plain")].compactMap(\.self)
            request.body = Array("sent".utf8)
            let answer = try await requests.send(request)
            #expect(answer.status == 201 && answer.body == Array("said".utf8) && !answer.isCut)
            let asked = try #require(server.requests.first)
            #expect(asked.method == "POST" && asked.target == "/a%20b?c=d" && asked.body == "sent")
            #expect(asked.headers["x-key"] == "k" && asked.headers["content-length"] == "4" && asked.headers["host"] == "127.0.0.1:\(server.port)")
            #expect(asked.headers["user-agent"] == "martlet" && asked.headers["accept"] == "*/*" && asked.headers["content-type"] == "text/plain")
            #expect(try await requests.send(self.request(.head, base + "/")).body.isEmpty)
            #expect(try await requests.send(self.request(.get, base + "/bad")).status == 500)
            // By name, which is looked up.
            #expect(try await requests.send(self.request(.get, "http://localhost:\(server.port)/")).status == 201)
            #expect(server.requests.last?.headers["host"] == "localhost:\(server.port)")
        }
    }

    @Test("what a request says of itself is sent once, and a body of no bytes is a body")
    func own() async throws {
        try await withServer({ _, _ in .answer(200) }) { server, base in
            var request = try request(.post, base + "/")
            request.headers = [HTTPHeader("User-Agent", "mine"), HTTPHeader("accept", "text/csv"), HTTPHeader("x", "1"), HTTPHeader("x", "2")].compactMap(\.self)
            request.body = []
            _ = try await requests.send(request)
            let asked = try #require(server.requests.first)
            #expect(asked.headers["user-agent"] == "mine" && asked.headers["accept"] == "text/csv" && asked.headers["content-length"] == "0")
        }
    }

    @Test("of a host's addresses those that the rule forbids are passed over, and the next is tried where nobody answers, up to four")
    func addresses() async throws {
        try await withServer({ _, _ in .answer(200) }) { server, _ in
            let (port, silent) = (server.port, ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"])
            // A name that no system knows, so that what is connected to is what was looked at.
            func sent(to found: [String], allowing inner: [String]) async throws -> HTTPRequestError? {
                let before = server.requests.count
                let requests = OutboundRequests { _ in found.compactMap { InternetAddress($0) } }
                let request = try request(.get, "http://name.invalid:\(port)/", inner: inner)
                do throws(HTTPRequestError) {
                    #expect(try await requests.send(request).status == 200)
                    #expect(server.requests.count == before + 1 && server.requests.last?.headers["host"] == "name.invalid:\(port)")
                    return nil
                } catch {
                    #expect(server.requests.count == before)
                    return error
                }
            }
            #expect(try await sent(to: ["127.0.0.1"], allowing: ["127.0.0.0/8"]) == nil)
            #expect(try await sent(to: silent.prefix(3) + ["127.0.0.1"], allowing: ["127.0.0.0/8"]) == nil)
            let many = try await sent(to: silent + ["127.0.0.1"], allowing: ["127.0.0.0/8"])
            #expect(many?.code == .unreachable && many?.message.contains("at 127.0.0.5") == true, "\(String(describing: many))")
            #expect(try await sent(to: ["10.0.0.1", "169.254.169.254", "127.0.0.2", "127.0.0.1"], allowing: ["127.0.0.1"]) == nil)
            let forbidden = try await sent(to: ["127.0.0.1", "10.0.0.1"], allowing: ["127.0.0.2"])
            #expect(forbidden?.code == .forbidden && forbidden?.message.contains("'name.invalid' is at 127.0.0.1, this machine") == true)
            let silentOnly = try await sent(to: ["127.0.0.2", "127.0.0.1"], allowing: ["127.0.0.2"])
            #expect(silentOnly?.code == .unreachable && silentOnly?.message.contains("at 127.0.0.2") == true)
            #expect(try await sent(to: [], allowing: [])?.message == "the host 'name.invalid' has no address")
        }
    }

    @Test("a host's addresses are those of either version, each once; one that is an address is not looked up")
    func lookUp() async throws {
        #expect(try await HostLookup.addresses(of: "127.0.0.1").map { "\($0)" } == ["127.0.0.1"])
        #expect(try await HostLookup.addresses(of: "::1").map { "\($0)" } == ["::1"])
        // Forms that only the system reads.
        #expect(try await HostLookup.addresses(of: "::1%1").map { "\($0)" } == ["::1"])
        #expect(try await HostLookup.addresses(of: "127.1").map { "\($0)" } == ["127.0.0.1"])
        let local = try await HostLookup.addresses(of: "localhost").map { "\($0)" }
        #expect(local.contains("127.0.0.1") && Set(local).count == local.count)
    }

    @Test("a huge answer is cut at its limit, an endless one too")
    func huge() async throws {
        try await withServer({ asked, _ in asked.target == "/endless" ? .endless : .answer(200, body: String(repeating: "x", count: 1_000_001)) }) { _, base in
            for path in ["/long", "/endless"] {
                var request = try request(.get, base + path)
                request.answerLimit = 1_000_000
                let answer = try await requests.send(request)
                #expect(answer.status == 200 && answer.body.count == 1_000_000 && answer.isCut, "\(path)")
            }
            var request = try request(.get, base + "/long")
            request.answerLimit = 1_000_001
            #expect(try await requests.send(request).isCut == false)
        }
    }

    @Test("a silent server and one that drips are given up at the time-out, and at once when cancelled")
    func slow() async throws {
        try await withServer({ asked, _ in asked.target == "/drip" ? .drip : .silence }) { server, base in
            for path in ["/drip", "/silence"] {
                var request = try request(.get, base + path)
                request.timeout = Timestamp.Span(microseconds: 400_000)
                #expect(await failure(request)?.code == .timedOut, "\(path)")
                request.timeout = .hours(1)
                let before = server.requests.count
                let task = Task { [request] in await failure(request) }
                while server.requests.count == before { await Task.yield() }
                task.cancel()
                #expect(await task.value?.code == .cancelled, "\(path)")
            }
        }
    }

    @Test("redirects are answers, unless they are followed: so many and no more, and never where the rule forbids")
    func redirects() async throws {
        let inside = try await LoopbackServer { _, _ in .answer(200, body: "inside") }
        try await withServer({ asked, _ in
            switch asked.target {
            case "/one": .answer(302, headers: ["location": "/two?x"])
            case "/two?x": .answer(307, headers: ["location": "http://127.0.0.1:\(inside.port)/three"])
            case "/circle": .answer(302, headers: ["location": "/circle"])
            case "/metadata": .answer(302, headers: ["location": "http://169.254.169.254/latest"])
            case "/other": .answer(302, headers: ["location": "http://127.0.0.2:\(inside.port)/"])
            case "/file": .answer(302, headers: ["location": "file:///etc/passwd"])
            default: .answer(404)
            }
        }) { server, base in
            #expect(try await requests.send(request(.get, base + "/one")).status == 302)
            func followed(_ path: String, limit: Int = 5) throws -> HTTPRequest {
                var request = try request(.get, base + path)
                request.redirectLimit = limit
                request.headers = [HTTPHeader("authorization", "secret")].compactMap(\.self)
                return request
            }
            let answer = try await requests.send(followed("/one"))
            #expect(answer.body == Array("inside".utf8) && answer.address.port == inside.port)
            #expect(server.requests.last?.headers["authorization"] == "secret")
            #expect(inside.requests.map { $0.headers["authorization"] } == [nil])
            #expect(try await failure(followed("/one", limit: 1))?.code == .unusable)
            let before = server.requests.count
            #expect(try await failure(followed("/circle"))?.code == .unusable)
            #expect(server.requests.count == before + 6)
            #expect(try await failure(followed("/metadata"))?.code == .forbidden)
            #expect(try await failure(followed("/other"))?.code == .forbidden)
            #expect(try await failure(followed("/file"))?.code == .unusable)
            #expect(inside.requests.count == 1)
        }
        await inside.stop()
    }

    @Test("what may not be connected to is not, whatever form the address has or which name leads there", arguments: [
        "127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.",
    ])
    func forbidden(_ host: String) async throws {
        try await withServer({ _, _ in .answer(200) }) { server, _ in
            let refused = try await failure(request(.get, "http://\(host):\(server.port)/", inner: []))
            // A form that this system does not read as an address leads nowhere at all.
            #expect(refused?.code == .forbidden || refused?.code == .unreachable, "\(String(describing: refused))")
            if ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"].contains(host) {
                #expect(refused?.code == .forbidden && refused?.hint?.contains("egress") == true)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("a cloud's credentials are out of reach even where everything is allowed", arguments: ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]"])
    func metadata(_ host: String) async throws {
        let refused = try await failure(request(.get, "http://\(host)/latest/meta-data", inner: ["0.0.0.0/0", "::/0"]))
        #expect(refused?.code == .forbidden && refused?.message.contains("never") == true && refused?.hint == nil)
    }

    @Test("nobody there, an unknown host, an answer that is none: each is told")
    func failures() async throws {
        let server = try await LoopbackServer { _, _ in .silence }
        let port = server.port
        await server.stop()
        #expect(try await failure(request(.get, "http://127.0.0.1:\(port)/"))?.code == .unreachable)
        let unknown = try await failure(request(.get, "http://nobody.invalid/"))
        #expect(unknown?.code == .unreachable && unknown?.message.contains("the host 'nobody.invalid' is not known") == true)
        try await withServer({ asked, _ in
            switch asked.target {
            case "/words": .raw("hello, this is no HTTP\r\n\r\n")
            case "/head": .raw("HTTP/1.1 200 Said\r\nx: " + String(repeating: "y", count: 1 << 20) + "\r\n\r\n")
            default: .raw("HTTP/1.1 200 Said\r\ncontent-length: 100\r\n\r\nshort")
            }
        }) { _, base in
            let (words, head, short) = (try request(.get, base + "/words"), try request(.get, base + "/head"), try request(.get, base + "/short"))
            #expect(await failure(words)?.code == .unusable)
            #expect(await failure(head) != nil)
            #expect(await failure(short)?.code == .unreachable)
        }
    }

    @Test("a certificate must be vouched for and name the host; nothing is sent before")
    func certificates() async throws {
        let server = try await LoopbackServer(certificate: (TestCertificates.server, TestCertificates.key)) { _, _ in .answer(200, body: "hidden") }
        let unknown = try await failure(request(.get, "https://localhost:\(server.port)/"))
        #expect(unknown?.code == .untrusted, "\(String(describing: unknown))")
        let trusting = try OutboundRequests(trusting: TestCertificates.root)
        let other = try await failure(request(.get, "https://127.0.0.1:\(server.port)/"), by: trusting)
        #expect(other?.code == .untrusted, "\(String(describing: other))")
        #expect(server.requests.isEmpty)
        #expect(try await trusting.send(request(.get, "https://localhost:\(server.port)/")).body == Array("hidden".utf8))
        await server.stop()
        // Not a word of TLS.
        try await withServer({ _, _ in .answer(200) }) { server, _ in
            let plain = try request(.get, "https://localhost:\(server.port)/")
            #expect(await failure(plain) != nil)
        }
    }
}
