public import MartletFrames

/// What became of the measure that raised an alarm once a reaction was done: before and after, and when the alarm ended.
///
/// Before is the reading that let the alarm fire; after are the first windows that began after the reaction was done, a pipeline's once
/// its run was asked for. That the measure went back does not say that the reaction brought it back: nothing is compared with what would
/// have been without it.
public struct ReactionEffect: Hashable, Sendable {
    /// A reading of the alarm's measure, of a window that began after the reaction was done.
    public struct Reading: Hashable, Sendable {
        /// Of the window; nil if the reading is of none.
        public var from: Timestamp?
        public var time: Timestamp
        /// Nil where too little was seen.
        public var value: Double?
        public var level: AlarmReading.Level
    }

    public var order: AlarmOrder
    /// By the clock, as ``ended``.
    public var done: Timestamp
    /// In the order of their times.
    public var after: [Reading] = []
    /// Nil while the alarm lasts that the reaction is of.
    public var ended: Timestamp?
    /// Nothing is added any more.
    public var isComplete = false

    /// How long after the reaction the alarm ended; nil while it lasts.
    public var endedAfter: Timestamp.Span? {
        ended.map { Timestamp.Span(microseconds: max(0, $0.microseconds - done.microseconds)) }
    }

    init(_ order: AlarmOrder, done: Timestamp) {
        self.order = order
        self.done = done
    }
}
