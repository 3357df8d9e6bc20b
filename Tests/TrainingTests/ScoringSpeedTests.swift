import Glibc
import MartletModels
import Testing

@testable import MartletTraining

/// Set `MARTLET_BENCHMARK` and build for release to see figures; the answers are compared either way.
@Suite("Scoring speed beside the library's")
struct ScoringSpeedTests {
    @Test("200 trees of depth 6 over 15 features: single rows and a batch", arguments: Libraries.all)
    func compare(library: XGBoostLibrary) throws {
        guard getenv("MARTLET_BENCHMARK") != nil else { return }
        let set = syntheticSet(rows: 20_000, numbers: 15, objective: .logistic)
        let model = try library.train(
            on: set, features: names(15), objective: .logistic,
            parameters: XGBoostParameters(["rounds": .int(200), "max_depth": .int(6), "eta": .double(0.1)]))
        let ensemble = try TreeEnsemble(xgboostJSON: model.modelJSON)
        let booster = try library.loadBooster(model.modelJSON)
        let rows = syntheticSet(rows: 50_000, numbers: 15, objective: .logistic, seed: 4).features
        let single = (0..<2000).map { rows.gathering([$0]) }

        // The best of several, alternating, since the machine may be busy.
        var times = [Double.infinity, .infinity, .infinity, .infinity]
        var ours: [Float] = [], theirs: [Float] = []
        for _ in 0..<7 {
            times[0] = min(times[0], try seconds { ours = try ensemble.margins(rows) })
            times[1] = min(times[1], try seconds { theirs = try booster.predict(rows, type: 1) })
            times[2] = min(times[2], try seconds { for row in single { _ = try ensemble.margins(row) } })
            times[3] = min(times[3], try seconds { for row in single { _ = try booster.predict(row, type: 1) } })
        }
        #expect(ours == theirs)
        let explainer = TreeSHAP(ensemble)
        let shap = try seconds { for row in single[..<50] { _ = try explainer.contributions(ofRow: row.values) } } / 50
        let nodes = ensemble.nodeCount
        print("""
            XGBoost \(library.version), \(nodes) nodes, 1 thread:
              batch  ours \(Int(50_000 / times[0])) rows/s, library \(Int(50_000 / times[1])) rows/s, \(times[1] / times[0]) times
              single ours \(times[2] / 2000 * 1e6) µs, library \(times[3] / 2000 * 1e6) µs, \(times[3] / times[2]) times
              contributions of one row: \(shap * 1e6) µs
            """)
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        var start = timespec(), end = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
        try body()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
        return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) * 1e-9
    }
}
