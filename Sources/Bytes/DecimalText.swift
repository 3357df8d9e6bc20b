/// A number as it is written in text: sign, digits, exponent.
///
/// Scanning makes no string; a value is made from it only when asked, correctly rounded.
public struct DecimalText: Sendable {
    /// Which spellings are numbers.
    public enum Grammar: Sendable {
        /// RFC 8259: no plus sign, no leading zero, digits on both sides of the point.
        case json
        /// As people and other programs write tables: also `+1`, `007`, `.5`, `5.`
        case plain
    }

    public let isNegative: Bool
    /// Whether it has neither a point nor an exponent.
    public let isWhole: Bool
    /// Where the number ends.
    public let end: Int
    private let start: Int
    /// The first 19 significant digits.
    private let mantissa: UInt64
    /// The power of ten that goes with `mantissa`.
    private let exponent: Int

    /// Reads the longest number that starts at an offset; nil if none does.
    public init?(scanning bytes: UnsafeRawBufferPointer, from start: Int, grammar: Grammar) {
        var index = start
        let count = bytes.count
        var isNegative = false
        if index < count, bytes[index] == UInt8(ascii: "-") {
            isNegative = true
            index += 1
        } else if grammar == .plain, index < count, bytes[index] == UInt8(ascii: "+") {
            index += 1
        }
        var mantissa: UInt64 = 0
        var taken = 0
        var exponent = 0
        let firstDigit = index
        while index < count, case let digit = bytes[index] &- UInt8(ascii: "0"), digit <= 9 {
            if taken < 19 {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                if mantissa != 0 { taken += 1 }
            } else {
                exponent += 1
            }
            index += 1
        }
        let wholeDigits = index - firstDigit
        if grammar == .json {
            if wholeDigits == 0 { return nil }
            if wholeDigits > 1, bytes[firstDigit] == UInt8(ascii: "0") { return nil }
        }
        var isWhole = true
        var fractionDigits = 0
        if index < count, bytes[index] == UInt8(ascii: ".") {
            var next = index + 1
            while next < count, case let digit = bytes[next] &- UInt8(ascii: "0"), digit <= 9 {
                if taken < 19 {
                    mantissa = mantissa &* 10 &+ UInt64(digit)
                    if mantissa != 0 { taken += 1 }
                    exponent -= 1
                }
                next += 1
            }
            fractionDigits = next - index - 1
            if fractionDigits == 0, grammar == .json || wholeDigits == 0 { return nil }
            isWhole = false
            index = next
        }
        if wholeDigits + fractionDigits == 0 { return nil }
        if index < count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            var next = index + 1
            var isExponentNegative = false
            if next < count, bytes[next] == UInt8(ascii: "-") || bytes[next] == UInt8(ascii: "+") {
                isExponentNegative = bytes[next] == UInt8(ascii: "-")
                next += 1
            }
            let firstExponentDigit = next
            var written = 0
            while next < count, case let digit = bytes[next] &- UInt8(ascii: "0"), digit <= 9 {
                // Past this every double is zero or infinite, whatever the digits before.
                if written < 100_000_000 { written = written * 10 + Int(digit) }
                next += 1
            }
            if next == firstExponentDigit { return nil }
            exponent += isExponentNegative ? -written : written
            isWhole = false
            index = next
        }
        self.isNegative = isNegative
        self.isWhole = isWhole
        self.mantissa = mantissa
        self.exponent = exponent
        self.start = start
        end = index
    }

    /// The value of a whole number within 64 bits; nil for every other one, and for `-0`, which no integer is.
    public var int64: Int64? {
        guard isWhole, exponent == 0 else { return nil }
        if isNegative {
            if mantissa == 0 { return nil }
            return mantissa <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- mantissa) : nil
        }
        return Int64(exactly: mantissa)
    }

    /// The nearest double, ties to even; infinite if the number is beyond all finite ones.
    ///
    /// - Parameter bytes: the bytes that were scanned.
    /// - Complexity: O(1) and no allocation for up to 15 or so digits and small exponents, as nearly all data has;
    ///   else O(digits) through the standard library.
    public func double(in bytes: UnsafeRawBufferPointer) -> Double {
        // Clinger's fast path: both parts are exact doubles, so one operation rounds once. Where digits were left
        // out, the mantissa has 19 and is beyond 2^53.
        if mantissa <= 1 << 53, -22...22 ~= exponent {
            let whole = Double(mantissa)
            let value = exponent < 0 ? whole / Self.powers[-exponent] : whole * Self.powers[exponent]
            return isNegative ? -value : value
        }
        if mantissa == 0 { return isNegative ? -0.0 : 0 }
        // What cannot be finite or above zero is decided here, so that the text below stays short work.
        if exponent > 400 { return isNegative ? -.infinity : .infinity }
        if exponent < -1_500 { return isNegative ? -0.0 : 0 }
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
        return Double(text) ?? .nan
    }

    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
        1e19, 1e20,
        1e21, 1e22,
    ]
}
