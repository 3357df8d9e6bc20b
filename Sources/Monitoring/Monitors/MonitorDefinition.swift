public import MartletDefinitions
public import MartletFrames
public import MartletWorld

/// What is watched of an endpoint's predictions, or of a stream's events: a checked monitor.
///
/// They are parted by their time into windows of equal length. When a window has closed it is measured once, and each
/// measure is held against its bounds; what lies beyond raises an alarm.
public struct MonitorDefinition: Definition {
    /// What is watched.
    public enum Subject: Hashable, Sendable {
        /// The predictions of an endpoint.
        case endpoint(String)
        /// The events of a stream, as they came in.
        case stream(String)
    }

    /// What a window is compared with.
    public enum Reference: Hashable, Sendable {
        /// What the version that answered was trained on.
        case training
        /// Windows of the past, together: so many, the last one `every` before, the one before that twice as long, …
        ///
        /// With `every: 7d` a Monday is compared with Mondays.
        case windows(Int, every: Timestamp.Span)
        /// Windows of the past, those of the same time and weekday or the last ones: whichever were nearer in the recent past.
        case seasonal
    }

    public enum Distance: String, Hashable, Sendable, CaseIterable {
        case psi
        case ks
        case chiSquared = "chi_squared"
        case jensenShannon = "jensen_shannon"
        /// In standard deviations of the reference.
        case wasserstein
    }

    /// Where a measure raises an alarm, and where the alarm ends.
    public struct Bounds: Hashable, Sendable {
        public var raise: Double
        public var clear: Double
        /// Whether more is worse; else less is.
        public var isUpper: Bool

        public init(raise: Double, clear: Double, isUpper: Bool = true) {
            self.raise = raise
            self.clear = clear
            self.isUpper = isUpper
        }

        /// The level of a value; missing for none.
        public func level(of value: Double?) -> AlarmReading.Level {
            guard let value else { return .missing }
            if isUpper { return value > raise ? .beyond : value <= clear ? .within : .between }
            return value < raise ? .beyond : value >= clear ? .within : .between
        }
    }

    public struct Drift: Hashable, Sendable {
        /// Names of features, or of a stream's fields; nil for all.
        public var features: [String]?
        public var predictions: Bool
        public var distance: Distance
        public var bounds: Bounds
    }

    /// Bounds of what goes into a model or a stream, each nil where it is not watched.
    public struct Quality: Hashable, Sendable {
        /// How many points more of a feature may be missing than in the reference.
        public var missing: Double?
        /// How much of a feature may lie outside of the reference's range, or in categories that it lacks.
        public var unseen: Double?
        /// How much a window's number of predictions may differ from the mean of the windows before, as a share of it.
        public var volume: Double?
        /// How long there may be no prediction, or no event, at all.
        public var freshness: Timestamp.Span?
        /// How many of the rows that come into a stream may become dead letters.
        public var rejected: Double?
        /// How many of the rows that come may have a field otherwise than the contract: without a value that it asks for, with one of another
        /// type, or with a field that it lacks.
        public var schema: Double?
    }

    public struct Performance: Hashable, Sendable {
        public var metric: MonitoredMetric
        /// For metrics of decisions: an output of at least this is a positive one.
        public var threshold: Double
        public var bounds: Bounds
    }

    public struct Bias: Hashable, Sendable {
        /// The input whose values are the groups.
        public var field: String
        public var rate: Rate
        public var threshold: Double
        public var bounds: Bounds

        public enum Rate: String, Hashable, Sendable, CaseIterable {
            /// The share of positive decisions.
            case selection = "selection_rate"
            /// Of those whose outcome is true, the share of positive decisions; only with outcomes.
            case truePositive = "true_positive_rate"
            /// Of those whose outcome is false, the same.
            case falsePositive = "false_positive_rate"

            public var needsOutcomes: Bool { self != .selection }
        }
    }

