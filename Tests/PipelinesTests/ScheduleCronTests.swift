import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletWorld
import Testing

@Suite("Schedules: cron expressions")
struct ScheduleCronTests {
    @Test("equal schedules have one spelling", arguments: [
        ("@daily", "0 0 * * *"), ("@MIDNIGHT", "0 0 * * *"), ("@hourly", "0 * * * *"), ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), (" @annually\n", "0 0 1 1 *"),
        ("0  0\t*/1 * ?", "0 0 * * *"), ("00 0-0 1-31 1-12 *", "0 0 * * *"), ("0 0 * * sun-sat", "0 0 * * *"),
        ("0 0 1,15 * 0-7", "0 0 * * *"), ("0 0 1-31 * mon", "0 0 * * *"), ("0 0 */1 * mon", "0 0 * * 1"),
        ("0,15,30,45 * * * *", "*/15 * * * *"), ("5/20 * * * *", "5,25,45 * * * *"), ("0,30 8-18/5 * * *", "0,30 8,13,18 * * *"),
        ("0 22-2 * * fri-MON", "0 0-2,22,23 * * 0,1,5,6"), ("0 0 * * 7", "0 0 * * 0"), ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0 0 28-L,l * *", "0 0 28-31,L * *"), ("0 0 L * *", "0 0 L * *"), ("0 0 * jan,DEC,Feb *", "0 0 * 1,2,12 *"),
        ("0 0 * * fri#2,LFRI,1", "0 0 * * 1,5#2,L5"), ("0 0 * * 5#2,fri", "0 0 * * 5"),
        ("0 0 * * 3#1,3#2,3#3,3#4,3#5", "0 0 * * 3"), ("0 0 * * mon-wed#1", "0 0 * * 1#1,2#1,3#1"),
        ("0 0 29 2 *", "0 0 29 2 *"), ("0 0 30 2 mon", "0 0 30 2 1"), ("0 0 * * 6-1/2", "0 0 * * 1,6"), ("0 0 * 10-4/4 *", "0 0 * 2,10 *"),
    ])
    func canonical(text: String, expected: String) throws {
        let expression = try CronExpression(text)
        #expect(expression.canonicalText == expected)
        #expect(try CronExpression(expected) == expression)
    }

    @Test("the presets are their expressions")
    func presets() throws {
        let presets: [(String, CronExpression)] = [
            ("@hourly", .hourly), ("@daily", .daily), ("@weekly", .weekly), ("@monthly", .monthly), ("@yearly", .yearly),
        ]
        for (text, expression) in presets { #expect(try CronExpression(text) == expression) }
        #expect(try CronExpression("@daily") != CronExpression("@hourly"))
    }

    @Test("an error says which field, what was found, what is allowed, and where", arguments: [
        ("", 0, "the cron expression is empty", "for example '30 6 * * 1-5': at 06:30 from Monday to Friday"),
        ("0 0 * *", 7, "a cron expression has five fields (minute, hour, day of month, month, day of week), not 4: the day-of-week is missing", "for example '30 6 * * 1-5': at 06:30 from Monday to Friday"),
        ("0 0 * * * 30", 10, "a cron expression has five fields (minute, hour, day of month, month, day of week), not 6", "there is no field for seconds or years; for spans under a minute, schedule every so many seconds"),
        ("60 0 * * *", 0, "the minute field has 60; allowed are 0 to 59", nil),
        ("0 24 * * *", 2, "the hour field has 24; allowed are 0 to 23", nil),
        ("0 0 0 * *", 4, "the day-of-month field has 0; allowed are 1 to 31, or L for the last day", nil),
        ("0 0 1,32 * *", 6, "the day-of-month field has 32; allowed are 1 to 31, or L for the last day", nil),
        ("0 0 * 13 *", 6, "the month field has 13; allowed are 1 to 12, or JAN to DEC", nil),
        ("0 0 * * 1-8", 10, "the day-of-week field has 8; allowed are 0 to 7 (0 and 7 are Sunday), or SUN to SAT", nil),
        ("0 0 * * monday", 8, "the day-of-week field has 'monday'; allowed are 0 to 7 (0 and 7 are Sunday), or SUN to SAT", "did you mean 'MON'?"),
        ("0 0 * mon *", 6, "the month field has 'mon'; allowed are 1 to 12, or JAN to DEC", nil),
        ("0 -1 * * *", 2, "the hour field has '-'; allowed are 0 to 23", nil),
        ("0 1- * * *", 4, "the hour field has nothing where a value should be; allowed are 0 to 23", nil),
        ("0 1,,2 * * *", 4, "the hour field has a comma with nothing beside it", nil),
        ("*/0 * * * *", 2, "the minute field has the step '0'; allowed are 1 to 9999", nil),
        ("*/ * * * *", 2, "the minute field has no step after '/'; allowed are 1 to 9999", nil),
        ("*5 * * * *", 1, "the minute field has '5' after '*', where a comma or the end of the field is allowed", nil),
        ("0 ? * * *", 2, "the hour field has '?', which may only stand alone, as the day of month or the day of week", "write '*'"),
        ("0 0 1,? * *", 6, "the day-of-month field has '?', which may only stand alone, as the day of month or the day of week", "write '*'"),
        ("0 0 15W * *", 6, "the day-of-month field has 'W' after '15', where a comma or the end of the field is allowed", "the weekday nearest to a day is not supported"),
        ("0 0 L-3 * *", 5, "the day-of-month field has '-' after 'L', where a comma or the end of the field is allowed", nil),
        ("0 0 * * 5L", 9, "the day-of-week field has 'L' after '5', where a comma or the end of the field is allowed", "the last Friday of a month is LFRI or L5; a letter behind the number means another day elsewhere"),
        ("0 0 * * 5#6", 10, "the day-of-week field has '#6'; allowed are #1 to #5", "FRI#2 is the second Friday, LFRI the last"),
        ("H 0 * * *", 0, "the minute field has 'h'; allowed are 0 to 59", "hashed values are not supported: write the number"),
        ("0 0 30 2 *", 4, "the expression never matches: no month of '2' has a day of '30'", "L is the last day of every month"),
        ("0 0 31 4,6,9,nov *", 4, "the expression never matches: no month of '4,6,9,nov' has a day of '31'", "L is the last day of every month"),
        ("@dayly", 0, "'@dayly' is no preset; the presets are @yearly @annually @monthly @weekly @daily @midnight @hourly", "did you mean '@daily'?"),
        ("@reboot", 0, "'@reboot' names no moments in time, so there are no data intervals between them", "leave the schedule out: a pipeline without one runs when it is asked to"),
        ("@once", 0, "'@once' names no moments in time, so there are no data intervals between them", "leave the schedule out: a pipeline without one runs when it is asked to"),
    ] as [(String, Int, String, String?)])
    func errors(text: String, offset: Int, message: String, hint: String?) {
        do {
            let expression = try CronExpression(text)
            Issue.record("'\(text)' was read as \(expression)")
        } catch {
            #expect(error == CronError(message: message, hint: hint, offset: offset))
        }
    }

    @Test("any text is read, or refused at a place within it", arguments: 0..<10 as Range<UInt64>)
    func garbage(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pieces = ["0", "1", "5", "31", "60", "99999999999999999999", "*", "/", "-", ",", "#", "L", "?", "W", "mon", "JAN", " ", "\t", "@daily",
                      "@", "é", "K", "\u{301}", "٣", ".", "+", "7", "* * * *", "0 0 * * "]
        var read = 0
        for _ in 0..<3_000 {
            let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            switch Result(catching: { () throws(CronError) in try CronExpression(text) }) {
            case .success(let expression):
                #expect(try CronExpression(expression.canonicalText) == expression, "seed \(seed): '\(text)'")
                read += 1
            case .failure(let error):
                #expect((0...text.unicodeScalars.count).contains(error.offset), "seed \(seed): '\(text)' \(error)")
            }
        }
        #expect(read > 3, "seed \(seed)")
    }

    @Test("a leap day is found across the year 2100, and a fifth Monday of February across forty years")
    func rareDays() throws {
        let leapDay = try CronExpression("0 0 29 2 *")
        let before2100 = try moment(2096, 3, 1)
        #expect(leapDay.next(after: before2100, in: .utc) == (try moment(2104, 2, 29)))
        #expect(leapDay.previous(before: try moment(2104, 2, 29), in: .utc) == (try moment(2096, 2, 29)))
        let fifth = try CronExpression("0 0 * 2 mon#5")
        #expect(fifth.next(after: try moment(2072, 3, 1), in: .utc) == (try moment(2112, 2, 29)))
        #expect(fifth.previous(before: try moment(2112, 2, 1), in: .utc) == (try moment(2072, 2, 29)))
    }

    @Test("there are answers at the ends of time, or none", arguments: [Int64.min, .min + 1, -1, 0, .max - 1, .max])
    func extremes(microseconds: Int64) throws {
        let moment = Timestamp(microseconds: microseconds)
        for text in ["* * * * *", "30 2 * * *", "0 0 29 2 *"] {
            let expression = try CronExpression(text)
            for zone in [TimeZoneTable.utc, try .named("Europe/Brussels")] {
                if let next = expression.next(after: moment, in: zone) { #expect(next > moment) }
                if let previous = expression.previous(before: moment, in: zone) { #expect(previous < moment) }
            }
        }
    }

    private func moment(_ year: Int, _ month: Int, _ day: Int) throws -> Timestamp {
        try #require(CivilDate(year: year, month: month, day: day).timestamp)
    }
}
