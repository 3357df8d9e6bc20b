import MartletBytes

extension PipelineGraphDrawing {
    /// - Parameters:
    ///   - tasks: as `pipelines.read` answers.
    ///   - run: as `pipelineRuns.read` answers; nil where there was none.
    init(tasks: [JSONValue], run: JSONValue?) {
        var numbers: [String: Int] = [:]
        for (index, task) in tasks.enumerated() { numbers[task["task"]?.string ?? ""] = index }
        var states: [String: String] = [:]
        for task in run?["tasks"]?.array ?? [] { states[task["task"]?.string ?? ""] = task["state"]?.string }
        self.init(
            nodes: tasks.map { task in
                Node(
                    name: task["task"]?.string ?? "", kind: task["kind"]?.string ?? "",
                    after: (task["after"]?.array ?? []).compactMap { $0.string.flatMap { numbers[$0] } },
                    isOnFailure: task["on_failure"]?.bool == true, state: states[task["task"]?.string ?? ""])
            })
    }
}
