import MartletAccess
import Testing

@Suite("The guard")
struct GuardTests {
    static let resources: [Resource] = [
        .server, .project("shop"), .project("rides"), .thing(.stream, "orders", in: "shop"), .thing(.model, "churn", in: "rides"),
        .thing(.model, nil, in: "shop"),
    ]

    @Test("a role's permissions are these")
    func matrix() {
        // Written out by hand: a change of a role must be a change here.
        let expected: [Role: String] = [
            .viewer: "definitions.read models.read monitors.read pipelines.read server.read",
            .scientist: """
                datasets.build definitions.plan definitions.read events.read features.read models.read models.train monitors.read pipelines.read \
                pipelines.run predict predictions.read reviews.contest reviews.read server.read
                """,
            .engineer: """
                datasets.build deadLetters.read deadLetters.replay definitions.apply definitions.plan definitions.read \
                events.correct events.read events.write features.read models.read models.train monitors.read outcomes.write pipelines.read pipelines.run predict \
                predictions.read reviews.answer reviews.contest reviews.read server.read
                """,
            .operator: """
                alarms.answer audit.read deadLetters.read deadLetters.replay definitions.plan definitions.read events.read execute http.send models.promote \
                models.read monitors.read outcomes.write pipelines.approve pipelines.read pipelines.run predict predictions.read reviews.answer \
                reviews.contest reviews.read secrets.use server.read
                """,
            .admin: """
                alarms.answer audit.read datasets.build deadLetters.read deadLetters.replay definitions.apply definitions.plan definitions.read \
                events.correct events.read events.write execute features.read http.send models.promote models.read models.train monitors.read outcomes.write \
                pipelines.approve pipelines.read pipelines.run predict predictions.read reviews.answer reviews.contest reviews.read secrets.manage secrets.use server.admin \
                server.read tokens.manage
                """,
        ]
        for role in Role.allCases {
            #expect(role.permissions.sorted().map(\.rawValue).joined(separator: " ") == expected[role])
        }
    }

    @Test("allows what a role has where it holds, and nothing else", arguments: Role.allCases)
    func everyRole(role: Role) {
        for place in [Grant.Place.everywhere, .project("shop")] {
            let principal = Principal(kind: .token, id: "1", name: "ci", grants: [Grant(role, in: place)])
            for permission in Permission.allCases {
                for resource in Self.resources {
                    let isExpected = role.permissions.contains(permission) && (place == .everywhere || resource.project == "shop")
                    let scope = try? Guard().scope(for: principal, to: permission, on: resource)
                    #expect((scope != nil) == isExpected, "\(permission) on \(resource)")
                    #expect(scope.map { $0.permission == permission && $0.resource == resource && $0.principal == principal } ?? true)
                }
            }
        }
    }

    @Test("a grant can be narrowed, and widened only by name")
    func narrowing() throws {
        let narrow = Grant(.admin, only: [.predict], including: [.eventsReadPersonal])
        #expect(narrow.permissions == [.predict, .eventsReadPersonal])
        // What the role lacks cannot be had by narrowing it.
        #expect(Grant(.viewer, only: [.serverAdmin]).permissions.isEmpty)
        #expect(Role.allCases.allSatisfy { !$0.permissions.contains(.eventsReadPersonal) })
    }

    @Test("nobody without a grant may do anything")
    func nobody() {
        let principal = Principal(kind: .user, id: "1", name: "x", grants: [])
        for permission in Permission.allCases {
            #expect(throws: AccessError.self) { try Guard().scope(for: principal, to: permission, on: .project("shop")) }
        }
    }

    @Test("the refusal is the same sentence for what exists and what does not")
    func refusal() throws {
        let principal = Principal(kind: .token, id: "1", name: "ci", grants: [Grant(.viewer)])
        func sentence(_ name: String) -> String {
            do {
                _ = try Guard().scope(for: principal, to: .modelsPromote, on: .thing(.model, name, in: "shop"))
                return ""
            } catch { return "\(error)" }
        }
        #expect(sentence("churn") == """
            token 'ci' may not use 'models.promote' on this model
             hint: ask an administrator for a role that has 'models.promote'
            """)
        #expect(sentence("churn") == sentence("no-such-model"))
    }

    @Test("a scope serves its own permission and resource, and what lies in it")
    func scopes() throws {
        let owner = Principal.owner(named: "root")
        let project = try Guard().scope(for: owner, to: .eventsRead, on: .project("shop"))
        try project.require(.eventsRead, on: .thing(.stream, "orders", in: "shop"))
        let one = try Guard().scope(for: owner, to: .eventsRead, on: .thing(.stream, "orders", in: "shop"))
        try one.require(.eventsRead, on: .thing(.stream, "orders", in: "shop"))
        let all = try Guard().scope(for: owner, to: .eventsRead, on: .thing(.stream, nil, in: "shop"))
        try all.require(.eventsRead, on: .thing(.stream, "orders", in: "shop"))
        let refused: [(Scope, Permission, Resource)] = [
            (project, .eventsReadPersonal, .project("shop")), (project, .eventsRead, .project("rides")), (project, .eventsRead, .server),
            (one, .eventsRead, .thing(.stream, "trips", in: "shop")), (one, .eventsRead, .thing(.stream, "orders", in: "rides")),
            (one, .eventsRead, .thing(.model, "orders", in: "shop")), (one, .eventsRead, .project("shop")),
            (one, .eventsRead, .thing(.stream, nil, in: "shop")), (all, .eventsRead, .thing(.dataset, "orders", in: "shop")),
        ]
        for (scope, permission, resource) in refused {
            #expect(throws: AccessError.self, "\(scope.resource) for \(resource)") { try scope.require(permission, on: resource) }
        }
    }

    @Test("a waiting job's scope is decided again with the rights of now")
    func renewal() throws {
        var principal = Principal(kind: .user, id: "7", name: "ann", grants: [Grant(.engineer)])
        let scope = try Guard().scope(for: principal, to: .modelsTrain, on: .project("shop"))
        #expect(try Guard().renewed(scope, for: principal) == scope)
        principal.grants = [Grant(.viewer)]
        #expect(throws: AccessError.self) { try Guard().renewed(scope, for: principal) }
    }

    @Test("a secret is never printed")
    func secrets() {
        let secret = Secret("canary-token")
        struct Holder { var secret: Secret }
        var dumped = ""
        dump(Holder(secret: secret), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(Holder(secret: secret))", dumped, "\([secret])", "\(Optional(secret) as Any)"] {
            #expect(!text.contains("canary"), "\(text)")
        }
        #expect(secret.revealed == "canary-token")
        #expect(secret == Secret("canary-token") && secret != Secret("canary-tokex") && secret != Secret(""))
    }
}
