import MartletWorld
import Testing

@Suite("Addresses of the web")
struct WebAddressTests {
    @Test("are read into scheme, host, port and target", arguments: [
        ("http://example.org", "http|example.org|80|/"), ("HTTPS://Example.ORG:8443/a/B?c=d&e", "https|example.org|8443|/a/B?c=d&e"),
        ("https://example.org:443", "https|example.org|443|/"), ("http://[::1]:8080/x#y", "http|::1|8080|/x"), ("https://a.example?q", "https|a.example|443|/?q"),
        ("http://127.1/", "http|127.1|80|/"), ("http://a_b.example./%20", "http|a_b.example.|80|/%20"), ("http://x/@a:b", "http|x|80|/@a:b"),
    ])
    func read(_ text: String, _ expected: String) throws {
        let address = try WebAddress(text)
        #expect("\(address.scheme)|\(address.host)|\(address.port)|\(address.target)" == expected)
        #expect(try WebAddress(address.description) == address)
    }

    @Test("and anything that programs might read differently is refused", arguments: [
        "", "example.org", "ftp://example.org", "file:///etc/passwd", "gopher://x", "http:/x", "http://", "http:///x", "http://user@host/", "http://a:b@host/",
        "http://good.example@evil.example", "http://good.example\\@evil.example", "http://a b/", "http://a/\r\nx: y", "http://a/\u{0}", "http://ä.example/",
        "http://a/ä", "http://a:0/", "http://a:65536/", "http://a:/", "http://a:8o/", "http://a:80:80/", "http://[::1", "http://[::1]x", "http://[127.0.0.1%25]/",
        "http://[fe80::1%251]/", "http://.a/", "http://a..b/", "http://a%2eb/", "http://a,b/", "http://[x]/", "javascript:alert(1)",
        "http://" + String(repeating: "a", count: 254) + "/", "http://a/" + String(repeating: "b", count: 8_192),
    ])
    func refused(_ text: String) {
        #expect(throws: WebAddressError.self) { try WebAddress(text) }
    }

    @Test("a redirect leads to where a browser would go", arguments: [
        ("/c", "https://h.example:1/c"), ("c?d", "https://h.example:1/a/c?d"), ("?e", "https://h.example:1/a/b?e"), ("//o.example/f", "https://o.example/f"),
        ("http://o.example/", "http://o.example/"), ("", "https://h.example:1/a/b"), ("a:b/c", nil), ("//u@o/", nil), ("c:80", nil), ("/x y", nil),
    ] as [(String, String?)])
    func redirects(_ location: String, _ expected: String?) throws {
        let address = try WebAddress("https://h.example:1/a/b?q")
        #expect((try? address.following(location)).map { "\($0)" } == expected)
    }

    @Test("what logs show of it has no query")
    func logs() throws {
        #expect(try WebAddress("https://h.example/a?key=1").withoutQuery == "https://h.example/a")
    }

    private func following(_ method: HTTPRequest.Method, _ status: Int, from: String = "https://a.example/", to: String = "/n") throws -> HTTPRequest? {
        let headers = [("authorization", "a"), ("content-type", "b"), ("x-key", "c"), ("accept", "d")].compactMap { HTTPHeader($0, $1) }
        let request = HTTPRequest(method, try WebAddress(from), headers: headers, body: method.takesBody ? [1] : nil)
        return try request.following(HTTPAnswer(status: status, body: [], address: request.address, location: to))
    }

    @Test("a redirect keeps what it may keep: method and body by status, headers by server")
    func kept() throws {
        #expect(try following(.get, 200) == nil && following(.get, 304) == nil && following(.get, 300) == nil)
        #expect(try following(.get, 302)?.method == .get)
        for status in [301, 302, 303] {
            let next = try #require(try following(.post, status))
            #expect(next.method == .get && next.body == nil && next.headers.map(\.name) == ["authorization", "x-key", "accept"])
        }
        #expect(try following(.put, 302)?.method == .put && following(.put, 303)?.method == .get && following(.head, 303)?.method == .head)
        for status in [307, 308] {
            let next = try #require(try following(.post, status))
            #expect(next.method == .post && next.body == [1] && next.headers.count == 4)
        }
        for other in ["https://b.example/", "https://a.example:444/", "//b.example/"] {
            #expect(try following(.post, 307, to: other)?.headers.map(\.name) == ["content-type", "accept"])
        }
        #expect(throws: HTTPRequestError.self) { try following(.get, 302, to: "http://a.example/") }
        #expect(try following(.get, 302, from: "http://a.example/", to: "https://a.example/") != nil)
        #expect(throws: HTTPRequestError.self) { try following(.get, 302, to: "ftp://a.example/") }
    }

    @Test("a header cannot be ended early, and says nothing about where a request goes or ends")
    func headers() throws {
        for (name, value) in [
            ("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\u{0}"), ("x\r\ny", "a"), ("x:", "a"), ("", "a"), ("x y", "a"), ("Host", "a"), ("content-length", "0"),
            ("Transfer-Encoding", "chunked"), ("connection", "a"), ("upgrade", "a"), ("x", String(repeating: "a", count: 8_193)), ("ü", "a"),
        ] {
            #expect(HTTPHeader(name, value) == nil, "\(name): \(value.prefix(20))")
        }
        #expect(try #require(HTTPHeader("X-Key", "ä\t1")).name == "x-key")
    }
}
