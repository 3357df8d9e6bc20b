public import MartletFrames

/// An alarm that the judgement of a rollout raises, and no monitor's measure: with the labels `endpoint` and `rollout`.
public enum RolloutAlarm: String, Hashable, Sendable, CaseIterable {
    /// The units are not shared as planned between the versions, so that their comparison cannot be trusted.
    case sampleRatio = "sample_ratio"
    /// A version was withdrawn since it broke a guardrail.
    case guardrail

    /// Its name is no monitor's: those have a dot.
    public var rule: AlarmRule { AlarmRule(rawValue, severity: .warning) }

    public static let endpointLabel = "endpoint"
    public static let rolloutLabel = "rollout"

    /// - Throws: ``AlarmError`` for names that cannot be labels' values.
    public func identity(endpoint: String, rollout: String) throws(AlarmError) -> AlarmIdentity {
        AlarmIdentity(rule: rawValue, labels: try AlarmLabels([(Self.endpointLabel, endpoint), (Self.rolloutLabel, rollout)]))
    }

    /// A reading of the alarm with an identity of this rule.
    public func reading(
        of identity: AlarmIdentity, at time: Timestamp, isBeyond: Bool, value: Double?, summary: String, figures: [AlarmCause.Figure] = []
    ) -> AlarmReading {
        AlarmReading(
            rule: rawValue, labels: identity.labels, time: time, level: isBeyond ? .beyond : .within, value: value, summary: summary,
            cause: AlarmCause(to: time, figures: figures))
    }
}
