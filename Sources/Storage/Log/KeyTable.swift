import MartletFrames

/// The current version of each unique key of one segment, in memory.
///
/// A dense array of entries in the order they came, 40 bytes each, and an open-addressed index over it of 8 bytes a cell, at
/// most half full, which holds a tag of the hash: a new key touches one cell and the end of the array, a known one its cell
/// and its entry. The hash is seeded, so that keys chosen by a client cannot be made to collide. Payloads of first versions
/// are kept apart, since few keys ever have a second.
struct KeyTable: Sendable {
    private struct Entry {
        var key: Fingerprint
        var payload: Fingerprint
        /// The position times 256, plus the code of the kind.
        var place: UInt64
    }

    private var entries: [Entry] = []
    /// The number of an entry plus 1 in the lower half, the upper half of its hash in the upper; 0 where a cell is free.
    private var cells: [UInt64]
    private var originals: [Fingerprint: Fingerprint] = [:]
    private let seed: UInt64

    init(seed: UInt64, capacity: Int = 32) {
        self.seed = seed | 1
        cells = [UInt64](repeating: 0, count: Self.cellCount(for: capacity))
        entries.reserveCapacity(capacity)
    }

    var count: Int { entries.count }

    /// - Precondition: positions are below 2^55, and there are fewer than 2^31 keys.
    subscript(key: Fingerprint) -> KeyState? {
        get {
            let cell = cells[cell(of: key)]
            return cell == 0 ? nil : state(at: Self.number(in: cell))
        }
        set {
            guard let newValue else { preconditionFailure("keys are never forgotten") }
            precondition(key != .none && newValue.position >> 55 == 0)
            let entry = Entry(
                key: key, payload: newValue.payload, place: UInt64(newValue.position) << 8 | UInt64(newValue.kind.rawValue))
            let place = cell(of: key)
            if cells[place] == 0 { append(entry, at: place) } else { entries[Self.number(in: cells[place])] = entry }
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
        let place = cell(of: key)
        guard cells[place] == 0 else { return false }
        append(Entry(key: key, payload: payload, place: UInt64(position) << 8 | UInt64(RecordKind.event.rawValue)), at: place)
        return true
    }

    /// Whether every key still has the payload of its first version.
    var isOriginal: Bool { originals.isEmpty }

    /// Every key with its state, in the order in which the keys came.
    func forEach(_ body: (Fingerprint, KeyState) -> Void) {
        for number in entries.indices { body(entries[number].key, state(at: number)) }
    }

    /// The keys in ascending order, each with the number of its entry.
    ///
    /// Keys are fingerprints, so they spread evenly: each falls into one of as many ranges as there are keys, and what a
    /// range holds is sorted. Time is linear for such keys and n log n for any.
    func sorted() -> [(key: Fingerprint, number: Int)] {
        guard let largest = entries.max(by: { $0.key < $1.key }) else { return [] }
        let shift = 64 - largest.key.high.leadingZeroBitCount
        func range(of key: Fingerprint) -> Int {
            shift == 0 ? 0 : Int((key.high << UInt64(64 - shift)).multipliedFullWidth(by: UInt64(count)).high)
        }
        var ends = [Int](repeating: 0, count: count + 1)
        for entry in entries { ends[range(of: entry.key) + 1] += 1 }
        for index in 0..<count { ends[index + 1] += ends[index] }
        var order = [(key: Fingerprint, number: Int)](repeating: (.none, 0), count: count)
        // From here on, `ends[i]` moves from where range i begins to where it ends.
        for (number, entry) in entries.enumerated() {
            let range = range(of: entry.key)
            order[ends[range]] = (entry.key, number)
            ends[range] += 1
        }
        order.withUnsafeMutableBufferPointer { order in
            var start = 0
            for end in ends[..<count] {
                if end - start > 1 {
                    var part = UnsafeMutableBufferPointer(rebasing: order[start..<end])
                    part.sort { $0.key < $1.key }
                }
                start = end
            }
        }
        return order
    }

    /// The state of the key of an entry.
    func state(at number: Int) -> KeyState {
        let held = entries[number]
        let original = originals.isEmpty ? nil : originals[held.key]
        // The codes in `place` were taken from kinds.
        let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: held.place)) ?? .event
        return KeyState(
            position: Int64(held.place >> 8), payload: held.payload, kind: kind, originalPayload: original ?? held.payload)
    }

    private static func number(in cell: UInt64) -> Int { Int(cell & 0xFFFF_FFFF) - 1 }

    /// A power of two, so that the keys fill half of the cells at most.
    private static func cellCount(for keys: Int) -> Int {
        var count = 64
        while count < keys * 2 { count *= 2 }
        return count
    }

    private func hash(_ key: Fingerprint) -> UInt64 {
        let mixed = (key.low ^ seed) &* 0x9E37_79B9_7F4A_7C15 ^ (key.high &+ seed) &* 0xD6E8_FEB8_6659_FD93
        return (mixed ^ (mixed >> 32)) &* 0xFF51_AFD7_ED55_8CCD
    }

    /// The cell that names the key's entry, or the free one where it belongs.
    private func cell(of key: Fingerprint) -> Int {
        let hash = hash(key)
        return cells.withUnsafeBufferPointer { cells in
            let mask = cells.count - 1
            var place = Int(truncatingIfNeeded: hash) & mask
            while cells[place] != 0 {
                if cells[place] >> 32 == hash >> 32, entries[Self.number(in: cells[place])].key == key { break }
                place = (place + 1) & mask
            }
            return place
        }
    }

    /// - Precondition: the cell is free, and it is where the entry's key belongs.
    private mutating func append(_ entry: Entry, at place: Int) {
        entries.append(entry)
        precondition(entries.count < 1 << 31)
        cells[place] = hash(entry.key) & 0xFFFF_FFFF_0000_0000 | UInt64(entries.count)
        if entries.count * 2 > cells.count { grow() }
    }

    private mutating func grow() {
        let mask = cells.count * 2 - 1
        var larger = [UInt64](repeating: 0, count: mask + 1)
        for (number, entry) in entries.enumerated() {
            let hash = hash(entry.key)
            var place = Int(truncatingIfNeeded: hash) & mask
            while larger[place] != 0 { place = (place + 1) & mask }
            larger[place] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(number + 1)
        }
        cells = larger
    }
}
