import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// Which of an endpoint's decisions go to a person, and how many may wait.
public struct ReviewDefinition: Hashable, Sendable {
    /// Over `output` and `inputs.…`: the decisions that are not sure; nil for none. Missing is false.
    public var condition: CompiledExpression?
    /// The share of all decisions that is reviewed whatever their score; 0 for none.
    public var explore: Double
    /// How many may be open at a time. What does not fit is counted.
    public var limit: Int
    /// How long after it was made a decision may wait for a person.
    public var expire: Timestamp.Span
    /// How long a person may hold one.
    public var claim: Timestamp.Span

    public init(
        condition: CompiledExpression? = nil, explore: Double = 0, limit: Int = 1_000, expire: Timestamp.Span = .days(14),
        claim: Timestamp.Span = .minutes(30)
    ) {
        self.condition = condition
        self.explore = explore
        self.limit = limit
        self.expire = expire
        self.claim = claim
    }

    /// What a condition calls the decision's output: of a task with labels, the probability of the most probable one.
    public static let output = "output"
    /// What the names of inputs begin with.
    public static let inputPrefix = "inputs."

    /// Whether a decision is among those that are reviewed whatever their score.
    ///
    /// A function of its id alone, so that it can be told again at any time, and nobody can choose.
    ///
    /// - Parameters:
    ///   - key: the 128 bits of the prediction's id.
    ///   - share: what is explored at the time where that is more than ``explore``: whoever is among a share is among a greater one.
    public func explores(_ key: Fingerprint, raisedTo share: Double = 0) -> Bool {
        let share = max(explore, share)
        guard share > 0 else { return false }
        return Double(Self.mixed(Self.mixed(key.high) ^ key.low) >> 11) / 9_007_199_254_740_992 < share
    }

    /// Source: the finalizer of SplitMix64, see `SplitMix64.swift`.
    private static func mixed(_ word: UInt64) -> UInt64 {
        var bits = word &+ 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }

    var canonical: CanonicalValue {
        .map([
            "when": .optional(condition?.canonicalText), "explore": .number(explore), "limit": .integer(Int64(limit)),
            "expire": .span(expire), "claim": .span(claim),
        ])
    }
}
