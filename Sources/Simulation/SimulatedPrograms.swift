public import MartletFrames
public import MartletWorld
import Synchronization

/// Programs that are closures, whose lives pass in virtual time and follow from a seed.
///
/// Nothing happens by itself: after the clock has moved, ``settle()`` tells what has happened until then, in the order of the virtual
/// times. ``nextEvent`` says how far the clock may move without passing one.
public final class SimulatedPrograms: Programs {
    /// Decides, at its start, what a program will do.
    public typealias Body = @Sendable (ProgramLaunch, inout SplitMix64) -> SimulatedRun

    fileprivate struct Process {
        var launch: ProgramLaunch
        var run: SimulatedRun
        var start: UInt64
        /// When it ends, and how, as things stand.
        var end: UInt64
        var ending: ProgramExit
        var toldOutputs = 0
        /// Nil once nobody watches.
        var events: (@Sendable (ProgramEvent) -> Void)?
    }

    fileprivate struct State {
        var random: SplitMix64
        var processes: [Int32: Process] = [:]
        var nextIdentifier: Int32 = 1
    }

    private let clock: VirtualClock
    private let bodies: [String: Body]
    /// Guards the processes and the random bits that their bodies draw.
    private let state: Mutex<State>

    /// - Parameter programs: What is found in `PATH`, by name.
    public init(clock: VirtualClock, seed: UInt64, programs: [String: Body]) {
        self.clock = clock
        bodies = programs
        state = Mutex(State(random: SplitMix64(seed: seed)))
    }

    public func start(_ launch: ProgramLaunch, events: @escaping @Sendable (ProgramEvent) -> Void) throws(ProgramError) -> any RunningProgram {
        let name = launch.arguments.first ?? ""
        guard let body = bodies[name] else { throw .programNotFound(name, path: launch.environment["PATH"]) }
        let now = clock.monotonicNanoseconds()
        let identifier = state.withLock { state in
            let run = body(launch, &state.random)
            let identifier = state.nextIdentifier
            state.nextIdentifier += 1
            var process = Process(launch: launch, run: run, start: now, end: now + run.span.nanoseconds, ending: run.exit, events: events)
            if let duration = launch.limits.duration {
                process.endBy(now + duration.nanoseconds, ProgramExit(.signalled(15), passedLimit: .duration))
            }
            state.processes[identifier] = process
            return identifier
        }
        return SimulatedProgram(system: self, identifier: identifier)
    }

    public func endAll(marked mark: ProgramMark, within span: Timestamp.Span) async -> ProgramSweep {
        let now = clock.monotonicNanoseconds()
        let count = state.withLock { state in
            let found = state.processes.filter { $0.value.launch.environment[mark.name] == mark.value && $0.value.end > now }
            for identifier in found.keys { state.processes[identifier]?.endBy(now, ProgramExit(.signalled(9))) }
            return found.count
        }
        settle()
        return ProgramSweep(killedCount: count, isClean: true)
    }

    /// The instant of the next event, in the clock's monotonic nanoseconds; nil if nothing runs.
    public var nextEvent: UInt64? {
        state.withLock { $0.processes.values.map(\.nextEvent).min() }
    }

    /// How many programs run whose environment has a mark.
    public func runningCount(marked mark: ProgramMark) -> Int {
        state.withLock { $0.processes.values.count { $0.launch.environment[mark.name] == mark.value } }
    }

    /// Tells all events until now, those of one instant in the order of the starts.
    public func settle() {
        let now = clock.monotonicNanoseconds()
        while let (events, event) = state.withLock({ $0.takeEvent(until: now) }) { events?(event) }
    }

    /// The process that started them dies and they go on, but nobody hears of them any more.
    public func loseWatchers() {
        state.withLock { state in
            for identifier in state.processes.keys { state.processes[identifier]?.events = nil }
        }
    }

    /// The machine goes down: all programs are gone, and nobody hears of it.
    public func losePower() {
        state.withLock { $0.processes = [:] }
    }

    fileprivate func end(_ identifier: Int32, after grace: Timestamp.Span) {
        let now = clock.monotonicNanoseconds()
        state.withLock { state in
            guard let process = state.processes[identifier] else { return }
            if grace > .zero, let span = process.run.endsAfterTermination {
                state.processes[identifier]?.endBy(now + span.nanoseconds, ProgramExit(.signalled(15)))
            }
            state.processes[identifier]?.endBy(now + max(grace, .zero).nanoseconds, ProgramExit(.signalled(9)))
        }
    }
}

private struct SimulatedProgram: RunningProgram {
    let system: SimulatedPrograms
    let identifier: Int32

    func end(after grace: Timestamp.Span) {
        system.end(identifier, after: grace)
    }
}

extension SimulatedPrograms.Process {
    fileprivate var nextEvent: UInt64 {
        toldOutputs < run.outputs.count ? min(end, start + run.outputs[toldOutputs].after.nanoseconds) : end
    }

    fileprivate mutating func endBy(_ instant: UInt64, _ exit: ProgramExit) {
        if instant < end { (end, ending) = (instant, exit) }
    }
}

extension SimulatedPrograms.State {
    /// Takes the earliest event that is due.
    fileprivate mutating func takeEvent(until now: UInt64) -> (events: (@Sendable (ProgramEvent) -> Void)?, event: ProgramEvent)? {
        let next = processes.min { ($0.value.nextEvent, $0.key) < ($1.value.nextEvent, $1.key) }
        guard let (identifier, process) = next, process.nextEvent <= now else { return nil }
        if process.toldOutputs < process.run.outputs.count, process.start + process.run.outputs[process.toldOutputs].after.nanoseconds <= process.end {
            let output = process.run.outputs[process.toldOutputs]
            processes[identifier]?.toldOutputs += 1
            return (process.events, .output(output.stream, output.bytes))
        }
        processes[identifier] = nil
        return (process.events, .ended(process.ending))
    }
}

extension Timestamp.Span {
    fileprivate var nanoseconds: UInt64 { UInt64(max(microseconds, 0)) * 1_000 }
}
