import MartletBytes
import MartletFeatures
import MartletFeaturesTesting
import MartletFrames
import Testing

@Suite("Saved states")
struct SnapshotTests {
    private func bytes(of random: FeatureCase) -> [UInt8] {
        var state = ViewState(plan: random.plan)
        state.update(random.log.batch(.min ..< .max))
        var writer = ByteWriter()
        state.encode(into: &writer)
        return writer.bytes
    }

    /// Decodes, and uses what was decoded as a server would.
    private func load(_ bytes: [UInt8], _ random: FeatureCase) throws(FeatureStateError) {
        var reader = ByteReader(bytes)
        var state = try ViewState(decoding: &reader, plan: random.plan)
        for batch in random.batchableQuestions(Array(random.questions.indices)) { _ = state.read(random.batch(batch)) }
        state.update(random.log.batch(.min ..< .max))
        var other = ViewState(plan: random.plan)
        other.update(random.log.batch(.min ..< .max))
        other.merge(state)
        for batch in random.batchableQuestions(Array(random.questions.indices)) { _ = other.read(random.batch(batch)) }
    }

    @Test("bytes cut off anywhere are refused as malformed", arguments: UInt64(0)..<20)
    func truncation(seed: UInt64) throws {
        let random = try RandomFeatureCase(seed: seed, size: .tiny, compile: compile).featureCase
        let whole = bytes(of: random)
        for length in 0..<whole.count {
            #expect("length \(length) of \(whole.count), seed \(seed)") {
                try load(Array(whole[..<length]), random)
            } throws: { ($0 as? FeatureStateError)?.code == .malformed || ($0 as? FeatureStateError)?.code == .otherView }
        }
    }

    @Test("changed bytes are refused or give a state that answers; they never trap", arguments: UInt64(0)..<20)
    func flips(seed: UInt64) throws {
        let random = try RandomFeatureCase(seed: seed, size: .tiny, compile: compile).featureCase
        let whole = bytes(of: random)
        var generator = SplitMix64(seed: seed)
        var refused = 0
        let tries = 400 * seedFactor
        for _ in 0..<tries {
            var changed = whole
            for _ in 0...generator.below(3) {
                changed[generator.below(changed.count)] = generator.chance(50) ? 0xFF : UInt8(truncatingIfNeeded: generator.next())
            }
            do { try load(changed, random) } catch { refused += 1 }
        }
        #expect(refused > 0, "seed \(seed)")
    }

    @Test("a newer format is named, and so is another view")
    func otherFormats() throws {
        let random = try RandomFeatureCase(seed: 1, size: .tiny, compile: compile).featureCase
        var newer = bytes(of: random)
        newer[0] = UInt8(ViewState.snapshotFormat + 1)
        #expect { try load(newer, random) } throws: { ($0 as? FeatureStateError)?.code == .unsupportedVersion }
        var plan = random.plan
        plan.source += "s"
        var reader = ByteReader(bytes(of: random))
        #expect { try ViewState(decoding: &reader, plan: plan) } throws: { ($0 as? FeatureStateError)?.code == .otherView }
    }
}
