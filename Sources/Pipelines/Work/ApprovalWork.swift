public import MartletDefinitions

/// Waits until a person agrees.
public struct ApprovalWork: TaskWork {
    /// What is asked.
    public let question: TaskText

    public static let kind = TaskKind(
        word: "approval", type: "text",
        summary: """
            Asks a person and waits; whoever answers must be allowed `pipelines.approve`. Refused, or not answered within \
            `timeout`, it fails.
            """,
        read: { value, task in
            task.text(value, task.subject("approval"), mayBeEmpty: false).map { ApprovalWork(question: $0) }
        })

    public var canonical: CanonicalValue { .map(["question": question.canonical]) }
    public var outputs: [TaskOutput] { [] }
    /// To wait needs none; to answer does.
    public var permissions: [RequiredPermission] { [] }
    public var isWaiting: Bool { true }
}
