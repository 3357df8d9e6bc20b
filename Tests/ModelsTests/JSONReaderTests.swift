import Testing

@testable import MartletModels

@Suite("Strict JSON")
struct JSONReaderTests {
    @Test("decimals become the nearest Float, rounded once")
    func floats() {
        var state: UInt64 = 5
        for round in 0..<100_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: state >> 31))
            guard value.isFinite else { continue }
            var text = "\(value)"
            if round % 2 == 0 {
                // Digits beyond a Float's, often close to the middle between two.
                text = "\(Double(value) + Double(value.ulp) / 2)"
            }
            #expect(JSONReader.float(Array(text.utf8)[...])?.bitPattern == Float(text)?.bitPattern, "\(text)")
        }
        #expect(JSONReader.float(Array("4.9E-1".utf8)[...]) == 0.49 && JSONReader.float(Array("-0".utf8)[...])?.sign == .minus)
    }

    @Test(
        "what RFC 8259 forbids is refused",
        arguments: [
            "", " ", "01", "1.", ".5", "+1", "1e", "-", "tru", "nul", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
            "\"\u{1}\"", "[1,]", "[,1]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "[1}", "1 2", "NaN", "{\"a\":1,\"\\u0061\":2}", "'a'", "//",
        ])
    func refused(text: String) {
        #expect(throws: ModelError.self) {
            var reader = JSONReader(Array(text.utf8))
            try reader.readWhole { (reader) throws(ModelError) in try reader.skip() }
        }
    }

    @Test("texts with escapes, and bytes that are no UTF-8")
    func texts() throws {
        var reader = JSONReader(Array(#" "a\u00e9\ud83d\ude00\n\/\"" "#.utf8))
        #expect(try reader.readWhole { (reader) throws(ModelError) in try reader.readString() } == "aé😀\n/\"")
        #expect(throws: ModelError.self) {
            var reader = JSONReader([0x22, 0xC0, 0x80, 0x22])
            _ = try reader.readString()
        }
        var number = JSONReader(Array("-9223372036854775808".utf8))
        #expect(try number.readInt(in: .min ... .max) == .min)
        #expect(throws: ModelError.self) {
            var reader = JSONReader(Array("9223372036854775808".utf8))
            _ = try reader.readInt(in: .min ... .max)
        }
    }
}
