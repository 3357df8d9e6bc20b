import MartletBytes

/// Writes rows as unambiguous bytes, so that hashing them tells equal rows from different ones.
///
/// A row is the fields that have a value, in the order of their names' bytes: name (length, UTF-8), type tag, value.
/// A bool is one byte, an integer or a time eight (low first), a double its eight bits-pattern bytes, a text its length
/// and UTF-8. Two rows have equal bytes exactly if they have the same fields with identical values. A missing value
/// writes nothing, so adding an optional field to a stream leaves the bytes of the rows before it as they were.
///
/// ```swift
/// CanonicalRows(frame.schema).forEach(of: frame, after: []) { row, bytes in … }
/// ```
public struct CanonicalRows: Sendable {
    private let schema: Schema
    private let order: [Int]
    /// Of each field: its name with length, and its type tag.
    private let prefixes: [[UInt8]]

    public init(_ schema: Schema) {
        self.schema = schema
        order = schema.fields.indices.sorted {
            schema.fields[$0].name.utf8.lexicographicallyPrecedes(schema.fields[$1].name.utf8)
        }
        prefixes = schema.fields.map { field in
            var writer = ByteWriter()
            writer.write(field.name)
            writer.write(field.type.tag)
            return writer.bytes
        }
    }

    /// Hands over the bytes of each row in turn, each row's after the same prefix.
    ///
    /// Blocks of rows are written column by column, so that a column's type is looked at once a block.
    ///
    /// - Parameter body: gets the row, and its bytes for as long as it runs.
    /// - Precondition: the frame has the schema given at the start.
    /// - Complexity: O(bytes); memory that of a block of 512 rows.
    public func forEach(of frame: Frame, after prefix: [UInt8], _ body: (_ row: Int, _ bytes: UnsafeRawBufferPointer) -> Void) {
        precondition(frame.columns.count == prefixes.count)
        var first = 0
        while first < frame.rowCount {
            let rows = first..<min(first + 512, frame.rowCount)
            withUnsafeTemporaryAllocation(of: Int.self, capacity: rows.count) { cursors in
                cursors.initialize(repeating: prefix.count)
                for index in order { addSizes(of: frame.columns[index], prefixes[index].count, rows, to: cursors) }
                var total = 0
                for slot in cursors.indices { (cursors[slot], total) = (total, total + cursors[slot]) }
                withUnsafeTemporaryAllocation(byteCount: total, alignment: 1) { bytes in
                    for slot in cursors.indices { cursors[slot] = Self.put(prefix, in: bytes, at: cursors[slot]) }
                    for index in order { put(frame.columns[index], prefixes[index], rows, in: bytes, at: cursors) }
                    // Each cursor stands at its row's end now, which is where the next row begins.
                    var start = 0
                    for slot in cursors.indices {
                        body(first + slot, UnsafeRawBufferPointer(rebasing: bytes[start..<cursors[slot]]))
                        start = cursors[slot]
                    }
                }
            }
            first = rows.upperBound
        }
    }

    private func addSizes(of column: Column, _ prefix: Int, _ rows: Range<Int>, to sizes: UnsafeMutableBufferPointer<Int>) {
        let width: Int
        switch column.storage {
        case .bool: width = prefix + 1
        case .int64, .timestamp, .float64: width = prefix + 8
        case .string(let strings):
            strings.offsets.withUnsafeBufferPointer { offsets in
                for row in rows where !column.isMissing(row) {
                    let count = offsets[row + 1] - offsets[row]
                    sizes[row - rows.lowerBound] += prefix + Self.varintSize(count) + count
                }
            }
            return
        }
        for row in rows where !column.isMissing(row) { sizes[row - rows.lowerBound] += width }
    }

    private func put(
        _ column: Column, _ prefix: [UInt8], _ rows: Range<Int>, in target: UnsafeMutableRawBufferPointer,
        at cursors: UnsafeMutableBufferPointer<Int>
    ) {
        switch column.storage {
        case .bool(let bits):
            for row in rows where !column.isMissing(row) {
                let end = Self.put(prefix, in: target, at: cursors[row - rows.lowerBound])
                target[end] = bits[row] ? 1 : 0
                cursors[row - rows.lowerBound] = end + 1
            }
        case .int64(let values), .timestamp(let values):
            for row in rows where !column.isMissing(row) {
                let end = Self.put(prefix, in: target, at: cursors[row - rows.lowerBound])
                target.storeBytes(of: values[row].littleEndian, toByteOffset: end, as: Int64.self)
                cursors[row - rows.lowerBound] = end + 8
            }
        case .float64(let values):
            for row in rows where !column.isMissing(row) {
                let end = Self.put(prefix, in: target, at: cursors[row - rows.lowerBound])
                target.storeBytes(of: values[row].bitPattern.littleEndian, toByteOffset: end, as: UInt64.self)
                cursors[row - rows.lowerBound] = end + 8
            }
        case .string(let strings):
            strings.bytes.withUnsafeBytes { utf8 in
                strings.offsets.withUnsafeBufferPointer { offsets in
                    for row in rows where !column.isMissing(row) {
                        var end = Self.put(prefix, in: target, at: cursors[row - rows.lowerBound])
                        let text = UnsafeRawBufferPointer(rebasing: utf8[offsets[row]..<offsets[row + 1]])
                        var rest = text.count
                        while rest >= 0x80 {
                            target[end] = UInt8(truncatingIfNeeded: rest) | 0x80
                            rest >>= 7
                            end += 1
                        }
                        target[end] = UInt8(rest)
                        UnsafeMutableRawBufferPointer(rebasing: target[(end + 1)...]).copyMemory(from: text)
                        cursors[row - rows.lowerBound] = end + 1 + text.count
                    }
                }
            }
        }
    }

    /// Copies bytes and gives the place after them.
    @inline(__always)
    private static func put(_ bytes: [UInt8], in target: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: $0) }
        return start + bytes.count
    }

    private static func varintSize(_ number: Int) -> Int {
        number < 0x80 ? 1 : (Int.bitWidth - number.leadingZeroBitCount + 6) / 7
    }
}
