/// Why a model gave one row its margin: what each feature added, exactly.
public struct Contributions: Hashable, Sendable {
    /// The margin explained, as ``TreeEnsemble/margins(_:)`` gives it.
    public var margin: Float
    /// What the model says before it knows any feature.
    public var base: Double
    /// One per feature, in the model's order; 0 for a feature that no path asks for.
    public var values: [Double]
}

/// Exact Shapley values of the trees (path-dependent TreeSHAP: Lundberg, Erion and Lee, 2018, algorithm 2).
///
/// The value of a set of features is the ensemble's expectation with those features fixed: at a split on any
/// other feature both sides are followed, weighted by the training cover of each.
///
/// `base + Σ values = margin` holds exactly, in Double and in any order of adding: values are rounded to a
/// common power of two (2⁻⁴⁹ of the largest sum or finer), where all sums are exact, and `base`, the ensemble's
/// expectation, takes up the margin's own Float roundings (about 10⁻⁷ of it). Only a margin below 2⁻²⁵ of that
/// largest sum can have bits finer than the grid; then the sum is within 2⁻⁴⁹ of the largest sum.
public struct TreeSHAP: Sendable {
    private let ensemble: TreeEnsemble
    /// Per tree, the mean of its leaves weighted by cover.
    private let expectations: [Double]

    /// Prepares explanations: one pass over the nodes.
    public init(_ ensemble: TreeEnsemble) {
        self.ensemble = ensemble
        expectations = ensemble.trees.indices.map { ensemble.expectation(ofTree: $0) }
    }

    /// Explains one output of one row (missing is NaN).
    ///
    /// - Throws: ``ModelError`` with code `schemaMismatch` if the row has another number of features.
    /// - Complexity: O(trees × leaves × depth²); one scratch buffer per call.
    public func contributions(ofRow row: [Float], output: Int = 0) throws(ModelError) -> Contributions {
        precondition(output >= 0 && output < ensemble.outputCount, "no such output")
        let margins = try ensemble.margins(FloatMatrix(rowCount: 1, columnCount: row.count, values: row))
        var values = Array(repeating: 0.0, count: ensemble.featureCount)
        var base = Double(ensemble.baseMargins[output])
        let levels = ensemble.maximumDepth + 2
        var scratch = Array(repeating: PathElement(), count: levels * (levels + 1) / 2 + levels)
        for (index, tree) in ensemble.trees.enumerated() where tree.output == output {
            base += expectations[index]
            scratch.withUnsafeMutableBufferPointer { scratch in
                explain(
                    tree, node: 1, row, &values, scratch, at: 0, length: 0,
                    adding: PathElement(feature: -1, zeroFraction: 1, oneFraction: 1, weight: 0))
            }
        }
        return Self.reconciled(margin: margins[output], base: base, values: values)
    }

    /// One feature of the path so far: the share of paths that pass without it (by cover) and with it (0 or 1).
    private struct PathElement {
        var feature = -1
        var zeroFraction = 0.0
        var oneFraction = 0.0
        /// The share of the feature sets of each size that flow down this path.
        var weight = 0.0
    }

    /// Follows both sides of every split with the path's features, and pays out at each leaf.
    ///
    /// The path of the caller lies at `start ..< start + length` of the scratch; this call copies it behind itself,
    /// so that the other side starts from the same path.
    private func explain(
        _ tree: TreeEnsemble.Tree, node: Int, _ row: [Float], _ values: inout [Double],
        _ scratch: UnsafeMutableBufferPointer<PathElement>, at start: Int, length: Int, adding element: PathElement
    ) {
        let mine = start + length
        for index in 0..<length { scratch[mine + index] = scratch[start + index] }
        var count = length
        Self.extend(scratch, mine, &count, element)
        let place = tree.base + node
        guard let (first, second) = ensemble.children(ofLocal: node, in: tree) else {
            let leaf = Double(ensemble.leafValues[place])
            for index in 1..<max(count, 1) {
                let element = scratch[mine + index]
                let weight = Self.unwoundSum(scratch, mine, count, index)
                values[element.feature] += weight * (element.oneFraction - element.zeroFraction) * leaf
            }
            return
        }
        let feature = ensemble.feature(ofLocal: node, in: tree)
        let hot = ensemble.child(ofLocal: node, in: tree, for: row[feature])
        let cold = hot == first ? second : first
        var incoming = (zero: 1.0, one: 1.0)
        if let earlier = (1..<count).first(where: { scratch[mine + $0].feature == feature }) {
            incoming = (scratch[mine + earlier].zeroFraction, scratch[mine + earlier].oneFraction)
            Self.unwind(scratch, mine, &count, earlier)
        }
        for child in [hot, cold] {
            explain(
                tree, node: child, row, &values, scratch, at: mine, length: count,
                adding: PathElement(
                    feature: feature, zeroFraction: incoming.zero * ensemble.share(ofLocal: child, of: (first, second), in: tree),
                    oneFraction: child == hot ? incoming.one : 0, weight: 0))
        }
    }

