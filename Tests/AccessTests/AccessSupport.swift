import Dispatch
import Foundation
import Synchronization

/// Runs a body on a thread of its own and waits for it.
func onAnotherThread(_ body: @escaping @Sendable () throws -> some Any) throws {
    let outcome = Outcome()
    Thread.detachNewThread {
        do { _ = try body() } catch { outcome.failure.withLock { $0 = error } }
        outcome.end.signal()
    }
    outcome.end.wait()
    if let failure = outcome.failure.withLock({ $0 }) { throw failure }
}

private final class Outcome: Sendable {
    let failure = Mutex<(any Error)?>(nil)
    let end = DispatchSemaphore(value: 0)
}
