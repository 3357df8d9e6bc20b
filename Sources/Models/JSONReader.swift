/// Reads strict JSON (RFC 8259) front to back, value by value, without building a tree of it.
///
/// Stricter than most: UTF-8 is checked, a key may stand once in an object, depth is bounded, numbers
/// outside the asked range are refused rather than rounded. It never traps, whatever the bytes.
package struct JSONReader {
    private let bytes: [UInt8]
    private var offset = 0
    private var depth = 0
    private let depthLimit: Int
    private let allowsNaN: Bool

    /// - Parameter allowsNaN: whether a Float may be the word `NaN`, which is not JSON; XGBoost 1.7 writes it.
    package init(_ bytes: [UInt8], depthLimit: Int = 32, allowsNaN: Bool = false) {
        self.bytes = bytes
        self.depthLimit = depthLimit
        self.allowsNaN = allowsNaN
    }

    /// A refusal that names the place.
    package func malformed(_ what: String) -> ModelError {
        ModelError(.malformed, "the JSON is not as expected at byte \(offset): \(what)")
    }

    /// Reads one value and refuses anything but white space behind it.
    package mutating func readWhole<T>(_ read: (inout JSONReader) throws(ModelError) -> T) throws(ModelError) -> T {
        let value = try read(&self)
        skipSpace()
        guard offset == bytes.count else { throw malformed("something follows the value") }
        return value
    }

    /// Calls `visit` once for each key; it must read or skip exactly the value.
    package mutating func readObject(
        _ visit: (String, inout JSONReader) throws(ModelError) -> Void
    ) throws(ModelError) {
        try expect(UInt8(ascii: "{"), "an object")
        try descend()
        defer { depth -= 1 }
        var seen: Set<String> = []
        if peek() == UInt8(ascii: "}") { offset += 1; return }
        while true {
            let key = try readString()
            guard seen.insert(key).inserted else { throw malformed("a key stands twice in one object") }
            try expect(UInt8(ascii: ":"), "':'")
            try visit(key, &self)
            if try !continues(until: UInt8(ascii: "}")) { return }
        }
    }

    /// Calls `visit` once for each element, with its index; it must read or skip exactly the element.
    package mutating func readArray(
        limit: Int, _ visit: (Int, inout JSONReader) throws(ModelError) -> Void
    ) throws(ModelError) {
        try expect(UInt8(ascii: "["), "an array")
        try descend()
        defer { depth -= 1 }
        if peek() == UInt8(ascii: "]") { offset += 1; return }
        var index = 0
        while true {
            guard index < limit else { throw ModelError(.overLimit, "an array has more than \(limit) elements") }
            try visit(index, &self)
            index += 1
            if try !continues(until: UInt8(ascii: "]")) { return }
        }
    }

    package mutating func readString() throws(ModelError) -> String {
        try expect(UInt8(ascii: "\""), "a text")
        let start = offset
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\""), bytes[offset] != UInt8(ascii: "\\"),
            bytes[offset] >= 0x20 { offset += 1 }
        var utf8 = Array(bytes[start..<offset])
        while true {
            guard offset < bytes.count else { throw malformed("a text does not end") }
            let byte = bytes[offset]
            if byte < 0x20 { throw malformed("a control character in a text") }
            offset += 1
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") { try readEscape(into: &utf8) } else { utf8.append(byte) }
        }
        guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("a text that is not UTF-8") }
        return text
    }

    package mutating func readBool() throws(ModelError) -> Bool {
        switch peek() {
        case UInt8(ascii: "t"): try readWord("true"); return true
        case UInt8(ascii: "f"): try readWord("false"); return false
        default: throw malformed("true or false expected")
        }
    }

    /// An integer without fraction or exponent, within `range`.
    package mutating func readInt(in range: ClosedRange<Int>) throws(ModelError) -> Int {
        let token = try readNumber()
        var value = 0
        let negative = bytes[token.lowerBound] == UInt8(ascii: "-")
        for byte in bytes[token].dropFirst(negative ? 1 : 0) {
            guard byte >= 0x30, byte <= 0x39 else { throw malformed("a whole number expected") }
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, over2) = product.subtractingReportingOverflow(Int(byte - 0x30))
            if over || over2 { throw malformed("a number out of range") }
            value = sum
        }
        if !negative {
            guard value != Int.min else { throw malformed("a number out of range") }
            value = -value
        }
        guard range.contains(value) else { throw malformed("\(value) is not within \(range.lowerBound)...\(range.upperBound)") }
        return value
    }

    /// The nearest Double; a number too large for one is refused.
    package mutating func readDouble() throws(ModelError) -> Double {
        let token = try readNumber()
        guard let value = Double(String(decoding: bytes[token], as: UTF8.self)), value.isFinite else {
            throw malformed("a number out of range")
        }
        return value
    }

    /// The Float nearest to the decimal, rounded once (not by way of Double); one too large is refused.
    package mutating func readFloat() throws(ModelError) -> Float {
        if allowsNaN, peek() == UInt8(ascii: "N") {
            try readWord("NaN")
            return .nan
        }
        let token = try readNumber()
        guard let value = Self.float(bytes[token]), value.isFinite else { throw malformed("a number out of range") }
        return value
    }

    /// Reads any value and forgets it.
    package mutating func skip() throws(ModelError) {
        switch peek() {
        case UInt8(ascii: "{"): try readObject { (_, reader) throws(ModelError) in try reader.skip() }
        case UInt8(ascii: "["): try readArray(limit: .max) { (_, reader) throws(ModelError) in try reader.skip() }
        case UInt8(ascii: "\""): _ = try readString()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try readBool()
        case UInt8(ascii: "n"): try readWord("null")
        case UInt8(ascii: "N") where allowsNaN: try readWord("NaN")
        default: _ = try readNumber()
        }
    }

    /// Reads `null` if it stands here.
    package mutating func readNull() throws(ModelError) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try readWord("null")
        return true
    }

    /// Whether an array, rather than another value, comes next.
    package mutating func nextIsArray() -> Bool { peek() == UInt8(ascii: "[") }
    /// Whether a text comes next.
    package mutating func nextIsString() -> Bool { peek() == UInt8(ascii: "\"") }
    /// Whether `true` or `false` comes next.
    package mutating func nextIsBool() -> Bool { [UInt8(ascii: "t"), UInt8(ascii: "f")].contains(peek()) }

    /// The Float nearest to a decimal; nil if it is none.
    ///
    /// Up to 15 digits with a power of ten up to 22 give an exactly rounded Double from one operation; it is
    /// rounded on unless it lies half way between two Floats, where rounding twice could go wrong.
    package static func float(_ text: ArraySlice<UInt8>) -> Float? {
        var mantissa: UInt64 = 0
        var digits = 0
        var scale = 0
        var index = text.startIndex
        let negative = index < text.endIndex && text[index] == UInt8(ascii: "-")
        if negative { index += 1 }
        var pointSeen = false
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "."), !pointSeen {
                pointSeen = true
            } else if byte >= 0x30, byte <= 0x39 {
                digits += 1
                if digits > 15 { break }
                mantissa = mantissa * 10 + UInt64(byte - 0x30)
                if pointSeen { scale -= 1 }
            } else {
                break
            }
            index += 1
        }
        if digits > 0, digits <= 15 {
            var exponent = 0
            var isWhole = index == text.endIndex
            if index < text.endIndex, text[index] | 0x20 == UInt8(ascii: "e"), text.endIndex - index <= 4,
                let parsed = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) {
                exponent = parsed
                isWhole = true
            }
            let power = scale + exponent
            if isWhole, abs(power) <= 22 {
                let value = power < 0 ? Double(mantissa) / powersOfTen[-power] : Double(mantissa) * powersOfTen[power]
                if value.bitPattern & 0x1FFF_FFFF != 0x1000_0000, value >= 1e-30 || value == 0 {
                    return Float(negative ? -value : value)
                }
            }
        }
        return Float(String(decoding: text, as: UTF8.self))
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
        1e19, 1e20, 1e21, 1e22,
    ]

    private mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[offset]) { offset += 1 }
    }

    /// The next byte that is not white space; 0 at the end, which begins no value.
    private mutating func peek() -> UInt8 {
        if offset < bytes.count, bytes[offset] > 0x20 { return bytes[offset] }
        skipSpace()
        return offset < bytes.count ? bytes[offset] : 0
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws(ModelError) {
        guard peek() == byte else { throw malformed("\(what) expected") }
        offset += 1
    }

    private mutating func descend() throws(ModelError) {
        depth += 1
        guard depth <= depthLimit else { throw ModelError(.overLimit, "the JSON is nested deeper than \(depthLimit)") }
    }

    private mutating func continues(until close: UInt8) throws(ModelError) -> Bool {
        switch peek() {
        case UInt8(ascii: ","): offset += 1; return true
        case close: offset += 1; return false
        default: throw malformed("',' or the end of the list expected")
        }
    }

    private mutating func readWord(_ word: StaticString) throws(ModelError) {
        let length = word.utf8CodeUnitCount
        let matches = bytes.count - offset >= length
            && word.withUTF8Buffer { $0.elementsEqual(bytes[offset..<(offset + length)]) }
        guard matches else { throw malformed("\(word) expected") }
        offset += length
    }

    private mutating func readNumber() throws(ModelError) -> Range<Int> {
        _ = peek()
        let start = offset
        func digit(_ at: Int) -> Bool { at < bytes.count && bytes[at] >= 0x30 && bytes[at] <= 0x39 }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        guard digit(offset) else { throw malformed("a number expected") }
        if bytes[offset] == 0x30, digit(offset + 1) { throw malformed("a number with a leading zero") }
        while digit(offset) { offset += 1 }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            offset += 1
            guard digit(offset) else { throw malformed("a digit expected") }
            while digit(offset) { offset += 1 }
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset += 1 }
            guard digit(offset) else { throw malformed("a digit expected") }
            while digit(offset) { offset += 1 }
        }
        return start..<offset
    }

    private mutating func readEscape(into utf8: inout [UInt8]) throws(ModelError) {
        guard offset < bytes.count else { throw malformed("a text does not end") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): utf8.append(byte)
        case UInt8(ascii: "b"): utf8.append(8)
        case UInt8(ascii: "f"): utf8.append(12)
        case UInt8(ascii: "n"): utf8.append(10)
        case UInt8(ascii: "r"): utf8.append(13)
        case UInt8(ascii: "t"): utf8.append(9)
        case UInt8(ascii: "u"):
            var code = try readHex()
            if (0xD800...0xDBFF).contains(code) {
                guard bytes.count - offset >= 2, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u")
                else { throw malformed("half of a surrogate pair") }
                offset += 2
                let low = try readHex()
                guard (0xDC00...0xDFFF).contains(low) else { throw malformed("half of a surrogate pair") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw malformed("half of a surrogate pair") }
            utf8.append(contentsOf: UTF8.encode(scalar) ?? .init())
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func readHex() throws(ModelError) -> UInt32 {
        guard bytes.count - offset >= 4 else { throw malformed("a text does not end") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[offset]
            switch byte {
            case 0x30...0x39: code = code << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: code = code << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: code = code << 4 | UInt32(byte - 0x61 + 10)
            default: throw malformed("a hexadecimal digit expected")
            }
            offset += 1
        }
        return code
    }
}
