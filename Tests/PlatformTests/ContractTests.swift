import MartletAccess
import MartletBytes
import MartletIngestion
import MartletPlatform
import Testing

@Suite("Contracts, end to end")
struct ContractTests {
    private static let files = [
        "streams/orders.yaml": """
            stream: orders
            event_time: at
            unique: id
            fields:
              id: string
              at: timestamp
              amount: { type: float64, check: "amount >= 0.0" }
              note: { type: string, optional: true }
            """
    ]

    @Test("each breakage is a dead letter with reason and place, and the good rows beside it are kept", arguments: [
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\nb,2026-01-01T00:00:00Z,12abc\n", "wrong_type", "line 3"),
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\n,2026-01-01T00:00:00Z,2\n", "missing_field", "line 3"),
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\nb,2026-01-01T00:00:00Z,-2\n", "out_of_range", "line 3"),
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\nb,yesterday,2\n", "bad_time", "line 3"),
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\nb,2126-01-01T00:00:00Z,2\n", "future_time", "line 3"),
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\nb,2026-01-01T00:00:00Z\n", "malformed_csv", "line 3"),
        ("id,at,amount\na,2026-01-01T00:00:00Z,1\na,2026-01-01T00:00:00Z,2\n", "duplicate_key_conflict", "line 3"),
    ])
    func breakages(_ csv: String, _ reason: String, _ place: String) async throws {
        let fixture = try await PlatformFixture(files: Self.files)
        try await fixture.apply()
        let report = try await fixture.ingest(csv, into: "orders")
        #expect(report.accepted == 1)
        #expect(report.rejected == 1)
        let letters = try fixture.platform.deadLetters(
            of: "orders", limit: 10, scope: fixture.scope(.deadLettersRead, .stream, "orders"))
        #expect(letters.map(\.reason) == [reason])
        #expect(letters.map(\.place) == [place])
        try await fixture.platform.close()
    }

    @Test("lines of JSON: unknown fields, malformed lines and malformed text are refused one by one")
    func lines() async throws {
        let fixture = try await PlatformFixture(files: Self.files)
        try await fixture.apply()
        let good = #"{"id":"a","at":"2026-01-01T00:00:00Z","amount":1}"#
        let lines = [good, #"{"id":"b","at":"2026-01-01T00:00:00Z","amount":1,"colour":"red"}"#, #"{"id":"c","#, "not JSON"]
        let report = try await fixture.ingest(lines.joined(separator: "\n"), into: "orders", format: .ndjson)
        #expect(report.accepted == 1)
        let letters = try fixture.platform.deadLetters(
            of: "orders", limit: 10, scope: fixture.scope(.deadLettersRead, .stream, "orders"))
        #expect(letters.map(\.reason) == ["unknown_field", "malformed_json", "malformed_json"])
        try await fixture.platform.close()
    }

    @Test("after a mend of the contract the dead letters come in, whatever stands between cells", arguments: [",", ";", "\t"])
    func mended(_ delimiter: String) async throws {
        let fixture = try await PlatformFixture(files: Self.files)
        try await fixture.apply()
        let rows = [["id", "at", "amount"], ["a", "2026-01-01T00:00:00Z", "1"], ["b", "2026-01-01T00:00:00Z", "-2"]]
        let csv = rows.map { $0.joined(separator: delimiter) }.joined(separator: "\n")
        #expect(try await fixture.ingest(csv, into: "orders").rejected == 1)
        let replay = { try await fixture.platform.replayDeadLetters(
            of: "orders", requestID: nil, scope: fixture.scope(.deadLettersReplay, .stream, "orders")) }
        let early = try await replay()
        #expect(early.accepted == 0)
        #expect(early.rejected == 1)
        let mended = (Self.files["streams/orders.yaml"] ?? "").replacing(">= 0.0", with: ">= -10.0")
        try fixture.write(mended, to: "streams/orders.yaml")
        try await fixture.apply()
        #expect(try await replay().accepted == 1)
        let left = try fixture.platform.deadLetters(
            of: "orders", limit: 10, scope: fixture.scope(.deadLettersRead, .stream, "orders"))
        #expect(left.isEmpty)
        try await fixture.platform.close()
    }
}
