package import MartletDefinitions
internal import MartletExpressions
internal import MartletFeatures
internal import MartletFrames
package import MartletIngestion

/// All feature views of a project, checked together, since derived features read one another across views.
package struct FeatureCatalog {
    /// By name.
    package private(set) var views: [String: FeatureViewDefinition] = [:]
    /// Views that have mistakes of their own, so that references to them are not told as unknown.
    package private(set) var broken: Set<String> = []

    /// - Parameters:
    ///   - streams: by name.
    ///   - brokenStreams: names of streams with mistakes of their own.
    package init(
        _ blocks: [Block], streams: [String: StreamDefinition], brokenStreams: Set<String>, errors: ErrorCollector
    ) {
        var derived: [DeriveDraft] = []
        for block in blocks {
            let before = errors.count
            let draft = ViewDraft(block, streams: streams, brokenStreams: brokenStreams, errors: errors)
            switch draft?.body {
            case .aggregate(let node)? where draft?.stream != nil:
                if let draft, let view = draft.aggregate(node, errors: errors), errors.count == before {
                    views[block.name] = view
                } else {
                    broken.insert(block.name)
                }
            case .derive(let entries)?:
                if let draft, let stream = draft.stream, errors.count == before {
                    derived.append(DeriveDraft(block: block, stream: stream, doc: draft.doc, entries: entries))
                } else {
                    broken.insert(block.name)
                }
            default:
                broken.insert(block.name)
            }
        }
        derive(derived, errors: errors)
    }

    private mutating func derive(_ drafts: [DeriveDraft], errors: ErrorCollector) {
        let byName = Dictionary(uniqueKeysWithValues: drafts.map { ($0.block.name, $0) })
        var ordering = DependencyOrder()
        for draft in drafts {
            ordering.add(draft.block.name, needs: draft.mentionedViews.filter { $0 != draft.block.name && byName[$0] != nil })
        }
        for cycle in ordering.cycles {
            let place = byName[cycle[0]]?.block.namePlace
            errors.add(
                .cycle, at: place, "feature views need each other in a circle: \((cycle + [cycle[0]]).joined(separator: " → "))",
                hint: "move the features that they share into a view of their own")
        }
        broken.formUnion(ordering.cyclic)
        let viewNames = views.keys + drafts.map(\.block.name)
        for name in ordering.sorted {
            guard let draft = byName[name] else { continue }
            if let view = draft.check(views: views, viewNames: viewNames.sorted(), broken: broken, errors: errors) {
                views[name] = view
            } else {
                broken.insert(name)
            }
        }
    }
}

/// The keys of one view, before its features are made.
private struct ViewDraft {
    enum Body {
        case aggregate([LocatedNode])
        case derive([LocatedNode.Entry])
    }

    let block: Block
    let doc: String
    let stream: StreamDefinition?
    let body: Body
    let entity: LocatedNode?
    let filter: LocatedNode?

    /// Nil if it has no usable body; mistakes are reported.
    init?(
        _ block: Block, streams: [String: StreamDefinition], brokenStreams: Set<String>, errors: ErrorCollector
    ) {
        self.block = block
        guard var map = MapReader(block.node, FeatureViewDefinition.keys, title: block.title, errors: errors) else { return nil }
        _ = map.node("feature_view")
        let source = map.requiredText("source")
        doc = map.text("doc")?.value ?? ""
        let aggregate = map.node("aggregate")
        let derive = map.node("derive")
        let places = (aggregate: map.keyPlace("aggregate"), derive: map.keyPlace("derive"))
        let isDerived = derive != nil && aggregate == nil
        // Left unread in a derived view, so that they are told as having no meaning there.
        entity = isDerived ? nil : aggregate == nil ? map.node("entity") : map.required("entity")
        filter = isDerived ? nil : map.node("where")
        let hasBody = map.has("aggregate") || map.has("derive")
        let isMisspelt = map.entries.contains {
            FeatureViewDefinition.keys[$0.key] == nil && NearestMatch.of($0.key, in: ["aggregate", "derive"]) != nil
        }
        map.finish()

        var stream: StreamDefinition?
        if let source {
            stream = streams[source.value]
            if stream == nil, !brokenStreams.contains(source.value) {
                errors.addUnknown(
                    "stream", source.value, within: " in the key 'source' of \(block.title)", at: source.place,
                    choices: streams.keys.sorted(), plural: "streams")
            }
        }
        self.stream = stream
        switch (aggregate, derive) {
        case (_?, _?):
            errors.add(
                .conflict, at: places.derive, "\(block.title) has both 'aggregate' and 'derive'",
                hint: "make two views of it, parted by '---'")
            return nil
        case (nil, nil):
            if !hasBody, !isMisspelt {
                errors.add(
                    .missingKey, at: block.place, "\(block.title) has neither 'aggregate' nor 'derive'",
                    expected: "aggregate or derive", hint: "'aggregate' lists windows over past events; 'derive' names expressions")
            }
            return nil
        case (let node?, nil):
            guard case .list(let items) = node.content, !items.isEmpty, items.count <= 1_000 else {
                NodeValues(errors, "the key 'aggregate' of \(block.title)").wrong(
                    node, expected: "a list of 1 to 1000 aggregations", hint: "as in: - { function: count, windows: [1d, 7d] }")
                return nil
            }
            body = .aggregate(items)
        case (nil, let node?):
            guard case .map(let entries) = node.content, !entries.isEmpty, entries.count <= 2_000 else {
                NodeValues(errors, "the key 'derive' of \(block.title)").wrong(
                    node, expected: "a map of 1 to 2000 expressions", hint: "write each as 'name: expression'")
                return nil
            }
            body = .derive(entries)
        }
    }

