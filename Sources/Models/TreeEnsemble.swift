/// Boosted decision trees, laid out for scoring: flat arrays, eight bytes a node, children side by side.
///
/// Every index in it was checked when it was loaded, so that scoring needs no check per node. The memory
/// of a node: 8 bytes for the path, 4 for a leaf's value, 4 for its cover.
///
/// ```swift
/// let ensemble = try TreeEnsemble(xgboostJSON: bytes)
/// let margins = try ensemble.margins(matrix)          // rowCount × outputCount Floats
/// ```
public struct TreeEnsemble: Sendable {
    public let objective: Objective
    /// The columns of a row, in order.
    public let featureCount: Int
    /// The names that the trainer was given; empty if none.
    public let featureNames: [String]
    /// Margins per row: the classes of ``Objective/softmax``, else 1.
    public let outputCount: Int
    /// Where each output's sum begins; `outputCount` margins.
    public let baseMargins: [Float]
    /// The library version that wrote the model.
    public let trainerVersion: [Int]

    var trees: [Tree] = []
    var nodes: [Node] = []
    /// A leaf's value; 0 at a split.
    var leafValues: [Float] = []
    /// The sum of second derivatives of the training rows that reached a node.
    var covers: [Float] = []
    /// Empty if no split is categorical; else, per node, where its set begins in `categorySets`, or −1.
    var categoryOffsets: [Int32] = []
    /// Per set: how many words follow, then their bits; a set bit sends the category to the second child.
    var categorySets: [UInt32] = []
    let featureBits: UInt32

    /// One step of a path.
    ///
    /// `route` holds, from the top: whether a missing value takes the *first* child is undone by the flip
    /// bit (see ``advance(_:by:)``), the tree-local index of the first child, the feature.
    struct Node: Sendable {
        var threshold: Float
        var route: UInt32
    }

    struct Tree: Sendable {
        /// Where its nodes begin; local node 0 is padding, 1 the root, and pairs of children start at 2.
        var base: Int
        var depth: Int
        var output: Int
        var hasCategories: Bool
    }

    /// Whether children trade places: set where a missing value goes left.
    static let flip: UInt32 = 0x8000_0000

    init(
        objective: Objective, featureCount: Int, featureNames: [String], outputCount: Int, baseMargins: [Float],
        trainerVersion: [Int], featureBits: UInt32
    ) {
        self.objective = objective
        self.featureCount = featureCount
        self.featureNames = featureNames
        self.outputCount = outputCount
        self.baseMargins = baseMargins
        self.trainerVersion = trainerVersion
        self.featureBits = featureBits
    }

    public var treeCount: Int { trees.count }
    /// Splits and leaves of all trees.
    public var nodeCount: Int { nodes.count - trees.count }
    /// Whether any split is a set of categories.
    public var hasCategories: Bool { !categoryOffsets.isEmpty }
    public var maximumDepth: Int { trees.map(\.depth).max() ?? 0 }
}

// A split sends x left if x < t, right if not, and a missing (NaN) x to its default side. The first child is
// the side that NaN does not take. If NaN goes right, "first" is left: x < t, which is false for NaN. If NaN
// goes left, "first" is right: x ≥ t, which is −x < −(the Float below t), also false for NaN. So one sign flip
// and one comparison decide every case, without a branch. A leaf compares with −∞, always false, and its
// "second child" is itself, so that paths of different lengths can step on together.
extension TreeEnsemble.Node {
    /// The index among the tree's nodes where `value` leads.
    @inline(__always)
    func next(for value: Float, featureBits: UInt32) -> Int {
        let seen = Float(bitPattern: value.bitPattern ^ (route & TreeEnsemble.flip))
        return Int((route & ~TreeEnsemble.flip) &>> featureBits) &+ (seen < threshold ? 0 : 1)
    }

    @inline(__always)
    func feature(mask: UInt32) -> Int { Int(route & mask) }
}
