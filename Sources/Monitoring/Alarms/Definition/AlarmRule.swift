public import MartletFrames

/// How much an alarm matters; the label `severity`.
public enum AlarmSeverity: String, Hashable, Sendable, CaseIterable {
    /// Somebody is to look at once.
    case page
    /// Somebody is to look today.
    case warning
    /// To be known.
    case info
}

/// When the readings of a monitor become an alarm, and when it ends.
///
/// In a monitor's file, `alarms: { for: 2, clear_after: 1, repeat: 4h, severity: page }` is
///
/// ```swift
/// AlarmRule("drift", severity: .page, hold: .readings(2), clearAfter: .readings(1), repeatInterval: .hours(4))
/// ```
///
/// The bounds themselves belong to the monitor: each of its readings says on which side of them it is
/// (``AlarmReading/Level``). Everything here follows the readings' own time, so that the same readings give the same alarms
/// whenever they are evaluated.
public struct AlarmRule: Hashable, Sendable {
    /// For how long readings must go on being so.
    public enum Hold: Hashable, Sendable {
        /// So many in a row (`for: 2`); 1 and less is the first.
        case readings(Int)
        /// From the first in a row until one at least this much later (`for: 10m`).
        case span(Timestamp.Span)
    }

    /// What a reading that has no value means.
    public enum Missing: Hashable, Sendable {
        /// Nothing: what is pending or firing stays so, and counts go on behind the gap.
        case keep
        /// Besides, an alarm of its own once values have been missing for so long, with the label `reading="missing"`; the next value ends it.
        case alarm(after: Hold)
    }

    /// The rule's name, by which its readings name it; the label `alertname`.
    public var id: String
    public var severity: AlarmSeverity
    /// For how long readings are beyond the bound before the alarm fires. Key `for`.
    public var hold: Hold
    /// For how long readings are within the clear bound before it ends; a reading between the two bounds begins the count anew.
    public var clearAfter: Hold
    public var missing: Missing
    /// After how long it is told again while it fires and nobody has acknowledged it; nil for what the route says. Key `repeat`.
    public var repeatInterval: Timestamp.Span?
    /// For how long after its end the alarm does not fire again; it stays pending until then. Key `cool_down`.
    public var coolDown: Timestamp.Span
    /// Sent along with each notification, by name: a description, the address of what to do.
    public var annotations: [String: String]

    public init(
        _ id: String, severity: AlarmSeverity = .warning, hold: Hold = .readings(1), clearAfter: Hold = .readings(1), missing: Missing = .keep,
        repeatInterval: Timestamp.Span? = nil, coolDown: Timestamp.Span = .zero, annotations: [String: String] = [:]
    ) {
        self.id = id
        self.severity = severity
        self.hold = hold
        self.clearAfter = clearAfter
        self.missing = missing
        self.repeatInterval = repeatInterval
        self.coolDown = coolDown
        self.annotations = annotations
    }
}

extension AlarmRule.Hold {
    /// Reads `2` or `10m`; nil for anything else.
    public init?(_ text: String) {
        if let count = Int(text), count >= 0, count <= 1_000_000 {
            self = .readings(max(1, count))
        } else if let span = Timestamp.Span(text) {
            self = .span(span)
        } else {
            return nil
        }
    }

    /// Whether it is fulfilled by so many readings in a row, the first and the last of these times.
    func isOver(count: Int, since first: Timestamp, at last: Timestamp) -> Bool {
        switch self {
        case .readings(let needed): count >= needed
        case .span(let span): last.microseconds - first.microseconds >= span.microseconds
        }
    }
}

/// What a monitor measured, as far as alarms are concerned.
public struct AlarmReading: Hashable, Sendable {
    /// Where the value lies.
    public enum Level: String, Hashable, Sendable, CaseIterable {
        /// Beyond the bound that raises the alarm.
        case beyond
        /// Short of that bound, and not within the one that ends the alarm.
        case between
        /// Within the bound that ends the alarm.
        case within
        /// There is no value.
        case missing
    }

    public var rule: String
    public var labels: AlarmLabels
    /// Of what was measured: the end of its window. One of an alarm that is not later than the one before it is not counted again.
    public var time: Timestamp
    public var level: Level
    public var value: Double?
    /// What is wrong, in a sentence for people; kept of the readings that are beyond the bound.
    public var summary: String
    public var cause: AlarmCause

    public init(
        rule: String, labels: AlarmLabels = .none, time: Timestamp, level: Level, value: Double? = nil, summary: String = "",
        cause: AlarmCause = AlarmCause()
    ) {
        self.rule = rule
        self.labels = labels
        self.time = time
        self.level = level
        self.value = value
        self.summary = summary
        self.cause = cause
    }
}

/// What an alarm leads back to: the monitor, the window, the feature, and the figures that were compared.
public struct AlarmCause: Hashable, Sendable {
    public struct Figure: Hashable, Sendable {
        public var name: String
        public var value: Double

        public init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }

    public var monitor: String
    /// Nil if the measurement is of no window.
    public var from: Timestamp?
    public var to: Timestamp?
    public var feature: String?
    /// The first ``figureLimit`` are kept.
    public var figures: [Figure]

    public static let figureLimit = 16

    public init(
        monitor: String = "", from: Timestamp? = nil, to: Timestamp? = nil, feature: String? = nil, figures: [Figure] = []
    ) {
        self.monitor = monitor
        self.from = from
        self.to = to
        self.feature = feature
        self.figures = figures
    }
}