    // MARK: Aggregation

    func aggregate(_ items: [LocatedNode], errors: ErrorCollector) -> FeatureViewDefinition? {
        guard let stream else { return nil }
        let entity = entity.flatMap { self.entity($0, stream: stream, errors: errors) }
        let scope = stream.scope
        var filter: CompiledExpression?
        if let node = self.filter {
            let reader = ExpressionReader(errors, "'where' of \(block.title)")
            filter = reader.compile(node, scope: scope, expecting: .bool)
            guard let filter, reader.refuseSubjects(in: filter, scope: scope, at: node.place) else { return nil }
        }
        var reader = AggregationReader(view: block.title, stream: stream, filter: filter, errors: errors)
        for item in items { reader.read(item) }
        guard let entity else { return nil }
        let plan = ViewPlan(
            name: block.name, source: stream.name, entityKeys: entity.keys, eventTime: stream.contract.eventTime,
            filter: filter, aggregations: reader.aggregations)
        let shared: [(String, CanonicalValue)] = [
            ("source", .text(stream.name)),
            ("entity_keys", .list(entity.keys.map { .map(["name": .text($0.name), "type": .text($0.type.rawValue)]) })),
            ("event_time", .text(stream.contract.eventTime)),
            ("time_zone", .text(stream.contract.timeZone)),
            ("unique", .texts(stream.contract.unique)),
            ("where", .optional(filter?.canonicalText)),
        ]
        let features = reader.aggregations.map { aggregation in
            let absent = aggregation.absent.map {
                CanonicalValue.map(["field": .text($0.field), "value": CanonicalValue($0.value), "after": .span($0.after)])
            }
            let canonical = CanonicalValue.map(
                shared + [
                    ("name", .text(aggregation.name)),
                    ("function", .text(aggregation.function.rawValue)),
                    ("of", .optional(aggregation.argument?.canonicalText)),
                    ("type", .text(aggregation.resultType.rawValue)),
                    ("window", .span(aggregation.length)),
                    ("offset", .span(aggregation.offset)),
                    ("absent", absent ?? .none),
                ])
            return FeatureViewDefinition.Feature(name: aggregation.name, type: aggregation.resultType, canonical: canonical)
        }
        return FeatureViewDefinition(
            name: block.name, place: block.place, source: stream.name, body: .aggregate(plan, entity), features: features, doc: doc)
    }

    private func entity(_ node: LocatedNode, stream: StreamDefinition, errors: ErrorCollector) -> FeatureViewDefinition.Entity? {
        var name: Located<String>?
        let keys: [Located<String>]
        if case .map = node.content {
            guard var map = MapReader(node, FeatureViewDefinition.entityKeys, title: "the entity of \(block.title)", errors: errors)
            else { return nil }
            name = map.text("name")
            keys = map.required("key").map { NodeValues(errors, "the key of the entity of \(block.title)").texts($0) } ?? []
            map.finish()
            if let given = name, NodeValues(errors, "").name(given, what: "entity") == nil { return nil }
        } else {
            keys = NodeValues(errors, "the entity of \(block.title)").texts(node)
        }
        var fields: [Field] = []
        for key in keys {
            guard let field = stream[key.value] else {
                errors.addUnknown(
                    "field", key.value, within: " of stream '\(stream.name)' as the entity of \(block.title)", at: key.place,
                    choices: stream.contract.fields.map(\.name), plural: "fields")
                return nil
            }
            guard field.type == .string || field.type == .int64 else {
                errors.add(
                    .wrongValue, at: key.place, "the entity key '\(field.name)' is a \(field.type.rawValue); it must be a string or an int64",
                    found: field.type.rawValue, expected: "string or int64")
                return nil
            }
            if let late = field.knownAfter {
                errors.add(
                    .leakage, at: key.place, "the entity key '\(field.name)' is known only \(late) after its event",
                    expected: "a field that every event has from the start")
                return nil
            }
            guard !fields.contains(where: { $0.name == field.name }) else {
                errors.add(.duplicate, at: key.place, "'\(field.name)' stands twice in the entity of \(block.title)")
                return nil
            }
            fields.append(Field(field.name, field.type, isOptional: field.isOptional))
        }
        guard !fields.isEmpty else { return nil }
        let standard = fields.map { $0.name.hasSuffix("_id") && $0.name.count > 3 ? String($0.name.dropLast(3)) : $0.name }
        return .init(name: name?.value ?? standard.joined(separator: "_"), keys: fields)
    }
}

