extension Lane {
    /// Of a lane in a narrow format, what its sums are read from.
    var narrow: NarrowLane {
        NarrowLane(
            flags: flags.base, words: words.base, counts: counts.base, sums: sums.base, squares: squares.base, kind: kind,
            isNarrow: isNarrow, isAlwaysPresent: isAlwaysPresent, keepsSums: keepsSums, keepsSquares: keepsSquares, scale: format.scale)
    }

    /// The same in a wide format; only lanes of numbers have one.
    func accumulate(_ start: Int, _ end: Int, mask: UInt8, into total: inout WideMoments, subtracting: Bool) {
        guard start < end else { return }
        for slot in start..<end where flags[slot] & mask == Self.present {
            total.add(words[slot], format, squaring: keepsSquares, subtracting: subtracting)
        }
    }

    @inline(__always) func store(_ total: Moments, at block: Int) {
        counts[block] = UInt32(truncatingIfNeeded: total.count)
        if keepsSums { Self.setWide(sums, 2 * block, UInt128(truncatingIfNeeded: total.sum)) }
        if keepsSquares {
            Self.setWide(squares, 4 * block, total.squares.low)
            Self.setWide(squares, 4 * block + 2, total.squares.high)
        }
    }

    @inline(__always) private static func setWide(_ slab: Slab<UInt64>, _ index: Int, _ value: UInt128) {
        slab[index] = UInt64(truncatingIfNeeded: value)
        slab[index + 1] = UInt64(truncatingIfNeeded: value >> 64)
    }

    /// Adds or subtracts what is live in an entity's blocks up to and including one, in a wide format.
    func addStored(_ block: Int, to total: inout WideMoments, subtracting: Bool) {
        let limbs = format.limbs
        total.add(
            count: Int(counts[block]), sums: sums.base + limbs * block,
            squares: keepsSquares ? UnsafePointer(squares.base + 2 * limbs * block) : nil, format, subtracting: subtracting)
    }

    /// Moves the summaries of blocks whose versions moved.
    func moveSums(from source: Int, to target: Int, blocks: Int) {
        let limbs = format.limbs
        counts.move(from: source, to: target, count: blocks)
        if keepsSums { sums.move(from: source * limbs, to: target * limbs, count: blocks * limbs) }
        if keepsSquares { squares.move(from: source * limbs * 2, to: target * limbs * 2, count: blocks * limbs * 2) }
    }

    /// Makes the running sums anew for the blocks `first ..< end` of the entity whose blocks start at `base`.
    func rebuildSums(base: Int, first: Int, end: Int) {
        guard first < end else { return }
        let mask = Self.present | Self.removed
        if isNarrow {
            let narrow = narrow
            var total = Moments()
            if first > 0 { narrow.load(base + first - 1, into: &total) }
            for block in (base + first)..<(base + end) {
                narrow.accumulate(block << BlockTree.shift, (block + 1) << BlockTree.shift, mask: mask, into: &total)
                store(total, at: block)
            }
        } else {
            var total = WideMoments()
            total.clear(format)
            if first > 0 { addStored(base + first - 1, to: &total, subtracting: false) }
            for block in (base + first)..<(base + end) {
                accumulate(block << BlockTree.shift, (block + 1) << BlockTree.shift, mask: mask, into: &total, subtracting: false)
                counts[block] = UInt32(truncatingIfNeeded: total.count)
                total.store(
                    sums: sums.base + format.limbs * block,
                    squares: keepsSquares ? squares.base + 2 * format.limbs * block : nil, format)
            }
            total.deallocate()
        }
    }

    /// Makes the extremes anew for the nodes that hold complete blocks from slot `first` to `end`.
    func rebuildExtremes(from first: Int, to end: Int) {
        guard keepsExtremes else { return }
        for block in (first >> BlockTree.shift)..<max(end >> BlockTree.shift, first >> BlockTree.shift) {
            var low = Int64.max
            var high = Int64.min
            for slot in (block << BlockTree.shift)..<((block + 1) << BlockTree.shift)
            where flags[slot] & (Self.present | Self.removed) == Self.present {
                let key = orderKey(slot)
                low = min(low, key)
                high = max(high, key)
            }
            minima[1][block] = low
            maxima[1][block] = high
        }
    }
}
