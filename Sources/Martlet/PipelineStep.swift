/// A task of a pipeline, or a group of tasks.
///
/// What a step says can be added to: `Run("load", "./load.sh").retries(3, delay: "30s").timeout("10m")`. Each addition gives another
/// value; a step stands in a pipeline once, whichever of its values is used.
public protocol PipelineStep: Configurable {
    var step: Step { get set }
}

/// What every kind of step is made of.
public struct Step: Hashable, Sendable {
    let name: String
    var keys = Written()
    /// The steps of a group.
    var inside: Flow?
    /// What a ``Task`` runs; nil of other kinds.
    var body: FunctionBody?
    let place: CallPlace
    let identity = Identity()

    init(_ name: String, _ file: String, _ line: Int, _ column: Int) {
        self.name = name
        place = CallPlace(file: file, line: line, column: column)
    }

    /// Tells steps apart that are written alike.
    final class Identity: Hashable, Sendable {
        static func == (left: Identity, right: Identity) -> Bool { left === right }
        func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
    }
}

extension PipelineStep {
    public var keys: StepKeys {
        get { StepKeys(written: step.keys) }
        set { step.keys = newValue.written }
    }

    private func with(_ key: String, _ value: Written.Value) -> Self {
        var copy = self
        copy.step.keys[key] = value
        return copy
    }

    /// Waits for tasks or groups by their names; `>>` says the same of values.
    public func after(_ names: String...) -> Self {
        var copy = self
        copy.step.wait(for: names)
        return copy
    }

    /// How what it waits for must have ended.
    public func trigger(_ rule: TriggerRule) -> Self { with("trigger_rule", .text(rule.rawValue)) }

    /// It is skipped unless an expression is true: `.when("tasks.train.roc_auc > 0.9")`.
    public func when(_ expression: String) -> Self { with("when", .text(expression)) }

    /// It runs once for each value, which its texts read as `${item}`.
    public func map(over items: [Literal]) -> Self { with("map", .list(items.map(\.written))) }

    /// It runs once for each value of a list that a task before it gave: `.map(over: "tasks.split.parts")`.
    public func map(over result: String) -> Self { with("map", .text(result)) }

    /// For how long its result is taken again for equal code, parameters and inputs.
    public func cache(_ span: Span) -> Self { with("cache", span.written) }

    /// The run succeeds even if this fails.
    public func allowFailure() -> Self { with("allow_failure", .word("true")) }

    /// For people; no part of the pipeline's version.
    public func doc(_ text: String) -> Self { with("doc", .text(text)) }
}

extension Step {
    /// Adds names to `after`, each once.
    mutating func wait(for names: [String]) {
        var known: [String] = []
        if case .list(let items)? = keys["after"] {
            for case .text(let name) in items { known.append(name) }
        }
        for name in names where !known.contains(name) { known.append(name) }
        keys["after"] = .texts(known)
    }
}
