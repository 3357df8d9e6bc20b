import MartletBytes
import Testing

private func parsed(_ text: String, _ grammar: DecimalText.Grammar) -> (int64: Int64?, double: Double)? {
    Array(text.utf8).withUnsafeBytes { bytes in
        guard let number = DecimalText(scanning: bytes, from: 0, grammar: grammar), number.end == bytes.count
        else { return nil }
        return (number.int64, number.double(in: bytes))
    }
}

@Suite("Numbers in text") struct DecimalTextTests {
    #if DEBUG
        static let texts = 20_000
    #else
        static let texts = 400_000
    #endif

    /// Random digits with points and exponents, dense where the fast path meets the slow one.
    private static func randomText(_ random: inout SeededRandom) -> String {
        func digits(_ count: Int) -> String {
            String((0..<count).map { _ in Character(Unicode.Scalar(UInt8(48 + random.next() % 10))) })
        }
        var text = random.next() % 2 == 0 ? "-" : ""
        switch random.next() % 6 {
        case 0:
            text += String(
                Double(bitPattern: random.next()).magnitude.description.filter {
                    $0 != "n" && $0 != "a" && $0 != "i" && $0 != "f"
                })
        case 1: text += "1" + digits(Int(random.next() % 25))
        case 2: text += "1" + digits(Int(random.next() % 18)) + "." + digits(1 + Int(random.next() % 25))
        case 3: text += "9" + digits(Int(random.next() % 20)) + "e" + String(Int(random.next() % 660) - 340)
        case 4: text += "0." + digits(1 + Int(random.next() % 30)) + "E-" + String(random.next() % 330)
        default:
            // Half way between two doubles, and one digit to either side.
            let integer = (1 << 53) + (random.next() % (1 << 50)) * 2 + 1
            text +=
                String(integer)
                + ["", ".0", ".000000000000000000001", "00", "e10", ".5"][Int(random.next() % 6)]
        }
        return text.isEmpty || text == "-" ? "0" : text
    }

    @Test("doubles are those of the standard library, bit for bit", arguments: UInt64(0)..<10)
    func correctRounding(seed: UInt64) {
        var random = SeededRandom(seed)
        for _ in 0..<Self.texts {
            let text = Self.randomText(&random)
            let expected = Double(text)
            let found = parsed(text, .plain)?.double
            if found?.bitPattern != expected?.bitPattern {
                Issue.record(
                    "seed \(seed): '\(text)' gave \(String(describing: found)), not \(String(describing: expected))"
                )
            }
        }
    }

    @Test("hard cases of rounding")
    func hardCases() {
        let texts = [
            "2.2250738585072011e-308", "2.2250738585072012e-308", "4.9406564584124654e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324", "1.7976931348623157e308", "1.7976931348623159e308", "9007199254740993",
            "9007199254740992.999999999999", "0.1", "1e22", "1e23", "123456789012345678901234567890",
            "1e-400", "1e400",
            "0e999999999999", "-0", "-0.0", "0.000000000000000000000000000000000000000000001e45", "5e-1600",
            "1" + String(repeating: "0", count: 500) + "e-500",
            "0." + String(repeating: "0", count: 400) + "1e401",
        ]
        for text in texts {
            #expect(parsed(text, .plain)?.double.bitPattern == Double(text)?.bitPattern, "\(text)")
        }
    }

    @Test("integers keep all digits within 64 bits")
    func integers() {
        #expect(parsed("9223372036854775807", .json)?.int64 == .max)
        #expect(parsed("-9223372036854775808", .json)?.int64 == .min)
        #expect(parsed("9223372036854775808", .json)?.int64 == nil)
        #expect(parsed("-9223372036854775809", .json)?.int64 == nil)
        #expect(parsed("18446744073709551616", .json)?.int64 == nil)
        #expect(parsed("00000000000000000000012", .plain)?.int64 == 12)
        #expect(parsed("1.0", .json)?.int64 == nil)
        #expect(parsed("1e2", .json)?.int64 == nil)
        #expect(parsed("-0", .json)?.int64 == nil)
        #expect(parsed("0", .json)?.int64 == 0)
    }

    @Test(
        "the two grammars",
        arguments: [
            ("1", true, true), ("+1", false, true), ("007", false, true), (".5", false, true),
            ("5.", false, true),
            ("-.5", false, true), (".", false, false), ("", false, false), ("-", false, false),
            ("1e", false, false),
            ("1e+", false, false), ("1e5", true, true), ("1E+5", true, true), ("12abc", false, false),
            ("1 ", false, false),
            ("0x10", false, false), ("inf", false, false), ("nan", false, false), ("1_000", false, false),
            ("1,5", false, false),
            ("--1", false, false), ("e5", false, false), ("1.e5", false, true),
        ])
    func grammars(text: String, isJSON: Bool, isPlain: Bool) {
        #expect((parsed(text, .json) != nil) == isJSON)
        #expect((parsed(text, .plain) != nil) == isPlain)
    }
}
