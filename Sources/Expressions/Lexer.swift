/// A word, number, text or sign of an expression.
struct Token: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case name(String)
        /// The magnitude; a sign before it is a token of its own.
        case integer(UInt64)
        case number(Double)
        case text(String)
        case sign(String)
        case end
    }

    var kind: Kind
    var offset: Int

    /// How an error speaks of it.
    var described: String {
        switch kind {
        case .name(let name): "'\(name)'"
        case .integer(let value): "the number \(value)"
        case .number(let value): "the number \(value)"
        case .text: "a text"
        case .sign(let sign): "'\(sign)'"
        case .end: "the end of the expression"
        }
    }
}

/// Cuts an expression's bytes into tokens, one call a token.
struct Lexer {
    let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() throws(ExpressionError) -> Token {
        skipSpaceAndComments()
        let start = position
        guard let byte = peek(0) else { return Token(kind: .end, offset: start) }
        if Lexer.isNameStart(byte) {
            if byte == UInt8(ascii: "r") || byte == UInt8(ascii: "R"), let quote = peek(1), Lexer.isQuote(quote) {
                position += 1
                return Token(kind: .text(try text(raw: true)), offset: start)
            }
            if byte == UInt8(ascii: "b") || byte == UInt8(ascii: "B"), let quote = peek(1), Lexer.isQuote(quote) {
                throw error("byte strings are not supported", at: start)
            }
            while let byte = peek(0), Lexer.isNameStart(byte) || Lexer.isDigit(byte) { position += 1 }
            return Token(kind: .name(String(decoding: bytes[start..<position], as: UTF8.self)), offset: start)
        }
        if Lexer.isDigit(byte) || (byte == UInt8(ascii: ".") && peek(1).map(Lexer.isDigit) == true) { return try number() }
        if Lexer.isQuote(byte) { return Token(kind: .text(try text(raw: false)), offset: start) }
        if let second = peek(1) {
            let pair = String(decoding: [byte, second], as: UTF8.self)
            if ["<=", ">=", "==", "!=", "&&", "||"].contains(pair) {
                position += 2
                return Token(kind: .sign(pair), offset: start)
            }
        }
        let single = String(decoding: [byte], as: UTF8.self)
        if "()[],.?:<>!+-*/%".contains(single), byte < 128 {
            position += 1
            return Token(kind: .sign(single), offset: start)
        }
        let hints = ["=": "equality is written '=='", "&": "'and' is written '&&'", "|": "'or' is written '||'"]
        throw error("'\(character(at: start))' was found, which begins no name, number, text or operator", hint: hints[single], at: start)
    }

    func error(_ message: String, hint: String? = nil, at offset: Int) -> ExpressionError {
        ExpressionError(.syntax, message, hint: hint, at: ExpressionPosition(offset: offset, in: bytes))
    }

    private func peek(_ distance: Int) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    /// The Unicode character at an offset, for an error's sentence.
    private func character(at offset: Int) -> String {
        String(String(decoding: bytes[offset..<min(offset + 16, bytes.count)], as: UTF8.self).unicodeScalars.prefix(1))
    }

    private mutating func skipSpaceAndComments() {
        while let byte = peek(0) {
            if byte == 32 || (9...13).contains(byte) {
                position += 1
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while let byte = peek(0), byte != UInt8(ascii: "\n") { position += 1 }
            } else {
                return
            }
        }
    }

