public import MartletFrames

/// Everything that the program takes from outside itself: time, randomness, files, other programs, other servers.
///
/// The real one is `World.system(root:)`; the simulator makes one whose time is virtual and whose faults come from a seed.
public struct World: Sendable {
    public var clock: any WallClock
    public var random: any RandomSource
    public var files: any FileSystem
    public var programs: any Programs
    public var http: any HTTPRequests
    public var mail: any MailSending

    /// A world that starts no programs and reaches no servers unless it is given the means.
    public init(
        clock: any WallClock, random: any RandomSource, files: any FileSystem, programs: any Programs = NoPrograms(),
        http: any HTTPRequests = NoHTTPRequests(), mail: any MailSending = NoMail()
    ) {
        self.clock = clock
        self.random = random
        self.files = files
        self.programs = programs
        self.http = http
        self.mail = mail
    }
}

/// The time of day and a clock that never goes back.
public protocol WallClock: Sendable {
    /// The time of day, which may jump either way; stamped on records, never used to decide order, uniqueness or leases.
    func now() -> Timestamp
    /// Nanoseconds since an arbitrary start; never decreases.
    func monotonicNanoseconds() -> UInt64
}

/// Random bits: from the operating system, or from a seed in a simulation.
public protocol RandomSource: Sendable {
    func next() -> UInt64
    /// Bytes fit for keys and tokens.
    func bytes(_ count: Int) -> [UInt8]
}
