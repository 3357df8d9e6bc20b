/// One row of an answer, whose columns are read by name.
///
/// ```swift
/// let name: String = try row.value("name")
/// let revoked: Timestamp? = try row.optional("revoked")
/// ```
public struct DatabaseRow: Sendable {
    /// Shared by all rows of an answer.
    let columns: [String]
    let values: [DatabaseValue]

    init(columns: [String], values: [DatabaseValue]) {
        self.columns = columns
        self.values = values
    }

    /// The value of a column that is never null.
    public func value<Value: DatabaseCodable>(_ column: String, as type: Value.Type = Value.self)
        throws(DatabaseError) -> Value
    {
        let stored = try stored(column)
        guard let value = Value(databaseValue: stored) else {
            throw .wrongType(column: column, expected: "\(Value.self)", found: stored.kind)
        }
        return value
    }

    /// The value of a column, nil for null.
    public func optional<Value: DatabaseCodable>(_ column: String, as type: Value.Type = Value.self)
        throws(DatabaseError) -> Value?
    {
        if case .null = try stored(column) { return nil }
        return try value(column, as: type)
    }

    private func stored(_ column: String) throws(DatabaseError) -> DatabaseValue {
        guard let index = columns.firstIndex(of: column) else {
            throw .noColumn(column, columns: columns)
        }
        return values[index]
    }
}
