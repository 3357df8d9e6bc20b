public import MartletBytes
public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// A JSON value with computed parts.
///
/// ```yaml
/// json: { version: "${tasks.train.version}", note: "run ${run.id}", tags: [a, b] }    # {"note":"run 7","tags":["a","b"],"version":3}
/// ```
///
/// A text that is one `${…}` has the type of its expression, any other text with some is a string. Members stand in the order of
/// their names, so that equal definitions give equal bytes.
public indirect enum TaskJSON: Hashable, Sendable {
    case value(Value)
    case expression(CompiledExpression)
    case text(TaskText)
    case list([TaskJSON])
    case map([String: TaskJSON])

    public func render(in scope: TaskScope) throws(TaskScopeError) -> JSONValue {
        switch self {
        case .value(let value): return TaskJSON.json(value)
        case .expression(let expression): return TaskJSON.json(try expression.value(in: scope))
        case .text(let text): return .string(try text.render(in: scope))
        case .list(let items):
            var values: [JSONValue] = []
            for item in items { values.append(try item.render(in: scope)) }
            return .array(values)
        case .map(let members):
            var object = JSONObject()
            for name in members.keys.sorted() { object[name] = try members[name]?.render(in: scope) }
            return .object(object)
        }
    }

    private static func json(_ value: Value) -> JSONValue {
        switch value {
        case .missing: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .int64(value)
        case .float64(let value): .float64(value)
        case .string(let value): .string(value)
        case .timestamp(let value): .string("\(value)")
        }
    }

    public var canonical: CanonicalValue {
        switch self {
        case .value(let value): CanonicalValue(value)
        case .expression(let expression): .list([.map(["expression": .text(expression.canonicalText)])])
        case .text(let text): .map(["text": text.canonical])
        case .list(let items): .map(["list": .list(items.map(\.canonical))])
        case .map(let members): .map(["map": .map(members.map { ($0.key, $0.value.canonical) })])
        }
    }
}

extension TaskReader {
    /// How deep lists and maps of a JSON value may nest.
    private static let jsonDepth = 16

    /// A JSON value as it is written in a project's file.
    package func json(_ node: LocatedNode, _ subject: String, depth: Int = 0) -> TaskJSON? {
        guard depth < Self.jsonDepth else {
            errors.add(.tooLarge, at: node.place, "\(subject) nests deeper than \(Self.jsonDepth)")
            return nil
        }
        switch node.content {
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return .value(PipelineValues.literal(scalar)) }
            if let parts = try? TemplateScanner.parts(of: scalar.text), parts.count == 1, case .expression(let text, let offset) = parts[0] {
                return names.compile(text, in: node, offset: offset, subject, for: user).map { .expression($0) }
            }
            return text(node, subject).map { .text($0) }
        case .list(let items):
            guard items.count <= PipelineLimits.entries else {
                errors.add(.tooLarge, at: node.place, "\(subject) has \(items.count) items; it may have \(PipelineLimits.entries)")
                return nil
            }
            let values = items.compactMap { json($0, subject, depth: depth + 1) }
            return values.count == items.count ? .list(values) : nil
        case .map(let entries):
            guard entries.count <= PipelineLimits.entries else {
                errors.add(.tooLarge, at: node.place, "\(subject) has \(entries.count) keys; it may have \(PipelineLimits.entries)")
                return nil
            }
            var members: [String: TaskJSON] = [:]
            for entry in entries { members[entry.key] = json(entry.value, "'\(entry.key.shortened(to: 60))' in \(subject)", depth: depth + 1) }
            return members.count == entries.count ? .map(members) : nil
        }
    }
}
