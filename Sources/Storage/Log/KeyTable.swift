import MartletFrames

/// The current version of each unique key of one segment, in memory.
///
/// Entries of 40 bytes stand in the order they came; cells of 8 bytes, found by extendible hashing, number them and hold a
/// tag of the hash: a new key touches one cell and the end of the entries, a known one its cell and its entry. Both grow by
/// pages, so that what is there is not copied as the table grows, and no insertion waits for the whole of it. The hash is
/// seeded, so that keys chosen by a client cannot be made to collide. Payloads of first versions are kept apart, since few
/// keys ever have a second.
struct KeyTable: Sendable {
    private struct Entry {
        var key: Fingerprint
        var payload: Fingerprint
        /// The position times 256, plus the code of the kind.
        var place: UInt64
    }

    /// Cells, a power of two, half of them free at least: the number of an entry plus 1 in the lower half, its tag in the
    /// upper; 0 where a cell is free. Only keys whose tags begin with the same `depth` bits stand in one page.
    private struct Page {
        var cells: [UInt64]
        var depth = 0
        var count = 0

        /// Takes in a cell of another page.
        mutating func add(_ cell: UInt64) {
            cells.withUnsafeMutableBufferPointer { cells in
                let mask = cells.count - 1
                var place = Int(truncatingIfNeeded: cell >> 32) & mask
                while cells[place] != 0 { place = (place + 1) & mask }
                cells[place] = cell
            }
            count += 1
        }
    }

    /// Whole pages of entries, but for the last.
    private var entries: [[Entry]] = [[]]
    private(set) var count = 0
    private var pages: [Page]
    /// The page of each beginning of a tag; a power of two of them, all of `depth` bits.
    private var directory: [Int] = [0]
    private var depth = 0
    private var originals: [Fingerprint: Fingerprint] = [:]
    private let seed: UInt64

    private static let pageCells = 4_096
    private static let pageEntries = 2_048
    /// Beyond this a page that is full of keys grows in place: as many tags that begin alike do not come by chance.
    private static let depthMax = 20

    init(seed: UInt64, capacity: Int = 32) {
        self.seed = seed | 1
        var cells = 64
        while cells < min(capacity * 2, Self.pageCells) { cells *= 2 }
        pages = [Page(cells: [UInt64](repeating: 0, count: cells))]
        entries[0].reserveCapacity(min(capacity, Self.pageEntries))
    }

