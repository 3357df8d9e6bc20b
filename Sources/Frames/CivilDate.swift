/// A date and time of day in the proleptic Gregorian calendar, with no zone of its own.
///
/// Source: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*.
public struct CivilDate: Hashable, Sendable {
    public var year: Int
    public var month: Int
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    public var microsecond: Int

    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.microsecond = microsecond
    }

    /// The date and time of day at a moment, read in UTC.
    public init(_ moment: Timestamp) {
        let (days, rest) = moment.microseconds.flooredDivision(by: 86_400_000_000)
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let seconds = Int(rest / 1_000_000)
        hour = seconds / 3_600
        minute = seconds / 60 % 60
        second = seconds % 60
        microsecond = Int(rest % 1_000_000)
    }

    /// The moment at which UTC clocks show this date and time of day; nil if there is no such date.
    public var timestamp: Timestamp? {
        guard (1...12).contains(month), day >= 1, day <= CivilDate.days(inMonth: month, of: year),
            (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second),
            (0...999_999).contains(microsecond), (-290_000...290_000).contains(year)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        return Timestamp(microseconds: Int64(seconds) * 1_000_000 + Int64(microsecond))
    }

    /// 0 is Sunday, as in CEL's `getDayOfWeek`.
    public static func dayOfWeek(_ moment: Timestamp) -> Int {
        let (days, _) = moment.microseconds.flooredDivision(by: 86_400_000_000)
        return Int((days + 4).flooredDivision(by: 7).remainder)
    }

    public static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Int64 {
    /// The quotient rounded down and the remainder, which is never negative for a positive divisor.
    func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC, with six decimals only where they are not all zero: `2018-07-25T06:00:00Z`.
    public var description: String {
        let date = CivilDate(self)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let year = date.year < 0 ? "-" + padded(-date.year, 4) : padded(date.year, 4)
        let day = "\(year)-\(padded(date.month, 2))-\(padded(date.day, 2))"
        let time = "\(padded(date.hour, 2)):\(padded(date.minute, 2)):\(padded(date.second, 2))"
        let fraction = date.microsecond == 0 ? "" : "." + padded(date.microsecond, 6)
        return "\(day)T\(time)\(fraction)Z"
    }
}
