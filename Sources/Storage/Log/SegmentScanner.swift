import MartletBytes
import MartletWorld

/// Walks the blocks of a segment from its first and decides what its end is: whole, torn or damaged.
///
/// A block is written and synced before the next one is written. So a bad block with nothing but rubbish behind it may
/// never have been acknowledged, and is a torn tail; a bad block before one that was certainly written later is damage.
/// Pure over the bytes that `read` gives.
struct SegmentScanner {
    enum End: Hashable, Sendable {
        case whole
        /// The bytes from here on were never acknowledged.
        case torn(at: Int)
        case damaged(at: Int, what: String)
    }

    /// How many bytes are read at a time.
    static let windowBytes = 1 << 20

    let size: Int
    let read: (_ offset: Int, _ count: Int) throws(FileError) -> [UInt8]
    private var window: ArraySlice<UInt8> = []
    private var windowStart = 0

    init(size: Int, read: @escaping (_ offset: Int, _ count: Int) throws(FileError) -> [UInt8]) {
        self.size = size
        self.read = read
    }

    /// Adds every good block to the catalog, after giving it to `visit`.
    mutating func scan(
        _ catalog: inout SegmentCatalog, extentBytes: Int, visit: (BlockBody) throws -> Void
    ) throws(LogError) -> End {
        while catalog.endOffset < size {
            let offset = catalog.endOffset
            let start = try bytes(at: offset, BlockHeader.size)
            guard let header = BlockHeader.decode(start, at: offset, in: catalog.header) else {
                return try judge(offset, catalog, "no block begins here")
            }
            if let what = catalog.mismatch(of: header) { return .damaged(at: offset, what: what) }
            let bodyOffset = offset + BlockHeader.size
            let body = try bytes(at: bodyOffset, header.bodyLength)
            guard body.count == header.bodyLength, catalog.header.checksum(at: bodyOffset, body) == header.bodyChecksum else {
                return try judge(offset, catalog, "block \(header.sequence) does not match its checksum")
            }
            let block: BlockBody
            do {
                block = try BlockBody(header, body)
                guard block.firstAddition == catalog.dictionary.count else {
                    throw ByteError.malformed(at: 0, what: "the dictionary goes on at \(block.firstAddition)")
                }
                try visit(block)
            } catch let error as LogError { throw error
            } catch { return .damaged(at: offset, what: "block \(header.sequence): \(error)") }
            catalog.add(header, additions: block.additions, chunks: block.chunks.map(\.header), extentBytes: extentBytes)
        }
        return .whole
    }

    /// What a bad block means: damage if a later one follows.
    private mutating func judge(_ offset: Int, _ catalog: SegmentCatalog, _ what: String) throws(LogError) -> End {
        var at = offset + 1
        while at + BlockHeader.size <= size {
            let part = try bytes(at: at, min(Self.windowBytes, size - at))
            guard part.count >= BlockHeader.size else { break }
            for start in part.startIndex...(part.endIndex - BlockHeader.size) where part[start] == BlockHeader.magic[0] {
                let place = at + start - part.startIndex
                if let later = BlockHeader.decode(part[start...], at: place, in: catalog.header),
                    later.sequence > catalog.nextSequence
                {
                    return .damaged(at: offset, what: "\(what), and block \(later.sequence) follows at \(place)")
                }
            }
            at += part.count - BlockHeader.size + 1
        }
        return .torn(at: offset)
    }

    /// Up to `count` bytes at an offset; fewer only at the end.
    private mutating func bytes(at offset: Int, _ count: Int) throws(LogError) -> ArraySlice<UInt8> {
        let count = min(count, size - offset)
        if offset < windowStart || offset + count > windowStart + window.count {
            do throws(FileError) {
                window = try read(offset, min(max(count, Self.windowBytes), size - offset))[...]
                windowStart = offset
            } catch { throw .unavailable(error) }
        }
        let start = window.startIndex + offset - windowStart
        return window[min(start, window.endIndex)..<min(start + count, window.endIndex)]
    }
}