    public let name: String
    public let place: SourcePlace
    public let subject: Subject
    /// Windows begin at multiples of it since 1970.
    public let window: Timestamp.Span
    /// How long after a window's end predictions of it are waited for.
    public let lateness: Timestamp.Span
    public let reference: Reference
    /// Predictions of a window below which it is not judged.
    public let minimumRows: Int
    public let drift: Drift?
    public let quality: Quality
    public let performance: [Performance]
    /// The same, estimated without outcomes.
    public let estimated: [Performance]
    public let bias: [Bias]
    /// The share of predictions that the fallback answered.
    public let errors: Bounds?
    /// Microseconds that 99 of 100 predictions took at most.
    public let latency: Bounds?
    /// How many predictions of a window are computed again and compared bit by bit; 0 for none.
    public let skewSample: Int
    public let alarms: AlarmDefaults
    public let reactions: [AlarmReaction]
    /// How long after its time a prediction's outcome is known.
    public let matures: Timestamp.Span
    /// For people; empty if there is none.
    public let doc: String

    /// Whose predictions are watched; nil if events of a stream are.
    public var endpoint: String? { if case .endpoint(let name) = subject { name } else { nil } }

    /// Whose events are watched; nil if predictions of an endpoint are.
    public var stream: String? { if case .stream(let name) = subject { name } else { nil } }

    /// The begin of the window that a time belongs to; both in microseconds since 1970.
    public func windowStart(of time: Int64) -> Int64 {
        let rest = time % window.microseconds
        return time - (rest < 0 ? rest + window.microseconds : rest)
    }
}

/// How the alarms of a monitor behave.
public struct AlarmDefaults: Hashable, Sendable {
    public var hold: AlarmRule.Hold = .readings(1)
    public var clearAfter: AlarmRule.Hold = .readings(1)
    public var severity: AlarmSeverity = .warning
    public var repeatInterval: Timestamp.Span = .hours(4)
    public var coolDown: Timestamp.Span = .zero

    public init() {}
}

/// A metric of performance that a monitor knows.
public enum MonitoredMetric: String, Hashable, Sendable, CaseIterable {
    case averagePrecision = "average_precision"
    case rocAUC = "roc_auc"
    case logLoss = "log_loss"
    case brierScore = "brier"
    case accuracy, precision, recall, f1
    case rmse, mae

    public var isHigherBetter: Bool {
        switch self {
        case .logLoss, .brierScore, .rmse, .mae: false
        default: true
        }
    }

    /// Of numbers and not of probabilities.
    public var isOfNumbers: Bool { self == .rmse || self == .mae }

    /// Whether it can be told from the scores alone, if they are calibrated.
    public var canBeEstimated: Bool {
        switch self {
        case .averagePrecision, .rocAUC, .accuracy, .precision, .recall, .f1: true
        default: false
        }
    }
}

/// What is done when an alarm of a monitor fires.
public struct AlarmReaction: Hashable, Sendable {
    public enum Way: Hashable, Sendable {
        /// Runs a pipeline with parameters, with the rights of whoever applied the monitor.
        case pipeline(String, parameters: [String: Value])
        /// Goes back to the release before the champion came to answer.
        case rollback
        /// Lets the endpoint's fallback answer, or more of its decisions be reviewed, until the alarm ends.
        case mitigate(Mitigation.Change)
        /// Posts Alertmanager's body.
        case webhook(WebAddress)
        /// Sends each of them a mail, by the project's server of mails.
        case email([MailAddress])
        /// Starts a program, the first of these texts, that reads Alertmanager's body from its standard input.
        case command([String])

        /// Whether it tells of alarms, of their end too, rather than does something once.
        public var isMessage: Bool {
            switch self {
            case .webhook, .email, .command: true
            case .pipeline, .rollback, .mitigate: false
            }
        }
    }

    public var way: Way
    /// For these measures only; empty for all.
    public var measures: [String]
    public var coolDown: Timestamp.Span
    public var budget: AlarmAction.Budget
    public var needsApproval: Bool
}
