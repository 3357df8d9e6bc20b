public import MartletFrames
public import MartletStatistics

extension ColumnProfile {
    /// The profile of no rows of a type: texts and truth values are categories, all else is numbers (times in seconds since 1970).
    public static func empty(of type: ValueType) -> ColumnProfile {
        switch type {
        case .bool, .string: .categories()
        case .int64, .float64, .timestamp: .numbers()
        }
    }

    /// Adds the rows of a column of the type that the profile was made for.
    public mutating func add(_ column: Column) {
        switch column.storage {
        case .float64(let numbers): add(numbers, column.validity)
        case .int64(let numbers): add(numbers.map(Double.init), column.validity)
        case .timestamp(let times): add(times.map { Double($0) / 1e6 }, column.validity)
        case .bool(let flags):
            // What is missing is false, so set bits are present ones.
            let yes = flags.setCount
            addMissing(column.missingCount)
            add(hash: Self.hashOfTrue, text: "true", times: yes)
            add(hash: Self.hashOfFalse, text: "false", times: column.count - column.missingCount - yes)
        case .string(let texts): add(texts, column.validity)
        }
    }

    /// Adds rows of which only is kept whether they were there, to a profile of truth values.
    public mutating func add(presenceOf column: Column) {
        addMissing(column.missingCount)
        add(hash: Self.hashOfTrue, text: "true", times: column.count - column.missingCount)
    }

    private mutating func add(_ numbers: [Double], _ validity: Bitmap?) {
        if let words = validity?.words { add(numbers.span, valid: words.span) } else { add(numbers.span) }
    }

    /// Counts equal texts together first, so that each is looked up once and made a `String` only where it is new.
    private mutating func add(_ texts: StringStorage, _ validity: Bitmap?) {
        let groups = TextGroups(texts, validity, level: categories?.level ?? 0)
        addMissing(texts.count - groups.counts.reduce(0, +) - groups.passedOver)
        // All of them are only counted, whatever their hashes are.
        add(hash: groups.hashPassedOver, text: "", times: groups.passedOver)
        for (index, hash) in groups.hashes.enumerated() { add(hash: hash, text: texts[groups.firstRows[index]], times: groups.counts[index]) }
    }

    private static let hashOfTrue = CategoryHash.of("true")
    private static let hashOfFalse = CategoryHash.of("false")
}

/// The 64 bits that stand for a category's text in profiles: FNV-1a, with its bits mixed. Part of the profiles' format.
///
/// Sources: G. Fowler, L. C. Noll, K.-P. Vo; S. Vigna's SplitMix64 for the mixing.
package enum CategoryHash {
    package static func of(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { of($0) }
    }

    @inline(__always)
    package static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return mixed(hash)
    }

    package static func mixed(_ bits: UInt64) -> UInt64 {
        var hash = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 31
    }
}

/// The distinct texts of a column, in the order of their first rows; texts are told apart by their hash, as profiles do.
///
/// Those that a profile keeps no more, for the zero bits that their hashes begin with are less than its level, are not told apart.
private struct TextGroups {
    private(set) var hashes: [UInt64] = []
    private(set) var firstRows: [Int] = []
    private(set) var counts: [Int] = []

    /// Rows of texts that are not kept, and the hash of one of them.
    private(set) var passedOver = 0
    private(set) var hashPassedOver: UInt64 = 0

    init(_ texts: StringStorage, _ validity: Bitmap?, level: Int) {
        var capacity = 64
        while capacity < 2 * texts.count { capacity *= 2 }
        let mask = UInt64(capacity - 1)
        // Places in the lists above; 0 for none.
        var table = [UInt32](repeating: 0, count: capacity)
        texts.bytes.withUnsafeBufferPointer { bytes in
            texts.offsets.withUnsafeBufferPointer { offsets in
                table.withUnsafeMutableBufferPointer { table in
                    for row in 0..<texts.count {
                        if let validity, !validity[row] { continue }
                        let hash = CategoryHash.of(UnsafeBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]]))
                        guard hash.leadingZeroBitCount >= level else {
                            passedOver += 1
                            hashPassedOver = hash
                            continue
                        }
                        var slot = Int(truncatingIfNeeded: hash & mask)
                        while table[slot] != 0, hashes[Int(table[slot]) - 1] != hash { slot = (slot + 1) & Int(mask) }
                        if table[slot] == 0 {
                            hashes.append(hash)
                            firstRows.append(row)
                            counts.append(0)
                            table[slot] = UInt32(truncatingIfNeeded: hashes.count)
                        }
                        counts[Int(table[slot]) - 1] += 1
                    }
                }
            }
        }
    }
}
