import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("Routes of outcomes, coverage and reviews")
struct FeedbackRouteTests {
    private static let review = "review: { when: \"output < 0.5\", explore: 1%, limit: 10 }\n"

    private func project() async throws -> TestProject {
        let files = TestProject.files.map { name, text in
            (name, name == "endpoints/returns.yaml" ? text + Self.review : text)
        }
        return try await TestProject(files)
    }

    private func decide(_ project: TestProject) async throws -> String {
        let body = #"{"inputs":{"time":"2026-01-10T00:00:00Z","buyer":"b","amount":3.0}}"#
        return try #require(try await project.send(.post, "/api/v1/endpoints/returns/predict", body).json["prediction_id"]?.string)
    }

    @Test("a table of outcomes is taken by its content type, and what waits is told and replayed")
    func table() async throws {
        let project = try await TestProject()
        let event = #"{"id":"a","time":"2026-01-10T00:00:00Z","buyer":"b","amount":3.0}"#
        #expect(await project.send(.post, "/api/v1/streams/orders/events", event).status == 200)
        let csv = "id,label\na,true\nb,false\na,false\na,maybe\n"
        let answer = await project.send(.post, "/api/v1/outcomes/ingest?stream=orders", csv, headers: [("content-type", "text/csv; charset=utf-8")])
        let json = try answer.json
        #expect(answer.status == 200 && json["accepted"]?.int64 == 2 && json["changed"]?.int64 == 1 && json["waiting"]?.int64 == 1, "\(json)")
        #expect(json["rejected_count"]?.int64 == 2)
        #expect(json["rejected"]?.array?.compactMap { $0["place"]?.string } == ["line 3", "line 5"])
        let letters = try await project.send(.get, "/api/v1/dead-letters?stream=orders").json["items"]?.array
        #expect(letters?.map { $0["reason"]?.string } == ["unknown_event"] && letters?.first?["row"]?.string == "b,false")
        #expect(await project.send(.post, "/api/v1/streams/orders/events", event.replacing("\"a\"", with: "\"b\"")).status == 200)
        let replay = try await project.send(.post, "/api/v1/streams/orders/dead-letters/replay", "{}").json
        #expect(replay["accepted"]?.int64 == 1)
        #expect(await project.send(.post, "/api/v1/outcomes/ingest?stream=nothing", csv, headers: [("content-type", "text/csv")]).errorCode == "not_found")
        #expect(await project.send(.post, "/api/v1/outcomes/ingest?format=xml", csv).status == 400)
        #expect(await project.send(.post, "/api/v1/outcomes/ingest?format=csv", "id,label\n").status == 200)
        #expect(await project.send(.post, "/api/v1/outcomes/ingest?format=json", "[{").status == 400)
        #expect(await project.send(.get, "/api/v1/dead-letters?stream=%40outcomes").status == 200)
        try await project.close()
    }

    @Test("a decision is contested, claimed, judged and counted, each with its permission")
    func life() async throws {
        let project = try await project()
        let id = try await decide(project)
        try await project.server.platform.maintain()
        let list = try await project.send(.get, "/api/v1/reviews?endpoint=returns&state=open").json
        #expect(list["items"]?.array?.map { $0["reason"]?.string } == ["uncertain"])
        let scientist = try await project.token(.scientist)
        let engineer = try await project.token(.engineer)
        #expect(await project.send(.post, "/api/v1/predictions/\(id)/contest", #"{"reason":"not me"}"#, token: scientist).status == 200)
        #expect(await project.send(.post, "/api/v1/reviews/\(id)/claim", "{}", token: scientist).status == 403)
        let claimed = try await project.send(.post, "/api/v1/reviews/\(id)/claim", "{}", token: engineer).json
        #expect(claimed["state"]?.string == "claimed" && claimed["reason"]?.string == "contested" && claimed["objection"]?.string == "not me")
        // The owner is another person.
        #expect(await project.send(.post, "/api/v1/reviews/\(id)/answer", #"{"label":true}"#).status == 409)
        #expect(await project.send(.post, "/api/v1/reviews/\(id)/answer", #"{"verdict":true}"#, token: engineer).status == 400)
        let answered = await project.send(.post, "/api/v1/reviews/\(id)/answer", #"{"label":true,"note":"seen"}"#, token: engineer)
        #expect(try answered.json["state"]?.string == "decided", "\(answered.text)")
        let read = try await project.send(.get, "/api/v1/reviews/\(id)", token: scientist).json
        #expect(read["note"]?.string == "seen" && read["inputs"]?["amount"]?.double == 3 && read["explanation"] == .null)
        #expect(try await project.send(.get, "/api/v1/predictions/\(id)").json["outcome"]?.bool == true)
        let coverage = try await project.send(.get, "/api/v1/endpoints/returns/feedback?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").json
        #expect(coverage["total"]?["reviewed"]?.int64 == 1 && coverage["total"]?["coverage"]?.double == 1, "\(coverage)")
        #expect(coverage["days"]?.array?.first?["day"]?.string == "2026-01-10" && coverage["reviews"]?["decided"]?.int64 == 1)
        let audit = try await project.send(.get, "/api/v1/audit").json["items"]?.array?.compactMap { $0["action"]?.string }
        #expect(audit?.filter { $0.hasPrefix("review.") }.sorted() == ["review.answer", "review.claim", "review.contest"])
        try await project.close()
    }

    @Test("what makes no sense is refused with its place")
    func refused() async throws {
        let project = try await project()
        let id = try await decide(project)
        #expect(await project.send(.get, "/api/v1/endpoints/returns/feedback?from=yesterday").status == 400)
        #expect(await project.send(.get, "/api/v1/endpoints/returns/feedback?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z").status == 400)
        #expect(await project.send(.get, "/api/v1/endpoints/nothing/feedback").status == 404)
        #expect(await project.send(.get, "/api/v1/reviews?state=lost").status == 400)
        #expect(await project.send(.get, "/api/v1/reviews/01a210d1-8aa8-7773-82fe-0a26c77dc009").status == 404)
        #expect(await project.send(.post, "/api/v1/predictions/\(id)/contest", #"{"reason":""}"#).status == 400)
        let long = String(repeating: "x", count: 2_001)
        #expect(await project.send(.post, "/api/v1/predictions/\(id)/contest", #"{"reason":"\#(long)"}"#).status >= 400)
        #expect(await project.send(.post, "/api/v1/predictions/\(id)/contest", #"{"reason":"\#(long.dropLast())"}"#).status == 200)
        let plain = try await TestProject()
        let other = try await decide(plain)
        #expect(await plain.send(.post, "/api/v1/predictions/\(other)/contest", #"{"reason":"x"}"#).status == 409)
        try await plain.close()
        try await project.close()
    }
}
