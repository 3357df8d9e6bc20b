package import MartletDefinitions
internal import MartletExpressions
package import MartletFeatureStore
internal import MartletFrames
package import MartletIngestion

extension ModelDefinition {
    /// What a model's references are resolved in.
    package struct Surroundings {
        package var streams: [String: StreamDefinition]
        package var brokenStreams: Set<String>
        package var catalog: FeatureCatalog
        package var trainers: [TrainerDescription]
        package var metrics: [MetricDescription]

        package init(
            streams: [String: StreamDefinition], brokenStreams: Set<String>, catalog: FeatureCatalog,
            trainers: [TrainerDescription], metrics: [MetricDescription]
        ) {
            self.streams = streams
            self.brokenStreams = brokenStreams
            self.catalog = catalog
            self.trainers = trainers
            self.metrics = metrics
        }
    }

    /// Reads and checks a model; nil if it has a mistake of its own, or reads something that has.
    package static func read(_ block: Block, in surroundings: Surroundings, errors: ErrorCollector) -> ModelDefinition? {
        let before = errors.count
        guard var map = MapReader(block.node, keys, title: block.title, errors: errors) else { return nil }
        _ = map.node("model")
        let taskText = map.requiredText("task")
        let from = map.requiredText("from")
        let labelNode = map.required("label")
        let filterNode = map.node("where")
        let featuresNode = map.required("features")
        let exceptNode = map.node("except")
        let splitNode = map.node("split")
        let trainerNode = map.node("trainer")
        let metricsNode = map.node("metrics")
        let gatesNode = map.node("gates")
        let doc = map.text("doc")?.value ?? ""
        map.finish()

        let task = taskText.flatMap { self.task($0, block.title, errors) }
        let judge = MetricsReader(model: block.title, known: surroundings.metrics, errors: errors)
        let trainer = task.flatMap {
            TrainerReader(model: block.title, known: surroundings.trainers, errors: errors).read(trainerNode, task: $0)
        }
        guard let from else { return nil }
        guard let stream = surroundings.streams[from.value] else {
            if !surroundings.brokenStreams.contains(from.value) {
                errors.addUnknown(
                    "stream", from.value, within: " in the key 'from' of \(block.title)", at: from.place,
                    choices: surroundings.streams.keys.sorted(), plural: "streams")
            }
            return nil
        }
        let scope = stream.scope
        let label = labelNode.flatMap { self.label($0, task: task, scope: scope, block.title, errors) }
        var filter: CompiledExpression?
        if let filterNode {
            let reader = ExpressionReader(errors, "'where' of \(block.title)")
            filter = reader.compile(filterNode, scope: scope, expecting: .bool)
            if let filter { _ = reader.refuseSubjects(in: filter, scope: scope, at: filterNode.place) }
        }
        var features = ModelFeaturesReader(
            model: block.title, stream: stream, label: Set(label?.references ?? []), catalog: surroundings.catalog, errors: errors)
        if let featuresNode { features.read(featuresNode) }
        if let exceptNode { features.leaveOut(exceptNode) }
        features.freeze()
        let split = SplitReader(
            model: block.title, stream: stream, streams: surroundings.streams, broken: surroundings.brokenStreams, errors: errors
        ).read(splitNode)
        let metrics = task.map { judge.metrics(metricsNode, task: $0, stream: stream) } ?? []
        let gates = errors.count == before ? judge.gates(gatesNode, metrics: metrics) : []
        guard errors.count == before, !features.readsBroken, let task, let label, let split, let trainer else { return nil }
        if case .stated(_, let test) = split, test.stream != stream.name, let other = surroundings.streams[test.stream] {
            let needed = Set(label.references + (filter?.references ?? []) + (test.filter?.references ?? []))
                .union(features.rowFields)
            for name in needed.sorted() where other[name]?.type != stream[name]?.type {
                errors.add(
                    .conflict, at: splitNode?.place ?? block.place,
                    "the test stream '\(other.name)' of \(block.title) has no \(stream[name]?.type.rawValue ?? "") field '\(name)', which the model reads",
                    found: name, hint: "a test stream has the fields of '\(stream.name)' that the model reads")
            }
            guard errors.count == before else { return nil }
        }
        let knownAfter = label.references.compactMap { stream[$0]?.knownAfter }.max() ?? .zero
        return ModelDefinition(
            name: block.name, place: block.place, task: task, source: stream.name, label: label, labelKnownAfter: knownAfter,
            filter: filter, views: features.views, features: features.features, split: split, trainer: trainer,
            metrics: metrics, gates: gates, doc: doc)
    }

