import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform

extension APIRoutes {
    /// How far labels have come, and the decisions that people look at.
    var reviews: [Route] {
        [
            Route(
                "feedback.coverage", .get, "/api/v1/endpoints/{endpoint}/feedback",
                "Decisions and their outcomes by day; what a page has is to be added to the others.",
                access: .needs(.predictionsRead, on: .thing(.endpoint)), audit: .refusalsOnly,
                query: [
                    .init("from", "the first prediction time that counts; the beginning if not given"),
                    .init("to", "the prediction time before which all count; no end if not given"),
                    .init("after", "the log position to begin at; what the page before gave as next"),
                ],
                output: Self.coverageShape,
                handler: .asynchronous { [platform] call in
                    let query = QueryReader(call)
                    let from = try query.time("from") ?? Timestamp(microseconds: .min)
                    let to = try query.time("to") ?? Timestamp(microseconds: .max)
                    guard from <= to else { throw InputError("'from' is after 'to'", at: "query", hint: "turn them round") }
                    return .json(
                        try await platform.feedback(
                            of: call.parameter(0), in: from..<to, from: query.integer("after", in: 0...Int64.max) ?? 0, scope: call.requireScope()))
                }),
            Route(
                "reviews.list", .get, "/api/v1/reviews", "The decisions that wait for a person, or that one judged, oldest first.",
                access: .needs(.reviewsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                query: [
                    .init("endpoint", "of this endpoint only"), .init("state", "open, claimed, answering, decided or expired"),
                    .init("after", "what the page before gave as next"), .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(of: .object(Self.reviewMembers)),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    let page = try await platform.reviewList(
                        endpoint: query.text("endpoint"), state: query.text("state"),
                        after: query.integer("after", in: 0...Int64.max) ?? 0, limit: query.limit(most: limits.pageRows),
                        scope: call.requireScope())
                    return .list(page.items, next: page.next.map(JSONValue.int64) ?? .null)
                }),
            Route(
                "reviews.read", .get, "/api/v1/reviews/{prediction}", "A decision with what a person needs to judge it.",
                access: .needs(.reviewsRead, on: .thing(.prediction)), audit: .refusalsOnly,
                output: .object(
                    Self.reviewMembers + [
                        .init("inputs", .map(.any), isRequired: false), .init("answer", .any, isRequired: false),
                        .init("explanation", .any, isRequired: false), .init("label_name", .string, isRequired: false),
                        .init("label_type", .string, isRequired: false), .init("labels", .list(.string), isRequired: false),
                    ]),
                handler: .asynchronous { [platform] call in
                    .json(try await platform.review(call.parameter(0), scope: call.requireScope()))
                }),
            Route(
                "reviews.claim", .post, "/api/v1/reviews/{prediction}/claim", "Holds a decision for the one who asks, for a while.",
                access: .needs(.reviewsAnswer, on: .thing(.prediction)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([]), output: .object(Self.reviewMembers),
                handler: .asynchronous { [platform] call in
                    _ = try call.json()
                    return .json(try platform.claimReview(call.parameter(0), requestID: call.requestID, scope: call.requireScope()))
                }),
            Route(
                "reviews.answer", .post, "/api/v1/reviews/{prediction}/answer", "Takes a person's verdict: an outcome of the decision.",
                access: .needs(.reviewsAnswer, on: .thing(.prediction)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([.init("label", .any), .init("note", .string, isRequired: false)]),
                output: .object(Self.reviewMembers),
                handler: .asynchronous { [platform] call in
                    let body = try call.json()
                    return .json(
                        try await platform.answerReview(
                            call.parameter(0), label: body["label"] ?? .null, note: body["note"]?.string, requestID: call.requestID,
                            scope: call.requireScope()))
                }),
            Route(
                "predictions.contest", .post, "/api/v1/predictions/{prediction}/contest", "Takes an objection: a person is to judge the decision.",
                access: .needs(.reviewsContest, on: .thing(.prediction)), body: .collected(limit: limits.requestBytes),
                audit: .recordedByOperation, input: .object([.init("reason", .string)]), output: .object(Self.reviewMembers),
                handler: .asynchronous { [platform] call in
                    .json(
                        try await platform.contest(
                            call.parameter(0), reason: call.json()["reason"]?.string ?? "", requestID: call.requestID,
                            scope: call.requireScope()))
                }),
        ]
    }

    private static let countMembers: [Shape.Member] = [
        .init("decisions", .integer), .init("degraded", .integer), .init("mature", .integer), .init("labelled", .integer),
        .init("unlabelled", .integer), .init("early", .integer), .init("explored", .integer), .init("reviewed", .integer),
        .init("coverage", .nullable(.number)),
    ]

    private static let coverageShape = Shape.object([
        .init("days", .list(.object([.init("day", .string)] + countMembers))), .init("total", .object(countMembers)),
        .init("next", .nullable(.integer)), .init("end", .integer), .init("reviews", .map(.integer)),
    ])

    private static let reviewMembers: [Shape.Member] = [
        .init("prediction_id", .string), .init("endpoint", .string), .init("time", .timestamp), .init("reason", .string),
        .init("explored", .boolean), .init("propensity", .number), .init("output", .nullable(.number)), .init("state", .string),
        .init("holder", .nullable(.string)), .init("held_until", .nullable(.timestamp)), .init("expires", .timestamp),
        .init("label", .any), .init("note", .nullable(.string)), .init("objection", .nullable(.string)),
        .init("decided", .nullable(.timestamp)),
    ]
}
