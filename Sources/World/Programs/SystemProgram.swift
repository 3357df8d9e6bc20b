import Dispatch
import Glibc
import MartletFrames
import Synchronization

/// One process of the operating system, from its start until its end has been told.
///
/// No thread waits for it: the descriptors of its output and of the process itself are watched by the system's one queue of
/// events, and what they bring is handled one after the other on a queue of the program's own.
final class SystemProgram: RunningProgram {
    /// How long output is waited for after the end. Longer waits happen only if a process that left the group holds on to it.
    static let drainMilliseconds = 200
    /// The most that is read at a time, and the pause after each such piece once the limit of output is passed.
    static let pieceBytes = 64 << 10
    static let pauseMilliseconds = 2
    /// The most that a pipe can hold, unless root enlarges it further.
    static let maxPipeBytes = 1 << 20

    private struct State {
        /// Until then the number stands for this process and its group, and for nothing else.
        var isReaped = false
        /// Whether ``end(after:)`` came to the last means.
        var wasKilled = false
        /// Whether it has run for as long as it may.
        var isOverdue = false
        var exit: ProgramExit?
        var outputBytes = 0
        var open: [ProgramOutput: DescriptorWatch] = [:]
        var process: DescriptorWatch?
    }

    let identifier: Int32
    private let limits: ProgramLimits
    private let events: @Sendable (ProgramEvent) -> Void
    private let queue: DispatchQueue
    /// Guards what is known of the process; signals are sent under it, so that none reaches a number that is used anew.
    private let state = Mutex(State())

    init(
        _ process: NewProcess, output: FileDescriptor, errors: FileDescriptor, limits: ProgramLimits,
        events: @escaping @Sendable (ProgramEvent) -> Void
    ) {
        identifier = process.identifier
        self.limits = limits
        self.events = events
        queue = DispatchQueue(label: "martlet.program")
        let descriptor = FileDescriptor(process.descriptor)
        // The watches hold this object until they are cancelled. On the queue, so that none of them acts before all are known.
        queue.sync {
            state.withLock { state in
                state.open[.standard] = DescriptorWatch(output, on: queue) { self.readMore(of: .standard) }
                state.open[.errors] = DescriptorWatch(errors, on: queue) { self.readMore(of: .errors) }
                state.process = DescriptorWatch(descriptor, on: queue) { self.processEnded() }
            }
        }
        guard let duration = limits.duration else { return }
        queue.asyncAfter(deadline: .now() + .microseconds(Int(duration.microseconds))) { [weak self] in self?.timeIsUp() }
    }

    private func timeIsUp() {
        let runs = state.withLock { state in
            state.isOverdue = !state.isReaped
            return state.isOverdue
        }
        if runs { end(after: .seconds(1)) }
    }

    func end(after grace: Timestamp.Span) {
        guard grace > .zero else { return signal(SIGKILL) }
        signal(SIGTERM)
        // One that is stopped would not see the first.
        signal(SIGCONT)
        queue.asyncAfter(deadline: .now() + .microseconds(Int(grace.microseconds))) { [weak self] in self?.signal(SIGKILL) }
    }

    private func signal(_ number: Int32) {
        state.withLock { state in
            guard !state.isReaped else { return }
            if number == SIGKILL { state.wasKilled = true }
            kill(-identifier, number)
        }
    }

    // What follows runs on the queue.

    /// Hands on one piece of output, or throws it away if the limit is passed and lets the program wait for a moment.
    private func readMore(of stream: ProgramOutput) {
        guard let watch = state.withLock({ $0.open[stream] }) else { return }
        switch takePiece(of: stream, from: watch.descriptor) {
        case .closed: close(stream)
        case .dropped: watch.pause(milliseconds: Self.pauseMilliseconds)
        case .handedOn, .nothing: break
        }
    }

    private enum Piece { case handedOn, dropped, nothing, closed }

