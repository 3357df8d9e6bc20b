public import MartletFrames

/// The stretch of data that a run is about: from `start` until just before `end`.
///
/// It says nothing of when the run happens, other than that it is not before `end`.
public struct DataInterval: Hashable, Sendable {
    /// The first moment of the interval.
    public let start: Timestamp
    /// The first moment after the interval.
    public let end: Timestamp

    /// Takes an interval's ends.
    ///
    /// - Precondition: `start` lies before `end`.
    public init(start: Timestamp, end: Timestamp) {
        precondition(start < end, "an interval ends after it begins")
        self.start = start
        self.end = end
    }
}

extension DataInterval: CustomStringConvertible {
    /// ISO 8601: `2018-07-25T00:00:00Z/2018-07-26T00:00:00Z`.
    public var description: String { "\(start)/\(end)" }
}

/// Data intervals in their order, made when asked for; see ``PipelineSchedule/intervals(from:to:limit:)``.
public struct DataIntervals: Sequence, IteratorProtocol, Sendable {
    let schedule: PipelineSchedule
    /// Where the next one begins; nil: there are no more.
    var start: Timestamp?
    /// No interval ends after it.
    let last: Timestamp
    /// How many more there may be.
    var remaining: Int

    /// The next interval.
    public mutating func next() -> DataInterval? {
        guard remaining > 0, let begin = start, let end = schedule.moment(after: begin), end <= last else {
            start = nil
            return nil
        }
        remaining -= 1
        start = end
        return DataInterval(start: begin, end: end)
    }
}
