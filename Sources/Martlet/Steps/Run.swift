/// Runs a program with arguments, as they are: no shell reads them.
public struct Run: PipelineStep {
    public var step: Step

    /// Bounds on a program and its children.
    public struct Limits: Sendable {
        let written: Written.Value

        /// - Parameters:
        ///   - cpu: time on processors.
        ///   - memory: a size, as in `"2GB"`.
        ///   - output: a size; of what it prints.
        ///   - fileSize: a size; of one file that it writes.
        ///   - processes: processes and threads at a time.
        public init(cpu: Span? = nil, memory: String? = nil, output: String? = nil, fileSize: String? = nil, processes: Int? = nil) {
            var written = Written()
            written["cpu"] = cpu?.written
            written["memory"] = .optional(memory)
            written["output"] = .optional(output)
            written["file_size"] = .optional(fileSize)
            written["processes"] = .optional(processes)
            self.written = .map(written)
        }
    }

    /// - Parameters:
    ///   - environment: set beside what every program is given.
    ///   - secrets: names of secrets by the variables of the environment that are set to their values.
    ///   - folder: where it starts, below the project's folder.
    ///   - skipCodes: exit codes that mean that there was nothing to do.
    ///   - retryCodes: exit codes after which another attempt is made; all if empty.
    ///   - outputs: what it writes as a JSON object into the file that `MARTLET_RESULT` names.
    ///   - inputs: files whose content decides, with `cache`, whether a result can be taken again.
    ///   - grace: how long it may take to end when asked, before it is killed.
    public init(
        _ name: String, _ program: String, _ arguments: String..., environment: [String: String] = [:], secrets: [String: String] = [:],
        folder: String? = nil, limits: Limits? = nil, skipCodes: [Int] = [], retryCodes: [Int] = [], outputs: [String: ValueKind] = [:], inputs: [String] = [],
        grace: Span? = nil, file: String = #fileID, line: Int = #line, column: Int = #column
    ) {
        step = Step(name, file, line, column)
        step.keys["run"] = .texts([program] + arguments)
        if !environment.isEmpty { step.keys["env"] = .map(environment.map { ($0.key, .text($0.value)) }) }
        if !secrets.isEmpty { step.keys["secrets"] = .map(secrets.map { ($0.key, .text($0.value)) }) }
        step.keys["folder"] = .optional(folder)
        step.keys["limits"] = limits?.written
        if !skipCodes.isEmpty { step.keys["skip_codes"] = .list(skipCodes.map { .word("\($0)") }) }
        if !retryCodes.isEmpty { step.keys["retry_codes"] = .list(retryCodes.map { .word("\($0)") }) }
        if !outputs.isEmpty { step.keys["outputs"] = .map(outputs.map { ($0.key, .text($0.value.word)) }) }
        if !inputs.isEmpty { step.keys["inputs"] = .texts(inputs) }
        step.keys["grace"] = grace?.written
    }
}
