import Testing

@testable import MartletStatistics

@Suite("Histograms of numbers")
struct NumberHistogramTests {
    /// Counts by the definition: the fewest dropped bits at which no more than `limit` buckets are in use.
    static func naive(_ numbers: [Double], limit: Int) -> (droppedBits: Int, counts: [UInt64: Int]) {
        let keys = numbers.filter(\.isFinite).map { NumberHistogram.key($0) }
        for bits in 0...63 {
            let counts = Dictionary(keys.map { ($0 >> UInt64(bits), 1) }, uniquingKeysWith: +)
            if counts.count <= limit { return (bits, counts) }
        }
        return (63, [:])
    }

    static func samples(_ kind: String, _ random: inout SeededNumbers, _ count: Int) -> [Double] {
        switch kind {
        case "normal": random.normals(count)
        case "far": random.normals(count, mean: 1e6)
        case "lognormal": random.lognormals(count, sigma: 2)
        case "whole": (0..<count).map { _ in Double(random.below(400) - 200) }
        case "constant": [Double](repeating: -2.5, count: count)
        case "bits":
            // Any bits at all: NaN, infinities, subnormals.
            (0..<count).map { _ in Double(bitPattern: random.next()) }
        default: (0..<count).map { _ in random.uniform() < 0.9 ? 0 : 100 * random.uniform() }
        }
    }

    static let kinds = ["normal", "far", "lognormal", "whole", "constant", "bits", "mostly zero"]

    private func expectNaive(_ histogram: NumberHistogram, _ numbers: [Double], _ note: String) {
        let (bits, counts) = Self.naive(numbers, limit: histogram.limit)
        #expect(histogram.droppedBits == bits, "\(note)")
        #expect(histogram.count == numbers.count { $0.isFinite }, "\(note)")
        let ours = Dictionary(histogram.sortedCounts(droppingBits: histogram.droppedBits).map { ($0.prefix, $0.count) }, uniquingKeysWith: +)
        #expect(ours == counts, "\(note)")
        let finite = numbers.filter(\.isFinite)
        #expect(histogram.minimum == finite.min() && histogram.maximum == finite.max(), "\(note)")
    }

    @Test("hold what their definition says, whatever comes in whatever runs", arguments: kinds, [16, 64, 2_048])
    func definition(kind: String, limit: Int) {
        var random = SeededNumbers(UInt64(limit))
        for count in [0, 1, 15, 300, 3_000, 60_000] {
            let numbers = Self.samples(kind, &random, count)
            var whole = NumberHistogram(limit: limit)
            whole.add(numbers.span)
            expectNaive(whole, numbers, "\(count) in one run")
            if count <= 3_000 {
                var single = NumberHistogram(limit: limit)
                for number in numbers { single.add(number) }
                #expect(single == whole, "\(count) one by one")
            }
            var runs = NumberHistogram(limit: limit)
            var start = 0
            while start < count {
                let end = min(count, start + 1 + random.below(30_000))
                runs.add(numbers.span.extracting(start..<end))
                start = end
            }
            #expect(runs == whole, "\(count) in runs")
        }
    }

    @Test("merge to equal values in any split and any order", arguments: kinds, [16, 100, 2_048])
    func merging(kind: String, limit: Int) {
        var random = SeededNumbers(UInt64(limit) + 99)
        let numbers = Self.samples(kind, &random, 6_000)
        var whole = NumberHistogram(limit: limit)
        whole.add(numbers.span)
        for _ in 0..<4 {
            var parts = [NumberHistogram](repeating: NumberHistogram(limit: limit), count: 9)
            // Parts of unlike sizes and ranges.
            let sorted = random.below(2) == 0
            for (index, number) in (sorted ? numbers.sorted() : numbers.shuffled(using: &random)).enumerated() {
                parts[min(8, sorted ? index / 500 : random.below(1 + random.below(9)))].add(number)
            }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                var merged = parts.removeLast()
                merged.merge(parts.removeLast())
                parts.append(merged)
            }
            #expect(parts[0] == whole)
            #expect(parts[0].buckets == whole.buckets)
        }
    }

    @Test("buckets ascend and hold their numbers; quantiles are as near as promised", arguments: kinds)
    func quantiles(kind: String) throws {
        var random = SeededNumbers(5)
        let numbers = Self.samples(kind, &random, 20_000).filter(\.isFinite)
        var histogram = NumberHistogram(limit: 512)
        histogram.add(numbers.span)
        let buckets = histogram.buckets
        #expect(buckets.reduce(0) { $0 + $1.count } == numbers.count && buckets.count <= 512 && (buckets.count > 256 || histogram.droppedBits == 0))
        for (left, right) in zip(buckets, buckets.dropFirst()) { #expect(left.lower <= left.upper && left.upper < right.lower) }
        let sorted = numbers.sorted()
        var start = 0
        for bucket in buckets {
            #expect(sorted[start] >= bucket.lower && sorted[start + bucket.count - 1] <= bucket.upper)
            start += bucket.count
        }
        for q in [0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.99, 0.999, 1] {
            let exact = sorted[min(max(Int((q * Double(sorted.count)).rounded(.up)), 1), sorted.count) - 1]
            let bounds = try #require(histogram.quantileBounds(q))
            let found = try #require(histogram.quantile(q))
            #expect(bounds.contains(exact) && bounds.contains(found), "\(q): \(exact) in \(bounds), \(found)")
            if histogram.droppedBits == 0 { #expect(found == exact) }
            if (0...52).contains(histogram.mantissaBits), abs(exact) >= 0x1p-1022 {
                var share = 1.0
                for _ in 0..<histogram.mantissaBits { share /= 2 }
                #expect(abs(found - exact) <= share * abs(exact))
            }
        }
    }

    @Test("few distinct numbers are held exactly; −0 is 0, and what is not finite is not counted")
    func rules() {
        var histogram = NumberHistogram(limit: 16)
        histogram.add([0, -0.0, .nan, .infinity, -.infinity, 7, -7, .leastNonzeroMagnitude].span)
        histogram.add(.nan)
        #expect(histogram.count == 5 && histogram.mantissaBits == 52)
        #expect(histogram.buckets.map(\.lower) == [-7, 0, .leastNonzeroMagnitude, 7])
        #expect(histogram.buckets.map(\.count) == [1, 2, 1, 1])
        #expect(NumberHistogram().quantile(0.5) == nil && NumberHistogram().minimum == nil && NumberHistogram().buckets.isEmpty)
        histogram.add(3, times: 1_000_000)
        #expect(histogram.quantile(0.5) == 3 && histogram.count == 1_000_005)
    }
}
