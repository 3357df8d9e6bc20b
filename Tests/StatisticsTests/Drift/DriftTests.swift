import Testing

@testable import MartletStatistics

@Suite("Drift of a column")
struct DriftTests {
    /// Pairs of samples of all kinds: equal, moved, of other shapes, with ties.
    static func pair(_ kind: String, _ random: inout SeededNumbers, _ n: Int, _ m: Int) -> ([Double], [Double]) {
        let reference = NumberHistogramTests.samples(kind, &random, n).filter(\.isFinite)
        var current = NumberHistogramTests.samples(kind, &random, m).filter(\.isFinite)
        switch random.below(4) {
        case 0: break
        case 1: current = current.map { $0 * 1.02 }
        case 2: current = current.map { $0 + 0.1 }
        default: current = Array(reference.prefix(n / 2)) + current.prefix(m / 2)
        }
        return (reference, current.filter(\.isFinite))
    }

    @Test("a prepared reference finds the very statistic of sorting both", arguments: NumberHistogramTests.kinds, [1, 40, 3_000, 40_000])
    func reference(kind: String, size: Int) throws {
        var random = SeededNumbers(UInt64(size) + 17)
        for round in 0..<(size > 3_000 ? 4 : 12) {
            let (reference, current) = Self.pair(kind, &random, size, max(1, size / (1 + random.below(3))))
            guard !reference.isEmpty, !current.isEmpty else { continue }
            let exact = try #require(KolmogorovSmirnov(sortedReference: reference.sorted(), sortedCurrent: current.sorted()))
            let prepared = try #require(DriftReference(reference))
            let drift = try #require(prepared.drift(ofArray: current))
            #expect(drift.kolmogorovSmirnov == exact, "round \(round)")
            // Missing rows anywhere change nothing.
            var rows: [Double] = [], valid: [UInt64] = []
            for number in current {
                if random.below(3) == 0 { rows.append([.nan, .infinity, -.infinity][random.below(3)]) }
                rows.append(number)
            }
            valid = [UInt64](repeating: ~0, count: (rows.count + 63) / 64)
            for row in rows.indices where !rows[row].isFinite && random.below(2) == 0 {
                rows[row] = reference[random.below(reference.count)]
                valid[row >> 6] &= ~(1 << UInt64(row & 63))
            }
            #expect(prepared.drift(ofArray: rows, valid: valid) == drift)
            // Bins: the counts of the definition.
            for (bin, count) in drift.currentCounts.enumerated() {
                let above = bin == 0 ? -Double.infinity : drift.edges[bin - 1]
                let through = bin == drift.edges.count ? Double.infinity : drift.edges[bin]
                #expect(count == current.count { $0 > above && $0 <= through })
                #expect(drift.referenceCounts[bin] == reference.count { $0 > above && $0 <= through })
            }
        }
        #expect(DriftReference([.nan]) == nil && DriftReference([1])?.drift(ofArray: [.nan]) == nil)
    }

