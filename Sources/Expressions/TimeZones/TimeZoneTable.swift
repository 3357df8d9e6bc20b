public import MartletFrames

/// What clocks show in one place: the moments at which its offset from UTC changes, and the rule that goes on for ever.
///
/// A value of its own: nothing reads the host's zone files, so a plan that holds one means the same everywhere.
/// Before the first transition (zones are known from 1970 on) the initial offset holds.
public struct TimeZoneTable: Hashable, Sendable {
    /// The name by which it was asked for: `Europe/Brussels`, `UTC`, `+02:00`.
    public let name: String
    /// Seconds east of UTC before the first transition.
    public let initialOffset: Int
    /// When the offset changes, in seconds since 1970, ascending.
    public let transitions: [Int64]
    /// The offset from each transition on, in seconds east of UTC.
    public let offsets: [Int]
    /// What holds after the last transition; nil if the last offset stays.
    public let rule: TimeZoneRule?

    /// Takes a table's parts.
    ///
    /// - Precondition: `transitions` ascend; one offset a transition.
    public init(
        name: String, initialOffset: Int, transitions: [Int64] = [], offsets: [Int] = [], rule: TimeZoneRule? = nil
    ) {
        precondition(transitions.count == offsets.count, "each transition has one offset")
        precondition(zip(transitions, transitions.dropFirst()).allSatisfy { $0 < $1 }, "transitions ascend")
        self.name = name
        self.initialOffset = initialOffset
        self.transitions = transitions
        self.offsets = offsets
        self.rule = rule
    }

    /// Coordinated universal time.
    public static let utc = TimeZoneTable(name: "UTC", initialOffset: 0)

    /// Seconds east of UTC at a moment.
    ///
    /// - Complexity: O(log transitions).
    public func offset(at moment: Timestamp) -> Int {
        segment(at: moment.microseconds.floored(by: 1_000_000)).offset
    }

    /// What clocks in the zone show at a moment.
    public func civilDate(at moment: Timestamp) -> CivilDate {
        CivilDate(Timestamp(microseconds: moment.microseconds &+ Int64(offset(at: moment)) &* 1_000_000))
    }

    /// The moment at which clocks in the zone show a date and time of day; nil if the calendar has no such date.
    ///
    /// A time that occurs twice (clocks went back) is its first occurrence. A time that is skipped (clocks went
    /// forward) is shifted forward by what was skipped: 02:30 becomes 03:30. Both read the clock with the offset from
    /// before the change, as Python's `fold=0` does.
    public func timestamp(of date: CivilDate) -> Timestamp? {
        guard let local = date.timestamp else { return nil }
        let seconds = local.microseconds.floored(by: 1_000_000)
        // No offset exceeds a day, so the search starts before every segment that could hold the time.
        var segment = segment(at: seconds - 86_400)
        while let end = segment.end {
            let next = self.segment(at: end)
            guard seconds >= end + Int64(max(segment.offset, next.offset)) else { break }
            segment = next
        }
        let (moment, overflow) = local.microseconds.subtractingReportingOverflow(Int64(segment.offset) * 1_000_000)
        return overflow ? nil : Timestamp(microseconds: moment)
    }

    /// A stretch of time with one offset: from `start` (nil: for ever before) until `end` (nil: for ever after), in seconds since 1970.
    package struct Segment: Hashable, Sendable {
        package var start: Int64?
        package var end: Int64?
        package var offset: Int

        func contains(_ second: Int64) -> Bool {
            (start.map { $0 <= second } ?? true) && (end.map { second < $0 } ?? true)
        }
    }

    /// A stretch that holds a moment, in seconds since 1970; the one beside it may have the same offset.
    ///
    /// - Complexity: O(log transitions).
    package func segment(at second: Int64) -> Segment {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= second { low = middle + 1 } else { high = middle }
        }
        if low < transitions.count {
            return Segment(
                start: low == 0 ? nil : transitions[low - 1], end: transitions[low],
                offset: low == 0 ? initialOffset : offsets[low - 1])
        }
        guard let rule else { return Segment(start: transitions.last, end: nil, offset: offsets.last ?? initialOffset) }
        var segment = rule.segment(at: second)
        // The rule takes over at the last transition, whatever it says of the time before.
        if let last = transitions.last, let start = segment.start, start < last { segment.start = last }
        return segment
    }
}

extension TimeZoneTable {
    /// Reads `+02:00` or `-0930` as seconds east of UTC; nil for anything else.
    static func fixedOffset(_ text: String) -> Int? {
        var bytes = Array(text.utf8)
        guard let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return nil }
        bytes.removeFirst()
        if bytes.count == 5, bytes[2] == UInt8(ascii: ":") { bytes.remove(at: 2) }
        guard bytes.count == 4, let hours = digits(bytes[0..<2]), let minutes = digits(bytes[2..<4]), hours < 24,
            minutes < 60
        else { return nil }
        return (hours * 3_600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
    }
}

extension Int64 {
    /// The quotient rounded down, for a positive divisor.
    @inline(__always) func floored(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
