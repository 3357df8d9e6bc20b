import MartletBytes
public import MartletFrames

/// A mail in plain text.
///
/// Whatever stands in its texts, it stays in its place: nothing in a subject begins another header, and nothing in a text ends the mail.
public struct MailMessage: Hashable, Sendable {
    public var from: MailAddress
    /// What the sender is called; empty for nothing.
    public var fromName: String
    /// From 1 to ``recipientLimit``.
    public var to: [MailAddress]
    public var subject: String
    /// Lines end with `\n`.
    public var text: String
    /// What is the same for every try and no other mail's: the Message-ID is made of it, so that a mail that comes twice is seen to be one.
    public var key: String
    /// What mails about one matter have alike, so that they stand together; nil for none.
    public var threadKey: String?
    public var date: Timestamp

    public static let recipientLimit = 50
    /// Bytes of a text that are sent.
    public static let textLimit = 256 * 1_024
    /// Bytes of a subject that are sent.
    public static let subjectLimit = 300

    public init(
        from: MailAddress, fromName: String = "", to: [MailAddress], subject: String, text: String, key: String, threadKey: String? = nil,
        date: Timestamp
    ) {
        self.from = from
        self.fromName = fromName
        self.to = to
        self.subject = subject
        self.text = text
        self.key = key
        self.threadKey = threadKey
        self.date = date
    }

    /// The mail's `Message-ID`, with its angle brackets.
    public var messageID: String { "<\(Self.idText(key))@\(from.domain)>" }

    /// The mail as it is stored and sent: RFC 5322, ASCII, lines that end with CR LF, of at most 78 bytes where the addresses allow.
    public func encoded() -> [UInt8] {
        var lines: [String] = []
        lines.append("Date: \(Self.dateText(date))")
        let name = fromName.isEmpty ? "" : Self.encodedWords(fromName.cutBytes(Self.subjectLimit), after: "From: ".utf8.count) + "\r\n "
        lines.append("From: \(name)<\(from)>")
        lines.append("To: " + to.map { "<\($0)>" }.joined(separator: ",\r\n "))
        lines.append("Message-ID: \(messageID)")
        if let threadKey {
            let thread = "<\(Self.idText(threadKey))@\(from.domain)>"
            if thread != messageID { lines.append("References: \(thread)") }
        }
        let plain = subject.cutBytes(Self.subjectLimit)
        let isASCII = plain.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        let isPlain = isASCII && plain.utf8.count <= 60 && !plain.hasPrefix(" ") && !plain.hasSuffix(" ") && !plain.contains("=?")
        lines.append("Subject: " + (isPlain ? plain : Self.encodedWords(plain, after: "Subject: ".utf8.count)))
        // RFC 3834: nobody's machine answers it.
        lines.append("Auto-Submitted: auto-generated")
        lines.append("MIME-Version: 1.0")
        lines.append("Content-Type: text/plain; charset=utf-8")
        lines.append("Content-Transfer-Encoding: quoted-printable")
        var bytes: [UInt8] = []
        for line in lines { bytes += Array(line.utf8) + [0x0D, 0x0A] }
        bytes += [0x0D, 0x0A]
        Self.appendQuotedPrintable(text.cutBytes(Self.textLimit), to: &bytes)
        return bytes
    }

    // MARK: - Parts

    /// Letters, digits and what else a dot-atom has and no program reads otherwise; others by their hexadecimal digits. What is long is
    /// cut, and told apart by its hash (FNV-1a).
    private static func idText(_ key: String) -> String {
        var text = ""
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in key.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            guard text.utf8.count <= 44 else { continue }
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "_" + String(byte, radix: 16)
            }
        }
        guard text.utf8.count > 44 else { return text.isEmpty ? "none" : text }
        let digits = String(hash, radix: 16)
        return text.prefix(27) + "-" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// `Wed, 07 Mar 2018 12:00:00 +0000`.
    static func dateText(_ time: Timestamp) -> String {
        let date = CivilDate(time)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let year = String(repeating: "0", count: max(0, 4 - "\(date.year)".count)) + "\(date.year)"
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][CivilDate.dayOfWeek(time)]
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.month - 1]
        return "\(day), \(two(date.day)) \(month) \(year) \(two(date.hour)):\(two(date.minute)):\(two(date.second)) +0000"
    }

    /// RFC 2047: `=?utf-8?B?…?=`, each of at most 75 characters and of whole characters, folded so that no line is longer than 76.
    static func encodedWords(_ text: String, after indent: Int) -> String {
        var words: [String] = []
        var chunk: [UInt8] = []
        // 12 characters go to the frame, 4 make 3 bytes; the first word stands behind the header's name.
        var room = (76 - indent - 12) / 4 * 3
        func flush() {
            guard !chunk.isEmpty else { return }
            words.append("=?utf-8?B?" + String(decoding: Base64Text.encode(chunk), as: UTF8.self) + "?=")
            chunk = []
            room = 45
        }
        for scalar in text.unicodeScalars {
            // What would end a line is shown as a space.
            let shown: Unicode.Scalar = scalar.value < 0x20 || scalar.value == 0x7F || scalar.value == 0x2028 || scalar.value == 0x2029 ? " " : scalar
            let bytes = Array(String(shown).utf8)
            if chunk.count + bytes.count > room { flush() }
            chunk += bytes
        }
        flush()
        return words.joined(separator: "\r\n ")
    }

    /// RFC 2045, section 6.7: lines of at most 76 characters, no space at an end, line ends as CR LF.
    static func appendQuotedPrintable(_ text: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        let input = Array(text.utf8)
        var column = 0
        var index = 0
        while index < input.count {
            let byte = input[index]
            index += 1
            if byte == 0x0A || byte == 0x0D {
                if byte == 0x0D, index < input.count, input[index] == 0x0A { index += 1 }
                bytes += [0x0D, 0x0A]
                column = 0
                continue
            }
            let endsLine = index == input.count || input[index] == 0x0A || input[index] == 0x0D
            let isPlain = (0x21...0x7E).contains(byte) && byte != 0x3D || (byte == 0x20 || byte == 0x09) && !endsLine
            let width = isPlain ? 1 : 3
            // One place is kept for the sign that the line goes on.
            if column + width > 75 {
                bytes += [0x3D, 0x0D, 0x0A]
                column = 0
            }
            if isPlain { bytes.append(byte) } else { bytes += [0x3D, digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
            column += width
        }
        if column > 0 { bytes += [0x0D, 0x0A] }
    }
}

extension String {
    /// At most so many bytes of it, whole characters.
    fileprivate func cutBytes(_ length: Int) -> String {
        guard utf8.count > length else { return self }
        var end = length
        let bytes = Array(utf8)
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}
