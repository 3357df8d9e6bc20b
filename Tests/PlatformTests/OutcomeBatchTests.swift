import MartletAccess
import MartletBytes
import MartletFrames
import MartletIngestion
import MartletStorage
import MartletWorld
import Testing

@testable import MartletPlatform

@Suite("Outcomes in batches")
struct OutcomeBatchTests {
    // MARK: - Against one by one

    /// What `docs/reference/semantics.md` says of outcomes, taken one by one: lists, and no log.
    private struct Oracle {
        struct Event: Equatable {
            var label: Bool?
            var isRetracted = false
        }

        var events: [String: Event] = [:]
        /// Of each prediction the order that it is of, and its own label.
        var predictions: [String: (order: String?, label: Bool?)] = [:]
        /// Labels in the order in which they took effect, by what bears them.
        var history: [String: [Bool]] = [:]

        mutating func take(_ item: JSONValue) -> String {
            guard let label = item["label"]?.bool else { return "invalid" }
            if let id = item["prediction_id"]?.string {
                guard let prediction = predictions[id] else { return "unknown_prediction" }
                if let order = prediction.order, events[order] != nil { return take(order: order, label) }
                if prediction.label == label { return "duplicate" }
                predictions[id]?.label = label
                history[id, default: []].append(label)
                return prediction.label == nil ? "accepted" : "changed"
            }
            return take(order: item["unique"]?.string ?? "", label)
        }

        private mutating func take(order: String, _ label: Bool) -> String {
            guard let event = events[order] else { return "unknown_event" }
            if event.isRetracted { return "retracted" }
            if event.label == label { return "duplicate" }
            events[order]?.label = label
            history[order, default: []].append(label)
            return event.label == nil ? "accepted" : "changed"
        }
    }

