import MartletExpressions
import MartletFeatures
import MartletFrames

@testable import MartletFeaturesTesting

/// The oracle with one mistake planted; `Tests/FeaturesTests/mutations.txt` says in words what each is.
struct Mutant: Sendable {
    var name: String
    var make: @Sendable (ViewPlan) -> any FeatureFunction

    init(_ name: String, _ semantics: any FeatureSemantics & Sendable) {
        self.name = name
        make = { FeatureOracle($0, semantics: semantics) }
    }

    init(_ name: String, changing change: @escaping @Sendable (EventChanges) -> EventChanges) {
        self.name = name
        make = { MisfedOracle(oracle: FeatureOracle($0), change: change) }
    }
}

/// A correct oracle that is told something else than what happened.
struct MisfedOracle: FeatureFunction {
    var oracle: FeatureOracle
    var change: @Sendable (EventChanges) -> EventChanges

    private var added: Set<Int64> = []

    init(oracle: FeatureOracle, change: @escaping @Sendable (EventChanges) -> EventChanges) {
        self.oracle = oracle
        self.change = change
    }

    mutating func update(_ changes: EventChanges) {
        let changed = change(changes)
        for row in changed.positions.indices where !changed.isRemoval[row] { added.insert(changed.positions[row]) }
        // What was never added cannot end.
        oracle.update(changed.keeping { !changed.isRemoval[$0] || added.contains(changed.supersededPositions[$0]) })
    }

    func read(_ questions: FeatureQuestions) -> [Column] { oracle.read(questions) }
}

extension Mutant {
    static let all: [Mutant] = [
        Mutant("near edge closed", NearEdgeClosed()), Mutant("far edge open", FarEdgeOpen()),
        Mutant("offset dropped", OffsetDropped()), Mutant("offset clips", OffsetClips()),
        Mutant("own key seen", OwnKeySeen()), Mutant("no key is a key", NoKeyIsAKey()),
        Mutant("ties by arrival", TiesByArrival()), Mutant("ties by payload first", TiesByPayloadFirst()),
        Mutant("payload forgotten", PayloadForgotten()), Mutant("keys signed", KeysSigned()),
        Mutant("removal forgotten", RemovalForgotten()), Mutant("removal ignores cut", RemovalIgnoresCut()),
        Mutant("removal ignores known time", RemovalIgnoresKnownTime()), Mutant("known time strict", KnownTimeStrict()),
        Mutant("known time ignored", KnownTimeIgnored()), Mutant("cut inclusive", CutInclusive()),
        Mutant("correction forgotten", changing: { changes in
            let removed = Set(changes.positions.indices.filter { changes.isRemoval[$0] }.map { changes.positions[$0] })
            return changes.keeping { !removed.contains(changes.positions[$0]) }
        }),
        Mutant("addition of a correction forgotten", changing: { changes in
            let removed = Set(changes.positions.indices.filter { changes.isRemoval[$0] }.map { changes.positions[$0] })
            return changes.keeping { changes.isRemoval[$0] || !removed.contains(changes.positions[$0]) }
        }),
        Mutant("absent too early", AbsentTooEarly()), Mutant("absent strict", AbsentStrict()),
        Mutant("absent forgotten", AbsentForgotten()), Mutant("absent overrides", AbsentOverrides()),
        Mutant("missing filter true", MissingFilterTrue()), Mutant("count counts missing", CountCountsMissing()),
        Mutant("first takes missing", FirstTakesMissing()), Mutant("empty sum missing", EmptySumMissing()),
        Mutant("sum in floats", SumInFloats()), Mutant("mean in floats", MeanInFloats()),
        Mutant("mean rounded twice", MeanRoundedTwice()), Mutant("variance by n", VarianceByN()),
        Mutant("variance of one is zero", VarianceOfOneIsZero()), Mutant("variance in floats", VarianceInFloats()),
        Mutant("overflow saturates", OverflowSaturates()), Mutant("zeros alike", ZerosAlike()),
        Mutant("zeros distinct", ZerosDistinct()), Mutant("texts by characters", TextsByCharacters()),
    ]
}

extension EventChanges {
    fileprivate func keeping(_ isKept: (Int) -> Bool) -> EventChanges {
        let kept = positions.indices.filter(isKept)
        return EventChanges(
            rows: rows.gathering(kept), isRemoval: kept.map { isRemoval[$0] }, positions: kept.map { positions[$0] },
            knownTimes: kept.map { knownTimes[$0] }, supersededPositions: kept.map { supersededPositions[$0] },
            uniqueKeys: kept.map { uniqueKeys[$0] }, payloads: kept.map { payloads[$0] })
    }
}

