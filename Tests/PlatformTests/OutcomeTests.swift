import MartletAccess
import MartletBytes
import MartletFrames
import MartletStorage
import MartletWorld
import Testing

@testable import MartletPlatform

@Suite("Outcomes")
struct OutcomeTests {
    /// A project with one event of 2026-01-10 in its history, not labelled.
    private func project() async throws -> PlatformFixture {
        let fixture = try await PlatformFixture(files: FraudProject.files)
        _ = try await fixture.apply()
        let csv = "tx_id,tx_time,customer_id,terminal_id,amount\na,2026-01-10T00:00:00Z,c1,m1,5\n"
        #expect(try await fixture.ingest(csv, into: "transactions").accepted == 1)
        return fixture
    }

    private func send(_ item: JSONValue, _ fixture: PlatformFixture) async throws -> JSONValue {
        try await fixture.platform.takeOutcomes([item], scope: fixture.scope(.outcomesWrite))
    }

    private func lastKnownTime(_ fixture: PlatformFixture) async throws -> String {
        let row = try #require(try await fixture.platform.log.row(at: fixture.platform.log.end - 1))
        #expect(row.kind == .outcome)
        return "\(Timestamp(microseconds: row.knownTimes[0]))"
    }

    @Test(
        "its time is when it became known, and never before its event was",
        arguments: [("2026-01-20T08:00:00Z", "2026-01-20T08:00:00Z"), ("2025-12-01T00:00:00Z", "2026-01-10T00:00:00Z")])
    func time(_ given: String, _ kept: String) async throws {
        let fixture = try await project()
        let answer = try await send(["stream": "transactions", "unique": "a", "label": true, "time": .string(given)], fixture)
        #expect(answer["accepted"]?.int64 == 1)
        #expect(try await lastKnownTime(fixture) == kept)
        try await fixture.platform.close()
    }

    @Test("without a time it became known when it came")
    func now() async throws {
        let fixture = try await project()
        let before = fixture.platform.world.clock.now()
        _ = try await send(["stream": "transactions", "unique": "a", "label": false], fixture)
        #expect(try await lastKnownTime(fixture) >= "\(before)")
        try await fixture.platform.close()
    }

    @Test("a time that is none, or to come, and a prediction beside a stream are refused, and nothing is stored")
    func wrong() async throws {
        let fixture = try await project()
        let end = fixture.platform.log.end
        let items: [JSONValue] = [
            ["stream": "transactions", "unique": "a", "label": true, "time": "yesterday"],
            ["stream": "transactions", "unique": "a", "label": true, "time": 5],
            ["stream": "transactions", "unique": "a", "label": true, "time": "2999-01-01T00:00:00Z"],
            ["prediction_id": "01a210d1-8aa8-7773-82fe-0a26c77dc009", "stream": "transactions", "unique": "a", "label": true],
        ]
        for item in items {
            let answer = try await send(item, fixture)
            #expect(answer["accepted"]?.int64 == 0)
            #expect(answer["rejected"]?.array?.count == 1)
        }
        #expect(fixture.platform.log.end == end)
        try await fixture.platform.close()
    }
}
