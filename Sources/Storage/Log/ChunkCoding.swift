import MartletBytes
import MartletFrames

/// A stream under one schema: what a segment's dictionary numbers, so that a chunk names it in a byte.
struct DictionaryEntry: Hashable, Sendable {
    /// Entries of one segment, at most.
    static let countMax = 1 << 16

    var stream: String
    var schema: Schema

    func encode(into writer: inout ByteWriter) {
        writer.write(stream)
        schema.encode(into: &writer)
    }

    init(stream: String, schema: Schema) {
        self.stream = stream
        self.schema = schema
    }

    /// A stream has few schemas, so its name does, and the fields are only compared.
    func hash(into hasher: inout Hasher) {
        hasher.combine(stream)
        hasher.combine(schema.fields.count)
    }

    init(decoding reader: inout ByteReader) throws(ByteError) {
        stream = try reader.readString()
        schema = try Schema(decoding: &reader)
    }
}

/// What is known of a chunk without looking into it.
struct ChunkHeader: Hashable, Sendable {
    var entry: Int
    var kind: RecordKind
    var rowCount: Int
    var eventTimes: ClosedRange<Int64>

    init(entry: Int, kind: RecordKind, rowCount: Int, eventTimes: ClosedRange<Int64>) {
        self.entry = entry
        self.kind = kind
        self.rowCount = rowCount
        self.eventTimes = eventTimes
    }

    init(decoding reader: inout ByteReader, entryCount: Int, rowsLeft: Int) throws(ByteError) {
        let start = reader.offset
        let entry = try reader.readVarint()
        let code = try reader.readByte()
        let rows = try reader.readVarint()
        let least = try reader.readZigzag()
        let span = try reader.readVarint()
        guard entry < UInt64(entryCount) else { throw .malformed(at: start, what: "a stream numbered \(entry) of \(entryCount)") }
        guard let kind = RecordKind(rawValue: code) else { throw .malformed(at: start, what: "a record kind of \(code)") }
        guard rows >= 1, rows <= UInt64(rowsLeft) else { throw .malformed(at: start, what: "\(rows) rows where \(rowsLeft) are left") }
        let greatest = least &+ Int64(bitPattern: span)
        guard greatest >= least else { throw .malformed(at: start, what: "event times that end before they begin") }
        self.entry = Int(entry)
        self.kind = kind
        rowCount = Int(rows)
        eventTimes = least...greatest
    }
}

/// The columns that the log itself keeps of each row.
struct ChunkMetadata: Hashable, Sendable {
    var positions: [Int64]
    /// Nil if they stand in a payload column, whose index is `eventTimeColumn`.
    var eventTimes: [Int64]?
    var eventTimeColumn: Int?
    /// Nil if they are the ingest time.
    var knownDelays: [Int64]?
    /// Nil if no row has a key.
    var uniqueKeys: [Fingerprint]?
    var payloads: [Fingerprint]
    var superseded: [Int64]?
}

/// All rows that one block holds of one stream and kind.
struct Chunk: Sendable {
    var entry: Int
    var kind: RecordKind
    var rows: Frame
    var positions: [Int64]
    var eventTimes: [Int64]
    var knownTimes: [Int64]?
    var uniqueKeys: [Fingerprint]
    var payloads: [Fingerprint]
    var superseded: [Int64]

    var header: ChunkHeader {
        ChunkHeader(
            entry: entry, kind: kind, rowCount: positions.count,
            eventTimes: (eventTimes.min() ?? 0)...(eventTimes.max() ?? 0))
    }

    func encode(into writer: inout ByteWriter, blockFirst: Int64) {
        var body = ByteWriter(reserving: 64 + positions.count * 64)
        body.write(integers: positions.map { $0 &- blockFirst })
        // The event time usually is a payload column; then it is not stored twice.
        let column = positions.count < 4 ? nil : rows.columns.firstIndex { column in
            guard case .timestamp(let values) = column.storage, column.validity == nil else { return false }
            return values == eventTimes
        }
        if let column {
            body.write(varint: UInt64(column) + 1)
        } else {
            body.write(varint: 0)
            body.write(integers: eventTimes)
        }
        if let knownTimes {
            body.write(1 as UInt8)
            body.write(integers: zip(knownTimes, eventTimes).map { $0 &- $1 })
        } else {
            body.write(0 as UInt8)
        }
        if uniqueKeys.allSatisfy({ $0 == .none }) {
            body.write(0 as UInt8)
        } else {
            body.write(1 as UInt8)
            body.write(fingerprints: uniqueKeys)
        }
        body.write(fingerprints: payloads)
        if kind.supersedes { body.write(integers: zip(positions, superseded).map { $0 &- $1 }) }
        rows.encodeColumns(into: &body)

        let header = header
        writer.write(varint: UInt64(entry))
        writer.write(kind.rawValue)
        writer.write(varint: UInt64(header.rowCount))
        writer.write(zigzag: header.eventTimes.lowerBound)
        writer.write(varint: UInt64(bitPattern: header.eventTimes.upperBound &- header.eventTimes.lowerBound))
        writer.write(lengthPrefixed: body.bytes)
    }
}

/// The body of a block, read step by step so that what is not asked for is passed over.
struct BlockBody: Sendable {
    var header: BlockHeader
    /// What the block adds to its segment's dictionary, and the number of the first of them.
    var additions: [DictionaryEntry]
    var firstAddition: Int
    var chunks: [(header: ChunkHeader, bytes: ArraySlice<UInt8>)]

