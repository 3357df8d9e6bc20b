import MartletDefinitions
import MartletExpressions
import MartletFrames

/// What other pipelines must know of one before they are read: its parameters.
struct PipelineHeader {
    let zone: TimeZoneTable
    let parameters: [PipelineParameter]
    /// Whether the parameters have no mistake.
    let isSound: Bool

    init(_ block: Block, errors: ErrorCollector) {
        let before = errors.count
        zone = PipelineHeader.zone(block, errors: errors)
        parameters = PipelineHeader.parameters(block, zone: zone, errors: errors)
        isSound = errors.count == before
    }

    private static func value(_ key: String, of block: Block) -> LocatedNode? {
        guard case .map(let entries) = block.node.content, let node = entries.first(where: { $0.key == key })?.value, !node.isNull
        else { return nil }
        return node
    }

    /// From the key `time_zone`, or that of the schedule's map.
    private static func zone(_ block: Block, errors: ErrorCollector) -> TimeZoneTable {
        var node = value("time_zone", of: block)
        var subject = "the key 'time_zone' of \(block.title)"
        if let schedule = value("schedule", of: block), case .map(let entries) = schedule.content,
            let inner = entries.first(where: { $0.key == "time_zone" }), !inner.value.isNull
        {
            if node != nil {
                errors.add(
                    .duplicate, at: inner.keyPlace, "\(block.title) has two time zones: its own and that of its schedule",
                    hint: "keep one of them")
            }
            node = inner.value
            subject = "the time zone of the schedule of \(block.title)"
        }
        guard let node, let name = NodeValues(errors, subject).text(node) else { return .utc }
        do {
            return try TimeZoneTable.named(name.value)
        } catch {
            errors.add(.unknownName, at: name.place, error.message, found: name.value, hint: error.hint)
            return .utc
        }
    }

    private static func parameters(_ block: Block, zone: TimeZoneTable, errors: ErrorCollector) -> [PipelineParameter] {
        guard let node = value("parameters", of: block) else { return [] }
        guard case .map(let entries) = node.content else {
            NodeValues(errors, "the key 'parameters' of \(block.title)").wrong(
                node, expected: "a map from names to types", hint: "write each as 'name: string' or 'name: { type: int64, default: 100 }'")
            return []
        }
        guard entries.count <= PipelineLimits.parameters else {
            errors.add(
                .tooLarge, at: node.place, "\(block.title) has \(entries.count) parameters; it may have \(PipelineLimits.parameters)")
            return []
        }
        return entries.compactMap { entry in
            guard NodeValues(errors, block.title).name(Located(entry.key, entry.keyPlace), what: "parameter") != nil else { return nil }
            let title = "parameter '\(entry.key)' of \(block.title)"
            if case .scalar = entry.value.content {
                let values = NodeValues(errors, title)
                guard let type = values.text(entry.value).flatMap({ values.valueType($0) }) else { return nil }
                return PipelineParameter(name: entry.key, type: type, standard: nil)
            }
            guard var map = MapReader(entry.value, PipelineDefinition.parameterKeys, title: title, errors: errors) else { return nil }
            let type = map.requiredText("type").flatMap { NodeValues(errors, title).valueType($0) }
            let standardNode = map.node("default")
            let doc = map.text("doc")?.value ?? ""
            map.finish()
            guard let type else { return nil }
            let standard = standardNode.flatMap { PipelineValues(errors, "the default of \(title)", zone: zone).literal($0, of: type) }
            return PipelineParameter(name: entry.key, type: type, standard: standard, doc: doc)
        }
    }
}
