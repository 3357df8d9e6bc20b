/// What is kept of a column to watch it: how many rows, how many of them missing, and its numbers or its categories.
///
/// Of bounded size, whatever the number of rows. Merging is exact: any split of a column and any order of merging give
/// equal profiles, equal bytes of ``encoded()`` too.
///
/// ```swift
/// var today = ColumnProfile.numbers()
/// today.add([12.5, .nan, 80].span)
/// today.missing                       // 1
/// today.numbers?.mean                 // 46.25
/// ```
public struct ColumnProfile: Sendable, Equatable {
    /// How many rows were seen, missing ones among them.
    public private(set) var rows = 0
    /// How many rows were missing: not valid, or a number that is not finite.
    public private(set) var missing = 0
    /// What is known of the numbers; nil for a column of categories.
    public private(set) var numbers: NumberProfile?
    /// What is known of the categories; nil for a column of numbers.
    public private(set) var categories: CategoryCounts?

    private init() {}

    /// The profile of no rows of a column of numbers.
    public static func numbers(limit: Int = 2_048) -> ColumnProfile {
        var profile = ColumnProfile()
        profile.numbers = NumberProfile(limit: limit)
        return profile
    }

    /// The profile of no rows of a column of categories.
    public static func categories(limit: Int = 1_024) -> ColumnProfile {
        var profile = ColumnProfile()
        profile.categories = CategoryCounts(limit: limit)
        return profile
    }

    init?(rows: Int, numbers: NumberProfile?, categories: CategoryCounts?) {
        let present = numbers?.count ?? categories?.count ?? 0
        guard (numbers == nil) != (categories == nil), rows >= present else { return nil }
        self.rows = rows
        missing = rows - present
        (self.numbers, self.categories) = (numbers, categories)
    }

    /// Adds rows of numbers; one that is not finite, or whose bit of `valid` is 0, is missing.
    ///
    /// - Parameter valid: 64 rows a word, low bit first; nil if all are valid.
    public mutating func add(_ numbers: Span<Double>, valid: Span<UInt64>? = nil) {
        precondition(self.numbers != nil, "numbers for a column of categories")
        let before = self.numbers?.count ?? 0
        self.numbers?.add(numbers, valid: valid)
        rows += numbers.count
        missing += numbers.count - (self.numbers?.count ?? 0) + before
    }

    /// Adds a row, or `times` equal rows, of a category. The text is asked for only where it is new.
    public mutating func add(hash: UInt64, text: @autoclosure () -> String, times: Int = 1) {
        precondition(categories != nil, "a category for a column of numbers")
        guard times > 0 else { return }
        categories?.add(hash: hash, text: text(), times: times)
        rows += times
    }

    /// Adds rows that are missing.
    public mutating func addMissing(_ rows: Int = 1) {
        precondition(rows >= 0, "a number of rows")
        self.rows += rows
        missing += rows
    }

    /// Adds all rows of another profile of the same kind and limit.
    public mutating func merge(_ other: ColumnProfile) {
        precondition((numbers == nil) == (other.numbers == nil), "numbers and categories do not merge")
        rows += other.rows
        missing += other.missing
        if let theirs = other.numbers { numbers?.merge(theirs) }
        if let theirs = other.categories { categories?.merge(theirs) }
    }

    /// The share of rows that are missing; nil of no rows.
    public var missingShare: Double? { rows > 0 ? Double(missing) / Double(rows) : nil }
}
