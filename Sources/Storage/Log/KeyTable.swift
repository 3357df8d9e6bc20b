import MartletFrames

/// The current version of each unique key of one segment, in memory.
///
/// Open addressing over flat arrays, 41 bytes a slot, at most 3/4 full. The hash is seeded, so that keys chosen by a client
/// cannot be made to collide. Payloads of first versions are kept apart, since few keys ever have a second.
struct KeyTable: Sendable {
    private(set) var count = 0
    private var keys: [Fingerprint]
    private var payloads: [Fingerprint]
    private var positions: [Int64]
    private var kinds: [UInt8]
    private var originals: [Fingerprint: Fingerprint] = [:]
    private let seed: UInt64

    init(seed: UInt64, capacity: Int = 64) {
        var slots = 64
        while slots * 3 < capacity * 4 { slots *= 2 }
        self.seed = seed | 1
        keys = [Fingerprint](repeating: .none, count: slots)
        payloads = keys
        positions = [Int64](repeating: 0, count: slots)
        kinds = [UInt8](repeating: 0, count: slots)
    }

    subscript(key: Fingerprint) -> KeyState? {
        get {
            let slot = slot(of: key)
            guard keys[slot] != .none else { return nil }
            return state(at: slot)
        }
        set {
            guard let newValue else { preconditionFailure("keys are never forgotten") }
            precondition(key != .none)
            if (count + 1) * 4 > keys.count * 3 { grow() }
            let slot = slot(of: key)
            if keys[slot] == .none {
                keys[slot] = key
                count += 1
            }
            payloads[slot] = newValue.payload
            positions[slot] = newValue.position
            kinds[slot] = newValue.kind.rawValue
            if newValue.originalPayload != newValue.payload {
                originals[key] = newValue.originalPayload
            } else if !originals.isEmpty {
                originals[key] = nil
            }
        }
    }

    /// Adds the event that is the first version of its key; false if the key is known, and nothing changes.
    mutating func insertFirst(_ key: Fingerprint, payload: Fingerprint, at position: Int64) -> Bool {
        if (count + 1) * 4 > keys.count * 3 { grow() }
        let slot = slot(of: key)
        guard keys[slot] == .none else { return false }
        keys[slot] = key
        payloads[slot] = payload
        positions[slot] = position
        kinds[slot] = RecordKind.event.rawValue
        count += 1
        return true
    }

    /// Every key with its state, in no order.
    func forEach(_ body: (Fingerprint, KeyState) -> Void) {
        for slot in keys.indices where keys[slot] != .none { body(keys[slot], state(at: slot)) }
    }

    /// The keys in ascending order, each with the slot where its state is.
    func sorted() -> [(key: Fingerprint, slot: Int)] {
        var order: [(key: Fingerprint, slot: Int)] = []
        order.reserveCapacity(count)
        for slot in keys.indices where keys[slot] != .none { order.append((keys[slot], slot)) }
        order.sort { $0.key < $1.key }
        return order
    }

    /// - Precondition: the slot holds a key.
    func state(at slot: Int) -> KeyState {
        let original = originals.isEmpty ? nil : originals[keys[slot]]
        // The codes in `kinds` were taken from kinds.
        let kind = RecordKind(rawValue: kinds[slot]) ?? .event
        return KeyState(
            position: positions[slot], payload: payloads[slot], kind: kind, originalPayload: original ?? payloads[slot])
    }

    /// The slot that holds the key, or the free one where it belongs.
    private func slot(of key: Fingerprint) -> Int {
        let mask = keys.count - 1
        let mixed = (key.low ^ seed) &* 0x9E37_79B9_7F4A_7C15 ^ (key.high &+ seed) &* 0xD6E8_FEB8_6659_FD93
        var slot = Int(truncatingIfNeeded: mixed ^ (mixed >> 32)) & mask
        while keys[slot] != .none && keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        var larger = KeyTable(seed: seed, capacity: keys.count * 3 / 4 + 1)
        larger.originals = originals
        for slot in keys.indices where keys[slot] != .none {
            let target = larger.slot(of: keys[slot])
            larger.keys[target] = keys[slot]
            larger.payloads[target] = payloads[slot]
            larger.positions[target] = positions[slot]
            larger.kinds[target] = kinds[slot]
        }
        larger.count = count
        self = larger
    }
}
