import Synchronization

/// One of a transport's threads: it works in turns, and in each reads what has come on its connections.
public final class RequestThread: Sendable {
    /// Whether the caller runs on this thread.
    let isCurrent: @Sendable () -> Bool
    /// Runs work on this thread, after what is being read in its present turn.
    let enqueue: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// What the responder keeps for this thread.
    let memory = Mutex<(any AnyObject & Sendable)?>(nil)

    init(isCurrent: @escaping @Sendable () -> Bool, enqueue: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.isCurrent = isCurrent
        self.enqueue = enqueue
    }
}
