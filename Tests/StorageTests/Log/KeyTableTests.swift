import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@testable import MartletStorage

@Suite("The table of keys in memory")
struct KeyTableTests {
    static let seed: UInt64 = 0x1234_5677

    /// A key that has one hash with every other key made here, as only somebody who knows the seed can make one.
    static func colliding(_ random: inout SplitMix64) -> Fingerprint {
        let low = random.next()
        let factor: UInt64 = 0xD6E8_FEB8_6659_FD93
        // Newton's iteration doubles the bits that are right: an odd number is its own inverse to three.
        var inverse = factor
        for _ in 0..<5 { inverse = inverse &* (2 &- factor &* inverse) }
        return Fingerprint(high: ((low ^ seed) &* 0x9E37_79B9_7F4A_7C15) &* inverse &- seed, low: low)
    }

    /// Keys of several spreads: even, all in one range, few that differ in the lower half only, one alone, all of one hash.
    static let spreads: [(name: String, key: @Sendable (inout SplitMix64) -> Fingerprint)] = [
        ("even", { Fingerprint(high: $0.next(), low: $0.next()) }),
        ("one range", { Fingerprint(high: .max - $0.next() % 3, low: $0.next()) }),
        ("small", { Fingerprint(high: 0, low: $0.next() % 50 + 1) }),
        ("one", { _ in Fingerprint(high: 0, low: 1) }),
        ("one hash", { colliding(&$0) }),
    ]

    @Test("equals a dictionary: what is found, how often, and in which order", arguments: spreads.indices, [0, 1, 63, 2_500, 30_000])
    func model(spread: Int, count: Int) {
        // Finding one of many keys of one hash takes time in proportion to their number.
        if Self.spreads[spread].name == "one hash", count > 2_500 { return }
        var random = SplitMix64(seed: UInt64(spread * 10_007 + count))
        var table = KeyTable(seed: Self.seed)
        var model: [Fingerprint: KeyState] = [:]
        for position in 0..<Int64(count) {
            let key = Self.spreads[spread].key(&random)
            let payload = Fingerprint(high: random.next(), low: 1)
            if Bool.random(using: &random) {
                #expect(table.insertFirst(key, payload: payload, at: position) == (model[key] == nil))
                if model[key] == nil {
                    model[key] = KeyState(position: position, payload: payload, kind: .event, originalPayload: payload)
                }
            } else {
                let original = model[key]?.originalPayload ?? payload
                let state = KeyState(position: position, payload: payload, kind: .correction, originalPayload: original)
                table[key] = state
                model[key] = state
            }
        }
        #expect(table.count == model.count)
        for (key, state) in model { #expect(table[key] == state) }
        #expect(table[Fingerprint(high: 7, low: 0)] == nil)
        let order = table.sorted()
        #expect(order.map(\.key) == model.keys.sorted())
        #expect(order.allSatisfy { table.state(at: $0.number) == model[$0.key] })
        var visited = 0
        table.forEach { key, state in
            visited += 1
            #expect(state == model[key])
        }
        #expect(visited == model.count)
    }
}
