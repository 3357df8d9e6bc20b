import MartletBytes
import MartletFrames
import Testing

@testable import MartletServer

@Suite("input")
struct InputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var method = Request.Method.post
        var target: String
        var body = ""
        var status = 400
        var code = "invalid_input"
        var says: String
        var place: String?
        var hint: String?
        var testDescription: String { "\(target) \(body.prefix(40))" }
    }

    @Test("a mistake in a query or a body is named with its place and the next step", arguments: [
        Case(
            target: "/api/v1/apply", body: #"{"reson":"x"}"#, says: "the body has 'reson', which means nothing here",
            hint: "did you mean 'reason'?"),
        Case(
            target: "/api/v1/apply", body: #"{"reason":7}"#, says: "a text was expected, and a number was found", place: "reason",
            hint: "send a text"),
        Case(target: "/api/v1/apply", body: "[]", says: "an object was expected, and an array was found"),
        Case(target: "/api/v1/plan", body: #"{"x":1}"#, says: "the body has 'x', which means nothing here", hint: "known are: definitions"),
        Case(target: "/api/v1/pipelines/p/pause", body: #"{"x":1}"#, says: "the body has 'x', which means nothing here", hint: "the object has no members"),
        Case(target: "/api/v1/apply", body: "{", code: "malformed_json", says: "a key in quotes or '}' was expected, and the text ends", place: "byte 1"),
        Case(target: "/api/v1/apply", body: #"{"reason":"a","reason":"b"}"#, code: "malformed_json", says: "the key 'reason' stands twice in one object", place: "byte 14"),
        Case(
            target: "/api/v1/feature-views/read", body: #"{"view":"buyer","keys":[{"buyer":"b"},3]}"#,
            says: "an object was expected, and a number was found", place: "keys[1]"),
        Case(
            target: "/api/v1/feature-views/read", body: #"{"view":"buyer"}"#, says: "the body lacks 'keys'", hint: "add 'keys'"),
        Case(
            target: "/api/v1/feature-views/read", body: #"{"view":"buyer","keys":[],"time":"yesterday"}"#,
            says: "a time such as 2026-01-31T12:00:00Z was expected, and a text that is no time was found", place: "time"),
        Case(
            target: "/api/v1/tokens", body: #"{"name":"x","role":"viewr"}"#, says: "'viewr' is not one of the choices", place: "role",
            hint: "did you mean 'viewer'?"),
        Case(
            target: "/api/v1/tokens", body: #"{"name":"x","role":"viewer","including":["predict","fly"]}"#,
            says: "'fly' is not one of the choices", place: "including[1]"),
        Case(
            method: .get, target: "/api/v1/releases?limt=3", says: "the query has 'limt', which this path does not read", place: "query",
            hint: "did you mean 'limit'?"),
        Case(method: .get, target: "/api/v1/releases?limit=3&limit=4", says: "the query has 'limit' twice", place: "query", hint: "give it once"),
        Case(
            method: .get, target: "/api/v1/releases?limit=0", says: "'limit' is '0', not a whole number from 1 to 10000", place: "query"),
        Case(
            method: .get, target: "/api/v1/streams?x=1", says: "the query has 'x', which this path does not read", place: "query",
            hint: "it reads none"),
        Case(
            method: .get, target: "/api/v1/audit?outcome=denied", says: "'outcome' is 'denied', not one of allowed, refused, failed",
            place: "query"),
        Case(target: "/api/v1/streams/orders/ingest?format=xml", says: "'format' is 'xml', not one of csv, ndjson, json", place: "query"),
        Case(target: "/api/v1/streams/orders/ingest?history=yes", says: "'history' is 'yes', not true or false", place: "query"),
        Case(
            method: .get, target: "/api/v1/streams/ordrs/events", status: 404, code: "not_found", says: "no stream is named 'ordrs'",
            hint: "did you mean 'orders'? there are: orders"),
        Case(
            target: "/api/v1/endpoints/returns/predict", body: "{}", code: "invalid",
            says: "exactly one of 'inputs' and 'instances' must be given"),
        Case(
            method: .get, target: "/api/v1/predictions/nothing", status: 404, code: "not_found", says: "no prediction has the id 'nothing'"),
    ])
    func mistakes(_ test: Case) async throws {
        let project = try await TestProject()
        let answer = await project.send(test.method, test.target, test.body)
        let error = try answer.json["error"]
        #expect(answer.status == test.status)
        #expect(error?["code"]?.string == test.code)
        #expect(error?["message"]?.string == test.says)
        if let place = test.place { #expect(error?["where"]?.string == place) }
        if let hint = test.hint { #expect(error?["hint"]?.string == hint) }
        #expect(answer.headers["x-request-id"] != nil)
        try await project.close()
    }

    @Test("definitions with mistakes are answered with each one and its place")
    func definitionMistakes() async throws {
        var files = TestProject.files
        files[1].1 = files[1].1.replacing("unique: id", with: "uniqe: id").replacing("type: float64", with: "type: flot64")
        let project = try await TestProject(files, isApplied: false)
        let answer = await project.send(.post, "/api/v1/plan")
        #expect(answer.status == 422)
        #expect(answer.errorCode == "definition_invalid")
        let details = try answer.json["error"]?["details"]?.array ?? []
        #expect(details.count >= 2)
        #expect(details.contains { $0["nearest"]?.string == "unique" && $0["file"]?.string == "streams/orders.yaml" && $0["line"]?.int64 != nil })
        #expect(details.allSatisfy { $0["code"]?.string != nil && $0["message"]?.string != nil })
        try await project.close()
    }

    @Test("times are read to the microsecond with their offset, and nothing else is a time", arguments: [
        ("2026-01-31T12:00:00Z", 1_769_860_800_000_000), ("2026-01-31T12:00:00.25Z", 1_769_860_800_250_000),
        ("2026-01-31T13:30:00+01:30", 1_769_860_800_000_000), ("2026-01-31T12:00:00", nil), ("2026-02-30T12:00:00Z", nil),
        ("2026-01-31 12:00:00Z", nil), ("2026-01-31T12:00:00.1234567Z", nil), ("", nil), ("2026-01-31T12:00:00+99:00", nil),
    ] as [(String, Int64?)])
    func times(_ text: String, _ microseconds: Int64?) {
        #expect(Timestamp(request: text)?.microseconds == microseconds)
    }
}
