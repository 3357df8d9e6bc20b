public import MartletBytes
public import MartletFrames

/// Stored records are JSON objects that name tasks, so that they can be read by people and by a later program whatever
/// order it gives to a definition's tasks. The form is described in `docs/reference/pipelines-format.md`.
extension TimedRecord {
    public func json(_ graph: PipelineGraph) -> JSONValue {
        var object = JSONObject()
        object["at"] = .int64(time.microseconds)
        func task(_ number: Int) -> JSONValue { .string(graph.nodes[number].task.name) }
        func put(_ number: InstanceNumber) {
            object["task"] = task(number.task)
            if number.index != 0 { object["index"] = .int64(Int64(number.index)) }
        }
        switch record {
        case .began: object["event"] = "began"
        case .expanded(let number, let count):
            object["event"] = "expanded"
            object["task"] = task(number)
            object["count"] = .int64(Int64(count))
        case .attempt(let number, let attempt, let isDeferred):
            object["event"] = isDeferred ? "deferred" : "started"
            put(number)
            object["attempt"] = .int64(Int64(attempt))
        case .ended(let number, let attempt, let state, let end):
            object["event"] = "ended"
            put(number)
            object["attempt"] = .int64(Int64(attempt))
            object["state"] = .string(state.rawValue)
            if !end.result.isEmpty { object["result"] = end.result.json }
            if let reason = end.reason { object["reason"] = .string(reason) }
            if end.isCached { object["cached"] = true }
        case .retrying(let number, let attempt, let reason, let delay):
            object["event"] = "retrying"
            put(number)
            object["attempt"] = .int64(Int64(attempt))
            object["reason"] = .string(reason)
            object["delay"] = .int64(delay.microseconds)
        case .interrupted(let number, let attempt, let isCounted):
            object["event"] = "interrupted"
            put(number)
            object["attempt"] = .int64(Int64(attempt))
            object["counted"] = .bool(isCounted)
        case .cleared(let tasks, let person):
            object["event"] = "cleared"
            object["tasks"] = .array(tasks.map(task))
            object["by"] = .string(person)
        case .marked(let number, let state, let person):
            object["event"] = "marked"
            put(number)
            object["state"] = .string(state.rawValue)
            object["by"] = .string(person)
        case .stopping(let cause, let person):
            object["event"] = "stopping"
            object["cause"] = .string(cause.rawValue)
            object["by"] = .string(person)
        case .late(let number):
            object["event"] = "late"
            if let number { object["task"] = task(number) }
        case .finished(let state):
            object["event"] = "finished"
            object["state"] = .string(state.rawValue)
        }
        return .object(object)
    }

    /// Nil for anything that ``json(_:)`` does not write over this graph.
    public init?(_ json: JSONValue, _ graph: PipelineGraph) {
        guard let at = json["at"]?.int64, let event = json["event"]?.string else { return nil }
        func task() -> Int? { json["task"]?.string.flatMap { graph.number(of: $0) } }
        func number() -> InstanceNumber? { task().map { InstanceNumber($0, Int(json["index"]?.int64 ?? 0)) } }
        let attempt = Int(json["attempt"]?.int64 ?? 0)
        let person = json["by"]?.string ?? ""
        let record: RunRecord?
        switch event {
        case "began": record = .began
        case "expanded":
            guard let task = task(), let count = json["count"]?.int64, count >= 0, count <= 1_000_000 else { return nil }
            record = .expanded(task: task, count: Int(count))
        case "started", "deferred": record = number().map { .attempt($0, number: attempt, isDeferred: event == "deferred") }
        case "ended":
            guard let state = json["state"]?.string.flatMap(InstanceState.init) else { return nil }
            var end = InstanceEnd(reason: json["reason"]?.string, isCached: json["cached"]?.bool ?? false)
            if let result = json["result"] {
                guard let values = [String: TaskValue](json: result) else { return nil }
                end.result = values
            }
            record = number().map { .ended($0, attempt: attempt, state, end) }
        case "retrying":
            guard let delay = json["delay"]?.int64 else { return nil }
            record = number().map {
                .retrying($0, attempt: attempt, reason: json["reason"]?.string ?? "", delay: Timestamp.Span(microseconds: delay))
            }
        case "interrupted": record = number().map { .interrupted($0, attempt: attempt, isCounted: json["counted"]?.bool ?? true) }
        case "cleared":
            let names = json["tasks"]?.array ?? []
            let tasks = names.compactMap { $0.string.flatMap { graph.number(of: $0) } }
            guard tasks.count == names.count else { return nil }
            record = .cleared(tasks: tasks, by: person)
        case "marked":
            guard let state = json["state"]?.string.flatMap(InstanceState.init) else { return nil }
            record = number().map { .marked($0, state, by: person) }
        case "stopping": record = json["cause"]?.string.flatMap(StopCause.init).map { .stopping($0, by: person) }
        case "late":
            let task = task()
            guard (task == nil) == (json["task"] == nil) else { return nil }
            record = .late(task: task)
        case "finished": record = json["state"]?.string.flatMap(RunState.init).map { .finished($0) }
        default: record = nil
        }
        guard let record else { return nil }
        self.init(Timestamp(microseconds: at), record)
    }
}

extension [String: TaskValue] {
    /// As records hold it: keys sorted, each value with what tells its type.
    public var json: JSONValue {
        var object = JSONObject()
        for (name, value) in sorted(by: { $0.key < $1.key }) {
            switch value {
            case .scalar(let value): object[name] = value.typedJSON
            case .list(let values): object[name] = .array(values.map(\.typedJSON))
            case .file(let hash, let count): object[name] = ["file": .string(hash), "bytes": .int64(Int64(count))]
            }
        }
        return .object(object)
    }

    public init?(json: JSONValue) {
        guard let object = json.object else { return nil }
        var values: [String: TaskValue] = [:]
        for member in object.members {
            if let items = member.value.array {
                let list = items.compactMap { MartletFrames.Value(typedJSON: $0) }
                guard list.count == items.count else { return nil }
                values[member.key] = .list(list)
            } else if let hash = member.value["file"]?.string {
                values[member.key] = .file(hash: hash, byteCount: Int(member.value["bytes"]?.int64 ?? 0))
            } else {
                guard let value = MartletFrames.Value(typedJSON: member.value) else { return nil }
                values[member.key] = .scalar(value)
            }
        }
        self = values
    }
}

extension Value {
    /// JSON that tells the type: a bare number is an int64; a float64 and a time are objects that say so.
    public var typedJSON: JSONValue {
        switch self {
        case .missing: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .int64(value)
        case .float64(let value): ["number": .float64(value)]
        case .string(let value): .string(value)
        case .timestamp(let value): ["time": .int64(value.microseconds)]
        }
    }

    public init?(typedJSON json: JSONValue) {
        switch json {
        case .null: self = .missing
        case .bool(let value): self = .bool(value)
        case .int64(let value): self = .int64(value)
        case .float64(let value): self = .float64(value)
        case .string(let value): self = .string(value)
        case .object:
            if let number = json["number"]?.double {
                self = .float64(number)
            } else if let time = json["time"]?.int64 {
                self = .timestamp(Timestamp(microseconds: time))
            } else {
                return nil
            }
        case .array: return nil
        }
    }
}
