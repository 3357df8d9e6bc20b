public import MartletBytes

/// Writes rows as unambiguous bytes, so that hashing them tells equal rows from different ones.
///
/// A row is the fields that have a value, in the order of their names' bytes: name (length, UTF-8), type tag, value.
/// A bool is one byte, an integer or a time eight (low first), a double its eight bits-pattern bytes, a text its length
/// and UTF-8. Two rows have equal bytes exactly if they have the same fields with identical values. A missing value
/// writes nothing, so adding an optional field to a stream leaves the bytes of the rows before it as they were.
///
/// ```swift
/// let rows = CanonicalRows(frame.schema)
/// for row in 0..<frame.rowCount { writer.removeAll(keepingCapacity: true); rows.write(row, of: frame, into: &writer) }
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

    /// Appends the bytes of one row.
    ///
    /// - Precondition: the frame has the schema given at the start.
    /// - Complexity: O(fields); no allocation beyond the writer's growth.
    public func write(_ row: Int, of frame: Frame, into writer: inout ByteWriter) {
        precondition(frame.columns.count == prefixes.count)
        for index in order {
            let column = frame.columns[index]
            if column.isMissing(row) { continue }
            writer.write(contentsOf: prefixes[index])
            switch column.storage {
            case .bool(let bits): writer.write(UInt8(bits[row] ? 1 : 0))
            case .int64(let values), .timestamp(let values): writer.write(fixed: values[row])
            case .float64(let values): writer.write(fixed: values[row].bitPattern)
            case .string(let strings):
                let utf8 = strings.utf8(row)
                writer.write(varint: UInt64(utf8.count))
                writer.write(contentsOf: utf8)
            }
        }
    }
}

extension Frame {
    /// Appends the canonical bytes of one row; for many rows keep one ``CanonicalRows``.
    public func canonicalBytes(ofRow row: Int, into writer: inout ByteWriter) {
        CanonicalRows(schema).write(row, of: self, into: &writer)
    }
}
