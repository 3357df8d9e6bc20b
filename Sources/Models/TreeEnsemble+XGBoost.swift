extension TreeEnsemble {
    /// The most that a model file may hold; beyond it is refused before memory is spent.
    public struct Limits: Sendable {
        public var bytes = 512 << 20
        public var features = 1 << 20
        public var classes = 4096
        public var trees = 100_000
        public var nodesPerTree = 1 << 22
        public var depth = 512

        public init() {}
    }

    /// Reads a model that XGBoost 1.x, 2.x or 3.x saved as JSON.
    ///
    /// Every index, count and number is checked; nodes that pruning left behind are dropped. Trees that are not
    /// trees (a child twice, a cycle), thresholds or leaves that are not finite, and counts that disagree are
    /// refused. Unknown keys are passed over, since each version of XGBoost adds some.
    ///
    /// - Throws: ``ModelError``: `malformed` for bytes that are no such model, `unsupported` for boosters,
    ///   objectives and leaf vectors that are not scored here, `overLimit` above `limits`.
    public init(xgboostJSON bytes: [UInt8], limits: Limits = Limits()) throws(ModelError) {
        guard bytes.count <= limits.bytes else {
            throw ModelError(.overLimit, "the model has \(bytes.count) bytes; at most \(limits.bytes) are read")
        }
        // Version 1.7 writes NaN where a categorical split has no threshold; no NaN is kept where a number counts.
        var reader = JSONReader(bytes, allowsNaN: true)
        let file = try reader.readWhole { (reader) throws(ModelError) in try XGBoostFile(&reader, limits) }
        try self.init(file, limits)
    }

    private init(_ file: XGBoostFile, _ limits: Limits) throws(ModelError) {
        guard !file.version.isEmpty else { throw .malformedModel("it has no version") }
        guard file.booster == "gbtree" else {
            throw ModelError(
                .unsupported, "the model's booster is '\(file.booster)'; only gbtree is scored",
                hint: "train it again with booster gbtree")
        }
        guard let objective = Objective(rawValue: file.objective) else {
            throw ModelError(
                .unsupported, "the model's objective is '\(file.objective)'",
                hint: "scored are: " + Objective.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard file.targetCount <= 1 else {
            throw ModelError(.unsupported, "the model has \(file.targetCount) targets; only one is scored")
        }
        guard file.featureCount >= 1 else { throw .malformedModel("it has no features") }
        guard file.featureNames.isEmpty || file.featureNames.count == file.featureCount else {
            throw .malformedModel("it names \(file.featureNames.count) features and has \(file.featureCount)")
        }
        guard objective == .softmax ? file.classCount >= 2 : file.classCount <= 1 else {
            throw .malformedModel("\(file.classCount) classes do not go with \(objective.rawValue)")
        }
        let outputs = max(file.classCount, 1)
        guard file.treeOutputs.count == file.trees.count, file.statedTreeCount == file.trees.count else {
            throw .malformedModel("it states \(file.statedTreeCount) trees and holds \(file.trees.count)")
        }
        guard file.treeOutputs.allSatisfy({ $0 < outputs }) else { throw .malformedModel("a tree adds to an unknown class") }

        var scores = file.baseScores
        if scores.count == 1 { scores = Array(repeating: scores[0], count: outputs) }
        guard scores.count == outputs else { throw .malformedModel("it has \(scores.count) base scores for \(outputs) outputs") }
        let margins = scores.map(objective.margin(ofBaseScore:))
        guard margins.allSatisfy(\.isFinite) else { throw .malformedModel("its base score has no finite margin") }

        let featureBits = UInt32(max(1, Int.bitWidth - (file.featureCount - 1).leadingZeroBitCount))
        self.init(
            objective: objective, featureCount: file.featureCount, featureNames: file.featureNames,
            outputCount: outputs, baseMargins: margins, trainerVersion: file.version, featureBits: featureBits)
        let categorical = file.trees.contains { $0.splitTypes.contains(1) }
        for (index, tree) in file.trees.enumerated() {
            do throws(ModelError) {
                try append(tree, output: file.treeOutputs[index], categorical: categorical, limits)
            } catch {
                throw ModelError(error.code, "tree \(index): " + error.message, hint: error.hint)
            }
        }
    }

    /// Lays out one tree breadth first, children side by side; checks all that it reaches.
    private mutating func append(
        _ tree: XGBoostFile.Tree, output: Int, categorical: Bool, _ limits: Limits
    ) throws(ModelError) {
        let count = tree.leftChildren.count
        guard count >= 1 else { throw .malformedModel("it has no nodes") }
        let lengths = [
            tree.rightChildren.count, tree.splitFeatures.count, tree.conditions.count, tree.defaultLeft.count,
            tree.covers.count, tree.splitTypes.isEmpty ? count : tree.splitTypes.count,
        ]
        guard lengths.allSatisfy({ $0 == count }) else { throw .malformedModel("its arrays differ in length") }
        guard (count + 2) << Int(featureBits) <= Int(Self.flip) else {
            throw ModelError(.overLimit, "\(count) nodes over \(featureCount) features do not fit a node's 31 bits")
        }
        let sets = try tree.categorySets(nodeCount: count)
        let base = nodes.count
        var hasCategories = false
        // Local places: 0 is padding (it keeps pairs of children on even places), 1 is the root.
        var order: [(node: Int, depth: Int)] = [(-1, 0), (0, 0)]
        var reached = Array(repeating: false, count: count)
        reached[0] = true
        appendNode(Node(threshold: -.infinity, route: 0), leaf: 0, cover: 0, categorical: categorical)
        var place = 1
        while place < order.count {
            let (node, depth) = order[place]
            let cover = tree.covers[node]
            guard cover >= 0, cover.isFinite else { throw .malformedModel("node \(node) has no cover of at least 0") }
            let isCategorical = !tree.splitTypes.isEmpty && tree.splitTypes[node] == 1
            let left = tree.leftChildren[node], right = tree.rightChildren[node]
            guard tree.conditions[node].isFinite || (isCategorical && left != -1) else {
                throw .malformedModel("node \(node) has no finite \(left == -1 ? "value" : "threshold")")
            }
            if left == -1 {
                appendNode(
                    Node(threshold: -.infinity, route: UInt32(place - 1) << featureBits), leaf: tree.conditions[node],
                    cover: cover, categorical: categorical)
                place += 1
                continue
            }
            guard depth < limits.depth else { throw ModelError(.overLimit, "it is deeper than \(limits.depth)") }
            let feature = tree.splitFeatures[node]
            guard feature < featureCount else { throw .malformedModel("node \(node) splits on feature \(feature) of \(featureCount)") }
            for child in [left, right] {
                guard child > 0, child < count, !reached[child] else {
                    throw .malformedModel("node \(node) has child \(child), which is no node of its own")
                }
                reached[child] = true
            }
            let missingGoesLeft = tree.defaultLeft[node]
            let swaps = missingGoesLeft && !isCategorical
            let route = UInt32(order.count) << featureBits | UInt32(feature) | (missingGoesLeft ? Self.flip : 0)
            let limit = tree.conditions[node]
            let threshold = isCategorical ? 0 : swaps ? -limit.nextDown : limit
            appendNode(Node(threshold: threshold, route: route), leaf: 0, cover: cover, categorical: categorical)
            if isCategorical {
                guard let set = sets[node] else { throw .malformedModel("node \(node) is categorical and has no categories") }
                hasCategories = true
                guard categorySets.count < Int(Int32.max) - set.count else { throw ModelError(.overLimit, "too many categories") }
                categoryOffsets[base + place] = Int32(categorySets.count)
                categorySets.append(contentsOf: set)
            }
            order.append((swaps ? right : left, depth + 1))
            order.append((swaps ? left : right, depth + 1))
            place += 1
        }
        let depth = order.last?.depth ?? 0
        trees.append(Tree(base: base, depth: depth, output: output, hasCategories: hasCategories))
    }

    private mutating func appendNode(_ node: Node, leaf: Float, cover: Float, categorical: Bool) {
        nodes.append(node)
        leafValues.append(leaf)
        covers.append(cover)
        if categorical { categoryOffsets.append(-1) }
    }
}

extension ModelError {
    static func malformedModel(_ what: String) -> ModelError {
        ModelError(.malformed, "the model is not as XGBoost writes it: \(what)")
    }
}

/// What the JSON says, before it is checked as a whole.
private struct XGBoostFile {
    struct Tree {
        var leftChildren: [Int] = []
        var rightChildren: [Int] = []
        var splitFeatures: [Int] = []
        var conditions: [Float] = []
        var defaultLeft: [Bool] = []
        var covers: [Float] = []
        var splitTypes: [Int] = []
        var categories: [Int] = []
        var categoryNodes: [Int] = []
        var categorySegments: [Int] = []
        var categorySizes: [Int] = []
        var leafVectorSize = 0
    }

    var version: [Int] = []
    var booster = ""
    var objective = ""
    var featureCount = 0
    var classCount = 0
    var targetCount = 1
    var baseScores: [Float] = []
    var featureNames: [String] = []
    var statedTreeCount = 0
    var treeOutputs: [Int] = []
    var trees: [Tree] = []

    init(_ reader: inout JSONReader, _ limits: TreeEnsemble.Limits) throws(ModelError) {
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "version": version = try reader.readInts(0...1_000_000, limit: 8)
            case "learner": try readLearner(&reader, limits)
            default: try reader.skip()
            }
        }
    }

    private mutating func readLearner(_ reader: inout JSONReader, _ limits: TreeEnsemble.Limits) throws(ModelError) {
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "feature_names":
                try reader.readArray(limit: limits.features) { (_, reader) throws(ModelError) in
                    featureNames.append(try reader.readString())
                }
            case "learner_model_param": try readParameters(&reader, limits)
            case "gradient_booster": try readBooster(&reader, limits)
            case "objective":
                try reader.readObject { (key, reader) throws(ModelError) in
                    if key == "name" { objective = try reader.readString() } else { try reader.skip() }
                }
            default: try reader.skip()
            }
        }
    }

    private mutating func readParameters(_ reader: inout JSONReader, _ limits: TreeEnsemble.Limits) throws(ModelError) {
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "num_feature": featureCount = try reader.readCount(key, upTo: limits.features)
            case "num_class": classCount = try reader.readCount(key, upTo: limits.classes)
            case "num_target": targetCount = try reader.readCount(key, upTo: limits.classes)
            case "base_score": baseScores = try Self.baseScores(reader.readString(), reader, limits)
            default: try reader.skip()
            }
        }
    }

    /// `"5E-1"` up to version 2, `"[5E-1]"` or `"[1E-1,2E-1]"` since.
    private static func baseScores(
        _ text: String, _ reader: JSONReader, _ limits: TreeEnsemble.Limits
    ) throws(ModelError) -> [Float] {
        var inner = JSONReader(Array(text.utf8))
        return try inner.readWhole { (inner) throws(ModelError) in
            if inner.nextIsArray() { return try inner.readFloats(limit: limits.classes) }
            return [try inner.readFloat()]
        }
    }

    private mutating func readBooster(_ reader: inout JSONReader, _ limits: TreeEnsemble.Limits) throws(ModelError) {
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "name": booster = try reader.readString()
            case "model":
                try reader.readObject { (key, reader) throws(ModelError) in
                    switch key {
                    case "gbtree_model_param":
                        try reader.readObject { (key, reader) throws(ModelError) in
                            if key == "num_trees" {
                                statedTreeCount = try reader.readCount(key, upTo: limits.trees)
                            } else {
                                try reader.skip()
                            }
                        }
                    case "tree_info": treeOutputs = try reader.readInts(0...limits.classes, limit: limits.trees)
                    case "trees":
                        try reader.readArray(limit: limits.trees) { (_, reader) throws(ModelError) in
                            trees.append(try Tree(&reader, limits))
                        }
                    default: try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
    }
}

extension XGBoostFile.Tree {
    init(_ reader: inout JSONReader, _ limits: TreeEnsemble.Limits) throws(ModelError) {
        let most = limits.nodesPerTree
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "left_children": leftChildren = try reader.readInts(-1...most, limit: most)
            case "right_children": rightChildren = try reader.readInts(-1...most, limit: most)
            // A pruned node bears a marker near 2³²; only reached nodes are checked against the features.
            case "split_indices": splitFeatures = try reader.readInts(0...Int(UInt32.max), limit: most)
            case "split_conditions": conditions = try reader.readFloats(limit: most)
            case "sum_hessian": covers = try reader.readFloats(limit: most)
            case "split_type": splitTypes = try reader.readInts(0...1, limit: most)
            case "categories": categories = try reader.readInts(0...16_777_215, limit: 1 << 24)
            case "categories_nodes": categoryNodes = try reader.readInts(0...most, limit: most)
            case "categories_segments": categorySegments = try reader.readInts(0...(1 << 24), limit: most)
            case "categories_sizes": categorySizes = try reader.readInts(0...(1 << 24), limit: most)
            case "default_left":
                try reader.readArray(limit: most) { (_, reader) throws(ModelError) in
                    defaultLeft.append(try reader.nextIsBool() ? reader.readBool() : reader.readInt(in: 0...1) == 1)
                }
            case "tree_param":
                try reader.readObject { (key, reader) throws(ModelError) in
                    if key == "size_leaf_vector" {
                        leafVectorSize = try reader.readCount(key, upTo: limits.classes)
                    } else {
                        try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
        guard leafVectorSize <= 1 else {
            throw ModelError(
                .unsupported, "a tree has \(leafVectorSize) values a leaf",
                hint: "train it again with multi_strategy one_output_per_tree")
        }
    }

    /// The categories of each categorical node as a count of words and their bits, highest bit first.
    func categorySets(nodeCount: Int) throws(ModelError) -> [Int: [UInt32]] {
        guard categoryNodes.count == categorySegments.count, categoryNodes.count == categorySizes.count else {
            throw .malformedModel("its lists of categories differ in length")
        }
        var sets: [Int: [UInt32]] = [:]
        for (index, node) in categoryNodes.enumerated() {
            let start = categorySegments[index], size = categorySizes[index]
            guard node < nodeCount, sets[node] == nil, start + size <= categories.count else {
                throw .malformedModel("the categories of node \(node) lie outside their list")
            }
            let members = categories[start..<(start + size)]
            let words = (members.max() ?? 0) / 32 + 1
            // A large index in a short list would make a long, empty set.
            guard words <= 1 << 16 else { throw ModelError(.overLimit, "a category index above \(32 << 16)") }
            var set = Array(repeating: UInt32(0), count: words + 1)
            set[0] = UInt32(words)
            for category in members { set[1 + category / 32] |= 1 << UInt32(31 - category % 32) }
            sets[node] = set
        }
        return sets
    }
}

extension JSONReader {
    fileprivate mutating func readInts(_ range: ClosedRange<Int>, limit: Int) throws(ModelError) -> [Int] {
        var numbers: [Int] = []
        try readArray(limit: limit) { (_, reader) throws(ModelError) in numbers.append(try reader.readInt(in: range)) }
        return numbers
    }

    fileprivate mutating func readFloats(limit: Int) throws(ModelError) -> [Float] {
        var numbers: [Float] = []
        try readArray(limit: limit) { (_, reader) throws(ModelError) in numbers.append(try reader.readFloat()) }
        return numbers
    }

    /// A count that stands as a text, as XGBoost writes its parameters.
    fileprivate mutating func readCount(_ key: String, upTo most: Int) throws(ModelError) -> Int {
        let text = try readString()
        guard let number = Int(text), number >= 0 else { throw malformed("\(key) is not a count") }
        guard number <= most else { throw ModelError(.overLimit, "\(key) is \(number); at most \(most) is read") }
        return number
    }
}
