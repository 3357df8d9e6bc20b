/// Reads JSON token by token, without building a tree.
///
/// Strict RFC 8259: exactly one value, UTF-8, no byte order mark, no trailing comma, no comment, no unpaired surrogate.
/// The scanner looks into bytes that it does not own, and is used within the scope that lends them:
///
/// ```swift
/// try bytes.withUnsafeBytes { buffer throws(JSONError) in
///     var scanner = JSONScanner(buffer)
///     while let token = try scanner.next() { … }
/// }
/// ```
///
/// - Complexity: O(*n*); no allocation.
public struct JSONScanner {
    /// One token; a key and a string are places in the text, to be read by ``utf8(_:)`` or ``string(_:)``.
    public enum Token: Equatable {
        case beginObject, endObject, beginArray, endArray
        case key(Text)
        case string(Text)
        /// A whole number within 64 bits, written without point and exponent.
        case int64(Int64)
        /// Every other number, and `-0`; finite.
        case float64(Double)
        case bool(Bool)
        case null
    }

    /// The inside of a quoted text.
    public struct Text: Equatable {
        /// Between the quotes.
        public let range: Range<Int>
        public let hasEscapes: Bool
    }

    /// The deepest nesting there can be; limits are at most this.
    public static let greatestDepth = 128

    private enum Expectation { case value, firstKeyOrEnd, key, firstValueOrEnd, commaOrEnd, nothing }

    private let bytes: UnsafeRawBufferPointer
    private let depthLimit: Int
    /// Where the next token is looked for.
    public private(set) var offset = 0
    /// How many objects and arrays are open.
    public private(set) var depth = 0
    /// One bit a level, the innermost lowest; set for objects.
    private var openObjects: UInt128 = 0
    private var expectation = Expectation.value
    /// Where the last token starts.
    public private(set) var tokenStart = 0