    @Test("of random outcomes, corrections and retractions are what they are one by one", arguments: 0..<12)
    func agreesWithOneByOne(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed) &* 77 &+ 5)
        var limits = Platform.Limits()
        limits.outcomeItems = [1, 4, 5_000][seed % 3]
        limits.log.segmentRows = seed % 2 == 0 ? 40 : 1 << 19
        let fixture = try await FeedbackProject.open(limits: limits)
        var oracle = Oracle()
        var waiting: [JSONValue] = []
        var nextOrder = 0
        for _ in 0..<8 {
            // News of orders: new ones, some with their label, some with a decision in the same commit.
            var csv = FeedbackProject.header
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let label: Bool? = Int.random(in: 0..<4, using: &random) == 0 ? Bool.random(using: &random) : nil
                csv += FeedbackProject.order("o\(nextOrder)", returned: label)
                oracle.events["o\(nextOrder)"] = .init(label: label)
                nextOrder += 1
            }
            _ = try await fixture.ingest(csv, into: "orders", history: Bool.random(using: &random))
            if Bool.random(using: &random) {
                let appends = Bool.random(using: &random)
                // An order to come, one that is there, or none.
                let order: String? = appends || Bool.random(using: &random) ? "o\(nextOrder + (appends ? 0 : 2))" : nil
                let id = try await fixture.decide(order, append: appends)
                oracle.predictions[id] = (order, nil)
                if appends, let order {
                    oracle.events[order] = .init()
                    nextOrder += 1
                }
            }
            if let order = oracle.events.keys.sorted().randomElement(using: &random), Int.random(in: 0..<3, using: &random) == 0 {
                let isRetraction = Bool.random(using: &random)
                var options = IngestOptions(format: .csv, isHistory: false, source: "changes")
                options.meaning = isRetraction ? .retractions : .corrections
                let label: Bool? = Bool.random(using: &random) ? Bool.random(using: &random) : nil
                var pieces = [Array((FeedbackProject.header + FeedbackProject.order(order, amount: 9, returned: label)).utf8)][...]
                let report = try await fixture.platform.ingest(
                    into: "orders", options: options, scope: fixture.scope(.eventsCorrect, .stream, "orders"), next: { pieces.popFirst() })
                if report.accepted == 1 {
                    if isRetraction { oracle.events[order]?.isRetracted = true } else { oracle.events[order]?.label = label }
                }
            }
            // A batch: most of it about a few orders, so that one key has several outcomes.
            var items: [JSONValue] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let label = Bool.random(using: &random)
                let predictions = oracle.predictions.keys.sorted()
                switch Int.random(in: 0..<12, using: &random) {
                case 0: items.append(["stream": "orders", "unique": "o\(nextOrder + 1)", "label": .bool(label)])
                case 1: items.append(["stream": "orders", "unique": "o0", "label": "yes"])
                case 2: items.append(["prediction_id": "01a210d1-8aa8-7773-82fe-0a26c77dc009", "label": .bool(label)])
                case 3...6 where !predictions.isEmpty:
                    let id = predictions[Int.random(in: 0..<predictions.count, using: &random)]
                    items.append(["prediction_id": .string(id), "label": .bool(label)])
                default: items.append(["stream": "orders", "unique": "o\(Int.random(in: 0...min(nextOrder, 5), using: &random))", "label": .bool(label)])
                }
            }
            let expected = items.map { oracle.take($0) }
            let answer = try await fixture.outcomes(items)
            func count(_ words: String...) -> Int64 { Int64(expected.count { words.contains($0) }) }
            #expect(answer["accepted"]?.int64 == count("accepted", "changed"))
            #expect(answer["changed"]?.int64 == count("changed"))
            #expect(answer["duplicates"]?.int64 == count("duplicate"))
            #expect(answer["waiting"]?.int64 == count("unknown_event", "unknown_prediction"))
            let refused = (answer["rejected"]?.array ?? []).map { "\($0["item"]?.int64 ?? 0) \($0["reason"]?.string ?? "")" }
            let refusals = expected.enumerated().filter { !["accepted", "changed", "duplicate"].contains($0.element) }
            #expect(refused == refusals.map { "\($0.offset + 1) \($0.element)" })
            waiting += zip(items, expected).filter { $1 == "unknown_event" }.map(\.0)
        }
        try await expect(fixture, toHold: oracle.history)

        // What waited is taken, in its order, once its event has come.
        var csv = FeedbackProject.header
        for order in Set(waiting.compactMap { $0["unique"]?.string }) where oracle.events[order] == nil {
            csv += FeedbackProject.order(order)
            oracle.events[order] = .init()
        }
        _ = try await fixture.ingest(csv, into: "orders")
        let expected = waiting.map { oracle.take($0) }
        let report = try await fixture.platform.replayDeadLetters(
            of: "orders", requestID: nil, scope: fixture.scope(.deadLettersReplay, .stream, "orders"))
        #expect(report.accepted == expected.count { $0 == "accepted" || $0 == "changed" })
        #expect(report.duplicates == expected.count { $0 == "duplicate" })
        try await expect(fixture, toHold: oracle.history)
        try await fixture.restart()
        try await expect(fixture, toHold: oracle.history)
        try await fixture.platform.close()
    }

    /// The labels of the outcome records, by what bears them, in log order.
    private func expect(_ fixture: PlatformFixture, toHold history: [String: [Bool]], _ place: SourceLocation = #_sourceLocation) async throws {
        var found: [String: [Bool]] = [:]
        for record in try await fixture.records() where record.kind == .outcome {
            let isOrder = record.stream == "orders"
            guard case .string(let id)? = record.row["id"]?[0], case .bool(let label)? = record.row[isOrder ? "returned" : "outcome"]?[0]
            else { continue }
            found[id, default: []].append(label)
        }
        #expect(found == history, sourceLocation: place)
    }

    @Test("go in together: one append for outcomes of different keys")
    func together() async throws {
        let fixture = try await FeedbackProject.open()
        let ids = (0..<300).map { "o\($0)" }
        _ = try await fixture.ingest(FeedbackProject.header + ids.map { FeedbackProject.order($0) }.joined(), into: "orders")
        let answer = try await fixture.outcomes(ids.map { ["stream": "orders", "unique": .string($0), "label": true] })
        #expect(answer["accepted"]?.int64 == 300)
        let page = try await fixture.platform.log.read(from: 300, streams: nil, maxRows: 1_000, maxBytes: 1 << 20)
        #expect(page.batches.map(\.positions.count) == [300])
        #expect(page.batches.first?.superseded?.sorted() == Array(0..<300))
        try await fixture.platform.close()
    }

    // MARK: - Files

    @Test("come as a table, by the fields of the key, by prediction, and read as the field's type", arguments: [1, 7, 1 << 20])
    func tables(piece: Int) async throws {
        let fixture = try await FeedbackProject.open()
        _ = try await fixture.ingest(FeedbackProject.header + FeedbackProject.order("a") + FeedbackProject.order("1"), into: "orders")
        _ = try await fixture.ingest("order,part,sent\na,1,2026-01-10T00:00:00Z\na,2,2026-01-10T00:00:00Z\n", into: "parcels")
        let prediction = try await fixture.decide(nil)
        var report = try await fixture.outcomes(
            file: "id,label\n1,yes\na,0\nmissing,true\na,soon\n", OutcomeOptions(format: .csv, stream: "orders", source: "labels.csv"),
            pieces: piece)
        #expect(report.accepted == 2 && report.rejected == 2 && report.waiting == 1, "\(report)")
        #expect(report.rejections.map(\.place) == ["line 4", "line 5"])
        #expect(report.rejections.map(\.reason) == ["unknown_event", "invalid"])
        #expect(report.rejections.map(\.isKept) == [true, false])
        report = try await fixture.outcomes(
            file: """
                prediction_id,stream,order,part,unique,field,label,time
                ,parcels,a,1,,weight,2.5,2026-01-10T02:00:00Z
                ,parcels,a,2,,state,"lost, or so",
                ,orders,,,a,,1,
                \(prediction),,,,,,true,
                ,parcels,a,,,weight,2,
                ,parcels,a,1,,colour,2,
                ,,,,,,2,
                """, OutcomeOptions(format: .csv, source: "labels.csv"), pieces: piece)
        #expect(report.accepted == 4 && report.changed == 1, "\(report)")
        #expect(report.rejections.map(\.place) == ["line 6", "line 7", "line 8"])
        #expect(report.rejections.map(\.message)[1].contains("has no late field 'colour'"))
        let rows = try await fixture.records().filter { $0.kind == .outcome }.map(\.row)
        #expect(rows.compactMap { $0["weight"]?[0] } == [.float64(2.5), .missing])
        #expect(rows.compactMap { $0["state"]?[0] } == [.missing, .string("lost, or so")])
        try await fixture.platform.close()
    }

    @Test("a table whose columns are not those of outcomes is refused whole", arguments: [
        ("id,labl\na,1\n", "label"), ("id\na\n", "have a column 'label'"), ("id,label,id\na,1,a\n", "twice"), ("label,amount\n1,2\n", "amount"),
    ])
    func wrongHeader(_ text: String, _ says: String) async throws {
        let fixture = try await FeedbackProject.open()
        let error = await #expect(throws: (any Error).self) {
            _ = try await fixture.outcomes(file: text, OutcomeOptions(format: .csv, stream: "orders", source: "labels.csv"))
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(says))
        try await fixture.platform.close()
    }

    @Test("that wait are taken by a replay from any form, with the time that they state", arguments: [IngestOptions.Format.csv, .ndjson, .json])
    func replayed(_ format: IngestOptions.Format) async throws {
        let fixture = try await FeedbackProject.open()
        let text =
            switch format {
            case .csv: "id;label;time\na;true;2026-02-01T00:00:00Z\nz;true;\n"
            case .ndjson: "{\"stream\":\"orders\",\"unique\":\"a\",\"label\":true,\"time\":\"2026-02-01T00:00:00Z\"}\n{\"unique\":\"z\",\"label\":true}\n"
            case .json: "[{\"unique\":\"a\",\"label\":true,\n\"time\":\"2026-02-01T00:00:00Z\"},{\"unique\":{\"id\":\"z\"},\"label\":true}]"
            }
        let report = try await fixture.outcomes(file: text, OutcomeOptions(format: format, stream: "orders", source: "f"))
        #expect(report.waiting == 2 && report.accepted == 0, "\(report)")
        _ = try await fixture.ingest(FeedbackProject.header + FeedbackProject.order("a"), into: "orders")
        let scope = try fixture.scope(.deadLettersReplay, .stream, "orders")
        let replay = try await fixture.platform.replayDeadLetters(of: "orders", requestID: nil, scope: scope)
        #expect(replay.accepted == 1 && replay.rejected == 1, "\(replay)")
        let row = try #require(try await fixture.platform.log.row(at: fixture.platform.log.end - 1))
        #expect(row.kind == .outcome && "\(Timestamp(microseconds: row.knownTimes[0]))" == "2026-02-01T00:00:00Z")
        let letters = try fixture.platform.deadLetters(of: "orders", limit: 10, scope: fixture.scope(.deadLettersRead, .stream, "orders"))
        #expect(letters.map(\.reason) == ["unknown_event"])
        #expect(letters.map(\.place) == [format == .json ? "item 2" : format == .csv ? "line 3" : "line 2"])
        try await fixture.platform.close()
    }

    @Test("of predictions wait under a name of their own")
    func predictionsWait() async throws {
        let fixture = try await FeedbackProject.open()
        let answer = try await fixture.outcomes([["prediction_id": "01a210d1-8aa8-7773-82fe-0a26c77dc009", "label": true]])
        #expect(answer["waiting"]?.int64 == 1)
        let name = DeadLetterTable.predictionOutcomes
        let replay = try await fixture.platform.replayDeadLetters(
            of: name, requestID: nil, scope: fixture.scope(.deadLettersReplay, .stream, name))
        #expect(replay.accepted == 0 && replay.rejected == 1)
        let letters = try fixture.platform.deadLetters(of: name, limit: 10, scope: fixture.scope(.deadLettersRead, .stream, name))
        #expect(letters.count == 1)
        try await fixture.platform.close()
    }

    @Test("stop a file when too many of them have no event")
    func tooManyWait() async throws {
        var limits = Platform.Limits()
        limits.deadLettersPerFile = 10
        limits.outcomeItems = 4
        let fixture = try await FeedbackProject.open(limits: limits)
        let lines = (0..<100).map { "o\($0),true\n" }.joined()
        let error = await #expect(throws: PlatformError.self) {
            _ = try await fixture.outcomes(file: "id,label\n" + lines, OutcomeOptions(format: .csv, stream: "orders", source: "f"))
        }
        #expect(error?.code == .tooMany)
        let letters = try fixture.platform.deadLetters(of: "orders", limit: 100, scope: fixture.scope(.deadLettersRead, .stream, "orders"))
        #expect(letters.count == 12)
        try await fixture.platform.close()
    }

    @Test("give nobody a pseudonym who had none")
    func noPseudonyms() async throws {
        let fixture = try await FeedbackProject.open(adding: [
            "streams/calls.yaml": """
                stream: calls
                event_time: at
                unique: [caller, at]
                fields: { caller: { type: string, personal: subject }, at: timestamp, well: { type: bool, known_after: 1h, optional: true } }
                """
        ])
        func sizes() throws -> [Int?] {
            let folder = RelativePath.root / "vault"
            return try fixture.platform.world.files.list(folder).sorted().map { name in
                try folder.appending(name).flatMap { try fixture.platform.world.files.size($0) }
            }
        }
        let before = try sizes()
        let answer = try await fixture.outcomes([
            ["stream": "calls", "unique": ["caller": "nobody", "at": "2026-01-10T00:00:00Z"], "label": true]
        ])
        #expect(answer["waiting"]?.int64 == 1, "\(answer)")
        #expect(try sizes() == before)
        try await fixture.platform.close()
    }
}
