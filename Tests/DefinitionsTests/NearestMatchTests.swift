import MartletDefinitions
import Testing

@Suite("Nearest match")
struct NearestMatchTests {
    @Test(
        "counts insertions, deletions, replacements and swaps of neighbours",
        arguments: [
            ("", "", 0), ("a", "", 1), ("", "ab", 2), ("mean", "men", 1), ("mean", "maen", 1),
            ("kitten", "sitting", 3), ("ca", "abc", 3),
        ])
    func distance(left: String, right: String, expected: Int) {
        #expect(NearestMatch.distance(Array(left), Array(right)) == expected)
        #expect(NearestMatch.distance(Array(right), Array(left)) == expected)
    }

    @Test("a limit changes no distance up to it, and leaves the others beyond it", arguments: 0...4)
    func limit(limit: Int) {
        let words = ["", "a", "ab", "ba", "abc", "acb", "abcd", "badc", "kitten", "sitting", "aaaaaaa", "abababab"].map(Array.init)
        for left in words {
            for right in words {
                let exact = NearestMatch.distance(left, right)
                let bounded = NearestMatch.distance(left, right, limit: limit)
                #expect(exact <= limit ? bounded == exact : bounded > limit, "\(left) \(right)")
            }
        }
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
