import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletWorld
import Testing

@Suite("Schedules: data intervals")
struct ScheduleIntervalTests {
    private let day = try? DataInterval(start: moment("2018-07-25T00:00:00Z"), end: moment("2018-07-26T00:00:00Z"))

    @Test("intervals tile time, and what is due is due exactly when nextDue says", arguments: 0..<30 as Range<UInt64>)
    func invariants(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let zone = try TimeZoneTable.named("Europe/Brussels")
        let rules: [PipelineSchedule.Rule] = [
            .cron(.daily), .cron(.hourly), .cron(try CronExpression("30 2 * * *")), .cron(try CronExpression("*/20 1-3 * * 0")),
            .every(.minutes(90)), .every(.seconds(7)),
        ]
        for _ in 0..<20 {
            let rule = rules[Int.random(in: 0..<rules.count, using: &random)]
            let origin = 1_500_000_000_000_000 + Int64.random(in: 0..<40_000_000_000_000, using: &random)
            let start = Bool.random(using: &random) ? Timestamp(microseconds: origin + .random(in: -1_000_000_000_000...1_000_000_000_000, using: &random)) : nil
            let end = Bool.random(using: &random) ? Timestamp(microseconds: origin + 2_000_000_000_000) : nil
            let schedule = PipelineSchedule(rule, zone: zone, start: start, end: end, catchup: Bool.random(using: &random))
            let place: Comment = "seed \(seed): \(schedule.rule) start \(String(describing: start)) end \(String(describing: end)) catchup \(schedule.catchup)"
            var now = Timestamp(microseconds: origin)
            var cursor = try #require(schedule.firstCursor(appliedAt: now))
            if start == nil { #expect(cursor <= now, place) }
            for _ in 0..<40 {
                // Clocks go forward by up to three days, and sometimes back.
                now = Timestamp(microseconds: now.microseconds + .random(in: -90_000_000_000...270_000_000_000, using: &random))
                let due = schedule.due(from: cursor, now: now)
                #expect((due != nil) == (schedule.nextDue(from: cursor).map { $0 <= now } ?? false), place)
                guard let due else { continue }
                #expect(due.start >= cursor && due.end <= now, place)
                #expect(schedule.moment(after: due.start) == due.end && schedule.moment(before: due.end) == due.start, place)
                if let start { #expect(due.start >= start, place) }
                if let end { #expect(due.end <= end, place) }
                if schedule.catchup { #expect(due.start == schedule.moment(atOrAfter: cursor), place) }
                if !schedule.catchup, let next = schedule.moment(after: due.end) {
                    #expect(next > now || end.map { next > $0 } == true, "a newer one had ended; \(place)")
                }
                cursor = due.end
            }
        }
    }

    @Test("spans are counted from 1970, and before it")
    func spans() throws {
        let schedule = PipelineSchedule(.every(.hours(7)))
        #expect(schedule.moment(atOrBefore: Timestamp(microseconds: 0))?.description == "1970-01-01T00:00:00Z")
        #expect(schedule.moment(before: Timestamp(microseconds: 0))?.description == "1969-12-31T17:00:00Z")
        #expect(schedule.moment(after: Timestamp(microseconds: 0))?.description == "1970-01-01T07:00:00Z")
        #expect(schedule.moment(atOrAfter: Timestamp(microseconds: 1))?.description == "1970-01-01T07:00:00Z")
        #expect(schedule.moment(after: Timestamp(microseconds: .max)) == nil)
        #expect(schedule.moment(atOrBefore: Timestamp(microseconds: .min)) == nil)
        let none = PipelineSchedule(.every(.zero))
        #expect(none.moment(after: Timestamp(microseconds: 0)) == nil)
        #expect(none.firstCursor(appliedAt: Timestamp(microseconds: 0)) == nil)
        #expect(none.cursor(resetAt: Timestamp(microseconds: 0)) == nil)
    }

    @Test("a backfill lists the intervals that lie within it, up to a limit")
    func backfill() throws {
        let schedule = PipelineSchedule.daily
        let from = try moment("2018-07-24T12:00:00Z")
        let to = try moment("2018-07-28T12:00:00Z")
        let all = Array(schedule.intervals(from: from, to: to, limit: 100))
        #expect(all.first == day && all.count == 3)
        #expect(Array(schedule.intervals(from: from, to: to, limit: 2)) == Array(all.prefix(2)))
        #expect(Array(schedule.intervals(from: from, to: to, limit: 0)).isEmpty)
        #expect(Array(schedule.intervals(from: to, to: from, limit: 5)).isEmpty)
        let bounded = PipelineSchedule(.cron(.daily), start: try moment("2018-07-26T01:00:00Z"), end: try moment("2018-07-28T00:00:00Z"))
        #expect(Array(bounded.intervals(from: from, to: to, limit: 9)) == [all[2]])
        // Lazily: a hundred thousand years of minutes cost what is asked of them.
        let minutes = PipelineSchedule(.cron(try CronExpression("* * * * *")))
        let end = Timestamp(microseconds: from.microseconds + 100_000 * 31_557_600_000_000)
        #expect(Array(minutes.intervals(from: from, to: end, limit: .max).prefix(3)).count == 3)
    }

    @Test("an interval is written as ISO 8601 writes one")
    func description() { #expect(day?.description == "2018-07-25T00:00:00Z/2018-07-26T00:00:00Z") }
}

private func moment(_ text: String) throws -> Timestamp {
    let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
    return try #require(
        CivilDate(year: numbers[0], month: numbers[1], day: numbers[2], hour: numbers[3], minute: numbers[4], second: numbers[5]).timestamp)
}
