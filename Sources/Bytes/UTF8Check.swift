/// Checks bytes to be UTF-8 without making a string of them.
public enum UTF8Check {
    /// The offset of the first byte that no UTF-8 text holds at its place; nil if all is UTF-8.
    ///
    /// Overlong forms, surrogates and code points above U+10FFFF are refused (Unicode 16, table 3-7).
    ///
    /// - Complexity: O(*n*), eight bytes a step over ASCII; no allocation.
    public static func firstInvalid(in bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        let count = bytes.count
        while index < count {
            if index + 8 <= count,
                bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                index += 8
                continue
            }
            let lead = bytes[index]
            if lead < 0x80 {
                index += 1
                continue
            }
            let length: Int
            let second: ClosedRange<UInt8>
            switch lead {
            case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: return index
            }
            guard index + length <= count, second.contains(bytes[index + 1]) else { return index }
            for further in 2..<max(2, length) where bytes[index + further] & 0xC0 != 0x80 { return index }
            index += length
        }
        return nil
    }

    /// Whether a byte stands inside a character, so that no text may start there.
    public static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
