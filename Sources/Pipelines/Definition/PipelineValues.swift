import MartletDefinitions
import MartletExpressions
import MartletFrames

/// Reads what is written in pipelines and nowhere else: times in a zone, literals of every type, room in pools.
struct PipelineValues {
    let errors: ErrorCollector
    let subject: String
    let zone: TimeZoneTable

    init(_ errors: ErrorCollector, _ subject: String, zone: TimeZoneTable) {
        self.errors = errors
        self.subject = subject
        self.zone = zone
    }

    /// A date, a date and time of day in the zone, or RFC 3339.
    func time(_ node: LocatedNode) -> Timestamp? {
        if case .scalar(let scalar) = node.content, let moment = Timestamp(date: scalar.text, in: zone) { return moment }
        NodeValues(errors, subject).wrong(
            node, expected: "a date or a time", hint: "write 2024-01-31 (midnight in the pipeline's zone) or 2024-01-31T06:00:00Z")
        return nil
    }

    /// A value of a type, written out.
    func literal(_ node: LocatedNode, of type: ValueType) -> Value? {
        type == .timestamp ? time(node).map { .timestamp($0) } : NodeValues(errors, subject).value(node, of: type)
    }

    /// What a scalar is by its form: quoted a string; else true or false, a whole number, a number, or a string.
    static func literal(_ scalar: LocatedNode.ScalarText) -> Value {
        if scalar.isNull { return .missing }
        guard scalar.style == .plain else { return .string(scalar.text) }
        if scalar.text == "true" || scalar.text == "false" { return .bool(scalar.text == "true") }
        if let number = NodeValues.integer(scalar.text) { return .int64(number) }
        if let number = NodeValues.number(scalar.text) { return .float64(number == 0 ? 0 : number) }
        return .string(scalar.text)
    }

    /// How much of a pool: of `memory` a size, of others a whole number.
    func room(_ entry: LocatedNode.Entry, atLeast low: Int64) -> Int64? {
        let values = NodeValues(errors, "'\(entry.key)' in \(subject)")
        return entry.key == "memory" ? values.size(entry.value)?.value : values.integer(entry.value, in: low...1_000_000_000)?.value
    }
}
