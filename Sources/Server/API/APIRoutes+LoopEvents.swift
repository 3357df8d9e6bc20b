import MartletAccess
import MartletBytes
import MartletPlatform
import NIOCore

extension APIRoutes {
    /// Which parts of the loop have moved, as they do: server-sent events.
    ///
    /// Nothing is queued for a client: about once a second it is looked whether anything is otherwise than it was last told.
    /// An answer ends after a while, and a browser then asks again by itself with the last position it saw, so that nobody
    /// follows for long with rights that were taken back.
    var loopEvents: Route {
        Route(
            "loopEvents.follow", .get, "/api/v1/loop-events",
            "Which parts of the loop have moved, as server-sent events, at most one a second: what differs from a position, then what comes; 'id' is the position.",
            access: .needs(.definitionsRead, on: .project), audit: .refusalsOnly,
            query: [
                .init("after", "the position to begin at, unless Last-Event-ID says one; what is now if neither does"),
                .init("follow", "false to end after one look; true if not given"),
            ],
            output: .media("text/event-stream"), handler: .pieces(type: "text/event-stream", followLoop))
    }

    @Sendable private func followLoop(_ call: Call, _ write: @Sendable ([UInt8]) async throws -> Void) async throws {
        let query = QueryReader(call)
        let scope = try call.requireScope()
        var told = try Self.position(query.text("after"), call.request.headers["last-event-id"])
        let follows = query.text("follow") == nil ? true : try query.flag("follow")
        let bell = PipelineBell()
        let end = NIODeadline.now() + PipelineBell.answerTime
        var counted = predictionCounts(scope)
        var looked = NIODeadline.now()
        var written = looked
        var isFirst = true
        // Once nothing comes any more that is told too.
        var isMoving = false
        while true {
            let position = try platform.loopPosition(scope: scope)
            let now = NIODeadline.now()
            let counts = predictionCounts(scope)
            let seconds = max(1, Double((now - looked).nanoseconds) / 1e9)
            let changed = position.changes(since: told ?? position)
            var piece = isFirst ? Array(": martlet\n\n".utf8) : []
            if isFirst || !changed.isEmpty || counts != counted || isMoving {
                let event: JSONValue = [
                    "position": .string("\(position)"), "changed": .array(changed.map { .string($0.rawValue) }),
                    "predictions": .array(Self.rates(counts, since: counted, seconds: seconds)),
                ]
                piece += Array("id: \(position)\ndata: ".utf8) + event.serialized() + [0x0A, 0x0A]
            } else if now - written >= PipelineBell.heartbeat {
                piece = Array(":\n\n".utf8)
            }
            if !piece.isEmpty {
                try await write(piece)
                written = now
            }
            told = position
            isMoving = counts != counted
            counted = counts
            looked = now
            isFirst = false
            guard follows, now < end else { return }
            await bell.wait(atMost: .seconds(1))
        }
    }

    private static func rates(_ counts: [String: Int], since before: [String: Int], seconds: Double) -> [JSONValue] {
        counts.sorted { $0.key < $1.key }.map { endpoint, count in
            let rate = Double(count - (before[endpoint] ?? 0)) / seconds
            return [
                "endpoint": .string(endpoint), "predictions": .int64(Int64(count)), "per_second": .float64((rate * 10).rounded() / 10),
            ]
        }
    }

    private static func position(_ asked: String?, _ last: String?) throws(InputError) -> LoopPosition? {
        // A browser that comes again asks by the same address, and says how far it was told. What it has of an older server is
        // no reason to refuse it.
        if let last, let position = LoopPosition(last) { return position }
        guard let asked else { return nil }
        guard let position = LoopPosition(asked) else { throw .query("after", asked, expected: "a position as 'id' of an event has it") }
        return position
    }

    /// What each endpoint in force answered since this server started; nothing for who may not see that.
    private func predictionCounts(_ scope: Scope) -> [String: Int] {
        let resource = Resource.thing(.endpoint, nil, in: platform.project)
        guard (try? Guard().scope(for: scope.principal, to: .modelsRead, on: resource)) != nil else { return [:] }
        return metrics.snapshot.endpoints.mapValues(\.predictions)
    }
}
