import MartletAccess
import MartletBytes
import MartletFrames
import MartletMonitoring
import MartletPlatform

extension APIRoutes {
    /// What monitors measured, alarms and what people say to them.
    var monitors: [Route] {
        [
            Route(
                "monitors.list", .get, "/api/v1/monitors", "The monitors in force.", access: .needs(.monitorsRead, on: .project),
                audit: .refusalsOnly,
                output: Self.page(
                    of: .object([
                        .init("monitor", .string), .init("endpoint", .nullable(.string)), .init("stream", .nullable(.string)), .init("window", .string), .init("last_window", .nullable(.timestamp)),
                        .init("rows", .nullable(.integer)), .init("beyond", .nullable(.integer)), .init("firing", .integer), .init("late", .integer),
                    ])),
                handler: .asynchronous { [platform] call in .list(try platform.monitorList(scope: call.requireScope())) }),
            Route(
                "monitors.windows", .get, "/api/v1/monitors/{monitor}/windows", "The measured windows of a monitor, newest first.",
                access: .needs(.monitorsRead, on: .project), audit: .refusalsOnly,
                query: [
                    .init("part", "requests, outcomes or events"), .init("from", "windows that begin at this time or later"),
                    .init("to", "windows that begin before this time"), .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: Self.windowShape),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    return .list(
                        try platform.monitorWindows(
                            call.parameter(0), part: query.choice("part", MeasuredWindow.Part.self)?.rawValue, from: query.time("from"),
                            to: query.time("to"), limit: query.limit(most: limits.pageRows), scope: call.requireScope()))
                }),
            Route(
                "alarms.list", .get, "/api/v1/alarms", "Alarms that are pending, firing or ended a short while ago, silences, and reactions that wait.",
                access: .needs(.monitorsRead, on: .project), audit: .refusalsOnly,
                output: .object([
                    .init("alarms", .list(Self.alarmShape)), .init("silences", .list(.any)), .init("orders", .list(.any)),
                    .init("mitigations", .list(Self.mitigationShape)),
                ]),
                handler: .asynchronous { [platform] call in .json(try platform.alarmList(scope: call.requireScope())) }),
            Route(
                "alarms.history", .get, "/api/v1/alarms/history", "What happened to alarms, newest first.",
                access: .needs(.monitorsRead, on: .project), audit: .refusalsOnly,
                query: [.init("alarm", "of this one only"), .init("limit", "how many; 100 if not given")], output: Self.page(of: .any),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    return .list(
                        try platform.alarmHistory(query.text("alarm"), limit: query.limit(most: limits.pageRows), scope: call.requireScope()))
                }),
            Route(
                "alarms.acknowledge", .post, "/api/v1/alarms/{alarm}/acknowledge", "Says that somebody looks after an alarm.",
                access: .needs(.alarmsAnswer, on: .project), body: .collected(limit: limits.requestBytes), audit: .recordedByOperation,
                input: .object([.init("note", .string, isRequired: false)]), output: .object([.init("alarm", .string)]),
                handler: .asynchronous { [platform] call in
                    let alarm = call.parameter(0)
                    try platform.acknowledgeAlarm(
                        alarm, note: call.json()["note"]?.string ?? "", requestID: call.requestID, scope: call.requireScope())
                    return .json(["alarm": .string(alarm)])
                }),
            Route(
                "silences.create", .post, "/api/v1/silences", "For a while, alarms that fit all matchers are not told and call for nothing.",
                access: .needs(.alarmsAnswer, on: .project), body: .collected(limit: limits.requestBytes), audit: .recordedByOperation,
                input: .object([.init("matchers", .list(.string)), .init("for", .string), .init("comment", .string, isRequired: false)]),
                output: .object([.init("silence", .string)]), handler: .asynchronous(createSilence)),
            Route(
                "silences.end", .delete, "/api/v1/silences/{silence}", "Ends a silence.", access: .needs(.alarmsAnswer, on: .project),
                audit: .recordedByOperation, output: .object([.init("silence", .string)]),
                handler: .asynchronous { [platform] call in
                    let silence = call.parameter(0)
                    try platform.endSilence(silence, requestID: call.requestID, scope: call.requireScope())
                    return .json(["silence": .string(silence)])
                }),
            Route(
                "mitigations.lift", .delete, "/api/v1/endpoints/{endpoint}/mitigations/{change}",
                "Takes back what alarms changed at an endpoint, `fallback` or `review`, though they fire on.",
                access: .needs(.alarmsAnswer, on: .project), audit: .recordedByOperation,
                query: [.init("reason", "why")], output: .object([.init("lifted", .list(Self.mitigationShape))]),
                handler: .asynchronous { [platform] call in
                    let lifted = try platform.liftMitigation(
                        of: call.parameter(0), call.parameter(1), reason: QueryReader(call).text("reason"), requestID: call.requestID,
                        scope: call.requireScope())
                    return .json(["lifted": .array(lifted)])
                }),
            Route(
                "reactions.decide", .post, "/api/v1/reactions/{reaction}", "Answers whether what an alarm asks for is done.",
                access: .needs(.alarmsAnswer, on: .project), body: .collected(limit: limits.requestBytes), audit: .recordedByOperation,
                input: .object([.init("approved", .boolean), .init("note", .string, isRequired: false)]),
                output: .object([.init("reaction", .string), .init("approved", .boolean)]),
                handler: .asynchronous { [platform] call in
                    let body = try call.json()
                    let approved = body["approved"]?.bool ?? false
                    try platform.decideReaction(
                        call.parameter(0), approved: approved, note: body["note"]?.string ?? "", requestID: call.requestID, scope: call.requireScope())
                    return .json(["reaction": .string(call.parameter(0)), "approved": .bool(approved)])
                }),
        ]
    }

    @Sendable private func createSilence(_ call: Call) async throws -> Response {
        let body = try call.json()
        let matchers = try (body["matchers"]?.array ?? []).compactMap(\.string).map { text throws(AlarmError) in try LabelMatcher(text) }
        guard let span = body["for"]?.string.flatMap({ Timestamp.Span($0) }), span > .zero else {
            throw InputError("'for' should be a span of time", at: "for", hint: "as in 2h or 1d")
        }
        let id = try platform.silenceAlarms(
            matchers, for: span, comment: body["comment"]?.string ?? "", requestID: call.requestID, scope: call.requireScope())
        return .json(["silence": .string(id)])
    }

    private static let measureShape = Shape.object([
        .init("kind", .choice(MonitorMeasure.Kind.allCases.map(\.rawValue))), .init("subject", .string), .init("value", .nullable(.number)),
        .init("low", .nullable(.number)), .init("high", .nullable(.number)), .init("raise", .number), .init("clear", .number),
        .init("upper", .boolean), .init("effect", .nullable(.number)), .init("level", .choice(AlarmReading.Level.allCases.map(\.rawValue))),
        .init("figures", .map(.number)),
    ])

    static let windowShape = Shape.object([
        .init("monitor", .string), .init("part", .choice(MeasuredWindow.Part.allCases.map(\.rawValue))), .init("start", .timestamp),
        .init("end", .timestamp), .init("measured", .timestamp), .init("rows", .integer), .init("measures", .list(measureShape)),
        .init("reference", .nullable(.object([.init("chosen", .choice(PastWindows.allCases.map(\.rawValue))), .init("errors", .map(.number))]))),
    ])

    private static let mitigationShape = Shape.object([
        .init("endpoint", .string), .init("change", .choice(Mitigation.words)), .init("share", .nullable(.number)), .init("alarm", .string),
        .init("name", .string), .init("reaction", .string), .init("since", .timestamp),
    ])

    private static let alarmShape = Shape.object(alarmMembers)

    static let alarmMembers: [Shape.Member] = [
        .init("alarm", .string), .init("name", .string), .init("labels", .map(.string)), .init("severity", .choice(AlarmSeverity.allCases.map(\.rawValue))),
        .init("phase", .choice(Alarm.Phase.allCases.map(\.rawValue))), .init("started", .nullable(.timestamp)), .init("ended", .nullable(.timestamp)),
        .init("value", .nullable(.number)), .init("summary", .string), .init("acknowledged_by", .nullable(.string)),
        .init("silenced_by", .nullable(.string)),
        .init(
            "cause",
            .object([
                .init("monitor", .string), .init("from", .nullable(.timestamp)), .init("to", .nullable(.timestamp)),
                .init("feature", .nullable(.string)), .init("figures", .map(.number)),
            ])),
    ]
}
