/// Why a request to the scheduler is refused. Nothing has changed then.
public struct SchedulerError: Error, Hashable, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case notFound, conflict, invalid, tooMany, stopping }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        public static let notFound = Self(.notFound)
        /// The state that it is in does not allow it.
        public static let conflict = Self(.conflict)
        public static let invalid = Self(.invalid)
        /// A limit is reached.
        public static let tooMany = Self(.tooMany)
        /// The program is ending.
        public static let stopping = Self(.stopping)
    }

    public var code: Code
    public var message: String
    public var hint: String?

    init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension SchedulerError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension SchedulerError {
    static func noPipeline(_ name: String) -> Self {
        Self(.notFound, "no pipeline is named '\(name)'", hint: "see them with 'martlet pipelines list'")
    }

    static func noActiveRun(_ id: String) -> Self {
        Self(.notFound, "the run '\(id)' is not under way", hint: "see runs with 'martlet pipelines runs'")
    }

    static func noTask(_ task: String, in pipeline: String, names: [String]) -> Self {
        Self(
            .notFound, "pipeline '\(pipeline)' has no task '\(task)'",
            hint: "its tasks: " + names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " …" : ""))
    }

    static func tooManyQueued(_ pipeline: String, limit: Int) -> Self {
        Self(.tooMany, "\(limit) runs of pipeline '\(pipeline)' wait already", hint: "wait for some to end, or cancel some")
    }

    static let ending = Self(.stopping, "the program is ending", hint: "try again once it runs again")
}