    private mutating func number() throws(ExpressionError) -> Token {
        let start = position
        if peek(0) == UInt8(ascii: "0"), peek(1) == UInt8(ascii: "x") || peek(1) == UInt8(ascii: "X") {
            position += 2
            let digits = takeWhile { Lexer.hexadecimal($0) != nil }
            guard !digits.isEmpty, let value = UInt64(digits, radix: 16) else {
                throw error("'\(spelling(from: start))' is not a whole number of 64 bits", at: start)
            }
            try endNumber(start)
            return Token(kind: .integer(value), offset: start)
        }
        _ = takeWhile(Lexer.isDigit)
        var isWhole = true
        if peek(0) == UInt8(ascii: "."), peek(1).map(Lexer.isDigit) == true {
            isWhole = false
            position += 1
            _ = takeWhile(Lexer.isDigit)
        }
        if peek(0) == UInt8(ascii: "e") || peek(0) == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if peek(0) == UInt8(ascii: "+") || peek(0) == UInt8(ascii: "-") { position += 1 }
            if takeWhile(Lexer.isDigit).isEmpty {
                throw error("'\(spelling(from: start))' lacks the digits of its exponent", at: start)
            }
        }
        let digits = spelling(from: start)
        try endNumber(start)
        if isWhole {
            guard let value = UInt64(digits) else { throw error("\(digits) does not fit in 64 bits", at: start) }
            return Token(kind: .integer(value), offset: start)
        }
        guard let value = Double(digits), value.isFinite else {
            throw error("\(digits) is too large for a float64", at: start)
        }
        return Token(kind: .number(value), offset: start)
    }

    /// A number must not run into a name: `5d`, `1u`.
    private func endNumber(_ start: Int) throws(ExpressionError) {
        guard let byte = peek(0), Lexer.isNameStart(byte) else { return }
        let hint =
            switch byte {
            case UInt8(ascii: "u"), UInt8(ascii: "U"): "unsigned numbers are not supported"
            case UInt8(ascii: "d"), UInt8(ascii: "h"), UInt8(ascii: "m"), UInt8(ascii: "s"):
                "a length of time is written duration(\"\(spelling(from: start))\(character(at: position))\")"
            default: "a name begins with a letter or '_'"
            }
        throw error("'\(character(at: position))' follows the number \(spelling(from: start))", hint: hint, at: position)
    }

    private func spelling(from start: Int) -> String {
        String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func takeWhile(_ isTaken: (UInt8) -> Bool) -> String {
        let start = position
        while let byte = peek(0), isTaken(byte) { position += 1 }
        return spelling(from: start)
    }

    /// A quoted text, with CEL's escapes unless it is raw; three quotes let it span lines.
    private mutating func text(raw: Bool) throws(ExpressionError) -> String {
        let start = position
        let quote = bytes[position]
        let isLong = peek(1) == quote && peek(2) == quote
        position += isLong ? 3 : 1
        var content: [UInt8] = []
        while let byte = peek(0) {
            if byte == quote, !isLong || (peek(1) == quote && peek(2) == quote) {
                position += isLong ? 3 : 1
                return String(decoding: content, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\n"), !isLong { break }
            position += 1
            if byte == UInt8(ascii: "\\"), !raw {
                try escape(into: &content)
            } else {
                content.append(byte)
            }
        }
        throw error("the text that begins here has no closing quote", at: start)
    }

    private mutating func escape(into content: inout [UInt8]) throws(ExpressionError) {
        let start = position - 1
        guard let byte = peek(0) else { throw error("the escape that begins here has no end", at: start) }
        position += 1
        let simple: [Character: UInt8] = [
            "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "?": 63, "\"": 34, "'": 39, "`": 96,
        ]
        if byte < 128, let value = simple[Character(Unicode.Scalar(byte))] {
            content.append(value)
            return
        }
        let value: UInt32
        switch byte {
        case UInt8(ascii: "x"), UInt8(ascii: "X"): value = try digits(2, radix: 16, from: start)
        case UInt8(ascii: "u"): value = try digits(4, radix: 16, from: start)
        case UInt8(ascii: "U"): value = try digits(8, radix: 16, from: start)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            position -= 1
            value = try digits(3, radix: 8, from: start)
        default:
            throw error("'\\\(character(at: start + 1))' is no escape", hint: "a backslash is written '\\\\'", at: start)
        }
        guard let scalar = Unicode.Scalar(value) else { throw error("the escape names no Unicode character", at: start) }
        content.append(contentsOf: Array(String(Character(scalar)).utf8))
    }

    private mutating func digits(_ count: Int, radix: UInt32, from start: Int) throws(ExpressionError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let byte = peek(0), let digit = Lexer.hexadecimal(byte), digit < radix else {
                throw error("the escape needs \(count) digits", at: start)
            }
            value = value &* radix &+ digit
            position += 1
        }
        return value
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 55
        default: nil
        }
    }
}
