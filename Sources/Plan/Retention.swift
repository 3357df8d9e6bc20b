import MartletDefinitions
public import MartletFrames

/// How long a project keeps what its pipelines leave behind: the key `retention` of `martlet.yaml`.
public struct Retention: Hashable, Sendable {
    /// Runs with their histories, counted from their end; nil for ever.
    public var runs: Timestamp.Span?
    /// What their tasks printed; nil for as long as the run.
    public var logs: Timestamp.Span?

    /// What holds where a project says nothing.
    public static let standard = Retention(runs: .days(90), logs: .days(30))

    /// When logs go, counted from the run's end: with the run at the latest. Nil for never.
    public var logSpan: Timestamp.Span? {
        guard let runs, let logs else { return runs ?? logs }
        return min(runs, logs)
    }

    /// Only what differs from the standard.
    var canonical: CanonicalValue {
        var entries: [(String, CanonicalValue)] = []
        if runs != Self.standard.runs { entries.append(("runs", Self.canonical(runs))) }
        if logs != Self.standard.logs { entries.append(("logs", Self.canonical(logs))) }
        return .map(entries)
    }

    private static func canonical(_ span: Timestamp.Span?) -> CanonicalValue { span.map { .span($0) } ?? .text(forever) }

    static let keys = KeyTable(
        "the retention of a project",
        "Each takes a span of at least an hour, counted from a run's end, or `forever`. The newest run of a pipeline is always kept.",
        keys: [
            .optional("runs", "span or `forever`", standard: "`90d`", "Runs of pipelines with their histories and alerts."),
            .optional("logs", "span or `forever`", standard: "`30d`", "What their tasks printed; it goes with the run at the latest."),
        ])

    static func read(_ node: LocatedNode, of title: String, _ errors: ErrorCollector) -> Retention {
        var retention = Retention.standard
        guard var map = MapReader(node, keys, title: "the retention of \(title)", errors: errors) else { return retention }
        if let node = map.node("runs") { retention.runs = span(node, "runs", title, errors) }
        if let node = map.node("logs") { retention.logs = span(node, "logs", title, errors) }
        map.finish()
        return retention
    }

    private static let forever = "forever"

    private static func span(_ node: LocatedNode, _ key: String, _ title: String, _ errors: ErrorCollector) -> Timestamp.Span? {
        if case .scalar(let scalar) = node.content, scalar.text == forever { return nil }
        let values = NodeValues(errors, "'\(key)' of the retention of \(title)")
        guard case .scalar(let scalar) = node.content, Timestamp.Span(scalar.text) != nil else {
            values.wrong(node, expected: "a span of time or 'forever'", hint: "as in { runs: 90d, logs: forever }")
            return nil
        }
        return values.span(node, atLeast: .hours(1))?.value
    }
}
