/// Values of one type, with a validity bitmap where some are missing (the layout of Arrow).
///
/// A missing slot holds the type's zero (false, 0, 0.0, empty text), so equal columns have equal bytes.
public struct Column: Hashable, Sendable {
    /// The values; what stands at a missing slot is zero.
    public enum Storage: Hashable, Sendable {
        case bool(Bitmap)
        case int64([Int64])
        case float64([Double])
        case string(StringStorage)
        /// Microseconds since 1970, UTC.
        case timestamp([Int64])
    }

    public internal(set) var storage: Storage
    /// One bit a row, set where a value is present; nil if none is missing.
    public internal(set) var validity: Bitmap?

    /// Takes storage whose missing slots hold zero; a bitmap with every bit set is dropped.
    public init(_ storage: Storage, validity: Bitmap? = nil) {
        self.storage = storage
        self.validity = validity?.setCount == validity?.count ? nil : validity
        precondition(validity == nil || validity?.count == count, "validity and values differ in length")
    }

    public var count: Int {
        switch storage {
        case .bool(let bits): bits.count
        case .int64(let values), .timestamp(let values): values.count
        case .float64(let values): values.count
        case .string(let strings): strings.count
        }
    }

    public var type: ValueType {
        switch storage {
        case .bool: .bool
        case .int64: .int64
        case .float64: .float64
        case .string: .string
        case .timestamp: .timestamp
        }
    }

    @inlinable public func isMissing(_ row: Int) -> Bool {
        if let validity { !validity[row] } else { false }
    }

    public var missingCount: Int {
        if let validity { validity.count - validity.setCount } else { 0 }
    }

    /// The value of one row, boxed: for borders and tests.
    public subscript(row: Int) -> Value {
        if isMissing(row) { return .missing }
        return switch storage {
        case .bool(let bits): .bool(bits[row])
        case .int64(let values): .int64(values[row])
        case .float64(let values): .float64(values[row])
        case .string(let strings): .string(strings[row])
        case .timestamp(let values): .timestamp(Timestamp(microseconds: values[row]))
        }
    }

    /// The rows at the given indices, in that order.
    public func gathering(_ rows: [Int]) -> Column {
        let gathered: Storage = switch storage {
        case .bool(let bits): .bool(Bitmap(rows.lazy.map { bits[$0] }))
        case .int64(let values): .int64(rows.map { values[$0] })
        case .timestamp(let values): .timestamp(rows.map { values[$0] })
        case .float64(let values): .float64(rows.map { values[$0] })
        case .string(let strings): .string(strings.gathering(rows))
        }
        guard let validity else { return Column(gathered) }
        return Column(gathered, validity: Bitmap(rows.lazy.map { validity[$0] }))
    }

    /// A column of one value in every row; `.missing` gives zeros that are all missing.
    public init(repeating value: Value, type: ValueType, count: Int) {
        var builder = ColumnBuilder(type, reserving: count)
        for _ in 0..<count { builder.append(value) }
        self = builder.finish()
    }

    /// Collects boxed values, each missing or of the given type: for borders and tests.
    public init(_ values: some Sequence<Value>, type: ValueType) {
        var builder = ColumnBuilder(type)
        for value in values { builder.append(value) }
        self = builder.finish()
    }

    /// Equal type, validity and bits: unlike `==`, NaN equals itself and 0.0 differs from −0.0.
    public func isIdentical(to other: Column) -> Bool {
        guard validity == other.validity else { return false }
        if case .float64(let left) = storage, case .float64(let right) = other.storage {
            return left.count == right.count && zip(left, right).allSatisfy { $0.bitPattern == $1.bitPattern }
        }
        return storage == other.storage
    }
}

/// UTF-8 texts end to end, with the offset of each, as in Arrow.
public struct StringStorage: Hashable, Sendable {
    /// `count + 1` offsets into `bytes`.
    public private(set) var offsets: [Int]
    public private(set) var bytes: [UInt8]

    public init() {
        offsets = [0]
        bytes = []
    }

    /// Takes parts that were checked: offsets ascend from 0 to `bytes.count`, each slice is UTF-8.
    public init(uncheckedOffsets offsets: [Int], bytes: [UInt8]) {
        precondition(offsets.first == 0 && offsets.last == bytes.count)
        self.offsets = offsets
        self.bytes = bytes
    }

    public var count: Int { offsets.count - 1 }

    public subscript(row: Int) -> String {
        String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self)
    }

    public func utf8(_ row: Int) -> ArraySlice<UInt8> {
        bytes[offsets[row]..<offsets[row + 1]]
    }

    public mutating func append(utf8: some Collection<UInt8>) {
        bytes.append(contentsOf: utf8)
        offsets.append(bytes.count)
    }

    // Concrete twins of the generic one: other modules would call that unspecialized.

    public mutating func append(utf8: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: utf8)
        offsets.append(bytes.count)
    }

    public mutating func append(utf8: ArraySlice<UInt8>) {
        bytes.append(contentsOf: utf8)
        offsets.append(bytes.count)
    }

    public mutating func append(_ string: String) {
        var copy = string
        copy.withUTF8 { append(utf8: UnsafeRawBufferPointer($0)) }
    }

    func gathering(_ rows: [Int]) -> StringStorage {
        var gathered = StringStorage()
        gathered.offsets.reserveCapacity(rows.count + 1)
        bytes.withUnsafeBufferPointer { source in
            for row in rows {
                gathered.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: source[offsets[row]..<offsets[row + 1]]))
                gathered.offsets.append(gathered.bytes.count)
            }
        }
        return gathered
    }

    /// Appends all texts of another storage, in bulk.
    public mutating func append(contentsOf other: StringStorage) {
        let base = bytes.count
        bytes.append(contentsOf: other.bytes)
        for offset in other.offsets.dropFirst() { offsets.append(base + offset) }
    }

    public mutating func reserveCapacity(rows: Int, bytes byteCount: Int) {
        offsets.reserveCapacity(rows + 1)
        bytes.reserveCapacity(byteCount)
    }
}
