/// A lane's values and running sums in a narrow format, as far as sums and counts need them.
///
/// Small and apart from ``Lane``, so that inner loops hold it in registers instead of copying a lane.
struct NarrowLane {
    let flags: UnsafePointer<UInt8>
    let words: UnsafePointer<UInt64>
    let counts: UnsafePointer<UInt32>
    let sums: UnsafePointer<UInt64>
    let squares: UnsafePointer<UInt64>
    let kind: Lane.Kind
    /// Whether the lane's format is narrow at all.
    let isNarrow: Bool
    let isAlwaysPresent: Bool
    let keepsSums: Bool
    let keepsSquares: Bool
    let scale: Int

    /// Adds what the slots hold.
    ///
    /// - Parameter mask: `present | removed` for what is live now, `present` for versions seen to be visible.
    @inline(__always) func accumulate(_ start: Int, _ end: Int, mask: UInt8, into total: inout Moments) {
        guard start < end else { return }
        if !keepsSums {
            var count = 0
            for slot in start..<end where flags[slot] & mask == Lane.present { count &+= 1 }
            total.count &+= count
            return
        }
        switch kind {
        case .number:
            for slot in start..<end where flags[slot] & mask == Lane.present {
                let value = fixedPoint(words[slot], scale: scale)
                total.count &+= 1
                total.sum &+= value
                if keepsSquares { total.squares.add(Int256(squareOf: value)) }
            }
        case .integer:
            for slot in start..<end where flags[slot] & mask == Lane.present {
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
                guard flag & mask == Lane.present else { continue }
                count &+= 1
                trues &+= Int(flag & Lane.isTrue) >> 1
            }
            total.count &+= count
            total.sum &+= Int128(trues)
            if keepsSquares { total.squares.add(Int256(low: UInt128(trues), high: 0)) }
        }
    }

    /// Writes the running sums over `count` slots of what is live: first zero, then one after each slot.
    ///
    /// - Parameter isDense: whether every slot counts; the counts are then left as they are.
    func sumPrefixes(
        _ start: Int, count: Int, isDense: Bool, sums: UnsafeMutablePointer<Int128>, counts: UnsafeMutablePointer<Int>
    ) {
        var sum: Int128 = 0
        sums[0] = 0
        let (flags, words) = (flags + start, words + start)
        switch kind {
        case .number where keepsSums && isDense:
            for place in 0..<count {
                sum &+= fixedPoint(words[place], scale: scale)
                sums[place + 1] = sum
            }
            return
        case .number where keepsSums:
            for place in 0..<count {
                if flags[place] & (Lane.present | Lane.removed) == Lane.present { sum &+= fixedPoint(words[place], scale: scale) }
                sums[place + 1] = sum
            }
        case .integer where keepsSums:
            for place in 0..<count {
                if flags[place] & (Lane.present | Lane.removed) == Lane.present { sum &+= Int128(Int64(bitPattern: words[place])) }
                sums[place + 1] = sum
            }
        case .bool where keepsSums:
            var trues: Int64 = 0
            for place in 0..<count {
                let isLive = flags[place] & (Lane.present | Lane.removed) == Lane.present
                trues &+= isLive ? Int64(flags[place] & Lane.isTrue) >> 1 : 0
                sums[place + 1] = Int128(trues)
            }
        case .number, .integer, .bool, .presence, .text: break
        }
        guard !isDense else { return }
        var live = 0
        counts[0] = 0
        for place in 0..<count {
            live &+= flags[place] & (Lane.present | Lane.removed) == Lane.present ? 1 : 0
            counts[place + 1] = live
        }
    }

    /// Replaces a total by what is live in an entity's blocks up to and including one; what the lane does not keep stays
    /// zero.
    @inline(__always) func load(_ block: Int, into total: inout Moments) {
        total.count = Int(counts[block])
        if keepsSums { total.sum = Int128(truncatingIfNeeded: Self.wide(sums, 2 * block)) }
        if keepsSquares {
            total.squares = Int256(low: Self.wide(squares, 4 * block), high: Self.wide(squares, 4 * block + 2))
        }
    }

    @inline(__always) private static func wide(_ limbs: UnsafePointer<UInt64>, _ index: Int) -> UInt128 {
        UInt128(limbs[index + 1]) << 64 | UInt128(limbs[index])
    }
}
