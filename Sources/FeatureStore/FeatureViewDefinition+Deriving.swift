internal import MartletDefinitions
internal import MartletExpressions
internal import MartletFrames
internal import MartletIngestion

/// A view of derived features whose keys are read and whose expressions are not.
struct DeriveDraft {
    let block: Block
    let stream: StreamDefinition
    let doc: String
    let entries: [LocatedNode.Entry]

    /// The first parts of the dotted names that its expressions mention, as far as the text shows them.
    var mentionedViews: Set<String> {
        Set(entries.flatMap { DeriveDraft.dottedNames($0.value).map(\.view) })
    }

    /// Checks every expression.
    ///
    /// - Parameters:
    ///   - views: those that are checked; every view that this one needs is among them, or broken.
    ///   - viewNames: all names of views of the project, for the nearest match.
    /// - Returns: nil if it has a mistake, or if one in a view that it needs keeps it from being checked.
    func check(
        views: [String: FeatureViewDefinition], viewNames: [String], broken: Set<String>, errors: ErrorCollector
    ) -> FeatureViewDefinition? {
        let before = errors.count
        if mentionedViews.contains(where: { broken.contains($0) }) { return nil }
        var order = DependencyOrder()
        var byName: [String: LocatedNode.Entry] = [:]
        for entry in entries {
            guard NodeValues(errors, block.title).name(Located(entry.key, entry.keyPlace), what: "feature") != nil else { continue }
            byName[entry.key] = entry
        }
        for entry in entries where byName[entry.key] != nil {
            let own = DeriveDraft.dottedNames(entry.value).filter { $0.view == block.name }.map(\.feature)
            order.add(entry.key, needs: Set(own.filter { byName[$0] != nil }))
        }
        for cycle in order.cycles {
            errors.add(
                .cycle, at: byName[cycle[0]]?.keyPlace,
                "derived features of \(block.title) need each other in a circle: \((cycle + [cycle[0]]).joined(separator: " → "))",
                hint: "a bare name is a field of the stream; '\(block.name).name' is a feature of this view")
        }
        var names = stream.scope.names
        let outside = views.values.sorted { $0.name < $1.name }
        for view in outside {
            names += view.features.map { ExpressionScope.Name("\(view.name).\($0.name)", $0.type) }
        }
        var done: [String: FeatureViewDefinition.Feature] = [:]
        var planned: [DerivedFeature] = []
        var failed = order.cyclic
        for name in order.sorted {
            guard let entry = byName[name] else { continue }
            let own = DeriveDraft.dottedNames(entry.value).filter { $0.view == block.name }
            if own.contains(where: { failed.contains($0.feature) }) {
                failed.insert(name)
                continue
            }
            let scope = ExpressionScope(names, timeZone: stream.timeZone)
            guard let made = feature(entry, scope: scope, views: views, done: done, errors: errors) else {
                failed.insert(name)
                continue
            }
            planned.append(made.planned)
            done[name] = made.feature
            names.append(ExpressionScope.Name("\(block.name).\(name)", made.feature.type))
        }
        guard errors.count == before, failed.isEmpty else { return nil }
        return FeatureViewDefinition(
            name: block.name, place: block.place, source: stream.name,
            body: .derive(DerivePlan(name: block.name, source: stream.name, features: planned)),
            features: done.values.sorted { $0.name < $1.name }, doc: doc)
    }

