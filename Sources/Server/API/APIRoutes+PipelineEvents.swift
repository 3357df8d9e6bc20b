import MartletAccess
import MartletBytes
import MartletPlatform
import NIOCore
import NIOPosix
import Synchronization

extension APIRoutes {
    /// What happens in pipelines, as it happens: server-sent events.
    ///
    /// Nothing is queued for a client: it is told what is stored after the last that it was told, as fast as it reads. An
    /// answer ends after a while, and a browser then asks again by itself with the last number it saw, so that nobody
    /// follows for long with rights that were taken back.
    var pipelineEvents: Route {
        Route(
            "pipelineEvents.follow", .get, "/api/v1/pipeline-events",
            "What happens in runs, as server-sent events: what is stored after a number, then what comes; 'id' is the sequence number.",
            access: .needs(.pipelinesRead, on: .every(.pipeline)), audit: .refusalsOnly,
            query: [
                .init("run", "of this run only"), .init("after", "the sequence number to begin after; else that of Last-Event-ID, or 0"),
                .init("follow", "false to end after what is stored; true if not given"),
            ],
            output: .media("text/event-stream"), handler: .pieces(type: "text/event-stream", followPipelines))
    }

    @Sendable private func followPipelines(_ call: Call, _ write: @Sendable ([UInt8]) async throws -> Void) async throws {
        let query = QueryReader(call)
        let scope = try call.requireScope()
        let run = query.text("run")
        let last = call.request.headers["last-event-id"].flatMap { Int64($0) }
        var sequence = try query.integer("after", in: 0...Int64.max) ?? max(0, last ?? 0)
        let follows = query.text("follow") == nil ? true : try query.flag("follow")
        let bell = PipelineBell()
        // Before the first reading, so that nothing falls between.
        let number = follows ? platform.followPipelines { bell.ring() } : nil
        defer { if let number { platform.unfollowPipelines(number) } }
        let end = NIODeadline.now() + PipelineBell.answerTime
        var written = NIODeadline.now()
        var isFirst = true
        while true {
            let page = try platform.pipelineHistory(run: run, after: sequence, limit: Self.eventsOfPiece, scope: scope)
            var piece = isFirst ? Array(": martlet\n\n".utf8) : []
            isFirst = false
            for item in page.items {
                piece += Array("id: \(item["sequence"]?.int64 ?? 0)\ndata: ".utf8) + item.serialized() + [0x0A, 0x0A]
            }
            if piece.isEmpty, NIODeadline.now() - written >= PipelineBell.heartbeat { piece = Array(":\n\n".utf8) }
            if !piece.isEmpty {
                try await write(piece)
                written = .now()
            }
            sequence = page.next
            if page.items.count == Self.eventsOfPiece { continue }
            guard number != nil, NIODeadline.now() < end else { return }
            await bell.wait()
        }
    }

    private static let eventsOfPiece = 200
}

/// Rung when something was stored, and at the latest when it is time for a sign of life.
final class PipelineBell: Sendable {
    /// Shorter than what proxies and browsers take for a dead connection.
    static let heartbeat = TimeAmount.seconds(10)
    static let answerTime = TimeAmount.minutes(10)

    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// Guards whether it has rung and the one that waits for it.
    private let state = Mutex(State())

    func ring() {
        let waiter = state.withLock { state in
            state.isRung = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns once it has rung since the last time, or that long has passed.
    func wait(atMost time: TimeAmount = heartbeat) async {
        let timer = MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: time) { self.ring() }
        await withCheckedContinuation { continuation in
            let isRung = state.withLock { state in
                if !state.isRung { state.waiter = continuation }
                return state.isRung
            }
            if isRung { continuation.resume() }
        }
        state.withLock { $0.isRung = false }
        timer.cancel()
    }
}
