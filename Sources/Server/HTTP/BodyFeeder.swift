import Synchronization

/// Feeds a body, of a request or of an answer, no faster than it is taken.
public final class BodyFeeder: Sendable {
    private struct State {
        var backlog = 0
        var isStopped = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// Guards the count of pieces that wait, and the one feeder that waits for fewer.
    private let state: Gate
    private let depth: Int
    public let body: BodyStream

    /// A lock of its own, which the body's callback can hold without holding the feeder.
    private final class Gate: Sendable {
        let state = Mutex(State())

        func wake(_ change: (inout State) -> Void) {
            let waiter = state.withLock { state in
                change(&state)
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    /// - Parameter depth: how many pieces may wait.
    public init(depth: Int = 4) {
        let gate = Gate()
        state = gate
        self.depth = depth
        body = BodyStream(demand: { _ in gate.wake { $0.backlog -= 1 } }, abandoned: { gate.wake { $0.isStopped = true } })
    }

    /// Hands on a piece, and returns when there is room for another; false if nobody will take more.
    public func feed(_ piece: [UInt8]) async -> Bool {
        guard !state.state.withLock({ state in
            state.backlog += 1
            return state.isStopped
        }) else { return false }
        body.yield(piece)
        while true {
            enum Step {
                case goOn, stop, wait
            }
            let step: Step = state.state.withLock { state in
                state.isStopped ? .stop : state.backlog < depth ? .goOn : .wait
            }
            switch step {
            case .goOn: return true
            case .stop: return false
            case .wait:
                await withCheckedContinuation { continuation in
                    let resumeNow = state.state.withLock { state in
                        if state.isStopped || state.backlog < depth { return true }
                        state.waiter = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            }
        }
    }

    /// Ends the body.
    public func finish(failed: Bool) {
        body.finish(throwing: failed ? .connectionClosed : nil)
    }

    /// Tells the feeder that the answer is there and no more will be taken.
    public func stop() {
        state.wake { $0.isStopped = true }
    }
}
