import MartletAccess
import MartletBytes
import MartletIngestion
import MartletPlatform

extension APIRoutes {
    /// What became known of events and predictions.
    var feedback: [Route] {
        [
            Route(
                "outcomes.append", .post, "/api/v1/outcomes",
                "Takes what became known of predictions and events; what is not there yet waits among the dead letters.",
                access: .needs(.outcomesWrite, on: .project), body: .collected(limit: limits.outcomeBytes), audit: .recordedInLog,
                input: .list(.map(.any)), output: Self.outcomeShape,
                handler: .asynchronous { [platform] call in
                    .json(try await platform.takeOutcomes(call.json(), scope: call.requireScope()))
                }),
            Route(
                "outcomes.ingest", .post, "/api/v1/outcomes/ingest",
                "Takes a file of outcomes as it is read, plain or gzip; what was stored stays if the rest fails.",
                access: .needs(.outcomesWrite, on: .project), body: .streamed(limit: limits.fileBytes), audit: .recordedInLog,
                query: [
                    .init("format", "csv, ndjson or json; else as the content type says, or ndjson"),
                    .init("stream", "whose events are meant where a row names neither prediction nor stream"),
                    .init("ignore_unknown", "true to pass over columns that mean nothing"),
                    .init("source", "what dead letters name as their source, such as the file's name"),
                ],
                input: .media("application/octet-stream"), output: Self.outcomeShape, handler: .asynchronous(ingestOutcomes)),
        ]
    }

    @Sendable private func ingestOutcomes(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let type = call.request.headers["content-type"]?.prefix { $0 != ";" }.lowercased()
        let said: IngestOptions.Format = type == "text/csv" ? .csv : type == "application/json" ? .json : .ndjson
        let options = OutcomeOptions(
            format: try query.choice("format", IngestOptions.Format.self) ?? said, stream: query.text("stream"),
            source: String((query.text("source") ?? "api").prefix(400)), ignoringUnknown: try query.flag("ignore_unknown"),
            plainBytes: limits.fileBytes)
        let body = call.streamedBody
        return .json(try await platform.ingestOutcomes(options, scope: call.requireScope()) { try await body.next() }.json)
    }

    private static let outcomeShape = Shape.object([
        .init("accepted", .integer), .init("changed", .integer), .init("duplicates", .integer), .init("rejected_count", .integer),
        .init("waiting", .integer),
        .init(
            "rejected",
            .list(.object([
                .init("item", .integer), .init("place", .string), .init("reason", .string), .init("message", .string),
                .init("waits", .boolean),
            ]))),
    ])
}
