import BigInt
import MartletFeatures
import MartletFrames

/// One version of an event: added by a record, and perhaps ended by a later one.
struct EventVersion {
    /// The values of the entity keys; nil if one is missing, for then the event belongs to no entity.
    var entity: [ValueIdentity]?
    var eventTime: Int64?
    var uniqueKey: Fingerprint
    var payload: Fingerprint
    var addedPosition: Int64
    var addedKnownTime: Int64
    var removal: (position: Int64, knownTime: Int64)?
    /// One row.
    var row: Frame
}

/// One row of ``FeatureQuestions``.
struct SingleQuestion {
    /// Nil if a key is missing.
    var entity: [ValueIdentity]?
    var time: Int64
    var cut: Int64
    var asKnown: Bool
    var ownKey: Fingerprint?
}

/// An event inside a window that passed the filter, with what it contributes.
struct WindowEvent {
    var eventTime: Int64
    var uniqueKey: Fingerprint
    var payload: Fingerprint
    /// The aggregation's argument; `.missing` also where there is none.
    var argument: Value
}

/// What it is for two values to be the same: texts by their bytes, numbers by value (−0.0 is 0.0).
enum ValueIdentity: Hashable {
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text([UInt8])

    /// Nil for a missing value.
    init?(_ value: Value) {
        switch value {
        case .missing: return nil
        case .bool(let value): self = .bool(value)
        case .int64(let value): self = .integer(value)
        case .float64(let value): self = .number(value)
        case .string(let value): self = .text(Array(value.utf8))
        case .timestamp(let value): self = .integer(value.microseconds)
        }
    }
}

/// The rules of `docs/reference/semantics.md`, section 2, one a method.
///
/// A protocol only so that tests can replace one rule by a wrong one, and show that the scenarios notice.
protocol FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool
    func isOwn(_ version: EventVersion, of question: SingleQuestion) -> Bool
    func isInWindow(_ eventTime: Int64, of aggregation: Aggregation, at time: Int64) -> Bool
    func countsAsAbsent(_ version: EventVersion, by rule: AbsentRule, at time: Int64) -> Bool
    func passes(_ filter: Value) -> Bool
    func precedes(_ left: WindowEvent, _ right: WindowEvent) -> Bool
    func result(of aggregation: Aggregation, over events: [WindowEvent]) -> Value
    func sum(_ values: [ExactRational]) -> Double?
    func mean(_ values: [ExactRational]) -> Double?
    func variance(_ values: [ExactRational]) -> Double?
    func isBelow(_ left: Value, _ right: Value) -> Bool
}

/// The rules as they are.
struct StandardSemantics: FeatureSemantics {}

extension FeatureSemantics {
    /// A version is visible from its addition until its removal, as of the cut and, `as_known`, as of `t`.
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        func counts(_ position: Int64, _ knownTime: Int64) -> Bool {
            position < question.cut && (!question.asKnown || knownTime <= question.time)
        }
        guard counts(version.addedPosition, version.addedKnownTime) else { return false }
        if let removal = version.removal { return !counts(removal.position, removal.knownTime) }
        return true
    }

    /// A row never sees the event that bears its own unique key.
    func isOwn(_ version: EventVersion, of question: SingleQuestion) -> Bool {
        guard let ownKey = question.ownKey, ownKey != .none else { return false }
        return version.uniqueKey == ownKey
    }

    /// `t − offset − length ≤ event_time < t − offset`
    func isInWindow(_ eventTime: Int64, of aggregation: Aggregation, at time: Int64) -> Bool {
        let end = Int128(time) - Int128(aggregation.offset.microseconds)
        let start = end - Int128(aggregation.length.microseconds)
        return start <= Int128(eventTime) && Int128(eventTime) < end
    }

    /// At `t`, a late field that has not come counts as the rule's value once `event_time + after ≤ t`.
    func countsAsAbsent(_ version: EventVersion, by rule: AbsentRule, at time: Int64) -> Bool {
        guard let eventTime = version.eventTime, let late = version.row[rule.field] else { return false }
        return late.isMissing(0) && Int128(eventTime) + Int128(rule.after.microseconds) <= Int128(time)
    }

    /// A filter that is missing is false.
    func passes(_ filter: Value) -> Bool {
        filter == .bool(true)
    }

    /// Events are ordered by (event_time, unique key, payload).
    func precedes(_ left: WindowEvent, _ right: WindowEvent) -> Bool {
        (left.eventTime, left.uniqueKey, left.payload) < (right.eventTime, right.uniqueKey, right.payload)
    }

    func result(of aggregation: Aggregation, over events: [WindowEvent]) -> Value {
        let present = events.filter { $0.argument != .missing }
        switch aggregation.function {
        case .count:
            return .int64(Int64(aggregation.argument == nil ? events.count : present.count))
        case .distinctCount:
            return .int64(Int64(Set(present.compactMap { ValueIdentity($0.argument) }).count))
        case .sum:
            return number(sum(present.map { exact($0.argument) }))
        case .mean:
            return number(mean(present.map { exact($0.argument) }))
        case .variance:
            return number(variance(present.map { exact($0.argument) }))
        case .stddev:
            return number(variance(present.map { exact($0.argument) }).map { $0.squareRoot() })
        case .min:
            return present.map(\.argument).min(by: isBelow) ?? .missing
        case .max:
            return present.map(\.argument).max(by: isBelow) ?? .missing
        case .first:
            return present.min(by: precedes)?.argument ?? .missing
        case .last:
            return present.max(by: precedes)?.argument ?? .missing
        }
    }

    /// The exact sum, rounded once; 0.0 for no values.
    func sum(_ values: [ExactRational]) -> Double? {
        ExactRational.sum(values).rounded()
    }

    /// The exact sum over n, rounded once; nil for no values.
    func mean(_ values: [ExactRational]) -> Double? {
        values.isEmpty ? nil : (ExactRational.sum(values) / values.count).rounded()
    }

    /// The exact sample variance, rounded once; nil for fewer than two values.
    func variance(_ values: [ExactRational]) -> Double? {
        values.count < 2 ? nil : (squaredDeviations(values) / (values.count - 1)).rounded()
    }

    /// Σ (x − mean)², which is (n Σx² − (Σx)²) / n.
    func squaredDeviations(_ values: [ExactRational]) -> ExactRational {
        let sum = ExactRational.sum(values)
        let squares = ExactRational.sum(values.map { $0 * $0 })
        return (squares * ExactRational(BigInt(values.count)) - sum * sum) / values.count
    }

    /// A number that is not there, or lies beyond the doubles, is missing.
    func number(_ value: Double?) -> Value {
        value.map { .float64($0) } ?? .missing
    }

    /// Numbers by value, and −0.0 below 0.0, so that the bits of the smallest and the largest are determined.
    func isBelow(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.int64(let left), .int64(let right)): left < right
        case (.timestamp(let left), .timestamp(let right)): left < right
        case (.float64(let left), .float64(let right)):
            left < right || left == right && left.sign == .minus && right.sign == .plus
        default: preconditionFailure("\(left) and \(right) have no order")
        }
    }

    func exact(_ value: Value) -> ExactRational {
        switch value {
        case .bool(let value): ExactRational(value ? 1 as Int64 : 0)
        case .int64(let value): ExactRational(value)
        case .float64(let value): ExactRational(value)
        default: preconditionFailure("\(value) is not a number")
        }
    }
}
