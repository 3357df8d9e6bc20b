import MartletBytes
import MartletFrames

/// Decides what becomes of appended rows and builds the block that stores them: no files, no clock.
///
/// A block is prepared, made durable by the shell, then committed here; one that was not written leaves no trace.
struct LogWriterCore: Sendable {
    let configuration: LogConfiguration
    private(set) var catalog: SegmentCatalog
    /// The keys of the active segment, durable records only, but for those of the last block until ``settle()``.
    private(set) var keys: KeyTable
    /// The keys of the last block, if they are still to be taken into the table.
    private var unsettled: KeyTable?
    private var entryNumbers: [DictionaryEntry: Int]

    init(_ catalog: SegmentCatalog, keys: KeyTable, configuration: LogConfiguration) {
        self.configuration = configuration
        self.catalog = catalog
        self.keys = keys
        entryNumbers = Dictionary(uniqueKeysWithValues: catalog.dictionary.enumerated().map { ($1, $0) })
    }

    /// The first segment after this one.
    static func emptyKeys(for header: SegmentHeader) -> KeyTable {
        KeyTable(seed: header.logHigh)
    }

    var isFull: Bool {
        catalog.endOffset >= configuration.segmentBytes || catalog.rowCount >= configuration.segmentRows
            || catalog.dictionary.count >= DictionaryEntry.countMax / 2
    }

    /// The header of the segment that follows the active one.
    var nextHeader: SegmentHeader {
        var header = catalog.header
        header.firstPosition = catalog.endPosition
        header.firstSequence = catalog.nextSequence
        header.previousChecksum = catalog.lastChecksum
        return header
    }

    /// A block that is ready to be written, with what it will change.
    struct Prepared: Sendable {
        /// Empty if no row was accepted.
        var bytes: [UInt8]
        var offset: Int
        /// Of each append, batch and row.
        var dispositions: [[[Disposition]]]
        fileprivate var header: BlockHeader
        fileprivate var additions: [DictionaryEntry]
        fileprivate var chunks: [ChunkHeader]
        fileprivate var keys: KeyTable?
    }

    /// Refuses an append that no block could hold.
    static func check(_ batches: [RecordBatch], _ configuration: LogConfiguration) throws(LogError) {
        let rows = batches.reduce(0) { $0 + $1.rows.rowCount }
        guard rows <= configuration.appendRows else { throw .tooLarge("rows", found: rows, limit: configuration.appendRows) }
        let bytes = batches.reduce(0) { $0 + $1.approximateBytes }
        guard bytes <= configuration.appendBytes else { throw .tooLarge("bytes", found: bytes, limit: configuration.appendBytes) }
    }