// MARK: Windows

private struct NearEdgeClosed: FeatureSemantics {
    func isInWindow(_ eventTime: Int64, of aggregation: Aggregation, at time: Int64) -> Bool {
        let end = time - aggregation.offset.microseconds
        return end - aggregation.length.microseconds <= eventTime && eventTime <= end
    }
}

private struct FarEdgeOpen: FeatureSemantics {
    func isInWindow(_ eventTime: Int64, of aggregation: Aggregation, at time: Int64) -> Bool {
        let end = time - aggregation.offset.microseconds
        return end - aggregation.length.microseconds < eventTime && eventTime < end
    }
}

private struct OffsetDropped: FeatureSemantics {
    func isInWindow(_ eventTime: Int64, of aggregation: Aggregation, at time: Int64) -> Bool {
        time - aggregation.length.microseconds <= eventTime && eventTime < time
    }
}

private struct OffsetClips: FeatureSemantics {
    func isInWindow(_ eventTime: Int64, of aggregation: Aggregation, at time: Int64) -> Bool {
        time - aggregation.length.microseconds <= eventTime && eventTime < time - aggregation.offset.microseconds
    }
}

private struct OwnKeySeen: FeatureSemantics {
    func isOwn(_ version: EventVersion, of question: SingleQuestion) -> Bool { false }
}

private struct NoKeyIsAKey: FeatureSemantics {
    func isOwn(_ version: EventVersion, of question: SingleQuestion) -> Bool { version.uniqueKey == question.ownKey }
}

// MARK: Order

private struct TiesByArrival: FeatureSemantics {
    func precedes(_ left: WindowEvent, _ right: WindowEvent) -> Bool { left.eventTime < right.eventTime }
}

private struct TiesByPayloadFirst: FeatureSemantics {
    func precedes(_ left: WindowEvent, _ right: WindowEvent) -> Bool {
        (left.eventTime, left.payload, left.uniqueKey) < (right.eventTime, right.payload, right.uniqueKey)
    }
}

private struct PayloadForgotten: FeatureSemantics {
    func precedes(_ left: WindowEvent, _ right: WindowEvent) -> Bool {
        (left.eventTime, left.uniqueKey) < (right.eventTime, right.uniqueKey)
    }
}

private struct KeysSigned: FeatureSemantics {
    func precedes(_ left: WindowEvent, _ right: WindowEvent) -> Bool {
        func signed(_ key: Fingerprint) -> (Int64, Int64) {
            (Int64(bitPattern: key.high), Int64(bitPattern: key.low))
        }
        if left.eventTime != right.eventTime { return left.eventTime < right.eventTime }
        if left.uniqueKey != right.uniqueKey { return signed(left.uniqueKey) < signed(right.uniqueKey) }
        return left.payload < right.payload
    }
}

// MARK: Versions

private struct RemovalForgotten: FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        version.addedPosition < question.cut && (!question.asKnown || version.addedKnownTime <= question.time)
    }
}

private struct RemovalIgnoresCut: FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        guard RemovalForgotten().isVisible(version, to: question) else { return false }
        guard let removal = version.removal else { return true }
        return question.asKnown && removal.knownTime > question.time
    }
}

private struct RemovalIgnoresKnownTime: FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        guard RemovalForgotten().isVisible(version, to: question) else { return false }
        return version.removal.map { $0.position >= question.cut } ?? true
    }
}

private struct KnownTimeStrict: FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        var question = question
        // Known times are whole microseconds, so `< t` is `≤ t − 1`.
        question.time -= 1
        return StandardSemantics().isVisible(version, to: question)
    }
}

private struct KnownTimeIgnored: FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        var question = question
        question.asKnown = false
        return StandardSemantics().isVisible(version, to: question)
    }
}

private struct CutInclusive: FeatureSemantics {
    func isVisible(_ version: EventVersion, to question: SingleQuestion) -> Bool {
        var question = question
        if question.cut < .max { question.cut += 1 }
        return StandardSemantics().isVisible(version, to: question)
    }
}

// MARK: Late fields

private struct AbsentTooEarly: FeatureSemantics {
    func countsAsAbsent(_ version: EventVersion, by rule: AbsentRule, at time: Int64) -> Bool {
        version.row[rule.field]?.isMissing(0) ?? false
    }
}

private struct AbsentStrict: FeatureSemantics {
    func countsAsAbsent(_ version: EventVersion, by rule: AbsentRule, at time: Int64) -> Bool {
        StandardSemantics().countsAsAbsent(version, by: rule, at: time - 1)
    }
}

