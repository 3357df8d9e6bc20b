import MartletPipelinesTesting
import Testing

@Suite("The scheduler's simulation")
struct SchedulerSimulationTests {
    @Test("200 seeds: exactly once, never after a cancellation, nothing leaked, nothing stuck")
    func seeds() throws {
        var summary = SchedulerSimulationSummary()
        for seed in UInt64(0)..<200 { summary += try simulateScheduler(seed: seed) }
        #expect(summary.crashes > 100 && summary.recoveryCrashes > 5 && summary.interruptions > 50)
        #expect(summary.runs > 1_000 && summary.retries > 100 && summary.cleared > 50 && summary.marked > 50 && summary.backfills > 50)
    }

    @Test("a seed gives the same life twice")
    func repeats() throws {
        for seed in UInt64(0)..<5 {
            let first = try simulateScheduler(seed: seed)
            let second = try simulateScheduler(seed: seed)
            #expect(first == second)
        }
    }
}
