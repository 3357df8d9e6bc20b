/// A failure in the feature store.
public struct FeatureStoreError: Error, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case viewNotFolded, missingInput, logUnreadable, tooLarge }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        /// A view's state is not there: it is not applied, or still being folded.
        public static let viewNotFolded = Self(.viewNotFolded)
        /// A row lacks a field that its features need.
        public static let missingInput = Self(.missingInput)
        /// The log could not be read.
        public static let logUnreadable = Self(.logUnreadable)
        /// More was asked for than a limit allows.
        public static let tooLarge = Self(.tooLarge)
    }

    public var code: Code
    public var message: String
    public var hint: String?
    public var cause: (any Error)?

    static func viewNotFolded(_ state: String) -> Self {
        Self(
            code: .viewNotFolded, message: "the feature view with hash \(state.prefix(12)) is not folded",
            hint: "apply the project, and wait until 'plan' shows the view as ready")
    }

    static func missingInput(_ name: String) -> Self {
        Self(
            code: .missingInput, message: "the rows have no field '\(name)', which a feature needs",
            hint: "send '\(name)' with the row; it may be null if the stream says that it is optional")
    }

    static func logUnreadable(_ cause: any Error) -> Self {
        Self(code: .logUnreadable, message: "the event log could not be read", hint: "run 'martlet doctor'", cause: cause)
    }

    static func tooLarge(rows: Int, limit: Int) -> Self {
        Self(
            code: .tooLarge, message: "the training set has more than \(limit) rows (at least \(rows))",
            hint: "narrow the model's time range, or raise the limit")
    }
}

extension FeatureStoreError: CustomStringConvertible {
    public var description: String {
        message + (cause.map { ": \($0)" } ?? "") + (hint.map { "\n hint: " + $0 } ?? "")
    }
}
