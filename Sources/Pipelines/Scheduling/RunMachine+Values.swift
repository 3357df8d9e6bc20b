internal import MartletExpressions
public import MartletFrames

extension RunMachine {
    /// The value of a name that texts and conditions read: `parameters.day`, `interval.start`, `tasks.load.rows`, `item` …
    ///
    /// - Returns: missing for a name without a value: a task that gave none, a run about no interval.
    public func value(of name: String, for number: InstanceNumber?) -> Value {
        guard let dot = name.firstIndex(of: ".") else {
            return name == "item" ? number.flatMap { item(of: $0) } ?? .missing : .missing
        }
        let rest = String(name[name.index(after: dot)...])
        switch name[..<dot] {
        case "parameters": return facts.parameters[rest] ?? .missing
        case "interval":
            switch rest {
            case "start": return facts.interval.map { .timestamp($0.start) } ?? .missing
            case "end": return facts.interval.map { .timestamp($0.end) } ?? .missing
            default: return .missing
            }
        case "run":
            switch rest {
            case "id": return .string(facts.id)
            case "pipeline": return .string(facts.pipeline)
            case "cause": return .string(facts.cause.rawValue)
            case "failed_tasks": return .string(failedTasks.joined(separator: ","))
            default: return .missing
            }
        case "task":
            return rest == "key" ? number.map { .string(address(of: $0).description) } ?? .missing : .missing
        case "tasks":
            guard let last = rest.lastIndex(of: "."), let task = graph.number(of: String(rest[..<last])) else { return .missing }
            let output = String(rest[rest.index(after: last)...])
            if output == "state" { return .string(state(of: task).rawValue) }
            switch results[InstanceNumber(task)]?[output] {
            case .scalar(let value)?: return value
            case .file(let hash, _)?: return .string(hash)
            case .list?, nil: return .missing
            }
        default: return .missing
        }
    }

    /// Every name that an instance's texts and conditions may read.
    public func scope(of number: InstanceNumber) -> TaskScope {
        var scope = TaskScope()
        for (name, value) in facts.parameters { scope["parameters." + name] = value }
        let task = graph.nodes[number.task].task
        var names = ["run.id", "run.cause", "interval.start", "interval.end", "task.key"]
        // Only what runs after a failure may read it; to look for failures costs a step for each task.
        if task.isOnFailure { names.append("run.failed_tasks") }
        for name in names + task.readings { scope[name] = value(of: name, for: number) }
        if task.mapping != nil { scope["item"] = value(of: "item", for: number) }
        return scope
    }

    /// Of the names that an instance reads, those that are files, with the hashes of their blobs.
    func files(of number: InstanceNumber) -> [String: String] {
        var files: [String: String] = [:]
        for name in graph.nodes[number.task].task.readings {
            let parts = name.split(separator: ".").map(String.init)
            guard parts.count > 2, let task = graph.number(of: parts[1..<(parts.count - 1)].joined(separator: ".")),
                case .file(let hash, _)? = results[InstanceNumber(task)]?[parts[parts.count - 1]]
            else { continue }
            files[name] = hash
        }
        return files
    }

    /// The address of an instance among all runs.
    public func address(of number: InstanceNumber) -> InstanceAddress {
        InstanceAddress(run: facts.id, task: graph.nodes[number.task].task.name, index: number.index)
    }

    /// The names of the tasks that failed, in the order of the definition.
    public var failedTasks: [String] {
        graph.nodes.indices.filter { tasks[$0].outcome == .failed }.map { graph.nodes[$0].task.name }
    }

    /// The items that a task is repeated for; nil if the task that gives them did not.
    func items(_ mapping: TaskMapping) -> [Value]? {
        switch mapping {
        case .items(let items): return items
        case .result(let source, let output):
            guard let task = graph.number(of: source) else { return nil }
            if graph.nodes[task].task.mapping != nil { return collected(task, output) }
            guard case .list(let items)? = results[InstanceNumber(task)]?[output] else { return nil }
            return items
        }
    }

    /// What the instances of a mapped task gave under a name, in the order of its items; those that gave nothing are left out.
    private func collected(_ task: Int, _ output: String) -> [Value]? {
        guard tasks[task].outcome?.isEnd == true else { return nil }
        return tasks[task].instances.indices.flatMap { index -> [Value] in
            switch results[InstanceNumber(task, index)]?[output] {
            case .scalar(let value)?: [value]
            case .list(let values)?: values
            case .file(let hash, _)?: [.string(hash)]
            case nil: []
            }
        }
    }

    private func item(of number: InstanceNumber) -> Value? {
        guard tasks[number.task].items.indices.contains(number.index) else { return nil }
        return tasks[number.task].items[number.index]
    }

    /// Whether a condition is true; one that is missing is not.
    func holds(_ condition: CompiledExpression, _ task: Int) -> Bool {
        let columns = zip(condition.references, condition.referenceTypes).map { name, type in
            let value = value(of: name, for: InstanceNumber(task))
            return Column([value.type == type ? value : .missing], type: type)
        }
        return condition.evaluate(columns, rowCount: 1).column[0] == .bool(true)
    }
}
