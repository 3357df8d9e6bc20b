import MartletExpressions
import MartletFrames
import MartletPipelines

/// What the words of events mean.
extension ScenarioRunner {
    /// A run by its name, or `run` if there is one alone.
    func run(_ word: String) throws -> (name: String, id: String) {
        guard let name = telling.named(word)?.first, let id = ids[name] else { throw fail("there is no run '\(word)'") }
        return (name, id)
    }

    /// `a`, `a[2]`, `p/1:a[2]`.
    func instance(_ word: String) throws -> (run: String, task: String, index: Int) {
        guard let full = telling.named(word)?.first, let colon = full.firstIndex(of: ":"), let id = ids[String(full[..<colon])] else {
            throw fail("'\(word)' names no task of one run")
        }
        var task = String(full[full.index(after: colon)...])
        var index = 0
        if let open = task.firstIndex(of: "["), task.hasSuffix("]") {
            guard let number = Int(task[task.index(after: open)...].dropLast()) else { throw fail("'\(word)' has no number in its brackets") }
            index = number
            task = String(task[..<open])
        }
        return (id, task, index)
    }

    func backfillID(_ word: String) throws -> String {
        guard let number = Int(word), backfills.indices.contains(number - 1) else { throw fail("there is no backfill \(word)") }
        return backfills[number - 1]
    }

    /// `2024-03-01` or `2024-03-01T06:00:00Z`, and without seconds.
    func time(_ text: String) throws -> Timestamp {
        if let time = Timestamp(date: text, in: .utc) { return time }
        let withSeconds = text.hasSuffix("Z") ? text.dropLast() + ":00Z" : text
        guard let time = Timestamp(date: withSeconds, in: .utc) else { throw fail("'\(text)' is no time such as 2024-03-01T06:00Z") }
        return time
    }

    /// Words such as `rows=3`.
    func pairs(_ words: [String]) throws -> [(name: String, text: String)] {
        try words.map { word in
            guard let equals = word.firstIndex(of: "=") else { throw fail("'\(word)' is no NAME=VALUE") }
            return (String(word[..<equals]), String(word[word.index(after: equals)...]))
        }
    }

    /// What a task gives, by the types that its definition states.
    func result(_ words: [String], of task: TaskDefinition) throws -> [String: TaskValue] {
        var result: [String: TaskValue] = [:]
        for (name, text) in try pairs(words) {
            switch task.work.base.outputs.first(where: { $0.name == name })?.type {
            case .scalar(let type)?: result[name] = .scalar(try value(text, type))
            case .list(let type)?:
                let items = text.drop { $0 == "[" }.prefix { $0 != "]" }.split(separator: ",").map(String.init)
                result[name] = .list(try items.map { try value($0, type) })
            case .file?: result[name] = .file(hash: text, byteCount: 1)
            case nil: throw fail("task '\(task.name)' gives no '\(name)'")
            }
        }
        return result
    }

    func value(_ text: String, _ type: ValueType) throws -> Value {
        let value: Value? =
            switch type {
            case .bool: Bool(text).map { .bool($0) }
            case .int64: Int64(text).map { .int64($0) }
            case .float64: Double(text).map { .float64($0) }
            case .string: .string(text)
            case .timestamp: try .timestamp(time(text))
            }
        guard let value else { throw fail("'\(text)' is no \(type.rawValue)") }
        return value
    }
}
