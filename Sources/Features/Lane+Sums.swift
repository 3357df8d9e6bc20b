extension Lane {
    /// Adds what the slots hold.
    ///
    /// - Parameter mask: `present | removed` for what is live now, `present` for versions seen to be visible.
    @inline(__always) func accumulate(_ start: Int, _ end: Int, mask: UInt8, into total: inout Moments) {
        guard start < end else { return }
        if !keepsSums {
            var count = 0
            for slot in start..<end where flags[slot] & mask == Self.present { count &+= 1 }
            total.count &+= count
            return
        }
        switch kind {
        case .number:
            let scale = format.scale
            for slot in start..<end where flags[slot] & mask == Self.present {
                let value = fixedPoint(words[slot], scale: scale)
                total.count &+= 1
                total.sum &+= value
                if keepsSquares { total.squares.add(Int256(squareOf: value)) }
            }
        case .integer:
            for slot in start..<end where flags[slot] & mask == Self.present {
                let value = Int128(Int64(bitPattern: words[slot]))
                total.count &+= 1
                total.sum &+= value
                if keepsSquares { total.squares.add(Int256(squareOf: value)) }
            }
        case .bool, .presence, .text:
            var count = 0
            var trues = 0
            for slot in start..<end {
                let flag = flags[slot]
                guard flag & mask == Self.present else { continue }
                count &+= 1
                trues &+= Int(flag & Self.isTrue) >> 1
            }
            total.count &+= count
            total.sum &+= Int128(trues)
            if keepsSquares { total.squares.add(Int256(low: UInt128(trues), high: 0)) }
        }
    }

    /// The same in a wide format; only lanes of numbers have one.
    func accumulate(_ start: Int, _ end: Int, mask: UInt8, into total: inout WideMoments, subtracting: Bool) {
        guard start < end else { return }
        for slot in start..<end where flags[slot] & mask == Self.present {
            total.add(words[slot], format, squaring: keepsSquares, subtracting: subtracting)
        }
    }

    /// What is live in an entity's blocks up to and including one.
    @inline(__always) func stored(_ block: Int) -> Moments {
        var total = Moments()
        total.count = Int(counts[block])
        if keepsSums { total.sum = Int128(truncatingIfNeeded: Self.wide(sums, 2 * block)) }
        if keepsSquares {
            total.squares = Int256(low: Self.wide(squares, 4 * block), high: Self.wide(squares, 4 * block + 2))
        }
        return total
    }

    /// The same into what stands there; what the lane does not keep stays as it is, zero.
    @inline(__always) func load(_ block: Int, into total: inout Moments) {
        total.count = Int(counts[block])
        if keepsSums { total.sum = Int128(truncatingIfNeeded: Self.wide(sums, 2 * block)) }
        if keepsSquares {
            total.squares = Int256(low: Self.wide(squares, 4 * block), high: Self.wide(squares, 4 * block + 2))
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

    @inline(__always) private static func wide(_ slab: Slab<UInt64>, _ index: Int) -> UInt128 {
        UInt128(slab[index + 1]) << 64 | UInt128(slab[index])
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
            var total = first == 0 ? Moments() : stored(base + first - 1)
            for block in (base + first)..<(base + end) {
                accumulate(block << BlockTree.shift, (block + 1) << BlockTree.shift, mask: mask, into: &total)
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
