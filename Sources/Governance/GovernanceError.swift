/// A failure of governance: audit today.
public struct GovernanceError: Error, Sendable {
    /// What kind of failure; the only part that tests and callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case tooLarge, damaged, unavailable }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// An entry is over a limit; the change that it records must not happen.
        public static let tooLarge = Self(.tooLarge)
        /// The log's newest entry is not one that this program wrote.
        public static let damaged = Self(.damaged)
        /// The log cannot be read or written.
        public static let unavailable = Self(.unavailable)
    }

    public var code: Code
    /// What was asked, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?
    /// What went wrong below.
    public var cause: (any Error)?

    init(_ code: Code, _ message: String, hint: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
    }
}

extension GovernanceError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension GovernanceError {
    static func tooLarge(_ what: String, size: Int, limit: Int) -> Self {
        Self(.tooLarge, "the \(what) of an audit entry has \(size) bytes where at most \(limit) are taken", hint: "name less in it")
    }

    static func damaged(_ what: String) -> Self {
        Self(.damaged, "the audit log takes no entries: \(what)", hint: "run 'martlet audit verify', and restore the database from its backup")
    }

    static func unavailable(_ cause: any Error) -> Self {
        Self(.unavailable, "the audit log cannot be used: \(cause)", cause: cause)
    }
}
