import Synchronization

/// A body, of a request or of an answer, that comes in pieces and is read by one consumer at its own pace.
///
/// The producer is told through `demand` when a piece was taken, so that at most a few are held.
public final class BodyStream: Sendable {
    private struct State {
        var pieces: [[UInt8]] = []
        var end: End?
        var waiter: CheckedContinuation<Void, Never>?
    }

    private enum End {
        case complete
        case failed(BodyError)
    }

    /// Guards the queue and the one waiter.
    private let state = Mutex(State())
    private let demand: @Sendable (_ backlog: Int) -> Void
    private let abandoned: @Sendable () -> Void

    /// - Parameters:
    ///   - demand: called after each piece that was taken, with how many are left.
    ///   - abandoned: called when the consumer will take no more.
    public init(demand: @escaping @Sendable (_ backlog: Int) -> Void = { _ in }, abandoned: @escaping @Sendable () -> Void = {}) {
        self.demand = demand
        self.abandoned = abandoned
    }

    /// Says that no more will be taken.
    public func abandon() { abandoned() }

    /// A body whose pieces are all there.
    public convenience init(_ pieces: [[UInt8]]) {
        self.init()
        for piece in pieces { yield(piece) }
        finish()
    }

    /// How many pieces wait to be taken.
    public var backlog: Int { state.withLock { $0.pieces.count } }

    public func yield(_ piece: [UInt8]) {
        let waiter = state.withLock { state in
            if state.end == nil { state.pieces.append(piece) }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    public func finish(throwing error: BodyError? = nil) {
        let waiter = state.withLock { state in
            if state.end == nil { state.end = error.map(End.failed) ?? .complete }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// The next piece, or nil at the end of the body.
    public func next() async throws(BodyError) -> [UInt8]? {
        while true {
            enum Step {
                case piece([UInt8])
                case end(End)
                case wait
            }
            let step: Step = state.withLock { state in
                if !state.pieces.isEmpty { return .piece(state.pieces.removeFirst()) }
                return state.end.map(Step.end) ?? .wait
            }
            switch step {
            case .piece(let piece):
                demand(backlog)
                return piece
            case .end(.complete): return nil
            case .end(.failed(let error)): throw error
            case .wait:
                await withCheckedContinuation { continuation in
                    let resumeNow = state.withLock { state in
                        if !state.pieces.isEmpty || state.end != nil { return true }
                        state.waiter = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            }
        }
    }
}

/// Why a body could not be read to its end.
public enum BodyError: Error, Hashable, Sendable {
    case tooLarge(limit: Int)
    case connectionClosed
}
