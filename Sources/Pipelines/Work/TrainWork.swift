import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Trains a model and registers the version; a gate that is not passed is a failure.
public struct TrainWork: TaskWork {
    public let model: String
    /// The names of the model's metrics.
    public let metrics: [String]

    package init(model: String, metrics: [String]) {
        self.model = model
        self.metrics = metrics
    }

    public static let kind = TaskKind(
        word: "train", type: "name of a model",
        summary: """
            Trains a model and registers the version; if a gate is not passed, the task fails. It gives `version`, `run`, and each \
            metric of the model by its name.
            """,
        read: { value, task in
            let name = task.name(value, of: "model", key: "train")
            // Of a model with mistakes of its own the metrics are not known.
            guard let name, let metrics = task.surroundings.models[name] else { return nil }
            return TrainWork(model: name, metrics: metrics.sorted())
        })

    /// The metrics are the model's, whose own version tells of them.
    public var canonical: CanonicalValue { .map(["model": .text(model)]) }

    public var outputs: [TaskOutput] {
        [TaskOutput("version", .scalar(.int64)), TaskOutput("run", .scalar(.string))]
            + metrics.map { TaskOutput($0, .scalar(.float64)) }
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.modelsTrain, on: .model, named: model)] }
}
