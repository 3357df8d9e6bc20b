import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletPlatform
import MartletRegistry

extension APIRoutes {
    /// What the project's files say, and what of it is in force.
    var definitions: [Route] {
        [
            Route(
                "project.overview", .get, "/api/v1/project", "What is in force, with its figures.",
                access: .needs(.definitionsRead, on: .project), audit: .refusalsOnly, output: Self.overviewShape,
                handler: .asynchronous { [platform] call in
                    .json(try await platform.overview(scope: call.requireScope()))
                }),
            Route(
                "definitions.plan", .post, "/api/v1/plan", "What applying the project's files would change; changes nothing.",
                access: .needs(.definitionsPlan, on: .project), body: .collected(limit: limits.definitionBytes), audit: .refusalsOnly,
                input: .object([Self.builtInMember]), output: Self.planShape,
                handler: .asynchronous { [platform] call in
                    let builtIn = Self.builtIn(try call.json())
                    return .json(.members(Self.members(of: try platform.plan(builtIn: builtIn, scope: call.requireScope()))))
                }),
            Route(
                "definitions.apply", .post, "/api/v1/apply", "Puts the project's files in force.",
                access: .needs(.definitionsApply, on: .project), body: .collected(limit: limits.definitionBytes),
                audit: .recordedByOperation, input: .object([.init("reason", .string, isRequired: false), Self.builtInMember]),
                output: .object(Self.planMembers + [.init("release", .nullable(Self.releaseShape))]),
                handler: .asynchronous { [platform] call in
                    let body = try call.json()
                    let (report, release) = try await platform.apply(
                        builtIn: Self.builtIn(body), reason: body["reason"]?.string, requestID: call.requestID, scope: call.requireScope())
                    return .json(.members(Self.members(of: report) + [("release", release?.json ?? .null)]))
                }),
            Route(
                "releases.list", .get, "/api/v1/releases", "What was put in force, newest first.",
                access: .needs(.definitionsRead, on: .project), audit: .refusalsOnly,
                query: [.init("limit", "how many; 100 if not given")], output: Self.page(of: Self.releaseShape),
                handler: .asynchronous { [platform, limits] call in
                    let limit = try QueryReader(call).limit(most: limits.pageRows)
                    return .list(try platform.releaseList(limit: limit, scope: call.requireScope()).map(\.json))
                }),
            Route(
                "releases.rollback", .post, "/api/v1/rollback", "Puts in force again what was in force before the last release.",
                access: .needs(.modelsPromote, on: .project), body: .collected(limit: limits.requestBytes), audit: .recordedByOperation,
                input: .object([.init("reason", .string, isRequired: false)]), output: Self.releaseShape,
                handler: .asynchronous { [platform] call in
                    let body = try call.json()
                    return .json(
                        try await platform.rollback(
                            reason: body["reason"]?.string, requestID: call.requestID, scope: call.requireScope()
                        ).json)
                }),
        ]
    }

    /// Definitions that are built into the asking program, as files would hold them; `origins` say where in the program lines come from.
    private static let builtInMember = Shape.Member(
        "definitions",
        .list(.object([
            .init("path", .string), .init("text", .string),
            .init(
                "origins",
                .list(.object([
                    .init("line", .integer), .init("file", .string), .init("file_line", .integer), .init("file_column", .integer),
                ]))),
        ])), isRequired: false)

    /// What the route's shape has found to be right.
    private static func builtIn(_ body: JSONValue) -> [ProjectSource.File] {
        func number(_ value: JSONValue, _ name: String) -> Int { Int(clamping: value[name]?.int64 ?? 1) }
        return (body["definitions"]?.array ?? []).map { file in
            let origins = (file["origins"]?.array ?? []).map { origin in
                ProjectSource.File.Origin(
                    line: number(origin, "line"),
                    place: SourcePlace(
                        file: origin["file"]?.string ?? "", line: number(origin, "file_line"), column: number(origin, "file_column")))
            }
            return ProjectSource.File(path: file["path"]?.string ?? "", text: file["text"]?.string ?? "", origins: origins)
        }
    }

    private static func members(of report: PlanReport) -> [(String, JSONValue?)] {
        let changes = report.difference.changes.map { change -> JSONValue in
            [
                "action": .string(change.action.rawValue), "kind": .string(change.kind), "name": .string(change.name),
                "before": .optional(change.before.map { "\($0)" }), "after": .optional(change.after.map { "\($0)" }),
                "paths": .array(change.details.map { .string($0.path) }),
            ]
        }
        return [
            ("text", .string(report.text)), ("changes", .array(changes)), ("changes_nothing", .bool(report.changesNothing)),
        ]
    }

    static func page(of item: Shape) -> Shape {
        .object([.init("items", .list(item)), .init("next", .any)])
    }

    private static let planMembers: [Shape.Member] = [
        .init("text", .string),
        .init(
            "changes",
            .list(.object([
                .init("action", .choice(["added", "removed", "changed"])), .init("kind", .string), .init("name", .string),
                .init("before", .nullable(.string)), .init("after", .nullable(.string)), .init("paths", .list(.string)),
            ]))),
        .init("changes_nothing", .boolean),
    ]

    private static let planShape = Shape.object(planMembers)

    static let releaseShape = Shape.object(releaseMembers)

    static let releaseMembers: [Shape.Member] = [
        .init("release", .integer), .init("created", .timestamp), .init("actor", .string),
        .init("action", .choice(Release.Action.allCases.map(\.rawValue))), .init("reason", .nullable(.string)),
        .init("definitions", .string), .init("aliases", .map(.map(.integer))), .init("restores", .nullable(.integer)),
    ]

    private static let overviewShape = Shape.object([
        .init("project", .string), .init("release", .nullable(releaseShape)), .init("log_end", .integer), .init("folded_cut", .integer),
        .init("streams", .list(streamShape)),
        .init(
            "feature_views",
            .list(.object([
                .init("view", .string), .init("source", .string), .init("entity", .nullable(.string)),
                .init("features", .list(.string)), .init("entities", .nullable(.integer)), .init("bytes", .nullable(.integer)),
                .init("doc", .string),
            ]))),
        .init(
            "models",
            .list(.object([
                .init("model", .string), .init("task", .string), .init("features", .integer), .init("versions", .integer),
                .init("aliases", .map(.integer)), .init("doc", .string),
            ]))),
        .init(
            "endpoints",
            .list(.object([
                .init("endpoint", .string), .init("model", .string), .init("version", .nullable(.integer)),
                .init("record", .string), .init("predictions", .integer),
            ]))),
    ])

    static let streamShape = Shape.object([
        .init("stream", .string), .init("fields", .integer), .init("events", .integer), .init("outcomes", .integer),
        .init("first", .nullable(.timestamp)), .init("last", .nullable(.timestamp)), .init("dead_letters", .integer),
        .init("doc", .string),
    ])
}
