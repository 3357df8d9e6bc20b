import MartletFrames
import MartletWorld
import Testing

@Suite("The conversation with a server of mails")
struct SMTPConversationTests {
    static func server(_ security: MailServer.Security = .none, login: Bool = false) -> MailServer {
        MailServer(
            host: "mail.example.org", port: 2_525, security: security, login: login ? MailLogin(user: "ada", password: "open sesame") : nil,
            ownName: "client.example.org")
    }

    /// A conversation with a server whose replies are known: what was said, and what came of it.
    struct Talk {
        var said: [String] = []
        var result: Result<MailReceipt, MailError>?
        var closed = false
        var secured = false
        var waits: [Timestamp.Span] = []
        var finishes = 0

        /// - Parameter replies: in order; `"TLS"` stands where the connection is made a secure one.
        init(_ server: MailServer, _ replies: [String], message: MailMessage? = nil, pieces: Int = .max) throws {
            var conversation = SMTPConversation(try message ?? MailMessageTests.message(), server: server)
            take(conversation.begin(), &conversation)
            for reply in replies {
                let bytes = Array((reply + "\r\n").utf8)
                var rest = bytes[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(pieces)
                    rest = rest.dropFirst(pieces)
                    take(conversation.received(piece), &conversation)
                }
            }
        }

        mutating func take(_ actions: [SMTPConversation.Action], _ conversation: inout SMTPConversation) {
            for action in actions {
                switch action {
                case .send(let bytes): said.append(String(decoding: bytes, as: UTF8.self))
                case .startTLS:
                    secured = true
                    take(conversation.secured(), &conversation)
                case .wait(let span): waits.append(span)
                case .close: closed = true
                case .finish(let result):
                    self.result = result
                    finishes += 1
                }
            }
        }

        var code: MailError.Code? { if case .failure(let error)? = result { error.code } else { nil } }
        var message: String { if case .failure(let error)? = result { error.message } else { "" } }
    }

