public import MartletFrames

/// How a program ended, and what it used.
public struct ProgramExit: Hashable, Sendable {
    /// The two ways in which a process ends, and the case in which nobody knows.
    public enum Ending: Hashable, Sendable {
        /// It ended by itself, with a code of 0 to 255.
        case exited(Int32)
        /// A signal of this number ended it.
        case signalled(Int32)
        /// Another part of this process took the status, which must wait only for what it started itself.
        case unknown
    }

    /// A limit that can be seen to have ended a program.
    ///
    /// The limit of memory is not among them: a program sees a failed allocation, and ends as it likes.
    public enum PassedLimit: Hashable, Sendable {
        case cpu
        case fileSize
        case duration
    }

    public var ending: Ending
    /// Processor time of its first process and of those descendants that were waited for, in user and in kernel mode.
    public var cpu: Timestamp.Span
    /// Bytes of physical memory that the largest one of these processes held at once; at least those of the process that
    /// started it, whose memory it shares until it runs the program: the system counts so.
    public var maxResidentBytes: Int
    /// The limit that ended its first process.
    public var passedLimit: PassedLimit?
    /// Bytes of output past the limit, which were thrown away.
    public var droppedOutputBytes: Int

    public init(
        _ ending: Ending, cpu: Timestamp.Span = .zero, maxResidentBytes: Int = 0, passedLimit: PassedLimit? = nil,
        droppedOutputBytes: Int = 0
    ) {
        self.ending = ending
        self.cpu = cpu
        self.maxResidentBytes = maxResidentBytes
        self.passedLimit = passedLimit
        self.droppedOutputBytes = droppedOutputBytes
    }

    /// Whether it ended by itself with code 0.
    public var isSuccess: Bool { ending == .exited(0) }
}
