extension TreeEnsemble {
    /// The margins of each row: `matrix.rowCount × outputCount` Floats, row-major; missing inputs are NaN.
    ///
    /// Each output starts at its base margin and adds the leaves in file order, in Float: bit for bit what
    /// XGBoost gives. Infinite inputs compare as numbers do.
    ///
    /// - Throws: ``ModelError`` with code `schemaMismatch` if the matrix has another number of columns.
    /// - Complexity: O(rows × trees × depth); one allocation, the result.
    public func margins(_ matrix: FloatMatrix) throws(ModelError) -> [Float] {
        guard matrix.columnCount == featureCount else {
            throw ModelError(
                .schemaMismatch, "the model takes \(featureCount) features and the rows have \(matrix.columnCount)")
        }
        var result = Array(repeating: Float(0), count: matrix.rowCount * outputCount)
        var span = result.mutableSpan
        margins(matrix.values.span, rowCount: matrix.rowCount, into: &span)
        return result
    }

    /// The outputs of each row (probabilities, values, counts): ``margins(_:)``, then ``Objective/transform(_:outputCount:)``.
    public func predictions(_ matrix: FloatMatrix) throws(ModelError) -> [Float] {
        var result = try margins(matrix)
        var span = result.mutableSpan
        objective.transform(&span, outputCount: outputCount)
        return result
    }

    /// ``margins(_:)`` without any allocation: `rows` is row-major, `featureCount` Floats a row.
    ///
    /// - Precondition: the spans hold `rowCount × featureCount` and `rowCount × outputCount` Floats.
    public func margins(_ rows: Span<Float>, rowCount: Int, into margins: inout MutableSpan<Float>) {
        precondition(rowCount >= 0 && rows.count == rowCount * featureCount, "rows and their count differ")
        precondition(margins.count == rowCount * outputCount, "rows and margins differ in number")
        rows.withUnsafeBufferPointer { rows in
            margins.withUnsafeMutableBufferPointer { margins in
                guard let rows = rows.baseAddress, let margins = margins.baseAddress else { return }
                for row in 0..<rowCount {
                    for output in 0..<outputCount { margins[row * outputCount + output] = baseMargins[output] }
                }
                score(rows, rowCount, margins)
            }
        }
    }

    /// The margins of one row, written to `margins`; no allocation.
    public func margins(ofRow row: Span<Float>, into margins: inout MutableSpan<Float>) {
        self.margins(row, rowCount: 1, into: &margins)
    }

    private func score(_ rows: UnsafePointer<Float>, _ rowCount: Int, _ margins: UnsafeMutablePointer<Float>) {
        nodes.withUnsafeBufferPointer { nodes in
            leafValues.withUnsafeBufferPointer { leaves in
                trees.withUnsafeBufferPointer { trees in
                    guard let nodes = nodes.baseAddress, let leaves = leaves.baseAddress,
                        let trees = trees.baseAddress
                    else { return }
                    // Blocks keep rows and sums in the first-level cache while each tree passes over them.
                    let block = 64
                    var first = 0
                    while rowCount - first >= 8 {
                        let count = min(block, (rowCount - first) & ~7)
                        for tree in 0..<treeCount {
                            scoreByTree(
                                trees[tree], nodes, leaves, rows + first * featureCount, count,
                                margins + first * outputCount)
                        }
                        first += count
                    }
                    while first < rowCount {
                        scoreByRow(trees, nodes, leaves, rows + first * featureCount, margins + first * outputCount)
                        first += 1
                    }
                }
            }
        }
    }

    /// One tree over `count` rows (a multiple of 8), eight paths at a time so that their loads overlap.
    @inline(__always)
    private func scoreByTree(
        _ tree: Tree, _ allNodes: UnsafePointer<Node>, _ leaves: UnsafePointer<Float>, _ rows: UnsafePointer<Float>,
        _ count: Int, _ margins: UnsafeMutablePointer<Float>
    ) {
        let width = featureCount
        let outputs = outputCount
        let bits = featureBits
        let mask: UInt32 = (1 << bits) - 1
        let nodes = allNodes + tree.base
        let leaves = leaves + tree.base
        var target = margins + tree.output
        if tree.hasCategories {
            for row in 0..<count {
                target[row * outputs] += leaves[categoricalLeaf(tree, rows + row * width)]
            }
            return
        }
        var row = 0
        while row < count {
            let r0 = rows + row * width
            let r1 = r0 + width, r2 = r1 + width, r3 = r2 + width
            let r4 = r3 + width, r5 = r4 + width, r6 = r5 + width, r7 = r6 + width
            var i0 = 1, i1 = 1, i2 = 1, i3 = 1, i4 = 1, i5 = 1, i6 = 1, i7 = 1
            var level = tree.depth
            while level > 0 {
                let n0 = nodes[i0], n1 = nodes[i1], n2 = nodes[i2], n3 = nodes[i3]
                i0 = n0.next(for: r0[n0.feature(mask: mask)], featureBits: bits)
                i1 = n1.next(for: r1[n1.feature(mask: mask)], featureBits: bits)
                i2 = n2.next(for: r2[n2.feature(mask: mask)], featureBits: bits)
                i3 = n3.next(for: r3[n3.feature(mask: mask)], featureBits: bits)
                let n4 = nodes[i4], n5 = nodes[i5], n6 = nodes[i6], n7 = nodes[i7]
                i4 = n4.next(for: r4[n4.feature(mask: mask)], featureBits: bits)
                i5 = n5.next(for: r5[n5.feature(mask: mask)], featureBits: bits)
                i6 = n6.next(for: r6[n6.feature(mask: mask)], featureBits: bits)
                i7 = n7.next(for: r7[n7.feature(mask: mask)], featureBits: bits)
                level &-= 1
            }
            target[0] += leaves[i0]
            target[outputs] += leaves[i1]
            target[2 &* outputs] += leaves[i2]
            target[3 &* outputs] += leaves[i3]
            target[4 &* outputs] += leaves[i4]
            target[5 &* outputs] += leaves[i5]
            target[6 &* outputs] += leaves[i6]
            target[7 &* outputs] += leaves[i7]
            target += 8 &* outputs
            row &+= 8
        }
    }

