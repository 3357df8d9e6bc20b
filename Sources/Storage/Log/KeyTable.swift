import MartletFrames

/// The current version of each unique key of one segment, in memory.
///
/// Open addressing over one flat array, so that a key and its state are met in one or two lines of the cache: 40 bytes a
/// slot, at most 3/4 full. The hash is seeded, so that keys chosen by a client cannot be made to collide. Payloads of first
/// versions are kept apart, since few keys ever have a second.
struct KeyTable: Sendable {
    private struct Slot {
        var key = Fingerprint.none
        var payload = Fingerprint.none
        /// The position times 256, plus the code of the kind.
        var place: UInt64 = 0
    }

    private(set) var count = 0
    private var slots: [Slot]
    private var originals: [Fingerprint: Fingerprint] = [:]
    private let seed: UInt64

    init(seed: UInt64, capacity: Int = 64) {
        var size = 64
        while size * 3 < capacity * 4 { size *= 2 }
        self.seed = seed | 1
        slots = [Slot](repeating: Slot(), count: size)
    }

    /// - Precondition: positions are below 2^55.
    subscript(key: Fingerprint) -> KeyState? {
        get {
            let slot = slot(of: key)
            guard slots[slot].key != .none else { return nil }
            return state(at: slot)
        }
        set {
            guard let newValue else { preconditionFailure("keys are never forgotten") }
            precondition(key != .none && newValue.position >> 55 == 0)
            if (count + 1) * 4 > slots.count * 3 { grow() }
            let slot = slot(of: key)
            if slots[slot].key == .none { count += 1 }
            slots[slot] = Slot(
                key: key, payload: newValue.payload, place: UInt64(newValue.position) << 8 | UInt64(newValue.kind.rawValue))
            if newValue.originalPayload != newValue.payload {
                originals[key] = newValue.originalPayload
            } else if !originals.isEmpty {
                originals[key] = nil
            }
        }
    }

    /// Adds the event that is the first version of its key; false if the key is known, and nothing changes.
    mutating func insertFirst(_ key: Fingerprint, payload: Fingerprint, at position: Int64) -> Bool {
        precondition(key != .none && position >> 55 == 0)
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let slot = slot(of: key)
        guard slots[slot].key == .none else { return false }
        slots[slot] = Slot(key: key, payload: payload, place: UInt64(position) << 8 | UInt64(RecordKind.event.rawValue))
        count += 1
        return true
    }

    /// Whether every key still has the payload of its first version.
    var isOriginal: Bool { originals.isEmpty }

    /// Every key with its state, in no order.
    func forEach(_ body: (Fingerprint, KeyState) -> Void) {
        for slot in slots.indices where slots[slot].key != .none { body(slots[slot].key, state(at: slot)) }
    }

    /// The keys in ascending order, each with the slot where its state is.
    func sorted() -> [(key: Fingerprint, slot: Int)] {
        var order: [(key: Fingerprint, slot: Int)] = []
        order.reserveCapacity(count)
        for slot in slots.indices where slots[slot].key != .none { order.append((slots[slot].key, slot)) }
        order.sort { $0.key < $1.key }
        return order
    }

    /// - Precondition: the slot holds a key.
    func state(at slot: Int) -> KeyState {
        let held = slots[slot]
        let original = originals.isEmpty ? nil : originals[held.key]
        // The codes in `place` were taken from kinds.
        let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: held.place)) ?? .event
        return KeyState(
            position: Int64(held.place >> 8), payload: held.payload, kind: kind, originalPayload: original ?? held.payload)
    }

    /// The slot that holds the key, or the free one where it belongs.
    private func slot(of key: Fingerprint) -> Int {
        let mask = slots.count - 1
        let mixed = (key.low ^ seed) &* 0x9E37_79B9_7F4A_7C15 ^ (key.high &+ seed) &* 0xD6E8_FEB8_6659_FD93
        var slot = Int(truncatingIfNeeded: mixed ^ (mixed >> 32)) & mask
        while slots[slot].key != .none && slots[slot].key != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        var larger = KeyTable(seed: seed, capacity: slots.count * 3 / 4 + 1)
        larger.originals = originals
        for held in slots where held.key != .none { larger.slots[larger.slot(of: held.key)] = held }
        larger.count = count
        self = larger
    }
}
