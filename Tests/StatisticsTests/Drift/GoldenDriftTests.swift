import Testing

@testable import MartletStatistics

@Suite("Drift equals SciPy's")
struct GoldenDriftTests {
    let golden: GoldenDrift

    init() throws { golden = try GoldenDrift() }

    private func expect(_ distances: CountDistances?, _ item: GoldenDrift.Counts) throws {
        let distances = try #require(distances)
        #expect(isNear(distances.chiSquared.statistic, item.chi_squared, 1e-12, least: 1e-3))
        #expect(distances.chiSquared.degrees == item.degrees)
        #expect(isNear(distances.chiSquared.pValue, item.p_value, 1e-11))
        #expect(isNear(distances.populationStability, item.psi, 1e-12, least: 1e-3))
        // Its square is a small difference: near 0 the root magnifies what is rounded.
        #expect(isNear(distances.jensenShannon, item.jensen_shannon, 1e-12, least: 1) && abs(distances.jensenShannon * distances.jensenShannon - item.jensen_shannon * item.jensen_shannon) < 1e-15 || isNear(distances.jensenShannon, item.jensen_shannon, 1e-9))
    }

    @Test("distances of counts; PSI with either smoothing")
    func counts() throws {
        #expect(golden.counts.count == 7)
        for item in golden.counts {
            try expect(CountDistances(reference: item.reference, current: item.current), item)
            let small = CountDistances(reference: item.reference, current: item.current, smoothing: 1e-4)
            #expect(isNear(small?.populationStability, item.psi_small, 1e-12, least: 1e-3))
        }
        #expect(CountDistances(reference: [0, 0], current: [1, 2]) == nil && CountDistances(reference: [], current: []) == nil)
    }

    @Test("two samples: statistic, chance, Wasserstein's distance")
    func samples() throws {
        #expect(golden.samples.contains { $0.ks_exact } && golden.samples.contains { !$0.ks_exact })
        for item in golden.samples {
            let test = try #require(KolmogorovSmirnov(reference: item.reference, current: item.current))
            #expect(isNear(test.statistic, item.ks, 1e-14))
            #expect(test.isExact == item.ks_exact)
            // SciPy rounds 1 − x where the chance is not small.
            #expect(isNear(test.pValue, item.ks_p, 1e-9), "\(test) for \(item.ks_p)")
            #expect(isNear(wassersteinDistance(reference: item.reference, current: item.current), item.wasserstein, 1e-12))
        }
    }

    @Test("a prepared reference: the same test, and SciPy's distances on the same bins")
    func reference() throws {
        for item in golden.samples {
            let drift = try #require(DriftReference(item.reference)?.drift(ofArray: item.current))
            #expect(drift.kolmogorovSmirnov == KolmogorovSmirnov(reference: item.reference, current: item.current))
            #expect(drift.referenceCounts == item.bins.reference && drift.currentCounts == item.bins.current)
            try expect(drift.distances, item.bins)
        }
    }
}
