public import MartletFrames

/// How a life of the example is played.
public struct LifeSettings: Sendable {
    public var seed: UInt64 = 7
    public var customers = 1_200
    public var terminals = 2_400
    /// Days that are in the log before the first payment is judged.
    public var history = 60
    /// Days of payments that are judged as they come.
    public var days = 45
    /// The last moment; the life begins `days` before.
    public var end: Timestamp
    /// How much time passes between two looks at everything.
    public var step = Timestamp.Span.hours(3)
    /// How long after a payment it is known whether it was a theft.
    public var labelDelay = Timestamp.Span.days(7)
    /// The day on which thieves change their ways; nil for never.
    public var attack: Int? = 8
    /// The day on which somebody brings in a version that has hardly learned; nil for never.
    public var carelessVersion: Int?

    public init(end: Timestamp) { self.end = end }

    public var start: Timestamp { end - .days(Int64(days)) }
    public var attackTime: Timestamp? { attack.map { start + .days(Int64($0)) } }
}
