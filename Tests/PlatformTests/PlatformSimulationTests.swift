import MartletPlatformTesting
import Testing

@Suite("The platform under faults")
struct PlatformSimulationTests {
    @Test("keeps its promises through crashes, kills, torn writes, failed syncs and full disks", arguments: 0..<20)
    func simulation(seed: UInt64) async throws {
        let summary = try await simulatePlatform(seed: seed)
        #expect(summary.lives > 0)
    }

    @Test("a seed gives the same bytes on the disk each time", arguments: [3, 50])
    func deterministic(seed: UInt64) async throws {
        let first = try await simulatePlatform(seed: seed)
        #expect(first.acknowledged > 0)
        #expect(try await simulatePlatform(seed: seed) == first)
    }
}
