import Foundation
import MartletNumerics
import Testing

@Suite("Functions of probability")
struct SpecialFunctionsTests {
    /// Arguments and, last, the value.
    let golden: [String: [[Double]]]

    init() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/special.json")
        golden = try JSONDecoder().decode([String: [[Double]]].self, from: Data(contentsOf: file))
    }

    @Test("are as near mpmath's values as they promise", arguments: [
        ("log_gamma", 2e-14), ("gamma_p", 1e-12), ("gamma_q", 1e-12), ("beta", 1e-12), ("beta_inverse", 1e-12),
        ("normal_above", 1e-13), ("normal_quantile", 1e-15), ("kolmogorov_above", 1e-14), ("student_beyond", 1e-11), ("student_quantile", 1e-11),
    ])
    func golden(name: String, tolerance: Double) throws {
        let rows = try #require(golden[name])
        #expect(rows.count >= 12)
        var worst = 0.0
        var worstRow: [Double] = []
        for row in rows {
            let found =
                switch name {
                case "log_gamma": SpecialFunctions.logGamma(row[0])
                case "gamma_p": SpecialFunctions.gammaP(row[0], row[1])
                case "gamma_q": SpecialFunctions.gammaQ(row[0], row[1])
                case "beta": SpecialFunctions.beta(row[0], row[1], row[2])
                case "beta_inverse": SpecialFunctions.betaInverse(row[0], row[1], row[2])
                case "normal_above": SpecialFunctions.normalAbove(row[0])
                case "normal_quantile": SpecialFunctions.normalQuantile(row[0])
                case "kolmogorov_above": SpecialFunctions.kolmogorovAbove(row[0])
                case "student_beyond": SpecialFunctions.studentBeyond(row[0], degrees: row[1])
                default: SpecialFunctions.studentQuantile(row[0], degrees: row[1])
                }
            let exact = row[row.count - 1]
            let scale = name == "log_gamma" ? max(1, abs(exact)) : abs(exact)
            let error = abs(found - exact) / scale
            if !(error <= worst) { (worst, worstRow) = (error, row + [found]) }
        }
        #expect(worst <= tolerance, "\(name): \(worst) at \(worstRow)")
    }

    @Test("ends and nonsense have their values")
    func edges() {
        #expect(SpecialFunctions.logGamma(0) == .infinity && SpecialFunctions.logGamma(-1).isNaN && SpecialFunctions.logGamma(1) == 0)
        #expect(SpecialFunctions.gammaP(2, 0) == 0 && SpecialFunctions.gammaQ(2, 0) == 1 && SpecialFunctions.gammaQ(2, .infinity) == 0)
        #expect(SpecialFunctions.gammaP(0, 1).isNaN && SpecialFunctions.gammaP(1, -1).isNaN && SpecialFunctions.gammaP(1, .nan).isNaN)
        #expect(SpecialFunctions.beta(0, 1, 2) == 0 && SpecialFunctions.beta(1, 1, 2) == 1 && SpecialFunctions.beta(1.1, 1, 2).isNaN)
        #expect(SpecialFunctions.betaInverse(0, 1, 2) == 0 && SpecialFunctions.betaInverse(1, 1, 2) == 1)
        #expect(SpecialFunctions.normalQuantile(0) == -.infinity && SpecialFunctions.normalQuantile(1) == .infinity)
        #expect(SpecialFunctions.normalQuantile(0.5) == 0 && SpecialFunctions.normalQuantile(-0.1).isNaN)
        #expect(SpecialFunctions.normalAbove(.infinity) == 0 && SpecialFunctions.normalBelow(.infinity) == 1 && SpecialFunctions.normalAbove(.nan).isNaN)
        #expect(SpecialFunctions.kolmogorovAbove(0) == 1 && SpecialFunctions.kolmogorovAbove(-1) == 1 && SpecialFunctions.kolmogorovAbove(.infinity) == 0)
        #expect(SpecialFunctions.studentQuantile(0.5, degrees: 3) == 0 && SpecialFunctions.studentBeyond(.infinity, degrees: 3) == 0)
        #expect(SpecialFunctions.chiSquaredAbove(3.841458820694124, degrees: 1).distance(to: 0.05).magnitude < 1e-15)
    }
}
