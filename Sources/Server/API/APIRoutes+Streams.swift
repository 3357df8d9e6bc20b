import MartletAccess
import MartletBytes
import MartletIngestion
import MartletPlatform

extension APIRoutes {
    /// Events in and out, and the rows that were not taken.
    var streams: [Route] {
        [
            Route(
                "streams.list", .get, "/api/v1/streams", "The streams in force, with what is in them.",
                access: .needs(.definitionsRead, on: .project), audit: .refusalsOnly, output: Self.page(of: Self.streamShape),
                handler: .asynchronous { [platform] call in
                    .list(try await platform.overview(scope: call.requireScope())["streams"]?.array ?? [])
                }),
            Route(
                "events.append", .post, "/api/v1/streams/{stream}/events",
                "Takes live events: NDJSON, a JSON array (application/json) or CSV (text/csv); answers when they are durable.",
                access: .needs(.eventsWrite, on: .thing(.stream)), body: .collected(limit: limits.eventBytes), audit: .recordedInLog,
                input: .lines(.map(.any)), output: Self.ingestShape, handler: .asynchronous(appendEvents)),
            Route(
                "events.ingest", .post, "/api/v1/streams/{stream}/ingest",
                "Takes a file as it is read, plain or gzip; what was stored stays if the rest fails.",
                access: .needs(.eventsWrite, on: .thing(.stream)), body: .streamed(limit: limits.fileBytes), audit: .recordedInLog,
                query: [
                    .init("history", "true for events that were known when they happened; else they are known from now on"),
                    .init("format", "csv, ndjson or json; ndjson if not given"),
                    .init("ignore_unknown", "true to pass over columns that the stream lacks"),
                    .init("source", "what dead letters name as their source, such as the file's name"),
                ],
                input: .media("application/octet-stream"), output: Self.ingestShape, handler: .asynchronous { try await ingest($0, .events) }),
            revision(
                "events.correct", .corrections,
                "Puts rows in the place of the stored events with their keys, from now on; the others stay readable."),
            revision(
                "events.retract", .retractions, "Ends the stored events with these keys, from now on; what they were stays readable."),
            Route(
                "events.read", .get, "/api/v1/streams/{stream}/events",
                "Events in log order, with pseudonyms in place of persons; x-next-position says where the next page begins.",
                access: .needs(.eventsRead, on: .thing(.stream)), audit: .refusalsOnly, query: Self.eventQuery,
                output: .lines(Self.eventShape), handler: .asynchronous(readEvents)),
            Route(
                "events.readPersonal", .get, "/api/v1/streams/{stream}/events/personal",
                "Events in log order, with the identifiers of persons.",
                access: .needs(.eventsReadPersonal, on: .thing(.stream)), audit: .refusalsOnly, query: Self.eventQuery,
                output: .lines(Self.eventShape), handler: .asynchronous(readEvents)),
            Route(
                "deadLetters.list", .get, "/api/v1/dead-letters", "Rows that broke their stream's contract, oldest first.",
                access: .needs(.deadLettersRead, on: .thing(.stream)), audit: .refusalsOnly,
                query: [
                    .init("stream", "of this stream only"), .init("after", "the last id of the page before"),
                    .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: Self.deadLetterShape), handler: .asynchronous(listDeadLetters)),
            Route(
                "deadLetters.replay", .post, "/api/v1/streams/{stream}/dead-letters/replay",
                "Holds the waiting rows to the contract as it is now, and takes those that keep it.",
                access: .needs(.deadLettersReplay, on: .thing(.stream)), body: .collected(limit: limits.requestBytes),
                audit: .recordedInLog, input: .object([]), output: Self.ingestShape,
                handler: .asynchronous { [platform, metrics] call in
                    _ = try call.json()
                    let stream = call.parameter(0)
                    let report = try await platform.replayDeadLetters(
                        of: stream, requestID: call.requestID, scope: call.requireScope())
                    metrics.ingested(
                        into: stream, accepted: report.accepted, duplicates: report.duplicates, rejected: report.rejected)
                    return .json(Self.json(report))
                }),
        ]
    }

    @Sendable private func appendEvents(_ call: Call) async throws -> Response {
        let type = call.request.headers["content-type"]?.prefix { $0 != ";" }.lowercased() ?? "application/x-ndjson"
        let format: IngestOptions.Format
        switch type {
        // The last is what command line clients say of anything unless told otherwise.
        case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/octet-stream", "text/plain",
            "application/x-www-form-urlencoded":
            format = .ndjson
        case "application/json": format = .json
        case "text/csv": format = .csv
        default:
            throw InputError(
                "events cannot be read from this content type", at: "content-type",
                hint: "send application/x-ndjson, application/json or text/csv")
        }
        let options = IngestOptions(format: format, isHistory: false, source: "api", isOnePiece: true, plainBytes: limits.eventBytes)
        return try await take(BodyStream([call.bytes]), options, call)
    }

