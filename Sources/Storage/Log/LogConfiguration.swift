/// The limits of an event log; each has a default that suits most.
public struct LogConfiguration: Hashable, Sendable {
    /// A segment is sealed once it is this long. The last one is read through when the log is opened.
    public var segmentBytes = 32 << 20
    /// A segment is sealed once it holds this many rows, which bounds the table of its keys in memory.
    public var segmentRows = 1 << 19
    /// The most rows of one append.
    public var appendRows = 1 << 18
    /// The most bytes, as held in memory, of one append.
    public var appendBytes = 32 << 20
    /// How many bytes of waiting appends one group commit takes at most, unless a single append is larger.
    public var groupBytes = 8 << 20
    /// How many bytes may wait to be committed before appends have to wait outside.
    public var queueBytes = 64 << 20
    /// How many appends may wait to be committed before others have to wait outside.
    public var queueAppends = 16_384
    /// How long an append that is not urgent may wait for others to share a commit with, in microseconds.
    public var gatherMicroseconds = 2_000
    /// Bytes of one entry of the block index: the unit of reading.
    public var extentBytes = 64 << 10
    /// Whether the index and key files of a full segment are written beside the appends, on a thread of their own. If not,
    /// the append that begins the next segment waits for them, so that the order of operations is that of the appends.
    public var indexesApart = true
    /// Pages of 4 KiB of the key files that are kept in memory.
    public var cachedKeyPages = 1_024
    /// Encoded bytes of the decoded blocks that are kept for reads of single rows.
    public var cachedBlockBytes = 8 << 20

    public init() {}
}
