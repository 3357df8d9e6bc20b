/// A bounded cache that drops what was not used for the longest time, roughly: it keeps two generations and
/// forgets the elder when the younger is half of the bound.
struct GenerationCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let costMax: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private var youngCost = 0
    private let cost: @Sendable (Value) -> Int

    init(costMax: Int, cost: @escaping @Sendable (Value) -> Int = { _ in 1 }) {
        self.costMax = costMax
        self.cost = cost
    }

    mutating func value(of key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old[key] else { return nil }
        insert(value, for: key)
        return value
    }

    mutating func insert(_ value: Value, for key: Key) {
        let cost = cost(value)
        guard cost * 2 <= costMax else { return }
        if (youngCost + cost) * 2 > costMax {
            old = young
            young = [:]
            youngCost = 0
        }
        if young.updateValue(value, forKey: key) == nil { youngCost += cost }
    }

    mutating func removeAll() {
        young = [:]
        old = [:]
        youngCost = 0
    }
}
