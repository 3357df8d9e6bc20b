import MartletBytes
import MartletWorld

// The bytes are described in `docs/reference/log-format.md`, which changes with this file.

/// The first 64 bytes of a segment: which log, which part of it.
struct SegmentHeader: Hashable, Sendable {
    static let size = 64
    static let version: UInt32 = 1
    static let magic: [UInt8] = Array("MARTLETS".utf8)

    /// Drawn when the log was created; no block of another log passes for one of this.
    var logHigh: UInt64
    var logLow: UInt64
    var firstPosition: Int64
    /// The sequence number of the first block.
    var firstSequence: UInt64
    /// The checksum of the block before, which ties the segments together; 0 in the first.
    var previousChecksum: UInt32

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: Self.size)
        writer.write(contentsOf: Self.magic)
        writer.write(fixed: Self.version)
        writer.write(fixed: previousChecksum)
        writer.write(fixed: logHigh)
        writer.write(fixed: logLow)
        writer.write(fixed: firstPosition)
        writer.write(fixed: firstSequence)
        writer.write(contentsOf: [UInt8](repeating: 0, count: Self.size - 4 - writer.count))
        writer.write(fixed: CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// Reads a header; nil if the bytes are none.
    static func decode(_ bytes: ArraySlice<UInt8>, of file: RelativePath) throws(LogError) -> SegmentHeader? {
        guard bytes.count >= size else { return nil }
        let bytes = bytes.prefix(size)
        guard bytes.starts(with: magic) else { return nil }
        var reader = ByteReader(bytes.dropFirst(magic.count))
        let version: UInt32
        let header: SegmentHeader
        do throws(ByteError) {
            version = try reader.readFixed(UInt32.self)
            let previousChecksum = try reader.readFixed(UInt32.self)
            header = SegmentHeader(
                logHigh: try reader.readFixed(UInt64.self), logLow: try reader.readFixed(UInt64.self),
                firstPosition: try reader.readFixed(Int64.self), firstSequence: try reader.readFixed(UInt64.self),
                previousChecksum: previousChecksum)
            _ = try reader.readBytes(reader.remaining - 4)
            guard try reader.readFixed(UInt32.self) == CRC32C.checksum(bytes.dropLast(4)) else { return nil }
        } catch { return nil }
        guard version <= Self.version else { throw .newerFormat(file, found: version, newest: Self.version) }
        guard version == Self.version, header.firstPosition >= 0 else { return nil }
        return header
    }

    /// A checksum that is right only for these bytes at this place of this log.
    func checksum(at offset: Int, _ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = CRC32C()
        withUnsafeBytes(of: (logHigh.littleEndian, logLow.littleEndian, firstPosition.littleEndian, Int64(offset).littleEndian)) {
            crc.update($0)
        }
        crc.update(bytes)
        return crc.value
    }
}

/// The 48 bytes before each block's body.
struct BlockHeader: Hashable, Sendable {
    static let size = 48
    static let magic: [UInt8] = Array("MBLK".utf8)
    /// Greater numbers are refused when read, before anything is allocated for them.
    static let bodyBytesMax = 1 << 28
    static let rowsMax = 1 << 22

    var bodyLength: Int
    /// Counts the blocks of the whole log.
    var sequence: UInt64
    var firstPosition: Int64
    /// A block of no rows marks that the log was closed.
    var rowCount: Int
    var ingestTime: Int64
    /// The checksum of the block before.
    var previousChecksum: UInt32
    var bodyChecksum: UInt32

    /// The header of a block at an offset, with its own checksum, bound to the place, at the end.
    func encoded(at offset: Int, in segment: SegmentHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: Self.size)
        writer.write(contentsOf: Self.magic)
        writer.write(fixed: UInt32(bodyLength))
        writer.write(fixed: sequence)
        writer.write(fixed: firstPosition)
        writer.write(fixed: UInt32(rowCount))
        writer.write(fixed: ingestTime)
        writer.write(fixed: previousChecksum)
        writer.write(fixed: bodyChecksum)
        writer.write(fixed: segment.checksum(at: offset, writer.bytes[...]))
        return writer.bytes
    }

    /// Reads the header at an offset of a segment; nil if there is none.
    static func decode(_ bytes: ArraySlice<UInt8>, at offset: Int, in segment: SegmentHeader) -> BlockHeader? {
        guard bytes.count >= size, bytes.starts(with: magic) else { return nil }
        let bytes = bytes.prefix(size)
        var reader = ByteReader(bytes.dropFirst(magic.count))
        do throws(ByteError) {
            let header = BlockHeader(
                bodyLength: Int(try reader.readFixed(UInt32.self)), sequence: try reader.readFixed(UInt64.self),
                firstPosition: try reader.readFixed(Int64.self), rowCount: Int(try reader.readFixed(UInt32.self)),
                ingestTime: try reader.readFixed(Int64.self), previousChecksum: try reader.readFixed(UInt32.self),
                bodyChecksum: try reader.readFixed(UInt32.self))
            guard try reader.readFixed(UInt32.self) == segment.checksum(at: offset, bytes.dropLast(4)) else { return nil }
            guard header.bodyLength <= bodyBytesMax, header.rowCount <= rowsMax else { return nil }
            return header
        } catch { return nil }
    }
}
