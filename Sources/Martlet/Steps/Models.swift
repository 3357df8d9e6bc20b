/// Trains a model and registers the version. It gives `version`, `run`, and each metric of the model by its name.
public struct Train: PipelineStep {
    public var step: Step

    public init(_ name: String, _ model: String, file: String = #fileID, line: Int = #line, column: Int = #column) {
        step = Step(name, file, line, column)
        step.keys["train"] = .text(model)
    }
}

/// Measures a version of a model on its test rows as they are now. It gives `version`, `rows`, and each metric of the model by its name.
public struct Evaluate: PipelineStep {
    public var step: Step

    /// - Parameter version: a number, an alias, or as in `"${tasks.train.version}"`; the newest if nil.
    public init(
        _ name: String, _ model: String, version: Literal? = nil, file: String = #fileID, line: Int = #line, column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["evaluate"] = .text(model)
        step.keys["version"] = version?.written
    }
}

/// Puts a model version behind an alias. It gives `release` and `version`.
public struct Promote: PipelineStep {
    public var step: Step

    /// - Parameters:
    ///   - version: as in `"${tasks.train.version}"`; the newest if nil.
    ///   - alias: the name that endpoints ask for; `champion` if nil.
    public init(
        _ name: String, _ model: String, version: Literal? = nil, alias: String? = nil, file: String = #fileID, line: Int = #line,
        column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["promote"] = .text(model)
        step.keys["version"] = version?.written
        step.keys["alias"] = .optional(alias)
    }
}

/// Asks an endpoint for every row of a file and writes its answers. It gives `file`, `rows`, `degraded` and `rejected`.
public struct Predict: PipelineStep {
    public var step: Step

    public init(
        _ name: String, _ endpoint: String, for path: String, to answers: String, file: String = #fileID, line: Int = #line,
        column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["predict"] = .text(endpoint)
        step.keys["file"] = .text(path)
        step.keys["to"] = .text(answers)
    }
}

/// Asks an endpoint once and fails if it does not answer, answers degraded, or otherwise than expected.
public struct Smoke: PipelineStep {
    public var step: Step

    /// - Parameters:
    ///   - inputs: of one request, by name.
    ///   - expectation: what must hold, as in `"output > 0.0 && latency_ms < 50.0"`; any answer if nil.
    public init(
        _ name: String, _ endpoint: String, inputs: [String: Literal], expect expectation: String? = nil, file: String = #fileID,
        line: Int = #line, column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["smoke"] = .text(endpoint)
        step.keys["inputs"] = .map(inputs.map { ($0.key, $0.value.written) })
        step.keys["expect"] = .optional(expectation)
    }
}
