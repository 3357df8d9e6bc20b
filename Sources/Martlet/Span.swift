/// A length of time, as project files write it: `"90s"`, `"15m"`, `"7d"`, or `.minutes(15)`.
public struct Span: Hashable, Sendable, ExpressibleByStringLiteral {
    let text: String

    public init(stringLiteral text: String) { self.text = text }
    public init(_ text: String) { self.text = text }

    public static func seconds(_ count: Int) -> Span { Span("\(count)s") }
    public static func minutes(_ count: Int) -> Span { Span("\(count)m") }
    public static func hours(_ count: Int) -> Span { Span("\(count)h") }
    public static func days(_ count: Int) -> Span { Span("\(count)d") }

    var written: Written.Value { .text(text) }
}

/// A value that stands in a definition: a text, a number, or true or false.
public struct Literal: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    let written: Written.Value

    public init(stringLiteral text: String) { written = .text(text) }
    public init(integerLiteral number: Int) { written = .word("\(number)") }
    public init(floatLiteral number: Double) { self.init(number) }
    public init(booleanLiteral isTrue: Bool) { written = .word("\(isTrue)") }
    public init(_ text: String) { written = .text(text) }
    public init(_ number: Int) { written = .word("\(number)") }
    public init(_ isTrue: Bool) { written = .word("\(isTrue)") }

    /// - Parameter number: finite; what is not is refused when the definition is read.
    public init(_ number: Double) { written = .word("\(number)") }
}

/// The type of a parameter, or of a value that a task gives.
public struct ValueKind: Hashable, Sendable {
    let word: String

    public static let bool = ValueKind(word: "bool")
    public static let int64 = ValueKind(word: "int64")
    public static let float64 = ValueKind(word: "float64")
    public static let string = ValueKind(word: "string")
    public static let timestamp = ValueKind(word: "timestamp")
    /// The path of a file, whose bytes are passed on.
    public static let file = ValueKind(word: "file")
    public static func list(of item: ValueKind) -> ValueKind { ValueKind(word: "list of \(item.word)") }
}
