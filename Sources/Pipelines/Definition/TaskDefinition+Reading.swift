import MartletDefinitions
import MartletExpressions
import MartletFrames

/// Reads the tasks of one pipeline, each after those that it waits for, so that what they give is known.
struct TaskDefinitionReader {
    let tree: TaskTree
    let graph: TaskGraph
    let names: TaskNames
    let surroundings: PipelineSurroundings
    let pipelines: [String: [PipelineParameter]?]
    let defaults: TaskDefaults
    let errors: ErrorCollector

    /// Every task, in the graph's order; nil if one has a mistake.
    func readAll() -> [TaskDefinition]? {
        let before = errors.count
        var read: [(index: Int, task: TaskDefinition)] = []
        for index in graph.order {
            if let task = task(index) { read.append((index, task)) }
        }
        names.checkOrder(graph)
        guard errors.count == before, read.count == graph.order.count else { return nil }
        let readings = names.readings(of: graph)
        return read.map { $0.task.reading(readings[$0.index] ?? []) }
    }

    private func task(_ index: Int) -> TaskDefinition? {
        let item = tree.items[index]
        let title = tree.title(index)
        let before = errors.count
        guard let kind = kind(item, title),
            var map = MapReader(item.node, TaskKinds.table(of: kind), title: title, errors: errors)
        else { return nil }
        _ = map.node("after")
        let ruleText = map.choice("trigger_rule", TriggerRule.self)
        if let ruleText, item.after.isEmpty, graph.upstream[index].isEmpty {
            errors.add(
                .conflict, at: ruleText.place, "\(title) has a 'trigger_rule' and waits for no task", found: ruleText.value.rawValue,
                hint: "name the tasks in 'after', or remove it")
        }
        let whenNode = map.node("when")
        let mapNode = map.node("map")
        let cache = map.span("cache", atLeast: Timestamp.Span(microseconds: 1))?.value
        let allowFailure = map.bool("allow_failure")?.value ?? false
        let doc = map.text("doc")?.value ?? ""
        var settings = defaults
        settings.needs = nil
        settings.read(&map, surroundings: surroundings)

        let mapping = mapNode.flatMap { self.mapping($0, index, title) }
        let user = TaskNames.User(task: index, item: mapping?.item)
        // Without the type of its items nothing is said of what reads them.
        let canRead = mapNode == nil || mapping != nil
        let value = map.node(kind.word)
        var reader = TaskReader(errors: errors, map: map, surroundings: surroundings, pipelines: pipelines, names: names, user: user)
        var condition: CompiledExpression?
        var work: (any TaskWork)?
        if canRead {
            if let whenNode { condition = self.condition(whenNode, reader, title) }
            if let value { work = kind.read(value, &reader) }
            reader.finish()
        }
        guard let work else { return nil }
        // What it gives is known even if something else about it is wrong.
        names.note(index, gives: work.outputs, isMapped: mapping != nil)
        if work.isWaiting, settings.needs?.isEmpty == false {
            errors.add(
                .conflict, at: item.place, "\(title) only waits, and holds no room in a pool while it does", hint: "remove 'needs'")
        }
        guard errors.count == before else { return nil }
        return TaskDefinition(
            name: item.name, place: item.place, work: AnyTaskWork(work), after: graph.upstream[index].map { tree.items[$0].name },
            rule: ruleText?.value ?? .allSuccess, condition: condition, mapping: mapping?.mapping, retry: settings.retry,
            timeout: settings.timeout, deadline: settings.deadline, needs: needs(settings, isWaiting: work.isWaiting),
            priority: settings.priority, maxActive: settings.maxActive, cache: cache, allowFailure: allowFailure,
            isOnFailure: item.isOnFailure, doc: doc)
    }

    /// One processor unless something else is said.
    private func needs(_ settings: TaskDefaults, isWaiting: Bool) -> [String: Int64] {
        if isWaiting { return [:] }
        var needs = settings.needs ?? defaults.needs ?? [:]
        if needs["cpu"] == nil { needs["cpu"] = 1 }
        return needs.filter { $0.value > 0 }
    }

