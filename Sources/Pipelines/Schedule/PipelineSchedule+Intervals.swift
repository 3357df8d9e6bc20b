public import MartletFrames

/// Which interval to run, from a *cursor*: where the first interval that has not been run begins.
///
/// The scheduler keeps one cursor a pipeline and moves it to the end of each interval it runs, never back, so no interval is run twice.
/// Every function here takes a constant number of steps through the schedule, however much time has passed.
///
/// ```swift
/// var cursor = schedule.firstCursor(appliedAt: now)
/// while let place = cursor, let interval = schedule.due(from: place, now: now) {
///     run(interval)
///     cursor = interval.end
/// }
/// wake(at: cursor.flatMap(schedule.nextDue))
/// ```
extension PipelineSchedule {
    /// Where the first interval begins: at the schedule's first moment from `start` on or, without a `start`, with the interval that
    /// holds the moment at which the pipeline was first applied.
    ///
    /// A daily pipeline that is applied at 10:00 first runs at the next midnight, for the day on which it was applied.
    ///
    /// - Returns: Nil if the schedule has no moments.
    public func firstCursor(appliedAt now: Timestamp) -> Timestamp? {
        if let start { return moment(atOrAfter: start) }
        return moment(atOrBefore: now) ?? moment(after: now)
    }

    /// The interval to run now: with catchup the one at the cursor, without it the newest; only if it has ended. Nil: none yet.
    ///
    /// - Parameter now: What the clock says. If it went back, nothing is due until it has reached the end of the cursor's interval.
    public func due(from cursor: Timestamp, now: Timestamp) -> DataInterval? {
        guard let first = interval(atOrAfter: cursor), first.end <= now else { return nil }
        if catchup { return first }
        guard let last = moment(atOrBefore: min(now, end ?? now)), let before = moment(before: last), before >= first.start else { return nil }
        return DataInterval(start: before, end: last)
    }

    /// When ``due(from:now:)`` first has an interval: the end of the one at the cursor. Nil: never.
    ///
    /// Without catchup too; a look that comes later finds a newer interval.
    public func nextDue(from cursor: Timestamp) -> Timestamp? {
        interval(atOrAfter: cursor)?.end
    }

    /// The intervals that lie wholly within `[from, to]`, and within the schedule's own `start` and `end`, oldest first.
    ///
    /// - Parameter limit: How many at most.
    /// - Complexity: Each is computed when it is asked for.
    public func intervals(from: Timestamp, to: Timestamp, limit: Int) -> DataIntervals {
        DataIntervals(schedule: self, start: moment(atOrAfter: max(from, start ?? from)), last: min(to, end ?? to), remaining: max(0, limit))
    }

    /// Where this schedule goes on if it replaces one whose cursor is given: at its first moment that is not before it.
    ///
    /// Nothing is run twice. What lies between the old cursor and the new one is in no interval.
    ///
    /// - Returns: Nil if the schedule has no moments from there on.
    public func cursor(takingOver cursor: Timestamp) -> Timestamp? {
        moment(atOrAfter: max(cursor, start ?? cursor))
    }

    /// Whether intervals were run that have not begun by this clock: it went forward, the scheduler followed, and it came back.
    ///
    /// Nothing is due until the clock has caught up, unless the cursor is put back to ``cursor(resetAt:)``.
    public func isAhead(_ cursor: Timestamp, of now: Timestamp) -> Bool {
        guard let reset = self.cursor(resetAt: now) else { return false }
        return cursor > reset
    }

    /// The cursor to put back if intervals were run by a clock that was wrong: at the interval that holds `now`, or at the first if
    /// that is still to come. Intervals from there on are run again.
    ///
    /// - Returns: Nil if the schedule has no moments.
    public func cursor(resetAt now: Timestamp) -> Timestamp? {
        let current = moment(atOrBefore: now) ?? moment(after: now)
        guard let current, let start, let first = moment(atOrAfter: start) else { return start == nil ? current : nil }
        return max(current, first)
    }

    /// The first interval that begins at or after a cursor and within `start` and `end`.
    private func interval(atOrAfter cursor: Timestamp) -> DataInterval? {
        guard let begin = moment(atOrAfter: max(cursor, start ?? cursor)), let finish = moment(after: begin) else { return nil }
        if let end, finish > end { return nil }
        return DataInterval(start: begin, end: finish)
    }
}
