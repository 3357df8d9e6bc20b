import MartletExpressions
import MartletFeatures
import MartletFrames

extension FeatureCase {
    /// The case as a scenario that ``Scenario/parse(_:compile:)`` reads, with the answers given.
    ///
    /// - Parameter answers: one value a question and aggregation.
    func scenarioText(title: String, answers: [[Value]]) -> String {
        var lines = ["scenario \(title)"]
        let keys = Set(plan.entityKeys.map(\.name))
        lines += plan.entityKeys.map { "entity \($0.name) \($0.type)" }
        lines.append("time \(plan.eventTime)")
        for field in schema.fields where field.name != plan.eventTime && !keys.contains(field.name) {
            lines.append("field \(field.name) \(field.type)")
        }
        if let filter = plan.filter { lines.append("where \(filter.canonicalText)") }
        lines += plan.aggregations.map(text)
        lines += records.map(text)
        for (question, answer) in zip(questions, answers) { lines.append(text(question, answer)) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func text(_ aggregation: Aggregation) -> String {
        var text = "feature \(aggregation.name) = \(aggregation.function.rawValue)"
        if let argument = aggregation.argument { text += " of \(argument.canonicalText)" }
        text += " over \(aggregation.length)"
        if aggregation.offset != .zero { text += " offset \(aggregation.offset)" }
        if let rule = aggregation.absent {
            text += " absent \(rule.field)=\(rule.value.described()) after \(rule.after)"
        }
        return text
    }

    private func text(_ record: LogRecord) -> String {
        var text = "\(record.kind.rawValue) \(record.key.label)"
        for (field, value) in zip(schema.fields, record.row) where value != .missing {
            text += " \(field.name)=\(value.described())"
        }
        text += " known=\(ScenarioTime.text(record.knownTime))"
        if let payload = record.payload { text += " payload=\(payload.label)" }
        return text
    }

    private func text(_ question: Question, _ answer: [Value]) -> String {
        var text = "ask"
        for (field, value) in zip(plan.entityKeys, question.entity) { text += " \(field.name)=\(value.described())" }
        text += " t=\(ScenarioTime.text(question.time))"
        if question.cut < .max {
            // Scenarios number their records from 0, without gaps.
            text += " cut=\(records.filter { $0.position < question.cut }.count)"
        }
        if question.asKnown { text += " as_known" }
        if let key = question.ownKey { text += " own=\(key.label)" }
        text += " ->"
        for (aggregation, value) in zip(plan.aggregations, answer) {
            text += " \(aggregation.name)=\(value.described())"
        }
        return text
    }
}
