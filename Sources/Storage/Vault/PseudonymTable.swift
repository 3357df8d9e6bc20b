internal import MartletFrames

/// A name space in which an identifier means one person: a project and the name that its subject fields share.
public struct PseudonymSpace: Hashable, Sendable {
    public var project: String
    public var name: String

    public init(project: String, name: String) {
        self.project = project
        self.name = name
    }
}

/// Identifiers of one space with their pseudonyms, in memory: an open-addressing hash table over one arena of bytes.
///
/// A dictionary keyed by byte arrays would allocate for every row asked for; this one allocates only as it grows.
struct PseudonymTable {
    /// All identifiers end to end, with `count + 1` offsets.
    private(set) var identifiers = StringStorage()
    /// The pseudonym of each.
    private(set) var pseudonyms: [UInt64] = []
    /// Pseudonym to row.
    private var rows: [UInt64: Int] = [:]
    /// Row + 1 by hash, 0 for empty; a power of two, at most half full.
    private var slots = [UInt32](repeating: 0, count: 16)

    var count: Int { pseudonyms.count }

    /// The row of an identifier; nil if it has none.
    func row(of identifier: UnsafeRawBufferPointer) -> Int? {
        let mask = slots.count - 1
        var slot = Self.hash(identifier) & mask
        while slots[slot] != 0 {
            let row = Int(slots[slot]) - 1
            if isEqual(row, identifier) { return row }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func contains(pseudonym: UInt64) -> Bool {
        rows[pseudonym] != nil
    }

    func identifier(of pseudonym: UInt64) -> [UInt8]? {
        rows[pseudonym].map { Array(identifiers.utf8($0)) }
    }

    /// Adds an identifier that is not in the table.
    mutating func insert(_ identifier: some Collection<UInt8>, pseudonym: UInt64) {
        rows[pseudonym] = pseudonyms.count
        identifiers.append(utf8: identifier)
        pseudonyms.append(pseudonym)
        if pseudonyms.count * 2 > slots.count { grow() }
        place(pseudonyms.count - 1)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for row in 0..<(pseudonyms.count - 1) { place(row) }
    }

    private mutating func place(_ row: Int) {
        let mask = slots.count - 1
        var slot = identifiers.bytes.withUnsafeBytes { bytes in
            Self.hash(UnsafeRawBufferPointer(rebasing: bytes[identifiers.offsets[row]..<identifiers.offsets[row + 1]]))
                & mask
        }
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(row + 1)
    }

    private func isEqual(_ row: Int, _ identifier: UnsafeRawBufferPointer) -> Bool {
        let start = identifiers.offsets[row]
        guard identifiers.offsets[row + 1] - start == identifier.count else { return false }
        return identifiers.bytes.withUnsafeBytes { bytes in
            // A loop over bytes: `elementsEqual` goes through iterators, which is several times slower.
            for index in 0..<identifier.count where bytes[start + index] != identifier[index] { return false }
            return true
        }
    }

    /// The standard library's keyed hash, so that nobody can choose identifiers that collide. Its order is never seen.
    private static func hash(_ identifier: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: identifier)
        return hasher.finalize() & Int.max
    }
}
