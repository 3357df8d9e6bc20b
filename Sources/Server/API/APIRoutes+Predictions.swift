import MartletAccess
import MartletBytes
import MartletIngestion
import MartletPlatform
import MartletWorld

extension APIRoutes {
    /// Predictions made, looked up, explained and made again; and what became known of them.
    var predictions: [Route] {
        [
            Route(
                "predictions.make", .post, "/api/v1/endpoints/{endpoint}/predict",
                "Predicts for one row (inputs) or several (instances); features are looked up and computed.",
                access: .needs(.predict, on: .thing(.endpoint)), body: .collected(limit: limits.predictionBytes), audit: .recordedInLog,
                input: .object([
                    .init("inputs", .map(.any), isRequired: false), .init("instances", .list(.map(.any)), isRequired: false),
                    .init("entities", .map(.any), isRequired: false), .init("append", .boolean, isRequired: false),
                    .init("explain", .boolean, isRequired: false),
                ]),
                output: Self.answerShape, handler: .gathered(makePredictions)),
            Route(
                "predictions.batch", .post, "/api/v1/endpoints/{endpoint}/predict/batch",
                "Predicts for every row of a file, plain or gzip: one line a row, in its order.",
                access: .needs(.predict, on: .thing(.endpoint)), body: .streamed(limit: limits.fileBytes), audit: .recordedInLog,
                query: [.init("format", "csv, ndjson or json; ndjson if not given")], input: .media("application/octet-stream"),
                output: .lines(Self.batchShape), handler: .pieces(type: "application/x-ndjson", predictBatch)),
            Route(
                "predictions.read", .get, "/api/v1/predictions/{prediction}",
                "A prediction as it was recorded, with what became known since.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly, output: .map(.any),
                handler: .asynchronous { [platform] call in
                    .json(try await platform.prediction(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "predictions.explain", .get, "/api/v1/predictions/{prediction}/explanation",
                "What each feature contributed to a prediction; base and contributions add up to the margin.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly, output: Self.explanationShape,
                handler: .asynchronous { [platform] call in
                    .json(try await platform.explanation(ofPrediction: call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "predictions.lineage", .get, "/api/v1/predictions/{prediction}/lineage",
                "A decision traced back: its event, the version and the release that answered, what called for that version, tried it and taught it.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                output: .object(
                    [.init("prediction", .map(.any))]
                        + ["event", "release", "version", "rollout", "training", "data", "pipeline_run"].map { .init($0, .nullable(.map(.any))) }),
                handler: .asynchronous { [platform] call in
                    .json(try await platform.decisionLineage(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "predictions.replay", .get, "/api/v1/predictions/{prediction}/replay",
                "Computes a prediction again as of its time, and compares it with the record bit by bit.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                output: .object([
                    .init("equal", .boolean), .init("recorded", .map(.any)), .init("recomputed", .map(.any)),
                    .init("differences", .list(.any)), .init("note", .nullable(.string)),
                ]),
                handler: .asynchronous { [platform] call in
                    .json(try await platform.replay(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "predictions.recent", .get, "/api/v1/predictions", "The newest predictions of an endpoint, as far as they lie near the log's end.",
                access: .needs(.predictionsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                query: [.init("endpoint", "of this endpoint; must be given"), .init("limit", "how many; 20 if not given")],
                output: Self.page(of: Self.recentShape),
                handler: .asynchronous { [platform] call in
                    let query = QueryReader(call)
                    return .list(
                        try await platform.recentPredictions(
                            query.required("endpoint"), limit: query.limit(default: 20, most: 1_000), scope: call.requireScope()))
                }),
        ]
    }

    @Sendable private func makePredictions(_ calls: [Call], _ answer: @escaping Route.GatheredAnswers) {
        var endpoints: [(name: String, calls: [Int])] = []
        for (index, call) in calls.enumerated() {
            let name = call.parameter(0)
            if let known = endpoints.firstIndex(where: { $0.name == name }) {
                endpoints[known].calls.append(index)
            } else {
                endpoints.append((name, [index]))
            }
        }
        for (name, indices) in endpoints { makePredictions(name, indices, calls, answer) }
    }

    private func makePredictions(_ endpoint: String, _ indices: [Int], _ all: [Call], _ answer: @escaping Route.GatheredAnswers) {
        var asked: [PredictionCall] = []
        var numbers: [Int] = []
        for index in indices {
            do {
                asked.append(PredictionCall(body: all[index].bytes, scope: try all[index].requireScope()))
                numbers.append(index)
            } catch { answer([(index, .failure(error))]) }
        }
        platform.predict(endpoint, asked) { [metrics, platform, numbers] results in
            let now = platform.world.clock.monotonicNanoseconds()
            answer(results.map { call, result in
                let index = numbers[call]
                switch result {
                case .success(let made):
                    metrics.predicted(
                        on: endpoint, predictions: made.predictions, degraded: made.degraded,
                        nanoseconds: now - all[index].startNanoseconds)
                    return (index, .success(.json(made.body)))
                case .failure(let error):
                    metrics.predictionFailed(on: endpoint)
                    return (index, .failure(error))
                }
            })
        }
    }

    @Sendable private func predictBatch(
        _ call: Call, _ write: @escaping @Sendable (_ piece: [UInt8]) async throws -> Void
    ) async throws {
        let endpoint = call.parameter(0)
        let format = try QueryReader(call).choice("format", IngestOptions.Format.self) ?? .ndjson
        let body = call.streamedBody
        let report = try await platform.predictBatch(endpoint, format: format, scope: call.requireScope()) {
            try await body.next()
        } write: {
            try await write($0)
        }
        metrics.predicted(on: endpoint, predictions: report.predictions, degraded: report.degraded, nanoseconds: nil)
    }

    private static let explanationShape = Shape.object([
        .init("base", .number),
        .init(
            "contributions",
            .list(.object([.init("feature", .string), .init("value", .any), .init("contribution", .number)]))),
        .init("margin", .number), .init("output", .any),
    ])

    private static let batchShape = Shape.object([
        .init("prediction_id", .string, isRequired: false), .init("model", .string, isRequired: false),
        .init("version", .integer, isRequired: false), .init("variant", .string, isRequired: false),
        .init("output", .any, isRequired: false), .init("degraded", .boolean, isRequired: false),
        .init("row", .string, isRequired: false), .init("error", .map(.any), isRequired: false),
    ])

    private static let answerShape = Shape.object([
        .init("prediction_id", .string, isRequired: false), .init("model", .string, isRequired: false),
        .init("version", .integer, isRequired: false), .init("variant", .string, isRequired: false),
        .init("output", .any, isRequired: false), .init("degraded", .boolean, isRequired: false),
        .init("explanation", explanationShape, isRequired: false), .init("predictions", .list(.map(.any)), isRequired: false),
    ])

    private static let recentShape = Shape.object([
        .init("prediction_id", .string), .init("time", .timestamp), .init("version", .integer), .init("output", .any),
        .init("degraded", .boolean),
    ])
}
