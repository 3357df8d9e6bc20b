public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// How a new version comes to answer at an endpoint: shown to a share of the traffic, judged, and then let in or withdrawn.
public struct RolloutDefinition: Hashable, Sendable {
    public enum Strategy: String, Hashable, Sendable, CaseIterable {
        /// The challenger answers a growing share of the units.
        case canary
        /// The challenger computes beside the champion, whose answers are given.
        case shadow
        /// The challenger answers everything at once, and the former champion computes beside it.
        case blueGreen = "blue_green"
        /// Champion and challenger each answer a fixed share of the units until one is better.
        case ab
    }

    /// Who answers, and who only computes beside.
    public enum Exposure: Hashable, Sendable {
        /// The champion answers; of a share of the units the challenger computes too.
        case shadow
        /// The challenger answers a share of the units, the champion the others.
        case split
        /// The challenger answers; the champion computes too.
        case swap
    }

    public struct Step: Hashable, Sendable {
        public var exposure: Exposure
        /// Of the units: above 0, at most 1.
        public var share: Double

        public init(_ exposure: Exposure, share: Double) {
            self.exposure = exposure
            self.share = share
        }
    }

    /// What happens when time is up and the objective has not told the two apart.
    public enum Undecided: String, Hashable, Sendable, CaseIterable {
        case withdraw, promote, wait
    }

    /// What a challenger must not do whatever its objective; each is a bound that, once shown to be broken, withdraws it.
    public struct Guardrails: Hashable, Sendable {
        /// How many points more of its decisions may be the fallback's; nil to let it be.
        public var errors: Double?
        public var latency: Latency?
        public var fairness: Fairness?

        public struct Latency: Hashable, Sendable {
            /// A decision that took longer is slow.
            public var slowerThan: Timestamp.Span
            /// How many points more of its decisions may be slow.
            public var share: Double
        }

        public struct Fairness: Hashable, Sendable {
            /// The input whose values are the groups.
            public var field: String
            /// An output of at least this is a positive decision.
            public var threshold: Double
            /// How far the share of positive decisions of one group may be from that of all others.
            public var gap: Double
        }

        public static let none = Guardrails()
        /// How many are watched.
        public var count: Int { (errors == nil ? 0 : 1) + (latency == nil ? 0 : 1) + (fairness == nil ? 0 : 1) }
    }

    public let strategy: Strategy
    /// At least one; passed in their order.
    public let steps: [Step]
    /// The input that says who is who: equal values see the same version. Nil: each decision by itself.
    public let unit: String?
    /// What a decision is worth: a number over `outcome`, `output` and `inputs.…`; more is better.
    public let objective: CompiledExpression
    /// How long after its time a decision's outcome is known.
    public let matures: Timestamp.Span
    /// How much less than the champion the challenger may be worth, on average per decision.
    public let margin: Double
    /// The chance that a challenger which is worse by more than the margin is let in, or one that is not is withdrawn, over
    /// the whole rollout however often it is looked at; the guardrails together have it once more.
    public let errorRate: Double
    /// Units on either side before anything is concluded.
    public let minimumUnits: Int
    /// How long each step lasts at least.
    public let minimumTime: Timestamp.Span
    /// How long the rollout lasts at most.
    public let longest: Timestamp.Span
    public let undecided: Undecided
    public let guardrails: Guardrails
    /// Whether a second person must let it in.
    public let needsApproval: Bool

    /// Of the objective at each step: the steps share it.
    public var errorRateOfStep: Double { errorRate / Double(steps.count) }

    var canonical: CanonicalValue {
        .map([
            "strategy": .text(strategy.rawValue),
            "steps": .list(steps.map { .map(["exposure": .text($0.exposure.word), "share": .number($0.share)]) }),
            "unit": .optional(unit),
            "objective": .text(objective.canonicalText),
            "matures": .span(matures),
            "margin": .number(margin),
            "error_rate": .number(errorRate),
            "minimum": .map(["units": .integer(Int64(minimumUnits)), "time": .span(minimumTime)]),
            "longest": .span(longest),
            "undecided": .text(undecided.rawValue),
            "guardrails": .map([
                "errors": .optional(guardrails.errors),
                "latency": guardrails.latency.map { .map(["slower_than": .span($0.slowerThan), "share": .number($0.share)]) } ?? .none,
                "fairness": guardrails.fairness.map {
                    .map(["by": .text($0.field), "threshold": .number($0.threshold), "gap": .number($0.gap)])
                } ?? .none,
            ]),
            "approval": .bool(needsApproval),
        ])
    }

    /// Changes with anything that says how a rollout goes on; one that is under way ends when it does.
    public var hash: DefinitionHash { DefinitionHash(of: canonical) }
}

extension RolloutDefinition.Exposure {
    var word: String {
        switch self {
        case .shadow: "shadow"
        case .split: "split"
        case .swap: "swap"
        }
    }
}

extension RolloutDefinition.Step: CustomStringConvertible {
    /// `shadow 50%`, `10%`, `100%`
    public var description: String {
        let share = NodeValues.plain((self.share * 1e6).rounded() / 1e4) + "%"
        return exposure == .shadow ? "shadow \(share)" : share
    }
}
