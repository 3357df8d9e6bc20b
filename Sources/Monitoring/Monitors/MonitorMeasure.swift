public import MartletFrames

/// One thing that was measured of a window, with the bounds that it was held against.
public struct MonitorMeasure: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case drift
        case predictionDrift = "prediction_drift"
        case missing, unseen, volume, freshness, performance, estimated, bias, errors, latency, skew
        /// Rows of a stream that became dead letters.
        case rejected
        /// Fields that came otherwise than the contract has them.
        case schema
    }

    public var kind: Kind
    /// Of what: a feature, a metric, a field; empty where there is one such measure alone.
    public var subject: String
    /// Nil where too little was seen.
    public var value: Double?
    /// Where the value lies with 95 % certainty; nil where that is not known.
    public var low: Double?
    public var high: Double?
    public var bounds: MonitorDefinition.Bounds
    /// How much it matters to the model, of drift: the value times the feature's share of what moves the model.
    public var effect: Double?
    /// What it was computed from.
    public var figures: [AlarmCause.Figure]

    public init(
        _ kind: Kind, _ subject: String = "", value: Double?, low: Double? = nil, high: Double? = nil, bounds: MonitorDefinition.Bounds,
        effect: Double? = nil, figures: [AlarmCause.Figure] = []
    ) {
        self.kind = kind
        self.subject = subject
        self.value = value
        self.low = low
        self.high = high
        self.bounds = bounds
        self.effect = effect
        self.figures = figures
    }

    public var level: AlarmReading.Level { bounds.level(of: value) }
}

extension MonitorDefinition {
    /// The rule by which alarms of a kind of measure are raised.
    public func rule(_ kind: MonitorMeasure.Kind) -> String { "\(name).\(kind.rawValue)" }

    /// What alarms see of a measure of a window.
    public func reading(_ measure: MonitorMeasure, from start: Timestamp, to end: Timestamp) -> AlarmReading {
        let label =
            switch measure.kind {
            case .drift, .missing, .unseen: stream == nil ? "feature" : "field"
            case .schema: "field"
            case .performance, .estimated: "metric"
            case .bias: "by"
            case .predictionDrift, .volume, .freshness, .errors, .latency, .skew, .rejected: ""
            }
        // A name that cannot be a label's value is cut, so that it is told all the same.
        let value = String(measure.subject.prefix(200))
        let labels = label.isEmpty ? AlarmLabels.none : (try? AlarmLabels([(label, value)])) ?? .none
        return AlarmReading(
            rule: rule(measure.kind), labels: labels, time: end, level: measure.level, value: measure.value, summary: sentence(measure),
            cause: AlarmCause(
                monitor: name, from: start, to: end, feature: label == "feature" || label == "field" ? measure.subject : nil, figures: measure.figures))
    }

    /// What was measured, for people.
    public func sentence(_ measure: MonitorMeasure) -> String {
        let rows = stream == nil ? "predictions" : "events"
        let what =
            switch measure.kind {
            case .drift: "\(measure.subject) moved: \(drift?.distance.rawValue ?? "distance")"
            case .predictionDrift: "predictions moved: \(drift?.distance.rawValue ?? "distance")"
            case .missing: "\(measure.subject) is missing more often than in the reference, by"
            case .unseen: "\(measure.subject) is outside of what the reference has, a share of"
            case .volume: "the number of \(rows) differs from the mean of the windows before, by a share of"
            case .freshness: "seconds without \(stream == nil ? "a prediction" : "an event"):"
            case .performance: measure.subject
            case .estimated: "\(measure.subject), estimated without outcomes:"
            case .bias: "\(measure.subject): greatest gap between groups"
            case .errors: "share of predictions that the fallback answered:"
            case .latency: "microseconds that 99 of 100 predictions took at most:"
            case .skew: "predictions that a computation anew does not give bit by bit:"
            case .rejected: "share of the rows that came which the contract refused:"
            case .schema:
                "\(measure.subject) came otherwise than the contract has it"
                    + (measure.figures.isEmpty ? "" : " (\(measure.figures.map { "\($0.name): \(FigureText.short($0.value))" }.joined(separator: ", ")))")
                    + ", a share of the rows of"
            }
        let bound = "\(measure.bounds.isUpper ? "at most" : "at least") \(FigureText.short(measure.bounds.raise))"
        guard let value = measure.value else { return "\(what) unknown (\(bound))" }
        return "\(what) \(FigureText.short(value)) (\(bound))"
    }

    /// The rules of its alarms.
    public var alarmRules: [AlarmRule] {
        MonitorMeasure.Kind.allCases.map { kind in
            AlarmRule(
                rule(kind), severity: alarms.severity, hold: alarms.hold, clearAfter: alarms.clearAfter,
                repeatInterval: alarms.repeatInterval, coolDown: alarms.coolDown)
        }
    }
}

/// Figures in sentences: four digits.
package enum FigureText {
    package static func short(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var scale = 1.0
        while value.magnitude * scale < 1_000, scale < 1e12 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && rounded.magnitude < 1e15 ? "\(Int64(rounded))" : "\(rounded)"
    }
}