/// Turns the list `aggregate` of a view into aggregations, one per function and window.
private struct AggregationReader {
    let view: String
    let stream: StreamDefinition
    let filter: CompiledExpression?
    let errors: ErrorCollector
    var aggregations: [Aggregation] = []
    private var names: [String: SourcePlace] = [:]
    private var spellings: [Timestamp.Span: String] = [:]

    init(view: String, stream: StreamDefinition, filter: CompiledExpression?, errors: ErrorCollector) {
        self.view = view
        self.stream = stream
        self.filter = filter
        self.errors = errors
    }

    mutating func read(_ node: LocatedNode) {
        let before = errors.count
        let title = "an aggregation of \(view)"
        guard var map = MapReader(node, FeatureViewDefinition.aggregateKeys, title: title, errors: errors) else { return }
        let functionNames = map.required("function").map { NodeValues(errors, "the key 'function' of \(title)").texts($0) } ?? []
        let argumentNode = map.node("of")
        let windows = map.required("windows").map { spans($0, "the key 'windows' of \(title)") } ?? []
        let offset = map.node("offset").flatMap { span($0, "the key 'offset' of \(title)", atLeast: .zero) }
        let given = map.text("as").flatMap { NodeValues(errors, title).name($0, what: "feature") }
        _ = map.text("doc")
        map.finish()

        let functions = functionNames.compactMap { name -> Located<AggregationFunction>? in
            if let function = AggregationFunction(rawValue: name.value) { return Located(function, name.place) }
            let usual = ["avg": "mean", "average": "mean", "std": "stddev", "var": "variance", "nunique": "distinct_count",
                "count_distinct": "distinct_count", "total": "sum", "minimum": "min", "maximum": "max", "median": ""]
            let choices = AggregationFunction.allCases.map(\.rawValue)
            let nearest = usual[name.value.lowercased()] ?? NearestMatch.of(name.value, in: choices) ?? ""
            errors.add(
                DefinitionError(
                    .unknownName, at: name.place, "unknown function '\(name.value.shortened(to: 60))'", found: name.value,
                    expected: choices.joined(separator: ", "), nearest: nearest.isEmpty ? nil : nearest,
                    hint: "functions: \(choices.joined(separator: ", "))"))
            return nil
        }
        var argument: CompiledExpression?
        if let argumentNode {
            guard let compiled = ExpressionReader(errors, "'of' of \(title)").compile(argumentNode, scope: stream.scope) else { return }
            argument = compiled
            checkSubjects(compiled, functions, at: argumentNode.place, title)
        }
        if functions.count > 1, let given {
            errors.add(
                .conflict, at: given.place, "'as: \(given.value)' would name \(functions.count) functions alike",
                hint: "give every function an aggregation of its own")
        }
        guard errors.count == before else { return }
        let late = lateness(argument, title: title, at: node.place)
        if let late, let offset, offset.span < late.after {
            errors.add(
                .leakage, at: offset.place,
                "an offset of \(offset.text) would see '\(late.field)' too early: it is known only \(late.after) after its event",
                found: offset.text, expected: "at least \(late.after)",
                hint: "leave 'offset' out, and the windows end \(late.after) before the row's time; or set it to at least \(late.after)")
            return
        }
        let absent = absentRule(argument, at: node.place)
        guard errors.count == before else { return }
        for function in functions {
            guard function.value.accepts(argument?.type) else {
                reportArgument(function, argument, at: argumentNode?.place ?? function.place)
                return
            }
            var base = given?.value ?? function.value.rawValue
            if given == nil, let argument {
                guard NodeValues.isName(argument.canonicalText) else {
                    errors.add(
                        .missingKey, at: argumentNode?.place ?? node.place,
                        "\(title) of an expression has no 'as' to name it by", found: argument.canonicalText.shortened(to: 60),
                        expected: "as", hint: "add 'as: name'; the features are then name_1d and so on")
                    return
                }
                base += "_" + argument.canonicalText
            }
            for window in windows {
                let name = base + "_" + window.text + (offset.map { "_" + $0.text } ?? "")
                if let first = names[name] {
                    errors.add(
                        .duplicate, at: window.place, "the feature '\(name)' of \(view) is made twice; first in line \(first.line)",
                        found: name, hint: "name one of them with 'as'")
                    continue
                }
                names[name] = window.place
                aggregations.append(
                    Aggregation(
                        name: name, function: function.value, argument: argument, length: window.span,
                        offset: offset?.span ?? late?.after ?? .zero, absent: absent))
            }
        }
    }

