/// Why a model, an encoder or their inputs were refused.
public struct ModelError: Error, Equatable, Sendable {
    /// What kind of failure; the part that callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case malformed, unsupported, overLimit, schemaMismatch }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The bytes are not what the format says they are.
        public static let malformed = Self(.malformed)
        /// A well-formed model of a kind that is not scored here.
        public static let unsupported = Self(.unsupported)
        /// A count or size above a stated limit.
        public static let overLimit = Self(.overLimit)
        /// The columns given are not the columns that the model was trained on.
        public static let schemaMismatch = Self(.schemaMismatch)
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
}

extension ModelError: CustomStringConvertible {
    public var description: String {
        if let hint { "\(message) (\(hint))" } else { message }
    }
}
