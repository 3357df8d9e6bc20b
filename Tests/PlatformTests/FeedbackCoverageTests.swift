import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletServing
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@testable import MartletPlatform

@Suite("Coverage of labels")
struct FeedbackCoverageTests {
    private static let start = Timestamp(rfc3339: "2026-03-01T00:00:00Z") ?? Timestamp(microseconds: 0)

    /// One decision as the test knows it.
    private struct Decision {
        var id: String
        var order: String?
        var time: Timestamp
        /// In the order of the log: when each statement of its label was stored, and what it said.
        var own: (order: Int, label: Bool)?
    }

    @Test("is what counting one by one gives", arguments: 0..<8)
    func bruteForce(seed: Int) async throws {
        var random = SplitMix64(seed: UInt64(seed) &* 31 &+ 9)
        let clock = VirtualClock(at: Self.start)
        var limits = Platform.Limits()
        limits.log.segmentRows = 50
        limits.feedbackRows = [3, 40, 100_000][seed % 3]
        var files = FeedbackProject.files
        files["endpoints/returns.yaml"] = "endpoint: returns\nmodel: returns@champion\nfallback: { score: 0.5 }\nreview: { explore: 30% }\n"
        let fixture = try await PlatformFixture(files: files, limits: limits, clock: clock)
        try await fixture.apply()
        var decisions: [Decision] = []
        var events: [String: (order: Int, label: Bool?)] = [:]
        var step = 0
        for number in 0..<60 {
            step += 1
            clock.advance(by: .hours(Int64.random(in: 1...9, using: &random)))
            let time = clock.now() - .hours(Int64.random(in: 0...30, using: &random))
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2:
                let appends = Bool.random(using: &random)
                let order: String? = appends || Bool.random(using: &random) ? "o\(number)" : nil
                let id = try await fixture.decide(order, time: "\(time)", append: appends)
                decisions.append(Decision(id: id, order: order, time: time))
                if appends, let order { events[order] = (step, nil) }
            case 3:
                // The event of an earlier decision comes after it, perhaps with its label.
                guard let order = decisions.compactMap(\.order).filter({ events[$0] == nil }).randomElement(using: &random) else { continue }
                let label: Bool? = Bool.random(using: &random) ? Bool.random(using: &random) : nil
                _ = try await fixture.ingest(
                    FeedbackProject.header + FeedbackProject.order(order, time: "\(time)", returned: label), into: "orders")
                events[order] = (step, label)
            case 4:
                guard let order = events.keys.sorted().randomElement(using: &random) else { continue }
                var options = IngestOptions(format: .csv, isHistory: false, source: "changes")
                options.meaning = .retractions
                var pieces = [Array("id\n\(order)\n".utf8)][...]
                _ = try await fixture.platform.ingest(
                    into: "orders", options: options, scope: fixture.scope(.eventsCorrect, .stream, "orders"), next: { pieces.popFirst() })
                // Its key stays taken, so that no outcome reaches it any more.
                events[order] = (-1, nil)
            default:
                guard let index = decisions.indices.randomElement(using: &random) else { continue }
                let label = Bool.random(using: &random)
                let answer = try await fixture.outcomes([["prediction_id": .string(decisions[index].id), "label": .bool(label)]])
                guard answer["accepted"]?.int64 == 1 else { continue }
                if let order = decisions[index].order, let event = events[order] {
                    if event.order >= 0 { events[order] = (step, label) }
                } else {
                    decisions[index].own = (step, label)
                }
            }
        }

