/// Counts of values that have no order, of bounded size; merging is exact, whatever the order and the splits.
///
/// Up to `limit` distinct values all are counted. Beyond it only those whose 64-bit hash begins with at least ``level``
/// zero bits are kept, with the least level at which they are no more than `limit`: a sample of the distinct values that
/// does not depend on how often each occurs. Counts of kept values are exact, since a value that is kept at the end was
/// kept from its first occurrence on; the total is exact; the number of distinct values is an estimate.
///
/// *Merging is associative and commutative.* The level depends on the set of hashes alone, by the argument of
/// ``NumberHistogram``: the number of hashes with j leading zeros falls when j rises and grows with the set.
///
/// The hash is the caller's: the same for one value wherever profiles are merged, even over its bits.
///
/// Source: M. Wegman's adaptive sampling; P. Flajolet, *On Adaptive Sampling* (1990).
public struct CategoryCounts: Sendable, Equatable {
    /// One value that is kept.
    public struct Entry: Hashable, Sendable {
        public var hash: UInt64
        /// At most ``CategoryCounts/textLimit`` bytes of the value's text, for display.
        public var text: String
        public var count: Int
    }

    /// How many bytes of a text are kept; whole characters of Unicode.
    public static let textLimit = 128

    /// The most values that are kept.
    public let limit: Int
    /// How many values were counted, kept or not.
    public private(set) var count = 0
    /// How many leading zero bits the hash of a kept value has at least.
    public private(set) var level = 0
    private var kept: [UInt64: Kept] = [:]

    private struct Kept: Equatable, Sendable {
        var text: String
        var count: Int
    }

    /// - Parameter limit: 1 to 65,536.
    public init(limit: Int = 1_024) {
        precondition((1...65_536).contains(limit), "a limit of 1 to 65,536 values")
        self.limit = limit
    }

    /// Counts one value `times` times. Expected O(1).
    public mutating func add(hash: UInt64, text: @autoclosure () -> String, times: Int = 1) {
        guard times > 0 else { return }
        count += times
        guard hash.leadingZeroBitCount >= level else { return }
        if let index = kept.index(forKey: hash) {
            kept.values[index].count += times
        } else {
            keep(hash, Kept(text: Self.shortened(text()), count: times))
        }
    }

    /// Adds all counts of another of the same limit. O(`limit`).
    public mutating func merge(_ other: CategoryCounts) {
        precondition(limit == other.limit, "counts of different limits do not merge")
        count += other.count
        raise(to: other.level)
        for (hash, value) in other.kept where hash.leadingZeroBitCount >= level {
            if let mine = kept[hash] {
                // Two texts of one hash are as good as impossible; the lesser is taken, whatever the order.
                kept[hash] = Kept(text: min(mine.text, value.text), count: mine.count + value.count)
            } else {
                keep(hash, value)
            }
        }
    }

    private mutating func keep(_ hash: UInt64, _ value: Kept) {
        kept[hash] = value
        // Of level 64 there is one hash at most.
        while kept.count > limit { raise(to: level + 1) }
    }

    private mutating func raise(to level: Int) {
        guard level > self.level else { return }
        self.level = level
        kept = kept.filter { $0.key.leadingZeroBitCount >= level }
    }

    static func shortened(_ text: String) -> String {
        guard text.utf8.count > textLimit else { return text }
        var short = ""
        var size = 0
        for scalar in text.unicodeScalars {
            size += UTF8.width(scalar)
            if size > textLimit { break }
            short.unicodeScalars.append(scalar)
        }
        return short
    }

    // MARK: Reading

    /// Whether all distinct values are kept.
    public var isExact: Bool { level == 0 }

    /// The values kept, by descending count; equal counts by hash. O(`limit` log `limit`).
    public var entries: [Entry] {
        kept.map { Entry(hash: $0.key, text: $0.value.text, count: $0.value.count) }
            .sorted { $0.count != $1.count ? $0.count > $1.count : $0.hash < $1.hash }
    }

    /// The number of distinct values: exact at level 0; else an estimate without bias, of standard error about
    /// 1.2 / √`limit` of itself.
    public var distinctCount: Double {
        var scaled = Double(kept.count)
        for _ in 0..<level { scaled *= 2 }
        return scaled
    }

    /// How many of the values counted are not among ``entries``.
    public var otherCount: Int { count - kept.values.reduce(0) { $0 + $1.count } }

    /// The counts by hash at a level of at least ``level``.
    package func counts(atLevel level: Int) -> [UInt64: Int] {
        kept.filter { $0.key.leadingZeroBitCount >= level }.mapValues(\.count)
    }

    /// Takes back what ``entries`` gave; nil if no values give that.
    init?(limit: Int, level: Int, count: Int, entries: [Entry]) {
        guard (1...65_536).contains(limit), (0...64).contains(level), entries.count <= limit, count >= 0 else { return nil }
        self.init(limit: limit)
        var rest = count
        for entry in entries {
            guard entry.count >= 1, entry.count <= rest, entry.hash.leadingZeroBitCount >= level, entry.text.utf8.count <= Self.textLimit,
                kept.updateValue(Kept(text: entry.text, count: entry.count), forKey: entry.hash) == nil
            else { return nil }
            rest -= entry.count
        }
        // At level 0 nothing is left out; a level is raised only past the limit.
        guard level == 0 ? rest == 0 : count > limit else { return nil }
        self.level = level
        self.count = count
    }
}
