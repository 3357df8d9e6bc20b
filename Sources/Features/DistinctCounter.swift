/// Counts different words; cleared in constant time and reused.
struct DistinctCounter {
    private(set) var count = 0
    private var words = Slab<UInt64>(capacity: 64)
    /// The bucket is in use if it bears the current stamp.
    private var stamps = Slab<UInt32>(capacity: 64)
    private var stamp: UInt32 = 0
    private var mask = 63

    init() {
        stamps.fill(0, from: 0, to: 64)
    }

    func deallocate() {
        words.deallocate()
        stamps.deallocate()
    }

    mutating func clear() {
        count = 0
        stamp &+= 1
        if stamp == 0 {
            stamps.fill(0, from: 0, to: mask + 1)
            stamp = 1
        }
    }

    mutating func insert(_ word: UInt64) {
        guard place(word) else { return }
        count += 1
        guard 2 * count > mask else { return }
        let (oldWords, oldStamps, oldSize) = (words, stamps, mask + 1)
        words = Slab(capacity: 2 * oldSize)
        stamps = Slab(capacity: 2 * oldSize)
        stamps.fill(0, from: 0, to: 2 * oldSize)
        mask = 2 * oldSize - 1
        for bucket in 0..<oldSize where oldStamps[bucket] == stamp { _ = place(oldWords[bucket]) }
        oldWords.deallocate()
        oldStamps.deallocate()
    }

    @inline(__always) private func place(_ word: UInt64) -> Bool {
        let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        var bucket = Int(truncatingIfNeeded: product.high ^ product.low) & mask
        while stamps[bucket] == stamp {
            if words[bucket] == word { return false }
            bucket = (bucket + 1) & mask
        }
        words[bucket] = word
        stamps[bucket] = stamp
        return true
    }
}
