public import MartletFrames

/// Starts other programs; the only way to a process that is not this one.
///
/// Programs are started with a list of arguments, never by a shell, and know only what their ``ProgramLaunch`` gives them.
///
/// Implemented by the operating system (``SystemPrograms``), by ``NoPrograms`` where nothing may be started, and by the
/// simulator, whose programs are closures under virtual time.
///
/// ```swift
/// let program = try world.programs.start(
///     ProgramLaunch(["make", "report"], environment: ["PATH": "/usr/bin:/bin"], folder: "/srv/shop")
/// ) { event in
///     switch event {
///     case .output(let stream, let bytes): log.append(bytes, from: stream)
///     case .ended(let exit): done(exit.ending)  // .exited(0)
///     }
/// }
/// program.end(after: .seconds(10))
/// ```
public protocol Programs: Sendable {
    /// Starts a program and returns as soon as it runs.
    ///
    /// Blocks for as long as the system needs to start it, about half a millisecond.
    ///
    /// - Parameter events: Called with one event at a time, perhaps before `start` has returned: what the program prints, in the
    ///   order of its arrival, and last, exactly once, that it ended. While the closure works no more is read, and a
    ///   program that prints on waits.
    /// - Throws: ``ProgramError`` if nothing was started; no event comes then.
    func start(_ launch: ProgramLaunch, events: @escaping @Sendable (ProgramEvent) -> Void) throws(ProgramError) -> any RunningProgram

    /// Kills every process of this user that was started with a mark in its environment, whatever its group, session or parent.
    ///
    /// For what a program left behind: after a cancel, or after a crash of this process. A process that was started with
    /// a new environment by a marked one is not found.
    ///
    /// - Parameter span: How long to go on if processes stay, or new ones come.
    /// - Returns: How many were killed, and whether none is left.
    func endAll(marked mark: ProgramMark, within span: Timestamp.Span) async -> ProgramSweep
}

/// A program that was started and may have ended since.
public protocol RunningProgram: Sendable {
    /// The system's number of the process, and of its group.
    var identifier: Int32 { get }

    /// Asks the program's whole group to end by `SIGTERM`, and kills the group if its first process still runs after `grace`.
    ///
    /// Returns at once; does nothing once the program has ended. Without a grace the group is killed at once.
    func end(after grace: Timestamp.Span)
}

/// What a running program tells.
public enum ProgramEvent: Hashable, Sendable {
    /// At most 64 KiB that it printed; never empty.
    case output(ProgramOutput, [UInt8])
    /// Its first process has ended, what was left of its group is killed, and no output follows.
    case ended(ProgramExit)
}

/// One of the two places where a program prints.
public enum ProgramOutput: Hashable, Sendable, CaseIterable {
    case standard
    case errors
}

/// A variable that stands in the environment of every process of one piece of work.
public struct ProgramMark: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// What was done about the processes of a mark.
public struct ProgramSweep: Hashable, Sendable {
    /// How many processes were killed.
    public var killedCount: Int
    /// Whether no process with the mark is left.
    public var isClean: Bool

    public init(killedCount: Int, isClean: Bool) {
        self.killedCount = killedCount
        self.isClean = isClean
    }
}
