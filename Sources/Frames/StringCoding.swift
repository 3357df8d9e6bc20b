internal import MartletBytes

/// Texts as bytes: end to end with their lengths, or as a dictionary of the distinct ones where that is smaller.
enum StringCoding {
    static func encode(_ strings: StringStorage, validity: Bitmap?, into writer: inout ByteWriter) {
        var rows: [Int]?
        if let validity { rows = (0..<strings.count).filter { validity[$0] } }
        let count = rows?.count ?? strings.count
        var lengths = [Int64]()
        lengths.reserveCapacity(count)
        if let rows {
            for row in rows { lengths.append(Int64(strings.offsets[row + 1] - strings.offsets[row])) }
        } else {
            for row in 0..<count { lengths.append(Int64(strings.offsets[row + 1] - strings.offsets[row])) }
        }
        let start = writer.count
        if let (entries, indices) = DistinctTexts.index(strings, rows: rows, count: count) {
            writer.write(ColumnForm.dictionary)
            writer.write(varint: UInt64(entries.count))
            writer.write(integers: entries.map { Int64(strings.offsets[$0 + 1] - strings.offsets[$0]) })
            for row in entries { writer.write(contentsOf: strings.utf8(row)) }
            writer.write(integers: indices)
            // Lengths are mostly small and alike; a byte each is a fair guess of what raw would take.
            if writer.count - start <= strings.bytes.count + count { return }
            writer.truncate(to: start)
        }
        writer.write(ColumnForm.raw)
        writer.write(integers: lengths)
        // Missing rows are empty, so all bytes belong to rows that are present.
        writer.write(contentsOf: strings.bytes)
    }

    static func decode(
        _ present: Int, validity: Bitmap?, from reader: inout ByteReader, textBytes: inout Int
    ) throws(ByteError) -> StringStorage {
        let start = reader.offset
        let rows = validity?.count ?? present
        switch try reader.readByte() {
        case ColumnForm.raw:
            let (offsets, bytes) = try texts(present, from: &reader)
            guard bytes.count <= textBytes else { throw tooMuch(bytes.count, over: textBytes, at: start) }
            textBytes -= bytes.count
            guard let validity else { return StringStorage(uncheckedOffsets: offsets, bytes: Array(bytes)) }
            var spread = [0]
            spread.reserveCapacity(rows + 1)
            var next = 0
            for row in 0..<rows {
                if validity[row] { next += 1 }
                spread.append(offsets[next])
            }
            return StringStorage(uncheckedOffsets: spread, bytes: Array(bytes))
        case ColumnForm.dictionary:
            let entryCount = try reader.readCount(minimumSize: 0)
            guard entryCount <= present else {
                throw .malformed(at: start, what: "\(entryCount) distinct texts in \(present) rows")
            }
            let (offsets, bytes) = try texts(entryCount, from: &reader)
            let indices = try reader.readIntegers(count: present)
            var total = 0
            for index in indices {
                guard index >= 0, index < entryCount else {
                    throw .malformed(at: start, what: "an entry \(index) of a dictionary of \(entryCount)")
                }
                total += offsets[Int(index) + 1] - offsets[Int(index)]
                guard total <= textBytes else { throw tooMuch(total, over: textBytes, at: start) }
            }
            textBytes -= total
            var strings = StringStorage()
            strings.reserveCapacity(rows: rows, bytes: total)
            var next = 0
            bytes.withUnsafeBytes { entries in
                for row in 0..<rows {
                    if let validity, !validity[row] {
                        strings.append(utf8: EmptyCollection())
                    } else {
                        let entry = Int(indices[next])
                        next += 1
                        strings.append(
                            utf8: UnsafeRawBufferPointer(
                                rebasing: entries[offsets[entry]..<offsets[entry + 1]]))
                    }
                }
            }
            return strings
        case let tag:
            throw .malformed(at: start, what: "an unknown form \(tag) of texts")
        }
    }

    private static func tooMuch(_ bytes: Int, over limit: Int, at offset: Int) -> ByteError {
        .malformed(at: offset, what: "\(bytes) bytes of text where the limit leaves \(limit)")
    }

