import Foundation
import MartletNumerics
import Testing

@testable import MartletStatistics

@Suite("Looking at a rollout as often as one likes")
struct SequentialTests {
    typealias Arm = ClusteredComparison.Arm

    /// One decision of a simulated rollout; both arms alike unless `effect` is not 0.
    static func decision(_ kind: String, _ unitNumber: UInt64, _ random: inout SeededNumbers, share: Double, effect: Double = 0) -> (UInt64, Double, Arm) {
        // What a unit is, does not depend on when it comes.
        var unit = SeededNumbers(unitNumber &* 0xD134_2543_DE82_EF95)
        let arm: Arm = unit.uniform() < share ? .challenger : .champion
        let lift = arm == .challenger ? effect : 0
        switch kind {
        case "rate of 2 %": return (unitNumber, random.uniform() < 0.02 + lift ? 1 : 0, arm)
        case "lognormal": return (unitNumber, ElementaryFunctions.exp(2 * random.normal()) + lift, arm)
        case "money":
            // 0 for most, −5 for a false alarm, a heavy-tailed loss for one in fifty.
            if random.uniform() < 0.02 { return (unitNumber, -ElementaryFunctions.exp(4 + 1.2 * random.normal()) + lift, arm) }
            return (unitNumber, (random.uniform() < 0.02 ? -5 : 0) + lift, arm)
        case "unequal tails":
            // Equal means, but the challenger's losses are half as often and twice as large.
            let isRare = arm == .challenger
            return (unitNumber, random.uniform() < (isRare ? 0.02 : 0.04) ? (isRare ? -100 : -50) * (0.5 + random.uniform()) : 0, arm)
        case "correlated":
            return (unitNumber, ElementaryFunctions.exp(unit.normal()) * (1 + 0.5 * random.normal()) + lift, arm)
        default: return (unitNumber, random.normal() + lift, arm)
        }
    }

    /// How many of the experiments ever alarmed, by form, and how many ever spoke.
    static func alarms(_ kind: String, share: Double, experiments: Int, decisions: Int, effect: Double = 0, plan: ClusteredComparison.Plan)
        -> (twoSided: Int, better: Int, worse: Int, spoke: Int)
    {
        var counts = (twoSided: 0, better: 0, worse: 0, spoke: 0)
        for experiment in 0..<experiments {
            var random = SeededNumbers(UInt64(experiment) &* 7_919 &+ 13)
            var comparison = ClusteredComparison(plan: plan)
            var seen = (twoSided: false, better: false, worse: false, spoke: false)
            for number in 1...decisions {
                let unit = UInt64(experiment) << 32 + (kind == "correlated" ? random.next() % 2_500 : UInt64(number))
                let (name, value, arm) = decision(kind, unit, &random, share: share, effect: effect)
                comparison.add(unit: name, value: value, to: arm)
                if number % 100 == 0, let state = comparison.state, let interval = state.interval {
                    seen.spoke = true
                    seen.twoSided = seen.twoSided || interval.lower > effect || interval.upper < effect
                    seen.better = seen.better || state.isBetter(byMoreThan: effect)
                    seen.worse = seen.worse || state.isWorse(byMoreThan: -effect)
                }
            }
            counts.twoSided += seen.twoSided ? 1 : 0
            counts.better += seen.better ? 1 : 0
            counts.worse += seen.worse ? 1 : 0
            counts.spoke += seen.spoke ? 1 : 0
        }
        return counts
    }

    /// Of equal arms, with 40 looks each: 200, so that the other tests get their turn; the full 2,000 take some two minutes and are asked for
    /// by `MARTLET_EXPERIMENTS=2000`.
    static let experiments = ProcessInfo.processInfo.environment["MARTLET_EXPERIMENTS"].flatMap(Int.init) ?? 200

    /// At α = 0.05, 5 of 100 may alarm; three standard deviations of the binomial more are tolerated: 129 of 2,000.
    static let tolerated = Int(0.05 * Double(experiments) + 3 * (0.05 * 0.95 * Double(experiments)).squareRoot())

    @Test("equal arms alarm in at most 5 of 100 experiments, whatever the values", arguments: [
        ("rate of 2 %", 0.5), ("rate of 2 %", 0.1), ("lognormal", 0.5), ("lognormal", 0.1), ("money", 0.5), ("money", 0.1),
        ("correlated", 0.5), ("correlated", 0.1), ("normal", 0.5), ("unequal tails", 0.5), ("unequal tails", 0.1),
    ])
    func falseAlarms(kind: String, share: Double) {
        let plan = ClusteredComparison.Plan(tuning: 2_000)
        let found = Self.alarms(kind, share: share, experiments: Self.experiments, decisions: kind == "correlated" ? 8_000 : 4_000, plan: plan)
        print("false alarms of \(Self.experiments), \(kind), challenger's share \(share): \(found)")
        #expect(found.twoSided <= Self.tolerated && found.better <= Self.tolerated && found.worse <= Self.tolerated, "\(found)")
        // A comparison that never speaks would pass, too.
        #expect(found.spoke > Self.experiments / 3, "\(found)")
    }

