public import MartletFrames

/// An ordered, durable log of records: the truth from which everything else is computed.
///
/// There is one sequence over all streams; a record's number in it, from 0, is its *position*. A *cut* is a number: it
/// names the records below it. Implementers keep the order, answer an append only when it is durable, keep all of one
/// append or none, and hold the uniqueness rules of ``Disposition`` exactly over everything retained.
public protocol EventLog: Sendable {
    /// The cut below which every record is durable.
    var end: Int64 { get }

    /// Stores rows and answers, batch by batch and row by row, what became of each, once they are durable.
    ///
    /// Waits while the queue is full. A row sees the rows before it in the same append.
    ///
    /// Where the first batch is `isCondition` and one of its rows is refused (a duplicate is not), no row of any batch is
    /// stored, and each is answered with that refusal.
    func append(_ batches: [RecordBatch]) async throws -> [[Disposition]]

    /// As the other, for callers that do not wait.
    ///
    /// - Parameters:
    ///   - isUrgent: whether somebody waits for it; else it may wait some milliseconds for others to share a commit with.
    ///   - done: called once, perhaps on the thread that writes, which it must not block.
    func append(_ batches: [RecordBatch], isUrgent: Bool, done: @escaping AppendHandler)

    /// Takes what became of an append.
    typealias AppendHandler = @Sendable (Result<[[Disposition]], any Error>) -> Void

    /// The current version of each key, or nil for a key that the log does not hold.
    func current(of keys: [Fingerprint]) async throws -> [KeyState?]

    /// The durable records from a position on, in log order, of some streams or of all.
    ///
    /// A page ends after `maxRows` rows or, once `maxBytes` stored bytes were looked at, with the block at hand. It may be
    /// empty and still advance, where other streams' records were passed over.
    func read(from position: Int64, streams: Set<String>?, maxRows: Int, maxBytes: Int) async throws -> LogPage

    /// The record at a position, as a batch of one row; nil at or past the end.
    func row(at position: Int64) async throws -> StoredBatch?

    /// The records at some positions, in any order and perhaps given twice; those at or past the end are left out.
    ///
    /// Each block that holds one of them is read once, so that many cost much less than one by one.
    ///
    /// - Returns: every record once, in batches whose positions ascend; their order is that of the blocks.
    /// - Complexity: memory is bounded by the records and one block. The caller bounds how many it asks for.
    func rows(at positions: [Int64]) async throws -> [StoredBatch]

    /// Returns the end once it is past a position.
    func waitForEnd(past position: Int64) async throws -> Int64

    /// The streams that have records, sorted by name.
    func streams() async throws -> [StreamSummary]
}

/// Stored rows of one stream, kind and block, in ascending position.
public struct StoredBatch: Sendable {
    public var stream: String
    public var kind: RecordKind
    public var rows: Frame
    public var positions: [Int64]
    public var eventTimes: [Int64]
    /// When the block was committed, in microseconds since 1970.
    public var ingestTime: Int64
    public var knownTimes: [Int64]
    public var uniqueKeys: [Fingerprint]
    public var payloads: [Fingerprint]
    /// The position of the version that each row ends; nil for the kinds that end none.
    public var superseded: [Int64]?

    /// The rows at ascending indices.
    func gathering(_ indices: [Int]) -> StoredBatch {
        if indices.count == positions.count { return self }
        return StoredBatch(
            stream: stream, kind: kind, rows: rows.gathering(indices), positions: indices.map { positions[$0] },
            eventTimes: indices.map { eventTimes[$0] }, ingestTime: ingestTime, knownTimes: indices.map { knownTimes[$0] },
            uniqueKeys: indices.map { uniqueKeys[$0] }, payloads: indices.map { payloads[$0] },
            superseded: superseded.map { all in indices.map { all[$0] } })
    }
}

/// A stretch of the log.
public struct LogPage: Sendable {
    public var batches: [StoredBatch]
    /// Where the next page begins; equal to `end` once everything durable was read.
    public var next: Int64
    /// The durable end when the page was read.
    public var end: Int64
}

/// What the log holds of one stream.
public struct StreamSummary: Hashable, Sendable {
    public var stream: String
    /// How many records of each kind.
    public var counts: [RecordKind: Int]
    /// The least and greatest event time, in microseconds since 1970.
    public var eventTimes: ClosedRange<Int64>
}
