import MartletBytes
import MartletFrames
import MartletWorld

/// The unique keys of a sealed segment: sorted pages on disk, and in memory a Bloom filter and the first key of each page.
///
/// Memory is 10 bits of filter and 1.2 bits of page keys a key, so 1.4 bytes; about 1 % of the keys that the segment does
/// not hold cost a page read. An entry is the state of its key at the segment's end, so the newest segment that holds a
/// key knows all there is to know of it.
///
/// Source of the filter: B. Bloom, *Space/time trade-offs in hash coding with allowable errors*, 1970; two hashes stand for
/// seven as in A. Kirsch, M. Mitzenmacher, *Less hashing, same performance*, 2006.
package struct KeyFile: Sendable {
    static let pageSize = 4_096
    private static let magic: [UInt8] = Array("MARTLETK".utf8)
    private static let version: UInt32 = 1
    private static let probes = 7
    private static let bitsPerKey = 10

    /// The two tables of a key file: the keys, and the first payloads of those keys that were changed.
    private enum Table {
        case keys, originals

        /// Bytes of an entry: key, payload, and for a key its position in the segment and its kind.
        var width: Int { self == .keys ? 37 : 32 }
        var perPage: Int { (KeyFile.pageSize - 4) / width }
        func pages(_ count: Int) -> Int { (count + perPage - 1) / perPage }
    }

    let path: RelativePath
    private let file: any File
    private let segment: SegmentHeader
    private let keyCount: Int
    private let originalCount: Int
    private let filter: [UInt64]
    private let keyFences: [Fingerprint]
    private let originalFences: [Fingerprint]
    private let pagesOffset: Int

    /// Bytes of memory that stay occupied.
    var residentBytes: Int { filter.count * 8 + (keyFences.count + originalFences.count) * 16 }

    /// The bytes of the key file of a segment.
    static func encode(_ table: KeyTable, of segment: SegmentCatalog) -> [UInt8] {
        let states = table.sorted()
        var changed: [(key: Fingerprint, payload: Fingerprint)] = []
        if !table.isOriginal {
            for (key, number) in states {
                let state = table.state(at: number)
                if state.originalPayload != state.payload { changed.append((key, state.originalPayload)) }
            }
        }
        var filter = [UInt64](repeating: 0, count: (states.count * bitsPerKey + 63) / 64)
        for (key, _) in states {
            forEachBit(of: key, in: filter.count) { bit in
                filter[bit >> 6] |= 1 << UInt64(bit & 63)
                return true
            }
        }

        var writer = ByteWriter(reserving: states.count * 42 + pageSize)
        writer.write(contentsOf: magic)
        writer.write(fixed: version)
        writer.write(contentsOf: segment.header.encoded())
        writer.write(fixed: segment.endPosition)
        writer.write(fixed: segment.lastChecksum)
        writer.write(fixed: UInt32(states.count))
        writer.write(fixed: UInt32(changed.count))
        for word in filter { writer.write(fixed: word) }
        writer.write(fingerprints: stride(from: 0, to: states.count, by: Table.keys.perPage).map { states[$0].key })
        writer.write(fingerprints: stride(from: 0, to: changed.count, by: Table.originals.perPage).map { changed[$0].key })
        writer.write(fixed: CRC32C.checksum(writer.bytes))
        pad(&writer)
        for start in stride(from: 0, to: states.count, by: Table.keys.perPage) {
            let offset = writer.count
            for (key, number) in states[start..<min(start + Table.keys.perPage, states.count)] {
                let state = table.state(at: number)
                writer.write(fixed: key.high)
                writer.write(fixed: key.low)
                writer.write(fixed: state.payload.high)
                writer.write(fixed: state.payload.low)
                writer.write(fixed: UInt32(state.position - segment.header.firstPosition))
                writer.write(state.kind.rawValue)
            }
            finishPage(from: offset, of: segment.header, &writer)
        }
        for start in stride(from: 0, to: changed.count, by: Table.originals.perPage) {
            let offset = writer.count
            for (key, payload) in changed[start..<min(start + Table.originals.perPage, changed.count)] {
                writer.write(fingerprints: [key, payload])
            }
            finishPage(from: offset, of: segment.header, &writer)
        }
        return writer.bytes
    }

    /// Opens the key file of a segment; nil if it is damaged or of another segment, and so has to be made again.
    static func open(_ path: RelativePath, _ file: any File, for segment: SegmentCatalog) throws(LogError) -> KeyFile? {
        let fixed = magic.count + 4 + SegmentHeader.size + 8 + 4 + 4 + 4
        do {
            let size = try file.size()
            let start = try file.read(at: 0, count: fixed)
            guard start.count == fixed, start.starts(with: magic) else { return nil }
            var reader = ByteReader(start.dropFirst(magic.count))
            let version = try reader.readFixed(UInt32.self)
            guard version <= Self.version else {
                throw LogError.newerFormat(path, found: version, newest: Self.version)
            }
            guard try reader.readBytes(SegmentHeader.size).elementsEqual(segment.header.encoded()),
                try reader.readFixed(Int64.self) == segment.endPosition,
                try reader.readFixed(UInt32.self) == segment.lastChecksum
            else { return nil }
            let keyCount = Int(try reader.readFixed(UInt32.self))
            let originalCount = Int(try reader.readFixed(UInt32.self))
            guard keyCount <= segment.rowCount, originalCount <= keyCount else { return nil }
            let words = (keyCount * bitsPerKey + 63) / 64
            let keyPages = Table.keys.pages(keyCount)
            let originalPages = Table.originals.pages(originalCount)
            let length = words * 8 + (keyPages + originalPages) * 16 + 4
            let pagesOffset = (fixed + length + pageSize - 1) / pageSize * pageSize
            guard size == pagesOffset + (keyPages + originalPages) * pageSize else { return nil }
            let rest = try file.read(at: fixed, count: length)
            guard rest.count == length else { return nil }
            var crc = CRC32C()
            crc.update(start)
            crc.update(rest.dropLast(4))
            reader = ByteReader(rest)
            var filter: [UInt64] = []
            filter.reserveCapacity(words)
            for _ in 0..<words { filter.append(try reader.readFixed(UInt64.self)) }
            let keyFences = try reader.readFingerprints(count: keyPages)
            let originalFences = try reader.readFingerprints(count: originalPages)
            guard try reader.readFixed(UInt32.self) == crc.value else { return nil }
            return KeyFile(
                path: path, file: file, segment: segment.header, keyCount: keyCount, originalCount: originalCount,
                filter: filter, keyFences: keyFences, originalFences: originalFences, pagesOffset: pagesOffset)
        } catch let error as LogError { throw error
        } catch let error as FileError { throw .unavailable(error)
        } catch { return nil }
    }

    /// The state of a key at the segment's end; nil if the segment does not hold it.
    func state(of key: Fingerprint, pages: inout GenerationCache<Page, [UInt8]>) throws(LogError) -> KeyState? {
        guard mayHold(key) else { return nil }
        guard let entry = try find(key, in: .keys, pages: &pages) else { return nil }
        do {
            var reader = ByteReader(entry.dropFirst(16))
            let payload = try reader.readFingerprints(count: 1)[0]
            let position = segment.firstPosition + Int64(try reader.readFixed(UInt32.self))
            let code = try reader.readByte()
            guard let kind = RecordKind(rawValue: code) else { throw LogError.damaged(path, at: 0, "a key of kind \(code)") }
            var original = payload
            if originalCount > 0, let entry = try find(key, in: .originals, pages: &pages) {
                reader = ByteReader(entry.dropFirst(16))
                original = try reader.readFingerprints(count: 1)[0]
            }
            return KeyState(position: position, payload: payload, kind: kind, originalPayload: original)
        } catch let error as LogError { throw error } catch { throw .damaged(path, at: 0, "\(error)") }
    }

    /// A page of a key file, named for the cache.
    struct Page: Hashable, Sendable {
        var segment: Int64
        var number: Int
    }

    /// False only for keys that the segment does not hold.
    func mayHold(_ key: Fingerprint) -> Bool {
        var holds = !filter.isEmpty
        Self.forEachBit(of: key, in: filter.count) { bit in
            holds = filter[bit >> 6] >> UInt64(bit & 63) & 1 == 1
            return holds
        }
        return holds
    }

    /// The bytes of a key's entry in a table, found by bisection over the page keys and then within the page.
    private func find(
        _ key: Fingerprint, in table: Table, pages: inout GenerationCache<Page, [UInt8]>
    ) throws(LogError) -> ArraySlice<UInt8>? {
        let fences = table == .keys ? keyFences : originalFences
        let count = table == .keys ? keyCount : originalCount
        var (low, high) = (0, fences.count)
        while low < high {
            let middle = (low + high) / 2
            if fences[middle] <= key { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let page = low - 1
        let bytes = try read(page + (table == .keys ? 0 : keyFences.count), pages: &pages)
        var (first, last) = (0, min(table.perPage, count - page * table.perPage))
        while first < last {
            let middle = (first + last) / 2
            let entry = bytes[(middle * table.width)..<((middle + 1) * table.width)]
            let found = entry.withUnsafeBytes { source in
                Fingerprint(
                    high: UInt64(littleEndian: source.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                    low: UInt64(littleEndian: source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
            if found == key { return entry }
            if found < key { first = middle + 1 } else { last = middle }
        }
        return nil
    }

    private func read(_ number: Int, pages: inout GenerationCache<Page, [UInt8]>) throws(LogError) -> [UInt8] {
        let page = Page(segment: segment.firstPosition, number: number)
        if let bytes = pages.value(of: page) { return bytes }
        let offset = pagesOffset + number * Self.pageSize
        let bytes: [UInt8]
        do throws(FileError) { bytes = try file.read(at: offset, count: Self.pageSize) } catch { throw .unavailable(error) }
        guard bytes.count == Self.pageSize else { throw .damaged(path, at: offset, "the file ends within a page") }
        let stored = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: Self.pageSize - 4, as: UInt32.self) }
        guard UInt32(littleEndian: stored) == segment.checksum(at: offset, bytes.dropLast(4)) else {
            throw .damaged(path, at: offset, "a page of keys does not match its checksum")
        }
        pages.insert(bytes, for: page)
        return bytes
    }

    private static func pad(_ writer: inout ByteWriter) {
        let rest = writer.count % pageSize
        if rest > 0 { writer.write(contentsOf: repeatElement(0, count: pageSize - rest)) }
    }

    private static func finishPage(from offset: Int, of segment: SegmentHeader, _ writer: inout ByteWriter) {
        writer.write(contentsOf: repeatElement(0, count: offset + pageSize - 4 - writer.count))
        writer.write(fixed: segment.checksum(at: offset, writer.bytes[offset...]))
    }

    /// Visits the bits of a key until `body` answers false.
    private static func forEachBit(of key: Fingerprint, in words: Int, _ body: (Int) -> Bool) {
        guard words > 0 else { return }
        func mix(_ word: UInt64) -> UInt64 {
            let once = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            let twice = (once ^ (once >> 27)) &* 0x94D0_49BB_1331_11EB
            return twice ^ (twice >> 31)
        }
        var hash = mix(key.high ^ 0x9E37_79B9_7F4A_7C15 &+ mix(key.low))
        let step = mix(key.low &+ mix(key.high)) | 1
        for _ in 0..<probes {
            guard body(Int(hash.multipliedFullWidth(by: UInt64(words * 64)).high)) else { return }
            hash = hash &+ step
        }
    }
}
