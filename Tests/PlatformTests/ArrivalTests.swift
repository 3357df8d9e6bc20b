import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@Suite("Streams without a time of their own, and rows that wait")
struct ArrivalTests {
    private static let files = [
        "martlet.yaml": "project: people\n",
        "streams/people.yaml": """
            stream: people
            unique: id
            fields:
              id: string
              age: int64
            """,
    ]

    @Test("rows get the time of arrival, and the same rows again have no effect")
    func arrival() async throws {
        let fixture = try await PlatformFixture(files: Self.files)
        try await fixture.apply()
        let csv = "id,age\na,30\nb,40\n"
        #expect(try await fixture.ingest(csv, into: "people").accepted == 2)
        let again = try await fixture.ingest(csv, into: "people")
        #expect(again.duplicates == 2)
        #expect(again.rejected == 0)
        #expect(try await fixture.ingest("{\"id\":\"c\",\"age\":5}\n", into: "people", format: .ndjson).accepted == 1)
        // No input may say when it arrived.
        let forged = "{\"id\":\"d\",\"age\":5,\"arrival_time\":\"2020-01-01T00:00:00Z\"}\n"
        #expect(try await fixture.ingest(forged, into: "people", format: .ndjson).rejected == 1)
        try await fixture.platform.close()
    }

    @Test("items of a JSON array that span lines come in after a mend, every one")
    func spanningItems() async throws {
        let fixture = try await PlatformFixture(files: Self.files)
        try await fixture.apply()
        let items = "[\n {\n \"id\": \"a\",\n \"age\": -1\n },\n {\n \"id\": \"b\",\r\n \"age\": -2\n }\n]\n"
        try fixture.write(
            "stream: people\nunique: id\nfields:\n  id: string\n  age: { type: int64, check: \"age >= 0\" }\n",
            to: "streams/people.yaml")
        try await fixture.apply()
        #expect(try await fixture.ingest(items, into: "people", format: .json).rejected == 2)
        try fixture.write(Self.files["streams/people.yaml"] ?? "", to: "streams/people.yaml")
        try await fixture.apply()
        let replayed = try await fixture.platform.replayDeadLetters(
            of: "people", requestID: nil, scope: fixture.scope(.deadLettersReplay, .stream, "people"))
        #expect(replayed.accepted == 2)
        #expect(replayed.rejected == 0)
        try await fixture.platform.close()
    }
}
