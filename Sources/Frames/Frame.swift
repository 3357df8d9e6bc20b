/// Columns of equal length under a schema.
public struct Frame: Hashable, Sendable {
    public let schema: Schema
    public let columns: [Column]
    public let rowCount: Int

    /// - Precondition: one column a field, of its type, all of one length; a field that is not optional misses nothing.
    public init(_ schema: Schema, _ columns: [Column], rowCount: Int? = nil) {
        precondition(schema.fields.count == columns.count, "fields and columns differ in number")
        let rows = rowCount ?? columns.first?.count ?? 0
        for (field, column) in zip(schema.fields, columns) {
            precondition(field.type == column.type, "field '\(field.name)' is \(field.type), its column \(column.type)")
            precondition(column.count == rows, "column '\(field.name)' differs in length")
        }
        self.schema = schema
        self.columns = columns
        self.rowCount = rows
    }

    public subscript(name: String) -> Column? {
        schema.index(of: name).map { columns[$0] }
    }

    /// The rows at the given indices, in that order.
    public func gathering(_ rows: [Int]) -> Frame {
        Frame(schema, columns.map { $0.gathering(rows) }, rowCount: rows.count)
    }

    /// The named columns, in that order; nil if one is not there.
    public func selecting(_ names: [String]) -> Frame? {
        var fields: [Field] = []
        var selected: [Column] = []
        for name in names {
            guard let index = schema.index(of: name) else { return nil }
            fields.append(schema.fields[index])
            selected.append(columns[index])
        }
        return Frame(Schema(fields), selected, rowCount: rowCount)
    }
}