    @Test("looking at a fixed-time interval as often would alarm far more: the simulation can fail")
    func canary() {
        var alarms = 0
        for experiment in 0..<300 {
            var random = SeededNumbers(UInt64(experiment) &* 7_919 &+ 13)
            var comparison = ClusteredComparison(plan: .init(tuning: 2_000))
            for number in 1...4_000 {
                let (unit, value, arm) = Self.decision("normal", UInt64(experiment) << 32 + UInt64(number), &random, share: 0.5)
                comparison.add(unit: unit, value: value, to: arm)
                if number % 100 == 0, let state = comparison.state, state.interval != nil, abs(state.difference) > 1.96 * state.standardError {
                    alarms += 1
                    break
                }
            }
        }
        #expect(alarms > 60, "\(alarms) of 300")
    }

    @Test("a true difference is seen about as soon as the formula says", arguments: [("normal", 0.5, 0.15), ("rate of 2 %", 0.5, 0.03)])
    func power(kind: String, share: Double, effect: Double) {
        let plan = ClusteredComparison.Plan(tuning: 2_000)
        // A rate of 2 and of 5 %: the wider of the two deviations counts.
        let deviation = kind == "normal" ? 1 : (0.05 * 0.95).squareRoot()
        let needed = plan.decisionsNeeded(effect: effect, standardDeviation: deviation, power: 0.8)
        let decisions = Int((needed / 100).rounded(.up)) * 100
        var seen = 0, atOnce = 0
        for experiment in 0..<300 {
            var random = SeededNumbers(UInt64(experiment) &* 31 &+ 5)
            var comparison = ClusteredComparison(plan: plan)
            for number in 1...decisions {
                let (unit, value, arm) = Self.decision(kind, UInt64(experiment) << 32 + UInt64(number), &random, share: share, effect: effect)
                comparison.add(unit: unit, value: value, to: arm)
                if number % 100 == 0, let interval = comparison.state?.interval, interval.lower > 0 {
                    seen += 1
                    if number == decisions { atOnce += 1 }
                    break
                }
            }
        }
        print("power at \(decisions) decisions, \(kind), effect \(effect): \(seen) of 300")
        #expect(seen > 216 && atOnce < seen, "\(seen) of 300")
        #expect(plan.decisionsNeeded(effect: effect / 2, standardDeviation: deviation) > 3.5 * needed)
        #expect(plan.decisionsNeeded(effect: effect, standardDeviation: deviation, challengerShare: 0.1) > needed)
        #expect(plan.decisionsNeeded(effect: 1e-30, standardDeviation: 1) == .infinity)
    }

    @Test("factors equal the paper's formulas")
    func factors() throws {
        for item in try GoldenDrift().sequences {
            let sequence = ConfidenceSequence(alpha: item.alpha, tuning: item.tuning)
            #expect(isNear(sequence.factor(at: item.time), item.two_sided, 1e-13))
            #expect(isNear(sequence.oneSidedFactor(at: item.time), item.one_sided, 1e-13))
        }
        // Narrowest in units of 1/√t about the tuning time.
        let sequence = ConfidenceSequence(alpha: 0.05, tuning: 1_000)
        #expect(sequence.factor(at: 1_000) < ConfidenceSequence(alpha: 0.05, tuning: 100).factor(at: 1_000))
        #expect(sequence.factor(at: 1_000) < ConfidenceSequence(alpha: 0.05, tuning: 10_000).factor(at: 1_000))
        #expect(sequence.factor(at: 0) == .infinity && sequence.oneSidedFactor(at: 0) == .infinity)
    }

