import MartletDefinitions

/// A pipeline, as a file of the folder `pipelines` would define it.
///
/// ```swift
/// Pipeline("nightly", schedule: .daily) {
///     let load = Run("load", "./load.sh", "${interval.start}")
///     let train = Train("train", "returns")
///     let promote = Promote("promote", "returns", version: "${tasks.train.version}")
///     load >> train >> promote
/// }
/// ```
///
/// It is checked when it is planned, as files are; mistakes are told with the place in the program. A pipeline that says the same as one
/// in a file has the same hash.
public struct Pipeline: Sendable {
    let name: String
    let place: CallPlace
    private let keys: Written
    private let tasks: Flow
    private let onFailure: Flow

    /// - Parameters:
    ///   - timeZone: of the schedule, of times of day and of calendar functions; UTC if nil.
    ///   - start: a date or time; no interval begins before it. When it is first applied if nil.
    ///   - end: no interval ends after it.
    ///   - catchup: whether intervals that were missed are all run, or only the newest.
    ///   - maxActiveRuns: its runs under way at a time; 16 if nil.
    ///   - maxActiveTasks: task instances under way at a time, of all its runs; 16 if nil.
    ///   - deadline: a run that has not ended by then is an alert.
    ///   - timeout: a run that has not ended by then is cancelled and has failed.
    ///   - defaults: of each task that does not say otherwise.
    ///   - onFailure: what is done once all else has ended and the run has failed.
    public init(
        _ name: String, schedule: Schedule? = nil, timeZone: String? = nil, start: String? = nil, end: String? = nil, catchup: Bool = false,
        triggers: [Trigger] = [], parameters: [Parameter] = [], maxActiveRuns: Int? = nil, maxActiveTasks: Int? = nil,
        priority: Int? = nil, deadline: Span? = nil, timeout: Span? = nil, defaults: Defaults? = nil, doc: String? = nil,
        file: String = #fileID, line: Int = #line, column: Int = #column, @FlowBuilder tasks: () -> Flow,
        @FlowBuilder onFailure: () -> Flow = { Flow() }
    ) {
        self.name = name
        place = CallPlace(file: file, line: line, column: column)
        var keys = Written()
        keys["pipeline"] = .text(name)
        keys["schedule"] = schedule?.written
        keys["time_zone"] = .optional(timeZone)
        keys["start"] = .optional(start)
        keys["end"] = .optional(end)
        if catchup { keys["catchup"] = .word("true") }
        if !triggers.isEmpty { keys["triggers"] = .list(triggers.map(\.written)) }
        if !parameters.isEmpty {
            var map = Written()
            for parameter in parameters { map.append(parameter.name, parameter.written, at: nil) }
            keys["parameters"] = .map(map)
        }
        keys["max_active_runs"] = .optional(maxActiveRuns)
        keys["max_active_tasks"] = .optional(maxActiveTasks)
        keys["priority"] = .optional(priority)
        keys["deadline"] = deadline?.written
        keys["timeout"] = timeout?.written
        keys["defaults"] = defaults.map { .map($0.keys.written) }
        keys["doc"] = .optional(doc)
        self.keys = keys
        self.tasks = tasks()
        self.onFailure = onFailure()
    }

    /// All that it says.
    var written: Written {
        var written = keys
        written["tasks"] = .map(Pipeline.written(tasks, ""))
        let last = Pipeline.written(onFailure, "")
        if !last.entries.isEmpty { written["on_failure"] = .map(last) }
        return written
    }

    private static func written(_ flow: Flow, _ prefix: String) -> Written {
        var written = Written()
        for step in flow.ordered {
            var keys = step.keys
            if let inside = step.inside { keys["tasks"] = .map(self.written(inside, prefix + step.name + ".")) }
            if step.body != nil {
                keys["function"] = .text(prefix + step.name)
                keys["build"] = .build
            }
            written.append(step.name, .map(keys), at: step.place)
        }
        return written
    }

    /// Every step with the groups around it.
    private var allSteps: [(path: String, step: Step)] {
        func steps(_ flow: Flow, _ prefix: String) -> [(path: String, step: Step)] {
            flow.steps.flatMap { step in
                [(prefix + step.name, step)] + (step.inside.map { steps($0, prefix + step.name + ".") } ?? [])
            }
        }
        return steps(tasks, "") + steps(onFailure, "")
    }

    /// What its tasks of the kind `function` run, by their names with those of their groups.
    var bodies: [String: FunctionBody] {
        Dictionary(allSteps.compactMap { item in item.step.body.map { (item.path, $0) } }, uniquingKeysWith: { first, _ in first })
    }

    /// Steps that stand in two groups, which no order could mean.
    var mistakes: [DefinitionError] {
        var seen: [Step.Identity: String] = [:]
        var mistakes: [DefinitionError] = []
        for (path, step) in allSteps {
            if let other = seen.updateValue(path, forKey: step.identity), other != path {
                mistakes.append(
                    DefinitionError(
                        .duplicate, at: step.place.sourcePlace,
                        "one step stands in pipeline '\(name)' as '\(other)' and as '\(path)'", found: path,
                        hint: "name what is in a group with its group, as in .after(\"\(other)\")"))
            }
        }
        return mistakes
    }
}

extension CallPlace {
    var sourcePlace: SourcePlace { SourcePlace(file: file, line: line, column: column) }
}

/// Takes the pipelines that stand in the braces of ``main(_:)``.
@resultBuilder
public enum PipelinesBuilder {
    public static func buildExpression(_ pipeline: Pipeline) -> [Pipeline] { [pipeline] }
    public static func buildExpression(_ pipelines: [Pipeline]) -> [Pipeline] { pipelines }
    public static func buildBlock(_ pipelines: [Pipeline]...) -> [Pipeline] { pipelines.flatMap(\.self) }
    public static func buildOptional(_ pipelines: [Pipeline]?) -> [Pipeline] { pipelines ?? [] }
    public static func buildEither(first pipelines: [Pipeline]) -> [Pipeline] { pipelines }
    public static func buildEither(second pipelines: [Pipeline]) -> [Pipeline] { pipelines }
    public static func buildArray(_ pipelines: [[Pipeline]]) -> [Pipeline] { pipelines.flatMap(\.self) }
}
