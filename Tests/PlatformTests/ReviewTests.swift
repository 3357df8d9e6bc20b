import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletGovernance
import MartletServing
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@testable import MartletPlatform

@Suite("Reviews")
struct ReviewTests {
    private static let start = Timestamp(rfc3339: "2026-03-01T00:00:00Z") ?? Timestamp(microseconds: 0)

    private func project(
        _ review: String, limits: Platform.Limits = Platform.Limits(), clock: VirtualClock = VirtualClock(at: ReviewTests.start)
    ) async throws -> PlatformFixture {
        var files = FeedbackProject.files
        files["endpoints/returns.yaml"] = "endpoint: returns\nmodel: returns@champion\nfallback: { score: 0.5 }\nreview: \(review)\n"
        let fixture = try await PlatformFixture(files: files, limits: limits, clock: clock)
        try await fixture.apply()
        return fixture
    }

    private func list(_ fixture: PlatformFixture, _ state: String? = nil) async throws -> [JSONValue] {
        try await fixture.platform.reviewList(endpoint: nil, state: state, after: 0, limit: 1_000, scope: fixture.scope(.reviewsRead, .prediction)).items
    }

    private func answer(_ fixture: PlatformFixture, _ id: String, _ label: JSONValue, note: String? = nil) async throws -> JSONValue {
        try await fixture.platform.answerReview(
            id, label: label, note: note, requestID: "r", scope: fixture.scope(.reviewsAnswer, .prediction, id))
    }

    private func contest(_ fixture: PlatformFixture, _ id: String) async throws -> JSONValue {
        try await fixture.platform.contest(
            id, reason: "that was not me", requestID: "r", scope: fixture.scope(.reviewsContest, .prediction, id))
    }

    private func actions(_ fixture: PlatformFixture) throws -> [String] {
        try fixture.platform.auditEntries(.init(), before: nil, limit: 100, scope: fixture.scope(.auditRead, .server))
            .reversed().map { "\($0.record.action) \($0.record.outcome.rawValue)" }.filter { $0.hasPrefix("review") }
    }

    @Test("are of the decisions for which the condition holds, each once, also across a restart")
    func uncertain() async throws {
        let fixture = try await project("{ when: \"output > 0.4 && inputs.amount >= 10.0\" }")
        var ids: [String] = []
        for amount in [5.0, 10, 20, 9] { ids.append(try await fixture.decide(nil, time: nil, amount: amount)) }
        try await fixture.platform.maintain()
        try await fixture.platform.maintain()
        #expect(try await list(fixture).map { $0["prediction_id"]?.string } == [ids[1], ids[2]])
        #expect(try await list(fixture).allSatisfy { $0["reason"]?.string == "uncertain" && $0["propensity"]?.double == 1 && $0["output"]?.double == 0.5 })
        ids.append(try await fixture.decide(nil, time: nil, amount: 30))
        try await fixture.restart()
        try await fixture.platform.maintain()
        #expect(try await list(fixture, "open").map { $0["prediction_id"]?.string } == [ids[1], ids[2], ids[4]])
        try await fixture.platform.close()
    }

    @Test("of the explored are a share of all, with their chance")
    func explored() async throws {
        let fixture = try await project("{ explore: 25%, limit: 100000 }")
        let rows = (0..<1_000).map { _ in ["time": "2026-02-28T00:00:00Z", "amount": 1.0, "buyer": "b", "id": "x"] as JSONValue }
        _ = try await fixture.predict("returns", ["instances": .array(rows)])
        try await fixture.platform.maintain()
        let items = try await list(fixture)
        #expect((190...310).contains(items.count), "\(items.count)")
        #expect(items.allSatisfy { $0["reason"]?.string == "explored" && $0["explored"]?.bool == true && $0["propensity"]?.double == 0.25 })
        try await fixture.platform.close()
    }

