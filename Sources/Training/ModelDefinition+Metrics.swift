internal import MartletDefinitions
internal import MartletExpressions
internal import MartletFrames
internal import MartletIngestion

/// Reads `metrics:` and `gates:` of a model.
struct MetricsReader {
    let model: String
    let known: [MetricDescription]
    let errors: ErrorCollector

    func metrics(_ node: LocatedNode?, task: ModelTask, stream: StreamDefinition) -> [ModelDefinition.Metric] {
        guard let node else {
            let usual: [String] =
                switch task {
                case .binary: ["average_precision", "roc_auc", "log_loss"]
                case .multiclass: ["accuracy", "log_loss"]
                case .regression: ["rmse", "mae", "r2"]
                }
            return usual.compactMap { name in known.first { $0.name == name } }.map { plain($0) }
        }
        guard case .list(let items) = node.content, !items.isEmpty, items.count <= 100 else {
            NodeValues(errors, "the key 'metrics' of \(model)").wrong(node, expected: "a list of 1 to 100 metrics")
            return []
        }
        var result: [ModelDefinition.Metric] = []
        for item in items {
            guard let metric = metric(item, task: task, stream: stream) else { continue }
            if result.contains(where: { $0.name == metric.name }) {
                errors.add(.duplicate, at: item.place, "the metric '\(metric.name)' of \(model) stands twice", found: metric.name)
                continue
            }
            result.append(metric)
        }
        return result
    }

    private func plain(_ description: MetricDescription) -> ModelDefinition.Metric {
        .init(
            name: description.name, function: description.name, count: nil, per: [], isHigherBetter: description.isHigherBetter)
    }

    private func metric(_ node: LocatedNode, task: ModelTask, stream: StreamDefinition) -> ModelDefinition.Metric? {
        if case .map = node.content { return counted(node, task: task, stream: stream) }
        guard let text = NodeValues(errors, "a metric of \(model)").text(node) else { return nil }
        guard let description = known.first(where: { $0.name == text.value }) else {
            errors.addUnknown(
                "metric", text.value, within: " of \(model)", at: text.place,
                choices: known.filter { $0.tasks.contains(task) }.map(\.name), plural: "metrics of a \(task.rawValue) task")
            return nil
        }
        guard isOf(task, description, at: text.place) else { return nil }
        if description.takesCount {
            errors.add(
                .wrongValue, at: text.place, "the metric '\(description.name)' of \(model) has no count", found: description.name,
                expected: "{ \(description.name): 100 }", hint: "write { \(description.name): 100 }")
            return nil
        }
        return plain(description)
    }

    private func isOf(_ task: ModelTask, _ description: MetricDescription, at place: SourcePlace) -> Bool {
        if description.tasks.contains(task) { return true }
        let choices = known.filter { $0.tasks.contains(task) }.map(\.name).joined(separator: ", ")
        errors.add(
            .conflict, at: place, "the metric '\(description.name)' does not measure a \(task.rawValue) task", found: description.name,
            expected: choices, hint: "metrics of a \(task.rawValue) task: \(choices)")
        return false
    }

    private func counted(_ node: LocatedNode, task: ModelTask, stream: StreamDefinition) -> ModelDefinition.Metric? {
        let before = errors.count
        let title = "a metric of \(model)"
        guard var map = MapReader(node, ModelDefinition.metricTable(known), title: title, errors: errors) else { return nil }
        var found: [(MetricDescription, Located<Int64>?)] = []
        for description in known where description.takesCount && map.has(description.name) {
            found.append((description, map.integer(description.name, in: 1...1_000_000_000)))
        }
        let per = map.texts("per") ?? []
        let hasUnknown = map.entries.contains { $0.key != "per" && !known.map(\.name).contains($0.key) }
        map.finish()
        guard found.count == 1 else {
            if errors.count == before, !hasUnknown {
                errors.add(
                    .missingKey, at: node.place, "\(title) has no name", expected: "one key of a metric",
                    hint: "write { \(known.first { $0.takesCount }?.name ?? "name"): 100 }")
            }
            return nil
        }
        let (description, count) = found[0]
        guard let count, isOf(task, description, at: node.place) else { return nil }
        var groups: [ModelDefinition.Group] = []
        for name in per {
            let group: ModelDefinition.Group
            if name.value == "day" {
                group = .day
            } else if let field = stream[name.value] {
                guard field.type == .string || field.type == .int64, field.knownAfter == nil else {
                    errors.add(
                        .wrongValue, at: name.place, "'per' of \(title) cannot be '\(field.name)': it must be a string or an int64 that is known at once",
                        found: field.name)
                    continue
                }
                group = .field(field.name)
            } else {
                errors.addUnknown(
                    "field", name.value, within: " in 'per' of \(title)", at: name.place,
                    choices: ["day"] + stream.contract.fields.map(\.name), plural: "choices")
                continue
            }
            if groups.contains(group) {
                errors.add(.duplicate, at: name.place, "'\(name.value)' stands twice in 'per' of \(title)", found: name.value)
            }
            groups.append(group)
        }
        guard errors.count == before else { return nil }
        return .init(
            name: "\(description.name)_\(count.value)", function: description.name, count: Int(count.value), per: groups,
            isHigherBetter: description.isHigherBetter)
    }

    func gates(_ node: LocatedNode?, metrics: [ModelDefinition.Metric]) -> [ModelDefinition.Gate] {
        guard let node else { return [] }
        let items: [LocatedNode]
        switch node.content {
        case .list(let list) where list.count <= 100: items = list
        case .scalar: items = [node]
        default:
            NodeValues(errors, "the key 'gates' of \(model)").wrong(node, expected: "a list of up to 100 expressions")
            return []
        }
        let scope = ExpressionScope(
            metrics.map { .init($0.name, .float64) } + metrics.map { .init("champion.\($0.name)", .float64) })
        return items.compactMap { item in
            guard let expression = ExpressionReader(errors, "a gate of \(model)").compile(item, scope: scope, expecting: .bool),
                case .scalar(let scalar) = item.content
            else { return nil }
            guard expression.references.contains(where: { !$0.hasPrefix("champion.") }) else {
                errors.add(
                    .wrongValue, at: item.place, "a gate of \(model) reads no metric of the new version", found: scalar.text.shortened(to: 60),
                    hint: "metrics: \(metrics.map(\.name).joined(separator: ", "))")
                return nil
            }
            return .init(
                text: scalar.text, expression: expression,
                readsChampion: expression.references.contains { $0.hasPrefix("champion.") })
        }
    }
}
