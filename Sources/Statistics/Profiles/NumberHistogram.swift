/// Counts of numbers in buckets cut by the leading bits of a float64; merging is exact, whatever the order and the splits.
///
/// A bucket holds the numbers that agree in sign, exponent and the first bits of the mantissa, so its width is a fixed
/// share of the numbers in it: 2⁻ᵏ with k = ``mantissaBits``. While no more than `limit` distinct numbers have come, each
/// has a bucket of its own and nothing is lost. When more buckets would be in use than `limit`, k is lowered by one, and
/// neighbours fall together, until they are not. (Below k = 0 bits of the exponent go, so that any limit holds.)
///
/// *Merging is associative and commutative.* Let Nₖ(A) be how many buckets of k bits the multiset A touches. It does not
/// fall when k rises or A grows. k is always the greatest with Nₖ(A) ≤ `limit`: it was lowered only where that failed for
/// some part of A, so it fails for A too. Hence k, and with it every count, depends on A alone. What was already lost in
/// a part is not missed: k of the whole is at most k of the part.
///
/// Numbers that are not finite are not counted; −0 counts as 0. Limits of merged histograms must be equal.
///
/// ```swift
/// var histogram = NumberHistogram()
/// histogram.add([1, 2, 2, 40].span)
/// histogram.quantile(0.5)   // 2
/// ```
///
/// Source: log-linear buckets as in G. Tene's HdrHistogram; the collapse by halving as in UDDSketch (I. Epicoco et al.,
/// 2020), on bits instead of logarithms, so that bucket edges are exact and equal on every machine.
public struct NumberHistogram: Sendable {
    /// Numbers from `lower` through `upper`, both of which may occur.
    public struct Bucket: Hashable, Sendable {
        public var lower: Double
        public var upper: Double
        public var count: Int
    }

    /// The most buckets that may be in use.
    public let limit: Int
    /// How many numbers were counted.
    public private(set) var count = 0
    /// How many low bits of a number's key are not looked at.
    package private(set) var droppedBits = 0

    // Numbers are counted by key: their bits as an unsigned number in the numbers' own order. The least and the greatest
    // key, then an open-addressed table of keys without the dropped bits.
    private var least = UInt64.max
    private var greatest = UInt64.min
    private var keys: [UInt64]
    private var counts: [Int]
    private var used = 0

    /// No number has it: it would be a NaN.
    private static let empty = UInt64.max

    /// - Parameter limit: 16 to 65,536; memory grows to at most 64 bytes for each.
    public init(limit: Int = 2_048) {
        precondition((16...65_536).contains(limit), "a limit of 16 to 65,536 buckets")
        self.limit = limit
        keys = [UInt64](repeating: Self.empty, count: 64)
        counts = [Int](repeating: 0, count: 64)
    }

    // MARK: Keys

    @inline(__always)
    static func key(_ number: Double) -> UInt64 {
        let bits = (number + 0).bitPattern
        return bits ^ (UInt64(bitPattern: Int64(bitPattern: bits) >> 63) | 1 << 63)
    }

    static func number(_ key: UInt64) -> Double {
        Double(bitPattern: key >> 63 == 1 ? key & ~(1 << 63) : ~key)
    }

    // MARK: Adding

    /// Counts one number `times` times. O(1).
    public mutating func add(_ number: Double, times: Int = 1) {
        guard number.isFinite, times > 0 else { return }
        let key = Self.key(number)
        least = min(least, key)
        greatest = max(greatest, key)
        count += times
        insert(key >> UInt64(droppedBits), times)
        coarsenToLimit()
    }

    /// Counts all numbers of a run.
    ///
    /// - Complexity: O(*n*), 2 to 5 ns a number in runs of 16,384 or more; and at most 63 times O(`limit`), whatever *n*.
    ///   A run of 16,384 or more takes 150 KB while it lasts.
    public mutating func add(_ numbers: Span<Double>) {
        var next = 0
        var isDense = true
        while next < numbers.count {
            if isDense, numbers.count - next >= Self.denseRun, (0...11).contains(mantissaBits) {
                let end = addDense(numbers, from: next)
                isDense = end == numbers.count
                next = end
            } else {
                next = addHashed(numbers, from: next)
            }
        }
    }

