import MartletBytes
import MartletWorld

/// What is known of a segment without reading its blocks; grows with the active one, is kept in a file for a sealed one.
struct SegmentCatalog: Sendable {
    /// A run of neighbouring blocks: the unit of finding and reading.
    struct Extent: Hashable, Sendable {
        var offset: Int
        var firstPosition: Int64
        /// Bit *i* is set if stream *i* of the dictionary may be in it; bit 63 stands for 63 and all above.
        var streams: UInt64

        static func bit(_ entry: Int) -> UInt64 { 1 << UInt64(min(entry, 63)) }
    }

    /// The records of one dictionary entry and kind.
    struct Tally: Hashable, Sendable {
        var entry: Int
        var kind: RecordKind
        var count: Int
        var eventTimes: ClosedRange<Int64>
    }

    let header: SegmentHeader
    var dictionary: [DictionaryEntry] = []
    var extents: [Extent] = []
    var tallies: [Tally] = []
    var endOffset: Int
    var endPosition: Int64
    var nextSequence: UInt64
    /// The checksum of the last block, which the next one repeats.
    var lastChecksum: UInt32
    /// Where the last block begins; nil in an empty segment.
    var lastBlock: Int?
    /// Whether the last block marks that the log was closed.
    var endsWithMark = false

    init(_ header: SegmentHeader) {
        self.header = header
        endOffset = SegmentHeader.size
        endPosition = header.firstPosition
        nextSequence = header.firstSequence
        lastChecksum = header.previousChecksum
    }

    var rowCount: Int { Int(endPosition - header.firstPosition) }

    /// Whether a block is the one that must come next; says what differs if not.
    func mismatch(of block: BlockHeader) -> String? {
        if block.sequence != nextSequence { return "block \(block.sequence) stands where block \(nextSequence) belongs" }
        if block.firstPosition != endPosition { return "a block of position \(block.firstPosition) stands where \(endPosition) belongs" }
        if block.previousChecksum != lastChecksum { return "block \(block.sequence) does not follow the block before it" }
        return nil
    }

    /// Adds the block that comes next.
    mutating func add(
        _ block: BlockHeader, additions: [DictionaryEntry], chunks: some Sequence<ChunkHeader>, extentBytes: Int
    ) {
        let offset = endOffset
        dictionary.append(contentsOf: additions)
        if extents.isEmpty || offset - extents[extents.count - 1].offset >= extentBytes {
            extents.append(Extent(offset: offset, firstPosition: block.firstPosition, streams: 0))
        }
        for chunk in chunks {
            extents[extents.count - 1].streams |= Extent.bit(chunk.entry)
            if let index = tallies.firstIndex(where: { $0.entry == chunk.entry && $0.kind == chunk.kind }) {
                let span = tallies[index].eventTimes
                tallies[index].count += chunk.rowCount
                tallies[index].eventTimes =
                    min(span.lowerBound, chunk.eventTimes.lowerBound)...max(span.upperBound, chunk.eventTimes.upperBound)
            } else {
                tallies.append(Tally(entry: chunk.entry, kind: chunk.kind, count: chunk.rowCount, eventTimes: chunk.eventTimes))
            }
        }
        lastBlock = offset
        endsWithMark = block.rowCount == 0
        endOffset += BlockHeader.size + block.bodyLength
        endPosition += Int64(block.rowCount)
        nextSequence += 1
        lastChecksum = block.bodyChecksum
    }
}

extension SegmentCatalog {
    private static let magic: [UInt8] = Array("MARTLETI".utf8)
    private static let version: UInt32 = 1

