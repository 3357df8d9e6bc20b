internal import MartletFrames

/// Tells fast that a row need not search a window for its own event.
///
/// An event is at its own event time, outside every window that ends there; so a search is needed only where a key
/// may have versions at different times or entities (a correction moved it), or where the question's time is not the
/// event's. Holds a Bloom filter of every key (about 2 bytes a key), and the keys that may have moved.
struct UniqueKeyIndex {
    private var filter: Slab<UInt64>
    private var filterMask: Int
    private(set) var count = 0
    private var moved: Slab<Fingerprint>
    private var movedCount = 0

    init() {
        filter = Slab(capacity: 64)
        filter.fill(0, from: 0, to: 64)
        filterMask = 63
        moved = Slab(capacity: 32)
        moved.fill(.none, from: 0, to: 32)
    }

    func duplicate() -> Self {
        var copy = self
        copy.filter = filter.duplicate()
        copy.moved = moved.duplicate()
        return copy
    }

    func deallocate() {
        filter.deallocate()
        moved.deallocate()
    }

    var byteCount: Int { filter.byteCount + moved.byteCount }

    /// Whether the filter must be made anew for this many keys.
    func isFull(at keys: Int) -> Bool { keys > 4 * (filterMask + 1) }

    /// Empties the filter and sizes it for twice as many keys; what moved stays known.
    mutating func reset(for keys: Int) {
        var words = 64
        while 4 * words < 2 * keys { words *= 2 }
        filter.deallocate()
        filter = Slab(capacity: words)
        filter.fill(0, from: 0, to: words)
        filterMask = words - 1
        count = 0
    }

    /// Adds a key; false if it was surely not there before.
    @inline(__always) mutating func insert(_ key: Fingerprint) -> Bool {
        let word = Int(truncatingIfNeeded: key.low) & filterMask
        let bits = Self.bits(key)
        let old = filter[word]
        count += 1
        if old & bits == bits { return true }
        filter[word] = old | bits
        return false
    }

    @inline(__always) func mayContain(_ key: Fingerprint) -> Bool {
        let bits = Self.bits(key)
        return filter[Int(truncatingIfNeeded: key.low) & filterMask] & bits == bits
    }

    @inline(__always) private static func bits(_ key: Fingerprint) -> UInt64 {
        let h = key.high
        let one: UInt64 = 1
        return (one << (h & 63)) | (one << (h >> 6 & 63)) | (one << (h >> 12 & 63)) | (one << (h >> 18 & 63))
    }

    @inline(__always) func mayHaveMoved(_ key: Fingerprint) -> Bool {
        guard movedCount > 0 else { return false }
        var index = Int(truncatingIfNeeded: key.low >> 20) & (moved.capacity - 1)
        while moved[index] != .none {
            if moved[index] == key { return true }
            index = (index + 1) & (moved.capacity - 1)
        }
        return false
    }

    mutating func noteMove(_ key: Fingerprint) {
        guard key != .none, !mayHaveMoved(key) else { return }
        if 2 * (movedCount + 1) > moved.capacity {
            let old = moved
            moved = Slab(capacity: 2 * old.capacity)
            moved.fill(.none, from: 0, to: moved.capacity)
            for index in 0..<old.capacity where old[index] != .none { place(old[index]) }
            old.deallocate()
        }
        place(key)
        movedCount += 1
    }

    private func place(_ key: Fingerprint) {
        var index = Int(truncatingIfNeeded: key.low >> 20) & (moved.capacity - 1)
        while moved[index] != .none { index = (index + 1) & (moved.capacity - 1) }
        moved[index] = key
    }
}
