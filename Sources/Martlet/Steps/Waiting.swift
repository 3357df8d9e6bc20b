/// Asks a person and waits for the answer.
public struct Approval: PipelineStep {
    public var step: Step

    public init(_ name: String, _ question: String, file: String = #fileID, line: Int = #line, column: Int = #column) {
        step = Step(name, file, line, column)
        step.keys["approval"] = .text(question)
    }
}

/// Starts a run of another pipeline, waits for it, and ends as it ends. It gives `run`.
public struct Subpipeline: PipelineStep {
    public var step: Step

    /// - Parameter parameters: each may hold `${…}`.
    public init(
        _ name: String, _ pipeline: String, parameters: [String: Literal] = [:], file: String = #fileID, line: Int = #line,
        column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["pipeline"] = .text(pipeline)
        if !parameters.isEmpty { step.keys["parameters"] = .map(parameters.map { ($0.key, $0.value.written) }) }
    }
}

/// Waits for one thing and takes no room in a pool while it does.
public struct Wait: PipelineStep {
    public var step: Step

    /// What is waited for.
    public struct Condition: Sendable {
        let written: Written.Value

        /// So long from now.
        public static func span(_ span: Span) -> Condition { Condition(written: .map([("for", span.written)])) }
        /// A time, a time of day (`"06:30"`), or `${…}` that gives one.
        public static func until(_ moment: String) -> Condition { Condition(written: .map([("until", .text(moment))])) }
        /// A file below the project's folder exists.
        public static func file(_ path: String) -> Condition { Condition(written: .map([("file", .text(path))])) }
        /// A server answers a GET of this address with a success.
        public static func http(_ address: String) -> Condition { Condition(written: .map([("http", .text(address))])) }
        /// A stream has reached the end of the run's interval.
        public static func stream(_ name: String) -> Condition { Condition(written: .map([("stream", .text(name))])) }
    }

    public init(_ name: String, for condition: Condition, file: String = #fileID, line: Int = #line, column: Int = #column) {
        step = Step(name, file, line, column)
        step.keys["wait"] = condition.written
    }
}
