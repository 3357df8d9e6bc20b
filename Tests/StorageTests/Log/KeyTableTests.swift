import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@testable import MartletStorage

@Suite("The table of keys in memory")
struct KeyTableTests {
    /// Keys of several spreads: even, all in one range, few that differ in the lower half only, and one alone.
    static let spreads: [(name: String, key: @Sendable (inout SplitMix64) -> Fingerprint)] = [
        ("even", { Fingerprint(high: $0.next(), low: $0.next()) }),
        ("one range", { Fingerprint(high: .max - $0.next() % 3, low: $0.next()) }),
        ("small", { Fingerprint(high: 0, low: $0.next() % 50 + 1) }),
        ("one", { _ in Fingerprint(high: 0, low: 1) }),
    ]

    @Test("equals a dictionary: what is found, how often, and in which order", arguments: spreads.indices, [0, 1, 63, 5_000])
    func model(spread: Int, count: Int) {
        var random = SplitMix64(seed: UInt64(spread * 10_007 + count))
        var table = KeyTable(seed: random.next())
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
