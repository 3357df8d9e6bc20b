import MartletAccess
import MartletBytes
import MartletPlatform
import MartletServing

extension APIRoutes {
    /// Versions that are tried at endpoints.
    var rollouts: [Route] {
        [
            Route(
                "rollouts.list", .get, "/api/v1/rollouts", "Rollouts of all endpoints or of one, newest first.",
                access: .needs(.modelsRead, on: .every(.endpoint)), audit: .refusalsOnly,
                query: [
                    .init("endpoint", "of this endpoint only"), .init("before", "the last id of the page before"),
                    .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: Self.rolloutShape),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    let limit = try query.limit(most: limits.pageRows)
                    let rollouts = try platform.rolloutList(
                        endpoint: query.text("endpoint"), before: query.text("before"), limit: limit, scope: call.requireScope())
                    return .list(rollouts.map(\.json), next: rollouts.count == limit ? .optional(rollouts.last?.id) : .null)
                }),
            Route(
                "rollouts.read", .get, "/api/v1/rollouts/{rollout}", "A rollout, what happened to it, and what its present step has shown.",
                access: .needs(.modelsRead, on: .every(.endpoint)), audit: .refusalsOnly,
                output: .object(
                    Self.rolloutMembers + [
                        .init("steps", .list(.string)), .init("waits_for", .list(.string)), .init("evidence", .nullable(Self.evidenceShape)),
                        .init(
                            "events",
                            .list(
                                .object([
                                    .init("time", .timestamp), .init("kind", .choice(RolloutEvent.Kind.allCases.map(\.rawValue))),
                                    .init("step", .integer), .init("actor", .nullable(.string)), .init("reason", .string),
                                    .init("evidence", .nullable(Self.evidenceShape)),
                                ]))),
                    ]),
                handler: .asynchronous { [platform] call in
                    .json(try platform.rolloutDetails(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "rollouts.promote", .post, "/api/v1/endpoints/{endpoint}/rollout/promote",
                "Lets the version that is tried at an endpoint answer everything: a person's judgement.",
                access: .needs(.modelsPromote, on: .thing(.endpoint)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([.init("reason", .string, isRequired: false)]), output: Self.releaseShape,
                handler: .asynchronous { [platform] call in
                    let reason = try call.json()["reason"]?.string
                    return .json(
                        try await platform.promoteRollout(
                            call.parameter(0), reason: reason, requestID: call.requestID, scope: call.requireScope()
                        ).json)
                }),
            Route(
                "rollouts.withdraw", .post, "/api/v1/endpoints/{endpoint}/rollout/withdraw",
                "Takes the version that is tried at an endpoint back: a person's judgement.",
                access: .needs(.modelsPromote, on: .thing(.endpoint)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([.init("reason", .string, isRequired: false)]), output: Self.rolloutShape,
                handler: .asynchronous { [platform] call in
                    let reason = try call.json()["reason"]?.string
                    return .json(
                        try await platform.withdrawRollout(
                            call.parameter(0), reason: reason, requestID: call.requestID, scope: call.requireScope()
                        ).json)
                }),
        ]
    }

    static let rolloutShape = Shape.object(rolloutMembers)

    private static let rolloutMembers: [Shape.Member] = [
        .init("rollout", .string), .init("endpoint", .string), .init("model", .string), .init("alias", .string),
        .init("champion", .integer), .init("challenger", .integer), .init("state", .choice(Rollout.State.allCases.map(\.rawValue))),
        .init("step", .integer), .init("started", .timestamp), .init("step_started", .timestamp), .init("ended", .nullable(.timestamp)),
        .init("actor", .string), .init("reason", .string),
    ]

    private static let boundsShape = Shape.object([.init("low", .number), .init("estimate", .number), .init("high", .number)])

    private static let sideShape = Shape.object([
        .init("decisions", .integer), .init("units", .integer), .init("judged", .integer), .init("without_outcome", .integer),
        .init("mean", .nullable(.number)),
    ])

    private static let evidenceShape = Shape.object([
        .init("champion", sideShape), .init("challenger", sideShape), .init("difference", .nullable(boundsShape)),
        .init("sample_ratio", .nullable(.number)),
        .init(
            "guardrails",
            .list(
                .object([
                    .init("name", .string), .init("limit", .number), .init("bounds", .nullable(boundsShape)), .init("broken", .boolean),
                ]))),
    ])
}
