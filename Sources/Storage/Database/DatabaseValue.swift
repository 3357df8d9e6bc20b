public import MartletFrames

/// One value of a database's column or parameter.
public enum DatabaseValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])

    /// The kind as error sentences name it; never the content, which may be private.
    var kind: String {
        switch self {
        case .null: "null"
        case .integer: "an integer"
        case .real: "a real number"
        case .text: "text"
        case .bytes: "bytes"
        }
    }
}

/// A type that a statement can bind and a row can give back, without loss in either direction.
///
/// Booleans are the integers 0 and 1, timestamps are integers of microseconds: both engines that we speak to have
/// 64-bit integers, and neither has a timestamp that keeps every microsecond.
public protocol DatabaseCodable {
    /// The value as the database holds it.
    var databaseValue: DatabaseValue { get }
    /// Nil if the database's value is of another kind or out of this type's range.
    init?(databaseValue: DatabaseValue)
}

extension Int64: DatabaseCodable {
    public var databaseValue: DatabaseValue { .integer(self) }
    public init?(databaseValue: DatabaseValue) {
        guard case .integer(let number) = databaseValue else { return nil }
        self = number
    }
}

extension Int: DatabaseCodable {
    public var databaseValue: DatabaseValue { .integer(Int64(self)) }
    public init?(databaseValue: DatabaseValue) {
        guard case .integer(let number) = databaseValue, let exact = Int(exactly: number) else { return nil }
        self = exact
    }
}

extension Bool: DatabaseCodable {
    public var databaseValue: DatabaseValue { .integer(self ? 1 : 0) }
    public init?(databaseValue: DatabaseValue) {
        switch databaseValue {
        case .integer(0): self = false
        case .integer(1): self = true
        default: return nil
        }
    }
}

extension Double: DatabaseCodable {
    /// NaN is refused when it is bound, since SQLite would store null.
    public var databaseValue: DatabaseValue { .real(self) }
    public init?(databaseValue: DatabaseValue) {
        guard case .real(let number) = databaseValue else { return nil }
        self = number
    }
}

extension String: DatabaseCodable {
    public var databaseValue: DatabaseValue { .text(self) }
    public init?(databaseValue: DatabaseValue) {
        guard case .text(let text) = databaseValue else { return nil }
        self = text
    }
}

extension [UInt8]: DatabaseCodable {
    public var databaseValue: DatabaseValue { .bytes(self) }
    public init?(databaseValue: DatabaseValue) {
        guard case .bytes(let bytes) = databaseValue else { return nil }
        self = bytes
    }
}

extension Timestamp: DatabaseCodable {
    public var databaseValue: DatabaseValue { .integer(microseconds) }
    public init?(databaseValue: DatabaseValue) {
        guard case .integer(let number) = databaseValue else { return nil }
        self.init(microseconds: number)
    }
}
