/// Steps and the order among them: what `>>` makes.
public struct Flow: Hashable, Sendable {
    /// Each once, in the order in which they were named.
    private(set) var steps: [Step] = []
    /// Names of steps of this flow, each with those that it waits for.
    private var before: [String: [String]] = [:]
    /// What starts first, and what ends last: where another flow is joined on.
    private var heads: [String] = []
    private var tails: [String] = []

    public init() {}

    init(_ step: Step) {
        steps = [step]
        heads = [step.name]
        tails = [step.name]
    }

    /// Side by side.
    init(_ flows: [Flow]) {
        for flow in flows { add(flow) }
    }

    /// Beside what there is.
    mutating func add(_ other: Flow) {
        merge(other)
        heads += other.heads.filter { !heads.contains($0) }
        tails += other.tails.filter { !tails.contains($0) }
    }

    /// One after the other; nothing before or after an empty flow.
    init(_ first: Flow, then second: Flow) {
        guard !first.steps.isEmpty, !second.steps.isEmpty else {
            self = first.steps.isEmpty ? second : first
            return
        }
        self = first
        merge(second)
        for head in second.heads { before[head, default: []] += first.tails }
        tails = second.tails
    }

    private mutating func merge(_ other: Flow) {
        // One value named twice is one step; two that are alike in name only both stay, to be reported by whoever reads them.
        for step in other.steps where !steps.contains(step) { steps.append(step) }
        for (name, names) in other.before { before[name, default: []] += names }
    }

    /// The steps, each with what it waits for.
    var ordered: [Step] {
        steps.map { step in
            var step = step
            if let names = before[step.name] { step.wait(for: names) }
            return step
        }
    }
}

/// How tightly `>>` binds between steps, so that chains need no parentheses. Swift's own `>>` cannot be chained, so a file that uses
/// it between steps says `infix operator >> : StepOrder` at its top.
precedencegroup StepOrder {
    associativity: left
    higherThan: AdditionPrecedence
}

/// Steps in order: `ingest >> train >> deploy`, `split >> [left, right] >> join`.
public func >> (first: some PipelineStep, second: some PipelineStep) -> Flow { Flow(Flow(first.step), then: Flow(second.step)) }
public func >> (first: some PipelineStep, second: Flow) -> Flow { Flow(Flow(first.step), then: second) }
public func >> (first: Flow, second: some PipelineStep) -> Flow { Flow(first, then: Flow(second.step)) }
public func >> (first: Flow, second: Flow) -> Flow { Flow(first, then: second) }
public func >> (first: some PipelineStep, second: [any PipelineStep]) -> Flow { Flow(Flow(first.step), then: Flow(second.map { Flow($0.step) })) }
public func >> (first: [any PipelineStep], second: some PipelineStep) -> Flow { Flow(Flow(first.map { Flow($0.step) }), then: Flow(second.step)) }
public func >> (first: Flow, second: [any PipelineStep]) -> Flow { Flow(first, then: Flow(second.map { Flow($0.step) })) }
public func >> (first: [any PipelineStep], second: Flow) -> Flow { Flow(Flow(first.map { Flow($0.step) }), then: second) }
public func >> (first: [any PipelineStep], second: [any PipelineStep]) -> Flow {
    Flow(Flow(first.map { Flow($0.step) }), then: Flow(second.map { Flow($0.step) }))
}

/// Takes the steps, flows and arrays of steps that stand in a pipeline's or group's braces; `if` and `for` choose and repeat.
@resultBuilder
public enum FlowBuilder {
    public static func buildExpression(_ step: some PipelineStep) -> Flow { Flow(step.step) }
    public static func buildExpression(_ flow: Flow) -> Flow { flow }
    public static func buildExpression(_ steps: [any PipelineStep]) -> Flow { Flow(steps.map { Flow($0.step) }) }
    public static func buildBlock(_ flows: Flow...) -> Flow { Flow(flows) }
    public static func buildOptional(_ flow: Flow?) -> Flow { flow ?? Flow() }
    public static func buildEither(first flow: Flow) -> Flow { flow }
    public static func buildEither(second flow: Flow) -> Flow { flow }
    public static func buildArray(_ flows: [Flow]) -> Flow { Flow(flows) }
}