    /// One row through all trees, eight trees at a time so that their loads overlap.
    private func scoreByRow(
        _ trees: UnsafePointer<Tree>, _ nodes: UnsafePointer<Node>, _ leaves: UnsafePointer<Float>,
        _ row: UnsafePointer<Float>, _ margins: UnsafeMutablePointer<Float>
    ) {
        let bits = featureBits
        let mask: UInt32 = (1 << bits) - 1
        var index = 0
        while index < treeCount {
            if !categoryOffsets.isEmpty || treeCount - index < 8 {
                let tree = trees[index]
                margins[tree.output] += leaves[tree.base + leaf(tree, row)]
                index += 1
                continue
            }
            let b0 = trees[index].base, b1 = trees[index + 1].base, b2 = trees[index + 2].base
            let b3 = trees[index + 3].base, b4 = trees[index + 4].base, b5 = trees[index + 5].base
            let b6 = trees[index + 6].base, b7 = trees[index + 7].base
            var level = 0
            for offset in 0..<8 { level = max(level, trees[index + offset].depth) }
            var i0 = b0 + 1, i1 = b1 + 1, i2 = b2 + 1, i3 = b3 + 1, i4 = b4 + 1, i5 = b5 + 1, i6 = b6 + 1, i7 = b7 + 1
            while level > 0 {
                let n0 = nodes[i0], n1 = nodes[i1], n2 = nodes[i2], n3 = nodes[i3]
                i0 = b0 &+ n0.next(for: row[n0.feature(mask: mask)], featureBits: bits)
                i1 = b1 &+ n1.next(for: row[n1.feature(mask: mask)], featureBits: bits)
                i2 = b2 &+ n2.next(for: row[n2.feature(mask: mask)], featureBits: bits)
                i3 = b3 &+ n3.next(for: row[n3.feature(mask: mask)], featureBits: bits)
                let n4 = nodes[i4], n5 = nodes[i5], n6 = nodes[i6], n7 = nodes[i7]
                i4 = b4 &+ n4.next(for: row[n4.feature(mask: mask)], featureBits: bits)
                i5 = b5 &+ n5.next(for: row[n5.feature(mask: mask)], featureBits: bits)
                i6 = b6 &+ n6.next(for: row[n6.feature(mask: mask)], featureBits: bits)
                i7 = b7 &+ n7.next(for: row[n7.feature(mask: mask)], featureBits: bits)
                level &-= 1
            }
            margins[trees[index].output] += leaves[i0]
            margins[trees[index + 1].output] += leaves[i1]
            margins[trees[index + 2].output] += leaves[i2]
            margins[trees[index + 3].output] += leaves[i3]
            margins[trees[index + 4].output] += leaves[i4]
            margins[trees[index + 5].output] += leaves[i5]
            margins[trees[index + 6].output] += leaves[i6]
            margins[trees[index + 7].output] += leaves[i7]
            index += 8
        }
    }

    /// The tree-local index of the leaf that a row reaches.
    private func leaf(_ tree: Tree, _ row: UnsafePointer<Float>) -> Int {
        if tree.hasCategories { return categoricalLeaf(tree, row) }
        let mask: UInt32 = (1 << featureBits) - 1
        return nodes.withUnsafeBufferPointer { nodes in
            var index = 1
            for _ in 0..<tree.depth {
                let node = nodes[tree.base + index]
                index = node.next(for: row[node.feature(mask: mask)], featureBits: featureBits)
            }
            return index
        }
    }

    private func categoricalLeaf(_ tree: Tree, _ row: UnsafePointer<Float>) -> Int {
        let mask: UInt32 = (1 << featureBits) - 1
        var index = 1
        while true {
            let node = nodes[tree.base + index]
            let next = child(ofLocal: index, in: tree, for: row[node.feature(mask: mask)])
            if next == index { return index }
            index = next
        }
    }

    /// Where `value` leads from a node; a leaf leads to itself.
    func child(ofLocal index: Int, in tree: Tree, for value: Float) -> Int {
        let node = nodes[tree.base + index]
        guard tree.hasCategories, categoryOffsets[tree.base + index] >= 0 else {
            return node.next(for: value, featureBits: featureBits)
        }
        let first = Int((node.route & ~Self.flip) >> featureBits)
        if value.isNaN { return node.route & Self.flip != 0 ? first : first + 1 }
        return first + (holds(value, atNode: tree.base + index) ? 1 : 0)
    }

    /// Whether a category's index is in the set of a categorical split.
    ///
    /// What is no category (negative, or 2²⁴ and above) and what the set is too short for is not in it.
    private func holds(_ value: Float, atNode node: Int) -> Bool {
        guard value >= 0, value < 16_777_216 else { return false }
        let offset = Int(categoryOffsets[node])
        let category = Int(value)
        guard category / 32 < Int(categorySets[offset]) else { return false }
        return categorySets[offset + 1 + category / 32] >> UInt32(31 - category % 32) & 1 == 1
    }
}
