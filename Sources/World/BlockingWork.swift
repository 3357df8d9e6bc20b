import Dispatch

/// Threads for work that blocks or computes for long, so that the tasks' own few threads stay free.
private let blockingQueue = DispatchQueue(label: "martlet.blocking", attributes: .concurrent)

/// Runs a body that blocks or computes for long on a thread of its own, and waits for it without holding one.
package func offPool<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        blockingQueue.async { continuation.resume(with: Swift.Result { try body() }) }
    }
}
