/// What is wrong with an expression's text, and where.
public struct ExpressionError: Error, Hashable, Sendable {
    /// The kind of a mistake; the only part that callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case syntax, limitExceeded, unknownName, unknownFunction, typeMismatch, unknownTimeZone }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The text is not an expression, or a literal in it has no value.
        public static let syntax = Self(.syntax)
        /// The text is longer or nests deeper than ``ExpressionLimits`` allow.
        public static let limitExceeded = Self(.limitExceeded)
        /// A name is not in the scope.
        public static let unknownName = Self(.unknownName)
        /// No function or method has this name.
        public static let unknownFunction = Self(.unknownFunction)
        /// An operand, an argument or the whole has another type than is needed.
        public static let typeMismatch = Self(.typeMismatch)
        /// A zone's name is not in the table.
        public static let unknownTimeZone = Self(.unknownTimeZone)
    }

    public var code: Code
    /// What was found, and what was expected instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?
    /// Where the mistake begins in the expression's own text.
    public var position: ExpressionPosition

    /// Makes an error from its parts.
    public init(_ code: Code, _ message: String, hint: String? = nil, at position: ExpressionPosition) {
        self.code = code
        self.message = message
        self.hint = hint
        self.position = position
    }
}

extension ExpressionError: CustomStringConvertible {
    /// `1:8: no field is named 'amout'; did you mean 'amount'?`
    public var description: String {
        "\(position.line):\(position.column): \(message)" + (hint.map { "; \($0)" } ?? "")
    }
}

/// A place in an expression's text.
public struct ExpressionPosition: Hashable, Sendable {
    /// In UTF-8 bytes, from 0.
    public var offset: Int
    /// From 1.
    public var line: Int
    /// In Unicode scalars, from 1.
    public var column: Int

    init(offset: Int, in text: [UInt8]) {
        self.offset = offset
        line = 1
        column = 1
        for byte in text.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
    }
}

/// Bounds on an expression's text; a text beyond one is refused.
public struct ExpressionLimits: Hashable, Sendable {
    /// In UTF-8 bytes.
    public var length: Int
    /// How many operators and calls may stand inside one another; a chain such as `a + b + c` nests once an operator.
    public var depth: Int

    /// Takes the bounds.
    public init(length: Int = 8_192, depth: Int = 200) {
        self.length = length
        self.depth = depth
    }
}
