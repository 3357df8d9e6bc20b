import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Builds a model's training set: time, part, label, features, as CSV.
public struct DatasetWork: TaskWork {
    public let model: String
    /// Where it is written too, below the project's folder; nil if only tasks read it.
    public let to: TaskPath?

    public static let kind = TaskKind(
        word: "dataset", type: "name of a model",
        summary: """
            Builds the training set of a model as CSV. It gives `file`, the number of `rows`, and of them those of `train` and `test`.
            """,
        keys: [.optional("to", "path", standard: "only tasks read it", "A file below the project's folder, where it is written too.")],
        read: { value, task in
            let before = task.errors.count
            let model = task.name(value, of: "model", key: "dataset")
            let path = task.path("to")
            guard let model, task.errors.count == before else { return nil }
            return DatasetWork(model: model, to: path)
        })

    public var canonical: CanonicalValue {
        .map(["model": .text(model), "to": to?.text.canonical ?? .none])
    }

    public var outputs: [TaskOutput] {
        [TaskOutput("file", .file)] + ["rows", "train", "test"].map { TaskOutput($0, .scalar(.int64)) }
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.datasetsBuild)] }
}
