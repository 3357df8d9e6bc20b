import MartletDefinitions

/// The tasks and groups of a pipeline as written: each before those inside it, in the order of the file.
struct TaskTree {
    struct Item {
        /// With the names of the groups around it: `prepare.split`.
        let name: String
        let place: SourcePlace
        let node: LocatedNode
        /// The group around it.
        let parent: Int?
        /// How many groups are around it.
        let depth: Int
        let isGroup: Bool
        let isOnFailure: Bool
        /// As written.
        let after: [Located<String>]
        /// The item itself and all inside it are `items[index..<end]`.
        fileprivate(set) var end: Int
    }

    /// For sentences: `pipeline 'daily'`.
    let pipeline: String
    let errors: ErrorCollector
    private(set) var items: [Item] = []
    private(set) var indices: [String: Int] = [:]
    private var isFull = false

    init(pipeline: String, errors: ErrorCollector) {
        self.pipeline = pipeline
        self.errors = errors
    }

    func title(_ index: Int) -> String {
        "\(items[index].isGroup ? "group" : "task") '\(items[index].name)' of \(pipeline)"
    }

    /// Adds the map of a pipeline's key `tasks` or `on_failure`.
    mutating func add(_ node: LocatedNode, key: String, isOnFailure: Bool) {
        add(node, of: "the key '\(key)' of \(pipeline)", parent: nil, depth: 0, isOnFailure: isOnFailure)
    }

    private mutating func add(_ node: LocatedNode, of subject: String, parent: Int?, depth: Int, isOnFailure: Bool) {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            NodeValues(errors, subject).wrong(
                node, expected: "a map of at least one task", hint: "write each as 'name: { run: [program, argument] }'")
            return
        }
        for entry in entries where !isFull {
            guard items.count < PipelineLimits.tasks else {
                isFull = true
                errors.add(
                    .tooLarge, at: entry.keyPlace, "\(pipeline) has more than \(PipelineLimits.tasks) tasks and groups",
                    hint: "repeat a task with 'map', or start another pipeline with 'pipeline'")
                return
            }
            guard NodeValues(errors, pipeline).name(Located(entry.key, entry.keyPlace), what: "task") != nil else { continue }
            let name = parent.map { items[$0].name + "." + entry.key } ?? entry.key
            if let other = indices[name] {
                errors.add(
                    .duplicate, at: entry.keyPlace, "\(pipeline) has two tasks named '\(name)'; first in \(items[other].place)",
                    found: name, hint: "give one another name")
                continue
            }
            let index = items.count
            let inner = TaskTree.value("tasks", of: entry.value)
            var after: [Located<String>] = []
            if let value = TaskTree.value("after", of: entry.value), !value.isNull {
                let kind = inner == nil ? "task" : "group"
                after = NodeValues(errors, "the key 'after' of \(kind) '\(name)' of \(pipeline)").texts(value)
            }
            indices[name] = index
            items.append(
                Item(
                    name: name, place: entry.keyPlace, node: entry.value, parent: parent, depth: depth, isGroup: inner != nil,
                    isOnFailure: isOnFailure, after: after, end: index + 1))
            guard let inner else { continue }
            if var map = MapReader(entry.value, PipelineDefinition.groupKeys, title: title(index), errors: errors) {
                _ = (map.node("tasks"), map.node("after"), map.text("doc"))
                map.finish()
            }
            guard depth < PipelineLimits.depth else {
                errors.add(
                    .tooLarge, at: entry.keyPlace, "\(title(index)) stands in \(depth) others; \(PipelineLimits.depth) may",
                    hint: "take its tasks out of one of the groups")
                continue
            }
            if !inner.isNull {
                add(
                    inner, of: "the key 'tasks' of \(title(index))", parent: index, depth: depth + 1, isOnFailure: isOnFailure)
            }
            items[index].end = items.count
        }
    }

    private static func value(_ key: String, of node: LocatedNode) -> LocatedNode? {
        guard case .map(let entries) = node.content else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// What a name means beside an item: the innermost group around it that has such a name counts.
    func resolve(_ name: String, from index: Int) -> Int? {
        var group = items[index].parent
        while let around = group {
            if let found = indices[items[around].name + "." + name] { return found }
            group = items[around].parent
        }
        return indices[name]
    }

    /// The groups around an item, from the outermost.
    func groups(around index: Int) -> [Int] {
        var groups: [Int] = []
        var group = items[index].parent
        while let around = group {
            groups.append(around)
            group = items[around].parent
        }
        return groups.reversed()
    }
}
