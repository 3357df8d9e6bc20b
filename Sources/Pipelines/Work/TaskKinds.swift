import MartletDefinitions

/// The kinds of tasks that exist: a new one is a file beside this one, and a line here.
public enum TaskKinds {
    /// In the order of the reference page.
    public static let all: [TaskKind] = [
        RunWork.kind, IngestWork.kind, DatasetWork.kind, TrainWork.kind, EvaluateWork.kind, PromoteWork.kind,
        PredictWork.kind, CheckWork.kind, SmokeWork.kind, SQLWork.kind, HTTPWork.kind, ApprovalWork.kind, PipelineWork.kind,
        WaitWork.kind, FunctionWork.kind,
    ]

    static let words = all.map(\.word)

    private static let byWord = Dictionary(all.map { ($0.word, $0) }, uniquingKeysWith: { first, _ in first })
    private static let tables = Dictionary(
        all.map { ($0.word, KeyTable("a task", keys: [$0.key] + $0.keys + PipelineDefinition.taskKeys.keys)) },
        uniquingKeysWith: { first, _ in first })

    static subscript(word: String) -> TaskKind? { byWord[word] }

    /// Every key that a task of a kind may have.
    static func table(of kind: TaskKind) -> KeyTable { tables[kind.word] ?? PipelineDefinition.taskKeys }

    /// What the reference page shows of the kinds.
    static var pages: [KeyTable] {
        all.flatMap { [KeyTable("the task `\($0.word)`", $0.summary, keys: [$0.key] + $0.keys)] + $0.tables }
    }
}

extension TaskKind {
    /// The key that opens it.
    var key: KeyDescription { .required(word, type, summary) }
}
