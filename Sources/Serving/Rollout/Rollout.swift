public import MartletFrames

/// One attempt to let a challenger in: what it is of, and how far it has come.
public struct Rollout: Hashable, Sendable {
    /// A UUIDv7.
    public var id: String
    public var endpoint: String
    public var model: String
    public var alias: String
    /// The version that answered when it began.
    public var champion: Int
    public var challenger: Int
    /// The hash of the ``RolloutDefinition`` that it began under.
    public var definition: String
    /// Whose rights it has: `token:7f3a…`.
    public var actor: String
    public var started: Timestamp
    public var state: State
    /// Which step it is at, from 0; the last one that it came to, once it has ended.
    public var step: Int
    public var stepStarted: Timestamp
    /// The cut of the log at which the step began: its decisions stand from there on.
    public var stepPosition: Int64
    public var ended: Timestamp?
    /// Why it is as it is, in a sentence.
    public var reason: String

    public enum State: String, Hashable, Sendable, CaseIterable {
        /// Traffic is shared and judged.
        case running
        /// The judgement is for the challenger, and a second person is waited for; traffic is still shared.
        case waiting
        case promoted, withdrawn
        /// A release changed what it was about.
        case superseded

        public var isActive: Bool { self == .running || self == .waiting }
    }

    public init(
        id: String, endpoint: String, model: String, alias: String, champion: Int, challenger: Int, definition: String,
        actor: String, started: Timestamp, state: State = .running, step: Int = 0, stepStarted: Timestamp, stepPosition: Int64,
        ended: Timestamp? = nil, reason: String
    ) {
        self.id = id
        self.endpoint = endpoint
        self.model = model
        self.alias = alias
        self.champion = champion
        self.challenger = challenger
        self.definition = definition
        self.actor = actor
        self.started = started
        self.state = state
        self.step = step
        self.stepStarted = stepStarted
        self.stepPosition = stepPosition
        self.ended = ended
        self.reason = reason
    }
}

/// What a step of a rollout has shown so far.
public struct RolloutEvidence: Hashable, Sendable {
    /// One of the two versions.
    public struct Side: Hashable, Sendable {
        /// Predictions that it made.
        public var decisions = 0
        public var units = 0
        /// Of its mature decisions, those whose worth is known, and those whose outcome never came.
        public var judged = 0
        public var withoutOutcome = 0
        /// The average worth of a judged decision; nil without any.
        public var mean: Double?

        public init() {}
    }

    /// Bounds that hold at all times at once, with the chance that the definition states.
    public struct Bounds: Hashable, Sendable {
        public var low: Double
        public var estimate: Double
        public var high: Double

        public init(low: Double, estimate: Double, high: Double) {
            self.low = low
            self.estimate = estimate
            self.high = high
        }
    }

    /// One guardrail as it stands.
    public struct Guardrail: Hashable, Sendable {
        /// `errors`, `latency`, `fairness of NORTH`
        public var name: String
        public var limit: Double
        /// Nil until there is enough to tell.
        public var bounds: Bounds?

        /// Shown to be beyond its limit.
        public var isBroken: Bool { bounds.map { $0.low > limit } ?? false }

        public init(name: String, limit: Double, bounds: Bounds?) {
            self.name = name
            self.limit = limit
            self.bounds = bounds
        }
    }

    public var champion = Side()
    public var challenger = Side()
    /// How much more a decision of the challenger is worth; nil until both have the minimum of units.
    public var difference: Bounds?
    /// An always-valid p-value of the planned shares; nil where both compute for the same units.
    public var sampleRatio: Double?
    public var guardrails: [Guardrail] = []

    public init() {}
}