private struct AbsentForgotten: FeatureSemantics {
    func countsAsAbsent(_ version: EventVersion, by rule: AbsentRule, at time: Int64) -> Bool { false }
}

private struct AbsentOverrides: FeatureSemantics {
    func countsAsAbsent(_ version: EventVersion, by rule: AbsentRule, at time: Int64) -> Bool {
        version.eventTime.map { $0 + rule.after.microseconds <= time } ?? false
    }
}

// MARK: Missing values

private struct MissingFilterTrue: FeatureSemantics {
    func passes(_ filter: Value) -> Bool { filter != .bool(false) }
}

private struct CountCountsMissing: FeatureSemantics {
    func result(of aggregation: Aggregation, over events: [WindowEvent]) -> Value {
        if aggregation.function == .count { return .int64(Int64(events.count)) }
        return StandardSemantics().result(of: aggregation, over: events)
    }
}

private struct FirstTakesMissing: FeatureSemantics {
    func result(of aggregation: Aggregation, over events: [WindowEvent]) -> Value {
        switch aggregation.function {
        case .first: events.min(by: precedes)?.argument ?? .missing
        case .last: events.max(by: precedes)?.argument ?? .missing
        default: StandardSemantics().result(of: aggregation, over: events)
        }
    }
}

private struct EmptySumMissing: FeatureSemantics {
    func sum(_ values: [ExactRational]) -> Double? {
        values.isEmpty ? nil : StandardSemantics().sum(values)
    }
}

// MARK: Arithmetic

private func floats(_ values: [ExactRational]) -> [Double] {
    values.compactMap { $0.rounded() }
}

private func finite(_ value: Double) -> Double? {
    value.isFinite ? value : nil
}

private struct SumInFloats: FeatureSemantics {
    func sum(_ values: [ExactRational]) -> Double? { finite(floats(values).reduce(0, +)) }
}

private struct MeanInFloats: FeatureSemantics {
    func mean(_ values: [ExactRational]) -> Double? {
        values.isEmpty ? nil : finite(floats(values).reduce(0, +) / Double(values.count))
    }
}

private struct MeanRoundedTwice: FeatureSemantics {
    func mean(_ values: [ExactRational]) -> Double? {
        values.isEmpty ? nil : sum(values).map { $0 / Double(values.count) }
    }
}

private struct VarianceByN: FeatureSemantics {
    func variance(_ values: [ExactRational]) -> Double? {
        values.count < 2 ? nil : (squaredDeviations(values) / values.count).rounded()
    }
}

private struct VarianceOfOneIsZero: FeatureSemantics {
    func variance(_ values: [ExactRational]) -> Double? {
        values.count == 1 ? 0 : StandardSemantics().variance(values)
    }
}

private struct VarianceInFloats: FeatureSemantics {
    func variance(_ values: [ExactRational]) -> Double? {
        guard values.count > 1 else { return nil }
        let sum = floats(values).reduce(0, +)
        let squares = floats(values).map { $0 * $0 }.reduce(0, +)
        return finite((squares - sum * sum / Double(values.count)) / Double(values.count - 1))
    }
}

private struct OverflowSaturates: FeatureSemantics {
    func sum(_ values: [ExactRational]) -> Double? {
        let exact = ExactRational.sum(values)
        return exact.rounded() ?? (exact.numerator < 0 ? -.greatestFiniteMagnitude : .greatestFiniteMagnitude)
    }
}

// MARK: Equality

private struct ZerosAlike: FeatureSemantics {
    func isBelow(_ left: Value, _ right: Value) -> Bool {
        if case .float64(let left) = left, case .float64(let right) = right { return left < right }
        return StandardSemantics().isBelow(left, right)
    }
}

private struct ZerosDistinct: FeatureSemantics {
    func result(of aggregation: Aggregation, over events: [WindowEvent]) -> Value {
        guard aggregation.function == .distinctCount, aggregation.argument?.type == .float64 else {
            return StandardSemantics().result(of: aggregation, over: events)
        }
        let bits = events.compactMap { event -> UInt64? in
            if case .float64(let value) = event.argument { value.bitPattern } else { nil }
        }
        return .int64(Int64(Set(bits).count))
    }
}

private struct TextsByCharacters: FeatureSemantics {
    func result(of aggregation: Aggregation, over events: [WindowEvent]) -> Value {
        guard aggregation.function == .distinctCount, aggregation.argument?.type == .string else {
            return StandardSemantics().result(of: aggregation, over: events)
        }
        return .int64(Int64(Set(events.map(\.argument)).subtracting([.missing]).count))
    }
}
