/// Why a training could not be done.
public struct TrainingError: Error, Equatable, Sendable {
    /// What kind of failure; the part that callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case libraryMissing, libraryUnusable, invalidParameter, invalidData, trainingFailed, stopped }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// No library was found in any of the places.
        public static let libraryMissing = Self(.libraryMissing)
        /// A library was found that lacks a function or has an unknown version.
        public static let libraryUnusable = Self(.libraryUnusable)
        /// A parameter that is unknown, of another type or out of range.
        public static let invalidParameter = Self(.invalidParameter)
        /// Labels or features that the objective cannot be trained on.
        public static let invalidData = Self(.invalidData)
        /// The library reported a failure.
        public static let trainingFailed = Self(.trainingFailed)
        /// The caller asked to stop between two rounds.
        public static let stopped = Self(.stopped)
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

extension TrainingError: CustomStringConvertible {
    public var description: String {
        if let hint { "\(message) (\(hint))" } else { message }
    }
}
