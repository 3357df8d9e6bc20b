import MartletBytes
import Testing

@Suite("JSON") struct JSONTests {
    static let accepted: [(String, JSONValue)] = [
        ("null", nil), (" true ", true), ("false\n", false), ("0", 0), ("-1", -1), ("1.5e3", 1500.0),
        ("-0", .float64(-0.0)),
        ("123456789012345678", 123_456_789_012_345_678),
        ("9223372036854775808", .float64(9_223_372_036_854_775_808)),
        ("1E-2", 0.01), ("\"\"", ""), ("[]", []), ("{}", [:]), ("[[[]]]", [[[]]]), ("[1,\t2]", [1, 2]),
        (#"{"a":1,"b":[true,null]}"#, ["a": 1, "b": [true, nil]]),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")), (#""\u0041\u00e9\u20AC""#, "Aé€"),
        (#""\uD83D\uDE00""#, "😀"), (#""\ud800\udc00\uDBFF\uDFFF""#, "\u{10000}\u{10FFFF}"),
        (#""\u0000""#, "\u{0}"),
        ("\"é€😀\"", "é€😀"), ("\"\u{7F}\"", "\u{7F}"), (#"{"":0}"#, ["": 0]),
        (#"{"a":{"a":{}}}"#, ["a": ["a": [:]]]),
        ("1e-400", 0.0), ("[0e1]", [0.0]),
    ]

    @Test("what RFC 8259 allows is read", arguments: accepted)
    func accepts(text: String, expected: JSONValue) throws {
        let value = try JSONValue(parsing: text)
        #expect(value == expected)
        #expect(try JSONValue(parsing: value.serialized()) == expected)
    }

    @Test("every byte at every place of a text is taken, refused or ends it as RFC 8259 says", arguments: 0..<20)
    func everyByteOfAText(place: Int) {
        for byte in UInt8.min ... .max {
            var bytes = Array("\"abcdefghijklmnopqrst\"".utf8)
            bytes[1 + place] = byte
            let isTaken = byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "\"")
            // An escape of the letter that follows is one for some letters: \b, \f, \n, \r, \t.
            let isEscape = byte == UInt8(ascii: "\\") && "bfnrt\"".utf8.contains(bytes[2 + place])
            // The quote is escaped there, and no other follows.
            let isOpen = place == 19 && isEscape
            let value = try? JSONValue(parsing: bytes)
            if isTaken {
                #expect(value == .string(String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)), "byte \(byte)")
            } else {
                #expect((value != nil) == (isEscape && !isOpen), "byte \(byte)")
            }
        }
    }

    static let rejected: [(String, JSONError.Code, Int)] = [
        ("", .malformed, 0), (" ", .malformed, 1), ("[", .malformed, 1), ("]", .malformed, 0),
        ("[1,]", .malformed, 3),
        ("[,1]", .malformed, 1), ("[1 2]", .malformed, 3), ("[1", .malformed, 2), ("{", .malformed, 1),
        ("{a:1}", .malformed, 1),
        (#"{"a"}"#, .malformed, 4), (#"{"a":}"#, .malformed, 5), (#"{"a":1,}"#, .malformed, 7),
        (#"{"a":1 "b":2}"#, .malformed, 7),
        (#"{"a":1]"#, .malformed, 6), ("[1}", .malformed, 2), ("1 2", .malformed, 2), ("truE", .malformed, 0),
        ("nul", .malformed, 0),
        ("True", .malformed, 0), ("NaN", .malformed, 0), ("Infinity", .malformed, 0),
        ("-Infinity", .malformed, 0), ("+1", .malformed, 0),
        ("01", .malformed, 0), ("-01", .malformed, 0), ("1.", .malformed, 0), (".5", .malformed, 0),
        ("1e", .malformed, 0),
        ("-", .malformed, 0), ("1e400", .numberOutOfRange, 0), ("0x1", .malformed, 1), ("'a'", .malformed, 0),
        ("\"a", .malformed, 0), ("\"a\nb\"", .malformed, 2), ("\"\t\"", .malformed, 1),
        (#""\x""#, .malformed, 1), (#""\u12g4""#, .malformed, 1),
        (#""\u12""#, .malformed, 1), (#""\ud800""#, .malformed, 1), (#""\ud800\u0041""#, .malformed, 1),
        (#""\udc00""#, .malformed, 1),
        (#""\ud800x""#, .malformed, 1), (#""\udc00\udc00""#, .malformed, 1), ("\"\\", .malformed, 1),
        ("[1]x", .malformed, 3), ("// c\n1", .malformed, 0), ("\u{FEFF}1", .malformed, 0),
        (#"{"a":1,"a":2}"#, .duplicateKey, 7), (#"{"a":1,"\u0061":2}"#, .duplicateKey, 7),
        ("[\u{0B}1]", .malformed, 1), ("{1:1}", .malformed, 1),
        (#"{"a":1"#, .malformed, 6), ("[\"a\",", .malformed, 5), ("[1:2]", .malformed, 2),
        ("tru", .malformed, 0), ("{,}", .malformed, 1),
    ]

    @Test("what it forbids is refused at its place", arguments: rejected)
    func rejects(text: String, code: JSONError.Code, offset: Int) {
        do throws(JSONError) {
            let value = try JSONValue(parsing: text)
            Issue.record("'\(text)' gave \(value)")
        } catch {
            #expect(error.code == code)
            #expect(error.offset == offset, "\(text.debugDescription): \(error)")
        }
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0xC0, 0x80], [0xE9], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82], [0xFF],
            [0xF0, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        let text = [UInt8(ascii: "\""), UInt8(ascii: "a")] + bytes + [UInt8(ascii: "\"")]
        do throws(JSONError) {
            _ = try JSONValue(parsing: text)
            Issue.record("accepted \(bytes)")
        } catch {
            #expect(error.code == .invalidUTF8 && error.offset == 2)
        }
    }

    @Test("limits on depth and length")
    func limits() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue(parsing: nested(64))
        _ = try JSONValue(parsing: nested(128), depthLimit: 128)
        for (text, depth) in [
            (nested(65), 64), (nested(129), 128), (String(repeating: #"{"a":"#, count: 100_000), 64),
        ] {
            do throws(JSONError) {
                _ = try JSONValue(parsing: text, depthLimit: depth)
                Issue.record("accepted")
            } catch { #expect(error.code == .tooDeep) }
        }
        do throws(JSONError) {
            _ = try JSONValue(parsing: "[1,2]", lengthLimit: 4)
            Issue.record("accepted")
        } catch { #expect(error.code == .tooLong) }
    }

    @Test("an error says what was expected, what was found, and the way out")
    func sentences() {
        func sentence(_ text: String) -> String {
            do throws(JSONError) { return try JSONValue(parsing: text).description } catch {
                return "\(error)"
            }
        }
        #expect(
            sentence("[1,]")
                == "byte 3: a value was expected, and ']' was found; a comma before a closing bracket is not allowed"
        )
        #expect(sentence(#"{"a" 1}"#) == "byte 5: ':' after the key was expected, and '1' was found")
        #expect(
            sentence("[012]")
                == "byte 1: a number was expected, and '012]' is none; JSON numbers have no leading zero or plus sign, and digits on both sides of the point"
        )
        #expect(sentence("{") == "byte 1: a key in quotes or '}' was expected, and the text ends")
    }

    @Test("objects keep their order, and sort by bytes when asked")
    func order() {
        let value: JSONValue = ["b": 1, "é": 2, "a": 3, "Z": 4]
        #expect(value.description == #"{"b":1,"é":2,"a":3,"Z":4}"#)
        #expect(
            String(decoding: value.serialized(keys: .sorted), as: UTF8.self) == #"{"Z":4,"a":3,"b":1,"é":2}"#)
    }

    @Test("numbers and texts are written so that they read back")
    func writing() throws {
        let value: JSONValue = [
            .int64(.min), .int64(.max), 0, 7, -7, 10, .float64(0.1), .float64(1e300),
            .float64(.leastNonzeroMagnitude), .float64(-0.0), 1e16,
            .float64(.nan), "\u{0}\u{1F}\"\\\n\u{7F}é",
        ]
        #expect(
            value.description
                == #"[-9223372036854775808,9223372036854775807,0,7,-7,10,0.1,1e+300,5e-324,-0.0,1e+16,null,"\u0000\u001f\"\\\n"#
                + "\u{7F}é\"]")
        guard case .array(let back) = try JSONValue(parsing: value.description) else { return }
        #expect(back[9].double?.sign == .minus)
        #expect(back[8] == .float64(.leastNonzeroMagnitude))
    }

    @Test("random trees come back, and random damage gives an error or a value", arguments: UInt64(0)..<50)
    func randomTrees(seed: UInt64) throws {
        var random = SeededRandom(seed)
        func tree(_ depth: Int) -> JSONValue {
            switch random.next() % (depth == 0 ? 5 : 7) {
            case 0: return .null
            case 1: return .bool(random.next() % 2 == 0)
            case 2: return .int64(Int64(bitPattern: random.next()) >> Int64(random.next() % 64))
            case 3:
                let double = Double(bitPattern: random.next())
                return .float64(double.isFinite ? double : 0.5)
            case 4:
                return .string(
                    String(
                        String.UnicodeScalarView(
                            (0..<(random.next() % 12)).compactMap { _ in
                                Unicode.Scalar(
                                    UInt32(
                                        truncatingIfNeeded: random.next()
                                            % [0x80, 0x800, 0x110000][Int(random.next() % 3)]))
                            })))
            case 5: return .array((0..<(random.next() % 5)).map { _ in tree(depth - 1) })
            default:
                var object = JSONObject()
                for _ in 0..<(random.next() % 5) { object["k\(random.next() % 20)"] = tree(depth - 1) }
                return .object(object)
            }
        }
        for _ in 0..<20 {
            let value = tree(4)
            let bytes = value.serialized()
            #expect(try JSONValue(parsing: bytes) == value, "seed \(seed)")
            for _ in 0..<30 {
                var damaged = bytes
                damaged[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
                _ = try? JSONValue(parsing: damaged)
                _ = try? JSONValue(parsing: damaged.prefix(Int(random.next() % UInt64(bytes.count))))
            }
        }
    }

    @Test("a value can be passed over")
    func skipping() throws {
        let bytes = Array(#"{"skip":[1,{"x":[]}],"keep":7}"#.utf8)
        let found: Int64? = try bytes.withUnsafeBytes { buffer throws(JSONError) in
            var scanner = JSONScanner(buffer)
            _ = try scanner.next()
            while case .key(let key)? = try scanner.next() {
                if scanner.string(key) == "keep", case .int64(let value)? = try scanner.next() {
                    return value
                }
                try scanner.skipValue()
            }
            return nil
        }
        #expect(found == 7)
    }
}
