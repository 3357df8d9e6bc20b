import CZlib
import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@testable import MartletServer

/// One gzip member.
private func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    _ = martlet_deflate_init_gzip(&stream, 6)
    defer { deflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    var input = bytes
    let count: Int = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            _ = deflate(&stream, Z_FINISH)
            return target.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<count])
}

@Suite("hostile requests", .timeLimit(.minutes(5)))
struct HostileRequestTests {
    /// An answer that is no failure of ours, and if it is an error has the one shape, or is a page.
    private func expectClean(_ answer: Response, _ what: String) {
        #expect(answer.status < 500, "\(what): \(answer.text.prefix(300))")
        guard answer.status >= 400, answer.headers["content-type"]?.hasPrefix("text/html") != true else { return }
        let error = (try? answer.json)?["error"]
        #expect(error?["code"]?.string?.isEmpty == false && error?["message"]?.string?.isEmpty == false, "\(what): \(answer.text.prefix(300))")
    }

    private func routes(of project: TestProject) -> [Route] {
        let platform = project.server.platform
        let authenticator = ProjectAuthenticator(tokens: platform.tokens, owner: .owner(named: "owner"))
        return APIRoutes(platform: platform, metrics: Metrics(), authenticator: authenticator).all
    }

    private func send(_ project: TestProject, _ route: Route, _ values: [String], _ body: [UInt8], _ headers: [(String, String)] = []) async -> Response {
        var rest = values[...]
        let segments = route.pattern.parts.map { part in
            switch part {
            case .literal(let text): text
            case .parameter: rest.popFirst() ?? "x"
            }
        }
        return await project.server.gatekeeper.answer(
            Request(method: route.method, segments: segments, headers: Headers(headers.map { (name: $0.0, value: $0.1) }), body: .bytes(body), peer: .owner))
    }

    private static let strangeNames = [
        "..", ".", "../..", "../../../../etc/passwd", "..\\..\\x", "/etc/passwd", "a/../../b", "orders/../orders", "%2e%2e", "", " ", "-", "--help",
        "orders ", "ORDERS", "orders\n", "a\u{0}b", "\u{202E}x", "e\u{301}", "💣", "'; DROP TABLE releases; --", "\"", "<script>", "${HOME}", "*", "?",
        String(repeating: "x", count: 100_000), String(repeating: "../", count: 2_000), "NaN", "-1", "99999999999999999999",
    ]

    @Test("no route takes a name apart that climbs, breaks out or goes on for long", arguments: strangeNames.indices)
    func names(_ index: Int) async throws {
        let project = try await TestProject()
        for route in routes(of: project) where !route.pattern.parameters.isEmpty {
            let name = Self.strangeNames[index]
            let answer = await send(project, route, [String](repeating: name, count: route.pattern.parameters.count), [])
            expectClean(answer, "\(route.name) of '\(name.prefix(40))'")
            #expect(!answer.text.contains("root:"), "\(route.name)")
        }
        for item in ["from", "limit", "after", "stream", "source", "format", "endpoint", "version", "model"] {
            let target = "/api/v1/streams/orders/events?\(item)=\(Self.strangeNames[index].prefix(5_000).utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())"
            guard RequestTarget.parse(target) != nil else { continue }
            expectClean(await project.send(.get, target), "query '\(item)'")
        }
        #expect(await project.send(.get, "/healthz").status == 200)
        try await project.close()
    }

