public import MartletFrames

/// A trainer and the parameters that it takes: what `trainer:` of a model may say.
public struct TrainerDescription: Hashable, Sendable {
    /// One parameter.
    public struct Parameter: Hashable, Sendable {
        /// What it takes, and its bounds.
        public enum Form: Hashable, Sendable {
            case integer(ClosedRange<Int64>)
            case number(ClosedRange<Double>)
            case flag
            case word([String])
        }

        public var name: String
        public var form: Form
        /// Of the form's type.
        public var standard: Value
        public var summary: String

        public init(_ name: String, _ form: Form, standard: Value, _ summary: String) {
            self.name = name
            self.form = form
            self.standard = standard
            self.summary = summary
        }
    }

    /// The word after `kind:`.
    public var kind: String
    public var tasks: Set<ModelTask>
    public var parameters: [Parameter]

    public init(kind: String, tasks: Set<ModelTask>, parameters: [Parameter]) {
        self.kind = kind
        self.tasks = tasks
        self.parameters = parameters
    }
}

extension TrainerDescription {
    /// Gradient-boosted trees by XGBoost's library; the parameters bear its names.
    public static let xgboost = TrainerDescription(
        kind: "xgboost", tasks: [.binary, .multiclass, .regression],
        parameters: [
            .init("rounds", .integer(1...100_000), standard: .int64(100), "How many trees (per class)."),
            .init("max_depth", .integer(1...30), standard: .int64(6), "How deep a tree may grow."),
            .init("eta", .number(0.000_001...1), standard: .float64(0.3), "How much each tree counts."),
            .init("min_child_weight", .number(0...1e9), standard: .float64(1), "The least sum of weights in a leaf."),
            .init("gamma", .number(0...1e9), standard: .float64(0), "The least gain of a split."),
            .init("lambda", .number(0...1e9), standard: .float64(1), "L2 regularisation."),
            .init("alpha", .number(0...1e9), standard: .float64(0), "L1 regularisation."),
            .init("subsample", .number(0.000_001...1), standard: .float64(1), "The share of rows that a tree sees."),
            .init("colsample_bytree", .number(0.000_001...1), standard: .float64(1), "The share of features that a tree sees."),
            .init("max_bin", .integer(2...65_536), standard: .int64(256), "Bins of a feature's values."),
            .init("scale_pos_weight", .number(0.000_001...1e9), standard: .float64(1), "The weight of positive rows, of a binary task."),
            .init("seed", .integer(0...2_147_483_647), standard: .int64(0), "The seed of everything random in training."),
        ])
}

/// What a model predicts.
public enum ModelTask: String, Hashable, Sendable, CaseIterable {
    /// The probability that a boolean label is true.
    case binary
    /// One of several texts, each with a probability.
    case multiclass
    /// A number.
    case regression
}

/// A measure of a model on its test rows: what `metrics:` and `gates:` of a model may name.
public struct MetricDescription: Hashable, Sendable {
    public var name: String
    public var tasks: Set<ModelTask>
    public var isHigherBetter: Bool
    /// Whether it is written `{ name: k }`, with `per:` at will, and is named `name_k`.
    public var takesCount: Bool
    public var summary: String

    public init(_ name: String, tasks: Set<ModelTask>, isHigherBetter: Bool, takesCount: Bool = false, _ summary: String) {
        self.name = name
        self.tasks = tasks
        self.isHigherBetter = isHigherBetter
        self.takesCount = takesCount
        self.summary = summary
    }

    /// Those of the program.
    public static let all: [MetricDescription] = [
        .init("average_precision", tasks: [.binary], isHigherBetter: true, "The sum over thresholds of (recall gained) × precision."),
        .init("roc_auc", tasks: [.binary], isHigherBetter: true, "The area under the ROC curve."),
        .init("log_loss", tasks: [.binary, .multiclass], isHigherBetter: false, "The mean negative log probability of the label."),
        .init("brier_score", tasks: [.binary], isHigherBetter: false, "The mean squared distance of probability and label."),
        .init("accuracy", tasks: [.binary, .multiclass], isHigherBetter: true, "The share of rows whose most probable label is theirs."),
        .init(
            "precision_at", tasks: [.binary], isHigherBetter: true, takesCount: true,
            "Of the k highest scores the share whose label is true; with `per`, of the k highest groups, then the mean over days."),
        .init("rmse", tasks: [.regression], isHigherBetter: false, "The root of the mean squared error."),
        .init("mae", tasks: [.regression], isHigherBetter: false, "The mean absolute error."),
        .init("r2", tasks: [.regression], isHigherBetter: true, "The share of the label's variance that is explained."),
    ]
}
