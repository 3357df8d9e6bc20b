/// Why an input as a whole cannot be read; a single bad row is a ``DeadLetter`` instead.
public struct IngestionError: Error, Equatable, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case corruptGzip, badHeader, notText, malformedJSON, badContract }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        /// A gzip stream is damaged, ends early or is followed by something else.
        public static let corruptGzip = Self(.corruptGzip)
        /// The header of a table lacks a required field, repeats a name, or has one that the contract lacks.
        public static let badHeader = Self(.badHeader)
        /// A contract that contradicts itself.
        public static let badContract = Self(.badContract)
        /// The bytes are no UTF-8 text.
        public static let notText = Self(.notText)
        /// A body that should be one JSON array is not.
        public static let malformedJSON = Self(.malformedJSON)
    }

    public var code: Code
    /// What was asked and what was found.
    public var message: String
    /// The next thing to try.
    public var hint: String?

    init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension IngestionError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: \($0)" } ?? "") }
}