    /// Resolves the rows of several appends in order and builds one block of those that are accepted.
    ///
    /// - Precondition: the block before is settled.
    /// - Parameter sealed: the state of a key in the sealed segments.
    func prepare(
        _ appends: [[RecordBatch]], ingestTime: Int64, sealed: (Fingerprint) throws(LogError) -> KeyState?
    ) throws(LogError) -> Prepared {
        precondition(unsettled == nil)
        var touched = KeyTable(
            seed: catalog.header.logHigh, capacity: appends.reduce(0) { $0 + $1.reduce(0) { $0 + $1.rows.rowCount } })
        var builders: [ChunkBuilder] = []
        var additions: [DictionaryEntry] = []
        var added: [DictionaryEntry: Int] = [:]
        var position = catalog.endPosition
        var dispositions: [[[Disposition]]] = []
        dispositions.reserveCapacity(appends.count)
        for batches in appends {
            var answers: [[Disposition]] = []
            answers.reserveCapacity(batches.count)
            if let condition = batches.first, condition.isCondition,
                let refusal = try self.refusal(of: condition, touched: touched, sealed: sealed)
            {
                dispositions.append(batches.map { [Disposition](repeating: refusal, count: $0.rows.rowCount) })
                continue
            }
            for batch in batches {
                var accepted: [Int] = []
                accepted.reserveCapacity(batch.rows.rowCount)
                var superseded: [Int64] = []
                var answer: [Disposition] = []
                answer.reserveCapacity(batch.rows.rowCount)
                let firstPosition = position
                for row in 0..<batch.rows.rowCount {
                    let key = batch.uniqueKeys[row]
                    let payload = batch.payloads[row]
                    if key == .none {
                        if batch.kind.supersedes {
                            answer.append(.unknownKey)
                            continue
                        }
                    } else {
                        var current = touched[key]
                        if current == nil { current = keys[key] }
                        if current == nil { current = try sealed(key) }
                        let expected = batch.expected?[row]
                        if let refusal = KeyState.refusal(
                            kind: batch.kind, payload: payload, expected: expected, current: current)
                        {
                            answer.append(refusal)
                            continue
                        }
                        touched[key] = .accepting(kind: batch.kind, payload: payload, at: position, after: current)
                        if let expected { superseded.append(expected) }
                    }
                    answer.append(.accepted(position))
                    accepted.append(row)
                    position += 1
                }
                answers.append(answer)
                guard !accepted.isEmpty else { continue }
                let entry = DictionaryEntry(stream: batch.stream, schema: batch.rows.schema)
                let number: Int
                if let known = entryNumbers[entry] ?? added[entry] {
                    number = known
                } else {
                    number = catalog.dictionary.count + additions.count
                    additions.append(entry)
                    added[entry] = number
                }
                let found = builders.firstIndex { $0.entry == number && $0.kind == batch.kind }
                let index = found ?? builders.count
                if found == nil { builders.append(ChunkBuilder(entry: number, kind: batch.kind)) }
                builders[index].append(
                    batch, rows: accepted, firstPosition: firstPosition, superseded: superseded, ingestTime: ingestTime)
            }
            dispositions.append(answers)
        }
        let rowCount = Int(position - catalog.endPosition)
        guard rowCount <= BlockHeader.rowsMax else { throw .tooLarge("rows", found: rowCount, limit: BlockHeader.rowsMax) }
        var prepared = block(
            rowCount: rowCount, ingestTime: ingestTime, additions: additions, chunks: builders.map { $0.finish() })
        guard prepared.header.bodyLength <= BlockHeader.bodyBytesMax else {
            throw .tooLarge("bytes", found: prepared.header.bodyLength, limit: BlockHeader.bodyBytesMax)
        }
        if rowCount == 0 { prepared.bytes = [] }
        prepared.dispositions = dispositions
        prepared.keys = touched
        return prepared
    }

    /// Why a row of a batch would be refused, its rows resolved in order; nil if each is accepted or a duplicate.
    private func refusal(
        of batch: RecordBatch, touched: KeyTable, sealed: (Fingerprint) throws(LogError) -> KeyState?
    ) throws(LogError) -> Disposition? {
        // What the batch's own rows would make of their keys.
        var own = KeyTable(seed: catalog.header.logHigh, capacity: batch.rows.rowCount)
        for row in 0..<batch.rows.rowCount {
            let key = batch.uniqueKeys[row]
            if key == .none { continue }
            var current = own[key]
            if current == nil { current = touched[key] }
            if current == nil { current = keys[key] }
            if current == nil { current = try sealed(key) }
            let refusal = KeyState.refusal(
                kind: batch.kind, payload: batch.payloads[row], expected: batch.expected?[row], current: current)
            switch refusal {
            case nil: own[key] = .accepting(kind: batch.kind, payload: batch.payloads[row], at: catalog.endPosition, after: current)
            case .duplicate, .accepted: break
            case .conflict, .unknownKey, .outdated: return refusal
            }
        }
        return nil
    }

    /// A block of no rows, which shows that all before it was acknowledged.
    func prepareMark(ingestTime: Int64) -> Prepared {
        block(rowCount: 0, ingestTime: ingestTime, additions: [], chunks: [])
    }

