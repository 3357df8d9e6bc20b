import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Trains a model and registers the version; a gate that is not passed is a failure.
public struct TrainWork: TaskWork {
    public let model: String
    /// The names of the model's metrics.
    public let metrics: [String]
    /// The span that reaches back from the newest training row, and the one that halves a row's weight; nil where the task has none.
    public let recent: TaskText?
    public let halfLife: TaskText?

    package init(model: String, metrics: [String], recent: TaskText? = nil, halfLife: TaskText? = nil) {
        self.model = model
        self.metrics = metrics
        self.recent = recent
        self.halfLife = halfLife
    }

    public static let kind = TaskKind(
        word: "train", type: "name of a model",
        summary: """
            Trains a model and registers the version; if a gate is not passed, the task fails. It gives `version`, `run`, and each \
            metric of the model by its name.
            """,
        keys: [
            .optional(
                "recent", "span", standard: "all training rows",
                "Learns only from training rows of so long before the newest of them; the test rows stay the definition's. May hold `${…}`."),
            .optional(
                "half_life", "span", standard: "all rows count alike",
                "A training row counts half as much for each such span that it is older than the newest. Metrics and gates weigh nothing. May hold `${…}`."),
        ],
        read: { value, task in
            let name = task.name(value, of: "model", key: "train")
            let before = task.errors.count
            let recent = task.map.node("recent").flatMap { span($0, "recent", &task) }
            let halfLife = task.map.node("half_life").flatMap { span($0, "half_life", &task) }
            guard task.errors.count == before else { return nil }
            // Of a model with mistakes of its own the metrics are not known.
            guard let name, let metrics = task.surroundings.models[name] else { return nil }
            return TrainWork(model: name, metrics: metrics.sorted(), recent: recent, halfLife: halfLife)
        })

    /// A span that is written or computed; one that is written is looked at now.
    private static func span(_ node: LocatedNode, _ key: String, _ task: inout TaskReader) -> TaskText? {
        guard let text = task.text(node, task.subject(key), mayBeEmpty: false) else { return nil }
        if text.literal != nil, task.values(key).span(node, atLeast: .seconds(1)) == nil { return nil }
        return text
    }

    /// The metrics are the model's, whose own version tells of them.
    public var canonical: CanonicalValue {
        var entries: [(String, CanonicalValue)] = [("model", .text(model))]
        // Left out where there are none, so that tasks from before there were any keep their version.
        if let recent { entries.append(("recent", recent.canonical)) }
        if let halfLife { entries.append(("half_life", halfLife.canonical)) }
        return .map(entries)
    }

    public var outputs: [TaskOutput] {
        [TaskOutput("version", .scalar(.int64)), TaskOutput("run", .scalar(.string))]
            + metrics.map { TaskOutput($0, .scalar(.float64)) }
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.modelsTrain, on: .model, named: model)] }
}
