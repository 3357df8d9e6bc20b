/// Gives each distinct byte string a number from zero up: entity keys, and the texts of a lane.
///
/// Open addressing; looking up allocates nothing. The bytes stand end to end in one slab.
struct KeyTable {
    private(set) var count = 0
    /// `count + 1` offsets into `bytes`.
    private var offsets: Slab<Int>
    private var bytes: Slab<UInt8>
    private var hashes: Slab<UInt64>
    /// Zero for empty, else the upper half of the hash beside the number plus one.
    private var buckets: Slab<UInt64>
    private var mask: Int

    /// The most keys that one table numbers.
    static let countMax = Int(Int32.max) - 1

    init() {
        offsets = Slab(capacity: 16)
        bytes = Slab(capacity: 256)
        hashes = Slab(capacity: 16)
        buckets = Slab(capacity: 32)
        buckets.fill(0, from: 0, to: 32)
        mask = 31
        offsets[0] = 0
    }

    func duplicate() -> Self {
        var copy = self
        copy.offsets = offsets.duplicate()
        copy.bytes = bytes.duplicate()
        copy.hashes = hashes.duplicate()
        copy.buckets = buckets.duplicate()
        return copy
    }

    func deallocate() {
        offsets.deallocate()
        bytes.deallocate()
        hashes.deallocate()
        buckets.deallocate()
    }

    /// The bytes of a key; valid until the table changes.
    func key(_ number: Int) -> UnsafeRawBufferPointer {
        let start = offsets[number]
        return UnsafeRawBufferPointer(start: bytes.base + start, count: offsets[number + 1] - start)
    }

    var keyBytes: Int { offsets[count] }
    var byteCount: Int { offsets.byteCount + bytes.byteCount + hashes.byteCount + buckets.byteCount }

    /// The number of a key, or −1.
    func find(_ key: UnsafeRawBufferPointer) -> Int {
        let hash = Self.hash(key)
        var bucket = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = buckets[bucket]
            if entry == 0 { return -1 }
            if entry >> 32 == hash >> 32 {
                let number = Int(entry & 0xFFFF_FFFF) - 1
                if Self.areEqual(self.key(number), key) { return number }
            }
            bucket = (bucket + 1) & mask
        }
    }

    /// The number of a key, given now if it is new.
    mutating func intern(_ key: UnsafeRawBufferPointer) -> Int {
        let hash = Self.hash(key)
        var bucket = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = buckets[bucket]
            if entry == 0 { break }
            if entry >> 32 == hash >> 32 {
                let number = Int(entry & 0xFFFF_FFFF) - 1
                if Self.areEqual(self.key(number), key) { return number }
            }
            bucket = (bucket + 1) & mask
        }
        precondition(count < Self.countMax, "a state holds at most \(Self.countMax) keys")
        let start = offsets[count]
        if count + 2 > offsets.capacity {
            offsets.grow(to: 2 * offsets.capacity, keeping: count + 1)
            hashes.grow(to: offsets.capacity, keeping: count)
        }
        if start + key.count > bytes.capacity { bytes.grow(to: max(2 * bytes.capacity, start + key.count), keeping: start) }
        if let source = key.baseAddress {
            UnsafeMutableRawPointer(bytes.base + start).copyMemory(from: source, byteCount: key.count)
        }
        offsets[count + 1] = start + key.count
        hashes[count] = hash
        buckets[bucket] = (hash & ~0xFFFF_FFFF) | UInt64(count + 1)
        count += 1
        if 2 * count > mask { spread() }
        return count - 1
    }

    private mutating func spread() {
        buckets.deallocate()
        let size = 2 * (mask + 1)
        buckets = Slab(capacity: size)
        buckets.fill(0, from: 0, to: size)
        mask = size - 1
        for number in 0..<count {
            let hash = hashes[number]
            var bucket = Int(truncatingIfNeeded: hash) & mask
            while buckets[bucket] != 0 { bucket = (bucket + 1) & mask }
            buckets[bucket] = (hash & ~0xFFFF_FFFF) | UInt64(number + 1)
        }
    }

    @inline(__always) private static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count, let a = left.baseAddress, let b = right.baseAddress else { return left.count == right.count }
        var index = 0
        while index + 8 <= left.count {
            guard a.loadUnaligned(fromByteOffset: index, as: UInt64.self) == b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            else { return false }
            index += 8
        }
        return tail(a + index, left.count - index) == tail(b + index, right.count - index)
    }

    /// Folds eight bytes at a time with a 128-bit product. Results never depend on it, only speed does.
    @inline(__always) static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: key.count)
        guard let base = key.baseAddress else { return mix(state) }
        var index = 0
        while index + 8 <= key.count {
            state = mix(state ^ base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += 8
        }
        return mix(state ^ tail(base + index, key.count - index))
    }

    /// The last `count` bytes, fewer than eight, as a number: different bytes give different numbers.
    @inline(__always) private static func tail(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            // Two halves that may overlap.
            return UInt64(base.loadUnaligned(as: UInt32.self)) << 32
                | UInt64(base.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        }
        guard count > 0 else { return 0 }
        return UInt64(base.load(as: UInt8.self)) << 16 | UInt64(base.load(fromByteOffset: count >> 1, as: UInt8.self)) << 8
            | UInt64(base.load(fromByteOffset: count - 1, as: UInt8.self))
    }

    @inline(__always) private static func mix(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }
}
