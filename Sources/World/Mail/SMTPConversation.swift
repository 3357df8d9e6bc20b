import MartletBytes
public import MartletFrames

/// What a client says to a server of mails to hand one mail over: bytes in, actions out, no socket.
///
/// ```swift
/// var conversation = SMTPConversation(message, server: server)
/// perform(conversation.begin())           // and whatever else happens:
/// perform(conversation.received(bytes))
/// ```
///
/// A command is sent only when the reply to the one before has come whole. A secret is sent only over TLS, and nothing that came
/// before TLS is believed after it. Replies are bounded; a server that says more is left.
///
/// Source: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 4616 (PLAIN).
public struct SMTPConversation: Sendable {
    /// What is to be done, in order.
    public enum Action: Hashable, Sendable {
        case send([UInt8])
        /// Make the connection a secure one to the server's host, and say so by ``SMTPConversation/secured()``. Whatever came in the clear and was not
        /// given to the conversation is thrown away.
        case startTLS
        /// If nothing is received for so long from now on, say so by ``SMTPConversation/timedOut()``; it replaces what was set before.
        case wait(Timestamp.Span)
        case close
        /// What came of it; once. Behind it at most a farewell is said.
        case finish(Result<MailReceipt, MailError>)
    }

    /// Bytes of one line of a reply, its end not counted; RFC 5321 asks for 512.
    public static let lineLimit = 1_000
    /// Lines of one reply.
    public static let replyLineLimit = 100
    /// Bytes of the server's words that are kept.
    public static let wordLimit = 300

    private enum Step: Hashable {
        case idle, greeting, hello, plainHello, startTLS, securing, plain, loginStart, loginUser, loginPassword
        case from, recipient(Int), data, content, quit, ended
    }

    private let message: MailMessage
    private let server: MailServer
    private var step = Step.idle
    private var isSecure: Bool
    private var input: [UInt8] = []
    /// Lines of the reply that is being read, without their codes.
    private var lines: [String] = []
    private var code = 0
    /// What the server offers, in capitals.
    private var offers: [String] = []
    private var accepted: [MailAddress] = []
    private var refused: [MailReceipt.Refusal] = []

    /// - Parameter server: with `security: .tls` the connection is secure before the conversation begins.
    public init(_ message: MailMessage, server: MailServer) {
        self.message = message
        self.server = server
        isSecure = server.security == .tls
    }

    public var hasEnded: Bool { step == .ended }

    /// The connection is made.
    public mutating func begin() -> [Action] {
        guard step == .idle else { return [] }
        guard (1...MailMessage.recipientLimit).contains(message.to.count) else {
            return fail(.refused, "the mail has \(message.to.count) recipients, and from 1 to \(MailMessage.recipientLimit) may be")
        }
        guard Self.isOwnName(server.ownName) else { return fail(.unusable, "'\(Self.clean(server.ownName))' is no name by which a machine introduces itself") }
        if server.login != nil, server.security == .none {
            return fail(.untrusted, "a password is not sent in the clear", hint: "use security: starttls or tls")
        }
        step = .greeting
        return [.wait(.minutes(5))]
    }

    /// The connection is secure, and its peer is the host.
    public mutating func secured() -> [Action] {
        guard step == .securing else { return [] }
        isSecure = true
        // Nothing said before is believed.
        input = []
        offers = []
        return say("EHLO \(server.ownName)", .hello)
    }

    /// The connection could not be made a secure one, or its peer is not the host.
    public mutating func notSecured(_ reason: String) -> [Action] {
        guard step != .ended else { return [] }
        return fail(
            .untrusted, "the certificate of \(place) does not show that it is that host, or it speaks no TLS: \(Self.clean(reason))",
            hint: "its certificate must name the host and be vouched for by the system's roots")
    }

    /// Nothing came for as long as was waited.
    public mutating func timedOut() -> [Action] {
        guard step != .ended else { return [] }
        if step == .quit { return end() }
        return fail(.timedOut, "\(place) has not answered in time\(doubt)")
    }

    /// The connection ended, or broke.
    public mutating func closed(_ reason: String = "") -> [Action] {
        guard step != .ended else { return [] }
        if step == .quit { return end() }
        return fail(.unreachable, "the connection to \(place) ended early" + (reason.isEmpty ? "" : ": " + Self.clean(reason)) + doubt)
    }

