public import MartletFrames

/// One reading of both clocks.
///
/// Schedules follow the time of day, which may jump; time-outs, retries and deadlines follow the steady clock, which does not.
public struct Moment: Hashable, Sendable {
    /// The time of day.
    public var wall: Timestamp
    /// Since an arbitrary start; never decreases while the program runs.
    public var steady: Timestamp.Span

    public init(wall: Timestamp, steady: Timestamp.Span) {
        self.wall = wall
        self.steady = steady
    }
}
