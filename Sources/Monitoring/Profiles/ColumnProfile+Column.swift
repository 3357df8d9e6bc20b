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
        case .float64(let numbers): add(numbers, column)
        case .int64(let numbers): add(numbers.map(Double.init), column)
        case .timestamp(let times): add(times.map { Double($0) / 1e6 }, column)
        case .bool, .string:
            for row in 0..<column.count {
                switch column[row] {
                case .bool(let flag): add(hash: flag ? Self.hashOfTrue : Self.hashOfFalse, text: flag ? "true" : "false")
                case .string(let text): add(hash: CategoryHash.of(text), text: text)
                default: addMissing()
                }
            }
        }
    }

    private mutating func add(_ numbers: [Double], _ column: Column) {
        // A missing row's number may be anything; not a number is missing.
        guard column.missingCount > 0 else { return add(numbers.span) }
        var numbers = numbers
        for row in numbers.indices where column.isMissing(row) { numbers[row] = .nan }
        add(numbers.span)
    }

    private static let hashOfTrue = CategoryHash.of("true")
    private static let hashOfFalse = CategoryHash.of("false")
}

/// The 64 bits that stand for a category's text in profiles: FNV-1a, with its bits mixed. Part of the profiles' format.
///
/// Sources: G. Fowler, L. C. Noll, K.-P. Vo; S. Vigna's SplitMix64 for the mixing.
package enum CategoryHash {
    package static func of(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return mixed(hash)
    }

    package static func mixed(_ bits: UInt64) -> UInt64 {
        var hash = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 31
    }
}
