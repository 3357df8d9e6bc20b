import MartletNumerics

/// How far a column has moved from its reference.
public struct ColumnDrift: Sendable, Equatable {
    /// Numbers or categories compared, missing ones apart.
    public var referenceCount: Int
    public var currentCount: Int
    /// The Kolmogorov–Smirnov test; nil for categories. Between profiles the statistic is the greatest distance at the
    /// buckets' edges, at most the exact one, and the chance is at least the exact one.
    public var kolmogorovSmirnov: KolmogorovSmirnov?
    /// The exact statistic lies between ``KolmogorovSmirnov/statistic`` and this; equal to it if that is exact.
    public var kolmogorovSmirnovAtMost: Double?
    /// Wasserstein's distance of order 1, in the column's unit; nil for categories, and where it was not computed.
    public var wasserstein: Double?
    /// How far the exact distance may be from ``wasserstein``, either way.
    public var wassersteinError: Double?
    /// Chi-squared test, PSI and Jensen–Shannon's distance of ``referenceCounts`` and ``currentCounts``.
    public var distances: CountDistances
    /// Where the bins of numbers end: bin *i* holds numbers above edge *i* − 1 and at most edge *i*; the last is open. Empty for
    /// categories.
    public var edges: [Double]
    /// Exact counts by bin.
    public var referenceCounts: [Int]
    public var currentCounts: [Int]
}

extension ColumnDrift {
    /// Compares two profiles of one column on their common buckets; nil if one has no numbers or categories at all.
    ///
    /// *Numbers.* Both are brought to the coarser of the two resolutions. At the buckets' edges both distribution functions
    /// are known exactly; within a bucket neither rises by more than its mass, which bounds the statistic of
    /// Kolmogorov–Smirnov from above (``kolmogorovSmirnovAtMost``). For Wasserstein's distance a bucket's numbers stand at its
    /// middle: off by at most half the bucket's width, weighted by its mass on either side (``wassersteinError``). The bins are
    /// about equal shares of the reference, cut at the buckets' edges: the counts, and so the three distances of counts, are exact
    /// for the bins that ``edges`` names.
    ///
    /// *Categories.* Those kept by both at the higher of the two levels, and all others as one. Where that is not all of them, the
    /// Jensen–Shannon distance is at most that of all categories, since joining bins never moves distributions apart.
    ///
    /// - Parameters:
    ///   - bins: the most bins of numbers, at least 2.
    ///   - smoothing: what PSI adds to every count.
    /// - Complexity: O(`limit` log `limit`) of the profiles.
    public init?(reference: ColumnProfile, current: ColumnProfile, bins: Int = 10, smoothing: Double = 0.5) {
        precondition(bins >= 2, "at least 2 bins")
        if let numbers = reference.numbers, let others = current.numbers {
            self.init(numbers.histogram, others.histogram, bins: bins, smoothing: smoothing)
        } else if let categories = reference.categories, let others = current.categories {
            self.init(categories, others, smoothing: smoothing)
        } else {
            preconditionFailure("numbers and categories are not compared")
        }
    }

    private init?(_ reference: CategoryCounts, _ current: CategoryCounts, smoothing: Double) {
        let level = max(reference.level, current.level)
        let (left, right) = (reference.counts(atLevel: level), current.counts(atLevel: level))
        // In the order of hashes, so that sums have equal bits everywhere.
        let hashes = Set(left.keys).union(right.keys).sorted()
        var counts = (hashes.map { left[$0] ?? 0 }, hashes.map { right[$0] ?? 0 })
        counts.0.append(reference.count - counts.0.reduce(0, +))
        counts.1.append(current.count - counts.1.reduce(0, +))
        guard let distances = CountDistances(reference: counts.0, current: counts.1, smoothing: smoothing) else { return nil }
        self.init(
            referenceCount: reference.count, currentCount: current.count, distances: distances, edges: [], referenceCounts: counts.0,
            currentCounts: counts.1)
    }

    private init?(_ reference: NumberHistogram, _ current: NumberHistogram, bins: Int, smoothing: Double) {
        let (n, m) = (reference.count, current.count)
        guard n > 0, m > 0 else { return nil }
        let bits = max(reference.droppedBits, current.droppedBits)
        let (left, right) = (reference.sortedCounts(droppingBits: bits), current.sortedCounts(droppingBits: bits))
        var (i, j) = (0, 0)
        // Of both, the numbers up to and with the bucket at hand.
        var (atMost, currentAtMost) = (0, 0)
        // Of 128 bits, since profiles may count more rows than two of whose products fit a word.
        var (gap, gapAtMost) = (Int128(0), Int128(0))
        func times(_ a: Int, _ b: Int) -> Int128 { Int128(a) * Int128(b) }
        var area = CompensatedSum(), error = CompensatedSum()
        var previousMiddle: Double?
        var edges: [Double] = []
        var counts = (reference: [Int](), current: [Int]())
        var binStart = (0, 0)
        while i < left.count || j < right.count {
            let prefix = min(i < left.count ? left[i].prefix : .max, j < right.count ? right[j].prefix : .max)
            var (lower, upper) = (Double.infinity, -Double.infinity)
            let before = (atMost, currentAtMost)
            if i < left.count, left[i].prefix == prefix {
                (lower, upper) = reference.bounds(prefix, droppingBits: bits)
                atMost += left[i].count
                i += 1
            }
            if j < right.count, right[j].prefix == prefix {
                let bounds = current.bounds(prefix, droppingBits: bits)
                (lower, upper) = (min(lower, bounds.lower), max(upper, bounds.upper))
                currentAtMost += right[j].count
                j += 1
            }
            gap = max(gap, abs(times(currentAtMost, n) - times(atMost, m)))
            // Within, one side may have risen before the other.
            if lower < upper {
                gapAtMost = max(gapAtMost, times(currentAtMost, n) - times(before.0, m), times(atMost, m) - times(before.1, n))
            }

            let middle = lower / 2 + upper / 2
            if let previousMiddle {
                area.add(abs(Double(before.0) / Double(n) - Double(before.1) / Double(m)) * (middle - previousMiddle))
            }
            previousMiddle = middle
            let mass = Double(atMost - before.0) / Double(n) + Double(currentAtMost - before.1) / Double(m)
            error.add(mass * (upper / 2 - lower / 2))

            // A bin ends where the reference's next share is reached.
            if counts.reference.count < bins - 1, atMost < n, atMost * bins >= n * (counts.reference.count + 1), atMost > binStart.0 {
                edges.append(upper)
                counts.reference.append(atMost - binStart.0)
                counts.current.append(currentAtMost - binStart.1)
                binStart = (atMost, currentAtMost)
            }
        }
        counts.reference.append(n - binStart.0)
        counts.current.append(m - binStart.1)
        guard let distances = CountDistances(reference: counts.reference, current: counts.current, smoothing: smoothing) else { return nil }
        let test = KolmogorovSmirnov(gap: gap, referenceCount: n, currentCount: m)
        self.init(
            referenceCount: n, currentCount: m, kolmogorovSmirnov: test,
            kolmogorovSmirnovAtMost: Double(max(gap, gapAtMost)) / (Double(n) * Double(m)), wasserstein: area.value, wassersteinError: error.value,
            distances: distances, edges: edges, referenceCounts: counts.reference, currentCounts: counts.current)
    }
}
