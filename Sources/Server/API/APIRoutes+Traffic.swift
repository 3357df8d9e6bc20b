import MartletAccess
import MartletBytes
import MartletPlatform
import MartletServing

extension APIRoutes {
    /// How much endpoints are asked.
    var traffic: [Route] {
        [
            Route(
                "endpoints.traffic", .get, "/api/v1/endpoints/{endpoint}/traffic",
                "How many predictions an endpoint made over time, by version and part; a bucket without any is left out.",
                access: .needs(.modelsRead, on: .thing(.endpoint)), audit: .refusalsOnly,
                query: [
                    .init("width", "minute (kept 2 days), hour (kept 120 days) or day; hour if not given"),
                    .init("from", "buckets that begin at this time or later; 168 buckets if not given"),
                    .init("to", "buckets that begin before this time; now if not given"),
                ],
                output: Self.trafficShape,
                handler: .asynchronous { [platform] call in
                    let query = QueryReader(call)
                    return .json(
                        try platform.traffic(
                            call.parameter(0), query.choice("width", TrafficWidth.self) ?? .hour, from: query.time("from"),
                            to: query.time("to"), scope: call.requireScope()))
                })
        ]
    }

    private static let trafficShape = Shape.object([
        .init("endpoint", .string), .init("width", .choice(TrafficWidth.allCases.map(\.rawValue))), .init("from", .timestamp),
        .init("to", .timestamp), .init("behind", .integer),
        .init(
            "buckets",
            .list(.object([
                .init("start", .timestamp), .init("end", .timestamp), .init("predictions", .integer), .init("degraded", .integer),
                .init(
                    "parts",
                    .list(.object([
                        .init("version", .integer), .init("variant", .string), .init("predictions", .integer), .init("degraded", .integer),
                    ]))),
            ]))),
    ])
}
