package import MartletDefinitions
package import MartletExpressions
package import MartletFrames

/// What a kind reads its own keys with.
package struct TaskReader: ~Copyable {
    package let errors: ErrorCollector
    package var map: MapReader
    package let surroundings: PipelineSurroundings
    /// The parameters of every pipeline of the project; nil of one whose parameters have mistakes.
    package let pipelines: [String: [PipelineParameter]?]
    let names: TaskNames
    let user: TaskNames.User

    init(
        errors: ErrorCollector, map: consuming MapReader, surroundings: PipelineSurroundings,
        pipelines: [String: [PipelineParameter]?], names: TaskNames, user: TaskNames.User
    ) {
        self.errors = errors
        self.map = map
        self.surroundings = surroundings
        self.pipelines = pipelines
        self.names = names
        self.user = user
    }

    /// For sentences: `task 'train' of pipeline 'daily'`.
    package var title: String { map.title }
    package func subject(_ key: String) -> String { "the key '\(key)' of \(map.title)" }
    package func values(_ key: String) -> NodeValues { NodeValues(errors, subject(key)) }
    /// Whether `interval.start` and `interval.end` are known.
    package var hasInterval: Bool { names.hasInterval }
    package var timeZone: TimeZoneTable { names.zone }
}

extension TaskReader {
    /// Reports every key that was not asked for.
    consuming func finish() { map.finish() }

    // MARK: Texts

    /// A text, perhaps empty, with `${…}` in it; nil for a mistake, which is reported.
    package func text(_ node: LocatedNode, _ subject: String, mayBeEmpty: Bool = true) -> TaskText? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull, mayBeEmpty || !scalar.text.isEmpty else {
            NodeValues(errors, subject).wrong(node, expected: "a text")
            return nil
        }
        guard scalar.text.utf8.count <= PipelineLimits.textBytes else {
            errors.add(
                .tooLarge, at: node.place,
                "\(subject) has \(scalar.text.utf8.count) bytes; a text may have \(PipelineLimits.textBytes)",
                hint: "put it into a file of the project")
            return nil
        }
        guard !scalar.text.utf8.contains(0) else {
            errors.add(.wrongValue, at: node.place, "\(subject) has a zero byte, which no program can be given")
            return nil
        }
        do {
            var pieces: [TaskText.Piece] = []
            for part in try TemplateScanner.parts(of: scalar.text) {
                switch part {
                case .literal(let text): pieces.append(.literal(text))
                case .expression(let text, let offset):
                    guard let expression = names.compile(text, in: node, offset: offset, subject, for: user) else { return nil }
                    pieces.append(.expression(expression))
                }
            }
            return TaskText(pieces)
        } catch {
            errors.add(
                .expression, at: node.place(atOffset: error.offset), "\(subject): '${' is not closed by '}'",
                found: scalar.text.shortened(to: 60), hint: "write '$${' for the characters themselves")
            return nil
        }
    }

    /// A path below the project's folder.
    package func path(_ node: LocatedNode, _ subject: String) -> TaskPath? {
        guard let text = text(node, subject, mayBeEmpty: false) else { return nil }
        // What is computed is looked at when it is known; what is written is looked at now.
        let written = text.pieces.map { if case .literal(let text) = $0 { text } else { "x" } }.joined()
        guard let problem = TaskPath.problem(of: written) else { return TaskPath(text) }
        errors.add(
            .wrongValue, at: node.place, "\(subject) cannot be \(node.summary): it \(problem)", found: node.summary,
            expected: "a path inside the project", hint: "write it from the project's folder, as in data/new.csv")
        return nil
    }

    package mutating func path(_ key: String) -> TaskPath? { map.node(key).flatMap { path($0, subject(key)) } }
    package mutating func requiredPath(_ key: String) -> TaskPath? { map.required(key).flatMap { path($0, subject(key)) } }

    /// A whole expression, not a text with `${…}`.
    package func expression(
        _ node: LocatedNode, _ subject: String, expecting: ValueType? = nil, extra: [ExpressionScope.Name] = []
    ) -> CompiledExpression? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull else {
            NodeValues(errors, subject).wrong(node, expected: "an expression")
            return nil
        }
        var user = user
        user.extra += extra
        if scalar.text.hasPrefix("${"), scalar.text.hasSuffix("}") {
            errors.add(
                .expression, at: node.place, "\(subject) is an expression as a whole, and needs no '${'",
                found: scalar.text.shortened(to: 60), hint: "write: \(scalar.text.dropFirst(2).dropLast().description.shortened(to: 60))")
            return nil
        }
        return names.compile(scalar.text, in: node, offset: 0, subject, for: user, expecting: expecting)
    }

    /// A value of a type: a literal, or a text that is one `${…}`, or for a string a text with some.
    package func argument(_ node: LocatedNode, of type: ValueType, _ subject: String) -> TaskArgument? {
        if case .scalar(let scalar) = node.content, scalar.text.utf8.contains(UInt8(ascii: "$")) {
            if let parts = try? TemplateScanner.parts(of: scalar.text), parts.count == 1, case .expression(let text, let offset) = parts[0] {
                return names.compile(text, in: node, offset: offset, subject, for: user, expecting: type).map { .expression($0) }
            }
            guard type != .string else {
                guard let text = text(node, subject) else { return nil }
                return text.literal.map { .literal(.string($0)) } ?? .text(text)
            }
        }
        return PipelineValues(errors, subject, zone: timeZone).literal(node, of: type).map { .literal($0) }
    }

    // MARK: Things of the project

    /// The name of a stream, model or endpoint; nil if there is none, which is reported.
    package func name(_ node: LocatedNode, of what: String, key: String) -> String? {
        guard let name = values(key).text(node),
            surroundings.check(what, name, within: " in \(subject(key))", errors: errors)
        else { return nil }
        return name.value
    }

    /// A map from names to whatever stands there, bounded.
    package func entries(_ node: LocatedNode, key: String, limit: Int = PipelineLimits.entries) -> [LocatedNode.Entry] {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            values(key).wrong(node, expected: "a map of at least one key")
            return []
        }
        guard entries.count <= limit else {
            errors.add(.tooLarge, at: node.place, "\(subject(key)) has \(entries.count) keys; it may have \(limit)")
            return []
        }
        return entries
    }

    /// One node or the nodes of a list, bounded.
    package func items(_ node: LocatedNode, key: String, limit: Int = PipelineLimits.entries) -> [LocatedNode] {
        guard case .list(let items) = node.content else { return [node] }
        if items.isEmpty { values(key).wrong(node, expected: "a list of at least one") }
        guard items.count <= limit else {
            errors.add(.tooLarge, at: node.place, "\(subject(key)) has \(items.count) items; it may have \(limit)")
            return []
        }
        return items
    }
}