    /// The one kind whose key the task has.
    private func kind(_ item: TaskTree.Item, _ title: String) -> TaskKind? {
        guard case .map(let entries) = item.node.content else {
            NodeValues(errors, title).wrong(
                item.node, expected: "a map of what it does", hint: "as in { run: [./load.sh] } or { train: returns, after: load }")
            return nil
        }
        let found = entries.filter { TaskKinds[$0.key] != nil }
        if let second = found.dropFirst().first {
            errors.add(
                .conflict, at: second.keyPlace, "\(title) is to do \(found.map { "'\($0.key)'" }.joined(separator: " and ")); a task does one thing",
                found: second.key, hint: "make two tasks of it, one 'after' the other")
            return nil
        }
        if let kind = found.first.flatMap({ TaskKinds[$0.key] }) { return kind }
        let unknown = entries.first { PipelineDefinition.taskKeys[$0.key] == nil }
        errors.add(
            DefinitionError(
                .missingKey, at: unknown?.keyPlace ?? item.place, "\(title) does not say what it does",
                found: unknown?.key.shortened(to: 60), expected: TaskKinds.words.joined(separator: ", "),
                nearest: unknown.flatMap { NearestMatch.of($0.key, in: TaskKinds.words) },
                hint: "it needs one of the keys: \(TaskKinds.words.joined(separator: ", "))"))
        return nil
    }

    private func condition(_ node: LocatedNode, _ reader: borrowing TaskReader, _ title: String) -> CompiledExpression? {
        guard let condition = reader.expression(node, "the key 'when' of \(title)", expecting: .bool) else { return nil }
        guard condition.references.isEmpty else { return condition }
        if (try? condition.holds(in: TaskScope())) != true {
            errors.add(
                .conflict, at: node.place, "\(title) can never start: its 'when' is never true", found: condition.canonicalText,
                hint: "remove the task, or read something in 'when'")
            return nil
        }
        return condition
    }

    private func mapping(_ node: LocatedNode, _ index: Int, _ title: String) -> (mapping: TaskMapping, item: ValueType)? {
        let subject = "the key 'map' of \(title)"
        switch node.content {
        case .scalar(let scalar):
            guard !scalar.text.hasPrefix("${") else {
                errors.add(
                    .wrongValue, at: node.place, "\(subject) names a result as a whole, and needs no '${'", found: node.summary,
                    hint: "write tasks.NAME.OUTPUT")
                return nil
            }
            let user = TaskNames.User(task: index, item: nil)
            return names.list(Located(scalar.text, node.place), subject, for: user).map { (.result(task: $0.task, output: $0.output), $0.item) }
        case .map:
            NodeValues(errors, subject).wrong(node, expected: "a list of values", hint: "write [a, b, c] or tasks.NAME.OUTPUT")
            return nil
        case .list(let nodes): return items(nodes, node, subject)
        }
    }

    /// Literals of one type; whole numbers widen beside others.
    private func items(_ nodes: [LocatedNode], _ node: LocatedNode, _ subject: String) -> (mapping: TaskMapping, item: ValueType)? {
        guard !nodes.isEmpty, nodes.count <= PipelineLimits.items else {
            errors.add(
                nodes.isEmpty ? .wrongValue : .tooLarge, at: node.place,
                "\(subject) has \(nodes.count) values; it may have 1 to \(PipelineLimits.items)",
                hint: nodes.isEmpty ? nil : "let a task before it give the list")
            return nil
        }
        var values: [Value] = []
        for item in nodes {
            guard case .scalar(let scalar) = item.content, !scalar.isNull, scalar.text.utf8.count <= PipelineLimits.textBytes else {
                NodeValues(errors, subject).wrong(item, expected: "a list of values")
                return nil
            }
            values.append(PipelineValues.literal(scalar))
        }
        if values.contains(where: { $0.type == .float64 }) {
            values = values.map { if case .int64(let number) = $0 { .float64(Double(number)) } else { $0 } }
        }
        let type = values[0].type ?? .string
        if let other = values.firstIndex(where: { $0.type != type }) {
            errors.add(
                .wrongValue, at: nodes[other].place,
                "\(subject) holds a \(type.rawValue) first and a \(values[other].type?.rawValue ?? "missing value") here", found: nodes[other].summary,
                expected: "values of one type", hint: "quote those that are texts")
            return nil
        }
        return (.items(values), type)
    }
}

extension TaskDefinition {
    /// The same with what it was found to read.
    fileprivate func reading(_ readings: [String]) -> TaskDefinition {
        TaskDefinition(
            name: name, place: place, work: work, after: after, rule: rule, condition: condition, mapping: mapping, retry: retry,
            timeout: timeout, deadline: deadline, needs: needs, priority: priority, maxActive: maxActive, cache: cache,
            allowFailure: allowFailure, isOnFailure: isOnFailure, readings: readings, doc: doc)
    }
}
