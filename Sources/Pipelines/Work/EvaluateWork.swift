import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Measures a model version on the model's test rows as they are now.
public struct EvaluateWork: TaskWork {
    /// Which version.
    public enum Version: Hashable, Sendable {
        case newest
        case number(TaskArgument)
        case alias(String)
    }

    public let model: String
    public let version: Version
    /// The names of the model's metrics.
    public let metrics: [String]

    public static let kind = TaskKind(
        word: "evaluate", type: "name of a model",
        summary: """
            Measures a version of a model on the rows that a training would test it on now: the definition's split and metrics, the \
            version's own features. It registers nothing. It gives `version`, the number of `rows`, and each metric of the model by its name.
            """,
        keys: [
            .optional(
                "version", "whole number, `${…}` or alias", standard: "the newest",
                "Which version, as in `3`, `${tasks.train.version}` or `champion`.")
        ],
        read: { value, task in
            let before = task.errors.count
            let name = task.name(value, of: "model", key: "evaluate")
            let version = task.map.node("version").map { chosen($0, task) } ?? .newest
            // Of a model with mistakes of its own the metrics are not known.
            guard let name, let version, task.errors.count == before, let metrics = task.surroundings.models[name] else { return nil }
            return EvaluateWork(model: name, version: version, metrics: metrics.sorted())
        })

    private static func chosen(_ node: LocatedNode, _ task: borrowing TaskReader) -> Version? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull else {
            task.values("version").wrong(node, expected: "a version's number or an alias")
            return nil
        }
        if PromoteWork.isAlias(scalar.text) { return .alias(scalar.text) }
        guard !scalar.text.utf8.contains(UInt8(ascii: "$")) else {
            return task.argument(node, of: .int64, task.subject("version")).map { .number($0) }
        }
        guard let number = NodeValues.integer(scalar.text), number >= 1 else {
            task.values("version").wrong(
                node, expected: "a version's number or an alias", hint: "write 3, champion or ${tasks.NAME.version}")
            return nil
        }
        return .number(.literal(.int64(number)))
    }

    public var canonical: CanonicalValue {
        let chosen: CanonicalValue =
            switch version {
            case .newest: .none
            case .number(let number): number.canonical
            case .alias(let alias): .text(alias)
            }
        return .map(["model": .text(model), "version": chosen])
    }

    public var outputs: [TaskOutput] {
        [TaskOutput("version", .scalar(.int64)), TaskOutput("rows", .scalar(.int64))] + metrics.map { TaskOutput($0, .scalar(.float64)) }
    }

    /// Metrics of versions are what `models.read` shows, and nothing is changed.
    public var permissions: [RequiredPermission] { [RequiredPermission(.modelsRead, on: .model, named: model)] }
}
