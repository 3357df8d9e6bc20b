/// A mistake in a project's files.
public struct DefinitionError: Error, Hashable, Sendable {
    /// What kind of mistake it is; an open set.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Raw: String {
            case unreadable, syntax, tooLarge, duplicate, unknownKey, missingKey, wrongValue, unknownName
            case expression, leakage, conflict, cycle
        }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// A file could not be read.
        public static let unreadable = Self(.unreadable)
        /// A file is not YAML as project files are written in.
        public static let syntax = Self(.syntax)
        /// A stated limit was passed.
        public static let tooLarge = Self(.tooLarge)
        /// The same name or key was given twice.
        public static let duplicate = Self(.duplicate)
        /// A key that means nothing where it stands.
        public static let unknownKey = Self(.unknownKey)
        /// A key that must be there is not.
        public static let missingKey = Self(.missingKey)
        /// A value of the wrong form, type or range.
        public static let wrongValue = Self(.wrongValue)
        /// A reference to something that does not exist.
        public static let unknownName = Self(.unknownName)
        /// An expression that does not parse or type-check.
        public static let expression = Self(.expression)
        /// Something would be seen before it could be known.
        public static let leakage = Self(.leakage)
        /// Two statements that exclude each other.
        public static let conflict = Self(.conflict)
        /// Definitions that need each other in a circle.
        public static let cycle = Self(.cycle)

        /// The code as it stands in JSON: `unknownKey`.
        public var description: String { raw.rawValue }
    }

    public var code: Code
    /// Nil only for a mistake of the project as a whole.
    public var place: SourcePlace?
    /// One sentence: what was asked, and what was found instead.
    public var message: String
    /// What stands there, where one text says it.
    public var found: String?
    /// What could stand there.
    public var expected: String?
    /// The existing name that is most like what was found.
    public var nearest: String?
    /// The next thing to try.
    public var hint: String?

    public init(
        _ code: Code, at place: SourcePlace?, _ message: String, found: String? = nil, expected: String? = nil,
        nearest: String? = nil, hint: String? = nil
    ) {
        self.code = code
        self.place = place
        self.message = message
        self.found = found
        self.expected = expected
        self.nearest = nearest
        self.hint = hint
    }
}

extension DefinitionError: CustomStringConvertible {
    /// Two lines at most: the sentence with its place, and the hint.
    public var description: String {
        let place = place.map { "\($0): " } ?? ""
        var hints: [String] = []
        if let nearest { hints.append("did you mean '\(nearest)'?") }
        if let hint { hints.append(hint) }
        return "error: \(place)\(message)" + (hints.isEmpty ? "" : "\n hint: " + hints.joined(separator: " "))
    }
}

/// All mistakes found in a project, in the order of their places.
public struct DefinitionErrors: Error, Hashable, Sendable, CustomStringConvertible {
    public var errors: [DefinitionError]
    /// How many more were found and left out.
    public var omittedCount: Int

    public init(_ errors: [DefinitionError], omittedCount: Int = 0) {
        self.errors = errors
        self.omittedCount = omittedCount
    }

    public var description: String {
        errors.map(\.description).joined(separator: "\n")
            + (omittedCount == 0 ? "" : "\n… and \(omittedCount) more")
    }
}