    private struct WrittenSpan {
        var span: Timestamp.Span
        var text: String
        var place: SourcePlace
    }

    private mutating func span(_ node: LocatedNode, _ subject: String, atLeast low: Timestamp.Span) -> WrittenSpan? {
        guard let read = NodeValues(errors, subject).span(node, atLeast: low), case .scalar(let scalar) = node.content else { return nil }
        if let other = spellings[read.value], other != scalar.text {
            errors.add(
                .conflict, at: node.place, "'\(scalar.text)' and '\(other)' are two spellings of one span in \(view)", found: scalar.text,
                expected: other, hint: "write it one way, so that features have one name")
            return nil
        }
        spellings[read.value] = scalar.text
        return WrittenSpan(span: read.value, text: scalar.text, place: node.place)
    }

    private mutating func spans(_ node: LocatedNode, _ subject: String) -> [WrittenSpan] {
        let items: [LocatedNode]
        if case .list(let list) = node.content { items = list } else { items = [node] }
        guard !items.isEmpty, items.count <= 100 else {
            NodeValues(errors, subject).wrong(node, expected: "1 to 100 spans of time")
            return []
        }
        var result: [WrittenSpan] = []
        for item in items {
            if let read = span(item, subject, atLeast: Timestamp.Span(microseconds: 1)) { result.append(read) }
        }
        return result
    }

    private func reportArgument(_ function: Located<AggregationFunction>, _ argument: CompiledExpression?, at place: SourcePlace) {
        let name = function.value.rawValue
        guard let argument else {
            errors.add(
                .missingKey, at: function.place, "the function '\(name)' has no 'of'", expected: "of",
                hint: "say what to aggregate, as in '{ function: \(name), of: \(stream.contract.fields[0].name), … }'")
            return
        }
        let types = ValueType.allCases.filter { function.value.accepts($0) }.map(\.rawValue).joined(separator: ", ")
        errors.add(
            .wrongValue, at: place, "the function '\(name)' cannot aggregate '\(argument.canonicalText.shortened(to: 60))', a \(argument.type.rawValue)",
            found: argument.type.rawValue, expected: types, hint: "'\(name)' takes: \(types)")
    }

    private func checkSubjects(
        _ argument: CompiledExpression, _ functions: [Located<AggregationFunction>], at place: SourcePlace, _ title: String
    ) {
        let isPlain = argument.references == [argument.canonicalText]
        let isCounted = functions.allSatisfy { $0.value == .distinctCount || $0.value == .count }
        if isPlain, isCounted { return }
        _ = ExpressionReader(errors, "'of' of \(title)").refuseSubjects(in: argument, scope: stream.scope, at: place)
    }

    private func lateFields(_ argument: CompiledExpression?) -> [ContractField] {
        let names = Set((argument?.references ?? []) + (filter?.references ?? []))
        return stream.contract.fields.filter { names.contains($0.name) && $0.knownAfter != nil }
    }

    private func lateness(
        _ argument: CompiledExpression?, title: String, at place: SourcePlace
    ) -> (field: String, after: Timestamp.Span)? {
        lateFields(argument).compactMap { field in field.knownAfter.map { (field.name, $0) } }.max { $0.1 < $1.1 }
    }

    private func absentRule(_ argument: CompiledExpression?, at place: SourcePlace) -> AbsentRule? {
        let rules = lateFields(argument).compactMap { field in
            field.absent.map { AbsentRule(field: field.name, value: $0.value, after: $0.after) }
        }
        if rules.count > 1 {
            errors.add(
                .conflict, at: place,
                "an aggregation of \(view) reads \(rules.count) late fields with an absent value: \(rules.map(\.field).joined(separator: ", "))",
                hint: "an aggregation may read one such field")
        }
        return rules.first
    }
}
