import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletPlatform
import MartletRegistry
import MartletServing

/// Looks at a platform again and again, and tells each thing that happens once.
struct LifeWatch {
    private var told: Set<String> = []

    mutating func look(
        _ platform: Platform, at now: Timestamp, monitors: Scope, models: Scope, runs: Scope, pipelines: Scope
    ) throws -> [LifeEvent] {
        try alarms(platform, now, monitors) + ended(platform, pipelines, runs) + rollouts(platform, models)
    }

    private mutating func alarms(_ platform: Platform, _ now: Timestamp, _ scope: Scope) throws -> [LifeEvent] {
        var events: [LifeEvent] = []
        for alarm in try platform.alarmList(scope: scope)["alarms"]?.array ?? [] {
            let key = "alarm \(alarm["alarm"]?.string ?? "") \(alarm["started"]?.string ?? "")"
            if alarm["phase"]?.string == "firing", told.insert(key).inserted {
                events.append(LifeEvent(kind: .alarmFired, time: now, facts: alarm))
            }
            if let end = alarm["ended"]?.string, told.contains(key), told.insert(key + end).inserted {
                events.append(LifeEvent(kind: .alarmEnded, time: now, facts: alarm))
            }
        }
        return events
    }

    private mutating func ended(_ platform: Platform, _ scope: Scope, _ models: Scope) throws -> [LifeEvent] {
        var events: [LifeEvent] = []
        for run in try platform.pipelineRuns(RunFilter(), limit: 20, scope: scope).runs.reversed() {
            guard let id = run["run"]?.string, let state = run["state"]?.string, !["queued", "running"].contains(state),
                told.insert("run \(id)").inserted, var facts = run.object
            else { continue }
            facts["training"] = try platform.runList(model: nil, limit: 1, scope: models).first?.json ?? .null
            events.append(LifeEvent(kind: .pipelineEnded, time: Self.time(run["ended"]), facts: .object(facts)))
        }
        return events
    }

    private mutating func rollouts(_ platform: Platform, _ scope: Scope) throws -> [LifeEvent] {
        var events: [LifeEvent] = []
        for rollout in try platform.rolloutList(endpoint: nil, before: nil, limit: 10, scope: scope).reversed() {
            guard var details = try platform.rolloutDetails(rollout.id, scope: scope).object else { continue }
            for (number, event) in (details["events"]?.array ?? []).enumerated() where told.insert("rollout \(rollout.id) \(number)").inserted {
                details["event"] = event
                events.append(LifeEvent(kind: Self.kind(event), time: Self.time(event["time"]), facts: .object(details)))
            }
        }
        return events
    }

    private static func kind(_ event: JSONValue) -> LifeEvent.Kind {
        switch event["kind"]?.string.flatMap(RolloutEvent.Kind.init) {
        case .advanced: .rolloutAdvanced
        case .waiting: .rolloutWaiting
        case .promoted: .rolloutPromoted
        case .withdrawn: .rolloutWithdrawn
        case .superseded: .rolloutSuperseded
        case .started, nil: .rolloutStarted
        }
    }

    private static func time(_ value: JSONValue?) -> Timestamp {
        value?.string.flatMap { Timestamp(rfc3339: $0) } ?? Timestamp(microseconds: 0)
    }
}