        var expected = FeedbackCoverage.Counts()
        var days: [String: Int] = [:]
        let now = clock.now()
        var labels: [String: Bool] = [:]
        for decision in decisions {
            let event = decision.order.flatMap { events[$0] }.flatMap { event in event.label.map { (order: event.order, label: $0) } }
            let newest = [event, decision.own].compactMap { $0 }.max { $0.order < $1.order }
            labels[decision.id] = newest?.label
            let isMature = decision.time + .days(7) <= now
            let key = try PredictionRecord.key(#require(UUIDv7(decision.id)))
            let review = try #require(fixture.platform.inForce.endpoints["returns"]?.definition.review)
            expected.count(
                isDegraded: true, isMature: isMature, isLabelled: newest != nil, isExplored: review.explores(key), isReviewed: false)
            days["\(decision.time)".prefix(10).description, default: 0] += 1
        }

        let scope = try fixture.scope(.predictionsRead, .endpoint, "returns")
        var total = FeedbackCoverage.Counts()
        var found: [String: Int] = [:]
        var next: Int64? = 0
        while let position = next {
            let page = try await fixture.platform.feedbackCoverage(
                "returns", in: Timestamp(microseconds: .min)..<Timestamp(microseconds: .max), from: position, scope: scope)
            total += page.total
            for (day, counts) in page.days { found[day, default: 0] += counts.decisions }
            next = page.next
        }
        #expect(total == expected)
        #expect(found == days)
        #expect(expected.decisions > 10 && expected.labelled > 0 && expected.explored > 0)

        // The labels themselves, by page and one by one.
        var joined: [String: Bool] = [:]
        var position: Int64 = 0
        while position < fixture.platform.log.end {
            let page = try await fixture.platform.joinedPredictions(of: "returns", from: position, maxRows: Int.random(in: 1...30, using: &random))
            for part in page.parts {
                for row in 0..<part.count where part.hasLabel(row) {
                    guard case .string(let id)? = part.rows["id"]?[row], case .bool(let label)? = part.labels?[row] else { continue }
                    joined[id] = label
                }
            }
            position = page.next
        }
        #expect(joined == labels)
        for decision in decisions {
            let read = try await fixture.platform.prediction(decision.id, scope: fixture.scope(.predictionsRead, .prediction, decision.id))
            #expect(read["outcome"]?.bool == labels[decision.id])
        }
        try await fixture.platform.close()
    }

    @Test("counts the days of the stream's zone, and only the times that are asked for")
    func daysAndTimes() async throws {
        var files = FeedbackProject.files
        files["streams/orders.yaml"] = (files["streams/orders.yaml"] ?? "") + "\ntime_zone: Asia/Tokyo"
        let fixture = try await PlatformFixture(files: files)
        try await fixture.apply()
        for time in ["2026-01-10T14:59:59Z", "2026-01-10T15:00:00Z", "2026-01-11T14:59:59Z", "2026-01-20T00:00:00Z"] {
            _ = try await fixture.decide(nil, time: time)
        }
        let scope = try fixture.scope(.predictionsRead, .endpoint, "returns")
        let to = try #require(Timestamp(rfc3339: "2026-01-20T00:00:00Z"))
        let coverage = try await fixture.platform.feedbackCoverage("returns", in: Timestamp(microseconds: 0)..<to, scope: scope)
        #expect(coverage.days.mapValues(\.decisions) == ["2026-01-10": 1, "2026-01-11": 2])
        try await fixture.platform.close()
    }

    @Test("has a bound on the days of one answer")
    func bounded() async throws {
        var limits = Platform.Limits()
        limits.feedbackDays = 2
        let fixture = try await FeedbackProject.open(limits: limits)
        let scope = try fixture.scope(.predictionsRead, .endpoint, "returns")
        let all = Timestamp(microseconds: .min)..<Timestamp(microseconds: .max)
        for day in 10...11 { _ = try await fixture.decide(nil, time: "2026-01-\(day)T00:00:00Z") }
        #expect(try await fixture.platform.feedbackCoverage("returns", in: all, scope: scope).days.count == 2)
        _ = try await fixture.decide(nil, time: "2026-01-12T00:00:00Z")
        let error = await #expect(throws: PlatformError.self) {
            _ = try await fixture.platform.feedbackCoverage("returns", in: all, scope: scope)
        }
        #expect(error?.code == .tooMany)
        try await fixture.platform.close()
    }
}
