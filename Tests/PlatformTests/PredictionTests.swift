import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletRegistry
import MartletWorld
import Testing

@Suite("Predictions asked for together")
struct PredictionTests {
    /// A project whose model was trained and promoted.
    private func served(record: String = "before_answer", lateRecords: Int = 4_096) async throws -> PlatformFixture {
        var files = FraudProject.files
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\nrecord: \(record)\nlimits: { rows: 50 }\n"
        var limits = Platform.Limits()
        limits.lateRecords = lateRecords
        let fixture = try await PlatformFixture(files: files, limits: limits)
        _ = try await fixture.apply()
        _ = try await fixture.ingest(FraudProject.history(days: 40, customers: 60), into: "transactions")
        _ = try await fixture.platform.train("fraud", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
        _ = try await fixture.platform.promote(
            "fraud", version: nil, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud"))
        return fixture
    }

    /// Inside the history, and the same whenever a row is made.
    private static let time = "\(SystemClock().now() - .hours(1))"

    private static func row(_ number: Int, _ random: inout SplitMix64) -> String {
        let customer = random.next() % 40
        let amount = Double(random.next() % 20_000) / 100
        return "{\"tx_id\":\"r\(number)\",\"tx_time\":\"\(time)\",\"customer_id\":\"c\(customer)\",\"terminal_id\":\"m\(customer)\",\"amount\":\(amount)}"
    }

    /// What is the same whenever a thing is asked: all but the id.
    private func comparable(_ result: Result<PredictionAnswer, any Error>) throws -> String {
        switch result {
        case .failure(let error): return "\(error)"
        case .success(let answer):
            let value = try JSONValue(parsing: answer.body, lengthLimit: 1 << 20)
            func plain(_ one: JSONValue) -> String {
                "\(one["model"]?.string ?? "") \(one["version"]?.int64 ?? -1) \(one["output"]?.double ?? -1) \(one["degraded"]?.bool ?? true) "
                    + (one["explanation"].map { String(decoding: $0.serialized(), as: UTF8.self) } ?? "unexplained")
            }
            let all = value["predictions"]?.array
            return (all.map { "[\($0.map(plain).joined(separator: ", "))]" } ?? plain(value)) + " \(answer.predictions) \(answer.degraded)"
        }
    }

    @Test("each is answered as if it were alone, and a wrong one does not touch the others", arguments: [1, 2, 3])
    func together(_ seed: UInt64) async throws {
        let fixture = try await served()
        var random = SplitMix64(seed: seed)
        var bodies: [String] = []
        for number in 0..<40 {
            let row = Self.row(number, &random)
            switch random.next() % 12 {
            case 0: bodies.append("{\"instances\":[\(row),\(Self.row(100 + number, &random)),\(Self.row(200 + number, &random))]}")
            case 1: bodies.append("{\"instances\":[]}")
            case 2: bodies.append("{\"inputs\":\(row),\"explain\":true}")
            case 3: bodies.append("{\"inputs\":{\"tx_time\":\"\(Self.time)\",\"amount\":7.5},\"entities\":{\"customer_id\":\"c3\",\"terminal_id\":\"m3\"}}")
            case 4: bodies.append("{\"inputs\":{\"amount\":\"many\"}}")
            case 5: bodies.append("{\"instances\":[\(row),{\"amount\":-1.0,\"tx_time\":\"\(Self.time)\"}]}")
            case 6: bodies.append("{\"inputs\":\(row)")
            case 7: bodies.append("{\"input\":\(row)}")
            case 8: bodies.append("{\"inputs\":{\"amont\":1.0}}")
            case 9: bodies.append("{\"inputs\":\(row),\"inputs\":\(row)}")
            default: bodies.append("{\"inputs\":\(row)}")
            }
        }
        var alone: [String] = []
        for body in bodies { alone.append(try comparable(await fixture.predict("fraud", together: [Array(body.utf8)])[0])) }
        let together = try await fixture.predict("fraud", together: bodies.map { Array($0.utf8) })
        for (index, result) in together.enumerated() {
            let found = try comparable(result)
            #expect(found == alone[index], "seed \(seed), \(bodies[index])")
        }
        #expect(alone.contains { $0.hasPrefix("[") } && alone.contains { $0.contains("amont") } && alone.contains { $0.contains("base") })
        // What was answered was recorded, and is made again bit for bit.
        for case .success(let answer) in together {
            let value = try JSONValue(parsing: answer.body, lengthLimit: 1 << 20)
            for one in value["predictions"]?.array ?? [value] {
                let id = try #require(one["prediction_id"]?.string)
                #expect(try await fixture.replay(id)["equal"]?.bool == true)
            }
        }
        try await fixture.platform.close()
    }

    @Test("more rows than the endpoint takes are refused, and so many requests as have more together are not")
    func rowLimit() async throws {
        let fixture = try await served()
        var random = SplitMix64(seed: 4)
        let rows = (0..<51).map { Self.row($0, &random) }
        let refused = try await fixture.predict("fraud", together: [Array("{\"instances\":[\(rows.joined(separator: ","))]}".utf8)])
        #expect(throws: PlatformError.self) { try refused[0].get() }
        let taken = try await fixture.predict("fraud", together: rows.map { Array("{\"inputs\":\($0)}".utf8) })
        #expect(taken.count == 51)
        for result in taken {
            let count = try result.get().predictions
            #expect(count == 1)
        }
        try await fixture.platform.close()
    }

    @Test("a row that gives no time, or null, is asked about as of now; an empty text is a mistake")
    func timeOfAsking() async throws {
        let fixture = try await served()
        let before = fixture.platform.world.clock.now()
        let bodies = ["{\"inputs\":{\"amount\":1.0}}", "{\"inputs\":{\"amount\":1.0,\"tx_time\":null}}", "{\"inputs\":{\"amount\":1.0,\"tx_time\":\"\"}}"]
        let results = try await fixture.predict("fraud", together: bodies.map { Array($0.utf8) })
        let after = fixture.platform.world.clock.now()
        for result in results[..<2] {
            let id = try #require(try JSONValue(parsing: result.get().body, lengthLimit: 1 << 20)["prediction_id"]?.string)
            let seen = try await fixture.platform.prediction(id, scope: fixture.scope(.predictionsRead, .prediction, id))
            let time = try #require(seen["time"]?.string)
            #expect("\(before)" <= time && time <= "\(after)")
        }
        let error = #expect(throws: PlatformError.self) { try results[2].get() }
        #expect(error?.place == "inputs.tx_time")
        try await fixture.platform.close()
    }

    @Test("while too many records wait for the disk, an answer waits for its own")
    func lateRecords() async throws {
        let fixture = try await served(record: "after_answer", lateRecords: 1)
        var random = SplitMix64(seed: 9)
        var ids: [String] = []
        for round in 0..<20 {
            let bodies = (0..<8).map { "{\"inputs\":\(Self.row(round * 8 + $0, &random))}" }
            for result in try await fixture.predict("fraud", together: bodies.map { Array($0.utf8) }) {
                let value = try JSONValue(parsing: result.get().body, lengthLimit: 1 << 20)
                ids.append(try #require(value["prediction_id"]?.string))
            }
        }
        #expect(Set(ids).count == 160)
        try await fixture.restart()
        for id in ids { #expect(try await fixture.replay(id)["equal"]?.bool == true) }
        try await fixture.platform.close()
    }
}
