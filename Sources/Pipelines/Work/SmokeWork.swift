import MartletAccess
public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// Asks an endpoint once, as a user would, and looks at the answer.
public struct SmokeWork: TaskWork {
    public let endpoint: String
    /// One request: the inputs by name.
    public let inputs: [String: Value]
    /// Over `output` or `label`, `latency_ms`, `version`, and what every task may read; nil if an answer is enough.
    public let expectation: CompiledExpression?
    /// Whether the endpoint answers with labels and not with a number.
    public let answersLabels: Bool

    public static let kind = TaskKind(
        word: "smoke", type: "name of an endpoint",
        summary: """
            Asks an endpoint once and fails if it does not answer, answers degraded, or otherwise than expected. It gives what it \
            saw: `output` (of an endpoint that answers with labels: `label`, the likeliest), `latency_ms` and `version`.
            """,
        keys: [
            .required("inputs", "map of values", "One request: the inputs by name."),
            .optional("expect", "expression", standard: "any answer", "What must hold, as in `output > 0.0 && latency_ms < 50.0`."),
        ],
        read: { value, task in read(value, &task) })

    private static func read(_ value: LocatedNode, _ task: inout TaskReader) -> SmokeWork? {
        let before = task.errors.count
        let endpoint = task.name(value, of: "endpoint", key: "smoke")
        var inputs: [String: Value] = [:]
        if let node = task.map.required("inputs") {
            for entry in task.entries(node, key: "inputs") {
                guard case .scalar(let scalar) = entry.value.content else {
                    NodeValues(task.errors, "'\(entry.key.shortened(to: 60))' in \(task.subject("inputs"))").wrong(
                        entry.value, expected: "a value")
                    continue
                }
                inputs[entry.key] = PipelineValues.literal(scalar)
            }
        }
        let expectNode = task.map.node("expect")
        // Of an endpoint with mistakes of its own it is not known what it answers with.
        guard let endpoint, let answer = task.surroundings.endpoints[endpoint] else { return nil }
        let expectation = expectNode.flatMap {
            task.expression(
                $0, task.subject("expect"), expecting: .bool, extra: seen(labels: answer == .labels).map { .init($0.0, $0.1) })
        }
        guard task.errors.count == before else { return nil }
        return SmokeWork(endpoint: endpoint, inputs: inputs, expectation: expectation, answersLabels: answer == .labels)
    }

    private static func seen(labels: Bool) -> [(String, ValueType)] {
        [labels ? ("label", .string) : ("output", .float64), ("latency_ms", .float64), ("version", .int64)]
    }

    public var canonical: CanonicalValue {
        .map([
            "endpoint": .text(endpoint), "inputs": .map(inputs.map { ($0.key, CanonicalValue($0.value)) }),
            "expect": .optional(expectation?.canonicalText),
        ])
    }

    public var outputs: [TaskOutput] { SmokeWork.seen(labels: answersLabels).map { TaskOutput($0.0, .scalar($0.1)) } }
    public var permissions: [RequiredPermission] { [RequiredPermission(.predict, on: .endpoint, named: endpoint)] }
}
