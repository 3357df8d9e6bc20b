/// Carries out SQL by DuckDB over the project's files. It gives `rows`, and `file` or what `outputs` names.
public struct SQL: PipelineStep {
    public var step: Step

    /// - Parameters:
    ///   - text: one or more statements, all or none of which take effect; `$name` stands for a value of `parameters`.
    ///   - parameters: one that is a single `${…}` has the type of what is computed.
    ///   - database: a database file below the project's folder; one in memory if nil.
    ///   - to: a file for the last statement's rows: `.parquet`, `.csv`, `.csv.gz`, `.ndjson`, `.ndjson.gz`.
    ///   - outputs: columns of the last statement's rows that are handed on.
    ///   - inputs: files whose content decides, with `cache`, whether a result can be taken again.
    ///   - grace: how long it may take to end when asked, before it is killed.
    public init(
        _ name: String, _ text: String, parameters: [String: Literal] = [:], database: String? = nil, to: String? = nil,
        outputs: [String: ValueKind] = [:], limits: Run.Limits? = nil, inputs: [String] = [], grace: Span? = nil,
        file: String = #fileID, line: Int = #line, column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["sql"] = .text(text)
        if !parameters.isEmpty { step.keys["parameters"] = .map(parameters.map { ($0.key, $0.value.written) }) }
        step.keys["database"] = .optional(database)
        step.keys["to"] = .optional(to)
        if !outputs.isEmpty { step.keys["outputs"] = .map(outputs.map { ($0.key, .text($0.value.word)) }) }
        step.keys["limits"] = limits?.written
        if !inputs.isEmpty { step.keys["inputs"] = .texts(inputs) }
        step.keys["grace"] = grace?.written
    }
}
