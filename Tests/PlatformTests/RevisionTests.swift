import MartletAccess
import MartletBytes
import MartletGovernance
import MartletPlatform
import Testing

@Suite("Corrections and retractions")
struct RevisionTests {
    private static let files = [
        "martlet.yaml": "project: shop\n",
        "streams/orders.yaml": """
            stream: orders
            event_time: time
            unique: id
            fields:
              id: string
              time: timestamp
              buyer: { type: string, personal: subject }
              amount: { type: float64, check: "amount >= 0.0" }
              returned: { type: bool, known_after: 7d, optional: true }
            """,
        "streams/visits.yaml": "stream: visits\nevent_time: time\nfields: { time: timestamp, page: string }\n",
        "features/buyer.yaml": """
            feature_view: buyer
            entity: buyer
            source: orders
            aggregate:
              - { function: count, windows: [7d] }
              - { function: mean, of: amount, windows: [7d] }
            """,
        "models/returns.yaml": """
            model: returns
            task: binary
            from: orders
            label: returned
            features: [buyer.*]
            split: { train: { from: 2026-01-01, to: 2026-02-01 }, gap: 7d, test: { to: 2026-03-01 } }
            trainer: { kind: xgboost, max_depth: 2, eta: 0.3, rounds: 3, seed: 1 }
            metrics: [roc_auc]
            """,
    ]
    private static let header = "id,time,buyer,amount,returned\n"
    private static let history = header + """
        1,2026-01-01T00:00:00Z,b,10,false
        2,2026-01-02T00:00:00Z,b,30,false
        3,2026-01-03T00:00:00Z,b,5,true
        4,2026-02-20T00:00:00Z,b,5,true

        """

    private func project() async throws -> PlatformFixture {
        let fixture = try await PlatformFixture(files: Self.files)
        try await fixture.apply()
        #expect(try await fixture.ingest(Self.history, into: "orders").accepted == 4)
        return fixture
    }

    private func revise(
        _ fixture: PlatformFixture, _ meaning: IngestOptions.Meaning, _ text: String, format: IngestOptions.Format = .csv,
        history: Bool = true, stream: String = "orders"
    ) async throws -> IngestReport {
        var options = IngestOptions(format: format, isHistory: history, source: "changes")
        options.meaning = meaning
        var pieces = [Array(text.utf8)][...]
        return try await fixture.platform.ingest(
            into: stream, options: options, requestID: "r", scope: fixture.scope(.eventsCorrect, .stream, stream),
            next: { pieces.popFirst() })
    }

    /// The features of buyer b at the time of order 3, as a live read and as its row of the training set have them.
    private func features(_ fixture: PlatformFixture) async throws -> (live: String, training: String) {
        let answer = try await fixture.platform.readFeatures(
            ["view": "buyer", "keys": [["buyer": "b"]], "time": "2026-01-03T00:00:00Z"],
            scope: fixture.scope(.featuresRead, .featureView, "buyer"))
        let read = answer["rows"]?.array?.first?["features"]
        let live = ["count_7d", "mean_amount_7d"].map { name in
            switch read?[name] {
            case .int64(let number)?: "\(number)"
            case .float64(let number)?: "\(number)"
            default: ""
            }
        }
        var csv: [UInt8] = []
        _ = try await fixture.platform.dataset("returns", scope: fixture.scope(.datasetsBuild)) { csv += $0 }
        let row = String(decoding: csv, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("2026-01-03") } ?? ""
        let cells = row.split(separator: ",", omittingEmptySubsequences: false).suffix(2)
        return (live.joined(separator: ","), cells.joined(separator: ","))
    }

    @Test("take effect alike in live reads and in training sets, across a restart")
    func liveIsTrainingSet() async throws {
        let fixture = try await project()
        let steps: [(IngestOptions.Meaning, String, String)] = [
            (.corrections, Self.header + "2,2026-01-02T00:00:00Z,b,50,false\n", "2,30.0"),
            (.retractions, "id\n1\n", "1,50.0"),
            // To another time, out of the window; then to another buyer.
            (.corrections, Self.header + "2,2025-12-01T00:00:00Z,b,50,false\n", "0,"),
            (.corrections, Self.header + "2,2026-01-02T00:00:00Z,b,8,false\n", "1,8.0"),
            (.corrections, Self.header + "2,2026-01-02T00:00:00Z,c,8,false\n", "0,"),
        ]
        #expect(try await features(fixture) == ("2,20.0", "2,20.0"))
        for (meaning, text, expected) in steps {
            let report = try await revise(fixture, meaning, text)
            #expect(report.accepted == 1 && report.rejected == 0, "\(report)")
            #expect(try await features(fixture) == (expected, expected))
        }
        try await fixture.restart()
        #expect(try await features(fixture) == ("0,", "0,"))
        let log = try await fixture.platform.events(of: "orders", from: 0, limit: 100, scope: fixture.scope(.eventsRead, .stream, "orders"))
        let kinds = try String(decoding: log.lines, as: UTF8.self).split(separator: "\n").map { try JSONValue(parsing: String($0))["kind"]?.string }
        #expect(kinds == ["event", "event", "event", "event", "correction", "retraction", "correction", "correction", "correction"])
        try await fixture.platform.close()
    }

