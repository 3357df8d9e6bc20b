import Foundation
import MartletStatistics
import Testing

@Suite("Metrics equal scikit-learn's")
struct GoldenMetricsTests {
    struct Golden: Decodable {
        struct Binary: Decodable {
            var scores: [Double], labels: [Bool], weights: [Double]?
            var average_precision, roc_auc, log_loss, brier, accuracy, precision, recall, f1: Double
        }
        struct Regression: Decodable {
            var predictions: [Double], values: [Double], weights: [Double]?
            var rmse, mae, r2: Double
        }
        struct Multiclass: Decodable {
            var probabilities: [Double], classes: Int, labels: [Int], weights: [Double]?
            var log_loss, accuracy, macro_f1: Double
        }
        var binary: [Binary], regression: [Regression], multiclass: [Multiclass]
    }

    let golden: Golden

    init() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Golden/metrics.json")
        golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    }

    private func expect(_ ours: Double?, _ theirs: Double, _ name: String) throws {
        let ours = try #require(ours)
        #expect(abs(ours - theirs) <= 1e-12 * max(1, abs(theirs)), "\(name): \(ours) for \(theirs)")
    }

    @Test("binary, with ties and weights")
    func binary() throws {
        #expect(golden.binary.count == 5)
        for item in golden.binary {
            let metrics = BinaryMetrics(scores: item.scores, labels: item.labels, weights: item.weights)
            try expect(metrics.averagePrecision, item.average_precision, "average precision")
            try expect(metrics.rocAUC, item.roc_auc, "ROC AUC")
            try expect(metrics.logLoss, item.log_loss, "log loss")
            try expect(metrics.brierScore, item.brier, "Brier score")
            let confusion = metrics.confusion(at: 0.5)
            try expect(confusion.accuracy, item.accuracy, "accuracy")
            try expect(confusion.precision, item.precision, "precision")
            try expect(confusion.recall, item.recall, "recall")
            try expect(confusion.f1, item.f1, "F1")
        }
    }

    @Test("regression, weighted and not")
    func regression() throws {
        for item in golden.regression {
            let metrics = RegressionMetrics(predictions: item.predictions, values: item.values, weights: item.weights)
            try expect(metrics.rootMeanSquaredError, item.rmse, "RMSE")
            try expect(metrics.meanAbsoluteError, item.mae, "MAE")
            try expect(metrics.rSquared, item.r2, "R²")
        }
    }

    @Test("several classes, weighted and not")
    func multiclass() throws {
        for item in golden.multiclass {
            let metrics = MulticlassMetrics(
                probabilities: item.probabilities, classCount: item.classes, labels: item.labels, weights: item.weights)
            try expect(metrics.logLoss, item.log_loss, "log loss")
            try expect(metrics.accuracy, item.accuracy, "accuracy")
            try expect(metrics.macroF1, item.macro_f1, "macro F1")
        }
    }
}
