/// Named values of an audit entry, kept as one JSON object whose keys ascend.
public struct AuditDetails: Hashable, Sendable {
    /// Text of a JSON object, the same for the same values.
    public let json: String

    /// One value.
    public enum Value: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
        ExpressibleByBooleanLiteral
    {
        case text(String)
        case number(Int64)
        case flag(Bool)

        public init(stringLiteral value: String) { self = .text(value) }
        public init(integerLiteral value: Int64) { self = .number(value) }
        public init(booleanLiteral value: Bool) { self = .flag(value) }
    }

    /// Of two values with one name the first is kept.
    public init(_ values: [(String, Value)]) {
        let values = Dictionary(values) { first, _ in first }
        let members = values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { name, value in
            let text =
                switch value {
                case .text(let text): Self.quoted(text)
                case .number(let number): "\(number)"
                case .flag(let flag): flag ? "true" : "false"
                }
            return Self.quoted(name) + ":" + text
        }
        json = "{" + members.joined(separator: ",") + "}"
    }

    /// Takes what the log holds; whether it is unchanged shows in the entry's hash.
    init(storedJSON: String) {
        json = storedJSON
    }

    /// Source: RFC 8259, section 7.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension AuditDetails: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements)
    }
}
