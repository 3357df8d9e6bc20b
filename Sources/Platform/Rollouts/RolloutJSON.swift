public import MartletBytes
public import MartletServing
import MartletFrames

extension Rollout {
    /// As the interface answers it.
    public var json: JSONValue {
        [
            "rollout": .string(id), "endpoint": .string(endpoint), "model": .string(model), "alias": .string(alias),
            "champion": .int64(Int64(champion)), "challenger": .int64(Int64(challenger)), "state": .string(state.rawValue),
            "step": .int64(Int64(step) + 1), "started": .string("\(started)"), "step_started": .string("\(stepStarted)"),
            "ended": ended.map { .string("\($0)") } ?? .null, "actor": .string(actor), "reason": .string(reason),
        ]
    }
}

extension RolloutEvidence {
    /// As the interface answers it.
    public var json: JSONValue {
        [
            "champion": champion.json, "challenger": challenger.json, "difference": difference?.json ?? .null,
            "sample_ratio": sampleRatio.map(JSONValue.float64) ?? .null,
            "guardrails": .array(guardrails.map {
                ["name": .string($0.name), "limit": .float64($0.limit), "bounds": $0.bounds?.json ?? .null, "broken": .bool($0.isBroken)]
            }),
        ]
    }
}

extension RolloutEvidence.Side {
    var json: JSONValue {
        [
            "decisions": .int64(Int64(decisions)), "units": .int64(Int64(units)), "judged": .int64(Int64(judged)),
            "without_outcome": .int64(Int64(withoutOutcome)), "mean": mean.map(JSONValue.float64) ?? .null,
        ]
    }
}

extension RolloutEvidence.Bounds {
    var json: JSONValue { ["low": .float64(low), "estimate": .float64(estimate), "high": .float64(high)] }
}

extension RolloutEvent {
    /// As the interface answers it.
    public var json: JSONValue {
        [
            "time": .string("\(time)"), "kind": .string(kind.rawValue), "step": .int64(Int64(step) + 1),
            "actor": actor.map(JSONValue.string) ?? .null, "reason": .string(reason),
            "evidence": evidence.flatMap { try? JSONValue(parsing: $0) } ?? .null,
        ]
    }
}
