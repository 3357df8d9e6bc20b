import MartletAccess
import MartletBytes
import MartletFrames
import MartletPipelines
import MartletPlatform

extension APIRoutes {
    /// Pipelines, their runs and what is done with them.
    var pipelines: [Route] { pipelineDefinitions + pipelineRunReads + pipelineRunChanges + [pipelineEvents] }

    // MARK: - Pipelines

    private var pipelineDefinitions: [Route] {
        [
            Route(
                "pipelines.list", .get, "/api/v1/pipelines", "The pipelines in force, with when each runs next and how it went last.",
                access: .needs(.pipelinesRead, on: .thing(.pipeline)), audit: .refusalsOnly, output: Self.page(of: Self.pipelineShape),
                handler: .asynchronous { [platform] call in .list(try platform.pipelineList(scope: call.requireScope())) }),
            Route(
                "pipelines.read", .get, "/api/v1/pipelines/{pipeline}", "One pipeline's graph: its tasks, each with those before it.",
                access: .needs(.pipelinesRead, on: .thing(.pipeline)), audit: .refusalsOnly, output: Self.graphShape,
                handler: .asynchronous { [platform] call in
                    .json(try platform.pipeline(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "pipelines.run", .post, "/api/v1/pipelines/{pipeline}/runs",
                "Asks for a run; answers once it is stored, before it ends. The same key again gives the same run.",
                access: .needs(.pipelinesRun, on: .thing(.pipeline)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation,
                input: .object([
                    .init("parameters", .map(.any), isRequired: false),
                    .init("interval", .object([.init("start", .timestamp), .init("end", .timestamp)]), isRequired: false),
                    .init("key", .string, isRequired: false), .init("note", .string, isRequired: false),
                ]),
                output: .object(Self.runMembers), handler: .asynchronous(runPipeline)),
            Route(
                "pipelines.webhook", .post, "/api/v1/pipelines/{pipeline}/webhook",
                "Starts a run for whoever signs the request with a secret that the pipeline names; a delivery that comes again gives its run.",
                access: .signed(.pipelinesRun, on: .thing(.pipeline)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .any, output: .object([.init("run", .string), .init("pipeline", .string)]),
                handler: .asynchronous { [platform] call in
                    let request = call.request
                    let signature = WebhookSignature(body: call.bytes) { name in
                        request.headers.count(of: name) == 1 ? request.headers[name] : nil
                    }
                    let run = try await platform.startByWebhook(
                        call.parameter(0), signature, body: call.bytes, from: request.source, requestID: call.requestID)
                    return .json(["run": run["run"] ?? .null, "pipeline": run["pipeline"] ?? .null])
                }),
            pausing("pipelines.pause", true, "Keeps a pipeline from starting anything; what is under way goes on."),
            pausing("pipelines.resume", false, "Lets a paused pipeline go on."),
            Route(
                "pipelines.backfill", .post, "/api/v1/pipelines/{pipeline}/backfills",
                "Runs the intervals of a past range, a bounded number at a time; with dry_run it only says which.",
                access: .needs(.pipelinesRun, on: .thing(.pipeline)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation,
                input: .object([
                    .init("from", .timestamp), .init("to", .timestamp),
                    .init("of", .choice(BackfillScope.allCases.map(\.rawValue)), isRequired: false),
                    .init("max_active_runs", .integer, isRequired: false), .init("newest_first", .boolean, isRequired: false),
                    .init("dry_run", .boolean, isRequired: false),
                ]),
                output: .object([
                    .init("pipeline", .string), .init("intervals", .integer), .init("runs", .integer),
                    .init("preview", .list(Self.intervalShape)), .init("backfill", .nullable(.string)),
                ]),
                handler: .asynchronous(backfillPipeline)),
            Route(
                "pipelineBackfills.list", .get, "/api/v1/pipeline-backfills", "Backfills, newest first.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [.init("limit", "how many; 100 if not given")], output: Self.page(of: Self.backfillShape),
                handler: .asynchronous { [platform, limits] call in
                    .list(
                        try platform.backfillList(limit: QueryReader(call).limit(most: limits.pageRows), scope: call.requireScope()))
                }),
            Route(
                "pipelineAlerts.list", .get, "/api/v1/pipeline-alerts",
                "Failed runs, time-outs and deadlines that passed, newest first; 'next' is the 'before' of the next page.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [
                    .init("pipeline", "of this pipeline only"), .init("before", "only those that came before the one of this number"),
                    .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: Self.alertShape),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    let page = try platform.pipelineAlerts(
                        pipeline: query.text("pipeline"), before: try query.integer("before", in: 0...Int64.max),
                        limit: query.limit(most: limits.pageRows), scope: call.requireScope())
                    return .list(page.alerts, next: page.next.map { .int64($0) } ?? .null)
                }),
            change(
                "pipelineBackfills.cancel", "/api/v1/pipeline-backfills/{backfill}/cancel",
                "Ends a backfill and those of its runs that are under way.", input: .object([])
            ) { [platform] call, _ in
                let id = call.parameter(0)
                try await platform.cancelBackfill(id, requestID: call.requestID, scope: call.requireScope())
                return ["backfill": .string(id)]
            } output: { .object([.init("backfill", .string)]) },
        ]
    }

    private func pausing(_ name: String, _ isPaused: Bool, _ summary: String) -> Route {
        let pattern: PathPattern = isPaused ? "/api/v1/pipelines/{pipeline}/pause" : "/api/v1/pipelines/{pipeline}/resume"
        return Route(
            name, .post, pattern, summary, access: .needs(.pipelinesRun, on: .thing(.pipeline)),
            body: .collected(limit: limits.requestBytes), audit: .recordedByOperation, input: .object([]),
            output: .object([.init("pipeline", .string), .init("paused", .boolean)]),
            handler: .asynchronous { [platform] call in
                _ = try call.json()
                let name = call.parameter(0)
                try await platform.setPipelinePaused(name, isPaused, requestID: call.requestID, scope: call.requireScope())
                return .json(["pipeline": .string(name), "paused": .bool(isPaused)])
            })
    }

    @Sendable private func runPipeline(_ call: Call) async throws -> Response {
        let body = try call.json()
        var interval: DataInterval?
        if let given = body["interval"], !given.isNull {
            let start = try Self.time(given, "start", at: "interval.start")
            let end = try Self.time(given, "end", at: "interval.end")
            guard start < end else { throw InputError("the interval ends before it begins", at: "interval.end", hint: "give a later end") }
            interval = DataInterval(start: start, end: end)
        }
        return .json(
            try await platform.runPipeline(
                call.parameter(0), parameters: body["parameters"], interval: interval, key: body["key"]?.string, note: body["note"]?.string,
                requestID: call.requestID, scope: call.requireScope()))
    }

    @Sendable private func backfillPipeline(_ call: Call) async throws -> Response {
        let body = try call.json()
        return .json(
            try await platform.backfillPipeline(
                call.parameter(0), from: Self.time(body, "from", at: "from"), to: Self.time(body, "to", at: "to"),
                of: body["of"]?.string.flatMap(BackfillScope.init) ?? .missing,
                maxActiveRuns: body["max_active_runs"]?.int64.map { Int(clamping: $0) } ?? 1,
                newestFirst: body["newest_first"]?.bool ?? false, dryRun: body["dry_run"]?.bool ?? false, requestID: call.requestID,
                scope: call.requireScope()))
    }

    /// A member that the route's shape has found to be a time.
    private static func time(_ body: JSONValue, _ name: String, at place: String) throws(InputError) -> Timestamp {
        guard let time = body[name]?.string.flatMap({ Timestamp(request: $0) }) else { throw .missingMember(name, at: place) }
        return time
    }

    // MARK: - Runs

    private var pipelineRunReads: [Route] {
        [
            Route(
                "pipelineRuns.list", .get, "/api/v1/pipeline-runs", "Runs, newest first; 'next' is the 'before' of the next page.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [
                    .init("pipeline", "of this pipeline only"), .init("state", "in this state only"),
                    .init("backfill", "of this backfill only"), .init("since", "made at this time or after"),
                    .init("until", "made before this time"), .init("before", "older than this run"),
                    .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: .object(Self.runMembers)), handler: .asynchronous(listPipelineRuns)),
            Route(
                "pipelineRuns.read", .get, "/api/v1/pipeline-runs/{run}", "A run with the state of each of its task instances.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly, output: Self.wholeRunShape,
                handler: .asynchronous { [platform] call in
                    .json(try platform.pipelineRun(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "pipelineRuns.history", .get, "/api/v1/pipeline-runs/{run}/history",
                "What happened in a run, in order; 'next' is the 'after' of what comes later.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [.init("after", "the sequence number to begin after; 0 if not given"), .init("limit", "how many; 100 if not given")],
                output: Self.page(of: Self.historyShape), handler: .asynchronous(readHistory)),
            Route(
                "pipelineRuns.log", .get, "/api/v1/pipeline-runs/{run}/tasks/{task}/log",
                "What an attempt printed, as it is; x-next-offset says where the next part begins.",
                access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
                query: [
                    .init("index", "of this instance of a mapped task; 0 if not given"),
                    .init("attempt", "of this attempt; the newest if not given"), .init("offset", "the byte to begin at; 0 if not given"),
                    .init("limit", "bytes at most; \(limits.logBytes) if not given"),
                ],
                output: .media("text/plain"), handler: .asynchronous(readLog)),
        ]
    }

    @Sendable private func listPipelineRuns(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let filter = RunFilter(
            pipeline: query.text("pipeline"), state: try query.choice("state", RunState.self), backfill: query.text("backfill"),
            before: query.text("before"), since: try query.time("since"), until: try query.time("until"))
        let page = try platform.pipelineRuns(filter, limit: query.limit(most: limits.pageRows), scope: call.requireScope())
        return .list(page.runs, next: .optional(page.next))
    }

    @Sendable private func readHistory(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let run = call.parameter(0)
        let page = try platform.pipelineHistory(
            run: run, after: query.integer("after", in: 0...Int64.max) ?? 0, limit: query.limit(most: limits.pageRows),
            scope: call.requireScope())
        // Nothing has happened in a run that waits its turn, nor in one that is not there.
        if page.items.isEmpty { _ = try platform.pipelineRun(run, scope: call.requireScope()) }
        return .list(page.items, next: .int64(page.next))
    }

    @Sendable private func readLog(_ call: Call) async throws -> Response {
        let query = QueryReader(call)
        let offset = Int(clamping: try query.integer("offset", in: 0...Int64(1 << 40)) ?? 0)
        let attempt = try query.integer("attempt", in: 1...1_000_000).map { Int($0) }
        let index = Int(try query.integer("index", in: 0...1_000_000) ?? 0)
        let bytes = try platform.pipelineLog(
            run: call.parameter(0), task: call.parameter(1), index: index, attempt: attempt, from: offset,
            limit: query.limit(default: limits.logBytes, most: limits.logBytes), scope: call.requireScope())
        guard let bytes else {
            return Problem(
                status: 404, code: "nothing_printed", message: "the attempt has printed nothing", hint: "the run says which attempts there were"
            ).response(requestID: nil)
        }
        return Response(
            headers: Headers([
                ("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff"),
                ("x-next-offset", "\(offset + bytes.count)"),
            ]), body: bytes)
    }

    // MARK: - Changing runs

    private var pipelineRunChanges: [Route] {
        let state = InstanceState.allCases.filter { [.succeeded, .failed, .skipped].contains($0) }.map(\.rawValue)
        return [
            change(
                "pipelineRuns.cancel", "/api/v1/pipeline-runs/{run}/cancel", "Ends a run: what has not started never will.",
                input: .object([])
            ) { [platform] call, _ in
                try await platform.cancelPipelineRun(call.parameter(0), requestID: call.requestID, scope: call.requireScope())
                return try Self.run(call)
            },
            change(
                "pipelineRuns.clear", "/api/v1/pipeline-runs/{run}/clear",
                "Makes tasks of a run anew, with all that they lead to unless told otherwise; those that failed if none is named.",
                input: .object([.init("tasks", .list(.string), isRequired: false), .init("downstream", .boolean, isRequired: false)])
            ) { [platform] call, body in
                try await platform.clearPipelineRun(
                    call.parameter(0), tasks: (body["tasks"]?.array ?? []).compactMap(\.string),
                    withDownstream: body["downstream"]?.bool ?? true, requestID: call.requestID, scope: call.requireScope())
                return try Self.run(call)
            },
            change(
                "pipelineRuns.mark", "/api/v1/pipeline-runs/{run}/tasks/{task}/mark", "Says how a task instance ended, in place of the truth.",
                input: .object([.init("state", .choice(state)), .init("index", .integer, isRequired: false)])
            ) { [platform] call, body in
                try await platform.markPipelineTask(
                    run: call.parameter(0), task: call.parameter(1), index: Self.index(body),
                    as: body["state"]?.string.flatMap(InstanceState.init) ?? .failed, requestID: call.requestID, scope: call.requireScope())
                return try Self.run(call)
            },
            change(
                "pipelineRuns.decide", "/api/v1/pipeline-runs/{run}/tasks/{task}/decide", "Answers an approval that a run waits for.",
                needing: .pipelinesApprove,
                input: .object([
                    .init("approved", .boolean), .init("index", .integer, isRequired: false), .init("note", .string, isRequired: false),
                ])
            ) { [platform] call, body in
                try await platform.decidePipelineApproval(
                    run: call.parameter(0), task: call.parameter(1), index: Self.index(body), approved: body["approved"]?.bool ?? false,
                    note: body["note"]?.string, requestID: call.requestID, scope: call.requireScope())
                return try Self.run(call)
            },
        ]
    }

    private static func run(_ call: Call) throws -> JSONValue { ["run": .string(call.parameter(0))] }

    private static func index(_ body: JSONValue) throws(InputError) -> Int {
        guard let index = body["index"]?.int64 else { return 0 }
        guard (0...1_000_000).contains(index) else {
            throw .wrongType(expected: "a whole number from 0 to 1000000", found: "\(index)", at: "index")
        }
        return Int(index)
    }

    /// A route that changes a run or a backfill, and answers which.
    private func change(
        _ name: String, _ pattern: PathPattern, _ summary: String, needing permission: Permission = .pipelinesRun, input: Shape,
        _ act: @escaping @Sendable (Call, _ body: JSONValue) async throws -> JSONValue,
        output: () -> Shape = { .object([.init("run", .string)]) }
    ) -> Route {
        Route(
            name, .post, pattern, summary, access: .needs(permission, on: .every(.pipeline)),
            body: .collected(limit: limits.requestBytes), audit: .recordedByOperation, input: input, output: output(),
            handler: .asynchronous { call in .json(try await act(call, call.json())) })
    }

    // MARK: - Shapes

    private static let intervalShape = Shape.object([.init("start", .timestamp), .init("end", .timestamp)])
    private static let runStates = Shape.choice(RunState.allCases.map(\.rawValue))
    private static let instanceStates = Shape.choice(InstanceState.allCases.map(\.rawValue))

    private static let pipelineShape = Shape.object([
        .init("pipeline", .string), .init("tasks", .integer), .init("schedule", .nullable(.string)), .init("paused", .boolean),
        .init("next_due", .nullable(.timestamp)), .init("last_run", .nullable(.string)), .init("last_state", .nullable(runStates)),
        .init("last_began", .nullable(.timestamp)), .init("last_alert", .nullable(alertKinds)), .init("doc", .string),
    ])

    private static let alertKinds = Shape.choice(PipelineAlert.Kind.allCases.map(\.rawValue))
    private static let alertShape = Shape.object([
        .init("alert", .integer), .init("kind", alertKinds), .init("pipeline", .string), .init("run", .string),
        .init("task", .nullable(.string)), .init("time", .timestamp),
    ])

    private static let graphShape = Shape.object([
        .init("pipeline", .string), .init("definition", .string), .init("schedule", .nullable(.string)),
        .init("next_due", .nullable(.timestamp)), .init("paused", .boolean), .init("max_active_runs", .integer),
        .init("alerts", .list(alertShape)),
        .init("parameters", .list(.object([
            .init("name", .string), .init("type", .string), .init("default", .any), .init("doc", .string),
        ]))),
        .init("tasks", .list(.object([
            .init("task", .string), .init("kind", .string), .init("after", .list(.string)), .init("trigger_rule", .string),
            .init("retries", .integer), .init("mapped", .boolean), .init("on_failure", .boolean), .init("doc", .string),
        ]))),
        .init("doc", .string),
    ])

    private static let runMembers: [Shape.Member] = [
        .init("run", .string), .init("pipeline", .string), .init("state", runStates), .init("cause", .string),
        .init("interval", .nullable(intervalShape)), .init("created", .timestamp), .init("began", .nullable(.timestamp)),
        .init("ended", .nullable(.timestamp)), .init("actor", .string), .init("parameters", .map(.any)), .init("definition", .string),
        .init("backfill", .nullable(.string)), .init("parent", .nullable(.string)), .init("note", .nullable(.string)),
    ]

    private static let wholeRunShape = Shape.object(
        runMembers + [
            .init("failed_tasks", .list(.string)), .init("late", .boolean),
            .init("tasks", .list(.object([
                .init("task", .string), .init("kind", .string), .init("state", instanceStates), .init("after", .list(.string)),
                .init("on_failure", .boolean),
                .init("instances", .list(.object([
                    .init("index", .integer), .init("state", instanceStates), .init("attempt", .integer),
                    .init("started", .nullable(.timestamp)), .init("ended", .nullable(.timestamp)), .init("reason", .nullable(.string)),
                    .init("cached", .boolean), .init("result", .map(.any)),
                ]))),
            ]))),
        ])

    private static let backfillShape = Shape.object([
        .init("backfill", .string), .init("pipeline", .string), .init("state", .choice(Backfill.State.allCases.map(\.rawValue))),
        .init("runs", .integer), .init("begun", .integer), .init("created", .timestamp), .init("actor", .string),
    ])

    /// Records are those of the stored format: each an object with `at` (microseconds since 1970) and `event`.
    private static let historyShape = Shape.object([
        .init("sequence", .integer), .init("run", .string), .init("records", .list(.map(.any))),
    ])
}

extension QueryReader {
    func time(_ name: String) throws(InputError) -> Timestamp? {
        guard let value = text(name) else { return nil }
        guard let time = Timestamp(request: value) else { throw .query(name, value, expected: "a time such as 2026-01-31T12:00:00Z") }
        return time
    }
}
