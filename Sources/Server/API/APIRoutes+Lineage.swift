import MartletAccess
import MartletBytes
import MartletPipelines
import MartletPlatform

extension APIRoutes {
    /// Where things came from and what was made of them.
    var lineage: [Route] {
        [
            Route(
                "pipelineRuns.lineage", .get, "/api/v1/pipeline-runs/{run}/lineage",
                "What a run and its tasks read and made, as run events of OpenLineage in order; 'next' is the 'after' of the next page.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [.init("after", "how many events to pass over; 0 if not given"), .init("limit", "how many; 1000 if not given")],
                output: Self.page(of: Self.runEventShape), handler: .asynchronous(readRunLineage)),
            Route(
                "lineage.read", .get, "/api/v1/lineage",
                "The attempts at tasks that something came from, and those that made something of it, step by step.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [
                    .init("model", "of this version of a model, as churn@3"),
                    .init(
                        "dataset", "of this: stream:NAME, file:PATH, blob:HASH, dataset:MODEL, model:NAME or endpoint:NAME, and @VERSION for one version"),
                    .init("depth", "steps to go each way; 5 if not given"), .init("limit", "attempts each way at most; 200 if not given"),
                ],
                output: .object([
                    .init("thing", .string), .init("upstream", .list(Self.stepShape)), .init("downstream", .list(Self.stepShape)),
                    .init("is_whole", .boolean),
                ]),
                handler: .asynchronous(readLineage)),
        ]
    }

    @Sendable private func readRunLineage(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let page = try platform.pipelineLineage(
            run: call.parameter(0), from: Int(try query.integer("after", in: 0...1 << 40) ?? 0),
            limit: query.limit(default: 1_000, most: limits.pageRows), scope: call.requireScope())
        return .list(page.events, next: page.next.map { .int64(Int64($0)) } ?? .null)
    }

    @Sendable private func readLineage(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        return .json(
            try platform.lineage(
                of: Self.thing(query), depth: Int(try query.integer("depth", in: 1...50) ?? 5),
                limit: query.limit(default: 200, most: 1_000), scope: call.requireScope()))
    }

    private static func thing(_ query: QueryReader) throws(InputError) -> DataThing {
        if let model = query.text("model") {
            guard query.text("dataset") == nil else {
                throw InputError("the query has both 'model' and 'dataset'", at: "query", hint: "ask about one of them")
            }
            guard let thing = DataThing("model:" + model) else { throw .query("model", model, expected: "a model's name and version, such as churn@3") }
            return thing
        }
        let text = try query.required("dataset")
        guard let thing = DataThing(text) else {
            let kinds = DataThing.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw .query("dataset", text, expected: "one of \(kinds), a colon and a name, such as file:new.csv")
        }
        return thing
    }

    private static let datasetShape = Shape.object([
        .init("namespace", .string), .init("name", .string), .init("facets", .map(.any), isRequired: false),
        .init("inputFacets", .map(.any), isRequired: false), .init("outputFacets", .map(.any), isRequired: false),
    ])

    private static let runEventShape = Shape.object([
        .init("eventType", .choice(["START", "COMPLETE", "FAIL", "ABORT"])), .init("eventTime", .timestamp),
        .init("run", .object([.init("runId", .string), .init("facets", .map(.any))])),
        .init("job", .object([.init("namespace", .string), .init("name", .string), .init("facets", .map(.any))])),
        .init("inputs", .list(datasetShape)), .init("outputs", .list(datasetShape)), .init("producer", .string), .init("schemaURL", .string),
    ])

    private static let stepShape = Shape.object([
        .init("run", .string), .init("pipeline", .string), .init("task", .string), .init("index", .integer), .init("attempt", .integer),
        .init("time", .timestamp), .init("depth", .integer), .init("via", .string), .init("inputs", .list(.string)),
        .init("outputs", .list(.string)),
    ])
}
