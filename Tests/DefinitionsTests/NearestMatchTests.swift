import MartletDefinitions
import Testing

@Suite("Nearest match")
struct NearestMatchTests {
    @Test(
        "counts insertions, deletions, replacements and swaps of neighbours",
        arguments: [("", "", 0), ("a", "", 1), ("", "ab", 2), ("mean", "men", 1), ("mean", "maen", 1), ("kitten", "sitting", 3), ("ca", "abc", 3)])
    func distance(left: String, right: String, expected: Int) {
        #expect(NearestMatch.distance(Array(left), Array(right)) == expected)
        #expect(NearestMatch.distance(Array(right), Array(left)) == expected)
    }

    @Test("offers what is near, ignores case, and stays silent where nothing is")
    func nearest() {
        let words = ["count", "sum", "mean", "max", "min", "stddev"]
        #expect(NearestMatch.of("men", in: words) == "mean")
        #expect(NearestMatch.of("COUNT", in: words) == "count")
        #expect(NearestMatch.of("stdev", in: words) == "stddev")
        #expect(NearestMatch.of("entropy", in: words) == nil)
        #expect(NearestMatch.of("x", in: ["y"]) == nil)
        #expect(NearestMatch.of("mx", in: ["max", "mix"]) == "max")
    }
}
