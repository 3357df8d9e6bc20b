public import MartletFrames

/// An alarm as it stands.
public struct Alarm: Hashable, Sendable {
    /// From firing to its end; the times are its readings'.
    public struct Episode: Hashable, Sendable {
        public var start: Timestamp
        /// Nil while it fires.
        public var end: Timestamp?
        public var acknowledgement: Acknowledgement?
    }

    /// A person looks after it: it is not told again while it lasts.
    public struct Acknowledgement: Hashable, Sendable {
        public var by: String
        public var note: String
        public var time: Timestamp
    }

    /// Readings in a row that are alike.
    public struct Streak: Hashable, Sendable {
        public var count: Int
        /// Time of the first.
        public var since: Timestamp
    }

    /// Where it is, in a word.
    public enum Phase: String, Hashable, Sendable, CaseIterable {
        /// Readings are beyond the bound, not yet for long enough.
        case pending
        case firing
        /// It fires, and a person looks after it.
        case acknowledged
        /// It fires, and a silence keeps it from being told.
        case silenced
        case resolved
        /// It was pending and never fired.
        case idle
    }

    public var identity: AlarmIdentity
    public var severity: AlarmSeverity
    /// Time of the last reading that was counted.
    public var lastReading: Timestamp
    public var value: Double?
    /// Of the last reading beyond the bound.
    public var summary = ""
    public var cause = AlarmCause()
    /// Beyond the bound while it does not fire.
    public var beyond: Streak?
    /// Within the clear bound while it fires.
    public var within: Streak?
    /// The one that lasts, or the last.
    public var episode: Episode?
    /// The silence that keeps it from being told, while it fires.
    public var silencedBy: String?
    /// Ids of the groups that it is told in, while it fires and until its end is told.
    public var groups: [String] = []
    /// When it came to rest, by the clock; nil while it is pending or fires.
    public var restedAt: Timestamp?

    public var isFiring: Bool { episode.map { $0.end == nil } ?? false }

    public var phase: Phase {
        if isFiring { return silencedBy != nil ? .silenced : episode?.acknowledgement != nil ? .acknowledged : .firing }
        return beyond != nil ? .pending : episode != nil ? .resolved : .idle
    }

    init(_ identity: AlarmIdentity, severity: AlarmSeverity, lastReading: Timestamp) {
        self.identity = identity
        self.severity = severity
        self.lastReading = lastReading
    }
}

/// Alarms that one receiver is told of together.
public struct AlarmGroup: Hashable, Sendable {
    /// A message that is decided and not known to have arrived.
    public struct Outstanding: Hashable, Sendable {
        public var notification: AlarmNotification
        /// The episodes (by their start) that the receiver knows to last, once it has arrived.
        var telling: [AlarmIdentity: Timestamp]
        /// How often it did not arrive.
        public var failures = 0
        /// When it is tried again after a failure.
        public var nextTry: Timestamp?
    }

    /// Names it among all groups.
    public let id: String
    public let route: String
    public let receiver: String
    /// What its alarms have in common, by which they were grouped.
    public let labels: [AlarmLabels.Label]
    /// As Alertmanager has it: the row's matchers and the labels.
    public let key: String
    /// By the clock.
    public let openedAt: Timestamp
    /// When the last message was decided.
    public var notifiedAt: Timestamp?
    /// The episodes (by their start) that the receiver knows to last.
    var told: [AlarmIdentity: Timestamp] = [:]
    /// Those that it may know to last besides: a message was given up that may have arrived.
    var doubtful: [AlarmIdentity: Timestamp] = [:]
    public var outstanding: Outstanding?
}

/// One message to one receiver about the alarms of a group.
public struct AlarmNotification: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var identity: AlarmIdentity
        public var severity: AlarmSeverity
        public var start: Timestamp
        /// Nil while it fires.
        public var end: Timestamp?
        public var value: Double?
        public var summary: String
        public var annotations: [String: String]
        public var cause: AlarmCause
        public var acknowledgement: Alarm.Acknowledgement?
    }

    /// The same however often it is sent, and no other message's: whoever has seen it need not look again.
    public let key: String
    /// Counts all messages.
    public let number: Int64
    public let receiver: String
    public let route: String
    public let group: String
    public let groupKey: String
    public let groupLabels: [AlarmLabels.Label]
    /// When it was decided.
    public let time: Timestamp
    /// Those that fire first, then by identity.
    public let entries: [Entry]
    /// Alarms beyond the receiver's limit, which are not among the entries.
    public let omitted: Int
    /// Whether any alarm fires, those omitted included.
    public let isFiring: Bool
}

/// An action that an alarm called for.
public struct AlarmOrder: Hashable, Sendable {
    /// The same however often it is ordered: what was done under it is not to be done again.
    public let key: String
    public let action: String
    public let identity: AlarmIdentity
    /// Of the episode that called for it.
    public let start: Timestamp
    /// When it was called for.
    public let time: Timestamp
    /// Whether a person is to say yes.
    public var isWaiting: Bool
    /// Who said yes.
    public var approvedBy: String?
    /// The measure, as it let the alarm fire.
    public var value: Double?
}
