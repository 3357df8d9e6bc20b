import MartletBytes
import MartletFrames
import MartletWorld

/// The durable log at one moment: a value that can be read from any thread while the log grows.
package struct LogView: Sendable {
    struct Segment: Sendable {
        let path: RelativePath
        let file: any File
        let catalog: SegmentCatalog
    }

    let sealed: [SealedSegment]
    let active: Segment

    package var end: Int64 { active.catalog.endPosition }

    /// At most this much is read from a file at once, unless a single extent is larger.
    private static let readBytes = 1 << 20

    /// Reads a page; see ``EventLog/read(from:streams:maxRows:maxBytes:)``.
    package func read(from position: Int64, streams: Set<String>?, maxRows: Int, maxBytes: Int) throws(LogError) -> LogPage {
        var page = LogPage(batches: [], next: max(0, position), end: end)
        var rowsLeft = maxRows
        var bytesLeft = maxBytes
        var number = segmentIndex(of: page.next)
        while page.next < end, rowsLeft > 0, bytesLeft > 0, number <= sealed.count {
            let segment = segment(number)
            try read(segment, streams: streams, into: &page, rowsLeft: &rowsLeft, bytesLeft: &bytesLeft)
            if page.next >= segment.catalog.endPosition { number += 1 }
        }
        return page
    }

    /// Reads on within one segment until it ends or a limit is reached.
    private func read(
        _ segment: Segment, streams: Set<String>?, into page: inout LogPage, rowsLeft: inout Int, bytesLeft: inout Int
    ) throws(LogError) {
        let catalog = segment.catalog
        var mask: UInt64 = 0
        var wanted: [Bool] = []
        for (index, entry) in catalog.dictionary.enumerated() {
            wanted.append(streams?.contains(entry.stream) ?? true)
            if wanted[index] { mask |= SegmentCatalog.Extent.bit(index) }
        }
        var index = extentIndex(of: page.next, in: catalog)
        while index < catalog.extents.count, rowsLeft > 0, bytesLeft > 0 {
            let first = catalog.extents[index]
            guard first.streams & mask != 0 else {
                index += 1
                page.next = max(page.next, position(after: index, in: catalog))
                continue
            }
            // Neighbours that are wanted as well come with the same read.
            let most = min(Self.readBytes, bytesLeft)
            var last = index + 1
            while last < catalog.extents.count, catalog.extents[last].streams & mask != 0,
                offset(after: last, in: catalog) - first.offset <= most
            { last += 1 }
            let stop = offset(after: last - 1, in: catalog)
            let bytes = try Self.read(segment, at: first.offset, count: stop - first.offset)
            var at = first.offset
            while at < stop, rowsLeft > 0, bytesLeft > 0 {
                let block = try Self.block(at: at, in: bytes[(at - first.offset)...], of: segment)
                let length = BlockHeader.size + block.header.bodyLength
                at += length
                let blockEnd = block.header.firstPosition + Int64(block.header.rowCount)
                guard blockEnd > page.next else { continue }
                bytesLeft -= length
                let batches = try Self.decode(block, of: segment, at: at - length) { wanted[$0.entry] }
                try Self.take(batches, into: &page, blockEnd: blockEnd, rowsLeft: &rowsLeft)
            }
            index = last
        }
    }

    /// Adds a block's batches to a page in log order, from the page's next position, as far as rows are left.
    private static func take(
        _ batches: [StoredBatch], into page: inout LogPage, blockEnd: Int64, rowsLeft: inout Int
    ) throws(LogError) {
        for batch in ordered(batches) {
            guard let last = batch.positions.last, last >= page.next else { continue }
            guard rowsLeft > 0 else { return }
            if batch.positions[0] >= page.next, batch.positions.count <= rowsLeft {
                page.batches.append(batch)
                rowsLeft -= batch.positions.count
                page.next = last + 1
            } else {
                let first = batch.positions.firstIndex { $0 >= page.next } ?? 0
                let rows = Array(first..<min(batch.positions.count, first + rowsLeft))
                let part = batch.gathering(rows)
                page.next = (part.positions.last ?? last) + 1
                rowsLeft -= rows.count
                page.batches.append(part)
                if page.next <= last { return }
            }
        }
        page.next = max(page.next, blockEnd)
    }

    /// The batches of a block in log order; those whose positions interleave are split into runs.
    static func ordered(_ batches: [StoredBatch]) -> [StoredBatch] {
        let sorted = batches.sorted { $0.positions[0] < $1.positions[0] }
        let overlap = zip(sorted, sorted.dropFirst()).contains { $0.positions[$0.positions.count - 1] > $1.positions[0] }
        guard overlap else { return sorted }
        var heads = [Int](repeating: 0, count: sorted.count)
        var runs: [StoredBatch] = []
        while true {
            var first: Int?
            var limit = Int64.max
            for index in sorted.indices where heads[index] < sorted[index].positions.count {
                let position = sorted[index].positions[heads[index]]
                if let best = first {
                    let bestPosition = sorted[best].positions[heads[best]]
                    limit = min(limit, max(position, bestPosition))
                    if position < bestPosition { first = index }
                } else {
                    first = index
                }
            }
            guard let first else { return runs }
            let start = heads[first]
            var stop = start
            while stop < sorted[first].positions.count, sorted[first].positions[stop] < limit { stop += 1 }
            heads[first] = stop
            runs.append(sorted[first].gathering(Array(start..<stop)))
        }
    }

    /// All batches of the block that holds a position, and how many bytes it takes on disk; nil at or past the end.
    package func block(holding position: Int64) throws(LogError) -> (batches: [StoredBatch], bytes: Int)? {
        guard position >= 0, position < end else { return nil }
        let segment = segment(segmentIndex(of: position))
        let index = extentIndex(of: position, in: segment.catalog)
        let first = segment.catalog.extents[index].offset
        let stop = offset(after: index, in: segment.catalog)
        let bytes = try Self.read(segment, at: first, count: stop - first)
        var at = first
        while at < stop {
            let block = try Self.block(at: at, in: bytes[(at - first)...], of: segment)
            if position < block.header.firstPosition + Int64(block.header.rowCount) {
                let batches = try Self.decode(block, of: segment, at: at) { _ in true }
                return (batches, BlockHeader.size + block.header.bodyLength)
            }
            at += BlockHeader.size + block.header.bodyLength
        }
        throw .damaged(segment.path, at: first, "no block here holds position \(position)")
    }

    /// The records at some positions; see ``EventLog/rows(at:)``.
    ///
    /// - Parameter block: the batches of the block that holds a position below the end, from a cache or from here.
    package func rows(
        at positions: [Int64], block: ((Int64) throws(LogError) -> [StoredBatch])? = nil
    ) throws(LogError) -> [StoredBatch] {
        let end = end
        let wanted = positions.filter { $0 >= 0 && $0 < end }.sorted()
        var found: [StoredBatch] = []
        var next = 0
        while next < wanted.count {
            let first = wanted[next]
            let batches: [StoredBatch] = if let block { try block(first) } else { try self.block(holding: first)?.batches ?? [] }
            // A block holds all positions from its first to its last.
            let last = batches.reduce(first) { max($0, $1.positions.last ?? first) }
            var stop = next
            while stop < wanted.count, wanted[stop] <= last { stop += 1 }
            for batch in batches {
                let rows = Self.rows(at: wanted[next..<stop], in: batch.positions)
                if !rows.isEmpty { found.append(batch.gathering(rows)) }
            }
            next = stop
        }
        return found
    }

    /// The indices at which ascending positions stand among ascending others.
    private static func rows(at wanted: ArraySlice<Int64>, in positions: [Int64]) -> [Int] {
        var rows: [Int] = []
        var low = 0
        for position in wanted {
            var high = positions.count
            while low < high {
                let middle = (low + high) / 2
                if positions[middle] < position { low = middle + 1 } else { high = middle }
            }
            if low < positions.count, positions[low] == position, rows.last != low { rows.append(low) }
        }
        return rows
    }

    /// What is held of each stream, sorted by name.
    package func streams() -> [StreamSummary] {
        var summaries: [String: StreamSummary] = [:]
        for catalog in sealed.map(\.catalog) + [active.catalog] {
            for tally in catalog.tallies {
                let stream = catalog.dictionary[tally.entry].stream
                var summary = summaries[stream] ?? StreamSummary(stream: stream, counts: [:], eventTimes: tally.eventTimes)
                summary.counts[tally.kind, default: 0] += tally.count
                let span = summary.eventTimes
                summary.eventTimes =
                    min(span.lowerBound, tally.eventTimes.lowerBound)...max(span.upperBound, tally.eventTimes.upperBound)
                summaries[stream] = summary
            }
        }
        return summaries.values.sorted { $0.stream.utf8.lexicographicallyPrecedes($1.stream.utf8) }
    }

    /// Reads everything there is and checks every checksum; returns how many records there are.
    package func verify() throws(LogError) -> Int64 {
        var count: Int64 = 0
        for number in 0...sealed.count {
            let segment = segment(number)
            var scanned = SegmentCatalog(segment.catalog.header)
            let file = segment.file
            var scanner = SegmentScanner(size: segment.catalog.endOffset) { offset, count throws(FileError) in
                try file.read(at: offset, count: count)
            }
            let end = try scanner.scan(&scanned, extentBytes: 1 << 20) { block in
                for index in block.chunks.indices {
                    let entry = block.chunks[index].header.entry
                    let known = entry < block.firstAddition ? segment.catalog.dictionary[entry] : block.additions[entry - block.firstAddition]
                    _ = try block.decode(index, schema: known.schema)
                }
            }
            switch end {
            case .whole: count += Int64(scanned.rowCount)
            case .torn(let offset): throw .damaged(segment.path, at: offset, "a block does not match its checksum")
            case .damaged(let offset, let what): throw .damaged(segment.path, at: offset, what)
            }
        }
        return count
    }

    private func segment(_ number: Int) -> Segment {
        guard number < sealed.count else { return active }
        return Segment(path: sealed[number].path, file: sealed[number].file, catalog: sealed[number].catalog)
    }

    /// The number of the segment that holds a position; that of the active one past the end.
    private func segmentIndex(of position: Int64) -> Int {
        var (low, high) = (0, sealed.count)
        while low < high {
            let middle = (low + high) / 2
            if sealed[middle].catalog.endPosition <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The index of the last extent that begins at or before a position.
    private func extentIndex(of position: Int64, in catalog: SegmentCatalog) -> Int {
        var (low, high) = (0, catalog.extents.count)
        while low < high {
            let middle = (low + high) / 2
            if catalog.extents[middle].firstPosition <= position { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    private func offset(after extent: Int, in catalog: SegmentCatalog) -> Int {
        extent + 1 < catalog.extents.count ? catalog.extents[extent + 1].offset : catalog.endOffset
    }

    private func position(after count: Int, in catalog: SegmentCatalog) -> Int64 {
        count < catalog.extents.count ? catalog.extents[count].firstPosition : catalog.endPosition
    }

    private static func read(_ segment: Segment, at offset: Int, count: Int) throws(LogError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try segment.file.read(at: offset, count: count) } catch { throw .unavailable(error) }
        guard bytes.count == count else {
            throw .damaged(segment.path, at: offset + bytes.count, "the file ends here, and \(count - bytes.count) bytes are missing")
        }
        return bytes
    }

    /// Checks the block at an offset, whose bytes begin the given ones.
    private static func block(at offset: Int, in bytes: ArraySlice<UInt8>, of segment: Segment) throws(LogError) -> BlockBody {
        guard let header = BlockHeader.decode(bytes, at: offset, in: segment.catalog.header) else {
            throw .damaged(segment.path, at: offset, "no block begins here")
        }
        let body = bytes.dropFirst(BlockHeader.size).prefix(header.bodyLength)
        guard body.count == header.bodyLength,
            segment.catalog.header.checksum(at: offset + BlockHeader.size, body) == header.bodyChecksum
        else { throw .damaged(segment.path, at: offset, "block \(header.sequence) does not match its checksum") }
        do throws(ByteError) { return try BlockBody(header, body) } catch {
            throw .damaged(segment.path, at: offset, "block \(header.sequence): \(error)")
        }
    }

    private static func decode(
        _ block: BlockBody, of segment: Segment, at offset: Int, where isWanted: (ChunkHeader) -> Bool
    ) throws(LogError) -> [StoredBatch] {
        var batches: [StoredBatch] = []
        for index in block.chunks.indices {
            let chunk = block.chunks[index].header
            guard chunk.entry < segment.catalog.dictionary.count else {
                throw .damaged(segment.path, at: offset, "block \(block.header.sequence) names an unknown stream")
            }
            guard isWanted(chunk) else { continue }
            do throws(ByteError) {
                batches.append(try block.batch(index, dictionary: segment.catalog.dictionary))
            } catch { throw .damaged(segment.path, at: offset, "block \(block.header.sequence): \(error)") }
        }
        return batches
    }
}
