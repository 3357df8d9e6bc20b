public import MartletBytes

extension Frame {
    /// Writes the number of rows and each column, without the schema; every value keeps its bits.
    ///
    /// - Complexity: O(values); a few allocations a column, none a row.
    public func encodeColumns(into writer: inout ByteWriter) {
        writer.write(varint: UInt64(rowCount))
        for column in columns { column.encode(into: &writer) }
    }

    /// Reads what ``encodeColumns(into:)`` wrote under the same schema.
    ///
    /// Safe on hostile bytes: it reads within them and takes memory of at most
    /// `rowLimit` × 8 bytes a column, and `textLimit` bytes of text in all.
    ///
    /// - Throws: ``ByteError`` if the bytes end early, hold what no writer writes, or exceed a limit.
    public init(
        decodingColumns reader: inout ByteReader, schema: Schema, rowLimit: Int, textLimit: Int = 1 << 30
    ) throws(ByteError) {
        let start = reader.offset
        let stated = try reader.readVarint()
        guard stated <= UInt64(max(0, rowLimit)) else {
            throw .malformed(at: start, what: "\(stated) rows where at most \(rowLimit) are allowed")
        }
        let rows = Int(stated)
        var textBytes = textLimit
        var columns: [Column] = []
        columns.reserveCapacity(schema.fields.count)
        for field in schema.fields {
            columns.append(
                try Column(decoding: &reader, type: field.type, count: rows, textBytes: &textBytes))
        }
        self.init(schema, columns, rowCount: rows)
    }
}

extension ByteWriter {
    /// Writes 16 bytes each, high word first; the count is not written.
    public mutating func write(fingerprints: [Fingerprint]) {
        // In one piece: a log of small rows is made of these for the half.
        let ordered = fingerprints.map { Fingerprint(high: $0.high.littleEndian, low: $0.low.littleEndian) }
        ordered.withUnsafeBytes { write(contentsOf: $0) }
    }
}

extension ByteReader {
    /// Reads what ``ByteWriter/write(fingerprints:)`` wrote.
    public mutating func readFingerprints(count: Int) throws(ByteError) -> [Fingerprint] {
        precondition(count >= 0)
        guard remaining / 16 >= count else {
            throw .truncated(at: offset, needed: 16 * count, left: remaining)
        }
        var fingerprints: [Fingerprint] = []
        fingerprints.reserveCapacity(count)
        for _ in 0..<count {
            let high = try readFixed(UInt64.self)
            fingerprints.append(Fingerprint(high: high, low: try readFixed(UInt64.self)))
        }
        return fingerprints
    }
}
