import Dispatch
import Glibc
import Synchronization

/// One thread that waits for all descriptors at once and does nothing else.
///
/// Not the system's own sources of Dispatch: on Linux these crash now and then when many pipes hang up while others are
/// watched (`docs/decisions/0007-starting-programs.md`).
final class ReadinessThread: Sendable {
    static let shared = ReadinessThread()

    /// Names one wait.
    typealias Ticket = UInt64

    private struct Wait {
        var descriptor: FileDescriptor
        var queue: DispatchQueue
        var body: @Sendable () -> Void
    }

    private struct State {
        var waits: [Ticket: Wait] = [:]
        var lastTicket: Ticket = 0
        var isStarted = false
    }

    /// Guards who waits for what.
    private let state = Mutex(State())
    /// What is written to the second end wakes the thread; nil if there was no descriptor left, then it looks once a millisecond.
    private let bell: (hearing: FileDescriptor, ringing: FileDescriptor)?

    private init() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            bell = nil
            return
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        bell = (FileDescriptor(ends[0]), FileDescriptor(ends[1]))
    }

    /// Calls the body on the queue, once, when the descriptor can be read from or its other end is closed. Holds both until then.
    func tellOnce(_ descriptor: FileDescriptor, on queue: DispatchQueue, _ body: @escaping @Sendable () -> Void) -> Ticket {
        let (ticket, isFirst) = state.withLock { state in
            defer { state.isStarted = true }
            state.lastTicket += 1
            state.waits[state.lastTicket] = Wait(descriptor: descriptor, queue: queue, body: body)
            return (state.lastTicket, !state.isStarted)
        }
        if isFirst { DispatchQueue(label: "martlet.readiness").async { self.run() } }
        ring()
        return ticket
    }

    /// The body may still be called if it was about to be.
    func forget(_ ticket: Ticket) {
        if state.withLock({ $0.waits.removeValue(forKey: ticket) }) != nil { ring() }
    }

    private func ring() {
        var byte: UInt8 = 1
        // A full pipe rings already.
        if let bell { write(bell.ringing.number, &byte, 1) }
    }

    private func run() {
        while true { lookOnce() }
    }

    /// Waits until something happens, and passes it on.
    ///
    /// Not inlined into the endless loop: the optimizer of Swift 6.3 does not come to an end with the two together.
    @inline(never)
    private func lookOnce() {
        // The waits are held meanwhile, so that no number among them comes to mean another file.
        let waits = Array(state.withLock { $0.waits })
        var looks = waits.map { pollfd(fd: $0.value.descriptor.number, events: Int16(POLLIN), revents: 0) }
        if let bell { looks.append(pollfd(fd: bell.hearing.number, events: Int16(POLLIN), revents: 0)) }
        guard poll(&looks, nfds_t(looks.count), bell == nil ? 1 : -1) > 0 else { return }
        if let bell, looks[waits.count].revents != 0 { bell.hearing.drain() }
        for (index, (ticket, wait)) in waits.enumerated() where looks[index].revents != 0 {
            let isWanted = state.withLock { $0.waits.removeValue(forKey: ticket) } != nil
            if isWanted { wait.queue.async(execute: wait.body) }
        }
    }
}

extension FileDescriptor {
    /// Takes what lies in a pipe and throws it away.
    fileprivate func drain() {
        withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { _ = read(number, $0.baseAddress, $0.count) }
    }
}
