public import MartletFrames

/// What is to be started, and what it gets.
public struct ProgramLaunch: Hashable, Sendable {
    /// The program and its arguments. A name without a slash is looked for in the folders of `PATH` in ``environment``;
    /// one with a slash is a path, seen from ``folder``.
    public var arguments: [String]
    /// All of the program's environment: nothing is inherited.
    public var environment: [String: String]
    /// The absolute path of the folder in which it starts.
    public var folder: String
    /// What it reads from its standard input, in memory until it has ended; at most ``inputLimit`` bytes.
    public var input: [UInt8]
    public var limits: ProgramLimits

    public static let inputLimit = 16 << 20

    public init(
        _ arguments: [String], environment: [String: String], folder: String, input: [UInt8] = [], limits: ProgramLimits = ProgramLimits()
    ) {
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.input = input
        self.limits = limits
    }
}

/// What a program may use. All but ``outputBytes`` and ``duration`` hold for each process of the program by itself, from its first instruction on;
/// a limit above the one that this process has is lowered to it. Core dumps are always off.
public struct ProgramLimits: Hashable, Sendable {
    /// Seconds of processor time. At the limit the process gets `SIGXCPU`, a second later it is killed.
    public var cpuSeconds: Int?
    /// Bytes of address space; past it allocations fail. Not of physical memory: a program may reserve far more than it uses.
    public var memoryBytes: Int?
    /// Bytes to which it may grow a file. A write past it brings `SIGXFSZ`.
    public var fileBytes: Int?
    /// How many processes and threads its user may have in all, those of other programs included. Not held against root.
    public var processCount: Int?
    /// How many files it may have open; it can ask for more, up to this process's limit.
    public var openFileCount: Int
    /// Bytes of output that are handed on, over both streams. What follows is thrown away and counted, and the program
    /// is slowed to about 32 MB/s, so that one that floods costs this process little.
    public var outputBytes: Int
    /// How long it may run. Then its whole group is asked to end, and killed a second later; nil for as long as it likes.
    public var duration: Timestamp.Span?

    public init(
        cpuSeconds: Int? = nil, memoryBytes: Int? = nil, fileBytes: Int? = nil, processCount: Int? = nil, openFileCount: Int = 1_024,
        outputBytes: Int = 64 << 20, duration: Timestamp.Span? = nil
    ) {
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
        self.fileBytes = fileBytes
        self.processCount = processCount
        self.openFileCount = openFileCount
        self.outputBytes = outputBytes
        self.duration = duration
    }
}
