import Testing

@testable import MartletStatistics

@Suite("Counts of categories")
struct CategoryCountsTests {
    /// A hash that has nothing to do with the number's size.
    static func hash(_ number: Int) -> UInt64 {
        var random = SeededNumbers(UInt64(number) &* 0xD134_2543_DE82_EF95)
        return random.next()
    }

    static func add(_ values: [Int], to counts: inout CategoryCounts) {
        for value in values { counts.add(hash: hash(value), text: "value \(value)") }
    }

    @Test("hold what their definition says", arguments: [(1, 3), (8, 5), (8, 100), (64, 64), (64, 65), (256, 20_000)])
    func definition(limit: Int, distinct: Int) {
        var random = SeededNumbers(UInt64(limit * 7 + distinct))
        let values = (0..<30_000).map { _ in min(random.below(distinct), random.below(distinct)) }
        var counts = CategoryCounts(limit: limit)
        Self.add(values, to: &counts)
        let exact = Dictionary(values.map { ($0, 1) }, uniquingKeysWith: +)
        let level = (0...64).first { level in exact.keys.count { Self.hash($0).leadingZeroBitCount >= level } <= limit } ?? 64
        #expect(counts.level == level && counts.count == 30_000)
        let kept = exact.filter { Self.hash($0.key).leadingZeroBitCount >= level }
        #expect(Dictionary(counts.entries.map { ($0.text, $0.count) }, uniquingKeysWith: +) == Dictionary(kept.map { ("value \($0.key)", $0.value) }, uniquingKeysWith: +))
        #expect(counts.isExact == (exact.count <= limit))
        #expect(counts.otherCount == 30_000 - kept.values.reduce(0, +))
        if counts.isExact { #expect(counts.distinctCount == Double(exact.count)) }
        if limit >= 64 { #expect(abs(counts.distinctCount - Double(exact.count)) <= 4 * 1.2 / Double(limit).squareRoot() * Double(exact.count)) }
    }

    @Test("merge to equal values in any split and any order", arguments: [1, 16, 200])
    func merging(limit: Int) {
        var random = SeededNumbers(UInt64(limit))
        let values = (0..<5_000).map { _ in random.below(1 + random.below(900)) }
        var whole = CategoryCounts(limit: limit)
        Self.add(values, to: &whole)
        for _ in 0..<5 {
            var parts = [CategoryCounts](repeating: CategoryCounts(limit: limit), count: 7)
            for value in values.shuffled(using: &random) { Self.add([value], to: &parts[random.below(1 + random.below(7))]) }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                var merged = parts.removeLast()
                merged.merge(parts.removeLast())
                parts.append(merged)
            }
            #expect(parts[0] == whole && parts[0].entries == whole.entries)
        }
    }

    @Test("the estimate of distinct values has no bias and the spread that it states")
    func estimate() {
        var sum = 0.0, squares = 0.0
        for trial in 0..<300 {
            var counts = CategoryCounts(limit: 64)
            Self.add(Array(trial * 5_000..<trial * 5_000 + 3_000), to: &counts)
            let error = counts.distinctCount / 3_000 - 1
            sum += error
            squares += error * error
        }
        let spread = (squares / 300).squareRoot()
        #expect(abs(sum / 300) < 4 * 0.15 / 300.0.squareRoot())
        #expect(spread > 0.05 && spread < 1.2 / 8 * 1.2)
    }

    @Test("long texts are cut at whole characters")
    func texts() {
        var counts = CategoryCounts()
        counts.add(hash: 1, text: String(repeating: "é", count: 100))
        #expect(counts.entries[0].text == String(repeating: "é", count: 64))
        counts.add(hash: 2, text: "a" + String(repeating: "é", count: 100))
        #expect(counts.entries.map(\.text.utf8.count).sorted() == [127, 128])
    }
}
