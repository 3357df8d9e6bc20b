import MartletAccess
import MartletBytes
import MartletPlatform
import MartletRegistry

extension APIRoutes {
    /// Runs, model versions and the aliases that name them.
    var models: [Route] {
        [
            Route(
                "models.train", .post, "/api/v1/models/{model}/train",
                "Trains a model and, if it passes its gates, registers a signed version.",
                access: .needs(.modelsTrain, on: .thing(.model)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([]), output: Self.trainingShape,
                handler: .asynchronous { [platform] call in
                    _ = try call.json()
                    return .json(
                        try await platform.train(call.parameter(0), requestID: call.requestID, scope: call.requireScope()).json)
                }),
            Route(
                "runs.list", .get, "/api/v1/runs", "Trainings, newest first.", access: .needs(.modelsRead, on: .thing(.model)),
                audit: .refusalsOnly,
                query: [.init("model", "of this model only"), .init("limit", "how many; 100 if not given")],
                output: Self.page(of: Self.runShape),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    let runs = try platform.runList(
                        model: query.text("model"), limit: query.limit(most: limits.pageRows), scope: call.requireScope())
                    return .list(runs.map(\.json))
                }),
            Route(
                "models.list", .get, "/api/v1/models", "Registered versions of all models, newest first.",
                access: .needs(.modelsRead, on: .thing(.model)), audit: .refusalsOnly,
                query: [.init("limit", "how many; 100 if not given")], output: Self.page(of: Self.versionShape),
                handler: .asynchronous { [platform, limits] call in
                    .list(
                        try platform.modelVersions(
                            nil, limit: QueryReader(call).limit(most: limits.pageRows), scope: call.requireScope()
                        ).map { $0.version.json(aliases: $0.aliases) })
                }),
            Route(
                "models.read", .get, "/api/v1/models/{model}", "Registered versions of one model, newest first.",
                access: .needs(.modelsRead, on: .thing(.model)), audit: .refusalsOnly,
                query: [.init("limit", "how many; 100 if not given")], output: Self.page(of: Self.versionShape),
                handler: .asynchronous { [platform, limits] call in
                    .list(
                        try platform.modelVersions(
                            call.parameter(0), limit: QueryReader(call).limit(most: limits.pageRows), scope: call.requireScope()
                        ).map { $0.version.json(aliases: $0.aliases) })
                }),
            Route(
                "models.promote", .post, "/api/v1/models/{model}/promote", "Puts a version behind an alias, in one release; or begins its rollout, where an endpoint declares one.",
                access: .needs(.modelsPromote, on: .thing(.model)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation,
                input: .object([
                    .init("version", .integer, isRequired: false), .init("alias", .string, isRequired: false),
                    .init("at_once", .boolean, isRequired: false), .init("replace", .boolean, isRequired: false),
                    .init("reason", .string, isRequired: false),
                ]),
                output: .object(Self.releaseMembers + [.init("rollout", .nullable(Self.rolloutShape))]),
                handler: .asynchronous { [platform] call in
                    let body = try call.json()
                    let promotion = try await platform.promote(
                        call.parameter(0), version: body["version"]?.int64.map { Int(clamping: $0) },
                        alias: body["alias"]?.string ?? "champion", atOnce: body["at_once"]?.bool ?? false,
                        replacing: body["replace"]?.bool ?? false, reason: body["reason"]?.string, requestID: call.requestID,
                        scope: call.requireScope())
                    return .json(promotion.json)
                }),
        ]
    }

    private static let gateShape = Shape.list(.object([.init("gate", .string), .init("passed", .boolean)]))

    private static let trainingShape = Shape.object([
        .init("model", .string), .init("version", .nullable(.integer)), .init("run", .string), .init("package", .nullable(.string)),
        .init("metrics", .map(.nullable(.number))),
        .init("rows", .object([.init("train", .integer), .init("test", .integer), .init("immature", .integer)])),
        .init("gates", gateShape),
    ])

    private static let runShape = Shape.object([
        .init("run", .string), .init("model", .string), .init("status", .string), .init("started", .timestamp),
        .init("ended", .nullable(.timestamp)), .init("actor", .string), .init("definition", .string), .init("parameters", .any),
        .init("metrics", .nullable(.map(.nullable(.number)))), .init("rows", .nullable(.map(.integer))),
        .init("gates", .nullable(gateShape)), .init("version", .nullable(.integer)), .init("failure", .nullable(.string)),
    ])

    private static let versionShape = Shape.object([
        .init("model", .string), .init("version", .integer), .init("package", .string), .init("created", .timestamp),
        .init("run", .string), .init("aliases", .list(.string)),
    ])
}
