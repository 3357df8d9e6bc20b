import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletWorld
import Testing

/// The definition of a cron schedule, minute by minute, against the search that jumps.
@Suite("Schedules: oracle")
struct ScheduleOracleTests {
    @Test("the search finds what a walk through every minute finds", arguments: 0..<40 as Range<UInt64>)
    func walk(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let zones = ["Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "America/St_Johns",
                     "Africa/Cairo", "Antarctica/Troll", "Pacific/Kwajalein", "UTC"]
        for number in 0..<12 {
            let zone = try TimeZoneTable.named(zones[Int.random(in: 0..<zones.count, using: &random)])
            let sets = FieldSets(using: &random)
            let expression = try CronExpression(sets.text)
            // A window around a change of the clock, if the zone has any, else anywhere.
            let change = zone.transitions.randomElement(using: &random) ?? Int64.random(in: 0..<2_000_000_000, using: &random)
            let center = (change + Int64.random(in: -86_400...86_400, using: &random)).quotient(60)
            let window = center - 4 * 1_440...center + 4 * 1_440
            let moments = sets.moments(in: window, zone: zone)
            let place: Comment = "seed \(seed), case \(number): '\(sets.text)' in \(zone.name) around minute \(center)"
            var found: [Int64] = []
            var moment = Timestamp(microseconds: window.lowerBound * 60_000_000 - 1)
            while let next = expression.next(after: moment, in: zone), next.microseconds <= window.upperBound * 60_000_000 {
                try #require(next > moment, place)
                found.append(next.microseconds)
                moment = next
            }
            #expect(found == moments.map { $0 * 60_000_000 }, place)
            var back: [Int64] = []
            moment = Timestamp(microseconds: window.upperBound * 60_000_000 + 1)
            while let previous = expression.previous(before: moment, in: zone), previous.microseconds >= window.lowerBound * 60_000_000 {
                try #require(previous < moment, place)
                back.append(previous.microseconds)
                moment = previous
            }
            #expect(back.reversed() == found, place)
            // From anywhere too, above all from the hours around the change: a walk of answers never stands in an hour shown again.
            for query in 0..<40 {
                let near = query < 30 ? change - 7_200...change + 7_200 : window.lowerBound * 60...window.upperBound * 60
                let second = Int64.random(in: near, using: &random)
                guard window.contains(second.quotient(60)) else { continue }
                let asked = Timestamp(microseconds: second * 1_000_000 + (query % 2 == 0 ? 0 : 1))
                if let next = found.first(where: { $0 > asked.microseconds }) {
                    #expect(expression.next(after: asked, in: zone)?.microseconds == next, "\(asked), \(place)")
                }
                if let previous = found.last(where: { $0 < asked.microseconds }) {
                    #expect(expression.previous(before: asked, in: zone)?.microseconds == previous, "\(asked), \(place)")
                }
            }
            guard let any = found.randomElement(using: &random) else { continue }
            #expect(expression.next(atOrAfter: Timestamp(microseconds: any), in: zone)?.microseconds == any, place)
            #expect(expression.previous(atOrBefore: Timestamp(microseconds: any), in: zone)?.microseconds == any, place)
        }
    }

    @Test("the canonical text reads as the same expression, and matches the same days", arguments: 0..<20 as Range<UInt64>)
    func canonical(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let sets = FieldSets(using: &random)
            let expression = try CronExpression(sets.text)
            let again = try CronExpression(expression.canonicalText)
            #expect(again == expression && again.canonicalText == expression.canonicalText, "seed \(seed): '\(sets.text)'")
        }
    }
}

/// The values of each field, and a text that names them in some way; days as the definition has them.
struct FieldSets {
    var minutes: Set<Int>
    var hours: Set<Int>
    var months: Set<Int>
    /// Nil: not restricted.
    var days: Set<Int>?
    var hasLastDay = false
    var weekdays: Set<Int>?
    /// The second of this weekday, the last of that.
    var second: Int?
    var last: Int?
    var text = ""