    /// So many numbers are worth a table that is emptied afterwards.
    private static let denseRun = 16_384
    private static let denseSize = 32_768

    /// Counts numbers in a table without gaps: by sign and exponent a block, in it by the mantissa's first bits. Only where
    /// all is counted does the limit matter, since the outcome depends on the numbers alone. Gives the place to go on from.
    private mutating func addDense(_ numbers: Span<Double>, from start: Int) -> Int {
        var blocks = [Int32](repeating: -1, count: 4_096)
        var table = [UInt32](repeating: 0, count: Self.denseSize)
        let shift = UInt64(droppedBits)
        let blockSize = 1 << mantissaBits
        let mask = UInt64(blockSize - 1)
        var end = Int32(0)
        var (low, high, skipped) = (least, greatest, 0)
        // A count of the table stays below 2³².
        let last = min(numbers.count, start + 1 << 30)
        var index = start
        blocks.withUnsafeMutableBufferPointer { blocks in
            table.withUnsafeMutableBufferPointer { table in
                while index < last {
                    let key = Self.key(numbers[unchecked: index])
                    let exponent = Int(truncatingIfNeeded: key >> 52)
                    var block = blocks[exponent]
                    if block < 0 {
                        // All bits of the exponent set: not finite.
                        if exponent == 0 || exponent == 0xFFF {
                            skipped += 1
                            index += 1
                            continue
                        }
                        if Int(end) + blockSize > Self.denseSize { break }
                        blocks[exponent] = end
                        block = end
                        end += Int32(blockSize)
                    }
                    index += 1
                    low = min(low, key)
                    high = max(high, key)
                    table[Int(block) + Int(truncatingIfNeeded: (key >> shift) & mask)] &+= 1
                }
            }
        }
        (least, greatest) = (low, high)
        count += index - start - skipped
        // The prefixes of a block are its exponent's, then those bits.
        for exponent in blocks.indices where blocks[exponent] >= 0 {
            let first = Int(blocks[exponent])
            for place in 0..<blockSize where table[first + place] > 0 {
                insert(UInt64(exponent) << UInt64(mantissaBits) | UInt64(place), Int(table[first + place]))
            }
        }
        coarsenToLimit()
        return index
    }

    /// Counts numbers in the table itself until it must change; gives the place to go on from.
    private mutating func addHashed(_ numbers: Span<Double>, from start: Int) -> Int {
        if used * 2 >= keys.count { grow() }
        let shift = UInt64(droppedBits)
        let mask = keys.count - 1
        let hashShift = UInt64(65 - keys.count.bitWidth + keys.count.leadingZeroBitCount)
        // Past the limit for a while, so that many bits are dropped at once.
        let most = min(2 * limit, keys.count / 2)
        var (low, high, added, filled) = (least, greatest, 0, used)
        let last = min(numbers.count, start + Self.denseRun / 4)
        var index = start
        keys.withUnsafeMutableBufferPointer { keys in
            counts.withUnsafeMutableBufferPointer { counts in
                while index < last {
                    let number = numbers[unchecked: index]
                    index += 1
                    let key = Self.key(number)
                    // All bits of the exponent set: not finite.
                    if number.bitPattern & 0x7FF0_0000_0000_0000 == 0x7FF0_0000_0000_0000 { continue }
                    low = min(low, key)
                    high = max(high, key)
                    added += 1
                    let prefix = key >> shift
                    var slot = Int(truncatingIfNeeded: (prefix &* 0x9E37_79B9_7F4A_7C15) >> hashShift)
                    while keys[slot] != prefix {
                        if keys[slot] == Self.empty {
                            keys[slot] = prefix
                            filled += 1
                            break
                        }
                        slot = (slot + 1) & mask
                    }
                    counts[slot] += 1
                    if filled > most { break }
                }
            }
        }
        (least, greatest, used) = (low, high, filled)
        count += added
        if used > 2 * limit || index == numbers.count { coarsenToLimit() }
        return index
    }