    @Test("a mail is handed over in the clear, command by command", arguments: [Int.max, 1, 7])
    func plain(_ pieces: Int) throws {
        let talk = try Talk(Self.server(), ["220 hi", "250-mail.example.org\r\n250-SIZE 1000\r\n250 8BITMIME", "250 ok", "250 ok", "251 ok", "354 go", "250 taken", "221 bye"], pieces: pieces)
        let content = try MailMessageTests.message().encoded()
        #expect(
            talk.said == [
                "EHLO client.example.org\r\n", "MAIL FROM:<martlet@example.org>\r\n", "RCPT TO:<ada@example.org>\r\n", "RCPT TO:<bob+x@example.com>\r\n",
                "DATA\r\n", String(decoding: content, as: UTF8.self) + ".\r\n", "QUIT\r\n",
            ])
        guard case .success(let receipt)? = talk.result else { throw Problem() }
        #expect(receipt.accepted.count == 2 && receipt.refused.isEmpty && talk.closed && talk.finishes == 1)
    }

    struct Problem: Error {}

    @Test("dots at the start of lines are doubled, and nothing in a text ends the mail")
    func dots() throws {
        let message = try MailMessageTests.message(text: ".\n..x\n.\r\nQUIT\n")
        let talk = try Talk(Self.server(), ["220 hi", "250 x", "250 ok", "250 ok", "250 ok", "354 go", "250 taken"], message: message)
        let data = try #require(talk.said.dropLast().last)
        #expect(data.hasSuffix("\r\n..\r\n...x\r\n..\r\nQUIT\r\n.\r\n"))
        #expect(data.components("\r\n.\r\n") == 1)
    }

    @Test("STARTTLS comes before the login, what was offered in the clear is forgotten, and PLAIN is said over TLS")
    func startTLS() throws {
        let talk = try Talk(
            Self.server(.startTLS, login: true),
            ["220 hi", "250-x\r\n250-AUTH LOGIN\r\n250 STARTTLS", "220 go", "250-x\r\n250 AUTH PLAIN LOGIN", "235 ok", "250 ok", "250 ok", "250 ok", "354 go", "250 taken"])
        #expect(talk.secured)
        // "\0ada\0open sesame"
        #expect(
            talk.said.prefix(4) == [
                "EHLO client.example.org\r\n", "STARTTLS\r\n", "EHLO client.example.org\r\n", "AUTH PLAIN AGFkYQBvcGVuIHNlc2FtZQ==\r\n",
            ])
        guard case .success? = talk.result else { throw Problem() }
    }

    @Test("LOGIN where there is no PLAIN")
    func loginWay() throws {
        let talk = try Talk(
            Self.server(.tls, login: true), ["220 hi", "250-x\r\n250 AUTH=LOGIN XOAUTH2", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 ok", "550 no"])
        #expect(talk.said.dropFirst().prefix(3) == ["AUTH LOGIN\r\n", "YWRh\r\n", "b3BlbiBzZXNhbWU=\r\n"])
        #expect(talk.code == .refused)
    }

    /// What the server says, the code that follows, and words that stand in the message.
    static let ends: [(MailServer.Security, Bool, [String], MailError.Code, String)] = [
        (.none, false, ["421 busy"], .later, "421 busy"),
        (.none, false, ["450 busy"], .later, "450 busy"),
        (.none, false, ["554 go away"], .refused, "554 go away"),
        (.none, false, ["250 what"], .unusable, "greets"),
        (.none, false, ["220 x", "550 not you"], .refused, "550 not you"),
        (.none, false, ["220 x", "502 no", "450 no"], .later, "450 no"),
        (.none, false, ["220 x", "250 x", "451 later"], .later, "451 later"),
        (.none, false, ["220 x", "250 x", "530 login"], .refused, "530 login"),
        (.none, false, ["220 x", "250 x", "250 x", "550 a", "450 b"], .later, "450 b"),
        (.none, false, ["220 x", "250 x", "250 x", "550 a", "553 b"], .refused, "550 a"),
        (.none, false, ["220 x", "250 x", "250 x", "250 a", "354 b"], .unusable, "354 b"),
        (.none, false, ["220 x", "250 x", "250 x", "250 a", "250 b", "452 full"], .later, "452 full"),
        (.none, false, ["220 x", "250 x", "250 x", "250 a", "250 b", "554 no"], .refused, "554 no"),
        (.none, false, ["220 x", "250 x", "250 x", "250 a", "250 b", "250 what"], .unusable, "250 what"),
        (.none, false, ["220 x", "250 x", "250 x", "250 a", "250 b", "354 go", "452 full"], .later, "452 full"),
        (.none, false, ["220 x", "250 x", "250 x", "250 a", "250 b", "354 go", "554-spam\r\n554 really"], .refused, "554 spam really"),
        (.none, false, ["220 x", "250 x", "421 closing"], .later, "421 closing"),
        (.startTLS, false, ["220 x", "250 x"], .untrusted, "offers no secure"),
        (.startTLS, false, ["220 x", "250-x\r\n250 STARTTLS", "454 no"], .later, "454 no"),
        (.startTLS, false, ["220 x", "250-x\r\n250 STARTTLS", "501 no"], .untrusted, "501 no"),
        (.startTLS, false, ["220 x", "250-x\r\n250 STARTTLS", "220 go\r\n250-x\r\n250 AUTH PLAIN"], .untrusted, "between STARTTLS"),
        (.startTLS, false, ["220 x", "502 no"], .refused, "502 no"),
        (.startTLSIfOffered, true, ["220 x", "250-x\r\n250 AUTH PLAIN"], .untrusted, "offers no secure"),
        (.startTLSIfOffered, true, ["220 x", "250-x\r\n250 STARTTLS", "454 no"], .later, "454 no"),
        (.startTLSIfOffered, true, ["220 x", "502 no"], .refused, "502 no"),
        (.tls, true, ["220 x", "250 x"], .refused, "PLAIN or LOGIN"),
        (.tls, true, ["220 x", "250-x\r\n250 AUTH CRAM-MD5"], .refused, "PLAIN or LOGIN"),
        (.tls, true, ["220 x", "250-x\r\n250 AUTH PLAIN", "535 wrong"], .refused, "535 wrong"),
        (.tls, true, ["220 x", "250-x\r\n250 AUTH PLAIN", "454 later"], .later, "454 later"),
        (.tls, true, ["220 x", "250-x\r\n250 AUTH PLAIN", "334 "], .refused, "334"),
        (.tls, true, ["220 x", "250-x\r\n250 AUTH LOGIN", "334 a", "535 no"], .refused, "535 no"),
        (.none, true, [], .untrusted, "in the clear"),
        (.none, false, ["hello"], .unusable, "no SMTP"),
        (.none, false, ["22"], .unusable, "no SMTP"),
        (.none, false, ["120 x"], .unusable, "no SMTP"),
        (.none, false, ["620 x"], .unusable, "no SMTP"),
        (.none, false, ["2200 x"], .unusable, "no SMTP"),
        (.none, false, ["220-x\r\n250 x"], .unusable, "two codes"),
        (.none, false, ["220 " + String(repeating: "x", count: 5_000)], .unusable, "more than 1000 bytes"),
        (.none, false, [Array(repeating: "220-x", count: 200).joined(separator: "\r\n")], .unusable, "more than 100 lines"),
        (.none, false, ["HTTP/1.1 400 Bad Request"], .unusable, "no SMTP"),
    ]

    @Test("every reply that is no yes ends it, with the server's words", arguments: ends.indices)
    func refusals(_ index: Int) throws {
        let (security, login, replies, code, words) = Self.ends[index]
        // Byte by byte, what stands behind STARTTLS is over TLS here.
        for pieces in words.hasPrefix("between") ? [Int.max] : [Int.max, 1] {
            let talk = try Talk(Self.server(security, login: login), replies, pieces: pieces)
            #expect(talk.code == code && talk.message.contains(words) && talk.closed && talk.finishes == 1, "\(replies): \(String(describing: talk.result))")
            #expect(!talk.said.contains { $0.contains("b3Blb") || $0.contains("AGFk") } || talk.secured || security == .tls)
        }
    }

    @Test("a server that knows no EHLO is told HELO, and one that refuses STARTTLS is used in the clear where that may be")
    func old() throws {
        let hello = try Talk(Self.server(), ["220 x", "502 what", "250 x", "250 x", "250 a", "250 b", "354 go", "250 taken"])
        #expect(hello.said[1] == "HELO client.example.org\r\n")
        guard case .success? = hello.result else { throw Problem() }
        let clear = try Talk(
            Self.server(.startTLSIfOffered), ["220 x", "250-x\r\n250 starttls", "454 not now", "250 x", "250 a", "250 b", "354 go", "250 taken"])
        guard case .success? = clear.result else { throw Problem() }
    }

    @Test("who is refused is told of, and the others get the mail")
    func partly() throws {
        let talk = try Talk(Self.server(), ["220 x", "250 x", "250 x", "550 5.1.1 nobody\u{1B}[2J", "250 b", "354 go", "250 taken"])
        guard case .success(let receipt)? = talk.result else { throw Problem() }
        #expect(receipt.accepted.map(\.description) == ["bob+x@example.com"])
        #expect(receipt.refused.map(\.reply) == ["550 5.1.1 nobody [2J"] && !receipt.refused[0].isTemporary)
    }

    @Test("a server that falls silent or leaves ends it; after the mail was taken it no longer matters")
    func silence() throws {
        let replies = ["220 x", "250 x", "250 x", "250 a", "250 b", "354 go", "250 taken"]
        for count in 0...replies.count {
            for isTimeOut in [true, false] {
                var talk = try Talk(Self.server(), [])
                var conversation = SMTPConversation(try MailMessageTests.message(), server: Self.server())
                talk = Talk()
                talk.take(conversation.begin(), &conversation)
                for reply in replies.prefix(count) { talk.take(conversation.received(Array((reply + "\r\n").utf8)), &conversation) }
                talk.take(isTimeOut ? conversation.timedOut() : conversation.closed("reset"), &conversation)
                talk.take(conversation.closed(), &conversation)
                talk.take(conversation.timedOut(), &conversation)
                #expect(talk.closed && talk.finishes == 1 && conversation.hasEnded)
                if count == replies.count {
                    #expect(talk.code == nil)
                } else {
                    #expect(talk.code == (isTimeOut ? .timedOut : .unreachable))
                    #expect(talk.message.contains("may have taken") == (count == 6))
                }
                #expect(!talk.waits.isEmpty)
            }
        }
    }

    @Test("whatever a server says, it ends once, says no secret in the clear, and holds little", arguments: 0..<20)
    func fuzz(_ part: UInt64) throws {
        let phrases = [
            "220 ", "220-", "250 ", "250-", "250-STARTTLS\r\n", "250 STARTTLS\r\n", "250-AUTH PLAIN LOGIN\r\n", "334 ", "235 ", "354 ", "421 ", "450 ", "550 ", "\r\n",
            "\n", "\r", "\0", "x", "999 ", "-1", "2", "\u{FF}", "250", "220 go\r\n250 x\r\n",
        ]
        for seed in part * 500..<(part + 1) * 500 {
            var random = SplitMix64(seed: seed)
            let security = MailServer.Security.allCases.randomElement(using: &random) ?? .none
            var conversation = SMTPConversation(try MailMessageTests.message(), server: Self.server(security, login: Bool.random(using: &random)))
            var talk = Talk()
            talk.take(conversation.begin(), &conversation)
            let expected = ["220 x\r\n", "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "220 go\r\n", "250-x\r\n250 AUTH LOGIN\r\n", "334 x\r\n", "334 x\r\n", "235 x\r\n", "250 x\r\n"]
            for step in 0..<Int.random(in: 1...30, using: &random) where !conversation.hasEnded {
                // Mostly what leads on, so that late steps are seen.
                let isKind = Double.random(in: 0..<1, using: &random) < 0.7
                let text = isKind && step < expected.count ? expected[step] : (0..<Int.random(in: 1...6, using: &random)).map { _ in phrases.randomElement(using: &random) ?? "" }.joined()
                talk.take(conversation.received(Array(text.utf8)), &conversation)
                if Int.random(in: 0..<40, using: &random) == 0 { talk.take(conversation.timedOut(), &conversation) }
            }
            talk.take(conversation.closed(), &conversation)
            #expect(talk.closed && talk.finishes == 1 && conversation.hasEnded)
            let secrets = talk.said.contains { $0.contains("b3BlbiBz") || $0.contains("AGFkYQ") }
            #expect(!secrets || talk.secured || security == .tls, "seed \(seed)")
            #expect(talk.said.allSatisfy { $0.hasSuffix("\r\n") })
            #expect(talk.message.utf8.count < 1_000 && !talk.message.unicodeScalars.contains { $0.value < 0x20 })
        }
    }

    @Test("the password is printed nowhere")
    func secret() throws {
        let server = Self.server(.tls, login: true)
        let conversation = SMTPConversation(try MailMessageTests.message(), server: server)
        var dumped = ""
        dump(server, to: &dumped)
        dump(conversation, to: &dumped)
        for text in ["\(server)", String(reflecting: server), "\(conversation)", String(reflecting: conversation), dumped] {
            #expect(text.contains("redacted") && !text.contains("sesame"), "\(text)")
        }
    }

    @Test("what the program introduces itself by cannot end the line, and a mail for nobody is not begun")
    func own() throws {
        var server = Self.server()
        server.ownName = "x\r\nMAIL FROM:<eve@example.org>"
        #expect(try Talk(server, ["220 x"]).code == .unusable)
        var message = try MailMessageTests.message()
        message.to = []
        #expect(try Talk(Self.server(), ["220 x"], message: message).code == .refused)
        message.to = Array(repeating: try MailAddress("a@b"), count: MailMessage.recipientLimit + 1)
        #expect(try Talk(Self.server(), ["220 x"], message: message).code == .refused)
    }
}

extension SMTPConversationTests.Talk {
    init() {}
}

extension String {
    /// How often a text stands in it.
    fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
