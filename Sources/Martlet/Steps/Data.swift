/// Brings the rows of a file into a stream. It gives `accepted`, `duplicates` and `rejected`.
public struct Ingest: PipelineStep {
    public var step: Step

    /// - Parameters:
    ///   - path: CSV or NDJSON, plain or gzip, below the project's folder.
    ///   - isLive: whether the rows count as known from now on, and not from when they happened.
    public init(
        _ name: String, _ path: String, into stream: String, live isLive: Bool = false, file: String = #fileID, line: Int = #line,
        column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["ingest"] = .text(stream)
        step.keys["file"] = .text(path)
        if isLive { step.keys["live"] = .word("true") }
    }
}

/// Builds the training set of a model as CSV. It gives `file`, `rows`, `train` and `test`.
public struct Dataset: PipelineStep {
    public var step: Step

    /// - Parameter path: where it is written below the project's folder; nil if only tasks read it.
    public init(
        _ name: String, of model: String, to path: String? = nil, file: String = #fileID, line: Int = #line, column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["dataset"] = .text(model)
        step.keys["to"] = .optional(path)
    }
}

/// Fails unless each condition holds, as in `"tasks.train.roc_auc >= 0.9"`.
public struct Check: PipelineStep {
    public var step: Step

    public init(_ name: String, _ conditions: String..., file: String = #fileID, line: Int = #line, column: Int = #column) {
        step = Step(name, file, line, column)
        step.keys["check"] = conditions.count == 1 ? .text(conditions[0]) : .texts(conditions)
    }
}
