/// Counts of latencies in fixed buckets.
struct LatencyHistogram: Sendable {
    /// The buckets' upper bounds in nanoseconds, each about 1.6 to 2.5 times the one before; one more holds the rest.
    static let bounds: [UInt64] = [
        50_000, 100_000, 200_000, 400_000, 600_000, 1_000_000, 1_600_000, 2_500_000, 4_000_000, 6_000_000, 10_000_000, 16_000_000,
        25_000_000, 40_000_000, 60_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 10_000_000_000,
    ]

    private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
    private(set) var count = 0
    private(set) var sum: UInt64 = 0

    mutating func record(_ nanoseconds: UInt64) {
        let index = Self.bounds.firstIndex { nanoseconds <= $0 } ?? Self.bounds.count
        counts[index] += 1
        count += 1
        sum &+= nanoseconds
    }

    /// The latency that a share of the requests did not pass, in nanoseconds, interpolated inside its bucket; nil for no requests.
    ///
    /// What fell in the last bucket, which has no upper bound, counts as the greatest bound.
    func quantile(_ share: Double) -> UInt64? {
        guard count > 0 else { return nil }
        let rank = share * Double(count)
        var before = 0
        for (index, inBucket) in counts.enumerated() where inBucket > 0 {
            if Double(before + inBucket) >= rank {
                guard index < Self.bounds.count else { break }
                let low = index == 0 ? 0 : Double(Self.bounds[index - 1])
                let high = Double(Self.bounds[index])
                let position = max(0, rank - Double(before)) / Double(inBucket)
                return UInt64(low + (high - low) * position)
            }
            before += inBucket
        }
        return Self.bounds.last
    }
}
