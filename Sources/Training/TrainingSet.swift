public import MartletModels

/// Rows to learn from or to validate on.
public struct TrainingSet: Sendable {
    /// One row per example; missing is NaN, categories are their indices.
    public var features: FloatMatrix
    /// One per row: 0 or 1, a class index, a value or a count, as the objective says.
    public var labels: [Float]
    /// One per row, at least 0; nil for all alike.
    public var weights: [Float]?

    public init(features: FloatMatrix, labels: [Float], weights: [Float]? = nil) {
        self.features = features
        self.labels = labels
        self.weights = weights
    }

    /// By weight; 0 where nothing weighs anything.
    var meanLabel: Double {
        guard let weights else { return labels.reduce(0.0) { $0 + Double($1) } / Double(labels.count) }
        let total = weights.reduce(0.0) { $0 + Double($1) }
        return total > 0 ? zip(labels, weights).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / total : 0
    }

    /// Refuses what a trainer would trip over or, worse, learn from.
    ///
    /// - Throws: ``TrainingError`` with code `invalidData`, naming the row and the column.
    func check(_ columns: [TrainingFeature], _ objective: Objective, classCount: Int) throws(TrainingError) {
        guard features.columnCount == columns.count, !columns.isEmpty else {
            throw TrainingError(.invalidData, "\(columns.count) features are named and the rows have \(features.columnCount)")
        }
        guard features.rowCount > 0 else { throw TrainingError(.invalidData, "there are no rows to train on") }
        guard labels.count == features.rowCount, weights.map({ $0.count == labels.count }) ?? true else {
            throw TrainingError(.invalidData, "rows, labels and weights differ in number")
        }
        for (row, label) in labels.enumerated() {
            let fits = switch objective {
            case .squaredError: label.isFinite
            case .logistic: label == 0 || label == 1
            case .softmax: label >= 0 && label < Float(classCount) && label == label.rounded()
            case .poisson: label >= 0 && label.isFinite
            }
            guard fits else {
                throw TrainingError(.invalidData, "the label of row \(row) does not go with \(objective.rawValue)")
            }
        }
        if let row = weights?.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            throw TrainingError(.invalidData, "the weight of row \(row) is not a number of at least 0")
        }
        let width = columns.count
        for index in features.values.indices where !features.values[index].isNaN {
            let value = features.values[index]
            guard value.isFinite else {
                throw TrainingError(
                    .invalidData, "the feature '\(columns[index % width].name)' of row \(index / width) is infinite",
                    hint: "a value beyond 3.4e38 does not fit a Float; scale the feature")
            }
            if columns[index % width].isCategorical {
                guard value >= 0, value < 16_777_216, value == value.rounded() else {
                    throw TrainingError(
                        .invalidData, "the feature '\(columns[index % width].name)' of row \(index / width) is no category index")
                }
            }
        }
    }
}

/// A column that a model is trained on.
public struct TrainingFeature: Hashable, Sendable {
    public var name: String
    /// Whether values are indices of categories, which have no order.
    public var isCategorical: Bool

    public init(_ name: String, isCategorical: Bool = false) {
        self.name = name
        self.isCategorical = isCategorical
    }
}

/// What a training made.
public struct TrainedModel: Sendable {
    /// XGBoost's own JSON, as ``TreeEnsemble/init(xgboostJSON:limits:)`` reads it.
    public var modelJSON: [UInt8]
    /// The rounds kept: all, or up to the best one where training stopped early.
    public var rounds: Int
    /// The validation metric after each round that was run; empty without a validation part.
    public var validation: [Double]
    public var libraryVersion: XGBoostLibrary.Version
    /// Where margins started, in units of the output.
    public var baseScore: Float
}

/// One round of a training, as the caller sees it go by.
public struct TrainingRound: Sendable {
    /// From 1.
    public var number: Int
    public var of: Int
    /// The validation metric; nil without a validation part.
    public var validation: Double?
}
