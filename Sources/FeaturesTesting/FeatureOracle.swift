public import MartletFeatures
public import MartletFrames

import MartletExpressions

/// f(definition, key, t, cut), computed in the plainest way: every question scans every event.
///
/// Written from `docs/reference/semantics.md` alone, to be compared with engines. It sums in rational arithmetic and
/// evaluates expressions one row at a time. Nothing about it is fast: a question costs O(events), a removal too.
public struct FeatureOracle: FeatureFunction {
    private let plan: ViewPlan
    private let semantics: any FeatureSemantics
    private var versions: [EventVersion] = []

    public init(_ plan: ViewPlan) {
        self.init(plan, semantics: StandardSemantics())
    }

    init(_ plan: ViewPlan, semantics: any FeatureSemantics) {
        self.plan = plan
        self.semantics = semantics
    }

    public mutating func update(_ changes: EventChanges) {
        for row in 0..<changes.rows.rowCount {
            if changes.isRemoval[row] {
                end(
                    changes.uniqueKeys[row], addedAt: changes.supersededPositions[row],
                    position: changes.positions[row], knownTime: changes.knownTimes[row])
            } else {
                add(changes, row)
            }
        }
    }

    private mutating func add(_ changes: EventChanges, _ row: Int) {
        let single = changes.rows.gathering([row])
        var eventTime: Int64?
        if case .timestamp(let moment)? = single[plan.eventTime]?[0] { eventTime = moment.microseconds }
        versions.append(EventVersion(
            entity: identity(plan.entityKeys.map { single[$0.name]?[0] ?? .missing }), eventTime: eventTime,
            uniqueKey: changes.uniqueKeys[row], payload: changes.payloads[row],
            addedPosition: changes.positions[row], addedKnownTime: changes.knownTimes[row], removal: nil, row: single))
    }

    private mutating func end(_ key: Fingerprint, addedAt: Int64, position: Int64, knownTime: Int64) {
        let index = versions.lastIndex {
            $0.uniqueKey == key && $0.addedPosition == addedAt && $0.removal == nil
        }
        guard let index else { preconditionFailure("nothing with key \(key) was added at position \(addedAt)") }
        versions[index].removal = (position, knownTime)
    }

    public func read(_ questions: FeatureQuestions) -> [Column] {
        var columns = plan.aggregations.map { ColumnBuilder($0.resultType) }
        for row in questions.times.indices {
            let question = SingleQuestion(
                entity: identity(questions.entityKeys.map { $0[row] }), time: questions.times[row],
                cut: questions.cut, asKnown: questions.asKnown, ownKey: questions.ownKeys?[row])
            let seen = versions.filter { sees(question, $0) }
            for index in plan.aggregations.indices {
                columns[index].append(value(of: plan.aggregations[index], over: seen, at: question.time))
            }
        }
        return columns.map { $0.finish() }
    }

    private func sees(_ question: SingleQuestion, _ version: EventVersion) -> Bool {
        guard let entity = question.entity, version.entity == entity else { return false }
        return semantics.isVisible(version, to: question) && !semantics.isOwn(version, of: question)
    }

    private func value(of aggregation: Aggregation, over versions: [EventVersion], at time: Int64) -> Value {
        var events: [WindowEvent] = []
        for version in versions {
            guard let eventTime = version.eventTime,
                semantics.isInWindow(eventTime, of: aggregation, at: time)
            else { continue }
            func evaluate(_ expression: CompiledExpression) -> Value {
                self.evaluate(expression, over: version, absent: aggregation.absent, at: time)
            }
            if let filter = plan.filter, !semantics.passes(evaluate(filter)) { continue }
            events.append(WindowEvent(
                eventTime: eventTime, uniqueKey: version.uniqueKey, payload: version.payload,
                argument: aggregation.argument.map(evaluate) ?? .missing))
        }
        return semantics.result(of: aggregation, over: events)
    }

    private func evaluate(
        _ expression: CompiledExpression, over version: EventVersion, absent rule: AbsentRule?, at time: Int64
    ) -> Value {
        let columns = expression.references.map { name -> Column in
            guard let column = version.row[name] else { preconditionFailure("the source has no field '\(name)'") }
            if let rule, rule.field == name, semantics.countsAsAbsent(version, by: rule, at: time) {
                return Column(repeating: rule.value, type: column.type, count: 1)
            }
            return column
        }
        return expression.evaluate(columns, rowCount: 1).column[0]
    }

    /// Nil if a value is missing.
    private func identity(_ values: [Value]) -> [ValueIdentity]? {
        let identities = values.compactMap { ValueIdentity($0) }
        return identities.count == values.count ? identities : nil
    }
}
