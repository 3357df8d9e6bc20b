import MartletStorageTesting
import Testing

@Suite("The event log under faults") struct LogSimulationTests {
    @Test("keeps its promises through crashes, torn writes, failed syncs and full disks", arguments: 0..<20)
    func simulation(group: UInt64) throws {
        for seed in (group * 5)..<(group * 5 + 5) {
            let summary = try simulateLog(seed: seed)
            #expect(summary.appends > 0, "seed \(seed)")
        }
    }
}
