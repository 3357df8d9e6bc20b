import MartletBytes
import MartletFrames
import MartletIngestion

/// The first model of an inferred stream: what it predicts, and from what.
struct LabelDraft {
    /// The model's name, which is the endpoint's too.
    let model: String
    let task: String
    /// An expression of the label's field.
    let label: String
    private let column: InferredColumn
    private let finding: Finding

    /// The most labels that a model tells apart.
    private static let classLimit = 100
    /// Of whole numbers more different ones are a quantity, not classes.
    private static let countedClassLimit = 20

    /// Nil without a label, or for one that no task fits.
    init?(_ inferred: InferredStream, _ fields: FieldNames) {
        guard let role = inferred.label, fields.isUsable(role.column), let column = inferred[role.column], column.distinctCount >= 2
        else { return nil }
        self.column = column
        finding = role.finding
        model = ProjectDraft.name(from: role.column, fallback: "model")
        let name = role.column
        switch (column.type, column.distinctCount) {
        case (.bool, _): (task, label) = ("binary", YAML.scalar(name))
        case (.int64, 2), (.float64, 2), (.string, 2):
            guard let positive = inferred.positive, let value = Self.literal(positive, column.type) else { return nil }
            (task, label) = ("binary", YAML.quoted("\(name) == \(value)"))
        case (.string, ...Self.classLimit), (.int64, ...Self.countedClassLimit): (task, label) = ("multiclass", YAML.scalar(name))
        case (.int64, _), (.float64, _): (task, label) = ("regression", YAML.scalar(name))
        default: return nil
        }
    }

    /// A text of the file as a value in an expression.
    private static func literal(_ text: String, _ type: ValueType) -> String? {
        switch type {
        case .string: JSONValue.string(text).description
        case .int64: Int64(text).map { String($0) }
        case .float64: Double(text).flatMap { $0.isFinite ? "\($0)" : nil }
        default: nil
        }
    }

    func text(stream: String, views: [String], isTimed: Bool) -> String {
        let metric = ["binary": "average_precision", "multiclass": "accuracy", "regression": "r2"][task] ?? "r2"
        return """
            # Predicts \(column.name): \(Comment.text(finding.reason)).
            model: \(model)
            task: \(task)
            from: \(stream)
            label: \(label)
            features: [\(views.map { "\($0).*" }.joined(separator: ", "))]
            # The last rows in order of \(isTimed ? "time" : "arrival") test. A gap as long as the label takes keeps the test honest: gap: 7d
            split: { train: 80%, test: 20% }
            trainer: { kind: xgboost, max_depth: 6, eta: 0.1, rounds: 200, seed: 7 }
            # A version that does not meet its gates cannot be promoted. With no champion a comparison passes.
            gates: ["\(metric) >= champion.\(metric)"]

            """
    }
}
