/// Carries out attempts; what stands above the scheduler.
///
/// Calls come from the service's own thread and must not block.
public protocol TaskExecutor: Sendable {
    /// Begins an attempt, and later, exactly once, tells how it ended.
    ///
    /// An instance that only waits (``TaskWork/isWaiting``) is told when what it waits for has come; an approval and a
    /// sub-pipeline never by it.
    func start(_ start: AttemptStart, report: @escaping @Sendable (AttemptOutcome) -> Void)
    /// What an attempt read and made, asked once, right after it was reported.
    func takeUses(of address: InstanceAddress, attempt: Int) -> [DataUse]
    /// Ends an attempt that is under way; it is reported all the same.
    func stop(_ address: InstanceAddress, attempt: Int, reason: String)
    func alert(_ alert: PipelineAlert)
    /// A run has ended, and its last record is stored.
    func ended(run: String, _ state: RunState)
}

extension TaskExecutor {
    public func takeUses(of address: InstanceAddress, attempt: Int) -> [DataUse] { [] }
}
