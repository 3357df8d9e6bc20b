import MartletBytes
import Testing

@Suite("Base 64")
struct Base64TextTests {
    @Test("is what RFC 4648 section 10 says", arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func vectors(_ plain: String, _ encoded: String) {
        #expect(String(decoding: Base64Text.encode(Array(plain.utf8)), as: UTF8.self) == encoded)
        #expect(Base64Text.decode(encoded.utf8) == Array(plain.utf8))
    }

    @Test("every byte in every place comes back")
    func roundTrip() {
        for size in 0..<9 {
            for byte in UInt8.min...UInt8.max {
                let bytes = (0..<size).map { byte &+ UInt8($0) }
                #expect(Base64Text.decode(Base64Text.encode(bytes)) == bytes)
            }
        }
        #expect(Base64Text.decode("Zg=".utf8) == nil)
        #expect(Base64Text.decode("Z-8=".utf8) == nil)
    }
}