    /// Adds all counts of another histogram of the same limit. O(`limit`).
    public mutating func merge(_ other: NumberHistogram) {
        precondition(limit == other.limit, "histograms of different limits do not merge")
        coarsen(to: other.droppedBits)
        least = min(least, other.least)
        greatest = max(greatest, other.greatest)
        count += other.count
        let shift = UInt64(droppedBits - other.droppedBits)
        for slot in other.keys.indices where other.keys[slot] != Self.empty { insert(other.keys[slot] >> shift, other.counts[slot]) }
        coarsenToLimit()
    }

    private mutating func insert(_ prefix: UInt64, _ times: Int) {
        if used * 2 >= keys.count { grow() }
        let hashShift = UInt64(65 - keys.count.bitWidth + keys.count.leadingZeroBitCount)
        var slot = Int(truncatingIfNeeded: (prefix &* 0x9E37_79B9_7F4A_7C15) >> hashShift)
        while keys[slot] != prefix {
            if keys[slot] == Self.empty {
                keys[slot] = prefix
                used += 1
                break
            }
            slot = (slot + 1) & (keys.count - 1)
        }
        counts[slot] += times
    }

    private mutating func grow() {
        rehash(capacity: keys.count * 2, shift: 0)
    }

    private mutating func rehash(capacity: Int, shift: UInt64) {
        let (oldKeys, oldCounts) = (keys, counts)
        keys = [UInt64](repeating: Self.empty, count: capacity)
        counts = [Int](repeating: 0, count: capacity)
        used = 0
        for slot in oldKeys.indices where oldKeys[slot] != Self.empty { insert(oldKeys[slot] >> shift, oldCounts[slot]) }
    }

    private mutating func coarsen(to bits: Int) {
        guard bits > droppedBits else { return }
        rehash(capacity: keys.count, shift: UInt64(bits - droppedBits))
        droppedBits = bits
    }

    /// Drops as few more bits as bring the buckets down to the limit.
    private mutating func coarsenToLimit() {
        guard used > limit else { return }
        let sorted = keys.filter { $0 != Self.empty }.sorted()
        // Neighbours fall together once the highest bit in which they differ is dropped.
        var joined = [Int](repeating: 0, count: 65)
        for index in 1..<sorted.count { joined[64 - (sorted[index] ^ sorted[index - 1]).leadingZeroBitCount] += 1 }
        var left = used
        var bits = 0
        while left > limit {
            bits += 1
            left -= joined[bits]
        }
        coarsen(to: droppedBits + bits)
    }

    // MARK: Reading

    /// How many leading bits of the mantissa a bucket keeps, 52 while every number has its own; below 0 the exponent lost bits.
    public var mantissaBits: Int { 52 - droppedBits }

    /// The least number, exactly; nil of none.
    public var minimum: Double? { count > 0 ? Self.number(least) : nil }

    /// The greatest number, exactly; nil of none.
    public var maximum: Double? { count > 0 ? Self.number(greatest) : nil }

    /// The buckets in use, ascending; the outermost end at the least and the greatest number. O(`limit` log `limit`).
    public var buckets: [Bucket] {
        sortedCounts(droppingBits: droppedBits).map { prefix, count in
            let (lower, upper) = bounds(prefix, droppingBits: droppedBits)
            return Bucket(lower: lower, upper: upper, count: count)
        }
    }

    /// Keys without their `bits` low bits, ascending, each with its count; `bits` is at least ``droppedBits``.
    package func sortedCounts(droppingBits bits: Int) -> [(prefix: UInt64, count: Int)] {
        let shift = UInt64(bits - droppedBits)
        var sorted: [(prefix: UInt64, count: Int)] = []
        sorted.reserveCapacity(used)
        for slot in keys.indices where keys[slot] != Self.empty { sorted.append((keys[slot], counts[slot])) }
        sorted.sort { $0.prefix < $1.prefix }
        guard shift > 0 else { return sorted }
        var joined: [(prefix: UInt64, count: Int)] = []
        for (prefix, count) in sorted {
            if let last = joined.last, last.prefix == prefix >> shift {
                joined[joined.count - 1].count += count
            } else {
                joined.append((prefix >> shift, count))
            }
        }
        return joined
    }