    private func feature(
        _ entry: LocatedNode.Entry, scope: ExpressionScope, views: [String: FeatureViewDefinition],
        done: [String: FeatureViewDefinition.Feature], errors: ErrorCollector
    ) -> (planned: DerivedFeature, feature: FeatureViewDefinition.Feature)? {
        let title = "feature '\(block.name).\(entry.key)'"
        let reader = ExpressionReader(errors, title)
        guard let expression = reader.compile(entry.value, scope: scope) else { return nil }
        guard reader.refuseSubjects(in: expression, scope: scope, at: entry.value.place) else { return nil }
        var inputs: [FeatureInput] = []
        var rowFields: Set<String> = []
        var needed: Set<String> = []
        var readVersions: [(String, CanonicalValue)] = []
        for name in expression.references {
            if let field = stream[name] {
                if let late = field.knownAfter {
                    errors.add(
                        .leakage, at: entry.value.place,
                        "\(title) would see '\(name)' too early: it is known only \(late) after its event, and this is computed at its event",
                        found: name, hint: "aggregate it over past events instead, in a view with an entity")
                    return nil
                }
                inputs.append(.field(name))
                rowFields.insert(name)
                continue
            }
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return nil }
            let reference = FeatureReference(view: parts[0], feature: parts[1])
            if parts[0] == block.name, let own = done[parts[1]] {
                rowFields.formUnion(own.rowFields)
                needed.formUnion(own.views)
                readVersions.append((name, .hash(own.hash)))
            } else if let view = views[parts[0]], let other = view[parts[1]] {
                guard isReadable(view, title: title, at: entry.value.place, errors: errors) else { return nil }
                rowFields.formUnion(other.rowFields)
                needed.formUnion(other.views)
                needed.insert(view.name)
                readVersions.append((name, .hash(other.hash)))
            } else {
                return nil
            }
            inputs.append(.feature(reference))
        }
        let canonical = CanonicalValue.map([
            "name": .text(entry.key),
            "source": .text(stream.name),
            "time_zone": .text(stream.contract.timeZone),
            "expression": .text(expression.canonicalText),
            "type": .text(expression.type.rawValue),
            "fields": .map(
                expression.references.compactMap { name in stream[name].map { (name, .text($0.type.rawValue)) } }),
            "features": .map(readVersions),
        ])
        return (
            DerivedFeature(name: entry.key, expression: expression, inputs: inputs),
            FeatureViewDefinition.Feature(
                name: entry.key, type: expression.type, canonical: canonical, rowFields: rowFields, views: needed)
        )
    }

    /// Whether another view can be read at a row of this one's stream.
    private func isReadable(_ view: FeatureViewDefinition, title: String, at place: SourcePlace, errors: ErrorCollector) -> Bool {
        switch view.body {
        case .derive:
            guard view.source == stream.name else {
                errors.add(
                    .conflict, at: place,
                    "\(title) reads view '\(view.name)', which is derived from rows of stream '\(view.source)', not of '\(stream.name)'",
                    hint: "derive both from one stream")
                return false
            }
        case .aggregate(_, let entity):
            for key in entity.keys where stream[key.name]?.type != key.type {
                errors.add(
                    .unknownName, at: place,
                    "\(title) reads view '\(view.name)', but stream '\(stream.name)' has no \(key.type.rawValue) field '\(key.name)' to look it up by",
                    found: key.name, hint: "the view's entity key must be a field of the stream")
                return false
            }
        }
        return true
    }

    /// The names `a.b` in an expression's text that are no calls; texts in quotes are skipped.
    static func dottedNames(_ node: LocatedNode) -> [FeatureReference] {
        guard case .scalar(let scalar) = node.content else { return [] }
        var names: [FeatureReference] = []
        var current = ""
        var quote: Character?
        var isEscaped = false
        func end(isCall: Bool) {
            var parts = current.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            if isCall { parts = Array(parts.dropLast()) }
            if parts.count >= 2, NodeValues.isName(parts[0]) { names.append(FeatureReference(view: parts[0], feature: parts[1])) }
            current = ""
        }
        for character in scalar.text {
            if let open = quote {
                if isEscaped { isEscaped = false } else if character == "\\" { isEscaped = true } else if character == open { quote = nil }
            } else if character.isLetter || character.isNumber || character == "_" || character == "." {
                current.append(character)
            } else {
                end(isCall: character == "(")
                if character == "\"" || character == "'" { quote = character }
            }
        }
        end(isCall: false)
        return names
    }
}
