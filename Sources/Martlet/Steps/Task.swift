public import MartletFrames
public import MartletPlatform

/// Runs a closure of this program, with what ``TaskRun`` offers.
///
/// ```swift
/// let train = Task("train", outputs: ["version": .int64]) { run in
///     let model = try await run.train("returns")
///     return ["version": .int64(model.version)]
/// }
/// let promote = Task("promote", arguments: ["version": "${tasks.train.version}"]) { run in
///     try await run.promote("returns", version: Int(run.arguments["version"] ?? ""))
/// }
/// ```
///
/// A definition names the closure and the build of the program, and only that build runs it: a changed program is a changed
/// definition. A run that was pinned to another build fails with a sentence that says so.
public struct Task: PipelineStep {
    public var step: Step

    /// - Parameters:
    ///   - arguments: texts that may hold `${…}`; the closure finds them in ``TaskRun/arguments``.
    ///   - outputs: what the closure gives: each of these, and nothing else.
    public init(
        _ name: String, arguments: [String: String] = [:], outputs: [String: ValueKind], file: String = #fileID, line: Int = #line,
        column: Int = #column, body: @escaping @Sendable (TaskRun) async throws -> [String: Output]
    ) {
        step = Step(name, file, line, column)
        step.body = FunctionBody { run in try await body(run).mapValues(\.values) }
        if !arguments.isEmpty { step.keys["arguments"] = .map(arguments.map { ($0.key, .text($0.value)) }) }
        if !outputs.isEmpty { step.keys["outputs"] = .map(outputs.map { ($0.key, .text($0.value.word)) }) }
    }

    public init(
        _ name: String, arguments: [String: String] = [:], file: String = #fileID, line: Int = #line, column: Int = #column,
        body: @escaping @Sendable (TaskRun) async throws -> Void
    ) {
        self.init(name, arguments: arguments, outputs: [:], file: file, line: line, column: column) { run in
            try await body(run)
            return [:]
        }
    }

    /// What a closure gives under a name.
    public struct Output: Sendable {
        let values: [Value]

        public static func bool(_ value: Bool) -> Output { Output(values: [.bool(value)]) }
        public static func int64(_ value: Int) -> Output { Output(values: [.int64(Int64(value))]) }
        public static func float64(_ value: Double) -> Output { Output(values: [.float64(value)]) }
        public static func string(_ value: String) -> Output { Output(values: [.string(value)]) }
        public static func timestamp(_ value: Timestamp) -> Output { Output(values: [.timestamp(value)]) }
        /// A list of values of one type.
        public static func list(_ items: [Value]) -> Output { Output(values: items) }
    }
}

/// A closure, compared by identity.
final class FunctionBody: Hashable, Sendable {
    let call: TaskFunctions.Body

    init(_ call: @escaping TaskFunctions.Body) {
        self.call = call
    }

    static func == (left: FunctionBody, right: FunctionBody) -> Bool { left === right }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
