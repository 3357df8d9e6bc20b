import Dispatch

/// Calls a closure on a queue whenever a descriptor can be read from, one call at a time, and closes the descriptor in the end.
///
/// Unchecked: everything in it that changes is used on the queue only.
final class DescriptorWatch: @unchecked Sendable {
    let descriptor: FileDescriptor
    private let queue: DispatchQueue
    /// Nil once cancelled.
    private var body: (() -> Void)?
    private var isPaused = false
    private var ticket: ReadinessThread.Ticket?

    /// Begins at once; on the queue. The closure is held until ``cancel()``.
    init(_ descriptor: FileDescriptor, on queue: DispatchQueue, _ body: @escaping () -> Void) {
        self.descriptor = descriptor
        self.queue = queue
        self.body = body
        look()
    }

    /// Looks away for a time; on the queue.
    func pause(milliseconds: Int) {
        dispatchPrecondition(condition: .onQueue(queue))
        guard !isPaused else { return }
        isPaused = true
        queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) {
            self.isPaused = false
            self.look()
        }
    }

    /// Ends the calls; on the queue.
    func cancel() {
        dispatchPrecondition(condition: .onQueue(queue))
        body = nil
        if let ticket { ReadinessThread.shared.forget(ticket) }
        ticket = nil
    }

    private func look() {
        dispatchPrecondition(condition: .onQueue(queue))
        guard body != nil, ticket == nil, !isPaused else { return }
        ticket = ReadinessThread.shared.tellOnce(descriptor, on: queue) {
            self.ticket = nil
            self.body?()
            self.look()
        }
    }
}
