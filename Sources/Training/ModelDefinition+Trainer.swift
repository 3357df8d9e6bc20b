internal import MartletDefinitions
internal import MartletFrames

/// Reads `trainer:` of a model by the list of trainers that the program has.
struct TrainerReader {
    let model: String
    let known: [TrainerDescription]
    let errors: ErrorCollector

    func read(_ node: LocatedNode?, task: ModelTask) -> ModelDefinition.Trainer? {
        guard let node else {
            guard let standard = known.first(where: { $0.tasks.contains(task) }) else { return nil }
            return ModelDefinition.Trainer(kind: standard.kind, parameters: defaults(of: standard))
        }
        let title = "the trainer of \(model)"
        guard case .map(let entries) = node.content else {
            _ = MapReader(node, ModelDefinition.trainerKeys, title: title, errors: errors)
            return nil
        }
        guard let entry = entries.first(where: { $0.key == "kind" }) else {
            if var map = MapReader(node, ModelDefinition.trainerKeys, title: title, errors: errors) { _ = map.required("kind") }
            return nil
        }
        guard let kind = NodeValues(errors, "the kind of \(title)").text(entry.value) else { return nil }
        guard let trainer = known.first(where: { $0.kind == kind.value }) else {
            errors.addUnknown(
                "trainer", kind.value, within: " of \(model)", at: kind.place, choices: known.map(\.kind), plural: "trainers")
            return nil
        }
        guard trainer.tasks.contains(task) else {
            errors.add(
                .conflict, at: kind.place, "the trainer '\(trainer.kind)' of \(model) does not train a \(task.rawValue) task",
                found: trainer.kind, expected: known.filter { $0.tasks.contains(task) }.map(\.kind).joined(separator: ", "))
            return nil
        }
        let before = errors.count
        guard var map = MapReader(node, ModelDefinition.table(of: trainer), title: title, errors: errors) else { return nil }
        _ = map.node("kind")
        var parameters = defaults(of: trainer)
        for parameter in trainer.parameters {
            if let given = map.node(parameter.name),
                let value = value(given, parameter.form, NodeValues(errors, "the parameter '\(parameter.name)' of \(title)"))
            {
                parameters[parameter.name] = value
            }
        }
        map.finish()
        return errors.count == before ? ModelDefinition.Trainer(kind: trainer.kind, parameters: parameters) : nil
    }

    private func defaults(of trainer: TrainerDescription) -> [String: Value] {
        Dictionary(trainer.parameters.map { ($0.name, $0.standard) }, uniquingKeysWith: { first, _ in first })
    }

    private func value(_ node: LocatedNode, _ form: TrainerDescription.Parameter.Form, _ values: NodeValues) -> Value? {
        switch form {
        case .integer(let range): return values.integer(node, in: range).map { .int64($0.value) }
        case .number(let range): return values.number(node, in: range).map { .float64($0.value == 0 ? 0 : $0.value) }
        case .flag: return values.bool(node).map { .bool($0.value) }
        case .word(let words):
            guard let text = values.text(node) else { return nil }
            guard words.contains(text.value) else {
                values.wrong(node, expected: "one of \(words.joined(separator: ", "))")
                return nil
            }
            return .string(text.value)
        }
    }
}
