internal import MartletBytes
internal import MartletFrames

/// Reads one value out of text, whole or not at all: nothing is guessed, cut or coerced.
enum TypedText {
    /// `true`, `false`, `yes`, `no` in any case, `1` and `0`.
    static func bool(_ text: UnsafeRawBufferPointer) -> Bool? {
        func equals(_ word: StaticString) -> Bool {
            for index in 0..<text.count where text[index] | 0x20 != word.utf8Start[index] { return false }
            return true
        }
        switch text.count {
        case 1: return text[0] == UInt8(ascii: "1") ? true : text[0] == UInt8(ascii: "0") ? false : nil
        case 2: return equals("no") ? false : nil
        case 3: return equals("yes") ? true : nil
        case 4: return equals("true") ? true : nil
        case 5: return equals("false") ? false : nil
        default: return nil
        }
    }

    static func int64(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let number = DecimalText(scanning: text, from: 0, grammar: .plain), number.end == text.count
        else { return nil }
        return number.int64
    }

    /// Finite numbers only.
    static func float64(_ text: UnsafeRawBufferPointer) -> Double? {
        guard let number = DecimalText(scanning: text, from: 0, grammar: .plain), number.end == text.count
        else { return nil }
        let value = number.double(in: text)
        return value.isFinite ? value : nil
    }

    /// A moment out of a number of units since 1970; nil beyond what 64 bits of microseconds hold.
    ///
    /// Fractions are rounded down to microseconds.
    static func time(_ text: UnsafeRawBufferPointer, unit: TimeUnit) -> Timestamp? {
        guard let number = DecimalText(scanning: text, from: 0, grammar: .plain), number.end == text.count
        else { return nil }
        if let whole = number.int64 {
            if unit == .nanoseconds {
                let (quotient, rest) = whole.quotientAndRemainder(dividingBy: 1_000)
                return Timestamp(microseconds: rest < 0 ? quotient - 1 : quotient)
            }
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit.microseconds)
            return overflow ? nil : Timestamp(microseconds: product)
        }
        let value = number.double(in: text)
        let scaled = unit == .nanoseconds ? value / 1_000 : value * Double(unit.microseconds)
        guard scaled.magnitude < 9e18 else { return nil }
        // A product such as 1.001 × 10^6 may fall a hair short of its integer; that hair is not the user's.
        let nearest = Int64(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
        if (Double(nearest) - scaled).magnitude < 1e-3 { return Timestamp(microseconds: nearest) }
        let whole = Int64(scaled)
        return Timestamp(microseconds: Double(whole) > scaled ? whole - 1 : whole)
    }

    /// What a text of date and time says.
    enum TimeText {
        /// With its offset from UTC.
        case moment(Timestamp)
        /// On the wall clocks of a zone that the text does not name.
        case civil(CivilDate)
    }

    /// Reads RFC 3339 (`2018-07-25T06:00:00.5+02:00`), `YYYY-MM-DD HH:MM:SS[.ffffff]` and `YYYY-MM-DD`.
    ///
    /// One to nine decimals; those below a microsecond are cut. A date alone is its midnight.
    static func time(_ text: UnsafeRawBufferPointer) -> TimeText? {
        guard text.count >= 10, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            let century = twoDigits(text, 0), let yearOfCentury = twoDigits(text, 2),
            let month = twoDigits(text, 5),
            let day = twoDigits(text, 8)
        else { return nil }
        var date = CivilDate(year: century * 100 + yearOfCentury, month: month, day: day)
        if text.count == 10 { return date.timestamp == nil ? nil : .civil(date) }
        guard text.count >= 19, text[10] | 0x20 == UInt8(ascii: "t") || text[10] == 0x20,
            text[13] == UInt8(ascii: ":"),
            text[16] == UInt8(ascii: ":"), let hour = twoDigits(text, 11), let minute = twoDigits(text, 14),
            let second = twoDigits(text, 17)
        else { return nil }
        (date.hour, date.minute, date.second) = (hour, minute, second)
        var index = 19
        if index < text.count, text[index] == UInt8(ascii: ".") {
            var digits = 0
            var weight = 100_000
            index += 1
            while index < text.count, case let digit = text[index] &- UInt8(ascii: "0"), digit <= 9 {
                date.microsecond += Int(digit) * weight
                weight /= 10
                digits += 1
                index += 1
            }
            guard 1...9 ~= digits else { return nil }
        }
        guard let asUTC = date.timestamp else { return nil }
        if index == text.count { return .civil(date) }
        if text[index] | 0x20 == UInt8(ascii: "z") { return index + 1 == text.count ? .moment(asUTC) : nil }
        guard text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-"), text.count == index + 6,
            text[index + 3] == UInt8(ascii: ":"), let hours = twoDigits(text, index + 1), hours < 24,
            let minutes = twoDigits(text, index + 4), minutes < 60
        else { return nil }
        let offset = Timestamp.Span.minutes(Int64(hours * 60 + minutes))
        return .moment(text[index] == UInt8(ascii: "-") ? asUTC + offset : asUTC - offset)
    }

    private static func twoDigits(_ text: UnsafeRawBufferPointer, _ index: Int) -> Int? {
        let (tens, ones) = (text[index] &- UInt8(ascii: "0"), text[index + 1] &- UInt8(ascii: "0"))
        return tens <= 9 && ones <= 9 ? Int(tens) * 10 + Int(ones) : nil
    }
}

extension TimeUnit {
    /// Of one unit; nanoseconds are divided instead.
    var microseconds: Int64 {
        switch self {
        case .seconds: 1_000_000
        case .milliseconds: 1_000
        case .microseconds, .nanoseconds: 1
        }
    }
}
