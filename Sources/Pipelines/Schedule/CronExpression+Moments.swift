public import MartletExpressions
public import MartletFrames

extension CronExpression {
    /// The first moment of the schedule after another one, by the clocks of a zone.
    ///
    /// An expression that names its hours runs once for each time of day that it names: at the first moment at which the clock shows
    /// it or has passed it. A time that is skipped (clocks went forward) is the moment of the change; one that is shown twice (clocks
    /// went back) is the first of the two. An expression whose hour is `*` follows the clock: it runs at every moment at which the
    /// clock shows a matched time, so twice in an hour that is repeated, and not at all in one that is skipped.
    ///
    /// ```swift
    /// let brussels = try TimeZoneTable.named("Europe/Brussels")    // 2018-03-25: from 02:00 to 03:00
    /// try CronExpression("30 2 * * *").next(after: saturdayEvening, in: brussels)   // 03:00, Sunday
    /// ```
    ///
    /// - Returns: Nil if there is none within 50 years.
    /// - Complexity: O(log transitions) and at most 600 months; about a microsecond for usual expressions, ten for the rarest days. Allocates nothing.
    public func next(after moment: Timestamp, in zone: TimeZoneTable) -> Timestamp? {
        CronClock(expression: self, zone: zone).next(after: moment.microseconds.flooredQuotient(by: 1_000_000)).flatMap(Timestamp.init(second:))
    }

    /// The last moment of the schedule before another one, by the clocks of a zone; see ``next(after:in:)``.
    public func previous(before moment: Timestamp, in zone: TimeZoneTable) -> Timestamp? {
        guard moment.microseconds > .min else { return nil }
        return previous(atOrBefore: Timestamp(microseconds: moment.microseconds - 1), in: zone)
    }

    /// The first moment of the schedule that is not before another one; see ``next(after:in:)``.
    public func next(atOrAfter moment: Timestamp, in zone: TimeZoneTable) -> Timestamp? {
        guard moment.microseconds > .min else { return nil }
        return next(after: Timestamp(microseconds: moment.microseconds - 1), in: zone)
    }

    /// The last moment of the schedule that is not after another one; see ``next(after:in:)``.
    public func previous(atOrBefore moment: Timestamp, in zone: TimeZoneTable) -> Timestamp? {
        CronClock(expression: self, zone: zone).previous(atOrBefore: moment.microseconds.flooredQuotient(by: 1_000_000))
            .flatMap(Timestamp.init(second:))
    }
}

/// An expression by the clocks of a zone. All moments are seconds since 1970; *local* ones are as the clock shows them.
private struct CronClock {
    let expression: CronExpression
    let zone: TimeZoneTable

    /// No offset from UTC exceeds a day, so what happens within two days can change the order of moments, and nothing else can.
    private static let twoDays: Int64 = 172_800

    func next(after second: Int64) -> Int64? {
        guard CronClock.isInRange(second) else { return nil }
        guard !expression.matchesEveryHour else { return nextShown(after: second) }
        return expression.match(atOrAfter: furthestShown(by: second).flooredQuotient(by: 60) + 1).map { firstReached($0 * 60) }
    }

    func previous(atOrBefore second: Int64) -> Int64? {
        guard CronClock.isInRange(second) else { return nil }
        guard !expression.matchesEveryHour else { return lastShown(atOrBefore: second) }
        return expression.match(atOrBefore: furthestShown(by: second).flooredQuotient(by: 60)).map { firstReached($0 * 60) }
    }

    private static func isInRange(_ second: Int64) -> Bool { second.magnitude < 8_000_000_000_000 }

    /// The latest time that the clock has shown at any moment up to this one; it only grows, also where clocks go back.
    private func furthestShown(by second: Int64) -> Int64 {
        var segment = zone.segment(at: second)
        var furthest = second + Int64(segment.offset)
        while let start = segment.start, start > second - CronClock.twoDays {
            segment = zone.segment(at: start - 1)
            furthest = max(furthest, start - 1 + Int64(segment.offset))
        }
        return furthest
    }

    /// The first moment at which the clock shows a time or has passed it.
    private func firstReached(_ local: Int64) -> Int64 {
        var segment = zone.segment(at: local - 86_400)
        while let end = segment.end, end + Int64(segment.offset) <= local { segment = zone.segment(at: end) }
        return max(local - Int64(segment.offset), segment.start ?? .min)
    }

    /// The first moment after another at which the clock shows a matched time.
    private func nextShown(after second: Int64) -> Int64? {
        var from = second + 1
        while from - second < Int64(CronExpression.horizonYears) * 366 * 86_400 {
            let segment = zone.segment(at: from)
            let offset = Int64(segment.offset)
            guard let match = expression.match(atOrAfter: -(-(from + offset)).flooredQuotient(by: 60)) else { return nil }
            guard let end = segment.end, match * 60 - offset >= end else { return match * 60 - offset }
            // Past two days, the clock shows nothing again of what was searched: go on near the match.
            from = end - second < CronClock.twoDays ? end : max(end, match * 60 - 86_400)
        }
        return nil
    }

    /// The last moment up to another at which the clock shows a matched time.
    private func lastShown(atOrBefore second: Int64) -> Int64? {
        var until = second
        while second - until < Int64(CronExpression.horizonYears) * 366 * 86_400 {
            let segment = zone.segment(at: until)
            let offset = Int64(segment.offset)
            guard let match = expression.match(atOrBefore: (until + offset).flooredQuotient(by: 60)) else { return nil }
            guard let start = segment.start, match * 60 - offset < start else { return match * 60 - offset }
            until = second - start < CronClock.twoDays ? start - 1 : min(start - 1, match * 60 + 86_400)
        }
        return nil
    }
}

extension Timestamp {
    /// Whole seconds since 1970; nil if they are too many.
    fileprivate init?(second: Int64) {
        let (microseconds, overflow) = second.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return nil }
        self.init(microseconds: microseconds)
    }
}