    @Test("that are news change what is read from now on, not what was known then")
    func news() async throws {
        let fixture = try await project()
        let report = try await revise(fixture, .corrections, Self.header + "2,2026-01-02T00:00:00Z,b,50,false\n", history: false)
        #expect(report.accepted == 1)
        #expect(try await features(fixture) == ("2,30.0", "2,20.0"))
        try await fixture.platform.close()
    }

    @Test("of one key take effect in their order; the same again has no effect")
    func order() async throws {
        let fixture = try await project()
        let text = Self.header + [20, 40, 60, 80].map { "2,2026-01-02T00:00:00Z,b,\($0),false\n" }.joined()
        #expect(try await revise(fixture, .corrections, text).accepted == 4)
        #expect(try await features(fixture).live == "2,45.0")
        let again = try await revise(fixture, .corrections, Self.header + "2,2026-01-02T00:00:00Z,b,80,false\n")
        #expect(again.accepted == 0 && again.duplicates == 1)
        #expect(try await revise(fixture, .retractions, #"{"id":"2","note":"passed over"}"#, format: .ndjson).accepted == 1)
        #expect(try await revise(fixture, .retractions, "id\n2\n").duplicates == 1)
        #expect(try await features(fixture).live == "1,10.0")
        try await fixture.platform.close()
    }

    @Test("that cannot be are answered with place and reason, change nothing and are no dead letters")
    func refusals() async throws {
        let fixture = try await project()
        #expect(try await revise(fixture, .retractions, "id\n1\n").accepted == 1)
        let position = try await revise(fixture, .retractions, "id\n1\n").position
        for (meaning, text, reason) in [
            (.corrections, Self.header + "9,2026-01-02T00:00:00Z,b,50,false\n", "no event"),
            (.corrections, Self.header + "1,2026-01-02T00:00:00Z,b,50,false\n", "was retracted"),
            (.corrections, Self.header + "2,2026-01-02T00:00:00Z,b,-1,false\n", "does not hold"),
            (.corrections, Self.header + "2,soon,b,1,false\n", "time"),
            (.retractions, "id\n9\n", "no event"), (.retractions, "id,buyer\n,b\n", "must have a value"),
        ] as [(IngestOptions.Meaning, String, String)] {
            let report = try await revise(fixture, meaning, text)
            #expect(report.accepted == 0 && report.rejected == 1 && report.position == position, "\(report)")
            #expect(report.firstRejected.first?.hasPrefix("changes, line 2: ") == true && report.firstRejected.first?.contains(reason) == true, "\(report.firstRejected)")
        }
        await #expect(throws: PlatformError.self) {
            _ = try await revise(fixture, .retractions, "page\nx\n", stream: "visits")
        }
        let letters = try fixture.platform.deadLetters(of: nil, after: 0, limit: 10, scope: fixture.scope(.deadLettersRead, .stream))
        #expect(letters.isEmpty)
        // A retracted key stays taken.
        #expect(try await fixture.ingest(Self.history, into: "orders").rejected == 1)
        try await fixture.platform.close()
    }

    @Test("need a permission of their own, and stand in the audit log")
    func guarded() async throws {
        let fixture = try await project()
        await #expect(throws: AccessError.self) {
            var options = IngestOptions(format: .csv, isHistory: true, source: "changes")
            options.meaning = .retractions
            _ = try await fixture.platform.ingest(
                into: "orders", options: options, scope: fixture.scope(.eventsWrite, .stream, "orders"), next: { nil })
        }
        _ = try await revise(fixture, .retractions, "id\n1\n")
        let entries = try fixture.platform.auditEntries(.init(), before: nil, limit: 10, scope: fixture.scope(.auditRead, .server))
        let entry = try #require(entries.first { $0.record.action == "events.retractions" })
        #expect(entry.record.requestID == "r" && entry.record.resource.contains("orders"))
        try await fixture.platform.close()
    }
}