    init(using random: inout SplitMix64) {
        let (minuteText, minutes) = FieldSets.field(0, 59, star: 0.1, using: &random)
        let (hourText, hours) = FieldSets.field(0, 23, star: 0.35, using: &random)
        let (monthText, months) = FieldSets.field(1, 12, star: 0.9, using: &random)
        (self.minutes, self.hours, self.months) = (minutes, hours, months)
        var (dayText, weekdayText) = ("*", "?")
        if Double.random(in: 0..<1, using: &random) < 0.35 {
            let (text, days) = FieldSets.field(1, 31, star: 0, using: &random)
            (dayText, self.days) = (text, days)
            hasLastDay = Bool.random(using: &random)
            if hasLastDay { dayText += ",L" }
        }
        if Double.random(in: 0..<1, using: &random) < 0.35 {
            let (text, weekdays) = FieldSets.field(0, 6, star: 0, using: &random)
            (weekdayText, self.weekdays) = (text, weekdays)
            if Bool.random(using: &random) {
                (second, last) = (Int.random(in: 0...6, using: &random), Int.random(in: 0...6, using: &random))
                weekdayText += ",\(second ?? 0)#2,L\(last ?? 0)"
            }
        }
        // A day that exists in every month keeps the expression possible.
        if days != nil {
            days?.insert(11)
            dayText += ",11"
        }
        text = "\(minuteText) \(hourText) \(dayText) \(monthText) \(weekdayText)"
    }

    private static func field(_ low: Int, _ high: Int, star: Double, using random: inout SplitMix64) -> (String, Set<Int>) {
        if Double.random(in: 0..<1, using: &random) < star { return ("*", Set(low...high)) }
        let first = Int.random(in: low...high, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return ("\(first)", [first])
        case 1:
            let step = Int.random(in: 2...20, using: &random)
            return ("*/\(step)", Set(stride(from: low, through: high, by: step)))
        case 2:
            let last = Int.random(in: first...high, using: &random)
            return ("\(first)-\(last)", Set(first...last))
        default:
            let values = Set((0..<4).map { _ in Int.random(in: low...high, using: &random) })
            return (values.map(String.init).joined(separator: ","), values)
        }
    }

    /// Whether a date and time by the clock is matched.
    func matches(_ minute: Int64) -> Bool {
        let moment = Timestamp(microseconds: minute * 60_000_000)
        let date = CivilDate(moment)
        guard minutes.contains(date.minute), hours.contains(date.hour), months.contains(date.month) else { return false }
        if days == nil, weekdays == nil { return true }
        let weekday = CivilDate.dayOfWeek(moment)
        let length = CivilDate.days(inMonth: date.month, of: date.year)
        return days?.contains(date.day) == true || (hasLastDay && date.day == length) || weekdays?.contains(weekday) == true
            || (second == weekday && (8...14).contains(date.day)) || (last == weekday && date.day > length - 7)
    }

    /// The minutes since 1970 in a window that are moments of the schedule.
    func moments(in window: ClosedRange<Int64>, zone: TimeZoneTable) -> [Int64] {
        var furthest: Int64?
        var moments: [Int64] = []
        for minute in window.lowerBound - 3 * 1_440...window.upperBound {
            let shown = minute + Int64(zone.offset(at: Timestamp(microseconds: minute * 60_000_000)) / 60)
            // Every hour: whenever the clock shows a match. Else: when it first shows or passes one.
            let reached = hours.count == 24 ? shown...shown : furthest.map { $0 < shown ? $0 + 1...shown : shown...shown } ?? shown...shown
            let isNew = hours.count == 24 || furthest.map { $0 < shown } ?? true
            if isNew, minute >= window.lowerBound, reached.contains(where: matches) { moments.append(minute) }
            furthest = max(shown, furthest ?? shown)
        }
        return moments
    }
}

extension Int64 {
    fileprivate func quotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
