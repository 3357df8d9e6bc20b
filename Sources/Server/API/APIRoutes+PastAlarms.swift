import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletWorld

extension APIRoutes {
    /// Alarms of a time, and one with all that happened to it.
    var pastAlarms: [Route] {
        [
            Route(
                "alarms.episodes", .get, "/api/v1/alarms/episodes",
                "The alarms that fire, and those that began or ended since a time, the newest first.",
                access: .needs(.monitorsRead, on: .project), audit: .refusalsOnly,
                query: [
                    .init("monitor", "of this one only"), .init("since", "by the clock; 30 days ago if not given"),
                    .init("limit", "how many; 100 if not given"),
                ],
                output: Self.page(
                    of: .object(Self.alarmMembers + [.init("fired", .nullable(.timestamp)), .init("resolved", .nullable(.timestamp))])),
                handler: .asynchronous { [platform, limits] call in
                    let query = QueryReader(call)
                    return .list(
                        try platform.alarmEpisodes(
                            monitor: query.text("monitor"), since: query.time("since") ?? platform.world.clock.now() - .days(30),
                            limit: query.limit(most: limits.pageRows), scope: call.requireScope()))
                }),
            Route(
                "alarms.read", .get, "/api/v1/alarms/{alarm}",
                "One alarm, with the window that caused it, what matters most first, what happened since and what waits for a person.",
                access: .needs(.monitorsRead, on: .project), audit: .refusalsOnly,
                output: .object(
                    Self.alarmMembers + [
                        .init("window", .nullable(Self.windowShape)),
                        .init(
                            "history",
                            .list(.object([
                                .init("time", .timestamp), .init("event", .string), .init("words", .string), .init("by", .nullable(.string)),
                            ]))),
                        .init(
                            "orders",
                            .list(.object([
                                .init("reaction", .string), .init("does", .string), .init("waiting", .boolean), .init("time", .timestamp),
                            ]))),
                    ]),
                handler: .asynchronous { [platform] call in
                    .json(try platform.alarmDetails(call.parameter(0), scope: call.requireScope()))
                }),
        ]
    }
}
