/// The type of a value.
public enum ValueType: String, Hashable, Sendable, CaseIterable {
    case bool
    case int64
    case float64
    /// UTF-8 text.
    case string
    /// Microseconds since 1970, UTC.
    case timestamp

    /// Whether arithmetic means are defined over it; `bool` counts as 0 and 1.
    public var isNumeric: Bool {
        switch self {
        case .bool, .int64, .float64: true
        case .string, .timestamp: false
        }
    }
}

/// A named, typed column of a schema.
public struct Field: Hashable, Sendable {
    public var name: String
    public var type: ValueType
    /// Whether a row may lack a value.
    public var isOptional: Bool

    public init(_ name: String, _ type: ValueType, isOptional: Bool = false) {
        self.name = name
        self.type = type
        self.isOptional = isOptional
    }
}

/// The fields of a frame, in order; names are unique.
public struct Schema: Hashable, Sendable {
    public let fields: [Field]

    public init(_ fields: [Field]) {
        precondition(Set(fields.map(\.name)).count == fields.count, "field names repeat")
        self.fields = fields
    }

    public func index(of name: String) -> Int? {
        fields.firstIndex { $0.name == name }
    }

    public subscript(name: String) -> Field? {
        fields.first { $0.name == name }
    }
}