    private func block(rowCount: Int, ingestTime: Int64, additions: [DictionaryEntry], chunks: [Chunk]) -> Prepared {
        var body = ByteWriter(reserving: 64 + rowCount * 80)
        body.write(varint: UInt64(catalog.dictionary.count))
        body.write(varint: UInt64(additions.count))
        for entry in additions { entry.encode(into: &body) }
        body.write(varint: UInt64(chunks.count))
        for chunk in chunks { chunk.encode(into: &body, blockFirst: catalog.endPosition) }
        let offset = catalog.endOffset
        let header = BlockHeader(
            bodyLength: body.count, sequence: catalog.nextSequence, firstPosition: catalog.endPosition, rowCount: rowCount,
            ingestTime: ingestTime, previousChecksum: catalog.lastChecksum,
            bodyChecksum: catalog.header.checksum(at: offset + BlockHeader.size, body.bytes[...]))
        return Prepared(
            bytes: header.encoded(at: offset, in: catalog.header) + body.bytes, offset: offset, dispositions: [],
            header: header, additions: additions, chunks: chunks.map(\.header), keys: nil)
    }

    /// Takes in a block that is durable now; its keys are left for ``settle()``.
    mutating func commit(_ prepared: Prepared) {
        precondition(prepared.offset == catalog.endOffset && prepared.header.sequence == catalog.nextSequence)
        precondition(unsettled == nil)
        for (index, entry) in prepared.additions.enumerated() { entryNumbers[entry] = catalog.dictionary.count + index }
        catalog.add(
            prepared.header, additions: prepared.additions, chunks: prepared.chunks, extentBytes: configuration.extentBytes)
        unsettled = prepared.keys
    }

    /// Takes the keys of the last block into the table, which nobody has to wait for who waits for the block.
    mutating func settle() {
        guard let touched = unsettled else { return }
        unsettled = nil
        touched.forEach { keys[$0] = $1 }
    }
}

/// Collects the accepted rows of one stream and kind.
private struct ChunkBuilder {
    let entry: Int
    let kind: RecordKind
    private var frames: [Frame] = []
    private var positions: [Int64] = []
    private var eventTimes: [Int64] = []
    private var knownTimes: [Int64]?
    private var uniqueKeys: [Fingerprint] = []
    private var payloads: [Fingerprint] = []
    private var superseded: [Int64] = []

    init(entry: Int, kind: RecordKind) {
        self.entry = entry
        self.kind = kind
    }

    mutating func append(
        _ batch: RecordBatch, rows: [Int], firstPosition: Int64, superseded: [Int64], ingestTime: Int64
    ) {
        let isWhole = rows.count == batch.rows.rowCount
        if knownTimes == nil, batch.knownTimes != nil {
            knownTimes = [Int64](repeating: ingestTime, count: positions.count)
        }
        frames.append(isWhole ? batch.rows : batch.rows.gathering(rows))
        positions.append(contentsOf: firstPosition..<(firstPosition + Int64(rows.count)))
        if knownTimes != nil {
            if let times = batch.knownTimes {
                knownTimes?.append(contentsOf: rows.lazy.map { times[$0] })
            } else {
                knownTimes?.append(contentsOf: repeatElement(ingestTime, count: rows.count))
            }
        }
        if isWhole {
            eventTimes.append(contentsOf: batch.eventTimes)
            uniqueKeys.append(contentsOf: batch.uniqueKeys)
            payloads.append(contentsOf: batch.payloads)
        } else {
            eventTimes.append(contentsOf: rows.lazy.map { batch.eventTimes[$0] })
            uniqueKeys.append(contentsOf: rows.lazy.map { batch.uniqueKeys[$0] })
            payloads.append(contentsOf: rows.lazy.map { batch.payloads[$0] })
        }
        self.superseded.append(contentsOf: superseded)
    }

    func finish() -> Chunk {
        guard let rows = Frame.concatenating(frames) else { preconditionFailure("a chunk is made with its first rows") }
        return Chunk(
            entry: entry, kind: kind, rows: rows, positions: positions, eventTimes: eventTimes, knownTimes: knownTimes,
            uniqueKeys: uniqueKeys, payloads: payloads, superseded: superseded)
    }
}
