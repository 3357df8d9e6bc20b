public import MartletFrames

/// What a stream promises about its events: fields, types, checks, times, uniqueness.
public struct StreamContract: Hashable, Sendable {
    public var stream: String
    /// In the order of the definition.
    public var fields: [ContractField]
    /// A required field of type `timestamp`.
    public var eventTime: String
    /// Whether the event-time field is no part of the payload but filled at arrival: the stream's events bear no time.
    ///
    /// The field is then the last of `fields`, and a payload that has it breaks the contract.
    public var isTimedByArrival: Bool
    /// The fields that together identify an event; empty if none do.
    public var unique: [String]
    /// The IANA name of the zone in which naive times are read.
    public var timeZone: String
    /// What is added to the event time of a history file's rows to give their known time.
    public var delay: Timestamp.Span
    /// How far beyond its arrival an event time may lie.
    public var ahead: Timestamp.Span

    public init(
        stream: String, fields: [ContractField], eventTime: String, unique: [String] = [], timeZone: String = "UTC",
        delay: Timestamp.Span = .zero, ahead: Timestamp.Span = .minutes(5), isTimedByArrival: Bool = false
    ) {
        self.stream = stream
        self.fields = fields
        self.eventTime = eventTime
        self.unique = unique
        self.timeZone = timeZone
        self.delay = delay
        self.ahead = ahead
        self.isTimedByArrival = isTimedByArrival
    }

    public var schema: Schema {
        Schema(fields.map { Field($0.name, $0.type, isOptional: $0.isOptional) })
    }

    /// The contract of rows that only name events: the fields of the unique key, each required.
    public var ofKeys: StreamContract {
        var keys = self
        keys.fields = fields.filter { unique.contains($0.name) }
        for index in keys.fields.indices {
            keys.fields[index].isOptional = false
            keys.fields[index].check = nil
        }
        if !unique.contains(eventTime) {
            keys.fields.append(ContractField(eventTime, .timestamp))
            keys.isTimedByArrival = true
        }
        return keys
    }

    /// The names of the fields that an input bears: all but the time of arrival.
    var inputNames: [String] { fields.map(\.name).filter { !isTimedByArrival || $0 != eventTime } }
}

/// One field of a stream's contract.
public struct ContractField: Hashable, Sendable {
    public var name: String
    public var type: ValueType
    public var isOptional: Bool
    /// How numbers are read as times; nil for text times only.
    public var timeUnit: TimeUnit?
    /// An expression over the row's fields that must be true, as the user wrote it.
    public var check: String?
    /// Set for a field that identifies a person: stored as a pseudonym.
    public var isSubject: Bool
    /// How long after its event a late field may be seen at the earliest.
    public var knownAfter: Timestamp.Span?
    /// What a late field that has not come reads as, and how long after its event.
    public var absent: AbsentValue?
    /// Repairs, in order, before type and check.
    public var clean: [CleanRule]
    /// Texts that mean a missing value, besides the empty CSV cell and JSON null.
    public var missingTexts: [String]

    public init(
        _ name: String, _ type: ValueType, isOptional: Bool = false, timeUnit: TimeUnit? = nil, check: String? = nil,
        isSubject: Bool = false, knownAfter: Timestamp.Span? = nil, absent: AbsentValue? = nil, clean: [CleanRule] = [],
        missingTexts: [String] = []
    ) {
        self.name = name
        self.type = type
        self.isOptional = isOptional
        self.timeUnit = timeUnit
        self.check = check
        self.isSubject = isSubject
        self.knownAfter = knownAfter
        self.absent = absent
        self.clean = clean
        self.missingTexts = missingTexts
    }
}

/// `absent: {value: false, after: 60d}` of a late field.
public struct AbsentValue: Hashable, Sendable {
    public var value: Value
    public var after: Timestamp.Span

    public init(value: Value, after: Timestamp.Span) {
        self.value = value
        self.after = after
    }
}

/// The unit of a time written as a number.
public enum TimeUnit: String, Hashable, Sendable, CaseIterable {
    case seconds, milliseconds, microseconds, nanoseconds
}

/// One declared repair of a field's raw text or value.
public enum CleanRule: Hashable, Sendable {
    /// Removes white space around a text.
    case trim
    /// Replaces texts by others, whole.
    case map([String: String])
    /// Moves a number beyond a bound onto it.
    case clamp(low: Double?, high: Double?)
    /// Stands in for a missing value.
    case fill(Value)
}
