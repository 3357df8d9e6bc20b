import Foundation
import MartletFrames
import MartletWorld
import Testing

@Suite("Mails")
struct MailMessageTests {
    static func message(subject: String = "s", text: String = "t\n", name: String = "", key: String = "k1", thread: String? = nil) throws -> MailMessage {
        MailMessage(
            from: try MailAddress("martlet@example.org"), fromName: name, to: [try MailAddress("ada@example.org"), try MailAddress("bob+x@Example.COM")],
            subject: subject, text: text, key: key, threadKey: thread, date: Timestamp(microseconds: 1_520_424_000_123_456))
    }

    @Test("is written as RFC 5322 has it, the same each time")
    func golden() throws {
        let message = try Self.message(subject: "[FIRING 1] drift", text: "a = 1\n\n.\n..b\nna\u{EF}ve \n", name: "M\u{E4}rtlet", key: "5f-1/x", thread: "g")
        let expected = """
            Date: Wed, 07 Mar 2018 12:00:00 +0000
            From: =?utf-8?B?TcOkcnRsZXQ=?=
             <martlet@example.org>
            To: <ada@example.org>,
             <bob+x@example.com>
            Message-ID: <5f-1_2fx@example.org>
            References: <g@example.org>
            Subject: [FIRING 1] drift
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            a =3D 1

            .
            ..b
            na=C3=AFve=20

            """.replacingOccurrences(of: "\n", with: "\r\n")
        #expect(String(decoding: message.encoded(), as: UTF8.self) == expected)
        #expect(message.encoded() == message.encoded())
    }

    static let hostile = [
        "x\r\nBcc: eve@example.org", "x\nBcc: eve@example.org\n\nbody", "x\r\n.\r\nMAIL FROM:<eve>", "\u{0}\u{1B}[31m", "=?utf-8?B?eA==?=\r\n x",
        "\u{2028}Bcc: eve@example.org", String(repeating: "\u{1F600}", count: 500), String(repeating: "x", count: 5_000), " ", "", "x ",
        String(repeating: "\r\n", count: 100), "\u{202E}evil",
    ]

    @Test("nothing in a text leaves its place: no header is added, no line is long, all is ASCII", arguments: hostile)
    func injection(_ text: String) throws {
        for message in [try Self.message(subject: text), try Self.message(text: text), try Self.message(name: text), try Self.message(key: text, thread: text)] {
            let bytes = message.encoded()
            #expect(bytes.allSatisfy { $0 == 0x0D || $0 == 0x0A || (0x20...0x7E).contains($0) })
            let whole = String(decoding: bytes, as: UTF8.self)
            let lines = whole.components(separatedBy: "\r\n")
            // Nor does it when a program has decoded it.
            for word in whole.matches(of: #/=\?utf-8\?B\?([A-Za-z0-9+\/=]*)\?=/#) {
                #expect(Data(base64Encoded: String(word.1))?.allSatisfy { $0 >= 0x20 && $0 != 0x7F } == true)
            }
            #expect(lines.allSatisfy { $0.utf8.count <= 78 && !$0.contains("\r") && !$0.contains("\n") })
            #expect(lines.last == "")
            let head = lines.prefix { !$0.isEmpty }
            let names = head.filter { !$0.hasPrefix(" ") }.map { String($0.prefix { $0 != ":" }) }
            let expected = [
                "Date", "From", "To", "Message-ID", "References", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
            ]
            #expect(names == expected.filter { $0 != "References" || message.threadKey != nil && names.contains("References") })
            #expect(!head.dropFirst().contains { $0.trimmingCharacters(in: .whitespaces).isEmpty })
        }
    }

    @Test("a long subject is folded into encoded words that hold whole characters")
    func folding() throws {
        let subject = "drift é " + String(repeating: "\u{1F600}é", count: 25)
        let whole = String(decoding: try Self.message(subject: subject).encoded(), as: UTF8.self)
        let start = try #require(whole.range(of: "Subject: "))
        let end = try #require(whole.range(of: "\r\nAuto-Submitted"))
        let words = whole[start.upperBound..<end.lowerBound].components(separatedBy: "\r\n ")
        var read = ""
        for word in words {
            #expect(word.count <= 75)
            let text = try #require(Data(base64Encoded: String(word.dropFirst(10).dropLast(2))))
            read += try #require(String(data: text, encoding: .utf8))
        }
        #expect(words.count > 3 && read == subject)
    }

    @Test("addresses are read strictly", arguments: [
        "", "a", "@b.c", "a@", "a@b@c", "a b@c.d", "a@b c", "<a@b.c>", "a\r\n@b.c", "a@b.c\r\nRCPT TO:<x@y.z>", "a@b.c>", "\"a b\"@c.d", "é@b.c", "a@é.c",
        ".a@b.c", "a..b@c.d", "a@-b.c", "a@b..c", "a@[127.0.0.1]", String(repeating: "a", count: 65) + "@b.c", "a@" + String(repeating: "b", count: 64) + ".c",
    ])
    func addresses(_ text: String) {
        #expect(throws: MailAddressError.self) { try MailAddress(text) }
    }

    @Test("usual addresses are taken", arguments: ["a@b", "ada.lovelace+x@mail.example.org", "o'neil@example.org", "a=b/c@d-e.f"])
    func usual(_ text: String) throws {
        #expect(try MailAddress(text).description == text)
    }
}
