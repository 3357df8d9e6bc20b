/// Why text is not the JSON that was asked for.
public struct JSONError: Error, Equatable, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case malformed, invalidUTF8, tooDeep, tooLong, numberOutOfRange, duplicateKey }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        /// The text breaks the grammar of RFC 8259.
        public static let malformed = Self(.malformed)
        public static let invalidUTF8 = Self(.invalidUTF8)
        public static let tooDeep = Self(.tooDeep)
        public static let tooLong = Self(.tooLong)
        /// A number beyond every finite double.
        public static let numberOutOfRange = Self(.numberOutOfRange)
        public static let duplicateKey = Self(.duplicateKey)
    }

    public var code: Code
    /// The byte at which it was found, from the start of the text.
    public var offset: Int
    /// What was expected and what was found.
    public var message: String
    public var hint: String?

    init(_ code: Code, at offset: Int, _ message: String, hint: String? = nil) {
        self.code = code
        self.offset = offset
        self.message = message
        self.hint = hint
    }
}

extension JSONError: CustomStringConvertible {
    public var description: String {
        "byte \(offset): \(message)" + (hint.map { "; \($0)" } ?? "")
    }
}
