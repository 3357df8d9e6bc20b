import MartletAccess
import MartletFrames
import MartletPipelines

/// What a task's body has at hand while an attempt is carried out.
struct TaskContext: Sendable {
    let start: AttemptStart
    /// The names that its texts read; files are paths of copies.
    let scope: TaskScope
    /// Whose rights the run has, as they are now.
    let principal: Principal
    /// Takes lines for the attempt's log.
    let log: TaskLog

    /// Asks the guard, as of now.
    func scope(to permission: Permission, on resource: Resource) throws(AccessError) -> Scope {
        try Guard().scope(for: principal, to: permission, on: resource)
    }
}

/// A kind of work that the platform carries out in this process.
protocol PlatformTask: TaskWork {
    /// - Throws: any failure; a ``TaskFailure`` says itself whether another attempt may do better.
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue]
}

/// Why an attempt failed, told by its body.
struct TaskFailure: Error, CustomStringConvertible {
    var reason: String
    var isRetryable = false
    var description: String { reason }
}
