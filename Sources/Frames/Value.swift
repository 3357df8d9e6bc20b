/// One value at a border: a cell shown to a person, a literal, a test's expectation.
///
/// Never used per row in a hot loop; there a ``Column`` is.
public enum Value: Hashable, Sendable {
    case missing
    case bool(Bool)
    case int64(Int64)
    case float64(Double)
    case string(String)
    case timestamp(Timestamp)

    /// Nil for a missing value, which has every type.
    public var type: ValueType? {
        switch self {
        case .missing: nil
        case .bool: .bool
        case .int64: .int64
        case .float64: .float64
        case .string: .string
        case .timestamp: .timestamp
        }
    }
}

extension Value: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missing: "missing"
        case .bool(let value): "\(value)"
        case .int64(let value): "\(value)"
        case .float64(let value): "\(value)"
        case .string(let value): value
        case .timestamp(let value): "\(value)"
        }
    }
}
