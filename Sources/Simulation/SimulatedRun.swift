public import MartletFrames
public import MartletWorld

/// The life of one simulated program, as it will be if nobody ends it.
public struct SimulatedRun: Sendable {
    /// One thing that it prints, counted from its start.
    public struct Output: Sendable {
        public var after: Timestamp.Span
        public var stream: ProgramOutput
        public var bytes: [UInt8]

        public init(_ text: String, to stream: ProgramOutput = .standard, after: Timestamp.Span = .zero) {
            self.after = after
            self.stream = stream
            bytes = Array(text.utf8)
        }
    }

    public var span: Timestamp.Span
    public var exit: ProgramExit
    /// By time; what would come after the end is not printed.
    public var outputs: [Output]
    /// How long after `SIGTERM` it ends; nil if it ignores it.
    public var endsAfterTermination: Timestamp.Span?

    public init(
        for span: Timestamp.Span, exit: ProgramExit = ProgramExit(.exited(0)), outputs: [Output] = [],
        endsAfterTermination: Timestamp.Span? = .zero
    ) {
        self.span = span
        self.exit = exit
        self.outputs = outputs
        self.endsAfterTermination = endsAfterTermination
    }
}
