public import MartletFrames

/// What an alarm changed at its endpoint until it ends.
public struct Mitigation: Hashable, Sendable {
    public enum Change: Hashable, Sendable {
        /// The endpoint's fallback answers everything.
        case fallback
        /// At least this share of its decisions is reviewed, whatever their score.
        case review(share: Double)

        public var word: String {
            switch self {
            case .fallback: "fallback"
            case .review: "review"
            }
        }

    }

    /// The changes that there are.
    public static let words = ["fallback", "review"]

    /// The key of the order that began it, so that it is begun once.
    public var order: String
    /// The reaction that asked for it.
    public var action: String
    public var endpoint: String
    public var change: Change
    /// The fingerprint of the alarm, its name, and when it began to fire.
    public var alarm: String
    public var alarmName: String
    public var alarmStart: Timestamp
    /// The version that answered then; nil if none did.
    public var version: Int?
    public var since: Timestamp
    /// Nil while it lasts.
    public var ended: Timestamp?
    /// Why it ended; empty while it lasts.
    public var reason = ""

    public init(order: AlarmOrder, endpoint: String, change: Change, version: Int?, since: Timestamp) {
        self.order = order.key
        action = order.action
        self.endpoint = endpoint
        self.change = change
        alarm = order.identity.fingerprint
        alarmName = "\(order.identity)"
        alarmStart = order.start
        self.version = version
        self.since = since
    }
}

extension Mitigation {
    /// Reads a stored one.
    init(
        order: String, action: String, endpoint: String, change: Change, alarm: String, alarmName: String, alarmStart: Timestamp, version: Int?,
        since: Timestamp, ended: Timestamp?, reason: String
    ) {
        self.order = order
        self.action = action
        self.endpoint = endpoint
        self.change = change
        self.alarm = alarm
        self.alarmName = alarmName
        self.alarmStart = alarmStart
        self.version = version
        self.since = since
        self.ended = ended
        self.reason = reason
    }
}