    @Test("the estimate is the ratio's, with the delta method's variance over groups; too early says nothing")
    func estimate() throws {
        var comparison = ClusteredComparison(plan: .init(groups: 64, minimumUnits: 30, minimumSpread: 2))
        #expect(comparison.state == nil)
        var random = SeededNumbers(2)
        var sums: [Arm: (value: [Double], count: [Double])] = [:]
        for arm in Arm.allCases { sums[arm] = ([Double](repeating: 0, count: 64), [Double](repeating: 0, count: 64)) }
        for number in 0..<4_000 {
            let unit = UInt64(random.below(200)), arm: Arm = unit % 3 == 0 ? .challenger : .champion
            let value = random.normal() + Double(unit % 7)
            comparison.add(unit: unit, value: value, to: arm)
            let group = Int(SplitMix64.mixed(unit &+ 0x9E37_79B9_7F4A_7C15) % 64)
            sums[arm]?.value[group] += value
            sums[arm]?.count[group] += 1
            if number == 5 { #expect(comparison.state?.interval == nil && comparison.state?.isWorse() == false) }
        }
        var estimates: [Arm: (mean: Double, variance: Double, count: Double)] = [:]
        for (arm, (values, counts)) in sums {
            let total = counts.reduce(0, +), mean = values.reduce(0, +) / total
            let squares = zip(values, counts).reduce(0.0) { $0 + ($1.0 - mean * $1.1) * ($1.0 - mean * $1.1) }
            estimates[arm] = (mean, 64.0 / 63 * squares / total / total, total)
        }
        let state = try #require(comparison.state)
        let (a, b) = (try #require(estimates[.champion]), try #require(estimates[.challenger]))
        #expect(isNear(state.difference, b.mean - a.mean, 1e-10) && isNear(state.championMean, a.mean, 1e-12))
        let wider = max(a.variance * a.count, b.variance * b.count)
        #expect(isNear(state.standardError, (wider * (1 / a.count + 1 / b.count)).squareRoot(), 1e-10))
        #expect(comparison.unitCount(of: .champion) + comparison.unitCount(of: .challenger) == 200)
        let sequence = ConfidenceSequence(alpha: 0.05, tuning: 10_000)
        #expect(isNear(state.interval?.upper, state.difference + state.standardError * sequence.factor(at: 4_000), 1e-12))
        #expect(isNear(state.lowerBound, state.difference - state.standardError * sequence.oneSidedFactor(at: 4_000), 1e-12))
        comparison.add(unit: 1, value: .nan, to: .champion)
        #expect(comparison.skipped == 1 && comparison.state == state)
    }

    @Test("does not depend on the order of arrival or on splits")
    func merging() {
        var random = SeededNumbers(77)
        let decisions = (0..<6_000).map { _ in Self.decision("money", UInt64(random.below(900)), &random, share: 0.3) }
        var whole = ClusteredComparison()
        for (unit, value, arm) in decisions { whole.add(unit: unit, value: value, to: arm) }
        for _ in 0..<3 {
            var parts = [ClusteredComparison](repeating: ClusteredComparison(), count: 4)
            for (unit, value, arm) in decisions.shuffled(using: &random) { parts[random.below(4)].add(unit: unit, value: value, to: arm) }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                parts[0].merge(parts.removeLast())
            }
            #expect(parts[0] == whole && parts[0].state == whole.state)
        }
    }

    @Test("the sample ratio's Bayes factor equals SciPy's; the p-value only falls")
    func ratioFactor() throws {
        for item in try GoldenDrift().ratios {
            var test = SampleRatioTest(shares: item.shares)
            test.observe(item.counts)
            #expect(abs(test.logBayesFactor - item.log_bayes_factor) < 1e-8, "\(test.logBayesFactor) for \(item.log_bayes_factor)")
        }
        var test = SampleRatioTest(shares: [1, 1])
        test.observe([600, 400])
        let least = test.pValue
        #expect(least < 1e-4)
        test.observe([100_000, 100_000])
        #expect(test.pValue == least && SampleRatioTest(shares: [1, 1]).pValue == 1)
    }

    @Test("planned shares alarm in at most 5 of 100 experiments, a wrong share soon")
    func ratioAlarms() {
        func alarms(_ share: Double) -> (count: Int, units: Int) {
            var alarms = 0, units = 0
            for experiment in 0..<2_000 {
                var random = SeededNumbers(UInt64(experiment) &* 104_729 &+ 3)
                var test = SampleRatioTest(shares: [0.9, 0.1])
                var counts = [0, 0]
                for number in 1...5_000 {
                    counts[random.uniform() < share ? 1 : 0] += 1
                    if number % 50 == 0 {
                        test.observe(counts)
                        if test.pValue <= 0.05 {
                            alarms += 1
                            units += number
                            break
                        }
                    }
                }
            }
            return (alarms, units / max(alarms, 1))
        }
        let planned = alarms(0.1), wrong = alarms(0.13)
        print("sample ratio alarms of 2,000: \(planned.count) as planned; at 13 instead of 10 %: \(wrong.count), after \(wrong.units) units")
        #expect(planned.count <= 129)
        #expect(wrong.count > 1_900)
    }
}
