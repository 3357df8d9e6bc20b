public import MartletFrames

/// A definition's meaning as a tree of typed values: what is hashed, stored, and compared.
///
/// Built from the checked definition with defaults filled in and docs left out, so that spelling, order of keys and
/// comments leave no trace. A map is kept sorted by the UTF-8 bytes of its keys.
public indirect enum CanonicalValue: Hashable, Sendable {
    /// Something that a definition leaves out and that has no default.
    case none
    case bool(Bool)
    case integer(Int64)
    /// Finite; negative zero is written as zero.
    case number(Double)
    case text(String)
    case span(Timestamp.Span)
    case time(Timestamp)
    case hash(DefinitionHash)
    case list([CanonicalValue])
    case map(CanonicalMap)

    /// A map from keys in any order.
    ///
    /// - Precondition: no key repeats.
    public static func map(_ entries: KeyValuePairs<String, CanonicalValue>) -> Self {
        .map(CanonicalMap(entries.map { ($0.key, $0.value) }))
    }

    public static func map(_ entries: [(String, CanonicalValue)]) -> Self {
        .map(CanonicalMap(entries))
    }

    public static func texts(_ texts: some Sequence<String>) -> Self { .list(texts.map { .text($0) }) }
    public static func optional(_ text: String?) -> Self { text.map { .text($0) } ?? .none }
    public static func optional(_ span: Timestamp.Span?) -> Self { span.map { .span($0) } ?? .none }
    public static func optional(_ time: Timestamp?) -> Self { time.map { .time($0) } ?? .none }
    public static func optional(_ number: Double?) -> Self { number.map { .number($0) } ?? .none }

    /// A literal of a definition.
    public init(_ value: Value) {
        switch value {
        case .missing: self = .none
        case .bool(let value): self = .bool(value)
        case .int64(let value): self = .integer(value)
        case .float64(let value): self = .number(value)
        case .string(let value): self = .text(value)
        case .timestamp(let value): self = .time(value)
        }
    }
}

/// Keys and values sorted by the keys' UTF-8 bytes.
public struct CanonicalMap: Hashable, Sendable {
    public let keys: [String]
    public let values: [CanonicalValue]

    /// - Precondition: no key repeats.
    public init(_ entries: [(String, CanonicalValue)]) {
        let sorted = entries.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
        for (left, right) in zip(sorted, sorted.dropFirst()) {
            precondition(!left.0.utf8.elementsEqual(right.0.utf8), "the key '\(left.0)' repeats")
        }
        keys = sorted.map(\.0)
        values = sorted.map(\.1)
    }

    /// - Complexity: O(log keys).
    public subscript(key: String) -> CanonicalValue? {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle].utf8.lexicographicallyPrecedes(key.utf8) { low = middle + 1 } else { high = middle }
        }
        return low < keys.count && keys[low].utf8.elementsEqual(key.utf8) ? values[low] : nil
    }
}

extension CanonicalValue: CustomStringConvertible {
    /// One line for a person.
    public var description: String {
        switch self {
        case .none: "none"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): "\"\(value.shortened(to: 120))\""
        case .span(let value): "\(value)"
        case .time(let value): "\(value)"
        case .hash(let value): value.short
        case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
        case .map(let map):
            "{" + zip(map.keys, map.values).map { "\($0.shortened(to: 60)): \($1)" }.joined(separator: ", ")
                + "}"
        }
    }

    /// One JSON value; spans and times as their texts.
    public var json: String {
        switch self {
        case .none: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .text(let value): value.jsonQuoted
        case .span(let value): "\(value)".jsonQuoted
        case .time(let value): "\(value)".jsonQuoted
        case .hash(let value): value.description.jsonQuoted
        case .list(let items): "[" + items.map(\.json).joined(separator: ",") + "]"
        case .map(let map):
            "{" + zip(map.keys, map.values).map { "\($0.jsonQuoted):\($1.json)" }.joined(separator: ",") + "}"
        }
    }
}

extension String {
    /// The text as a JSON string.
    package var jsonQuoted: String {
        var result = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
