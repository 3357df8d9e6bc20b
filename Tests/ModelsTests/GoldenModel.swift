import Foundation
import MartletModels

/// A small model of XGBoost 3.2 with what XGBoost and shap say of some rows (`Golden/make_models.py`).
struct GoldenModel {
    static let names = ["logistic", "regression", "softmax", "categories"]

    let bytes: [UInt8]
    let rows: FloatMatrix
    let margins: [[Double]]
    let predictions: [[Double]]
    /// Per row and output: one per feature, then the base.
    let contributions: [[[Double]]]
    let shap: [[Double]]?

    init(_ name: String) throws {
        struct Content: Decodable {
            var rows: [[Float?]], margins: [[Double]], predictions: [[Double]], contributions: [[[Double]]], shap: [[Double]]?
        }
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name).golden.json")
        let data = try Data(contentsOf: file)
        let content = try JSONDecoder().decode(Content.self, from: data)
        // The model itself is cut out of the text, so that its numbers are the bytes that XGBoost wrote.
        let text = String(decoding: data, as: UTF8.self)
        let end = text.range(of: ",\"rows\":")!.lowerBound
        bytes = Array(text[text.index(text.startIndex, offsetBy: "{\"model\":".count)..<end].utf8)
        rows = FloatMatrix(
            rowCount: content.rows.count, columnCount: content.rows[0].count,
            values: content.rows.flatMap { $0.map { $0 ?? .nan } })
        margins = content.margins
        predictions = content.predictions
        contributions = content.contributions
        shap = content.shap
    }
}
