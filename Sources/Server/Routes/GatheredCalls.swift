import Synchronization

/// Calls of one thread that wait for the end of its turn, to be handed to their routes together.
final class GatheredCalls: Sendable {
    typealias Finish = @Sendable (Result<Response, any Error>) -> Void

    private struct Waiting: Sendable {
        var route: String
        var handle: Route.GatheredHandler
        var calls: [Call]
        var finishes: [Finish]
    }

    /// Guards what waits; used by one thread.
    private let waiting = Mutex<[Waiting]>([])

    /// The calls that wait on a thread.
    static func on(_ thread: RequestThread) -> GatheredCalls {
        thread.memory.withLock { memory in
            if let known = memory as? GatheredCalls { return known }
            let new = GatheredCalls()
            memory = new
            return new
        }
    }

    /// Adds a call, to be answered after the present turn of the thread it came on.
    func add(_ call: Call, to route: Route, _ handle: @escaping Route.GatheredHandler, on thread: RequestThread, _ finish: @escaping Finish) {
        let isFirst = waiting.withLock { waiting in
            defer {
                if let index = waiting.firstIndex(where: { $0.route == route.name }) {
                    waiting[index].calls.append(call)
                    waiting[index].finishes.append(finish)
                } else {
                    waiting.append(Waiting(route: route.name, handle: handle, calls: [call], finishes: [finish]))
                }
            }
            return waiting.isEmpty
        }
        if isFirst { thread.enqueue { [self] in handOver(on: thread) } }
    }

    private func handOver(on thread: RequestThread) {
        let turn = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for group in turn {
            let finishes = group.finishes
            group.handle(group.calls) { results in
                // Back to the thread once for all of them, where another has made the answers.
                if thread.isCurrent() {
                    for (call, result) in results { finishes[call](result) }
                } else {
                    thread.enqueue { for (call, result) in results { finishes[call](result) } }
                }
            }
        }
    }
}
