import MartletBytes
import MartletExpressions
import MartletFrames
import MartletPipelines

extension DataInterval {
    var json: JSONValue { ["start": .string("\(start)"), "end": .string("\(end)")] }
}

extension StoredRun {
    /// As the interface answers it.
    var json: JSONValue {
        var parameters = JSONObject()
        for (name, value) in facts.parameters.sorted(by: { $0.key < $1.key }) { parameters[name] = JSONValue(value) }
        return .object([
            ("run", .string(facts.id)), ("pipeline", .string(facts.pipeline)), ("state", .string(state.rawValue)),
            ("cause", .string(facts.cause.rawValue)), ("interval", facts.interval?.json ?? .null),
            ("created", .string("\(facts.created)")), ("began", began.map { .string("\($0)") } ?? .null),
            ("ended", ended.map { .string("\($0)") } ?? .null), ("actor", .string("\(facts.actor.kind):\(facts.actor.id)")),
            ("parameters", .object(parameters)), ("definition", .string(definition)),
            ("backfill", facts.backfill.map(JSONValue.string) ?? .null), ("parent", facts.parent.map { .string("\($0)") } ?? .null),
            ("note", facts.note.map(JSONValue.string) ?? .null),
        ])
    }
}

extension StoredAlert {
    var json: JSONValue {
        .object([
            ("alert", .int64(sequence)), ("kind", .string(alert.kind.rawValue)), ("pipeline", .string(alert.pipeline)),
            ("run", .string(alert.run)), ("task", alert.task.map(JSONValue.string) ?? .null), ("time", .string("\(alert.time)")),
        ])
    }
}

extension RunMachine {
    /// A task with its instances, as the interface answers it.
    func json(ofTask number: Int) -> JSONValue {
        let task = graph.nodes[number].task
        return .object([
            ("task", .string(task.name)), ("kind", .string(task.work.kind.word)), ("state", .string(state(of: number).rawValue)),
            ("after", .array(task.after.map(JSONValue.string))), ("on_failure", .bool(task.isOnFailure)),
            ("instances", .array(instances(of: number).enumerated().map { index, instance in
                .object([
                    ("index", .int64(Int64(index))), ("state", .string(instance.state.rawValue)),
                    ("attempt", .int64(Int64(instance.attempt))),
                    ("started", instance.started.map { .string("\($0)") } ?? .null),
                    ("ended", instance.ended.map { .string("\($0)") } ?? .null), ("reason", instance.reason.map(JSONValue.string) ?? .null),
                    ("cached", .bool(instance.isCached)), ("result", result(of: InstanceNumber(number, index)).plainJSON),
                ])
            })),
        ])
    }
}

extension [String: TaskValue] {
    /// As the interface answers it: values as they are, files by their hash.
    fileprivate var plainJSON: JSONValue {
        var object = JSONObject()
        for (name, value) in sorted(by: { $0.key < $1.key }) {
            switch value {
            case .scalar(let value): object[name] = JSONValue(value)
            case .list(let values): object[name] = .array(values.map { JSONValue($0) })
            case .file(let hash, let count): object[name] = ["file": .string(hash), "bytes": .int64(Int64(count))]
            }
        }
        return .object(object)
    }
}

extension PipelineSchedule {
    /// For people: the rule, and the zone unless it is UTC.
    var text: String {
        let rule =
            switch rule {
            case .cron(let expression): expression.canonicalText
            case .every(let span): "every \(span)"
            }
        return zone.name == "UTC" ? rule : rule + " " + zone.name
    }
}