    /// - Precondition: positions are below 2^55, and there are fewer than 2^31 keys.
    subscript(key: Fingerprint) -> KeyState? {
        get {
            let (page, cell) = place(of: key, hash(key))
            let found = pages[page].cells[cell]
            return found == 0 ? nil : state(at: Self.number(in: found))
        }
        set {
            guard let newValue else { preconditionFailure("keys are never forgotten") }
            precondition(key != .none && newValue.position >> 55 == 0)
            let entry = Entry(
                key: key, payload: newValue.payload, place: UInt64(newValue.position) << 8 | UInt64(newValue.kind.rawValue))
            let hash = hash(key)
            let place = place(of: key, hash)
            let found = pages[place.page].cells[place.cell]
            if found == 0 {
                append(entry, hash, at: place)
            } else {
                let number = Self.number(in: found)
                entries[number / Self.pageEntries][number % Self.pageEntries] = entry
            }
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
        let hash = hash(key)
        let place = place(of: key, hash)
        guard pages[place.page].cells[place.cell] == 0 else { return false }
        append(
            Entry(key: key, payload: payload, place: UInt64(position) << 8 | UInt64(RecordKind.event.rawValue)), hash, at: place)
        return true
    }

    /// Whether every key still has the payload of its first version.
    var isOriginal: Bool { originals.isEmpty }

    /// Every key with its state, in the order in which the keys came.
    func forEach(_ body: (Fingerprint, KeyState) -> Void) {
        for number in 0..<count { body(entry(number).key, state(at: number)) }
    }

    /// The keys in ascending order, each with the number of its entry.
    ///
    /// Keys are fingerprints, so they spread evenly: each falls into one of as many ranges as there are keys, and what a
    /// range holds is sorted. Time is linear for such keys and n log n for any.
    func sorted() -> [(key: Fingerprint, number: Int)] {
        let largest = entries.joined().reduce(UInt64(0)) { max($0, $1.key.high) }
        let shift = 64 - largest.leadingZeroBitCount
        func range(of key: Fingerprint) -> Int {
            shift == 0 ? 0 : Int((key.high << UInt64(64 - shift)).multipliedFullWidth(by: UInt64(count)).high)
        }
        var ends = [Int](repeating: 0, count: count + 1)
        for entry in entries.joined() { ends[range(of: entry.key) + 1] += 1 }
        for index in 0..<count { ends[index + 1] += ends[index] }
        var order = [(key: Fingerprint, number: Int)](repeating: (.none, 0), count: count)
        // From here on, `ends[i]` moves from where range i begins to where it ends.
        for (number, entry) in entries.joined().enumerated() {
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
        let held = entry(number)
        let original = originals.isEmpty ? nil : originals[held.key]
        // The codes in `place` were taken from kinds.
        let kind = RecordKind(rawValue: UInt8(truncatingIfNeeded: held.place)) ?? .event
        return KeyState(
            position: Int64(held.place >> 8), payload: held.payload, kind: kind, originalPayload: original ?? held.payload)
    }

    private func entry(_ number: Int) -> Entry { entries[number / Self.pageEntries][number % Self.pageEntries] }

    private static func number(in cell: UInt64) -> Int { Int(cell & 0xFFFF_FFFF) - 1 }

    /// Its upper half is the tag: the first bits choose the page, the last the cell in it.
    private func hash(_ key: Fingerprint) -> UInt64 {
        let mixed = (key.low ^ seed) &* 0x9E37_79B9_7F4A_7C15 ^ (key.high &+ seed) &* 0xD6E8_FEB8_6659_FD93
        return (mixed ^ (mixed >> 32)) &* 0xFF51_AFD7_ED55_8CCD
    }

    private func page(of hash: UInt64) -> Int { directory[Int((hash >> UInt64(63 - depth)) >> 1)] }

    /// The cell that names the key's entry, or the free one where it belongs.
    private func place(of key: Fingerprint, _ hash: UInt64) -> (page: Int, cell: Int) {
        let page = page(of: hash)
        let cell = pages[page].cells.withUnsafeBufferPointer { cells in
            let mask = cells.count - 1
            var cell = Int(truncatingIfNeeded: hash >> 32) & mask
            while cells[cell] != 0 {
                if cells[cell] >> 32 == hash >> 32, entry(Self.number(in: cells[cell])).key == key { break }
                cell = (cell + 1) & mask
            }
            return cell
        }
        return (page, cell)
    }

    /// - Precondition: the cell is free, and it is where the entry's key belongs.
    private mutating func append(_ entry: Entry, _ hash: UInt64, at place: (page: Int, cell: Int)) {
        if count % Self.pageEntries == 0, count > 0 {
            entries.append([])
            entries[entries.count - 1].reserveCapacity(Self.pageEntries)
        }
        entries[entries.count - 1].append(entry)
        count += 1
        precondition(count < 1 << 31)
        pages[place.page].cells[place.cell] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(count)
        pages[place.page].count += 1
        if pages[place.page].count * 2 > pages[place.page].cells.count { makeRoom(in: place.page, hash) }
    }

    /// Doubles a page, or splits one that is full-grown in two by the next bit of its tags.
    private mutating func makeRoom(in page: Int, _ hash: UInt64) {
        let full = pages[page]
        guard full.cells.count >= Self.pageCells, full.depth < Self.depthMax else {
            pages[page] = Page(cells: [UInt64](repeating: 0, count: full.cells.count * 2), depth: full.depth)
            for cell in full.cells where cell != 0 { pages[page].add(cell) }
            return
        }
        if full.depth == depth {
            directory = directory.flatMap { [$0, $0] }
            depth += 1
        }
        let half = Page(cells: [UInt64](repeating: 0, count: Self.pageCells), depth: full.depth + 1)
        pages[page] = half
        pages.append(half)
        // The beginnings of tags that led to the page stand side by side; the latter half of them now leads to the new one.
        let shared = depth - full.depth
        let first = Int((hash >> UInt64(63 - full.depth)) >> 1) << shared
        for index in (first + (1 << shared) / 2)..<(first + (1 << shared)) { directory[index] = pages.count - 1 }
        for cell in full.cells where cell != 0 { pages[self.page(of: cell)].add(cell) }
    }
}
