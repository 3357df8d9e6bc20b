public import MartletDefinitions
public import MartletExpressions
import MartletFrames

/// A gate: fails unless each of its conditions holds.
public struct CheckWork: TaskWork {
    public let conditions: [CompiledExpression]

    public static let kind = TaskKind(
        word: "check", type: "expression, or list of expressions",
        summary: "Fails unless each condition holds, as in `tasks.train.roc_auc >= 0.9`, and tells the values that it saw.",
        read: { value, task in
            let before = task.errors.count
            let items = task.items(value, key: "check")
            let conditions = items.compactMap { task.expression($0, task.subject("check"), expecting: .bool) }
            return task.errors.count == before ? CheckWork(conditions: conditions) : nil
        })

    /// What keeps the conditions from holding; nil if all hold. The sentence has the condition and the values that it read.
    public func failure(in scope: TaskScope) -> String? {
        for condition in conditions {
            let seen = condition.references.map { "\($0) is \(scope[$0].map { "\($0)".shortened(to: 100) } ?? "not known")" }
            let values = seen.isEmpty ? "" : ": \(seen.joined(separator: ", "))"
            do {
                if try !condition.holds(in: scope) { return "'\(condition.canonicalText)' does not hold\(values)" }
            } catch {
                return "'\(condition.canonicalText)' has no value\(values)"
            }
        }
        return nil
    }

    public var canonical: CanonicalValue { .map(["conditions": .texts(conditions.map(\.canonicalText))]) }
    public var outputs: [TaskOutput] { [] }
    public var permissions: [RequiredPermission] { [] }
}