    @Test("are bounded; what does not fit is counted")
    func limit() async throws {
        let fixture = try await project("{ when: \"output > 0.0\", limit: 3 }")
        var ids: [String] = []
        for _ in 0..<5 { ids.append(try await fixture.decide(nil, time: nil)) }
        try await fixture.platform.maintain()
        try await fixture.platform.maintain()
        #expect(try await list(fixture).count == 3)
        #expect(try fixture.platform.reviewCounts(of: "returns")["left_out"]?.int64 == 2)
        // An objection is refused, not dropped; once one was judged there is room.
        let error = await #expect(throws: PlatformError.self) { _ = try await contest(fixture, ids[4]) }
        #expect(error?.code == .tooMany)
        _ = try await answer(fixture, ids[0], true)
        #expect(try await contest(fixture, ids[4])["reason"]?.string == "contested")
        try await fixture.platform.close()
    }

    @Test("a verdict is an outcome, and stands in the audit log")
    func verdict() async throws {
        let fixture = try await project("{ when: \"output > 0.0\" }")
        let own = try await fixture.decide(nil, time: nil)
        let ofEvent = try await fixture.decide("a", time: "\(Self.start)", append: true)
        try await fixture.platform.maintain()
        #expect(try await answer(fixture, own, true, note: "seen on paper")["state"]?.string == "decided")
        #expect(try await answer(fixture, ofEvent, false)["label"] == false)
        for (id, label) in [(own, true), (ofEvent, false)] {
            let read = try await fixture.platform.prediction(id, scope: fixture.scope(.predictionsRead, .prediction, id))
            #expect(read["outcome"]?.bool == label)
        }
        let review = try await fixture.platform.review(own, scope: fixture.scope(.reviewsRead, .prediction, own))
        #expect(review["note"]?.string == "seen on paper" && review["inputs"]?["amount"]?.double == 5 && review["answer"]?.double == 0.5)
        #expect(try actions(fixture) == ["review.answer allowed", "review.answer allowed"])
        let coverage = try await fixture.platform.feedbackCoverage(
            "returns", in: Timestamp(microseconds: 0)..<Timestamp(microseconds: .max), scope: fixture.scope(.predictionsRead, .endpoint, "returns"))
        #expect(coverage.total.reviewed == 2 && coverage.total.early == 2)
        let error = await #expect(throws: PlatformError.self) { _ = try await answer(fixture, own, false) }
        #expect(error?.code == .conflict)
        try await fixture.platform.close()
    }

    @Test("a verdict that is no label is refused, and the decision waits again")
    func wrongVerdict() async throws {
        let fixture = try await project("{ when: \"output > 0.0\" }")
        let id = try await fixture.decide(nil, time: nil)
        try await fixture.platform.maintain()
        let error = await #expect(throws: PlatformError.self) { _ = try await answer(fixture, id, "maybe") }
        #expect(error?.code == .invalid)
        #expect(try await list(fixture, "open").count == 1)
        #expect(try actions(fixture) == ["review.answer allowed", "review.answer failed"])
        #expect(try await answer(fixture, id, true)["state"]?.string == "decided")
        try await fixture.platform.close()
    }

    @Test("a verdict whose end was not noted is not given again, also where a later outcome took its place")
    func overtaken() async throws {
        let fixture = try await project("{ when: \"output > 0.0\" }")
        let ids = [try await fixture.decide(nil, time: nil), try await fixture.decide("a", time: "\(Self.start)", append: true)]
        let lost = try await fixture.decide(nil, time: nil)
        try await fixture.platform.maintain()
        for id in ids + [lost] {
            // As a crash leaves it after the outcome, or before it.
            try fixture.platform.database.write { transaction in
                var item = try #require(try fixture.platform.reviews.entry(id, transaction)).item
                try item.answer("true", note: nil, by: "user:ada", at: Self.start, logEnd: fixture.platform.log.end)
                try fixture.platform.reviews.update(item, transaction)
            }
            if id != lost {
                for label in [true, false] { _ = try await fixture.outcomes([["prediction_id": .string(id), "label": .bool(label)]]) }
            }
        }
        let end = fixture.platform.log.end
        try await fixture.restart()
        #expect(try await list(fixture, "decided").count == 3)
        #expect(fixture.platform.log.end == end + 1)
        for (id, label) in [(ids[0], false), (ids[1], false), (lost, true)] {
            let read = try await fixture.platform.prediction(id, scope: fixture.scope(.predictionsRead, .prediction, id))
            #expect(read["outcome"]?.bool == label)
        }
        try await fixture.platform.close()
    }