    private static func task(_ text: Located<String>, _ title: String, _ errors: ErrorCollector) -> ModelTask? {
        if let task = ModelTask(rawValue: text.value) { return task }
        let choices = ModelTask.allCases.map(\.rawValue)
        let usual = ["classification": "binary", "classifier": "binary", "regressor": "regression", "multi": "multiclass"]
        errors.add(
            DefinitionError(
                .unknownName, at: text.place, "the task of \(title) cannot be '\(text.value.shortened(to: 60))'", found: text.value,
                expected: choices.joined(separator: ", "),
                nearest: usual[text.value.lowercased()] ?? NearestMatch.of(text.value, in: choices),
                hint: "tasks that exist: \(choices.joined(separator: ", "))"))
        return nil
    }

    private static func label(
        _ node: LocatedNode, task: ModelTask?, scope: ExpressionScope, _ title: String, _ errors: ErrorCollector
    ) -> CompiledExpression? {
        let reader = ExpressionReader(errors, "the label of \(title)")
        guard let label = reader.compile(node, scope: scope),
            reader.refuseSubjects(in: label, scope: scope, at: node.place)
        else { return nil }
        guard !label.references.isEmpty else {
            errors.add(.wrongValue, at: node.place, "the label of \(title) reads no field", found: label.canonicalText, expected: "a field or an expression of fields")
            return nil
        }
        guard let task else { return label }
        let allowed: [ValueType] =
            switch task {
            case .binary: [.bool]
            case .multiclass: [.string, .int64, .bool]
            case .regression: [.float64, .int64]
            }
        guard allowed.contains(label.type) else {
            let hint =
                task == .binary && label.type == .int64 ? "write a comparison: \(label.canonicalText) == 1"
                : task == .binary && label.type == .string ? "write a comparison: \(label.canonicalText) == \"…\"" : nil
            errors.add(
                .wrongValue, at: node.place, "the label of \(title) is a \(label.type.rawValue); a \(task.rawValue) task needs \(allowed.map(\.rawValue).joined(separator: " or "))",
                found: label.type.rawValue, expected: allowed.map(\.rawValue).joined(separator: ", "), hint: hint)
            return nil
        }
        return label
    }
}

/// Resolves `features:` and `except:` to the frozen list.
private struct ModelFeaturesReader {
    let model: String
    let stream: StreamDefinition
    /// The fields that the label reads.
    let label: Set<String>
    let catalog: FeatureCatalog
    let errors: ErrorCollector
    var views: [ModelDefinition.View] = []
    var features: [ModelDefinition.Feature] = []
    /// The fields of the row that the features read, keys of views included.
    var rowFields: Set<String> = []
    /// Whether it names a view that has mistakes of its own.
    var readsBroken = false
    private var names: Set<String> = []
    private var candidates: [Candidate] = []

    init(model: String, stream: StreamDefinition, label: Set<String>, catalog: FeatureCatalog, errors: ErrorCollector) {
        self.model = model
        self.stream = stream
        self.label = label
        self.catalog = catalog
        self.errors = errors
    }

    mutating func read(_ node: LocatedNode) {
        guard case .list(let items) = node.content, !items.isEmpty, items.count <= 5_000 else {
            NodeValues(errors, "the key 'features' of \(model)").wrong(
                node, expected: "a list of 1 to 5000", hint: "as in [request.*, customer.count_1d]")
            return
        }
        for item in items { self.item(item) }
    }

