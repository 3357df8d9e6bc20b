/// One SQL statement with its parameters, which can only be bound, never pasted into the text.
///
/// ```swift
/// let statement: Statement = "SELECT hash FROM registry_files WHERE name = \(name) LIMIT \(limit)"
/// // text "SELECT hash FROM registry_files WHERE name = ? LIMIT ?", parameters [.text(name), .integer(limit)]
/// ```
///
/// A statement is made from a literal, so no input can become SQL. Parts made apart are joined with `+`.
public struct Statement: Sendable {
    /// The text between the parameters: always one piece more than there are parameters.
    var pieces: [String]
    /// What is bound, in order.
    public private(set) var parameters: [DatabaseValue]

    /// The text with `?` at each parameter.
    public var text: String { pieces.joined(separator: "?") }

    /// Joins two parts; the caller writes the space between them.
    public static func + (left: Statement, right: Statement) -> Statement {
        var joined = left
        joined.pieces[joined.pieces.count - 1] += right.pieces[0]
        joined.pieces += right.pieces.dropFirst()
        joined.parameters += right.parameters
        return joined
    }

    /// Appends another part.
    public static func += (left: inout Statement, right: Statement) {
        left = left + right
    }
}

extension Statement: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    public init(stringLiteral value: StaticString) {
        pieces = ["\(value)"]
        parameters = []
    }

    public init(stringInterpolation: Interpolation) {
        pieces = stringInterpolation.pieces
        parameters = stringInterpolation.parameters
    }

    /// Collects literal text and bound parameters.
    public struct Interpolation: StringInterpolationProtocol {
        var pieces = [""]
        var parameters: [DatabaseValue] = []

        public init(literalCapacity: Int, interpolationCount: Int) {}

        public mutating func appendLiteral(_ literal: StaticString) {
            pieces[pieces.count - 1] += "\(literal)"
        }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some DatabaseCodable) {
            parameters.append(value.databaseValue)
            pieces.append("")
        }

        /// Binds a value, or null.
        public mutating func appendInterpolation(_ value: (some DatabaseCodable)?) {
            parameters.append(value?.databaseValue ?? .null)
            pieces.append("")
        }
    }
}
