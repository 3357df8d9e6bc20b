import Foundation
import MartletStatistics

/// What SciPy, scikit-learn and NannyML say: `Golden/make_drift.py`.
struct GoldenDrift: Decodable {
    struct Counts: Decodable {
        var reference: [Int], current: [Int], chi_squared: Double, degrees: Int, p_value: Double
        var psi: Double, psi_small: Double, jensen_shannon: Double
    }
    struct Samples: Decodable {
        var reference: [Double], current: [Double], ks: Double, ks_exact: Bool, ks_p: Double, wasserstein: Double, bins: Counts
    }
    struct Rate: Decodable {
        var k: Int, n: Int, confidence: Double, wilson: [Double], exact: [Double]
    }
    struct Difference: Decodable {
        var k1: Int, n1: Int, k2: Int, n2: Int, confidence: Double, interval: [Double]
    }
    struct Mean: Decodable {
        var mean: Double, deviation: Double, n: Int, confidence: Double, interval: [Double]
    }
    struct Scorer: Decodable {
        var scores: [Double], labels: [Bool], roc_auc: Double, delong_variance: Double, average_precision: Double
        var average_precision_interval: [Double], log_loss: Double?, brier: Double, ece: Double
    }
    struct Estimate: Decodable {
        var fit_scores: [Double], fit_labels: [Bool], scores: [Double], probabilities: [Double]
        var roc_auc: Double, average_precision: Double, accuracy: Double, precision: Double, recall: Double, f1: Double
    }
    struct Sequence: Decodable {
        var alpha: Double, tuning: Double, time: Double, two_sided: Double, one_sided: Double
    }
    struct Ratio: Decodable {
        var shares: [Double], counts: [Int], log_bayes_factor: Double
    }
    var samples: [Samples], counts: [Counts], rates: [Rate], differences: [Difference], means: [Mean], scorers: [Scorer]
    var estimates: [Estimate], sequences: [Sequence], ratios: [Ratio]

    init() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/drift.json")
        self = try JSONDecoder().decode(GoldenDrift.self, from: Data(contentsOf: file))
    }
}

/// Whether a number is as near another as a share of the greater of it and `least`.
func isNear(_ found: Double?, _ expected: Double, _ tolerance: Double, least: Double = 0) -> Bool {
    guard let found else { return false }
    return found == expected || abs(found - expected) <= tolerance * max(abs(expected), least)
}

extension DriftReference {
    /// The same of arrays: a span cannot stand in an expectation.
    func drift(ofArray numbers: [Double], valid: [UInt64]? = nil) -> ColumnDrift? {
        guard let valid else { return drift(of: numbers.span) }
        return drift(of: numbers.span, valid: valid.span)
    }
}
