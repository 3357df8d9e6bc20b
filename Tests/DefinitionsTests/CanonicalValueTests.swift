import MartletDefinitions
import MartletFrames
import Testing

@Suite("Canonical values")
struct CanonicalValueTests {
    static let value = CanonicalValue.map([
        "b": .list([
            .none, .bool(true), .bool(false), .integer(-3), .integer(.min), .number(0.1), .text("é\n\""),
        ]),
        "a": .span(.days(7)),
        "": .time(Timestamp(microseconds: -1)),
        "h": .hash(DefinitionHash(of: .none)),
        "m": .map([:]),
    ])

    @Test("survive their bytes")
    func roundTrip() throws {
        #expect(try CanonicalValue(encoded: Self.value.encoded) == Self.value)
    }

    @Test("have one encoding, pinned byte for byte")
    func pinned() {
        let value = CanonicalValue.map([
            "b": .list([.bool(true), .integer(-1)]), "a": .number(1), "c": .text("x"),
        ])
        #expect(
            value.encoded == [
                1, 10, 3, 1, 97, 4, 0, 0, 0, 0, 0, 0, 240, 63, 1, 98, 9, 2, 2, 3, 1, 1, 99, 5, 1, 120,
            ])
        // printf '\1\0' | sha256sum
        #expect(
            DefinitionHash(of: .none).description
                == "47dc540c94ceb704a23875c11273e16bb0b8a87aed84de911f2133568115f254")
    }

    @Test("do not depend on the order in which keys were given, nor on the sign of zero")
    func order() {
        #expect(CanonicalValue.map(["a": .none, "b": .bool(true)]) == .map(["b": .bool(true), "a": .none]))
        #expect(CanonicalValue.number(-0.0).encoded == CanonicalValue.number(0.0).encoded)
    }

    @Test("different values have different encodings")
    func injective() {
        let values: [CanonicalValue] = [
            .none, .bool(true), .bool(false), .integer(0), .integer(1), .number(0), .number(1), .text(""),
            .text("0"), .span(.zero),
            .time(Timestamp(microseconds: 0)), .list([]), .list([.none]), .map([:]), .map(["": .none]),
            .list([.list([])]),
            .list([.text("a"), .text("b")]), .list([.text("ab")]), .map(["a": .text("b")]),
        ]
        #expect(Set(values.map(\.encoded)).count == values.count)
    }

    @Test("damage is refused and never traps: every cut, every changed byte")
    func damage() {
        let bytes = Self.value.encoded
        for count in 0..<bytes.count {
            #expect(throws: CanonicalDecodingError.self) {
                try CanonicalValue(encoded: Array(bytes.prefix(count)))
            }
        }
        #expect(throws: CanonicalDecodingError.self) { try CanonicalValue(encoded: bytes + [0]) }
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                if let value = try? CanonicalValue(encoded: changed) {
                    #expect(value.encoded == changed, "byte \(index), bit \(bit)")
                }
            }
        }
    }

    @Test("a huge count and deep nesting are refused")
    func bounded() {
        #expect(throws: CanonicalDecodingError.self) {
            try CanonicalValue(encoded: [1, 9, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])
        }
        #expect(throws: CanonicalDecodingError.self) {
            try CanonicalValue(encoded: [1] + (0..<100).flatMap { _ in [UInt8(9), 1] } + [0])
        }
        let newer = #expect(throws: CanonicalDecodingError.self) { try CanonicalValue(encoded: [2, 0]) }
        #expect(newer?.message == "the definition is encoded in version 2; this program reads version 1")
    }

    @Test("read as JSON and by people")
    func text() {
        #expect(
            CanonicalValue.map(["a": .list([.none, .text("x\"\n\u{1}")]), "s": .span(.days(7))]).json
                == #"{"a":[null,"x\"\n\u0001"],"s":"7d"}"#)
        #expect("\(CanonicalValue.map(["a": .list([.none, .number(0.5)])]))" == "{a: [none, 0.5]}")
    }

    @Test("hashes read what they write")
    func hashText() {
        let hash = DefinitionHash(of: Self.value)
        #expect(DefinitionHash(hash.description) == hash)
        #expect(DefinitionHash("zz" + hash.description.dropFirst(2)) == nil)
        #expect(hash.fingerprint.description == String(hash.description.prefix(32)))
    }
}
