import MartletDefinitions
import MartletExpressions
import MartletFrames

/// The names that the expressions of a pipeline may read, found as they are asked for.
///
/// A scope holds only what its expression reads: with every output of every task before it, scopes of a large pipeline would
/// take the square of its size. Whether a task that is read does come before is noted and checked at the end, for all at once.
///
/// A class because the readers of all tasks add to the one state; it never leaves the call that made it.
final class TaskNames {
    let tree: TaskTree
    let errors: ErrorCollector
    /// What calendar functions use.
    let zone: TimeZoneTable
    let hasInterval: Bool
    /// Names that each task may read.
    private let common: [String: ValueType]
    private let parameters: [String]
    /// Of each task that is read: what it gives, and whether once an item.
    private var outputs: [Int: (types: [String: TaskValueType], isMapped: Bool)] = [:]
    /// What tasks read of others.
    private var readings: [(task: Int, other: Int, name: String, place: SourcePlace)] = []

    init(_ tree: TaskTree, parameters: [PipelineParameter], hasInterval: Bool, zone: TimeZoneTable, errors: ErrorCollector) {
        self.tree = tree
        self.errors = errors
        self.zone = zone
        self.hasInterval = hasInterval
        self.parameters = parameters.map { "parameters." + $0.name }
        var common: [String: ValueType] = ["run.id": .string, "run.cause": .string, "task.key": .string]
        for parameter in parameters { common["parameters." + parameter.name] = parameter.type }
        if hasInterval {
            common["interval.start"] = .timestamp
            common["interval.end"] = .timestamp
        }
        self.common = common
    }

