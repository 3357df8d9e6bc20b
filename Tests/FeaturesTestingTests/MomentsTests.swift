import Foundation
import MartletFrames
import Testing

@testable import MartletFeaturesTesting

@Suite("Sums and moments, exact until one rounding")
struct MomentsTests {
    /// Written by `Golden/moments.py`, with Python's fractions.
    private static let lines: [String] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/moments.txt")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }()

    @Test("the golden file is there") func goldenFileIsThere() {
        #expect(Self.lines.count > 400)
    }

    @Test("sum, mean, variance and stddev have the bits of Python's fractions")
    func agreesWithPython() throws {
        for line in Self.lines {
            let words = line.split(separator: " ").map(String.init)
            let values = try words.dropFirst(5).map { word -> ExactRational in
                if word.hasPrefix("i") { return ExactRational(try #require(Int64(word.dropFirst()))) }
                return ExactRational(Double(bitPattern: try #require(UInt64(word, radix: 16))))
            }
            let semantics = StandardSemantics()
            let variance = semantics.variance(values)
            let found = [
                ExactRational.sum(values).rounded(), semantics.mean(values), variance, variance.map { $0.squareRoot() },
            ]
            for (index, name) in ["sum", "mean", "variance", "stddev"].enumerated() {
                let expected = UInt64(words[index], radix: 16)
                #expect(found[index]?.bitPattern == expected, "\(name) of \(line)")
            }
        }
    }

    @Test("a double survives the way to a rational and back", arguments: [
        0.0, 1.0, -1.5, 0.1, 1e308, Double.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude,
        -.leastNonzeroMagnitude, .leastNormalMagnitude, .leastNormalMagnitude.nextDown, 1e16, 0x1.fffffffffffffp-1,
    ])
    func roundTrips(value: Double) {
        #expect(ExactRational(value).rounded()?.bitPattern == value.bitPattern)
    }
}
