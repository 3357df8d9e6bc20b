internal import Dispatch
public import MartletFrames

/// What one thread sleeps on until another has something for it.
public final class WakeSignal: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    public init() {}

    /// Wakes the thread, now or when it next waits.
    public func raise() {
        semaphore.signal()
    }

    /// Blocks until the signal is raised, or a time has passed.
    public func wait(atMost span: Timestamp.Span) {
        let microseconds = max(0, min(span.microseconds, 3_600_000_000))
        _ = semaphore.wait(timeout: .now() + .microseconds(Int(microseconds)))
        // Raised several times, it wakes once.
        while semaphore.wait(timeout: .now()) == .success {}
    }
}
