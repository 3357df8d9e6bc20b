import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// The metrics of a model's definition on its test rows.
struct ModelMeasures {
    var model: ModelDefinition
    var set: ModelTrainingSet
    var zone: TimeZoneTable

    /// - Parameter outputs: of the test rows, `outputCount` each, row by row.
    func values(outputs: [Float]) throws -> [(name: String, value: Double?)] {
        let scores = outputs.map(Double.init)
        let labels = set.test.map { Double(set.labels[$0]) }
        switch model.task {
        case .binary:
            let truth = labels.map { $0 == 1 }
            let metrics = BinaryMetrics(scores: scores, labels: truth)
            return model.metrics.map { ($0.name, binary($0, metrics, scores, truth)) }
        case .multiclass:
            let metrics = MulticlassMetrics(probabilities: scores, classCount: set.classes.count, labels: labels.map { Int($0) })
            return model.metrics.map { ($0.name, multiclass($0, metrics)) }
        case .regression:
            let metrics = RegressionMetrics(predictions: scores, values: labels)
            return model.metrics.map { ($0.name, regression($0, metrics)) }
        }
    }

    private func binary(_ metric: ModelDefinition.Metric, _ metrics: BinaryMetrics, _ scores: [Double], _ labels: [Bool]) -> Double? {
        switch metric.function {
        case "average_precision": metrics.averagePrecision
        case "roc_auc": metrics.rocAUC
        case "log_loss": metrics.logLoss
        case "brier_score": metrics.brierScore
        case "accuracy": metrics.confusion(at: 0.5).accuracy
        case "precision_at":
            precisionAt(
                metric.count ?? 1, scores: scores, labels: labels, periods: metric.per.contains(.day) ? days : nil,
                members: members(metric.per))
        default: nil
        }
    }

    private func multiclass(_ metric: ModelDefinition.Metric, _ metrics: MulticlassMetrics) -> Double? {
        switch metric.function {
        case "log_loss": metrics.logLoss
        case "accuracy": metrics.accuracy
        default: nil
        }
    }

    private func regression(_ metric: ModelDefinition.Metric, _ metrics: RegressionMetrics) -> Double? {
        switch metric.function {
        case "rmse": metrics.rootMeanSquaredError
        case "mae": metrics.meanAbsoluteError
        case "r2": metrics.rSquared
        default: nil
        }
    }

    /// The calendar day of each test row, as a number, on the clocks of the stream's zone.
    private var days: [Int] {
        self.set.testEvents.eventTimes.map { time in
            let date = zone.civilDate(at: Timestamp(microseconds: time))
            return date.year * 10_000 + date.month * 100 + date.day
        }
    }

    /// A number a test row, equal for rows that agree in every named field.
    private func members(_ groups: [ModelDefinition.Group]) -> [Int]? {
        let columns: [Column] = groups.compactMap { if case .field(let name) = $0 { set.testEvents.rows[name] } else { nil } }
        guard !columns.isEmpty else { return nil }
        var numbers: [[Value]: Int] = [:]
        return (0..<set.testEvents.rows.rowCount).map { row in
            let key = columns.map { $0[row] }
            if let known = numbers[key] { return known }
            numbers[key] = numbers.count
            return numbers.count - 1
        }
    }
}
