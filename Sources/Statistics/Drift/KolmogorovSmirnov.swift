import MartletNumerics

/// The two-sample Kolmogorov–Smirnov test: the greatest distance of two empirical distribution functions.
public struct KolmogorovSmirnov: Hashable, Sendable {
    /// The greatest |F − G|, 0 to 1, rounded once.
    public var statistic: Double
    /// The chance of a distance of at least that, were both samples of one continuous distribution. With ties it is too high.
    public var pValue: Double
    /// Whether the chance is counted exactly; else it is Kolmogorov's limit.
    public var isExact: Bool

    /// Chances are counted exactly while the product of the samples' sizes is at most this.
    public static let exactLimit = 4_000_000

    /// The test of two samples in any order; nil if one is empty. Numbers are finite.
    ///
    /// - Complexity: O(*n* log *n*) for *n* numbers, and up to ``exactLimit`` steps for the chance.
    public init?(reference: [Double], current: [Double]) {
        precondition((reference + current).allSatisfy { $0.isFinite }, "a number is not finite")
        self.init(sortedReference: reference.sorted(), sortedCurrent: current.sorted())
    }

    init?(sortedReference: [Double], sortedCurrent: [Double]) {
        let (n, m) = (sortedReference.count, sortedCurrent.count)
        guard n > 0, m > 0 else { return nil }
        var (i, j, gap) = (0, 0, 0)
        while i < n && j < m {
            let number = min(sortedReference[i], sortedCurrent[j])
            while i < n, sortedReference[i] == number { i += 1 }
            while j < m, sortedCurrent[j] == number { j += 1 }
            gap = max(gap, abs(j * n - i * m))
        }
        self.init(gap: Int128(gap), referenceCount: n, currentCount: m)
    }

    /// - Parameter gap: the greatest |F − G| times the product of the counts, a whole number.
    init(gap: Int128, referenceCount n: Int, currentCount m: Int) {
        statistic = Double(gap) / (Double(n) * Double(m))
        isExact = n <= Self.exactLimit / m
        if isExact {
            pValue = Self.chance(ofGap: Int(gap), n, m)
        } else {
            let (n, m) = (Double(n), Double(m))
            pValue = SpecialFunctions.kolmogorovAbove(statistic * (n * m / (n + m)).squareRoot())
        }
    }

    /// The share of the lattice paths from (0, 0) to (n, m) that touch a point with |i·m − j·n| ≥ gap.
    ///
    /// A path's last step into (i, j) came from (i − 1, j) with chance i / (i + j), so the share of paths to a point that
    /// have touched is a mean of the shares at its two neighbours: sums of positive terms, with all digits kept where the
    /// chance is small. Other codes count the paths that do *not* touch (M. Kim, R. Jennrich, 1973; J. Hodges, *The
    /// significance probability of the Smirnov two-sample test*, 1958) and lose them in 1 − x.
    ///
    /// - Complexity: O(n · m); memory O(min(n, m)).
    private static func chance(ofGap gap: Int, _ a: Int, _ b: Int) -> Double {
        if gap == 0 { return 1 }
        let (n, m) = (max(a, b), min(a, b))
        let inverses = (0...(n + m)).map { $0 == 0 ? 0 : 1 / Double($0) }
        var touched = [Double](repeating: 0, count: m + 1)
        touched.withUnsafeMutableBufferPointer { touched in
            for i in 0...n {
                var left = 0.0
                for j in 0...m {
                    let excess = i * m - j * n
                    let share = (Double(i) * touched[j] + Double(j) * left) * inverses[i + j]
                    left = excess >= gap || -excess >= gap ? 1 : share
                    touched[j] = left
                }
            }
        }
        return touched[m]
    }
}

/// The area between two empirical distribution functions: Wasserstein's distance of order 1, in the numbers' unit.
///
/// Numbers are finite, in any order. Nil if a sample is empty. O(*n* log *n*).
public func wassersteinDistance(reference: [Double], current: [Double]) -> Double? {
    precondition((reference + current).allSatisfy { $0.isFinite }, "a number is not finite")
    guard !reference.isEmpty, !current.isEmpty else { return nil }
    let (left, right) = (reference.sorted(), current.sorted())
    var (i, j) = (0, 0)
    var area = CompensatedSum()
    var previous = min(left[0], right[0])
    while i < left.count || j < right.count {
        let number = min(i < left.count ? left[i] : .infinity, j < right.count ? right[j] : .infinity)
        let height = Double(i) / Double(left.count) - Double(j) / Double(right.count)
        area.add(abs(height) * (number - previous))
        while i < left.count, left[i] == number { i += 1 }
        while j < right.count, right[j] == number { j += 1 }
        previous = number
    }
    return area.value
}
