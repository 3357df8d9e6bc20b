/// Grows a column of one type row by row.
public struct ColumnBuilder: Sendable {
    public let type: ValueType
    private var storage: Column.Storage
    private var validity: Bitmap?
    public private(set) var count = 0

    public init(_ type: ValueType, reserving capacity: Int = 0) {
        self.type = type
        switch type {
        case .bool:
            var bits = Bitmap()
            bits.reserveCapacity(capacity)
            storage = .bool(bits)
        case .int64, .timestamp:
            var values: [Int64] = []
            values.reserveCapacity(capacity)
            storage = type == .int64 ? .int64(values) : .timestamp(values)
        case .float64:
            var values: [Double] = []
            values.reserveCapacity(capacity)
            storage = .float64(values)
        case .string:
            var strings = StringStorage()
            strings.reserveCapacity(rows: capacity, bytes: 0)
            storage = .string(strings)
        }
    }

    public mutating func appendMissing() {
        if validity == nil { validity = Bitmap(repeating: true, count: count) }
        validity?.append(false)
        count += 1
        switch type {
        case .bool: mutateBool { $0.append(false) }
        case .int64, .timestamp: mutateInt { $0.append(0) }
        case .float64: mutateDouble { $0.append(0) }
        case .string: mutateString { $0.append(utf8: EmptyCollection()) }
        }
    }

    public mutating func append(_ value: Bool) {
        mutateBool { $0.append(value) }
        appended()
    }

    /// For `int64` and, as microseconds, `timestamp` columns.
    public mutating func append(_ value: Int64) {
        mutateInt { $0.append(value) }
        appended()
    }

    public mutating func append(_ value: Double) {
        mutateDouble { $0.append(value) }
        appended()
    }

    public mutating func append(_ value: String) {
        mutateString { $0.append(value) }
        appended()
    }

    /// Takes bytes that were checked to be UTF-8.
    public mutating func append(utf8 value: some Collection<UInt8>) {
        mutateString { $0.append(utf8: value) }
        appended()
    }

    /// Appends a value that is missing or has the builder's type.
    public mutating func append(_ value: Value) {
        switch value {
        case .missing: appendMissing()
        case .bool(let value): append(value)
        case .int64(let value): append(value)
        case .float64(let value): append(value)
        case .string(let value): append(value)
        case .timestamp(let value): append(value.microseconds)
        }
    }

    /// Appends one row of another column of the same type.
    public mutating func append(from column: Column, row: Int) {
        if column.isMissing(row) { return appendMissing() }
        switch column.storage {
        case .bool(let bits): append(bits[row])
        case .int64(let values), .timestamp(let values): append(values[row])
        case .float64(let values): append(values[row])
        case .string(let strings): append(utf8: strings.utf8(row))
        }
    }

    public mutating func append(contentsOf column: Column) {
        for row in 0..<column.count { append(from: column, row: row) }
    }

    /// The column; the builder is used up.
    public consuming func finish() -> Column {
        Column(storage, validity: validity)
    }

    private mutating func appended() {
        validity?.append(true)
        count += 1
    }

    // Each takes the array out of the enum, so that it stays uniquely referenced and grows in place.
    private mutating func mutateBool(_ body: (inout Bitmap) -> Void) {
        guard case .bool(var bits) = storage else { preconditionFailure("a bool was appended to a column of \(type)") }
        storage = .int64([])
        body(&bits)
        storage = .bool(bits)
    }

    private mutating func mutateInt(_ body: (inout [Int64]) -> Void) {
        // Not a switch: that keeps a second reference to the array, and each append would copy it.
        if case .int64(var values) = storage {
            storage = .bool(Bitmap())
            body(&values)
            storage = .int64(values)
            return
        }
        guard case .timestamp(var values) = storage else { preconditionFailure("an integer was appended to a column of \(type)") }
        storage = .bool(Bitmap())
        body(&values)
        storage = .timestamp(values)
    }

    private mutating func mutateDouble(_ body: (inout [Double]) -> Void) {
        guard case .float64(var values) = storage else { preconditionFailure("a number was appended to a column of \(type)") }
        storage = .int64([])
        body(&values)
        storage = .float64(values)
    }

    private mutating func mutateString(_ body: (inout StringStorage) -> Void) {
        guard case .string(var strings) = storage else { preconditionFailure("text was appended to a column of \(type)") }
        storage = .int64([])
        body(&strings)
        storage = .string(strings)
    }
}
