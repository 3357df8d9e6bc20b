import MartletNumerics

/// How far two counts over the same bins are from each other.
///
/// Bins that are empty on both sides are left out. Every distance is nil if one side has nothing at all.
public struct CountDistances: Hashable, Sendable {
    /// Pearson's test that both sides come from one distribution over the bins (homogeneity, no correction).
    public struct ChiSquared: Hashable, Sendable {
        public var statistic: Double
        /// Bins in use less one.
        public var degrees: Int
        /// The chance of at least this statistic, by the chi-squared distribution; 1 if there is one bin. A rule of thumb
        /// asks for an expected count of 5 in each bin.
        public var pValue: Double
    }

    public var chiSquared: ChiSquared
    /// Population stability index: Σ (aᵢ − eᵢ) · ln(aᵢ / eᵢ) over shares, actual against expected.
    ///
    /// Each count is raised by `smoothing` before shares are taken, on every bin in use and on both sides, so that an empty
    /// bin is finite and the index does not jump when its first number comes.
    public var populationStability: Double
    /// Jensen–Shannon's distance: the root of the divergence to base 2, 0 to 1, of the shares as they are (as SciPy's).
    public var jensenShannon: Double

    /// - Parameters:
    ///   - reference: counts of at least 0 by bin: what is expected.
    ///   - current: counts of the same bins: what came.
    ///   - smoothing: what PSI adds to every count, more than 0. Half a row is the default (Jeffreys' prior).
    /// - Complexity: O(bins).
    public init?(reference: [Int], current: [Int], smoothing: Double = 0.5) {
        precondition(reference.count == current.count, "lengths differ")
        precondition(smoothing > 0 && smoothing.isFinite, "a smoothing above 0")
        precondition((reference + current).allSatisfy { $0 >= 0 }, "a count is negative")
        let (total, currentTotal) = (Double(reference.reduce(0, +)), Double(current.reduce(0, +)))
        guard total > 0, currentTotal > 0 else { return nil }
        let inUse = reference.indices.filter { reference[$0] + current[$0] > 0 }

        var statistic = CompensatedSum(), stability = CompensatedSum(), divergence = CompensatedSum()
        let smoothed = (total + smoothing * Double(inUse.count), currentTotal + smoothing * Double(inUse.count))
        for bin in inUse {
            let (e, a) = (Double(reference[bin]), Double(current[bin]))
            // Both cells' (observed − expected)² / expected at once.
            let cross = e * currentTotal - a * total
            statistic.add(cross / total * (cross / currentTotal) / (e + a))

            let (expected, actual) = ((e + smoothing) / smoothed.0, (a + smoothing) / smoothed.1)
            stability.add((actual - expected) * ElementaryFunctions.log(actual / expected))

            let (p, q) = (e / total, a / currentTotal)
            let middle = (p + q) / 2
            if p > 0 { divergence.add(p * ElementaryFunctions.log(p / middle)) }
            if q > 0 { divergence.add(q * ElementaryFunctions.log(q / middle)) }
        }
        let degrees = inUse.count - 1
        chiSquared = ChiSquared(
            statistic: statistic.value, degrees: degrees,
            pValue: degrees == 0 ? 1 : SpecialFunctions.chiSquaredAbove(statistic.value, degrees: Double(degrees)))
        populationStability = stability.value
        // ln 2 · 2 halves: the divergence is the mean of the two, to base 2.
        jensenShannon = max(0, divergence.value / (2 * 0x1.62e42fefa39efp-1)).squareRoot()
    }
}
