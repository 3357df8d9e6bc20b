import MartletFeatures
import MartletFeaturesTesting
import Testing

@Suite("The engine and the oracle")
struct AgreementTests {
    @Test("the engine answers every scenario as written", arguments: Path.allCases)
    func scenarios(path: Path) throws {
        let scenarios = try allScenarios()
        #expect(scenarios.count >= 60)
        for scenario in scenarios {
            do { try scenario.verify { Engine($0, path) } } catch { Issue.record("\(path): \(error)") }
        }
    }

    /// `MARTLET_SEEDS` raises the number of seeds.
    @Test("the engine agrees with the oracle bit for bit on random cases", arguments: Path.allCases)
    func randomCases(path: Path) throws {
        for (size, seeds) in [(RandomFeatureCase.Size.tiny, 400), (.small, 150), (.medium, 4)] {
            for seed in 0..<UInt64(seeds * seedFactor) {
                let random = try RandomFeatureCase(seed: seed, size: size, compile: compile)
                do {
                    try expectAgreement(engine: { Engine($0, path) }, on: random)
                } catch {
                    Issue.record("\(path), size \(size): \(error)")
                    return
                }
            }
        }
    }
}