    private static func extend(
        _ path: UnsafeMutableBufferPointer<PathElement>, _ start: Int, _ count: inout Int, _ element: PathElement
    ) {
        let length = count
        path[start + length] = element
        path[start + length].weight = length == 0 ? 1 : 0
        let size = Double(length + 1)
        for index in stride(from: length - 1, through: 0, by: -1) {
            let weight = path[start + index].weight
            path[start + index + 1].weight += element.oneFraction * weight * Double(index + 1) / size
            path[start + index].weight = element.zeroFraction * weight * Double(length - index) / size
        }
        count += 1
    }

    /// Takes an element out of the path, as if it had never been added.
    private static func unwind(
        _ path: UnsafeMutableBufferPointer<PathElement>, _ start: Int, _ count: inout Int, _ element: Int
    ) {
        let last = count - 1
        let (zero, one) = (path[start + element].zeroFraction, path[start + element].oneFraction)
        var next = path[start + last].weight
        let size = Double(last + 1)
        for index in stride(from: last - 1, through: 0, by: -1) {
            if one != 0 {
                let weight = path[start + index].weight
                path[start + index].weight = next * size / (Double(index + 1) * one)
                next = weight - path[start + index].weight * zero * Double(last - index) / size
            } else if zero != 0 {
                path[start + index].weight = path[start + index].weight * size / (zero * Double(last - index))
            } else {
                path[start + index].weight = 0
            }
        }
        for index in element..<last {
            let weight = path[start + index].weight
            path[start + index] = path[start + index + 1]
            path[start + index].weight = weight
        }
        count -= 1
    }

    /// The sum of the weights that ``unwind(_:_:_:_:)`` would leave, without doing it.
    private static func unwoundSum(
        _ path: UnsafeMutableBufferPointer<PathElement>, _ start: Int, _ count: Int, _ element: Int
    ) -> Double {
        let last = count - 1
        let (zero, one) = (path[start + element].zeroFraction, path[start + element].oneFraction)
        var next = path[start + last].weight
        var total = 0.0
        let size = Double(last + 1)
        for index in stride(from: last - 1, through: 0, by: -1) {
            if one != 0 {
                let weight = next * size / (Double(index + 1) * one)
                total += weight
                next = path[start + index].weight - weight * zero * Double(last - index) / size
            } else if zero != 0 {
                total += path[start + index].weight * size / (zero * Double(last - index))
            }
        }
        return total
    }

    /// Rounds the values to a grid on which they add exactly, and sets `base` to what is left of the margin.
    static func reconciled(margin: Float, base: Double, values: [Double]) -> Contributions {
        let largest = values.reduce(abs(base) + abs(Double(margin))) { $0 + abs($1) }
        guard largest > 0, largest.isFinite else { return Contributions(margin: margin, base: Double(margin), values: values) }
        // Every partial sum is below 2 · largest < 2^(exponent + 2), so 53 bits reach down to 2^(exponent − 50).
        let grid = Double(sign: .plus, exponent: max(largest.exponent - 50, -1022), significand: 1)
        let rounded = values.map { ($0 / grid).rounded(.toNearestOrEven) * grid }
        let sum = rounded.reduce(0, +)
        return Contributions(margin: margin, base: Double(margin) - sum, values: rounded)
    }
}

extension TreeEnsemble {
    /// The local indices of a split's children; nil at a leaf.
    func children(ofLocal node: Int, in tree: Tree) -> (Int, Int)? {
        let first = Int((nodes[tree.base + node].route & ~Self.flip) >> featureBits)
        return first < node ? nil : (first, first + 1)
    }

    func feature(ofLocal node: Int, in tree: Tree) -> Int {
        nodes[tree.base + node].feature(mask: (1 << featureBits) - 1)
    }

    /// The share of a parent's training cover that went to one of its children; half where neither has any.
    func share(ofLocal child: Int, of siblings: (Int, Int), in tree: Tree) -> Double {
        let total = Double(covers[tree.base + siblings.0]) + Double(covers[tree.base + siblings.1])
        return total > 0 ? Double(covers[tree.base + child]) / total : 0.5
    }

    /// The mean of a tree's leaves, weighted by cover; children stand behind their parents, so one pass from the back.
    func expectation(ofTree index: Int) -> Double {
        let tree = trees[index]
        let end = index + 1 < trees.count ? trees[index + 1].base : nodes.count
        var means = leafValues[tree.base..<end].map(Double.init)
        for node in stride(from: means.count - 1, through: 1, by: -1) {
            guard let (first, second) = children(ofLocal: node, in: tree) else { continue }
            means[node] = means[first] * share(ofLocal: first, of: (first, second), in: tree)
                + means[second] * share(ofLocal: second, of: (first, second), in: tree)
        }
        return means[1]
    }
}
