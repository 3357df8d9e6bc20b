/// Why statements were not carried out.
public struct SQLError: Error, Equatable, Sendable {
    /// What kind of failure; the part that callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw: String { case libraryMissing, libraryUnusable, unusable, refused, busy, unfitting }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// No library was found in any of the places.
        public static let libraryMissing = Self(.libraryMissing)
        /// A library was found that lacks a function.
        public static let libraryUnusable = Self(.libraryUnusable)
        /// A request, or a text, that cannot be read.
        public static let unusable = Self(.unusable)
        /// The engine does not carry out a statement.
        public static let refused = Self(.refused)
        /// Another process holds the database.
        public static let busy = Self(.busy)
        /// What the last statement gives is not what is declared.
        public static let unfitting = Self(.unfitting)
    }

    public var code: Code
    /// What was asked, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?

    public init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// Whether another attempt may do better.
    public var isRetryable: Bool { code == .busy }
}

extension SQLError: CustomStringConvertible {
    public var description: String {
        if let hint { "\(message) (\(hint))" } else { message }
    }
}