    private func takePiece(of stream: ProgramOutput, from end: FileDescriptor) -> Piece {
        var count = 0
        var failure: Int32 = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { buffer, filled in
            count = read(end.number, buffer.baseAddress, buffer.count)
            if count < 0 { failure = errno }
            filled = max(count, 0)
        }
        if count < 0 { return failure == EAGAIN || failure == EINTR ? .nothing : .closed }
        if count == 0 { return .closed }
        let room = state.withLock { state in
            defer { state.outputBytes += count }
            return max(limits.outputBytes - state.outputBytes, 0)
        }
        if room == 0 { return .dropped }
        bytes.removeLast(max(count - room, 0))
        events(.output(stream, bytes))
        return .handedOn
    }

    private func close(_ stream: ProgramOutput) {
        state.withLock { $0.open.removeValue(forKey: stream) }?.cancel()
        tellIfOver()
    }

    /// Kills what is left of the group, takes the status, and leaves the output a moment to come to its end.
    private func processEnded() {
        let watch = state.withLock { state -> DescriptorWatch? in
            guard !state.isReaped else { return nil }
            // Before the status is taken: until then the group's number cannot be used anew.
            kill(-identifier, SIGKILL)
            var status: Int32 = 0
            var usage = rusage()
            var taken: pid_t
            repeat { taken = wait4(identifier, &status, WNOHANG, &usage) } while taken == -1 && errno == EINTR
            guard taken != 0 else { return nil }
            state.isReaped = true
            state.exit =
                taken == identifier
                ? ProgramExit(status: status, usage: usage, limits: limits, wasKilled: state.wasKilled) : ProgramExit(.unknown)
            if state.isOverdue, state.exit?.isSuccess == false { state.exit?.passedLimit = .duration }
            // Orphans come to us if we are the first process of a container, or were made the one that takes them.
            while wait4(-identifier, nil, WNOHANG, nil) > 0 {}
            return state.process
        }
        guard let watch else { return }
        watch.cancel()
        queue.asyncAfter(deadline: .now() + .milliseconds(Self.drainMilliseconds)) { [weak self] in self?.stopDraining() }
        tellIfOver()
    }

    /// Takes what lies in the pipes, at most what they hold, and closes them over whoever still has the other ends.
    private func stopDraining() {
        for stream in ProgramOutput.allCases {
            guard let watch = state.withLock({ $0.open[stream] }) else { continue }
            var pieces = 0
            while pieces < Self.maxPipeBytes / Self.pieceBytes, [.handedOn, .dropped].contains(takePiece(of: stream, from: watch.descriptor)) {
                pieces += 1
            }
            close(stream)
        }
    }

    private func tellIfOver() {
        let exit = state.withLock { state -> ProgramExit? in
            guard state.open.isEmpty, var exit = state.exit else { return nil }
            state.exit = nil
            state.process = nil
            exit.droppedOutputBytes = max(state.outputBytes - limits.outputBytes, 0)
            return exit
        }
        if let exit { events(.ended(exit)) }
    }
}

extension ProgramExit {
    fileprivate init(status: Int32, usage: rusage, limits: ProgramLimits, wasKilled: Bool) {
        let signal = status & 0x7F
        func microseconds(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec) }
        let cpu = Timestamp.Span(microseconds: microseconds(usage.ru_utime) + microseconds(usage.ru_stime))
        self.init(
            signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal), cpu: cpu, maxResidentBytes: Int(usage.ru_maxrss) << 10)
        switch signal {
        case SIGXCPU: passedLimit = .cpu
        case SIGXFSZ: passedLimit = .fileSize
        // One that ignored the first signal is killed a second later.
        // The kernel holds ticks against the limit, which may be well above the time that it states.
        case SIGKILL: if !wasKilled, let limit = limits.cpuSeconds, cpu + cpu >= .seconds(Int64(limit)) { passedLimit = .cpu }
        default: break
        }
    }
}
