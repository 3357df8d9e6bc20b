import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("Routes of the loop", .timeLimit(.minutes(2)))
struct LoopRouteTests {
    private func ask(_ project: TestProject, _ count: Int = 1) async throws {
        for _ in 0..<count {
            let body = #"{"inputs":{"time":"2026-01-10T00:00:00Z","buyer":"b","amount":3.0}}"#
            #expect(await project.send(.post, "/api/v1/endpoints/returns/predict", body).status == 200)
        }
    }

    private func route(_ name: String, of project: TestProject) throws -> Route {
        let platform = project.server.platform
        let routes = APIRoutes(
            platform: platform, metrics: Metrics(), authenticator: ProjectAuthenticator(tokens: platform.tokens, owner: .owner(named: "owner"))
        ).all
        return try #require(routes.first { $0.name == name })
    }

    private func events(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { try JSONValue(parsing: String($0.dropFirst(6))) }
    }

    @Test("traffic is told as its shape says, to who may see models")
    func traffic() async throws {
        let project = try await TestProject()
        try await ask(project, 3)
        try await project.server.platform.checkTraffic()
        for width in ["", "?width=minute", "?width=day"] {
            let answer = try await project.send(.get, "/api/v1/endpoints/returns/traffic\(width)", token: project.token(.viewer))
            #expect(answer.status == 200, "\(answer.text)")
            try #require(route("endpoints.traffic", of: project).output).check(answer.json)
            #expect(try answer.json["buckets"]?.array?.reduce(0) { $0 + ($1["predictions"]?.int64 ?? 0) } == 3)
        }
        #expect(await project.send(.get, "/api/v1/endpoints/nothing/traffic").status == 404)
        for wrong in ["width=week", "from=yesterday", "width=minute&from=2020-01-01T00:00:00Z", "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"] {
            #expect(await project.send(.get, "/api/v1/endpoints/returns/traffic?\(wrong)").status >= 400, "\(wrong)")
        }
        try await project.close()
    }

    @Test("alarms of a time are an empty list where there are none, and one that does not exist is not found")
    func alarms() async throws {
        let project = try await TestProject()
        #expect(try await project.send(.get, "/api/v1/alarms/episodes?limit=3").json["items"] == [])
        #expect(await project.send(.get, "/api/v1/alarms/0123456789abcdef").errorCode == "not_found")
        #expect(await project.send(.get, "/alarms/0123456789abcdef").status == 404)
        #expect(await project.send(.get, "/api/v1/alarms/episodes?limit=0").status == 400)
        try await project.close()
    }

    @Test("an event tells what has moved since a position, and nothing once it is told")
    func events() async throws {
        let project = try await TestProject()
        let first = try events(await project.send(.get, "/api/v1/loop-events?follow=false").text)
        #expect(first.count == 1 && first[0]["changed"] == [])
        let position = try #require(first[0]["position"]?.string)
        #expect(LoopPosition(position)?.description == position)
        try await ask(project, 2)
        try await project.server.platform.checkTraffic()
        let second = try events(await project.send(.get, "/api/v1/loop-events?follow=false&after=\(position)").text)
        #expect(second[0]["changed"] == ["traffic"])
        #expect(second[0]["predictions"]?.array?.first?["predictions"] == 2)
        let later = try #require(second[0]["position"]?.string)
        // A browser that comes again has the old address, and says how far it was told.
        let again = await project.send(.get, "/api/v1/loop-events?follow=false&after=\(position)", headers: [("last-event-id", later)])
        #expect(try events(again.text)[0]["changed"] == [])
        #expect(again.text.contains("id: \(later)\n") && again.headers["content-type"] == "text/event-stream")
        for wrong in ["x", "1.2", "1.2.3.4.5.x", String(repeating: "9", count: 300)] {
            #expect(await project.send(.get, "/api/v1/loop-events?follow=false&after=\(wrong)").status == 400, "\(wrong)")
        }
        try await project.close()
    }

    @Test("who follows is told what comes")
    func following() async throws {
        let project = try await TestProject()
        let answer = await project.server.gatekeeper.answer(
            Request(method: .get, segments: ["api", "v1", "loop-events"], headers: Headers([("host", "localhost")]), peer: .owner))
        let rest = try #require(answer.rest)
        var text = String(decoding: answer.body, as: UTF8.self)
        // Whoever follows is told of what comes after their first look.
        while try events(text).isEmpty, let piece = try await rest.next() { text += String(decoding: piece, as: UTF8.self) }
        try await ask(project)
        try await project.server.platform.checkTraffic()
        func rates() throws -> [Double] { try events(text).compactMap { $0["predictions"]?.array?.first?["per_second"]?.double } }
        func isTraffic() throws -> Bool { try events(text).contains { $0["changed"]?.array?.contains("traffic") ?? false } }
        // That it moves, and then that it does no more; it is counted when the platform comes to it, before or after.
        while try !(rates().contains { $0 > 0 } && rates().last == 0 && isTraffic()), let piece = try await rest.next() {
            text += String(decoding: piece, as: UTF8.self)
        }
        #expect(try isTraffic())
        #expect(try rates().last == 0)
        rest.abandon()
        try await project.close()
    }

    @Test("what somebody may not read stands still for them")
    func rights() async throws {
        let project = try await TestProject()
        try await ask(project)
        try await project.server.platform.checkTraffic()
        func traffic(_ grant: Grant) throws -> Int64 {
            let principal = Principal(kind: .token, id: "t", name: "t", grants: [grant])
            let scope = try Guard().scope(for: principal, to: .definitionsRead, on: .project("shop"))
            return try project.server.platform.loopPosition(scope: scope)[.traffic]
        }
        #expect(try traffic(Grant(.viewer)) > 0)
        #expect(try traffic(Grant(.viewer, only: [.definitionsRead])) == 0)
        try await project.close()
    }
}
