internal import MartletFrames
internal import MartletNumerics
internal import MartletStatistics

/// Folds the decisions of one step of a rollout into what they show. Bounded in memory, whatever the traffic.
///
/// Two readings of the same decisions come in: each as soon as it is recorded (who answered, how fast, whether the fallback did), and
/// once more when its outcome must have come (what it was worth).
package struct RolloutJudge: Sendable {
    package enum Side: Int, Hashable, Sendable {
        case champion, challenger
    }

    private let definition: RolloutDefinition
    private let step: RolloutDefinition.Step
    private let guardRate: Double
    private var sides = [RolloutEvidence.Side(), RolloutEvidence.Side()]
    private var sums = [CompensatedMean(), CompensatedMean()]
    private var units = [UnitSet(), UnitSet()]
    private var objective: ClusteredComparison
    private var errors: ClusteredComparison
    private var slow: ClusteredComparison
    /// Of the challenger's decisions: those of the group against all others, by the order in which groups were seen.
    private var groups: [(name: String, comparison: ClusteredComparison)] = []

    /// Groups that are watched; decisions for others count among the others of each.
    package static let groupLimit = 20

    package init(_ definition: RolloutDefinition, step: Int) {
        self.definition = definition
        self.step = definition.steps[min(step, definition.steps.count - 1)]
        // The steps share the rate, the guardrails have it once more, and so have the groups of one guardrail what is its.
        guardRate = definition.errorRateOfStep / Double(max(1, definition.guardrails.count))
        objective = Self.comparison(definition.errorRateOfStep, definition)
        errors = Self.comparison(guardRate, definition)
        slow = errors
    }

    private static func comparison(_ errorRate: Double, _ definition: RolloutDefinition) -> ClusteredComparison {
        ClusteredComparison(plan: .init(alpha: min(errorRate, 0.4), minimumUnits: definition.minimumUnits))
    }

    // MARK: - What comes in

    /// A decision as it was recorded.
    ///
    /// - Parameters:
    ///   - unit: stands for the unit, one for whom equal numbers mean equal units.
    ///   - latency: microseconds.
    ///   - output: nil where there is none, or it is no single number.
    ///   - group: of the fairness guardrail; nil where it is missing.
    package mutating func add(_ side: Side, unit: UInt64, isDegraded: Bool, latency: Int64, output: Double?, group: String?) {
        sides[side.rawValue].decisions += 1
        units[side.rawValue].insert(unit)
        if definition.guardrails.errors != nil { errors.add(unit: unit, value: isDegraded ? 1 : 0, to: side.arm) }
        if let bound = definition.guardrails.latency {
            slow.add(unit: unit, value: latency > bound.slowerThan.microseconds ? 1 : 0, to: side.arm)
        }
        if side == .challenger, let fairness = definition.guardrails.fairness, !isDegraded, let output, let group {
            add(group, unit: unit, isPositive: output >= fairness.threshold)
        }
    }

    private mutating func add(_ group: String, unit: UInt64, isPositive: Bool) {
        if !groups.contains(where: { $0.name == group }) {
            // The decisions for others before it was seen are not in its comparison, nor are those of the group: there were none.
            if groups.count < Self.groupLimit {
                groups.append((group, Self.comparison(guardRate / Double(Self.groupLimit), definition)))
            }
        }
        for index in groups.indices {
            groups[index].comparison.add(unit: unit, value: isPositive ? 1 : 0, to: groups[index].name == group ? .challenger : .champion)
        }
    }

    /// What a decision was worth, once its outcome must have come; nil if it cannot be told.
    package mutating func add(_ side: Side, unit: UInt64, worth: Double?) {
        guard let worth else {
            sides[side.rawValue].withoutOutcome += 1
            return
        }
        sides[side.rawValue].judged += 1
        sums[side.rawValue].add(worth)
        if step.exposure == .split { objective.add(unit: unit, value: worth, to: side.arm) }
    }

    /// What one decision was worth by either version, where both computed for it.
    package mutating func add(unit: UInt64, champion: Double?, challenger: Double?) {
        add(.champion, unit: unit, worth: champion)
        add(.challenger, unit: unit, worth: challenger)
        guard let champion, let challenger else { return }
        objective.add(unit: unit, value: challenger - champion, to: .challenger)
    }

    // MARK: - What it shows

    package var evidence: RolloutEvidence {
        var evidence = RolloutEvidence()
        evidence.champion = side(.champion)
        evidence.challenger = side(.challenger)
        evidence.difference = Self.bounds(step.exposure == .split ? objective.state : objective.stateOfChallenger)
        if step.exposure == .split {
            var test = SampleRatioTest(shares: [1 - step.share, step.share])
            test.observe(units.map(\.count))
            evidence.sampleRatio = test.pValue
        }
        let watched = definition.guardrails
        if let limit = watched.errors {
            evidence.guardrails.append(.init(name: "errors", limit: limit, bounds: Self.bounds(errors.state)))
        }
        if let latency = watched.latency {
            evidence.guardrails.append(.init(name: "latency", limit: latency.share, bounds: Self.bounds(slow.state)))
        }
        if let fairness = watched.fairness {
            for group in groups {
                evidence.guardrails.append(
                    .init(
                        name: "fairness of \(group.name)", limit: fairness.gap,
                        bounds: Self.bounds(group.comparison.state).map(Self.magnitude)))
            }
        }
        return evidence
    }

    private func side(_ side: Side) -> RolloutEvidence.Side {
        var shown = sides[side.rawValue]
        shown.units = units[side.rawValue].count
        shown.mean = sums[side.rawValue].mean
        return shown
    }

    private static func bounds(_ state: ClusteredComparison.State?) -> RolloutEvidence.Bounds? {
        state?.interval.map { .init(low: $0.lower, estimate: $0.estimate, high: $0.upper) }
    }

    /// Bounds of a gap whichever side it is on.
    private static func magnitude(_ bounds: RolloutEvidence.Bounds) -> RolloutEvidence.Bounds {
        let low = bounds.low > 0 ? bounds.low : bounds.high < 0 ? -bounds.high : 0
        return .init(low: low, estimate: bounds.estimate.magnitude, high: max(bounds.low.magnitude, bounds.high.magnitude))
    }
}

extension RolloutJudge.Side {
    fileprivate var arm: ClusteredComparison.Arm { self == .champion ? .champion : .challenger }
}

/// The units of one side, counted once each, up to a limit: those that come after it are passed over on either side alike.
private struct UnitSet: Sendable {
    private var seen: Set<UInt64> = []
    static let limit = 1 << 18

    var count: Int { seen.count }

    mutating func insert(_ unit: UInt64) {
        if seen.count < Self.limit { seen.insert(unit) }
    }
}

/// A running mean with a compensated sum.
private struct CompensatedMean: Sendable {
    private var sum = CompensatedSum()
    private var count = 0

    mutating func add(_ value: Double) {
        sum.add(value)
        count += 1
    }

    var mean: Double? { count == 0 ? nil : sum.value / Double(count) }
}