    func note(_ task: Int, gives given: [TaskOutput], isMapped: Bool) {
        outputs[task] = (Dictionary(given.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first }), isMapped)
    }

    // MARK: Compiling

    /// Compiles a text that begins `offset` Unicode scalars into a node's; nil for a mistake, which is reported.
    func compile(
        _ text: String, in node: LocatedNode, offset: Int, _ subject: String, for user: User, expecting: ValueType? = nil
    ) -> CompiledExpression? {
        do {
            var names: [ExpressionScope.Name] = []
            var isWhole = true
            for (name, position) in try CompiledExpression.names(in: text) {
                let place = node.place(atOffset: offset + position.column - 1)
                switch resolve(name, at: place, subject, user) {
                case .type(let type): names.append(.init(name, type))
                case .told: isWhole = false
                case .unknown:
                    // The compiler tells it, with the nearest of the names.
                    names += known(user)
                }
            }
            guard isWhole else { return nil }
            return try CompiledExpression.compile(text, in: ExpressionScope(names, timeZone: zone), expecting: expecting)
        } catch {
            let place =
                error.position.line == 1 ? node.place(atOffset: offset + error.position.column - 1) : node.place
            errors.add(
                DefinitionError(
                    .expression, at: place, "\(subject): \(error.message)", found: text.shortened(to: 60), hint: error.hint))
            return nil
        }
    }

    /// Whose expression it is, and what it may read besides.
    struct User {
        let task: Int
        /// The type of `item`; nil for a task that is not repeated.
        let item: ValueType?
        var extra: [ExpressionScope.Name] = []
    }

    private enum Resolution {
        case type(ValueType)
        case told
        case unknown
    }

    private func resolve(_ name: String, at place: SourcePlace, _ subject: String, _ user: User) -> Resolution {
        if let type = common[name] ?? user.extra.first(where: { $0.name == name })?.type { return .type(type) }
        func told(_ message: String, hint: String?) -> Resolution {
            errors.add(.expression, at: place, "\(subject): \(message)", found: name.shortened(to: 60), hint: hint)
            return .told
        }
        switch name {
        case "item":
            if let item = user.item { return .type(item) }
            return told("'item' is what a task with 'map' reads, and this task is not repeated", hint: "add 'map' with the list of items")
        case "interval.start", "interval.end":
            return told(
                "'\(name)' is read, and the runs of \(tree.pipeline) are about no interval",
                hint: "give it a 'schedule' or a trigger of a stream")
        case "run.failed_tasks":
            if tree.items[user.task].isOnFailure { return .type(.string) }
            return told("'\(name)' is known only once the run has failed", hint: "read it in a task of 'on_failure'")
        default: break
        }
        return name.hasPrefix("tasks.") ? result(name, at: place, subject, user, told) : .unknown
    }

    private func result(
        _ name: String, at place: SourcePlace, _ subject: String, _ user: User, _ told: (String, String?) -> Resolution
    ) -> Resolution {
        let rest = name.dropFirst("tasks.".count)
        guard let dot = rest.lastIndex(of: ".") else {
            return told("'\(name)' names a task, which is no value", "write what it gives, as in '\(name).state'")
        }
        let task = String(rest[..<dot])
        let output = String(rest[rest.index(after: dot)...])
        guard let other = tree.indices[task], !tree.items[other].isGroup else {
            if errors.count < errors.limit {
                let names = tree.items.lazy.filter { !$0.isGroup }.map(\.name)
                let short = tree.resolve(task, from: user.task).map { tree.items[$0] }
                let nearest = short.map { $0.isGroup ? nil : $0.name } ?? NearestMatch.of(task, in: names.prefix(PipelineLimits.choices))
                errors.add(
                    DefinitionError(
                        .expression, at: place,
                        tree.indices[task] != nil || short?.isGroup == true
                            ? "\(subject): '\(task)' is a group, and what it gives is given by its tasks"
                            : "\(subject): no task is named '\(task.shortened(to: 60))'",
                        found: name.shortened(to: 60), nearest: nearest.map { "tasks.\($0).\(output)" },
                        hint: "tasks: \(ErrorCollector.listing(Array(names.prefix(PipelineLimits.choices))))"))
            } else {
                errors.add(.expression, at: place, subject)
            }
            return .told
        }
        readings.append((user.task, other, name, place))
        if output == "state" { return .type(.string) }
        // A task that could not be read, or that comes later, is told elsewhere.
        guard let given = outputs[other] else { return .told }
        guard let type = given.types[output] else {
            let choices = given.types.keys.sorted() + ["state"]
            errors.add(
                DefinitionError(
                    .expression, at: place, "\(subject): the task '\(task)' gives no '\(output.shortened(to: 60))'",
                    found: name.shortened(to: 60), expected: ErrorCollector.listing(choices),
                    nearest: NearestMatch.of(output, in: choices).map { "tasks.\(task).\($0)" },
                    hint: "it gives: \(ErrorCollector.listing(choices))"))
            return .told
        }
        if given.isMapped {
            return told("'\(name)' is one value for each item of '\(task)'", "repeat this task for each: map: \(name)")
        }
        switch type {
        case .scalar(let type): return .type(type)
        case .file: return .type(.string)
        case .list: return told("'\(name)' is a list", "repeat this task for each of its values: map: \(name)")
        }
    }

    private func known(_ user: User) -> [ExpressionScope.Name] {
        var names = user.extra + parameters.compactMap { name in common[name].map { .init(name, $0) } }
        if let item = user.item { names.append(.init("item", item)) }
        for name in common.keys.sorted() where !name.hasPrefix("parameters.") {
            if let type = common[name] { names.append(.init(name, type)) }
        }
        return names
    }

    // MARK: Lists

    /// The type of the items of a list that a task gives; nil for a mistake, which is reported.
    func list(_ text: Located<String>, _ subject: String, for user: User) -> (task: String, output: String, item: ValueType)? {
        func told(_ message: String, _ hint: String?) -> Resolution {
            errors.add(.expression, at: text.place, "\(subject): \(message)", found: text.value.shortened(to: 60), hint: hint)
            return .told
        }
        let parts = text.value.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0] == "tasks", parts.allSatisfy({ NodeValues.isName(String($0)) }) else {
            errors.add(
                .wrongValue, at: text.place, "\(subject) must be a list, or what a task before it gives, found '\(text.value.shortened(to: 60))'",
                found: text.value.shortened(to: 60), hint: "write [a, b, c] or tasks.NAME.OUTPUT")
            return nil
        }
        let task = parts[1..<(parts.count - 1)].joined(separator: ".")
        let output = String(parts[parts.count - 1])
        if output != "state", let other = tree.indices[task], let given = outputs[other], let type = given.types[output] {
            switch (type, given.isMapped) {
            case (.list(let item), false), (.scalar(let item), true):
                readings.append((user.task, other, text.value, text.place))
                return (task, output, item)
            case (.list, true):
                _ = told("'\(text.value)' is a list for each item of '\(task)', and lists of lists are not read", nil)
            case (.scalar(let item), false):
                _ = told("'\(text.value)' is a \(item.rawValue) and no list", "declare it as 'list of \(item.rawValue)', or read it as '${\(text.value)}'")
            case (.file, _):
                _ = told("'\(text.value)' is a file and no list", "give the list itself, as 'list of string'")
            }
            return nil
        }
        // Whatever is wrong with the name is told as in an expression.
        if case .type = result(text.value, at: text.place, subject, user, told) {
            _ = told("'\(text.value)' is a string and no list", nil)
        }
        return nil
    }

    // MARK: Order

    /// The names of other tasks' results that a task reads, sorted.
    func readings(of graph: TaskGraph) -> [Int: [String]] {
        Dictionary(grouping: readings, by: \.task).mapValues { Set($0.map(\.name)).sorted() }
    }

    /// Reports what is read of tasks that do not come before the one that reads it.
    func checkOrder(_ graph: TaskGraph) {
        // Where the order itself is wrong, that is what is told.
        guard !graph.isBroken else { return }
        let checked = readings.filter { reading in
            tree.items[reading.other].isOnFailure || !tree.items[reading.task].isOnFailure
        }
        for index in graph.notBefore(checked.map { ($0.task, $0.other) }) {
            let reading = checked[index]
            let (task, other) = (tree.items[reading.task], tree.items[reading.other])
            errors.add(
                .expression, at: reading.place,
                reading.task == reading.other
                    ? "\(tree.title(reading.task)) reads '\(reading.name)', its own result"
                    : "\(tree.title(reading.task)) reads '\(reading.name)', and does not come after '\(other.name)'",
                found: reading.name,
                hint: reading.task == reading.other || (other.isOnFailure && !task.isOnFailure) ? nil : "add to it: after: \(other.name)")
        }
    }
}