    /// A route that takes rows which change stored events.
    private func revision(_ name: String, _ meaning: IngestOptions.Meaning, _ summary: String) -> Route {
        Route(
            name, .post, PathPattern(stringLiteral: "/api/v1/streams/{stream}/" + meaning.rawValue), summary,
            access: .needs(.eventsCorrect, on: .thing(.stream)), body: .streamed(limit: limits.fileBytes), audit: .recordedByOperation,
            query: [
                .init("history", "true for rows that were known when the events happened; else they are known from now on"),
                .init("format", "csv, ndjson or json; ndjson if not given"),
                .init("ignore_unknown", "true to pass over columns that the stream lacks"),
                .init("source", "what refusals name as their source, such as the file's name"),
            ],
            input: .media("application/octet-stream"), output: Self.ingestShape, handler: .asynchronous { try await ingest($0, meaning) })
    }

    @Sendable private func ingest(_ call: Call, _ meaning: IngestOptions.Meaning) async throws -> Response {
        let query = QueryReader(call)
        var options = IngestOptions(
            format: try query.choice("format", IngestOptions.Format.self) ?? .ndjson, isHistory: try query.flag("history"),
            ignoringUnknown: try query.flag("ignore_unknown"), source: String((query.text("source") ?? "api").prefix(400)),
            plainBytes: limits.fileBytes)
        options.meaning = meaning
        return try await take(call.streamedBody, options, call)
    }

    private func take(_ body: BodyStream, _ options: IngestOptions, _ call: Call) async throws -> Response {
        var options = options
        options.isGzip = try Self.isGzip(call.request.headers)
        let stream = call.parameter(0)
        let report = try await platform.ingest(into: stream, options: options, requestID: call.requestID, scope: call.requireScope()) {
            try await body.next()
        }
        if options.meaning == .events {
            metrics.ingested(into: stream, accepted: report.accepted, duplicates: report.duplicates, rejected: report.rejected)
        }
        return .json(Self.json(report))
    }

    /// What the head says of the body: that it is gzip, or as it is; nil if it says nothing, and the first bytes tell.
    private static func isGzip(_ headers: Headers) throws(InputError) -> Bool? {
        switch headers["content-encoding"]?.lowercased() {
        case nil: return nil
        case "identity": return false
        case "gzip", "x-gzip": return true
        default:
            throw InputError("the body's encoding is not known", at: "content-encoding", hint: "send it as it is, or as gzip")
        }
    }

    @Sendable private func readEvents(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let page = try await platform.events(
            of: call.parameter(0), from: query.integer("from", in: 0...Int64.max) ?? 0, limit: query.limit(default: 1_000, most: limits.pageRows),
            scope: call.requireScope())
        var response = Response(headers: Headers([("content-type", "application/x-ndjson")]), body: page.lines)
        response.headers.add("x-next-position", "\(page.next)")
        response.headers.add("x-end-position", "\(page.end)")
        return response
    }

    @Sendable private func listDeadLetters(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let limit = try query.limit(most: limits.pageRows)
        let entries = try platform.deadLetters(
            of: query.text("stream"), after: query.integer("after", in: 0...Int64.max) ?? 0, limit: limit, scope: call.requireScope())
        let items = entries.map { entry -> JSONValue in
            [
                "id": .int64(entry.id), "stream": .string(entry.stream), "arrived": .string("\(entry.arrived)"),
                "reason": .string(entry.reason), "field": .optional(entry.field), "message": .string(entry.message),
                "source": .string(entry.source), "place": .string(entry.place),
                // As it came, which need not be text; what is not UTF-8 is replaced.
                "row": .optional(entry.raw.map { String(decoding: $0, as: UTF8.self) }),
            ]
        }
        return .list(items, next: entries.count == limit ? entries.last.map { .int64($0.id) } ?? .null : .null)
    }

    private static func json(_ report: IngestReport) -> JSONValue {
        var repaired = JSONObject()
        for (field, count) in report.repaired.sorted(by: { $0.key < $1.key }) { repaired[field] = .count(count) }
        return [
            "accepted": .count(report.accepted), "duplicates": .count(report.duplicates), "rejected": .count(report.rejected),
            "position": .int64(report.position), "repaired": .object(repaired),
            "first_rejected": .array(report.firstRejected.map(JSONValue.string)),
            "ignored": .array(report.ignored.map(JSONValue.string)),
        ]
    }

    private static let eventQuery: [Route.QueryItem] = [
        .init("from", "the position to begin at; 0 if not given"), .init("limit", "how many; 1000 if not given"),
    ]

    private static let ingestShape = Shape.object([
        .init("accepted", .integer), .init("duplicates", .integer), .init("rejected", .integer), .init("position", .integer),
        .init("repaired", .map(.integer)), .init("first_rejected", .list(.string)), .init("ignored", .list(.string)),
    ])

    private static let eventShape = Shape.object([
        .init("position", .integer), .init("kind", .string), .init("event_time", .timestamp), .init("ingest_time", .timestamp),
        .init("payload", .map(.any)),
    ])

    private static let deadLetterShape = Shape.object([
        .init("id", .integer), .init("stream", .string), .init("arrived", .timestamp), .init("reason", .string),
        .init("field", .nullable(.string)), .init("message", .string), .init("source", .string), .init("place", .string),
        .init("row", .nullable(.string)),
    ])
}