    /// The least and the greatest number that a bucket can hold, no farther out than any number counted.
    package func bounds(_ prefix: UInt64, droppingBits bits: Int) -> (lower: Double, upper: Double) {
        let first = prefix << UInt64(bits)
        var last = first | (1 << UInt64(bits) - 1)
        // The key of −0, which no number has.
        if last == 1 << 63 - 1 { last -= 1 }
        return (Self.number(max(first, least)), Self.number(min(last, greatest)))
    }

    /// Where the q-quantile lies for certain: the number of rank ⌈q · count⌉ (at least 1) in ascending order. Nil of no numbers.
    public func quantileBounds(_ q: Double) -> ClosedRange<Double>? {
        place(of: q).map { $0.bucket.lower...$0.bucket.upper }
    }

    /// The q-quantile, off the number of rank ⌈q · count⌉ by less than its bucket's width: by at most 2⁻ᵏ of itself
    /// (k = ``mantissaBits`` ≥ 0), and not at all while every number has its own bucket. Nil of no numbers.
    public func quantile(_ q: Double) -> Double? {
        guard let (bucket, rank) = place(of: q) else { return nil }
        // Halves, since a width may be beyond the range.
        let share = (Double(rank) - 0.5) / Double(bucket.count)
        let value = bucket.lower * (1 - share) + bucket.upper * share
        return min(max(value, bucket.lower), bucket.upper)
    }

    /// The bucket of rank ⌈q · count⌉ and its rank in there.
    private func place(of q: Double) -> (bucket: Bucket, rank: Int)? {
        precondition(q >= 0 && q <= 1, "a quantile of 0 to 1")
        guard count > 0 else { return nil }
        let exact = q * Double(count)
        var rank = Int(exact)
        if Double(rank) < exact { rank += 1 }
        rank = min(max(rank, 1), count)
        for bucket in buckets {
            if rank <= bucket.count { return (bucket, rank) }
            rank -= bucket.count
        }
        return nil
    }
}

extension NumberHistogram: Equatable {
    public static func == (left: Self, right: Self) -> Bool {
        left.limit == right.limit && left.count == right.count && left.droppedBits == right.droppedBits && left.least == right.least
            && left.greatest == right.greatest
            && left.sortedCounts(droppingBits: left.droppedBits).elementsEqual(right.sortedCounts(droppingBits: right.droppedBits), by: ==)
    }
}

extension NumberHistogram {
    /// The least and the greatest key, for coding.
    var keyRange: (least: UInt64, greatest: UInt64) { (least, greatest) }

    /// Takes back what ``sortedCounts(droppingBits:)`` and ``keyRange`` gave; nil if no numbers give that.
    init?(limit: Int, droppedBits: Int, least: UInt64, greatest: UInt64, counts: [(prefix: UInt64, count: Int)]) {
        guard (16...65_536).contains(limit), (0...63).contains(droppedBits), counts.count <= limit else { return nil }
        self.init(limit: limit)
        // Fewer bits are dropped only where more buckets than the limit would be in use.
        guard let first = counts.first, let last = counts.last else {
            guard droppedBits == 0, least == .max, greatest == .min else { return nil }
            return
        }
        guard droppedBits == 0 || counts.count * 2 > limit, least <= greatest, Self.number(least).isFinite, Self.number(greatest).isFinite,
            first.prefix == least >> UInt64(droppedBits), last.prefix == greatest >> UInt64(droppedBits)
        else { return nil }
        var previous: UInt64?
        for (prefix, count) in counts {
            guard count >= 1, previous.map({ $0 < prefix }) ?? true, prefix <= UInt64.max >> UInt64(droppedBits) else { return nil }
            let (total, overflow) = self.count.addingReportingOverflow(count)
            guard !overflow else { return nil }
            self.count = total
            insert(prefix, count)
            previous = prefix
        }
        guard droppedBits == 0 || count > limit, count > 1 || least == greatest else { return nil }
        self.droppedBits = droppedBits
        (self.least, self.greatest) = (least, greatest)
    }
}
