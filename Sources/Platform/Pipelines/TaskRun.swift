public import MartletFrames
import MartletPipelines
import MartletServing

/// What a function of a Swift project has at hand while it runs as a task: the run that it is part of, and the operations of the other
/// kinds of tasks, each with the rights of the run.
///
/// A task may run again after a crash: what must have one effect takes ``key``, which is the same for every attempt.
public struct TaskRun: Sendable {
    let context: TaskContext
    let platform: Platform
    /// What the definition gives it under `arguments`, by name.
    public let arguments: [String: String]

    public var pipeline: String { context.start.facts.pipeline }
    /// The run's id.
    public var run: String { context.start.facts.id }
    public var task: String { context.start.address.task }
    /// Of this instance, whatever the attempt.
    public var key: String { context.start.address.description }
    /// From 1.
    public var attempt: Int { context.start.attempt }
    /// The data that the run is about, `[start, end)`; nil if it is about none.
    public var interval: (start: Timestamp, end: Timestamp)? { context.start.facts.interval.map { ($0.start, $0.end) } }
    /// The run's parameters with their defaults.
    public var parameters: [String: Value] { context.start.facts.parameters }

    /// Writes a line into the attempt's log.
    public func log(_ text: String) { context.log.write(text + "\n") }

    // MARK: - Operations

    /// Trains a model and registers the version.
    ///
    /// - Returns: the version's number, and the model's metrics on the test part; NaN for one that is undefined there.
    /// - Throws: also if a gate is not passed.
    public func train(_ model: String) async throws -> (version: Int, metrics: [String: Double]) {
        let given = try await TrainWork(model: model, metrics: []).train(context, on: platform, effectKey: nil)
        var metrics: [String: Double] = [:]
        for (name, value) in given {
            switch value {
            case .scalar(.float64(let number)): metrics[name] = number
            case .scalar(.missing): metrics[name] = .nan
            default: break
            }
        }
        return (integer(given, "version"), metrics)
    }

    /// Puts a version of a model behind an alias; the newest if none is given.
    ///
    /// - Returns: the release that is in force then.
    @discardableResult
    public func promote(_ model: String, version: Int? = nil, alias: String = "champion") async throws -> Int {
        let version = version.map { TaskArgument.literal(.int64(Int64($0))) }
        return integer(try await PromoteWork(model: model, version: version, alias: alias).perform(context, on: platform), "release")
    }

    /// Brings the rows of a file of the project, CSV or NDJSON, into a stream.
    ///
    /// - Parameter isLive: whether the rows count as known from now on, and not from when they happened.
    @discardableResult
    public func ingest(
        _ path: String, into stream: String, live isLive: Bool = false
    ) async throws -> (accepted: Int, duplicates: Int, rejected: Int) {
        let given = try await IngestWork(stream: stream, file: try file(path), isLive: isLive).perform(context, on: platform)
        return (integer(given, "accepted"), integer(given, "duplicates"), integer(given, "rejected"))
    }

    /// Asks an endpoint for every row of a file of the project, and writes its answers into another, a line of JSON a row.
    @discardableResult
    public func predict(_ endpoint: String, for path: String, to answers: String) async throws -> (rows: Int, degraded: Int, rejected: Int) {
        let given = try await PredictWork(endpoint: endpoint, file: try file(path), to: try file(answers)).perform(context, on: platform)
        return (integer(given, "rows"), integer(given, "degraded"), integer(given, "rejected"))
    }

    private func file(_ path: String) throws -> TaskPath {
        if let problem = TaskPath.problem(of: path) { throw TaskFailure(reason: "the path '\(path)' cannot be used: it \(problem)") }
        return TaskPath(TaskText(literal: path))
    }

    private func integer(_ given: [String: TaskValue], _ name: String) -> Int {
        guard case .scalar(.int64(let number))? = given[name] else { return 0 }
        return Int(clamping: number)
    }
}

/// The functions that are compiled into this program, and which program that is.
public struct TaskFunctions: Sendable {
    /// What a function gives: the outputs that its definition declares.
    public typealias Body = @Sendable (TaskRun) async throws -> [String: [Value]]

    /// The hash of the program's file.
    public var build: String
    private var bodies: [String: [String: Body]] = [:]

    public init(build: String) {
        self.build = build
    }

    public subscript(pipeline: String, function: String) -> Body? {
        get { bodies[pipeline]?[function] }
        set { bodies[pipeline, default: [:]][function] = newValue }
    }
}
