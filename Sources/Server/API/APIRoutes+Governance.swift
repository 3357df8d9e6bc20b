import MartletAccess
import MartletBytes
import MartletGovernance
import MartletFrames
import MartletPlatform

extension APIRoutes {
    /// Who did what, who may, and how the installation is.
    var governance: [Route] {
        [
            Route(
                "audit.list", .get, "/api/v1/audit", "Entries of the audit log, newest first.",
                access: .needs(.auditRead, on: .server), audit: .refusalsOnly,
                query: [
                    .init("actor", "by this actor only"), .init("action", "of this action only"),
                    .init("resource", "about this resource only"), .init("outcome", "allowed, refused or failed"),
                    .init("before", "the last sequence of the page before"), .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: Self.auditShape), handler: .asynchronous(listAudit)),
            Route(
                "audit.verify", .get, "/api/v1/audit/verify", "Checks the whole audit log: its chain and every signed checkpoint.",
                access: .needs(.auditRead, on: .server), audit: .refusalsOnly,
                output: .object([
                    .init("intact", .boolean), .init("entries", .integer), .init("checkpoints", .integer),
                    .init("signed_through", .integer), .init("findings", .list(.string)),
                ]),
                handler: .asynchronous { [platform] call in
                    let verification = try platform.verifyAudit(scope: call.requireScope())
                    return .json([
                        "intact": .bool(verification.isIntact), "entries": .count(verification.entries),
                        "checkpoints": .count(verification.checkpoints), "signed_through": .int64(verification.signedThrough),
                        "findings": .array(verification.findings.map { .string("\($0)") }),
                    ])
                }),
            Route(
                "server.doctor", .get, "/api/v1/doctor", "Reads all that can be read, and says what is wrong and how to mend it.",
                access: .needs(.serverAdmin, on: .server), audit: .refusalsOnly,
                output: Self.page(
                    of: .object([
                        .init("check", .string), .init("ok", .boolean), .init("message", .string), .init("hint", .nullable(.string)),
                    ])),
                handler: .asynchronous { [platform] call in
                    .list(try await platform.doctor(scope: call.requireScope()).map(\.json))
                }),
            Route(
                "tokens.list", .get, "/api/v1/tokens", "Tokens and sessions, by id; never their text.",
                access: .needs(.tokensManage, on: .server), audit: .refusalsOnly,
                query: [.init("after", "the last id of the page before"), .init("limit", "how many; 100 if not given")],
                output: Self.page(of: Self.tokenShape),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    let limit = try query.limit(most: limits.pageRows)
                    let tokens = try platform.tokens.list(after: query.text("after"), limit: limit, scope: call.requireScope())
                    return .list(
                        tokens.map(Self.json), next: tokens.count == limit ? .optional(tokens.last?.id) : .null)
                }),
            Route(
                "tokens.create", .post, "/api/v1/tokens", "Makes a token; its text is in this answer and nowhere else.",
                access: .needs(.tokensManage, on: .server), body: .collected(limit: limits.requestBytes), audit: .recordedByOperation,
                input: .object([
                    .init("name", .string), .init("role", .choice(Role.allCases.map(\.rawValue))),
                    .init("including", .list(.choice(Permission.allCases.map(\.rawValue))), isRequired: false),
                    .init("expires", .timestamp, isRequired: false),
                ]),
                output: .object(Self.tokenMembers + [.init("token", .string)]), handler: .asynchronous(createToken)),
            Route(
                "tokens.revoke", .delete, "/api/v1/tokens/{token}", "Revokes a token; it is refused from then on.",
                access: .needs(.tokensManage, on: .server), audit: .recordedByOperation, output: Self.tokenShape,
                handler: .asynchronous { [platform] call in
                    .json(
                        Self.json(
                            try platform.revokeToken(call.parameter(0), requestID: call.requestID, scope: call.requireScope())))
                }),
        ]
    }

    @Sendable private func listAudit(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let limit = try query.limit(most: limits.pageRows)
        let filter = AuditLog.Filter(
            actor: query.text("actor"), action: query.text("action"), resource: query.text("resource"),
            outcome: try query.choice("outcome", AuditOutcome.self))
        let entries = try platform.auditEntries(
            filter, before: query.integer("before", in: 1...Int64.max), limit: limit, scope: call.requireScope())
        let items = entries.map { entry -> JSONValue in
            [
                "sequence": .int64(entry.sequence), "time": .string("\(entry.time)"), "actor": .string(entry.record.actor),
                "action": .string(entry.record.action), "resource": .string(entry.record.resource),
                "outcome": .string(entry.record.outcome.rawValue), "request": .optional(entry.record.requestID),
                "details": (try? JSONValue(parsing: entry.record.details.json)) ?? .string(entry.record.details.json),
                "count": .count(entry.record.count),
                "hash": .string(entry.hash.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()),
            ]
        }
        return .list(items, next: entries.count == limit ? entries.last.map { .int64($0.sequence) } ?? .null : .null)
    }

    @Sendable private func createToken(_ call: Call) async throws -> Response {
        let body = try call.json()
        // The shape has checked the words and the time.
        let role = body["role"]?.string.flatMap(Role.init) ?? .viewer
        let including = Set((body["including"]?.array ?? []).compactMap { $0.string.flatMap(Permission.init) })
        let issued = try platform.createToken(
            name: body["name"]?.string ?? "", role: role, including: including,
            expires: body["expires"]?.string.flatMap { Timestamp(request: $0) }, requestID: call.requestID, scope: call.requireScope())
        var answer = Self.json(issued.token).object ?? JSONObject()
        answer["token"] = .string(issued.secret.revealed)
        var response = Response.json(.object(answer))
        response.headers.add("cache-control", "no-store")
        return response
    }

    private static func json(_ token: Token) -> JSONValue {
        let place: JSONValue = if case .project(let name) = token.grant.place { .string(name) } else { .null }
        return [
            "id": .string(token.id), "kind": .string(token.kind.rawValue), "name": .string(token.name), "prefix": .string(token.prefix),
            "role": .string(token.grant.role.rawValue), "project": place,
            "permissions": .array(token.grant.permissions.sorted().map { .string($0.rawValue) }),
            "created": .string("\(token.created)"), "created_by": .string(token.createdBy),
            "expires": .optional(token.expires.map { "\($0)" }), "revoked": .optional(token.revoked.map { "\($0)" }),
        ]
    }

    private static let tokenMembers: [Shape.Member] = [
        .init("id", .string), .init("kind", .string), .init("name", .string), .init("prefix", .string), .init("role", .string),
        .init("project", .nullable(.string)), .init("permissions", .list(.string)), .init("created", .timestamp),
        .init("created_by", .string), .init("expires", .nullable(.timestamp)), .init("revoked", .nullable(.timestamp)),
    ]

    private static let tokenShape = Shape.object(tokenMembers)

    private static let auditShape = Shape.object([
        .init("sequence", .integer), .init("time", .timestamp), .init("actor", .string), .init("action", .string),
        .init("resource", .string), .init("outcome", .choice(AuditOutcome.allCases.map(\.rawValue))),
        .init("request", .nullable(.string)), .init("details", .any), .init("count", .integer), .init("hash", .string),
    ])
}