    init(_ header: BlockHeader, _ bytes: ArraySlice<UInt8>) throws(ByteError) {
        self.header = header
        var reader = ByteReader(bytes)
        let first = try reader.readVarint()
        guard first <= UInt64(DictionaryEntry.countMax) else { throw .malformed(at: 0, what: "a stream numbered \(first)") }
        firstAddition = Int(first)
        additions = []
        for _ in 0..<(try reader.readCount(minimumSize: 2)) { additions.append(try DictionaryEntry(decoding: &reader)) }
        guard firstAddition + additions.count <= DictionaryEntry.countMax else {
            throw .malformed(at: reader.offset, what: "more than \(DictionaryEntry.countMax) streams and schemas")
        }
        chunks = []
        var rowsLeft = header.rowCount
        for _ in 0..<(try reader.readCount(minimumSize: 6)) {
            let chunk = try ChunkHeader(
                decoding: &reader, entryCount: firstAddition + additions.count, rowsLeft: rowsLeft)
            rowsLeft -= chunk.rowCount
            chunks.append((chunk, try reader.readLengthPrefixed()))
        }
        guard rowsLeft == 0, reader.isAtEnd else {
            throw .malformed(at: reader.offset, what: "\(rowsLeft) rows and \(reader.remaining) bytes too many")
        }
    }

    /// Reads what the log keeps of a chunk's rows and, if a schema is given, the rows.
    func decode(_ index: Int, schema: Schema?) throws(ByteError) -> (metadata: ChunkMetadata, rows: Frame?) {
        let (chunk, bytes) = chunks[index]
        let count = chunk.rowCount
        var reader = ByteReader(bytes)
        var positions = try reader.readIntegers(count: count)
        var previous: Int64 = -1
        for index in positions.indices {
            let relative = positions[index]
            guard relative > previous, relative < Int64(header.rowCount) else {
                throw .malformed(at: reader.offset, what: "positions that do not ascend within the block")
            }
            previous = relative
            positions[index] = header.firstPosition + relative
        }
        var metadata = ChunkMetadata(positions: positions, payloads: [])
        let column = try reader.readVarint()
        if column == 0 {
            metadata.eventTimes = try reader.readIntegers(count: count)
        } else {
            guard column <= UInt64(bytes.count) else { throw .malformed(at: reader.offset, what: "a column numbered \(column)") }
            metadata.eventTimeColumn = Int(column) - 1
        }
        if try Self.readFlag(&reader) { metadata.knownDelays = try reader.readIntegers(count: count) }
        if try Self.readFlag(&reader) { metadata.uniqueKeys = try Self.readFingerprints(count, &reader) }
        metadata.payloads = try Self.readFingerprints(count, &reader)
        if chunk.kind.supersedes {
            metadata.superseded = zip(positions, try reader.readIntegers(count: count)).map { $0 &- $1 }
        }
        guard let schema else { return (metadata, nil) }
        let rows = try Frame(decodingColumns: &reader, schema: schema, rowLimit: count)
        guard rows.rowCount == count, reader.isAtEnd else {
            throw .malformed(at: reader.offset, what: "\(rows.rowCount) rows where \(count) were announced")
        }
        if let column = metadata.eventTimeColumn {
            guard column < rows.columns.count, case .timestamp(let times) = rows.columns[column].storage else {
                throw .malformed(at: reader.offset, what: "event times in a column that holds none")
            }
            metadata.eventTimes = times
        }
        return (metadata, rows)
    }

    /// The rows of a chunk as they are given to readers.
    func batch(_ index: Int, dictionary: [DictionaryEntry]) throws(ByteError) -> StoredBatch {
        let chunk = chunks[index].header
        let (metadata, rows) = try decode(index, schema: dictionary[chunk.entry].schema)
        guard let rows, let eventTimes = metadata.eventTimes else {
            throw .malformed(at: 0, what: "a chunk without rows")
        }
        let count = chunk.rowCount
        return StoredBatch(
            stream: dictionary[chunk.entry].stream, kind: chunk.kind, rows: rows, positions: metadata.positions,
            eventTimes: eventTimes, ingestTime: header.ingestTime,
            knownTimes: metadata.knownDelays.map { delays in zip(eventTimes, delays).map { $0 &+ $1 } }
                ?? [Int64](repeating: header.ingestTime, count: count),
            uniqueKeys: metadata.uniqueKeys ?? [Fingerprint](repeating: .none, count: count),
            payloads: metadata.payloads, superseded: metadata.superseded)
    }

    /// Reads fingerprints in bulk: half of the bytes of a log of small rows are these.
    private static func readFingerprints(_ count: Int, _ reader: inout ByteReader) throws(ByteError) -> [Fingerprint] {
        let bytes = try reader.readBytes(count * 16)
        return bytes.withUnsafeBytes { source in
            [Fingerprint](unsafeUninitializedCapacity: count) { fingerprints, filled in
                for index in 0..<count {
                    let words = source.loadUnaligned(fromByteOffset: index * 16, as: (UInt64, UInt64).self)
                    fingerprints.initializeElement(
                        at: index, to: Fingerprint(high: UInt64(littleEndian: words.0), low: UInt64(littleEndian: words.1)))
                }
                filled = count
            }
        }
    }

    private static func readFlag(_ reader: inout ByteReader) throws(ByteError) -> Bool {
        let start = reader.offset
        let flag = try reader.readByte()
        guard flag <= 1 else { throw .malformed(at: start, what: "a flag of \(flag)") }
        return flag == 1
    }
}