    /// - Parameter depthLimit: how deep objects and arrays may nest; at most ``greatestDepth``.
    public init(_ bytes: UnsafeRawBufferPointer, depthLimit: Int = 64) {
        precondition(depthLimit <= Self.greatestDepth)
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    /// The next token; nil after the one value, when only white space is left.
    public mutating func next() throws(JSONError) -> Token? {
        skipSpace()
        tokenStart = offset
        if expectation == .nothing {
            if offset < bytes.count { throw unexpected("the end of the text") }
            return nil
        }
        if expectation == .commaOrEnd {
            let isObject = openObjects & 1 == 1
            let byte = offset < bytes.count ? bytes[offset] : 0
            if byte == UInt8(ascii: ",") {
                offset += 1
                skipSpace()
                tokenStart = offset
                expectation = isObject ? .key : .value
            } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                return close()
            } else {
                throw unexpected(isObject ? "',' or '}'" : "',' or ']'")
            }
        }
        if expectation == .firstKeyOrEnd || expectation == .key {
            if expectation == .firstKeyOrEnd, offset < bytes.count, bytes[offset] == UInt8(ascii: "}") {
                return close()
            }
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
                throw unexpected(expectation == .key ? "a key in quotes" : "a key in quotes or '}'")
            }
            let key = try scanText()
            skipSpace()
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: ":") else {
                throw unexpected("':' after the key")
            }
            offset += 1
            expectation = .value
            return .key(key)
        }
        if expectation == .firstValueOrEnd, offset < bytes.count, bytes[offset] == UInt8(ascii: "]") {
            return close()
        }
        return try scanValue()
    }

    /// Passes over the next value whole, checking it.
    public mutating func skipValue() throws(JSONError) {
        let level = depth
        repeat {
            guard try next() != nil else { throw unexpected("a value") }
        } while depth > level
    }

    /// The bytes of a text as they stand, for one without escapes.
    public func utf8(_ text: Text) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[text.range])
    }

    /// Appends the UTF-8 of a text, escapes replaced by what they stand for.
    public func appendUTF8(_ text: Text, to target: inout [UInt8]) {
        guard text.hasEscapes else {
            target.append(contentsOf: utf8(text))
            return
        }
        var index = text.range.lowerBound
        while index < text.range.upperBound {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\\") else {
                target.append(byte)
                index += 1
                continue
            }
            let escape = bytes[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): target.append(0x08)
            case UInt8(ascii: "f"): target.append(0x0C)
            case UInt8(ascii: "n"): target.append(0x0A)
            case UInt8(ascii: "r"): target.append(0x0D)
            case UInt8(ascii: "t"): target.append(0x09)
            case UInt8(ascii: "u"):
                // The scan checked the digits and that surrogates come in pairs.
                var code = hexadecimal(at: index) ?? 0xFFFD
                index += 4
                if 0xD800...0xDBFF ~= code {
                    code = 0x10000 + (code - 0xD800) << 10 + ((hexadecimal(at: index + 2) ?? 0xDC00) - 0xDC00)
                    index += 6
                }
                if let scalar = Unicode.Scalar(code) {
                    target.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                }
            default: target.append(escape)
            }
        }
    }

    public func string(_ text: Text) -> String {
        guard text.hasEscapes else { return String(decoding: utf8(text), as: UTF8.self) }
        var target: [UInt8] = []
        appendUTF8(text, to: &target)
        return String(decoding: target, as: UTF8.self)
    }

    // MARK: Values

    private mutating func scanValue() throws(JSONError) -> Token {
        guard offset < bytes.count else { throw unexpected("a value") }
        switch bytes[offset] {
        case UInt8(ascii: "{"):
            try open(object: true)
            return .beginObject
        case UInt8(ascii: "["):
            try open(object: false)
            return .beginArray
        case UInt8(ascii: "\""):
            let text = try scanText()
            expectation = afterValue
            return .string(text)
        case UInt8(ascii: "t"):
            try scanWord("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try scanWord("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try scanWord("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard let number = DecimalText(scanning: bytes, from: offset, grammar: .json) else {
                throw JSONError(
                    .malformed, at: offset, "a number was expected, and \(sample(from: offset)) is none",
                    hint:
                        "JSON numbers have no leading zero or plus sign, and digits on both sides of the point"
                )
            }
            let start = offset
            offset = number.end
            expectation = afterValue
            if let integer = number.int64 { return .int64(integer) }
            let double = number.double(in: bytes)
            guard double.isFinite else {
                throw JSONError(
                    .numberOutOfRange, at: start,
                    "the number \(sample(from: start)) is beyond every 64-bit double")
            }
            return .float64(double)
        default:
            throw unexpected("a value")
        }
    }

    private var afterValue: Expectation { depth == 0 ? .nothing : .commaOrEnd }

    private mutating func open(object: Bool) throws(JSONError) {
        guard depth < depthLimit else {
            throw JSONError(.tooDeep, at: offset, "objects and arrays nest deeper than \(depthLimit) levels")
        }
        offset += 1
        depth += 1
        openObjects = openObjects << 1 | (object ? 1 : 0)
        expectation = object ? .firstKeyOrEnd : .firstValueOrEnd
    }

    private mutating func close() -> Token {
        let wasObject = openObjects & 1 == 1
        offset += 1
        depth -= 1
        openObjects >>= 1
        expectation = afterValue
        return wasObject ? .endObject : .endArray
    }

    private mutating func scanWord(_ word: StaticString) throws(JSONError) {
        let length = word.utf8CodeUnitCount
        guard offset + length <= bytes.count,
            (0..<length).allSatisfy({ bytes[offset + $0] == word.utf8Start[$0] })
        else { throw unexpected("a value") }
        offset += length
        expectation = afterValue
    }

    private mutating func scanText() throws(JSONError) -> Text {
        let bytes = bytes
        let start = offset + 1
        var index = start
        var hasEscapes = false
        var isASCII = true
        while true {
            index = Self.plainEnd(in: bytes, from: index)
            guard index < bytes.count else {
                throw JSONError(
                    .malformed, at: offset, "a text in quotes was expected, and its closing quote is missing")
            }
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                index = try checkEscape(at: index)
            } else if byte < 0x20 {
                throw JSONError(
                    .malformed, at: index, "a text holds the control character \(byte) as it is",
                    hint: "write it as an escape, such as \\n or \\u0000")
            } else {
                isASCII = false
                index += 1
            }
        }
        if !isASCII,
            let fault = UTF8Check.firstInvalid(in: UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
        {
            throw JSONError(.invalidUTF8, at: start + fault, "a text is not UTF-8")
        }
        offset = index + 1
        return Text(range: start..<index, hasEscapes: hasEscapes)
    }

    /// The place of the first byte that is not plain: a quote, a backslash, a control character, or beyond ASCII.
    ///
    /// Looks at eight bytes at a time: of a byte below 0x80, the high bit is set in `(byte ^ c) − 1` exactly if it is c,
    /// and in `byte − 0x20` exactly if it is below 0x20; a borrow can only come from a byte found already.
    @inline(__always)
    private static func plainEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highBits = ones << 7
        var index = start
        while index + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = (word ^ ones &* 0x22) &- ones
            let backslash = (word ^ ones &* 0x5C) &- ones
            let control = word &- ones &* 0x20
            let found = (word | quote | backslash | control) & highBits
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count, bytes[index] != 0x22, bytes[index] != 0x5C, 0x20..<0x80 ~= bytes[index] { index += 1 }
        return index
    }

    /// Checks one escape and gives the offset past it.
    private func checkEscape(at index: Int) throws(JSONError) -> Int {
        guard index + 1 < bytes.count else {
            throw JSONError(.malformed, at: index, "the text ends within an escape")
        }
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index + 2
        case UInt8(ascii: "u"):
            guard let code = hexadecimal(at: index + 2) else {
                throw JSONError(.malformed, at: index, "four hexadecimal digits were expected after \\u")
            }
            guard 0xD800...0xDFFF ~= code else { return index + 6 }
            guard code < 0xDC00, index + 7 < bytes.count, bytes[index + 6] == UInt8(ascii: "\\"),
                bytes[index + 7] == UInt8(ascii: "u"), let low = hexadecimal(at: index + 8),
                0xDC00...0xDFFF ~= low
            else {
                throw JSONError(
                    .malformed, at: index, "half a surrogate pair stands alone, which is no character")
            }
            return index + 12
        case let other:
            throw JSONError(
                .malformed, at: index, "a backslash is followed by \(named(other)), which is no escape")
        }
    }

    private func hexadecimal(at index: Int) -> UInt32? {
        guard index + 4 <= bytes.count else { return nil }
        var code: UInt32 = 0
        for place in index..<(index + 4) {
            switch bytes[place] {
            case let digit where UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit:
                code = code << 4 | UInt32(digit - 48)
            case let digit where UInt8(ascii: "a")...UInt8(ascii: "f") ~= digit:
                code = code << 4 | UInt32(digit - 87)
            case let digit where UInt8(ascii: "A")...UInt8(ascii: "F") ~= digit:
                code = code << 4 | UInt32(digit - 55)
            default: return nil
            }
        }
        return code
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    // MARK: Sentences

    private func unexpected(_ expected: String) -> JSONError {
        guard offset < bytes.count else {
            return JSONError(.malformed, at: offset, "\(expected) was expected, and the text ends")
        }
        let hint: String? =
            switch bytes[offset] {
            case 0xEF where offset == 0: "remove the byte order mark"
            case UInt8(ascii: "'"): "JSON texts stand in double quotes"
            case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "i"):
                "JSON has no NaN and no infinity; write null"
            case UInt8(ascii: "T"), UInt8(ascii: "F"): "JSON writes true and false in lower case"
            case UInt8(ascii: "}"), UInt8(ascii: "]"): "a comma before a closing bracket is not allowed"
            default: nil
            }
        return JSONError(
            .malformed, at: offset, "\(expected) was expected, and \(named(bytes[offset])) was found",
            hint: hint)
    }

    private func named(_ byte: UInt8) -> String {
        0x21...0x7E ~= byte ? "'\(Unicode.Scalar(byte))'" : "the byte \(byte)"
    }

    private func sample(from start: Int) -> String {
        var end = start
        while end < bytes.count, end < start + 24, 0x21...0x7E ~= bytes[end], bytes[end] != UInt8(ascii: ",")
        { end += 1 }
        return "'" + String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
            + "'"
    }
}
