internal import MartletFrames

/// The days on which an expression runs: those that its day of month names and those that its day of week names.
///
/// If only one of the two fields is restricted, its days alone; if neither is, every day.
struct CronDays: Hashable, Sendable {
    /// Bit *d* for the day *d* of the month, from 1.
    private var ofMonth: UInt64 = 0
    private var hasLastDay = false
    /// Bit *w* for every weekday *w*, from Sunday.
    private var weekdays: UInt64 = 0
    /// For each weekday, bits 1…5 for the first to the fifth of a month, bit 0 for the last.
    private var ordinals: [UInt8] = Array(repeating: 0, count: 7)
    private var isEveryDay = false

    static let all = CronDays(weekdays: 0b111_1111)

    init(ofMonth: UInt64 = 0, weekdays: UInt64 = 0) {
        self.ofMonth = ofMonth
        self.weekdays = weekdays
        normalize()
    }

    init(ofMonth day: CronFieldMatches, ofWeek weekday: CronFieldMatches) {
        if !day.isUnrestricted {
            ofMonth = day.values
            hasLastDay = day.hasLastDay
        }
        if !weekday.isUnrestricted {
            weekdays = weekday.values
            ordinals = weekday.ordinals
        }
        isEveryDay = day.isUnrestricted && weekday.isUnrestricted
        normalize()
    }

    /// Brings days that are matched alike to one value, so that equal expressions are equal.
    private mutating func normalize() {
        for weekday in 0..<7 {
            if ordinals[weekday] & 0b11_1110 == 0b11_1110 { weekdays |= 1 << UInt64(weekday) }
            if weekdays & 1 << UInt64(weekday) != 0 { ordinals[weekday] = 0 }
        }
        if ofMonth == 0xFFFF_FFFE { isEveryDay = true }
        if weekdays == 0b111_1111 { isEveryDay = true }
        guard isEveryDay else { return }
        (ofMonth, hasLastDay, weekdays, ordinals) = (0, false, 0, Array(repeating: 0, count: 7))
    }

    /// Whether any of these months has such a day in some year.
    func canOccur(inMonths months: UInt64) -> Bool {
        // Every month has every weekday four times, and in some year five times.
        if isEveryDay || hasLastDay || weekdays != 0 || ordinals.contains(where: { $0 != 0 }) { return true }
        return (1...12).contains { month in
            months & 1 << UInt64(month) != 0 && ofMonth & CronDays.through(CivilDate.days(inMonth: month, of: 2000)) != 0
        }
    }

    /// Bit *d* for each day *d* of a month that is matched.
    ///
    /// - Parameters:
    ///   - length: how many days the month has.
    ///   - first: the weekday of its first day, from Sunday.
    func matched(length: Int, first: Int) -> UInt64 {
        let month = CronDays.through(length)
        if isEveryDay { return month }
        var matched = ofMonth
        if hasLastDay { matched |= 1 << UInt64(length) }
        for weekday in 0..<7 where weekdays & 1 << UInt64(weekday) != 0 || ordinals[weekday] != 0 {
            let date = (weekday - first + 7) % 7 + 1
            if weekdays & 1 << UInt64(weekday) != 0 {
                matched |= 0x1020_4081 << UInt64(date)
                continue
            }
            for ordinal in 1...5 where ordinals[weekday] & 1 << UInt8(ordinal) != 0 {
                matched |= 1 << UInt64(date + 7 * (ordinal - 1))
            }
            if ordinals[weekday] & 1 != 0 { matched |= 1 << UInt64(date + (length - date) / 7 * 7) }
        }
        return matched & month
    }

    /// Bits 1…`day`.
    private static func through(_ day: Int) -> UInt64 {
        (1 << UInt64(day + 1)) - 2
    }
}

extension CronDays {
    /// The field's one spelling.
    var canonicalOfMonth: String {
        if ofMonth == 0 && !hasLastDay { return "*" }
        let days = ofMonth == 0 ? [] : [CronExpression.spelled(ofMonth, in: CronField.all[2])]
        return (days + (hasLastDay ? ["L"] : [])).joined(separator: ",")
    }

    /// The field's one spelling: plain days, then ordinals by weekday, then last ones.
    var canonicalOfWeek: String {
        var items = weekdays == 0 ? [] : [CronExpression.spelled(weekdays, in: CronField.all[4])]
        for weekday in 0..<7 {
            for ordinal in 1...5 where ordinals[weekday] & 1 << UInt8(ordinal) != 0 { items.append("\(weekday)#\(ordinal)") }
        }
        for weekday in 0..<7 where ordinals[weekday] & 1 != 0 { items.append("L\(weekday)") }
        return items.isEmpty ? "*" : items.joined(separator: ",")
    }
}

extension CronExpression {
    /// A set of values in one spelling: `*`, `*/n` for every *n*-th from the first, else values with runs of three and more as `a-b`.
    static func spelled(_ values: UInt64, in field: CronField) -> String {
        let list = field.values.filter { values & 1 << UInt64($0) != 0 }
        if list.count == field.values.count { return "*" }
        if list.count >= 3, list[0] == field.values.lowerBound {
            let step = list[1] - list[0]
            if step > 1, list == Array(stride(from: list[0], through: field.values.upperBound, by: step)) { return "*/\(step)" }
        }
        var items: [String] = []
        var index = 0
        while index < list.count {
            var end = index
            while end + 1 < list.count, list[end + 1] == list[end] + 1 { end += 1 }
            if end - index < 2 { end = index }
            items.append(end == index ? "\(list[index])" : "\(list[index])-\(list[end])")
            index = end + 1
        }
        return items.joined(separator: ",")
    }
}