    @Test("one who holds it keeps others away until the time is over")
    func claims() async throws {
        let clock = VirtualClock(at: Self.start)
        let fixture = try await project("{ when: \"output > 0.0\", claim: 30m }", clock: clock)
        let id = try await fixture.decide(nil, time: nil)
        try await fixture.platform.maintain()
        func scope(_ person: String) throws -> Scope {
            let principal = Principal(kind: .token, id: person, name: person, grants: [Grant(.operator)])
            return try Guard().scope(for: principal, to: .reviewsAnswer, on: .thing(.prediction, id, in: fixture.platform.project))
        }
        let held = try fixture.platform.claimReview(id, requestID: nil, scope: scope("ada"))
        #expect(held["state"]?.string == "claimed" && held["holder"]?.string == "token:ada")
        for isAnswer in [false, true] {
            let error = await #expect(throws: PlatformError.self) {
                if isAnswer {
                    _ = try await fixture.platform.answerReview(id, label: true, note: nil, requestID: nil, scope: scope("bob"))
                } else {
                    _ = try fixture.platform.claimReview(id, requestID: nil, scope: scope("bob"))
                }
            }
            #expect(error?.code == .conflict)
        }
        clock.advance(by: .minutes(30))
        #expect(try await list(fixture)[0]["state"]?.string == "open")
        #expect(try fixture.platform.claimReview(id, requestID: nil, scope: scope("bob"))["holder"]?.string == "token:bob")
        try await fixture.platform.close()
    }

    @Test("those that nobody looks at expire, and can be contested")
    func expiry() async throws {
        let clock = VirtualClock(at: Self.start)
        let fixture = try await project("{ when: \"output > 0.0\", expire: 14d }", clock: clock)
        let id = try await fixture.decide(nil, time: nil)
        try await fixture.platform.maintain()
        clock.advance(by: .days(14))
        let error = await #expect(throws: PlatformError.self) { _ = try await answer(fixture, id, true) }
        #expect(error?.code == .conflict)
        try await fixture.platform.maintain()
        #expect(try await list(fixture, "expired").count == 1)
        #expect(try await contest(fixture, id)["state"]?.string == "open")
        #expect(try await answer(fixture, id, true)["state"]?.string == "decided")
        // One that was judged can be contested as well, and judged otherwise.
        #expect(try await contest(fixture, id)["objection"]?.string == "that was not me")
        #expect(try await answer(fixture, id, false)["state"]?.string == "decided")
        let read = try await fixture.platform.prediction(id, scope: fixture.scope(.predictionsRead, .prediction, id))
        #expect(read["outcome"]?.bool == false)
        try await fixture.platform.close()
    }

    @Test("a decision older than its review would wait is passed over")
    func old() async throws {
        let clock = VirtualClock(at: Self.start)
        let fixture = try await project("{ when: \"output > 0.0\", expire: 1d }", clock: clock)
        _ = try await fixture.decide(nil, time: nil)
        clock.advance(by: .days(2))
        let id = try await fixture.decide(nil, time: nil)
        try await fixture.platform.maintain()
        #expect(try await list(fixture).map { $0["prediction_id"]?.string } == [id])
        try await fixture.platform.close()
    }

    @Test("what people write is not in the database in clear")
    func sealed() async throws {
        let fixture = try await project("{ when: \"output > 0.0\" }")
        let id = try await fixture.decide(nil, time: nil)
        try await fixture.platform.maintain()
        _ = try await contest(fixture, id)
        _ = try await answer(fixture, id, true, note: "Mr Smith came by")
        try await fixture.platform.close()
        let files = try SystemFileSystem(root: fixture.folder + "/.martlet")
        for name in try files.list(.root) where name.contains("sqlite") {
            guard let path = RelativePath(name) else { continue }
            let file = try files.open(path, .read)
            let text = String(decoding: try file.read(at: 0, count: try file.size()), as: UTF8.self)
            #expect(!text.contains("Mr Smith") && !text.contains("that was not me"))
        }
    }
}
