import MartletAccess
import MartletBytes
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("every route")
struct RouteWalkTests {
    /// The table as it is served; the walk cannot forget a route.
    private func routes(of project: TestProject) -> [Route] {
        let platform = project.server.platform
        let authenticator = ProjectAuthenticator(tokens: platform.tokens, owner: .owner(named: "owner"))
        return APIRoutes(platform: platform, metrics: Metrics(), authenticator: authenticator).all
    }

    private func target(_ route: Route) -> String {
        route.pattern.text.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("{") ? "nothing" : String($0) }.joined(separator: "/")
            // An answer that would go on for as long as somebody listens.
            + (route.query.contains { $0.name == "follow" } ? "?follow=false" : "")
    }

    /// Routes that anyone may ask; a new one must be added here on purpose.
    private static let open: Set = [
        "health.live", "health.ready", "openapi", "setup.exchange", "session.open", "session.close", "page.overview", "page.style",
        "page.script",
    ]

    @Test("those that are open are the ones meant to be")
    func openRoutes() async throws {
        let project = try await TestProject()
        let open = routes(of: project).filter { if case .open = $0.access { true } else { false } }.map(\.name)
        #expect(Set(open) == Self.open)
        try await project.close()
    }

    @Test("without a credential, or with a wrong one, every other route answers 401 and does nothing")
    func strangers() async throws {
        let project = try await TestProject()
        let before = try await project.send(.get, "/api/v1/releases").json
        let malformed = ["Bearer", "Bearer x", "Basic !!", "Basic bWFydGxldA==", "Digest x", "Bearer martlet_" + String(repeating: "0", count: 52)]
        var number = 0
        for route in routes(of: project) where !Self.open.contains(route.name) {
            for credential in [nil] + malformed.map(Optional.some) {
                number += 1
                // Each from an address of its own, so that the bound on attempts does not answer first.
                let answer = await project.stranger(
                    route.method, target(route), headers: credential.map { [("authorization", $0)] } ?? [], address: "198.51.100.\(number)")
                #expect(answer.status == 401, "\(route.name) with \(credential ?? "nothing")")
                #expect(answer.errorCode == "unauthenticated", "\(route.name)")
                #expect(answer.headers["www-authenticate"] != nil)
            }
        }
        #expect(number > 100)
        #expect(try await project.send(.get, "/api/v1/releases").json == before)
        try await project.close()
    }

    @Test("a role is let in exactly where it has the permission, and where the reference page says so", arguments: Role.allCases)
    func roles(_ role: Role) async throws {
        let project = try await TestProject()
        let token = try await project.token(role)
        let page = try RouteReference.roles()
        var allowed = 0
        for route in routes(of: project) {
            // Training and rolling back would change what the rest of the walk meets.
            let answer = await project.send(route.method, target(route), route.input == nil ? "" : "[1", token: token)
            switch route.access {
            case .open: #expect(answer.status != 403, "\(route.name)")
            // A token is no signature.
            case .signed: #expect(answer.status == 401, "\(route.name)")
            case .needs(let permission, _):
                let may = role.permissions.contains(permission)
                #expect(page["\(route.method.rawValue) \(route.pattern.text)"]?.contains(role.rawValue) == may, "\(route.name)")
                #expect((answer.status == 403) == !may, "\(route.name): \(answer.status)")
                #expect(answer.status != 401, "\(route.name)")
                if may { allowed += 1 }
                if !may { #expect(answer.errorCode == "denied") }
            }
        }
        #expect(allowed > 0)
        try await project.close()
    }

    @Test("a token for one project holds nowhere else, and a narrowed one for nothing else")
    func narrowed() async throws {
        let project = try await TestProject()
        let personal = try await project.token(.viewer, including: [.eventsReadPersonal])
        #expect(await project.send(.get, "/api/v1/streams/orders/events/personal", token: personal).status == 200)
        #expect(await project.send(.get, "/api/v1/streams/orders/events", token: personal).status == 403)
        let admin = try await project.token(.admin)
        #expect(await project.send(.get, "/api/v1/streams/orders/events/personal", token: admin).status == 403)
        try await project.close()
    }

    @Test("a revoked token is refused by the next request")
    func revoked() async throws {
        let project = try await TestProject()
        let token = try await project.token(.viewer)
        #expect(await project.send(.get, "/api/v1/streams", token: token).status == 200)
        let list = try await project.send(.get, "/api/v1/tokens").json
        let id = try #require(list["items"]?.array?.first?["id"]?.string)
        #expect(await project.send(.delete, "/api/v1/tokens/\(id)").status == 200)
        #expect(await project.send(.get, "/api/v1/streams", token: token).status == 401)
        #expect(await project.send(.delete, "/api/v1/tokens/\(id)").errorCode == "token_not_found")
        try await project.close()
    }

    @Test("a stranger learns of no path, and the known are told what is there")
    func unknownPaths() async throws {
        let project = try await TestProject()
        #expect(await project.stranger(.get, "/api/v1/nothing").status == 401)
        #expect(await project.send(.get, "/api/v1/nothing").errorCode == "no_route")
        let wrong = await project.send(.put, "/api/v1/plan")
        #expect(wrong.status == 405)
        #expect(wrong.errorCode == "wrong_method")
        try await project.close()
    }

    @Test("every route is described, with its permission and its shapes, and every schema is used")
    func described() async throws {
        let project = try await TestProject()
        let document = try await project.stranger(.get, "/openapi.json").json
        let all = routes(of: project)
        for route in all {
            let operation = try #require(document["paths"]?[route.pattern.text]?[route.method.rawValue.lowercased()], "\(route.name)")
            #expect(operation["operationId"]?.string == route.name)
            #expect(operation["responses"]?["200"]?["content"] != nil, "\(route.name) says what it answers")
            switch route.access {
            case .open: #expect(operation["security"] == [])
            case .needs(let permission, _), .signed(let permission, _):
                #expect(operation["x-permission"]?.string == permission.rawValue)
            }
            if case .none = route.body {} else { #expect(operation["requestBody"] != nil, "\(route.name) says what it takes") }
            #expect((operation["parameters"]?.array?.count ?? 0) == route.pattern.parameters.count + route.query.count)
        }
        let operations = document["paths"]?.object?.members.reduce(0) { $0 + ($1.value.object?.count ?? 0) }
        #expect(operations == all.count)
        try await project.close()
    }
}
