/// Work that a program does, which is started anew for each attempt.
public protocol ProgramWork: TaskWork {
    var limits: RunWork.Limits { get }
    /// Whether a program that fails leaves the reason as its result: `{ "failure": "…", "retryable": false }`.
    var tellsFailures: Bool { get }
    /// What is started for an attempt.
    ///
    /// - Parameters:
    ///   - needs: what the task holds of each pool.
    ///   - folder: the absolute path of the attempt's own folder; nil if only the meaning is asked for.
    func program(in scope: TaskScope, needs: [String: Int64], folder: String?) throws(TaskScopeError) -> RunWork
}

extension RunWork: ProgramWork {
    public var tellsFailures: Bool { false }
    public func program(in scope: TaskScope, needs: [String: Int64], folder: String?) -> RunWork { self }
}
