import MartletDefinitions
import MartletFrames

extension TaskReader {
    /// The key `outputs`: what a task gives, by name, sorted.
    mutating func outputs() -> [TaskOutput] {
        guard let node = map.node("outputs") else { return [] }
        return entries(node, key: "outputs").compactMap { entry in
            let name = NodeValues(errors, title).name(Located(entry.key, entry.keyPlace), what: "result")
            guard let name else { return nil }
            if name.value == "state" {
                errors.add(
                    .wrongValue, at: entry.keyPlace, "'state' cannot be the name of an output: it is how the task ended", found: "state")
                return nil
            }
            return type(entry.value, "output '\(name.value)' of \(title)").map { TaskOutput(name.value, $0) }
        }.sorted { $0.name < $1.name }
    }

    /// A list of whole numbers, each of a range: exit codes, statuses.
    mutating func codes(_ key: String, in range: ClosedRange<Int64>) -> Set<Int> {
        guard let node = map.node(key) else { return [] }
        return Set(items(node, key: key, limit: range.count).compactMap { values(key).integer($0, in: range).map { Int($0.value) } })
    }

    private func type(_ node: LocatedNode, _ subject: String) -> TaskValueType? {
        let values = NodeValues(errors, subject)
        guard let text = values.text(node) else { return nil }
        if text.value == "file" { return .file }
        let prefix = "list of "
        if text.value.hasPrefix(prefix) {
            return values.valueType(Located(String(text.value.dropFirst(prefix.count)), node.place(atOffset: prefix.count))).map { .list($0) }
        }
        return values.valueType(text).map { .scalar($0) }
    }
}
