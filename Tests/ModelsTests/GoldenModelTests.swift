import MartletModels
import Testing

@testable import MartletModels

@Suite("Kept models and what XGBoost and shap said of them")
struct GoldenModelTests {
    @Test("margins are equal in every bit", arguments: GoldenModel.names)
    func margins(name: String) throws {
        let golden = try GoldenModel(name)
        let ensemble = try TreeEnsemble(xgboostJSON: golden.bytes)
        #expect(try ensemble.margins(golden.rows) == golden.margins.flatMap { $0.map { Float($0) } })
        let outputs = try ensemble.predictions(golden.rows)
        for (ours, theirs) in zip(outputs, golden.predictions.joined()) {
            #expect(abs(ours - Float(theirs)) <= ours.ulp * 2)
        }
        #expect(ensemble.featureNames == ["a", "b", "c", "d", "e"])
    }

    @Test("contributions agree with both and add up exactly", arguments: GoldenModel.names)
    func contributions(name: String) throws {
        let golden = try GoldenModel(name)
        let ensemble = try TreeEnsemble(xgboostJSON: golden.bytes)
        let explainer = TreeSHAP(ensemble)
        for row in 0..<golden.rows.rowCount {
            let values = Array(golden.rows.values[(row * 5)..<(row * 5 + 5)])
            for output in 0..<ensemble.outputCount {
                let ours = try explainer.contributions(ofRow: values, output: output)
                let theirs = golden.contributions[row][output]
                let scale = theirs.map(abs).max() ?? 0
                for (feature, contribution) in ours.values.enumerated() {
                    #expect(abs(contribution - theirs[feature]) <= 1e-5 * scale)
                    if let shap = golden.shap { #expect(abs(contribution - shap[row][feature]) <= 1e-5 * scale) }
                }
                #expect(abs(ours.base - theirs[5]) <= 1e-5 * max(scale, 1))
                #expect(ours.values.contains { abs($0) > 0.01 * scale })
                #expect(Float(golden.margins[row][output]) == ours.margin)
                // Exactly, and in whatever order.
                #expect(ours.values.reduce(ours.base, +) == Double(ours.margin))
                #expect(ours.values.reversed().reduce(0, +) + ours.base == Double(ours.margin))
            }
        }
    }

    @Test("contributions are the Shapley values that brute force gives", arguments: GoldenModel.names)
    func bruteForce(name: String) throws {
        let golden = try GoldenModel(name)
        let ensemble = try TreeEnsemble(xgboostJSON: golden.bytes)
        let explainer = TreeSHAP(ensemble)
        for row in 0..<8 {
            let values = Array(golden.rows.values[(row * 5)..<(row * 5 + 5)])
            let ours = try explainer.contributions(ofRow: values)
            for feature in 0..<5 {
                var shapley = 0.0
                for subset in 0..<32 where subset >> feature & 1 == 0 {
                    let size = subset.nonzeroBitCount
                    let weight = [1, 1, 2, 6, 24, 120].map(Double.init)
                    let share = weight[size] * weight[4 - size] / weight[5]
                    let gain = expectation(ensemble, values, subset | 1 << feature) - expectation(ensemble, values, subset)
                    shapley += share * gain
                }
                #expect(abs(ours.values[feature] - shapley) < 1e-12)
            }
        }
    }

    /// The ensemble's mean when the features of `known` are fixed and every other split follows its cover.
    private func expectation(_ ensemble: TreeEnsemble, _ row: [Float], _ known: Int) -> Double {
        func mean(_ tree: TreeEnsemble.Tree, _ node: Int) -> Double {
            guard let (first, second) = ensemble.children(ofLocal: node, in: tree) else {
                return Double(ensemble.leafValues[tree.base + node])
            }
            let feature = ensemble.feature(ofLocal: node, in: tree)
            if known >> feature & 1 == 1 { return mean(tree, ensemble.child(ofLocal: node, in: tree, for: row[feature])) }
            let left = Double(ensemble.covers[tree.base + first]), right = Double(ensemble.covers[tree.base + second])
            return (mean(tree, first) * left + mean(tree, second) * right) / (left + right)
        }
        return ensemble.trees.filter { $0.output == 0 }.reduce(0) { $0 + mean($1, 1) }
    }

    @Test("the sum is exact over a wide range of sizes")
    func reconciliation() {
        var state: UInt64 = 9
        func random() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(Int64(bitPattern: state) >> 11) * 0x1p-53
        }
        for _ in 0..<2000 {
            let scale = Double(sign: .plus, exponent: Int(random() * 60), significand: 1)
            let values = (0..<12).map { _ in random() * scale }
            let base = random() * scale
            let margin = Float(values.reduce(base, +) * (1 + random() * 1e-7))
            let result = TreeSHAP.reconciled(margin: margin, base: base, values: values)
            #expect(result.values.reduce(result.base, +) == Double(margin))
            #expect(result.values.reversed().reduce(result.base, +) == Double(margin))
            for (before, after) in zip(values, result.values) { #expect(abs(before - after) <= 1e-13 * scale) }
        }
    }
}