    public mutating func received(_ bytes: some Sequence<UInt8>) -> [Action] {
        var actions: [Action] = []
        for byte in bytes {
            guard step != .ended, step != .idle else { break }
            guard step != .securing else {
                // A man in the middle could have put it in front of what the server says over TLS, so that it is not begun at all.
                return fail(.untrusted, "\(place) said something between STARTTLS and the secure connection")
            }
            if byte == 0x0A {
                if input.last == 0x0D { input.removeLast() }
                let line = input
                input = []
                actions += take(line)
            } else {
                guard input.count < Self.lineLimit + 1 else {
                    return actions + fail(.unusable, "\(place) sent a line of more than \(Self.lineLimit) bytes")
                }
                input.append(byte)
            }
        }
        return actions
    }

    // MARK: - Replies

    private mutating func take(_ line: [UInt8]) -> [Action] {
        guard line.count <= Self.lineLimit else { return fail(.unusable, "\(place) sent a line of more than \(Self.lineLimit) bytes") }
        let digits = line.prefix(3)
        guard digits.count == 3, digits.allSatisfy({ (0x30...0x39).contains($0) }), (0x32...0x35).contains(digits[0]),
            line.count == 3 || line[3] == 0x20 || line[3] == 0x2D
        else { return fail(.unusable, "what \(place) says is no SMTP: '\(Self.clean(String(decoding: line, as: UTF8.self)))'") }
        let number = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard lines.isEmpty || number == code else { return fail(.unusable, "\(place) gives two codes in one reply, \(code) and \(number)") }
        guard lines.count < Self.replyLineLimit else { return fail(.unusable, "\(place) sent a reply of more than \(Self.replyLineLimit) lines") }
        code = number
        lines.append(String(decoding: line.dropFirst(4), as: UTF8.self))
        guard line.count == 3 || line[3] == 0x20 else { return [] }
        let reply = lines
        lines = []
        return answer(number, reply)
    }

    /// A whole reply.
    private mutating func answer(_ code: Int, _ lines: [String]) -> [Action] {
        let words = "\(code) " + Self.clean(lines.joined(separator: " "))
        // The server is about to leave, whatever was asked.
        if code == 421, step != .quit { return fail(.later, "\(place) is not available: \(words)") }
        switch (step, code) {
        case (.greeting, 220): return say("EHLO \(server.ownName)", .hello)
        case (.greeting, _): return refuse("greets with", code, words)
        case (.hello, 250):
            offers = lines.dropFirst().map { $0.uppercased() }
            return afterHello()
        case (.hello, 500...504) where !isSecure && server.login == nil && (server.security == .none || server.security == .startTLSIfOffered):
            return say("HELO \(server.ownName)", .plainHello)
        case (.hello, _), (.plainHello, 300...): return refuse("answers the introduction with", code, words)
        case (.plainHello, 250): return mail()
        case (.startTLS, 220):
            // Anything behind the reply came in the clear.
            guard input.isEmpty else { return fail(.untrusted, "\(place) said something between STARTTLS and the secure connection") }
            step = .securing
            return [.startTLS, .wait(.minutes(2))]
        case (.startTLS, _):
            guard server.security == .startTLSIfOffered, server.login == nil else {
                return fail(code < 500 ? .later : .untrusted, "\(place) does not begin a secure connection: \(words)")
            }
            return mail()
        case (.plain, 235), (.loginPassword, 235): return mail()
        case (.loginStart, 334): return say(base64(server.login?.user ?? ""), .loginUser)
        case (.loginUser, 334): return say(base64(server.login?.password.text ?? ""), .loginPassword)
        case (.plain, _), (.loginStart, _), (.loginUser, _), (.loginPassword, _):
            if (400..<500).contains(code) { return fail(.later, "\(place) does not take the login now: \(words)") }
            return fail(
                .refused, "\(place) does not take the login of '\(Self.clean(server.login?.user ?? ""))': \(words)",
                hint: "see whether user and password are right")
        case (.from, 250): return say("RCPT TO:<\(message.to[0])>", .recipient(0))
        case (.from, _): return refuse("does not take mail from \(message.from):", code, words)
        case (.recipient(let index), _):
            switch code {
            case 250, 251, 252: accepted.append(message.to[index])
            case 400..<600: refused.append(.init(recipient: message.to[index], reply: words, isTemporary: code < 500))
            default: return refuse("answers a recipient with", code, words)
            }
            if index + 1 < message.to.count { return say("RCPT TO:<\(message.to[index + 1])>", .recipient(index + 1)) }
            guard !accepted.isEmpty else {
                // One that may be taken later makes it worth another try.
                let worth = refused.first { $0.isTemporary } ?? refused[0]
                return fail(worth.isTemporary ? .later : .refused, "\(place) takes the mail for nobody; for \(worth.recipient): \(worth.reply)")
            }
            return say("DATA", .data, wait: .minutes(2))
        case (.data, 354):
            step = .content
            return [.send(Self.dotted(message.encoded())), .wait(.minutes(10))]
        case (.data, _): return refuse("does not take the mail:", code, words)
        case (.content, 250):
            step = .quit
            return [
                .finish(.success(MailReceipt(accepted: accepted, refused: refused))), .send(Array("QUIT\r\n".utf8)), .wait(.seconds(10)),
            ]
        case (.content, _): return refuse("does not take the mail:", code, words)
        case (.quit, _): return end()
        case (.idle, _), (.securing, _), (.ended, _), (.plainHello, _): return refuse("answers with", code, words)
        }
    }

