public import MartletFrames

/// One thing that happened to alarms. The state is what the records say, one after another, and nothing else.
///
/// Each tells what stands now, so that a later program reads it to the same state.
public enum AlarmRecord: Hashable, Sendable {
    /// The alarm stands as it says; with ``AlarmEvent/forgotten`` it is gone.
    case alarm(AlarmEvent, Alarm)
    case groupOpened(AlarmGroup)
    /// A message is decided.
    case notified(AlarmNotification)
    /// It arrived.
    case delivered(key: String, group: String)
    /// It did not, and is tried again.
    case tryFailed(key: String, group: String, reason: String, next: Timestamp)
    /// It did not, and is not tried again; what it told is told by a later message.
    ///
    /// Where it may have arrived for all that is known, the end of what it told is told too.
    case gaveUp(key: String, group: String, reason: String, mayHaveArrived: Bool)
    case groupClosed(id: String, reason: String)
    case silence(Silence)
    case silenceEnded(id: String, by: String)
    /// It is over and not kept any longer.
    case silenceForgotten(id: String)
    case order(OrderEvent, AlarmOrder)
    /// What became of the measure after a reaction stands as it says.
    case effect(ReactionEffect)
    /// What is left of records that are not kept: a group, the count of messages, when actions were ordered.
    case keptGroup(AlarmGroup)
    case keptCounts(notifications: Int64, orders: [String: [Timestamp]])
}

/// What happened to an alarm.
public enum AlarmEvent: Hashable, Sendable {
    case pending
    /// It was pending, and a reading was not beyond the bound.
    case lapsed
    case fired
    /// A reading was counted that changes nothing else.
    case counted
    case resolved(reason: String?)
    case acknowledged, unacknowledged
    case silenced, unsilenced
    /// It is told in other groups, since routes changed.
    case regrouped
    case forgotten
    /// What is left of records that are not kept.
    case kept

    var word: String {
        switch self {
        case .pending: "pending"
        case .lapsed: "lapsed"
        case .fired: "fired"
        case .counted: "counted"
        case .resolved: "resolved"
        case .acknowledged: "acknowledged"
        case .unacknowledged: "unacknowledged"
        case .silenced: "silenced"
        case .unsilenced: "unsilenced"
        case .regrouped: "regrouped"
        case .forgotten: "forgotten"
        case .kept: "kept"
        }
    }
}

/// What happened to an action that an alarm called for.
public enum OrderEvent: Hashable, Sendable {
    /// A person is asked.
    case asked
    /// It is to be carried out.
    case ordered
    /// It is not carried out.
    case skipped(SkipReason)
    case rejected(by: String, note: String)
    case done(String)
    case failed(String)
    case kept
}

/// Why an action is not carried out.
public enum SkipReason: String, Hashable, Sendable, CaseIterable {
    case silenced
    /// It was ordered a short while ago.
    case coolDown = "cool_down"
    /// It was ordered as often as it may be.
    case budget
    /// Too many wait for an answer already.
    case tooMany = "too_many"
    /// The alarm ended before anybody answered.
    case resolved
    /// There is no such action any longer.
    case removed
}

/// A record with its time by the clock.
public struct TimedAlarmRecord: Hashable, Sendable {
    public var time: Timestamp
    public var record: AlarmRecord

    public init(_ time: Timestamp, _ record: AlarmRecord) {
        self.time = time
        self.record = record
    }
}

/// What one turn changes, to be stored as a whole, and what is to be done once it is.
public struct AlarmTurn: Sendable {
    public var records: [TimedAlarmRecord] = []
    public var effects: [AlarmEffect] = []
    /// Readings of alarms that there is no room for, and that are not counted.
    public var refused = 0

    public init() {}
}

/// What is to be done after a turn is stored. Each is reported once to the machine.
public enum AlarmEffect: Hashable, Sendable {
    /// To be sent to its receiver, and reported by ``AlarmMachine/report(_:_:at:_:)-(AlarmNotification,_,_,_)``.
    case notify(AlarmNotification)
    /// To be carried out unless it was, and reported by ``AlarmMachine/report(_:_:at:_:)-(AlarmOrder,_,_,_)``.
    case act(AlarmOrder)
}

/// What came of sending a message.
public enum DeliveryOutcome: Hashable, Sendable {
    case delivered
    /// It may arrive later.
    case failed(String)
    /// It will not arrive, however often it is sent.
    case refused(String)
}

/// What came of an action.
public enum OrderOutcome: Hashable, Sendable {
    /// With what was done, such as the run that was started.
    case done(String)
    case failed(String)
}
