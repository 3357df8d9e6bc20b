internal import MartletFrames

/// The search through the calendar, which knows no zones. Minutes are counted from 1970-01-01 00:00 by the clock on the wall.
extension CronExpression {
    /// How far a search goes. The rarest days that are matched, a fifth Monday in February, lie up to 40 years apart.
    static let horizonYears = 50

    /// The first matched minute at or after a minute; nil if there is none within ``horizonYears``.
    ///
    /// - Complexity: O(months until the next matched day), 600 at most, in about 10 ns each.
    func match(atOrAfter minute: Int64) -> Int64? {
        guard let start = CalendarMonth.holding(minute) else { return nil }
        var month = start.month
        var day = start.day
        let clock = Int(minute - (month.firstDay + Int64(day) - 1) * 1_440)
        if isMatched(day, of: month), let time = time(atOrAfter: clock) { return month.minute(ofDay: day, time) }
        day += 1
        for _ in 0...(CronExpression.horizonYears * 12) {
            let later = matched(month).bits(from: day)
            if later != 0, let time = time(atOrAfter: 0) { return month.minute(ofDay: later.trailingZeroBitCount, time) }
            month.advance()
            day = 1
        }
        return nil
    }

    /// The last matched minute at or before a minute; nil if there is none within ``horizonYears``.
    ///
    /// - Complexity: as for ``match(atOrAfter:)``.
    func match(atOrBefore minute: Int64) -> Int64? {
        guard let start = CalendarMonth.holding(minute) else { return nil }
        var month = start.month
        var day = start.day
        let clock = Int(minute - (month.firstDay + Int64(day) - 1) * 1_440)
        if isMatched(day, of: month), let time = time(atOrBefore: clock) { return month.minute(ofDay: day, time) }
        for _ in 0...(CronExpression.horizonYears * 12) {
            let earlier = matched(month).bits(below: day)
            if earlier != 0, let time = time(atOrBefore: 1_439) { return month.minute(ofDay: earlier.highestBit, time) }
            month.retreat()
            day = 32
        }
        return nil
    }

    private func matched(_ month: CalendarMonth) -> UInt64 {
        months & 1 << UInt64(month.number) == 0 ? 0 : days.matched(length: month.length, first: month.firstWeekday)
    }

    private func isMatched(_ day: Int, of month: CalendarMonth) -> Bool {
        matched(month) & 1 << UInt64(day) != 0
    }

    /// The first matched minute of a day at or after one.
    private func time(atOrAfter minute: Int) -> Int? {
        let (hour, rest) = (minute / 60, minute % 60)
        let sameHour = minutes.bits(from: rest)
        if hours & 1 << UInt64(hour) != 0, sameHour != 0 { return hour * 60 + sameHour.trailingZeroBitCount }
        let later = hours.bits(from: hour + 1)
        return later == 0 ? nil : later.trailingZeroBitCount * 60 + minutes.trailingZeroBitCount
    }

    /// The last matched minute of a day at or before one.
    private func time(atOrBefore minute: Int) -> Int? {
        let (hour, rest) = (minute / 60, minute % 60)
        let sameHour = minutes.bits(below: rest + 1)
        if hours & 1 << UInt64(hour) != 0, sameHour != 0 { return hour * 60 + sameHour.highestBit }
        let earlier = hours.bits(below: hour)
        return earlier == 0 ? nil : earlier.highestBit * 60 + minutes.highestBit
    }
}

/// A month of some year: where it begins, and how long it is.
private struct CalendarMonth {
    var year: Int
    /// From 1.
    var number: Int
    var length: Int
    /// Days from 1970-01-01 to its first.
    var firstDay: Int64

    /// From Sunday.
    var firstWeekday: Int { Int(((firstDay + 4) % 7 + 7) % 7) }

    /// The month that holds a minute, and the day of it; nil more than 270,000 years away.
    static func holding(_ minute: Int64) -> (month: CalendarMonth, day: Int)? {
        let day = minute.flooredQuotient(by: 1_440)
        guard day.magnitude < 100_000_000 else { return nil }
        let date = CivilDate(Timestamp(microseconds: day * 86_400_000_000))
        let length = CivilDate.days(inMonth: date.month, of: date.year)
        let firstDay = day - Int64(date.day) + 1
        return (CalendarMonth(year: date.year, number: date.month, length: length, firstDay: firstDay), date.day)
    }

    mutating func advance() {
        firstDay += Int64(length)
        (year, number) = number == 12 ? (year + 1, 1) : (year, number + 1)
        length = CivilDate.days(inMonth: number, of: year)
    }

    mutating func retreat() {
        (year, number) = number == 1 ? (year - 1, 12) : (year, number - 1)
        length = CivilDate.days(inMonth: number, of: year)
        firstDay -= Int64(length)
    }

    func minute(ofDay day: Int, _ minute: Int) -> Int64 {
        (firstDay + Int64(day) - 1) * 1_440 + Int64(minute)
    }
}

extension UInt64 {
    /// The number of the highest bit that is set; of zero, −1.
    fileprivate var highestBit: Int { 63 - leadingZeroBitCount }

    fileprivate func bits(from first: Int) -> UInt64 { (self >> UInt64(first)) << UInt64(first) }

    fileprivate func bits(below end: Int) -> UInt64 { self & ((1 << UInt64(end)) - 1) }
}

extension Int64 {
    /// The quotient rounded down, for a positive divisor.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