    private static let strangeBodies: [(name: String, bytes: [UInt8])] = [
        ("nothing", []), ("white space", Array("  \n ".utf8)), ("null", Array("null".utf8)), ("a number", Array("1".utf8)),
        ("a list", Array("[]".utf8)), ("a list of lists", Array("[[[1]]]".utf8)), ("an object", Array("{}".utf8)),
        ("half an object", Array(#"{"a":"#.utf8)), ("a comma too many", Array("{},".utf8)), ("a mark of byte order", [0xEF, 0xBB, 0xBF] + Array("{}".utf8)),
        ("100,000 lists", [UInt8](repeating: UInt8(ascii: "["), count: 100_000)),
        ("100,000 objects", Array(String(repeating: #"{"a":"#, count: 100_000).utf8)),
        ("128 levels", Array((String(repeating: "[", count: 128) + String(repeating: "]", count: 128)).utf8)),
        ("a number beyond doubles", Array(#"{"amount":1e999}"#.utf8)), ("a number below doubles", Array(#"{"amount":-1e-999999999999}"#.utf8)),
        ("an integer of 400 digits", Array(#"{"amount":\#(String(repeating: "9", count: 400))}"#.utf8)),
        ("an exponent of 400 digits", Array(#"{"amount":1e\#(String(repeating: "9", count: 400))}"#.utf8)),
        ("NaN", Array(#"{"amount":NaN}"#.utf8)), ("a key twice", Array(#"{"id":"1","id":"2"}"#.utf8)),
        ("a key twice, once escaped", Array(#"{"id":"1","\u0069d":"2"}"#.utf8)),
        ("half a surrogate", Array(#"{"id":"\ud800"}"#.utf8)), ("surrogates the wrong way round", Array(#"{"id":"\udc00\ud800"}"#.utf8)),
        ("an escaped NUL", Array(#"{"id":"a\u0000b","\u0000":1}"#.utf8)), ("a NUL", Array("{\"id\":\"a\0b\"}".utf8)),
        ("bytes that are no UTF-8", Array(#"{"id":""#.utf8) + [0xFF, 0xC0, 0x80] + Array(#""}"#.utf8)),
        ("a surrogate in UTF-8", Array(#"{"id":""#.utf8) + [0xED, 0xA0, 0x80] + Array(#""}"#.utf8)),
        ("a text of a megabyte", Array(#"{"id":"\#(String(repeating: "a", count: 1_000_000))"}"#.utf8)),
        ("100,000 members", Array(("{" + (0..<100_000).map { #""k\#($0)":\#($0)"# }.joined(separator: ",") + "}").utf8)),
        ("a gzip stream", gzip(Array("{}".utf8))), ("zeros", [UInt8](repeating: 0, count: 10_000)),
        ("YAML", Array("a: &x [*x, *x]\n".utf8)), ("XML", Array("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>".utf8)),
    ]

    @Test("no route falls over a body that is not what it takes", arguments: strangeBodies.indices)
    func bodies(_ index: Int) async throws {
        let project = try await TestProject()
        let (name, bytes) = Self.strangeBodies[index]
        for route in routes(of: project) {
            if case .none = route.body { continue }
            let values = route.pattern.parameters.map { ["stream": "orders", "endpoint": "returns", "model": "returns"][$0] ?? "x" }
            for type in [nil, "application/json", "text/csv", "application/x-ndjson", "multipart/form-data; boundary=x", "\u{7F}"] as [String?] {
                let answer = await send(project, route, values, bytes, type.map { [("content-type", $0)] } ?? [])
                // A library that is not there is no failure of the request's.
                if answer.errorCode == "training_library_missing" { continue }
                expectClean(answer, "\(route.name) with \(name) as \(type ?? "nothing")")
            }
        }
        #expect(await project.send(.get, "/healthz").status == 200)
        try await project.close()
    }

    @Test("a NUL within a name or a reason is the request's mistake, and does nothing")
    func nulInTexts() async throws {
        let project = try await TestProject()
        let bodies = [
            ("/api/v1/tokens", #"{"name":"a\u0000b","role":"viewer"}"#), ("/api/v1/apply", #"{"reason":"a\u0000b"}"#),
            ("/api/v1/rollback", #"{"reason":"a\u0000b"}"#), ("/api/v1/models/returns/promote", #"{"version":1,"alias":"a\u0000b"}"#),
            ("/api/v1/session", #"{"token":"a\u0000b"}"#), ("/api/v1/outcomes", #"[{"prediction_id":"a\u0000b","label":true}]"#),
        ]
        let releases = try await project.send(.get, "/api/v1/releases").json
        for (path, body) in bodies {
            let answer = await project.send(.post, path, body)
            expectClean(answer, "\(path): \(answer.text)")
        }
        #expect(try await project.send(.get, "/api/v1/releases").json == releases)
        #expect(try await project.send(.get, "/api/v1/tokens").json["items"]?.array?.isEmpty == true)
        try await project.close()
    }

    private static let row = #"{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#

    /// What the events route says to a body with these headers.
    private func append(_ body: [UInt8], _ headers: [(String, String)] = [], to project: TestProject) async throws -> Response {
        let route = try #require(routes(of: project).first { $0.name == "events.append" })
        return await send(project, route, ["orders"], body, headers)
    }

    @Test("a small body that decompresses beyond the limit is refused, and nothing of it is stored")
    func bombs() async throws {
        let project = try await TestProject()
        let rows = (0..<600_000).map { #"{"id":"\#($0)","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"# }.joined(separator: "\n")
        let zeros = gzip([UInt8](repeating: 0x0A, count: 64 << 20))
        let bombs = [("lines", gzip(Array(rows.utf8))), ("line ends", zeros), ("members", zeros + zeros), ("one line", gzip([UInt8](repeating: 0x61, count: 64 << 20)))]
        for (name, bomb) in bombs {
            #expect(bomb.count < 16 << 20)
            for type in ["application/x-ndjson", "application/json", "text/csv"] {
                let answer = try await append(bomb, [("content-type", type), ("content-encoding", "gzip")], to: project)
                #expect(answer.status == 413, "\(name) as \(type): \(answer.text.prefix(200))")
                expectClean(answer, name)
            }
        }
        #expect(await project.send(.get, "/api/v1/streams/orders/events").text.isEmpty)
        try await project.close()
    }

    @Test("a compressed body is taken as one, and one that is cut, damaged or followed by something else not at all")
    func damagedGzip() async throws {
        let project = try await TestProject()
        let whole = gzip(Array((0..<5_000).map { #"{"id":"\#($0)","time":"2026-01-01T00:00:00Z","buyer":"b","amount":\#($0 * 7919 % 10007)}"# }.joined(separator: "\n").utf8))
        var damaged = whole
        damaged[whole.count / 2] ^= 0x40
        for (name, body) in [
            ("cut in the middle", Array(whole.prefix(whole.count / 2))), ("cut at its end", Array(whole.dropLast())), ("a head alone", Array(whole.prefix(10))),
            ("two bytes", Array(whole.prefix(2))), ("damaged", damaged), ("followed by text", whole + Array(Self.row.utf8)),
        ] {
            let answer = try await append(body, to: project)
            #expect(answer.status == 400 && answer.errorCode == "corrupt_gzip", "\(name): \(answer.text)")
        }
        #expect(await project.send(.get, "/api/v1/streams/orders/events").text.isEmpty)
        #expect(try await append(whole, to: project).json["accepted"]?.int64 == 5_000)
        try await project.close()
    }

    @Test("an encoding that is not known, or not the body's, is refused")
    func encodings() async throws {
        let project = try await TestProject()
        let plain = Array(Self.row.utf8)
        for encoding in ["br", "deflate", "gzip, gzip", "nonsense", "x", "gzip;q=1"] {
            let answer = try await append(plain, [("content-encoding", encoding)], to: project)
            #expect(answer.status == 400 && answer.errorCode == "invalid_input", "\(encoding): \(answer.text)")
        }
        let wrong = try await append(plain, [("content-encoding", "gzip")], to: project)
        #expect(wrong.status == 400 && wrong.errorCode == "invalid", "\(wrong.text)")
        #expect(await project.send(.get, "/api/v1/streams/orders/events").text.isEmpty)
        #expect(try await append(gzip(plain), [("content-encoding", "GZIP")], to: project).json["accepted"]?.int64 == 1)
        #expect(try await append(plain, [("content-encoding", "identity")], to: project).json["duplicates"]?.int64 == 1)
        try await project.close()
    }

    @Test("rows that break the contract in every way are dead letters; none is stored or coerced")
    func hostileRows() async throws {
        let project = try await TestProject()
        func row(_ member: String) -> String { #"{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b",\#(member)}"# }
        let rows = [
            row(#""amount":1e999"#), row(#""amount":\#(String(repeating: "9", count: 400))"#), row(#""amount":NaN"#), row(#""amount":"2""#),
            row(#""amount":-1"#), row(#""amount":[2]"#), row(#""amount":{"a":2}"#), row(#""amount":true"#), row(#""amount":2,"amount":3"#),
            row(#""amount":2,"extra":1"#), row(#""amount":2,"\u0061mount":3"#), #"["1"]"#, "null", "1", "{}", "}{", #"{"a\u0000b":1}"#,
            #"{"id":"\ud800","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#, #"{"id":1,"time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#,
            #"{"id":"1","time":"2026-02-30T00:00:00Z","buyer":"b","amount":2}"#, #"{"id":"1","time":"9999999-01-01T00:00:00Z","buyer":"b","amount":2}"#,
            #"{"id":"1","time":"2999-01-01T00:00:00Z","buyer":"b","amount":2}"#, #"{"id":"1","time":1e18,"buyer":"b","amount":2}"#,
            #"{"id":"\#(String(repeating: "x", count: 70_000))","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#,
            String(repeating: "[", count: 500), String(repeating: #"{"a":"#, count: 500),
        ]
        let answer = try await append(Array(rows.joined(separator: "\n").utf8), to: project)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try answer.json["accepted"]?.int64 == 0)
        #expect(try answer.json["rejected"]?.int64 == Int64(rows.count))
        let letters = try await project.send(.get, "/api/v1/dead-letters").json["items"]?.array ?? []
        #expect(letters.count == rows.count)
        #expect(letters.allSatisfy { $0["reason"]?.string?.isEmpty == false && $0["row"]?.string?.isEmpty == false })
        #expect(await project.send(.get, "/api/v1/streams/orders/events").text.isEmpty)
        try await project.close()
    }

    @Test("a JSON array of more rows than are stored at a time is refused whole; as lines they are taken")
    func tooManyRows() async throws {
        let project = try await TestProject()
        let rows = (0..<20_001).map { #"{"id":"\#($0)","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"# }
        let array = try await append(Array(("[" + rows.joined(separator: ",") + "]").utf8), [("content-type", "application/json")], to: project)
        #expect(array.status == 400 && array.errorCode == "malformed_json", "\(array.text)")
        #expect(await project.send(.get, "/api/v1/streams/orders/events").text.isEmpty)
        let lines = try await append(Array(rows.joined(separator: "\n").utf8), to: project)
        #expect(try lines.json["accepted"]?.int64 == 20_001)
        try await project.close()
    }

    @Test("more dead letters than one input may leave end it")
    func tooManyDeadLetters() async throws {
        var settings = ProjectServer.Settings.patient
        settings.platform.deadLettersPerFile = 100
        settings.platform.ingestRows = 50
        let project = try await TestProject(settings: settings)
        let answer = try await append(Array(String(repeating: "nonsense\n", count: 1_000).utf8), to: project)
        #expect(answer.status == 413 && answer.errorCode == "limit_reached", "\(answer.text)")
        try await project.close()
    }
}
