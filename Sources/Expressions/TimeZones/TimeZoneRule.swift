import MartletFrames

/// The yearly alternation of standard and daylight time that a zone follows from its last transition on.
///
/// Written as in POSIX: `CET-1CEST,M3.5.0,M10.5.0/3`.
/// Source: RFC 9636, section 3.3.1; POSIX.1-2017, section 8.3 (TZ).
public struct TimeZoneRule: Hashable, Sendable {
    /// Seconds east of UTC.
    public let standardOffset: Int
    /// The daylight offset and when in each year it begins and ends; nil if standard time holds all year.
    public let daylight: Daylight?

    /// Daylight time: its offset, and its edges each year.
    public struct Daylight: Hashable, Sendable {
        /// Seconds east of UTC.
        public let offset: Int
        /// When it begins, by clocks that show standard time.
        public let begin: Edge
        /// When it ends, by clocks that show daylight time.
        public let end: Edge
    }

    /// A day of the year and a time of that day, which may lie outside 0…24 h.
    public struct Edge: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// The `week`-th (5: the last) `weekday` (0: Sunday) of a month.
            case weekday(month: Int, week: Int, weekday: Int)
            /// 1…365; 29 February is never counted.
            case julian(Int)
            /// 0…365; 29 February is counted.
            case zeroBased(Int)
        }

        let day: Day
        /// Seconds after midnight.
        let time: Int

        /// Seconds since 1970 by the local clock.
        func localSeconds(in year: Int) -> Int64 {
            let january = daysSince1970(year, 1, 1)
            let days: Int64
            switch day {
            case .julian(let number):
                let isLeap = CivilDate.days(inMonth: 2, of: year) == 29
                days = january + Int64(number - 1 + (isLeap && number >= 60 ? 1 : 0))
            case .zeroBased(let number): days = january + Int64(number)
            case .weekday(let month, let week, let weekday):
                let first = daysSince1970(year, month, 1)
                let firstWeekday = Int(((first + 4) % 7 + 7) % 7)
                var date = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                while date >= CivilDate.days(inMonth: month, of: year) { date -= 7 }
                days = first + Int64(date)
            }
            return days * 86_400 + Int64(time)
        }
    }

    /// The stretch of one offset that holds a moment, in seconds since 1970.
    func segment(at second: Int64) -> TimeZoneTable.Segment {
        guard let daylight else { return TimeZoneTable.Segment(start: nil, end: nil, offset: standardOffset) }
        // Near the ends of `Timestamp` (about the year 287,000) the neighbouring years have no moments; standard time holds.
        guard second.magnitude < 9_000_000_000_000 else {
            return TimeZoneTable.Segment(start: second, end: second + 1, offset: standardOffset)
        }
        let moment = Timestamp(microseconds: (second + Int64(standardOffset)) * 1_000_000)
        let year = CivilDate(moment).year
        var edges: [(at: Int64, offset: Int)] = []
        for year in year - 1...year + 1 {
            edges.append((daylight.begin.localSeconds(in: year) - Int64(standardOffset), daylight.offset))
            edges.append((daylight.end.localSeconds(in: year) - Int64(daylight.offset), standardOffset))
        }
        edges.sort { $0.at < $1.at }
        var segment = TimeZoneTable.Segment(start: nil, end: nil, offset: standardOffset)
        for edge in edges {
            if edge.at > second {
                segment.end = edge.at
                break
            }
            segment.start = edge.at
            segment.offset = edge.offset
        }
        return segment
    }
}

extension TimeZoneRule {
    /// Reads a POSIX rule; nil if it is none.
    public init?(posix text: String) {
        var reader = PosixRuleReader(bytes: Array(text.utf8))
        guard reader.skipName(), let standard = reader.time() else { return nil }
        standardOffset = -standard
        if reader.isAtEnd {
            daylight = nil
            return
        }
        guard reader.skipName() else { return nil }
        // Without an offset of its own, daylight time is an hour ahead.
        var offset = standardOffset + 3_600
        if !reader.next(is: ",") {
            guard let written = reader.time() else { return nil }
            offset = -written
        }
        guard reader.take(","), let begin = reader.edge(), reader.take(","), let end = reader.edge(), reader.isAtEnd else { return nil }
        daylight = Daylight(offset: offset, begin: begin, end: end)
    }
}

private struct PosixRuleReader {
    let bytes: [UInt8]
    var position = 0

    var isAtEnd: Bool { position == bytes.count }

    func next(is character: Unicode.Scalar) -> Bool {
        position < bytes.count && bytes[position] == UInt8(ascii: character)
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next(is: character) else { return false }
        position += 1
        return true
    }

    /// An abbreviation: letters, or anything in angle brackets.
    mutating func skipName() -> Bool {
        let start = position
        if take("<") {
            while position < bytes.count, !next(is: ">") { position += 1 }
            return take(">")
        }
        while position < bytes.count, (65...90).contains(bytes[position] & 0xDF) { position += 1 }
        return position > start
    }

    mutating func number(upTo limit: Int) -> Int? {
        let start = position
        while position < bytes.count, (48...57).contains(bytes[position]) { position += 1 }
        guard let value = digits(bytes[start..<position]), value <= limit else { return nil }
        return value
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard let hours = number(upTo: 167) else { return nil }
        var seconds = hours * 3_600
        for unit in [60, 1] where take(":") {
            guard let value = number(upTo: 59) else { return nil }
            seconds += value * unit
        }
        return isNegative ? -seconds : seconds
    }

    mutating func edge() -> TimeZoneRule.Edge? {
        let day: TimeZoneRule.Edge.Day
        if take("M") {
            guard let month = number(upTo: 12), month >= 1, take("."), let week = number(upTo: 5), week >= 1, take("."),
                let weekday = number(upTo: 6)
            else { return nil }
            day = .weekday(month: month, week: week, weekday: weekday)
        } else if take("J") {
            guard let number = number(upTo: 365), number >= 1 else { return nil }
            day = .julian(number)
        } else {
            guard let number = number(upTo: 365) else { return nil }
            day = .zeroBased(number)
        }
        guard take("/") else { return TimeZoneRule.Edge(day: day, time: 7_200) }
        guard let time = time() else { return nil }
        return TimeZoneRule.Edge(day: day, time: time)
    }
}

/// Days from 1970-01-01 to a date that exists.
private func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
    CivilDate(year: year, month: month, day: day).timestamp.map { $0.microseconds.floored(by: 86_400_000_000) } ?? 0
}