    private mutating func afterHello() -> [Action] {
        if !isSecure, server.security != .none {
            if offers.contains("STARTTLS") { return say("STARTTLS", .startTLS) }
            // One who is on the way could have taken the offer out.
            guard server.security == .startTLSIfOffered, server.login == nil else {
                return fail(.untrusted, "\(place) offers no secure connection", hint: "see whether the port is right; port 465 is for security: tls")
            }
        }
        guard let login = server.login else { return mail() }
        guard isSecure else { return fail(.untrusted, "a password is not sent in the clear") }
        let ways = offers.filter { $0.hasPrefix("AUTH ") || $0.hasPrefix("AUTH=") }.flatMap { $0.dropFirst(5).split(separator: " ") }
        if ways.contains("PLAIN") { return say("AUTH PLAIN " + base64("\u{0}\(login.user)\u{0}\(login.password.text)"), .plain) }
        if ways.contains("LOGIN") { return say("AUTH LOGIN", .loginStart) }
        return fail(.refused, "\(place) takes no login by PLAIN or LOGIN", hint: "its ways: " + Self.clean(ways.joined(separator: " ")))
    }

    private mutating func mail() -> [Action] { say("MAIL FROM:<\(message.from)>", .from) }

    private mutating func say(_ command: String, _ next: Step, wait: Timestamp.Span = .minutes(5)) -> [Action] {
        step = next
        return [.send(Array((command + "\r\n").utf8)), .wait(wait)]
    }

    // MARK: - Ends

    private mutating func refuse(_ what: String, _ code: Int, _ words: String) -> [Action] {
        switch code {
        case 400..<500: fail(.later, "\(place) \(what) \(words)")
        case 500..<600: fail(.refused, "\(place) \(what) \(words)")
        default: fail(.unusable, "\(place) \(what) \(words), which is no answer to that")
        }
    }

    private mutating func fail(_ code: MailError.Code, _ message: String, hint: String? = nil) -> [Action] {
        // What comes of the mail is said once.
        guard step != .quit else { return end() }
        step = .ended
        input = []
        return [.finish(.failure(MailError(code, message, hint: hint))), .close]
    }

    private mutating func end() -> [Action] {
        step = .ended
        return [.close]
    }

    // MARK: - Texts

    private var place: String { "\(Self.clean(server.host)):\(server.port)" }

    /// Whether the server may have taken the mail though it did not say so.
    private var doubt: String { step == .content ? "; it may have taken the mail" : "" }

    private func base64(_ text: String) -> String { String(decoding: Base64Text.encode(Array(text.utf8)), as: UTF8.self) }

    /// Another's words, bounded, without control characters.
    static func clean(_ text: String) -> String {
        var cleaned = ""
        var room = wordLimit
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
            room -= UTF8.width(scalar)
            guard room >= 0 else { break }
            cleaned.unicodeScalars.append(isControl ? " " : scalar)
        }
        return cleaned
    }

    private static func isOwnName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 255
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || ".-[]:".utf8.contains($0) }
    }

    /// RFC 5321, section 4.5.2: a dot at the start of a line is doubled, and a line of one dot ends it.
    static func dotted(_ bytes: [UInt8]) -> [UInt8] {
        var dotted: [UInt8] = []
        dotted.reserveCapacity(bytes.count + 16)
        var isStart = true
        for byte in bytes {
            if isStart, byte == 0x2E { dotted.append(0x2E) }
            dotted.append(byte)
            isStart = byte == 0x0A
        }
        if !isStart { dotted += [0x0D, 0x0A] }
        return dotted + Array(".\r\n".utf8)
    }
}
