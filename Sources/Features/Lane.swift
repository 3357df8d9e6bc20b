internal import MartletFrames

/// The values of one expression for all versions of all events, with summaries a block.
///
/// Slots are numbered as in ``VersionArena``; a block is 32 slots of one entity. Summaries are of what is live now,
/// kept for complete blocks only, and made anew from the first block that changes.
struct Lane {
    enum Kind: UInt8 {
        /// Only whether the event counts.
        case presence
        case bool
        /// `int64`, or `timestamp` in microseconds.
        case integer
        case number
        /// The number of the text in the lane's table.
        case text
    }

    /// Bits of a flag.
    static let present: UInt8 = 1
    static let isTrue: UInt8 = 2
    static let removed: UInt8 = 128

    let kind: Kind
    /// Whether every event so far counts, so that counting needs no look at flags while nothing is removed.
    var isAlwaysPresent = true
    let keepsSums: Bool
    let keepsSquares: Bool
    let keepsExtremes: Bool
    var format: FixedPointFormat
    var flags = Slab<UInt8>()
    var words = Slab<UInt64>()
    /// Of the entity's blocks up to and including this one.
    var counts = Slab<UInt32>()
    var sums = Slab<UInt64>()
    var squares = Slab<UInt64>()
    /// Of each node of the tree over blocks, in the order of `orderKey`.
    var minima = BlockTree()
    var maxima = BlockTree()

    init(type: ValueType?, needs: ViewProgram.LaneNeeds) {
        switch type {
        case nil: kind = .presence
        case .bool: kind = .bool
        case .int64, .timestamp: kind = .integer
        case .float64: kind = .number
        case .string: kind = .text
        }
        keepsSums = needs.sums
        keepsSquares = needs.squares
        keepsExtremes = needs.extremes
        format = kind == .number ? FixedPointFormat() : .integers
    }

    /// Whether running sums are in 128 bits; always where none are kept.
    var isNarrow: Bool { !keepsSums || format.isNarrow }

    var hasWords: Bool { kind == .integer || kind == .number || kind == .text }

    mutating func grow(slots: Int, keeping used: Int) {
        let blocks = slots >> BlockTree.shift
        let usedBlocks = used >> BlockTree.shift
        flags.grow(to: slots, keeping: used)
        if hasWords { words.grow(to: slots, keeping: used) }
        counts.grow(to: blocks, keeping: usedBlocks)
        if keepsSums { sums.grow(to: blocks * format.limbs, keeping: usedBlocks * format.limbs) }
        if keepsSquares { squares.grow(to: blocks * format.limbs * 2, keeping: usedBlocks * format.limbs * 2) }
        if keepsExtremes {
            minima.grow(slots: slots, keeping: used)
            maxima.grow(slots: slots, keeping: used)
        }
    }

    /// Takes memory for the sums of a format that changed; they must then be made anew.
    mutating func resizeSums(slots: Int) {
        let blocks = slots >> BlockTree.shift
        if keepsSums { sums.grow(to: blocks * format.limbs, keeping: 0) }
        if keepsSquares { squares.grow(to: blocks * format.limbs * 2, keeping: 0) }
    }

    func duplicate() -> Self {
        var copy = self
        copy.flags = flags.duplicate()
        copy.words = words.duplicate()
        copy.counts = counts.duplicate()
        copy.sums = sums.duplicate()
        copy.squares = squares.duplicate()
        copy.minima = minima.duplicate()
        copy.maxima = maxima.duplicate()
        return copy
    }

    func deallocate() {
        flags.deallocate()
        words.deallocate()
        counts.deallocate()
        sums.deallocate()
        squares.deallocate()
        minima.deallocate()
        maxima.deallocate()
    }

    var byteCount: Int {
        flags.byteCount + words.byteCount + counts.byteCount + sums.byteCount + squares.byteCount + minima.byteCount + maxima.byteCount
    }

    /// A word that is equal for equal values: 0.0 for −0.0, and a bool as 0 or 1.
    @inline(__always) func equalityWord(_ slot: Int) -> UInt64 {
        switch kind {
        case .bool, .presence: UInt64(flags[slot] & Self.isTrue) >> 1
        case .number: words[slot] == 1 << 63 ? 0 : words[slot]
        case .integer, .text: words[slot]
        }
    }

    /// An integer that orders as the value does; −0.0 before 0.0.
    @inline(__always) func orderKey(_ slot: Int) -> Int64 {
        let word = Int64(bitPattern: words[slot])
        return kind == .number ? Self.totalOrder(word) : word
    }

    /// Its own inverse.
    @inline(__always) static func totalOrder(_ word: Int64) -> Int64 {
        word ^ Int64(bitPattern: UInt64(bitPattern: word >> 63) >> 1)
    }
}

/// Places of a tree over blocks of 32 slots, 32 nodes to the next level's node, of any region aligned to its size.
struct BlockTree {
    static let shift = 5
    static let fanout = 32
    /// 32^5 slots in one node of the last.
    static let levelCount = 5

    // Five fields instead of an array: a lane is then copied without counting references.
    private var level1 = Slab<Int64>()
    private var level2 = Slab<Int64>()
    private var level3 = Slab<Int64>()
    private var level4 = Slab<Int64>()
    private var level5 = Slab<Int64>()

    /// The nodes of a level, from 1; the node of a slot is `slot >> 5 × level`.
    @inline(__always) subscript(level: Int) -> Slab<Int64> {
        switch level {
        case 1: level1
        case 2: level2
        case 3: level3
        case 4: level4
        default: level5
        }
    }

    mutating func grow(slots: Int, keeping used: Int) {
        func size(_ slots: Int, _ level: Int) -> Int { (slots >> (Self.shift * level)) + 1 }
        level1.grow(to: size(slots, 1), keeping: min(size(used, 1), level1.capacity))
        level2.grow(to: size(slots, 2), keeping: min(size(used, 2), level2.capacity))
        level3.grow(to: size(slots, 3), keeping: min(size(used, 3), level3.capacity))
        level4.grow(to: size(slots, 4), keeping: min(size(used, 4), level4.capacity))
        level5.grow(to: size(slots, 5), keeping: min(size(used, 5), level5.capacity))
    }

    func duplicate() -> Self {
        var copy = self
        copy.level1 = level1.duplicate()
        copy.level2 = level2.duplicate()
        copy.level3 = level3.duplicate()
        copy.level4 = level4.duplicate()
        copy.level5 = level5.duplicate()
        return copy
    }

    func deallocate() {
        for level in 1...Self.levelCount { self[level].deallocate() }
    }

    var byteCount: Int { (1...Self.levelCount).reduce(0) { $0 + self[$1].byteCount } }
}
