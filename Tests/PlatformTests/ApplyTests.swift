import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@Suite("Changes of what is in force")
struct ApplyTests {
    @Test("what stored bytes could not be read under is refused, and the release stays", arguments: [
        ("martlet.yaml", "project: fraud", "project: payments", "the project is named 'fraud'"),
        ("streams/transactions.yaml", "terminal_id: string", "terminal_id: int64", "field 'terminal_id' of stream 'transactions' is stored as string"),
        ("streams/transactions.yaml", "unique: tx_id", "unique: terminal_id", "the key or the time of stream 'transactions' cannot change"),
        ("streams/transactions.yaml", "  tx_id: string", "  tx_id: string\n  channel: string", "has events without the new field 'channel'"),
    ])
    func refused(_ file: String, _ old: String, _ new: String, _ sentence: String) async throws {
        let fixture = try await PlatformFixture(files: FraudProject.files)
        #expect(try await fixture.apply() == 1)
        try fixture.write((FraudProject.files[file] ?? "").replacing(old, with: new), to: file)
        await #expect { try await fixture.apply() } throws: { error in
            (error as? PlatformError)?.code == .conflict && "\(error)".contains(sentence)
        }
        try fixture.write(FraudProject.files[file] ?? "", to: file)
        #expect(try await fixture.apply() == nil)
        try await fixture.platform.close()
    }

    @Test("a new optional field is taken; events before it lack it, in views and datasets")
    func newField() async throws {
        let fixture = try await PlatformFixture(files: FraudProject.files)
        try await fixture.apply()
        let header = "tx_id,tx_time,customer_id,terminal_id,amount,is_fraud"
        #expect(try await fixture.ingest("\(header)\na,2026-01-01T00:00:00Z,c1,m1,5,false\n", into: "transactions").accepted == 1)
        let text = (FraudProject.files["streams/transactions.yaml"] ?? "")
            .replacing("  tx_id: string", with: "  tx_id: string\n  channel: { type: string, optional: true }")
        try fixture.write(text, to: "streams/transactions.yaml")
        #expect(try await fixture.apply() == 2)
        let again = try await fixture.ingest("\(header)\na,2026-01-01T00:00:00Z,c1,m1,5,false\n", into: "transactions")
        #expect(again.duplicates == 1)
        let more = try await fixture.ingest("\(header),channel\nb,2026-01-01T00:00:00Z,c1,m1,5,false,web\n", into: "transactions")
        #expect(more.accepted == 1)
        let page = try await fixture.platform.events(
            of: "transactions", from: 0, limit: 10, scope: fixture.scope(.eventsRead, .stream, "transactions"))
        #expect(page.count == 2)
        // A view over the new field folds the events from before it, and a dataset holds both.
        try fixture.write(
            """
            feature_view: channels
            entity: customer_id
            source: transactions
            aggregate:
              - { function: [count, distinct_count], of: channel, windows: [30d] }
            """, to: "features/channels.yaml")
        let model = (FraudProject.files["models/fraud.yaml"] ?? "")
            .replacing("features: [request.*", with: "features: [channels.*, request.*")
            .replacing("split: { train: 60%, gap: 7d, test: 25% }", with: "split: { train: 50%, test: 50% }")
        try fixture.write(model, to: "models/fraud.yaml")
        #expect(try await fixture.apply() == 3)
        let question: JSONValue = ["view": "channels", "keys": [["customer_id": "c1"]], "time": "2026-01-02T00:00:00Z"]
        for _ in 0..<2 {
            let answer = try await fixture.platform.readFeatures(question, scope: fixture.scope(.featuresRead, .featureView, "channels"))
            #expect(answer["rows"]?.array?.first?["features"]?["count_channel_30d"]?.int64 == 1)
            #expect(answer["rows"]?.array?.first?["features"]?["distinct_count_channel_30d"]?.int64 == 1)
            var text: [UInt8] = []
            _ = try await fixture.platform.dataset("fraud", scope: fixture.scope(.datasetsBuild)) { text += $0 }
            #expect(String(decoding: text, as: UTF8.self).split(separator: "\n").count == 3)
            try await fixture.restart()
        }
        try await fixture.platform.close()
    }
}
