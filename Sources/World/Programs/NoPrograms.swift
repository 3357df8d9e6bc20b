public import MartletFrames

/// A world in which no program can be started.
public struct NoPrograms: Programs {
    public init() {}

    public func start(_ launch: ProgramLaunch, events: @escaping @Sendable (ProgramEvent) -> Void) throws(ProgramError) -> any RunningProgram {
        throw .forbidden
    }

    public func endAll(marked mark: ProgramMark, within span: Timestamp.Span) async -> ProgramSweep {
        ProgramSweep(killedCount: 0, isClean: true)
    }
}
