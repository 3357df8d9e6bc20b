public import MartletDefinitions

extension ModelDefinition {
    /// The kind `model` with its keys.
    public static let kind = DefinitionKind(
        name: "model", folder: "models",
        summary: "A model is trained on the events of a stream: one row an event, with features as of its event time.",
        example: """
            model: returns
            task: binary
            from: orders
            label: returned
            features: [request.*, buyer.*]
            split: { train: { from: 2026-01-01, to: 2026-03-01 }, gap: 7d, test: { to: 2026-04-01 } }
            trainer: { kind: xgboost, max_depth: 6, eta: 0.1, rounds: 200, seed: 7 }
            metrics: [average_precision, roc_auc, { precision_at: 100, per: [day, buyer_id] }]
            gates: ["average_precision >= champion.average_precision"]
            """,
        tables: [keys, featureKeys, splitKeys, partKeys, trainerKeys, metricKeys] + trainerTables)

    static let keys = KeyTable(
        "a model",
        keys: [
            .required("model", "name", "Its name."),
            .required(
                "task", ModelTask.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "),
                "What it predicts: a probability, one of several labels, a number."),
            .required("from", "name of a stream", "The stream whose events are the rows."),
            .required(
                "label", "expression",
                "What is predicted: a field, or an expression of fields such as `arr_delay > 15.0`. Rows without it are left out."),
            .optional("where", "expression", standard: "every event", "Which events are rows. A missing value is false."),
            .required(
                "features", "list",
                "`view.*`, `view.feature`, or a map that reads a view at another key. The list that results is frozen."),
            .optional("except", "list", standard: "nothing", "Features to leave out: `view.*` or `view.feature`, by the names that the model gives them."),
            .optional(
                "split", "map", standard: "`{ train: 80%, test: 20% }`",
                "Which rows train and which test. Rows are in order of event time."),
            .optional("trainer", "map", standard: "`{ kind: xgboost }`", "What trains it: `kind`, and the parameters of that kind."),
            .optional(
                "metrics", "list", standard: "the usual ones of the task",
                "Measures on the test rows: \(MetricDescription.all.filter { !$0.takesCount }.map { "`\($0.name)`" }.joined(separator: ", ")); or a map of the keys of a metric."),
            .optional(
                "gates", "list of expressions", standard: "none",
                "Conditions over metrics, and over the champion's as `champion.name`, that a version must meet to be promoted. With no champion a comparison passes."),
            .optional("doc", "text", "What it is, for people. No part of its version."),
        ])

    static let featureKeys = KeyTable(
        "a view of a model's features", "As in `features: [{ view: account, on: sender_id, as: sender }]`.",
        keys: [
            .required("view", "name of a feature view", "All its features."),
            .optional(
                "on", "name or list of names", standard: "the view's entity keys",
                "The fields of the row that stand for the view's entity keys, in their order."),
            .optional("as", "name", standard: "the view's name", "What the features' names begin with."),
        ])

    static let splitKeys = KeyTable(
        "a split", "Both parts are shares, or both are maps.",
        keys: [
            .required("train", "share or map", "The first share of the rows, or the keys of a part."),
            .optional("gap", "span", standard: "`0s`", "Time between the last row that trains and the first that tests; a label's `known_after` is a good one."),
            .optional("test", "share or map", standard: "all rows after the train part and the gap", "The last share of the rows, or the keys of a part."),
        ])

    static let partKeys = KeyTable(
        "a part of a split", "A time is a date, which is midnight in the stream's zone, or RFC 3339.",
        keys: [
            .optional("from", "time", standard: "train: the first row; test: the end of train and the gap", "The first event time in it."),
            .optional("to", "time", standard: "train: `from` of test less the gap; test: the last row", "The first event time after it."),
            .optional("where", "expression", standard: "every row", "Which of the rows belong to it."),
            .optional("stream", "name of a stream", standard: "the model's `from`", "Of a test part: rows of another stream with the same fields."),
        ])

    static let trainerKeys = KeyTable(
        "a trainer",
        keys: [.required("kind", standardTrainers.map { "`\($0.kind)`" }.joined(separator: ", "), "Which trainer; its parameters stand beside it.")])

    static let metricKeys = metricTable(MetricDescription.all)

    /// The keys of a metric that takes a count.
    static func metricTable(_ known: [MetricDescription]) -> KeyTable {
        KeyTable(
            "a metric", "As in `{ precision_at: 100, per: [day, customer_id] }`, named `precision_at_100`.",
            keys: known.filter(\.takesCount).map {
                .optional($0.name, "whole number", standard: "a metric has one such key", $0.summary)
            } + [
                .optional(
                    "per", "list of `day` and names of fields", standard: "over all rows",
                    "Ranks groups of rows by their highest score: per day, per value of a field.")
            ])
    }

    /// The trainers that the page shows; a check is given its own list.
    static let standardTrainers: [TrainerDescription] = [.xgboost]

    private static let trainerTables = standardTrainers.map { table(of: $0) }

    /// The keys of `trainer:` for one kind of trainer.
    static func table(of trainer: TrainerDescription) -> KeyTable {
        KeyTable(
            "the trainer \(trainer.kind)",
            keys: [.required("kind", "`\(trainer.kind)`", "This trainer.")]
                + trainer.parameters.map { parameter in
                    let type =
                        switch parameter.form {
                        case .integer(let range): "whole number from \(range.lowerBound) to \(range.upperBound)"
                        case .number(let range): "number from \(NodeValues.plain(range.lowerBound)) to \(NodeValues.plain(range.upperBound))"
                        case .flag: "true or false"
                        case .word(let words): words.map { "`\($0)`" }.joined(separator: ", ")
                        }
                    return .optional(parameter.name, type, standard: "`\(parameter.standard)`", parameter.summary)
                })
    }
}
