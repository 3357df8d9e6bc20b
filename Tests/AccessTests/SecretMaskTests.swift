import MartletAccess
import MartletBytes
import Testing

@Suite("Masking of secrets")
struct SecretMaskTests {
    /// Marks every byte of every occurrence, one after another; only for texts as they are.
    private func naive(_ text: [UInt8], _ secrets: [[UInt8]]) -> [UInt8] {
        var isSecret = [Bool](repeating: false, count: text.count)
        for secret in secrets where secret.count >= SecretMask.shortest && secret.count <= text.count {
            for start in 0...(text.count - secret.count) where Array(text[start..<(start + secret.count)]) == secret {
                for index in start..<(start + secret.count) { isSecret[index] = true }
            }
        }
        var masked: [UInt8] = []
        for index in text.indices {
            if !isSecret[index] { masked.append(text[index]) } else if index == 0 || !isSecret[index - 1] { masked += Array("***".utf8) }
        }
        return masked
    }

    private func masked(_ text: [UInt8], _ mask: SecretMask, pieces: Int) -> [UInt8] {
        var stream = SecretMaskStream(mask)
        var out: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: pieces) {
            out += stream.take(Array(text[start..<min(start + pieces, text.count)]))
        }
        return out + stream.finish()
    }

    @Test("a secret is masked wherever the pieces are cut, and nothing else is", arguments: 1...12)
    func pieces(_ size: Int) {
        let mask = SecretMask([Secret("hunter2!")])
        let text = Array("a hunter2! hunter2 hunthunter2!x hunter2!hunter2! hunte".utf8)
        #expect(String(decoding: masked(text, mask, pieces: size), as: UTF8.self) == "a *** hunter2 hunt***x ****** hunte")
    }

    @Test("overlapping secrets leave none of their bytes; held to a search that tries every place")
    func overlaps() {
        var state: UInt64 = 7
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<2_000 {
            // Two letters, so that occurrences overlap and secrets begin as others end. No base 64 of them is made of these.
            func letters(_ count: Int) -> [UInt8] { (0..<count).map { _ in random(2) == 0 ? 0x21 : 0x23 } }
            let secrets = (0..<(1 + random(3))).map { _ in letters(4 + random(5)) }
            let mask = SecretMask(secrets.map { Secret(String(decoding: $0, as: UTF8.self)) })
            let text = letters(random(60))
            for size in [1, 2, 3, 7, 100] {
                let found = masked(text, mask, pieces: size)
                // Adjacent secrets may have stars of their own.
                func joined(_ bytes: [UInt8]) -> String {
                    String(decoding: bytes, as: UTF8.self).replacing(/\*+/, with: "***")
                }
                #expect(joined(found) == joined(naive(text, secrets)))
            }
            #expect(mask.finds(in: text) == (naive(text, secrets) != text))
        }
    }

    @Test("base 64 is found alone and within other text, whichever way it falls, in both alphabets", arguments: ["hunter2!", "ÿþ>>?~?ÿ secret", "four"])
    func base64(_ secret: String) {
        let mask = SecretMask([Secret(secret)])
        for web in [false, true] {
            for before in ["", "u", "us", "user:"] {
                for after in ["", "x", "yz", "end"] {
                    var text = String(decoding: Base64Text.encode(Array((before + secret + after).utf8)), as: UTF8.self)
                    if web { text = text.replacing("+", with: "-").replacing("/", with: "_") }
                    let shown = mask.masked("[\(text)]")
                    #expect(shown.contains("***"), "\(text)")
                    // What is left of it are the characters that other bytes share.
                    let rest = shown.filter { $0 != "*" }.count - 2
                    #expect(rest <= (before.utf8.count * 8 + 5) / 6 + (after.utf8.count * 8 + 5) / 6 + 3, "\(shown)")
                }
            }
        }
        #expect(mask.masked(String(decoding: Base64Text.encode(Array(secret.utf8)), as: UTF8.self)) == "***")
    }

    @Test("a secret that is too short is left alone, and without secrets everything passes")
    func short() {
        #expect(SecretMask([Secret("abc"), Secret("")]).isEmpty)
        #expect(SecretMask([Secret("abc")]).masked("abcabc") == "abcabc")
        var stream = SecretMaskStream(SecretMask([]))
        #expect(stream.take([1, 2]) == [1, 2] && stream.finish() == [])
    }

    @Test("no more is held back than a secret's length less one; where the rest is cut off, a beginning is masked too")
    func holding() {
        let secret = "0123456789"
        let mask = SecretMask([Secret(secret)])
        for count in 0..<secret.count {
            var stream = SecretMaskStream(mask)
            let given = stream.take(Array(("xy" + secret.prefix(count)).utf8))
            #expect(String(decoding: given, as: UTF8.self) == "xy")
            #expect(String(decoding: stream.finish(), as: UTF8.self) == String(secret.prefix(count)))
            stream = SecretMaskStream(mask)
            _ = stream.take(Array(("xy" + secret.prefix(count)).utf8))
            #expect(String(decoding: stream.finish(isCut: true), as: UTF8.self) == (count == 0 ? "" : "***"))
        }
    }

    @Test("what is looked through takes steps in proportion to its size, however alike the secret is to itself")
    func hostile() {
        // Each byte of the text would begin a search of 60,000 bytes if secrets were tried one place after another.
        let mask = SecretMask([Secret(String(repeating: "a", count: 60_000) + "b")])
        let text = [UInt8](repeating: 0x61, count: 4 << 20)
        #expect(mask.masked(text) == text)
        #expect(!mask.finds(in: text))
    }

    @Test("a secret that comes over several pieces is found in them")
    func finding() {
        let mask = SecretMask([Secret("hunter2!")])
        var state: Int32 = 0
        #expect(!mask.finds(in: Array("a hunt".utf8), from: &state))
        #expect(!mask.finds(in: [], from: &state))
        #expect(mask.finds(in: Array("er2!".utf8), from: &state))
    }
}