    /// The bytes of the index file.
    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 4_096)
        writer.write(contentsOf: Self.magic)
        writer.write(fixed: Self.version)
        writer.write(contentsOf: header.encoded())
        writer.write(varint: UInt64(endOffset))
        writer.write(varint: UInt64(endPosition - header.firstPosition))
        writer.write(varint: nextSequence)
        writer.write(fixed: lastChecksum)
        writer.write(varint: UInt64(lastBlock.map { $0 + 1 } ?? 0))
        writer.write(UInt8(endsWithMark ? 1 : 0))
        writer.write(varint: UInt64(dictionary.count))
        for entry in dictionary { entry.encode(into: &writer) }
        writer.write(varint: UInt64(tallies.count))
        for tally in tallies {
            writer.write(varint: UInt64(tally.entry))
            writer.write(tally.kind.rawValue)
            writer.write(varint: UInt64(tally.count))
            writer.write(zigzag: tally.eventTimes.lowerBound)
            writer.write(zigzag: tally.eventTimes.upperBound)
        }
        writer.write(varint: UInt64(extents.count))
        writer.write(integers: extents.map { Int64($0.offset) })
        writer.write(integers: extents.map { $0.firstPosition - header.firstPosition })
        writer.write(integers: extents.map { Int64(bitPattern: $0.streams) })
        writer.write(fixed: CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// Reads an index file; nil if it is damaged or describes another segment, and so has to be made again.
    static func decode(_ bytes: [UInt8], for header: SegmentHeader, of file: RelativePath) throws(LogError) -> SegmentCatalog? {
        guard bytes.count > 16, bytes.starts(with: magic) else { return nil }
        var reader = ByteReader(bytes.dropLast(4))
        do {
            _ = try reader.readBytes(magic.count)
            let version = try reader.readFixed(UInt32.self)
            var tail = ByteReader(bytes.suffix(4))
            guard try tail.readFixed(UInt32.self) == CRC32C.checksum(bytes.dropLast(4)) else { return nil }
            guard version <= Self.version else {
                throw LogError.newerFormat(file, found: version, newest: Self.version)
            }
            guard try reader.readBytes(SegmentHeader.size).elementsEqual(header.encoded()) else { return nil }
            var catalog = SegmentCatalog(header)
            catalog.endOffset = Int(clamping: try reader.readVarint())
            catalog.endPosition = header.firstPosition &+ Int64(clamping: try reader.readVarint())
            catalog.nextSequence = try reader.readVarint()
            catalog.lastChecksum = try reader.readFixed(UInt32.self)
            let lastBlock = Int(clamping: try reader.readVarint())
            catalog.lastBlock = lastBlock == 0 ? nil : lastBlock - 1
            catalog.endsWithMark = try reader.readByte() == 1
            for _ in 0..<(try reader.readCount(minimumSize: 2)) {
                catalog.dictionary.append(try DictionaryEntry(decoding: &reader))
            }
            for _ in 0..<(try reader.readCount(minimumSize: 5)) {
                let entry = Int(clamping: try reader.readVarint())
                let kind = RecordKind(rawValue: try reader.readByte())
                let count = Int(clamping: try reader.readVarint())
                let least = try reader.readZigzag()
                let greatest = try reader.readZigzag()
                guard let kind, entry < catalog.dictionary.count, least <= greatest else { return nil }
                catalog.tallies.append(Tally(entry: entry, kind: kind, count: count, eventTimes: least...greatest))
            }
            let count = Int(clamping: try reader.readVarint())
            // An extent begins with a block, so a segment of the stated length holds no more of them than this.
            guard count <= catalog.endOffset / BlockHeader.size else { return nil }
            let offsets = try reader.readIntegers(count: count)
            let positions = try reader.readIntegers(count: count)
            let streams = try reader.readIntegers(count: count)
            guard reader.isAtEnd else { return nil }
            var previous = SegmentHeader.size - 1
            for index in 0..<count {
                guard offsets[index] > previous, offsets[index] < catalog.endOffset else { return nil }
                previous = Int(offsets[index])
                catalog.extents.append(
                    Extent(
                        offset: previous, firstPosition: header.firstPosition &+ positions[index],
                        streams: UInt64(bitPattern: streams[index])))
            }
            return catalog
        } catch let error as LogError { throw error } catch { return nil }
    }
}