    private mutating func item(_ node: LocatedNode) {
        if case .map = node.content {
            guard var map = MapReader(node, ModelDefinition.featureKeys, title: "a view of the features of \(model)", errors: errors)
            else { return }
            let name = map.requiredText("view")
            let on = map.texts("on")
            let alias = map.text("as").flatMap { NodeValues(errors, "").name($0, what: "view of features") }
            map.finish()
            guard let name, let view = view(name.value, at: name.place) else { return }
            guard let index = use(view, on: on, alias: alias?.value ?? view.name, at: node.place) else { return }
            for feature in view.features { add(feature, of: view, at: index, place: node.place, isGlob: true) }
            return
        }
        guard let text = NodeValues(errors, "an entry of 'features' of \(model)").text(node) else { return }
        guard let (viewName, pattern) = split(text) else { return }
        guard let view = view(viewName, at: text.place) else { return }
        guard let index = use(view, on: nil, alias: view.name, at: text.place) else { return }
        if pattern == "*" {
            for feature in view.features { add(feature, of: view, at: index, place: text.place, isGlob: true) }
        } else if let feature = view[pattern] {
            add(feature, of: view, at: index, place: text.place, isGlob: false)
        } else {
            errors.addUnknown(
                "feature", "\(viewName).\(pattern)", within: " in \(model)", at: text.place,
                choices: view.features.map { "\(viewName).\($0.name)" }, plural: "features")
        }
    }

    private func split(_ text: Located<String>) -> (view: String, pattern: String)? {
        let parts = text.value.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, NodeValues.isName(parts[0]), parts[1] == "*" || NodeValues.isName(parts[1]) {
            return (parts[0], parts[1])
        }
        let isField = stream[text.value] != nil
        errors.add(
            .wrongValue, at: text.place, "'\(text.value.shortened(to: 60))' in 'features' of \(model) is not view.feature or view.*",
            found: text.value, expected: "view.* or view.feature",
            hint: isField ? "'\(text.value)' is a field: give it to a view with 'derive: { \(text.value): \(text.value) }'" : nil)
        return nil
    }

    private mutating func view(_ name: String, at place: SourcePlace) -> FeatureViewDefinition? {
        if let view = catalog.views[name] { return view }
        if catalog.broken.contains(name) {
            readsBroken = true
        } else {
            errors.addUnknown(
                "feature view", name, within: " in the features of \(model)", at: place, choices: catalog.views.keys.sorted(),
                plural: "feature views")
        }
        return nil
    }

    /// The index of a view among those that the model reads.
    private mutating func use(
        _ view: FeatureViewDefinition, on: [Located<String>]?, alias: String, at place: SourcePlace
    ) -> Int? {
        var keys: [String] = []
        if let entity = view.entity {
            if let on {
                guard on.count == entity.keys.count else {
                    errors.add(
                        .wrongValue, at: on.first?.place ?? place,
                        "view '\(view.name)' has \(entity.keys.count) entity keys (\(entity.keys.map(\.name).joined(separator: ", "))), and 'on' names \(on.count)",
                        hint: "name one field of the row for each")
                    return nil
                }
                keys = on.map(\.value)
            } else {
                keys = entity.keys.map(\.name)
            }
            for (index, pair) in zip(keys, entity.keys).enumerated() {
                let keyPlace = on?[index].place ?? place
                guard let field = stream[pair.0] else {
                    if on != nil {
                        errors.addUnknown(
                            "field", pair.0, within: " of stream '\(stream.name)' in 'on' of \(model)", at: keyPlace,
                            choices: stream.contract.fields.map(\.name), plural: "fields")
                    } else {
                        errors.add(
                            .unknownName, at: keyPlace,
                            "\(model) cannot read view '\(view.name)': stream '\(stream.name)' has no field '\(pair.0)', the view's entity key",
                            found: pair.0, hint: "read it at another field: { view: \(view.name), on: …, as: … }")
                    }
                    return nil
                }
                guard field.type == pair.1.type else {
                    errors.add(
                        .wrongValue, at: keyPlace,
                        "the field '\(field.name)' is a \(field.type.rawValue), and the entity key '\(pair.1.name)' of view '\(view.name)' a \(pair.1.type.rawValue)",
                        found: field.type.rawValue, expected: pair.1.type.rawValue)
                    return nil
                }
                if let late = field.knownAfter {
                    errors.add(.leakage, at: keyPlace, "the field '\(field.name)' is known only \(late) after its event, and no view can be read at it")
                    return nil
                }
            }
        } else {
            guard view.source == stream.name else {
                errors.add(
                    .conflict, at: place, "\(model) cannot read view '\(view.name)': it is derived from rows of stream '\(view.source)', not of '\(stream.name)'",
                    found: view.source, expected: stream.name)
                return nil
            }
            if let first = on?.first {
                errors.add(.conflict, at: first.place, "view '\(view.name)' is derived from the row and has no entity keys for 'on'")
                return nil
            }
        }
        let made = ModelDefinition.View(view: view.name, alias: alias, on: keys)
        if let index = views.firstIndex(where: { $0 == made }) { return index }
        if let other = views.first(where: { $0.alias == alias }) {
            errors.add(
                .duplicate, at: place, "two views of \(model) would both be called '\(alias)': '\(other.view)' at \(other.on.joined(separator: ", ")), and '\(view.name)' at \(keys.joined(separator: ", "))",
                found: alias, hint: "name one of them with 'as'")
            return nil
        }
        views.append(made)
        return views.count - 1
    }

