public import MartletWorld

/// Who is told of alarms, and how.
public struct Receiver: Hashable, Sendable {
    public enum Way: Hashable, Sendable {
        /// A body in Alertmanager's form is posted: ``WebhookBody``.
        case webhook(WebAddress)
        /// A mail to each of these addresses: ``AlarmMail``.
        case email(to: [MailAddress])
        /// A program is given a text on its standard input: ``AlarmCommand``.
        case command([String])
    }

    /// Unique; also what messages call it.
    public var id: String
    public var way: Way
    /// Whether it is told when alarms end.
    public var sendsResolved: Bool
    /// Alarms that one message tells of at most; of the others it tells how many they are.
    public var alarmLimit: Int

    public static let alarmLimits = 1...1_000

    public init(_ id: String, _ way: Way, sendsResolved: Bool = true, alarmLimit: Int = 100) {
        self.id = id
        self.way = way
        self.sendsResolved = sendsResolved
        self.alarmLimit = min(max(alarmLimit, Self.alarmLimits.lowerBound), Self.alarmLimits.upperBound)
    }
}