    /// Reads lengths and bytes; each text is checked to be UTF-8 by itself.
    private static func texts(
        _ count: Int, from reader: inout ByteReader
    ) throws(ByteError) -> (offsets: [Int], bytes: ArraySlice<UInt8>) {
        let start = reader.offset
        let lengths = try reader.readIntegers(count: count)
        var offsets = [0]
        offsets.reserveCapacity(count + 1)
        var total = 0
        for length in lengths {
            guard length >= 0, length <= reader.remaining - total else {
                throw .malformed(
                    at: start, what: "a text of \(length) bytes where \(reader.remaining - total) are left")
            }
            total += Int(length)
            offsets.append(total)
        }
        let bytes = try reader.readBytes(total)
        let fault: Int? = bytes.withUnsafeBytes { raw in
            if let invalid = UTF8Check.firstInvalid(in: raw) { return invalid }
            // All is UTF-8, and no text starts inside a character: so each text is UTF-8.
            return offsets.first { $0 < total && UTF8Check.isContinuation(raw[$0]) }
        }
        if let fault { throw .malformed(at: reader.offset - total + fault, what: "text that is not UTF-8") }
        return (offsets, bytes)
    }
}

/// Finds the distinct texts of a column.
enum DistinctTexts {
    /// More entries than this are no gain worth the table.
    static let mostEntries = 65_536

    /// The first row of each distinct text in order of appearance, and for each row the number of its entry;
    /// nil if texts are so seldom alike that a dictionary would not pay.
    ///
    /// - Complexity: O(bytes) expected; a fixed number of allocations.
    static func index(
        _ strings: StringStorage, rows: [Int]?, count: Int
    ) -> (entries: [Int], indices: [Int64])? {
        guard count > 0 else { return nil }
        let mostEntries = min(mostEntries, count / 2 + 1)
        var capacity = 64
        while capacity < mostEntries * 2 { capacity *= 2 }
        var slots = [Int32](repeating: -1, count: capacity)
        var hashes: [UInt64] = []
        var entries: [Int] = []
        var indices: [Int64] = []
        indices.reserveCapacity(count)
        let fits: Bool = strings.bytes.withUnsafeBytes { bytes in
            for position in 0..<count {
                let row = rows?[position] ?? position
                let range = strings.offsets[row]..<strings.offsets[row + 1]
                let hash = Self.hash(bytes, range)
                var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
                while true {
                    let entry = Int(slots[slot])
                    if entry < 0 {
                        guard entries.count < mostEntries else { return false }
                        // After a while of hardly any repetition the rest is not tried.
                        if position == 4_096, entries.count > 3_000 { return false }
                        slots[slot] = Int32(entries.count)
                        indices.append(Int64(entries.count))
                        entries.append(row)
                        hashes.append(hash)
                        break
                    }
                    let other = entries[entry]
                    if hashes[entry] == hash,
                        equal(bytes, range, strings.offsets[other]..<strings.offsets[other + 1])
                    {
                        indices.append(Int64(entry))
                        break
                    }
                    slot = (slot + 1) & (capacity - 1)
                }
            }
            return true
        }
        return fits ? (entries, indices) : nil
    }

    /// Not for keys that an attacker chooses: the table is bounded, and long probes only cost time within a block.
    private static func hash(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64 {
        var hash = UInt64(range.count) &* 0x9E37_79B9_7F4A_7C15
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            hash = mixed(hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += 8
        }
        var rest: UInt64 = 0
        while index < range.upperBound {
            rest = rest << 8 | UInt64(bytes[index])
            index += 1
        }
        return mixed(hash ^ rest)
    }

    private static func mixed(_ word: UInt64) -> UInt64 {
        let (high, low) = word.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return high ^ low
    }

    private static func equal(_ bytes: UnsafeRawBufferPointer, _ left: Range<Int>, _ right: Range<Int>)
        -> Bool
    {
        guard left.count == right.count else { return false }
        for step in 0..<left.count where bytes[left.lowerBound + step] != bytes[right.lowerBound + step] {
            return false
        }
        return true
    }
}
