import MartletAccess
public import MartletDefinitions
import MartletExpressions
import MartletFrames

extension PipelineDefinition {
    /// Everything that changes what a run does, by name: neither the order of keys, tasks and `after`, nor the spelling, nor docs.
    public var canonical: CanonicalValue {
        .map([
            "schedule": schedule.map(PipelineDefinition.canonical) ?? .none,
            "time_zone": .text(timeZone.name),
            "triggers": .list(triggers.map(\.canonical).sorted { "\($0)" < "\($1)" }),
            "parameters": .map(
                parameters.map { parameter in
                    (
                        parameter.name,
                        .map([
                            "type": .text(parameter.type.rawValue), "default": parameter.standard.map { CanonicalValue($0) } ?? .none,
                        ])
                    )
                }),
            "max_active_runs": .integer(Int64(maxActiveRuns)),
            "max_active_tasks": .integer(Int64(maxActiveTasks)),
            "priority": .integer(Int64(priority)),
            "deadline": .optional(deadline),
            "timeout": .optional(timeout),
            "tasks": .map(tasks.map { ($0.name, $0.canonical) }),
        ])
    }

    private static func canonical(_ schedule: PipelineSchedule) -> CanonicalValue {
        let rule: CanonicalValue =
            switch schedule.rule {
            case .cron(let cron): .text(cron.canonicalText)
            case .every(let span): .span(span)
            }
        return .map([
            "rule": rule, "time_zone": .text(schedule.zone.name), "start": .optional(schedule.start), "end": .optional(schedule.end),
            "catchup": .bool(schedule.catchup),
        ])
    }
}

extension PipelineTrigger {
    var canonical: CanonicalValue {
        switch self {
        case .stream(let name, let every): .map(["stream": .text(name), "every": .span(every)])
        case .model(let name, let alias): .map(["model": .text(name), "alias": .text(alias)])
        case .webhook(let secret): .map(["webhook": .text(secret)])
        }
    }
}

extension TaskDefinition {
    /// Its meaning but for its name, under which it stands.
    var canonical: CanonicalValue {
        let mapping: CanonicalValue =
            switch mapping {
            case nil: .none
            case .items(let values)?: .list(values.map { CanonicalValue($0) })
            case .result(let task, let output)?: .text("tasks.\(task).\(output)")
            }
        return .map([
            "kind": .text(work.kind.word),
            "work": work.base.canonical,
            "after": .texts(after.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }),
            "trigger_rule": .text(rule.rawValue),
            "when": .optional(condition?.canonicalText),
            "map": mapping,
            "retries": .integer(Int64(retry.retries)),
            "retry_delay": .span(retry.delay),
            "retry_factor": .number(retry.factor),
            "retry_max_delay": .span(retry.maxDelay),
            "retry_jitter": .number(retry.jitter),
            "timeout": .optional(timeout),
            "deadline": .optional(deadline),
            "needs": .map(needs.map { ($0.key, .integer($0.value)) }),
            "priority": .integer(Int64(priority)),
            "max_active": maxActive.map { .integer(Int64($0)) } ?? .none,
            "cache": .optional(cache),
            "allow_failure": .bool(allowFailure),
            "on_failure": .bool(isOnFailure),
        ])
    }
}

extension PipelineDefinition {
    /// What whoever applies it must be allowed to do, since its runs do it: a permission of one task.
    public struct TaskPermission: Hashable, Sendable {
        public let task: String
        public let place: SourcePlace
        public let required: RequiredPermission
    }

    /// What whoever applies it must be allowed to do for what starts it.
    public var triggerPermissions: [RequiredPermission] {
        triggers.compactMap { trigger in
            if case .webhook(let secret) = trigger { RequiredPermission(.secretsUse, on: .secret, named: secret) } else { nil }
        }
    }

    /// Every permission that its tasks need, in their order.
    public var permissions: [TaskPermission] {
        tasks.flatMap { task in
            task.work.base.permissions.map { TaskPermission(task: task.name, place: task.place, required: $0) }
        }
    }
}
