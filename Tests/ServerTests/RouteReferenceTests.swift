import Foundation
import MartletAccess
import MartletPlatform
import Testing

@testable import MartletServer

/// The committed page of routes, which says who may what.
enum RouteReference {
    static let page = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("docs/reference/routes.md")

    /// The roles that each route lets in, by `GET /path`; of those for everybody or for signatures none.
    static func roles() throws -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for line in try String(contentsOf: page, encoding: .utf8).split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: " | ", omittingEmptySubsequences: false)
            guard cells.count >= 6, let route = cells.first?.dropFirst(3).dropLast() else { continue }
            found[String(route)] = Set(cells[cells.count - 3].components(separatedBy: ", "))
        }
        return found
    }
}

@Suite("The reference of routes")
struct RouteReferenceTests {
    @Test("is what the table of routes says; set MARTLET_RECORD_DOCS to write it anew")
    func current() async throws {
        let project = try await TestProject()
        let platform = project.server.platform
        let authenticator = ProjectAuthenticator(tokens: platform.tokens, owner: .owner(named: "owner"))
        let table = try RouteTable(APIRoutes(platform: platform, metrics: Metrics(), authenticator: authenticator).all)
        if ProcessInfo.processInfo.environment["MARTLET_RECORD_DOCS"] != nil {
            try table.referencePage.write(to: RouteReference.page, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: RouteReference.page, encoding: .utf8) == table.referencePage)
        #expect(try RouteReference.roles().count == table.routes.count)
        try await project.close()
    }
}