    private mutating func add(
        _ feature: FeatureViewDefinition.Feature, of view: FeatureViewDefinition, at index: Int, place: SourcePlace, isGlob: Bool
    ) {
        let name = "\(views[index].alias).\(feature.name)"
        guard names.insert(name).inserted else {
            errors.add(
                .duplicate, at: place, "the feature '\(name)' stands twice in \(model)", found: name, hint: "remove one of the two")
            return
        }
        candidates.append(
            Candidate(
                name: name, place: place, source: feature,
                frozen: .init(
                    name: name, reference: FeatureReference(view: view.name, feature: feature.name), viewIndex: index,
                    type: feature.type, hash: feature.hash)))
    }

    /// Checks what `except` left, and freezes it.
    mutating func freeze() {
        for candidate in candidates {
            if let leaked = candidate.source.rowFields.intersection(label).sorted().first {
                errors.add(
                    .leakage, at: candidate.place,
                    "the feature '\(candidate.name)' of \(model) reads '\(leaked)', which the label is made of", found: leaked,
                    hint: "leave it out with 'except: [\(candidate.name)]'")
            } else if candidate.frozen.type == .timestamp {
                errors.add(
                    .wrongValue, at: candidate.place,
                    "the feature '\(candidate.name)' of \(model) is a timestamp, which no model takes", found: "timestamp",
                    expected: "a number, a bool or a string",
                    hint: "derive a number from it, or leave it out with 'except: [\(candidate.name)]'")
            }
            rowFields.formUnion(candidate.source.rowFields)
        }
        // A view of which nothing is left is not read.
        let used = Set(candidates.map(\.frozen.viewIndex))
        let kept = views.indices.filter { used.contains($0) }
        let moved = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
        views = kept.map { views[$0] }
        rowFields.formUnion(views.flatMap(\.on))
        features = candidates.map { candidate in
            var feature = candidate.frozen
            feature.viewIndex = moved[feature.viewIndex] ?? 0
            return feature
        }
    }

    mutating func leaveOut(_ node: LocatedNode) {
        let items: [LocatedNode]
        if case .list(let list) = node.content { items = list } else { items = [node] }
        for item in items {
            guard let text = NodeValues(errors, "an entry of 'except' of \(model)").text(item), let (alias, pattern) = split(text) else { continue }
            let leaves = candidates.filter { $0.name == text.value || (pattern == "*" && $0.name.hasPrefix(alias + ".")) }
            if leaves.isEmpty {
                if !readsBroken {
                    errors.addUnknown(
                        "feature", text.value, within: " in 'except' of \(model)", at: text.place, choices: candidates.map(\.name),
                        plural: "features")
                }
                continue
            }
            candidates.removeAll { candidate in leaves.contains { $0.name == candidate.name } }
        }
        if candidates.isEmpty, !readsBroken, errors.isEmpty {
            errors.add(.wrongValue, at: node.place, "'except' of \(model) leaves no feature")
        }
    }

    /// A feature that is named, before `except`.
    private struct Candidate {
        var name: String
        var place: SourcePlace
        var source: FeatureViewDefinition.Feature
        var frozen: ModelDefinition.Feature
    }
}