    @Test("profiles bound the exact statistic and distance, and count their bins exactly", arguments: NumberHistogramTests.kinds, [64, 2_048])
    func profiles(kind: String, limit: Int) throws {
        var random = SeededNumbers(UInt64(limit) + 5)
        for _ in 0..<8 {
            let (reference, current) = Self.pair(kind, &random, 8_000, 5_000)
            guard kind != "bits" else { continue }
            var left = ColumnProfile.numbers(limit: limit), right = ColumnProfile.numbers(limit: limit)
            left.add(reference.span)
            right.add(current.span)
            let drift = try #require(ColumnDrift(reference: left, current: right))
            let exact = try #require(KolmogorovSmirnov(reference: reference, current: current))
            let found = try #require(drift.kolmogorovSmirnov)
            let most = try #require(drift.kolmogorovSmirnovAtMost)
            #expect(found.statistic <= exact.statistic && exact.statistic <= most && found.pValue >= exact.pValue)
            if limit == 2_048 { #expect(most - found.statistic < 0.02) }
            let distance = try #require(wassersteinDistance(reference: reference, current: current))
            let (about, error) = (try #require(drift.wasserstein), try #require(drift.wassersteinError))
            #expect(abs(about - distance) <= error * (1 + 1e-12) + 1e-12 * distance, "\(about) ± \(error) for \(distance)")
            for (bin, count) in drift.currentCounts.enumerated() {
                let above = bin == 0 ? -Double.infinity : drift.edges[bin - 1]
                let through = bin == drift.edges.count ? Double.infinity : drift.edges[bin]
                #expect(count == current.count { $0 > above && $0 <= through })
                #expect(drift.referenceCounts[bin] == reference.count { $0 > above && $0 <= through })
            }
            #expect(drift.distances == CountDistances(reference: drift.referenceCounts, current: drift.currentCounts))
            if limit == 2_048, kind == "normal" || kind == "lognormal" {
                // Bins are about as equal as the buckets allow, and PSI about that of exact quantiles.
                let precise = try #require(DriftReference(reference)?.drift(ofArray: current))
                #expect(drift.referenceCounts.count == 10 && drift.referenceCounts.allSatisfy { abs($0 - 800) < 200 })
                #expect(abs(drift.distances.populationStability - precise.distances.populationStability) < 0.01)
            }
        }
    }

    @Test("categories: exact while all are kept, else not farther than they are")
    func categories() throws {
        var random = SeededNumbers(8)
        for distinct in [2, 30, 400] {
            var left = ColumnProfile.categories(limit: 64), right = left
            var counts = [Int](repeating: 0, count: distinct), others = counts
            for _ in 0..<4_000 {
                let (a, b) = (random.below(distinct), min(random.below(distinct), random.below(distinct)))
                counts[a] += 1
                others[b] += 1
                left.add(hash: CategoryCountsTests.hash(a), text: "\(a)")
                right.add(hash: CategoryCountsTests.hash(b), text: "\(b)")
            }
            let drift = try #require(ColumnDrift(reference: left, current: right))
            let exact = try #require(CountDistances(reference: counts, current: others))
            #expect(drift.kolmogorovSmirnov == nil && drift.wasserstein == nil)
            if distinct <= 64 {
                #expect(isNear(drift.distances.populationStability, exact.populationStability, 1e-12))
                #expect(isNear(drift.distances.chiSquared.statistic, exact.chiSquared.statistic, 1e-12))
            } else {
                #expect(drift.distances.jensenShannon > 0 && drift.distances.jensenShannon <= exact.jensenShannon)
            }
            #expect(drift.referenceCounts.reduce(0, +) == 4_000)
        }
        #expect(ColumnDrift(reference: .categories(), current: .categories()) == nil && ColumnDrift(reference: .numbers(), current: .numbers()) == nil)
    }

    @Test("profiles of more rows than whose products fit a word are compared")
    func manyRows() throws {
        var left = ColumnProfile.numbers(), right = ColumnProfile.numbers()
        left.add([1, 2].span)
        right.add([2, 3].span)
        for _ in 0..<40 {
            let (one, other) = (left, right)
            left.merge(one)
            right.merge(other)
        }
        let drift = try #require(ColumnDrift(reference: left, current: right))
        #expect(drift.referenceCount == 1 << 41 && drift.kolmogorovSmirnov?.statistic == 0.5 && drift.wasserstein == 1)
        #expect(try ColumnProfile(encoded: left.encoded()) == left)
    }

    @Test("the chance of a distance is counted over all orders of two small samples")
    func chances() throws {
        // All orders of 5 and 4 numbers: C(9, 4) of them.
        var statistics: [Double] = []
        for chosen in 0..<512 where chosen.nonzeroBitCount == 4 {
            let ranks = (0..<9).map(Double.init)
            let reference = ranks.indices.filter { chosen >> $0 & 1 == 0 }.map { ranks[$0] }
            let current = ranks.indices.filter { chosen >> $0 & 1 == 1 }.map { ranks[$0] }
            statistics.append(try #require(KolmogorovSmirnov(reference: reference, current: current)).statistic)
        }
        for chosen in [0b1111, 0b101010101, 0b11001100, 0b100010011] where chosen.nonzeroBitCount == 4 {
            let reference = (0..<9).filter { chosen >> $0 & 1 == 0 }.map(Double.init), current = (0..<9).filter { chosen >> $0 & 1 == 1 }.map(Double.init)
            let test = try #require(KolmogorovSmirnov(reference: reference, current: current))
            let share = Double(statistics.count { $0 >= test.statistic }) / Double(statistics.count)
            #expect(isNear(test.pValue, share, 1e-14))
        }
    }
}
