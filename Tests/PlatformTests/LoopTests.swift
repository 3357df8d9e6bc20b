import MartletAccess
import MartletBytes
import MartletGovernance
import MartletPlatform
import MartletRegistry
import Testing

@Suite("The first half of the loop")
struct LoopTests {
    @Test("events in, features, a signed model, predictions that are explained and replayed, across restarts and releases")
    func loop() async throws {
        let fixture = try await PlatformFixture(files: FraudProject.files)
        #expect(try await fixture.apply() == 1)
        #expect(try await fixture.apply() == nil)

        let csv = FraudProject.history()
        let report = try await fixture.ingest(csv, into: "transactions")
        #expect(report.accepted > 10_000)
        #expect(report.rejected == 0)
        let again = try await fixture.ingest(csv, into: "transactions")
        #expect(again.accepted == 0)
        #expect(again.duplicates == report.accepted)

        let trained = try await fixture.platform.train(
            "fraud", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
        #expect(trained.version == 1)
        #expect(trained.passed)
        #expect(trained.immatureRows > 0)
        let release = try await fixture.platform.promote(
            "fraud", version: nil, reason: "first", requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud")).release
        #expect(release.number == 2)

        let inputs: JSONValue = ["tx_id": "live-1", "customer_id": "c1", "terminal_id": "m1", "amount": 250.0]
        let first = try await fixture.predict("fraud", ["inputs": inputs, "append": true, "explain": true])
        let id = try #require(first["prediction_id"]?.string)
        #expect(first["degraded"]?.bool == false)
        let contributions = try #require(first["explanation"]?["contributions"]?.array)
        let sum = contributions.compactMap { $0["contribution"]?.double }.reduce(first["explanation"]?["base"]?.double ?? 0, +)
        #expect(abs(sum - (first["explanation"]?["margin"]?.double ?? .nan)) < 1e-6)

        #expect(try await fixture.replay(id)["equal"]?.bool == true)
        try await fixture.restart()
        #expect(try await fixture.replay(id)["equal"]?.bool == true)

        // A later promotion, then a rollback.
        let second = try await fixture.platform.train("fraud", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
        #expect(second.version == 2)
        _ = try await fixture.platform.promote(
            "fraud", version: 2, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud"))
        #expect(try await fixture.replay(id)["equal"]?.bool == true)
        let back = try await fixture.platform.rollback(reason: "test", requestID: nil, scope: fixture.scope(.modelsPromote))
        #expect(back.aliases["fraud"]?["champion"] == 1)
        #expect(back.restores == 2)
        #expect(try await fixture.replay(id)["equal"]?.bool == true)
        #expect(try fixture.platform.verifyAudit(scope: fixture.scope(.auditRead, .server)).isIntact)

        // The outcome arrives and is joined.
        let taken = try await fixture.platform.takeOutcomes(
            [["prediction_id": .string(id), "label": true]], scope: fixture.scope(.outcomesWrite))
        #expect(taken["accepted"]?.int64 == 1)
        let seen = try await fixture.platform.prediction(id, scope: fixture.scope(.predictionsRead, .prediction, id))
        #expect(seen["outcome"]?.bool == true)
        #expect(try await fixture.replay(id)["equal"]?.bool == true)
        try await fixture.platform.close()
    }
}
