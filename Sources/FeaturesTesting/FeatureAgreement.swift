public import MartletFeatures
public import MartletFrames

/// Where an implementation and the oracle differ, on the smallest case that was found.
public struct FeatureDisagreement: Error, CustomStringConvertible {
    public var seed: UInt64
    /// How the changes were fed and the question asked.
    public var feeding: String
    public var question: FeatureCase.Question
    /// The feature's name in the plan.
    public var aggregation: String
    public var expected: Value
    /// Nil if there was no such row.
    public var found: Value?
    /// The shrunken case as a scenario, with the oracle's answer.
    public var scenario: String

    public var description: String {
        """
        seed \(seed), \(feeding): \(aggregation) is \(found?.described(withBits: true) ?? "not answered"), \
        the oracle says \(expected.described(withBits: true))
        \(scenario)
        """
    }
}

/// Runs one random case through an implementation and the oracle; throws at the first bit in which they differ.
///
/// ```swift
/// @Test(arguments: 0..<500 as Range<UInt64>) func agrees(seed: UInt64) throws {
///     try expectAgreement(engine: { try Engine($0) }, on: RandomFeatureCase(seed: seed))
/// }
/// ```
///
/// The changes are fed three ways: at once; in random batches, with questions in between; and in another order of
/// arrival. A disagreement is first shrunken to few records, by running the implementation some hundred times.
///
/// - Throws: ``FeatureDisagreement``, or what the implementation throws.
public func expectAgreement<Function: FeatureFunction>(
    engine make: @escaping (ViewPlan) throws -> Function, on random: RandomFeatureCase, shrinkingRuns: Int = 400
) throws {
    let comparison = Comparison(make: make, seed: random.seed)
    try comparison.expect(random.featureCase, shrinkingRuns: shrinkingRuns)
    let answers = comparison.oracleAnswers(random.askedOverEverything)
    let shuffled = random.arrivingInAnotherOrder(random.seed)
    try comparison.expect(shuffled, shrinkingRuns: shrinkingRuns)
    precondition(
        zip(answers, comparison.oracleAnswers(shuffled)).allSatisfy { zip($0, $1).allSatisfy { $0.isIdentical(to: $1) } },
        "the oracle depends on the order of arrival: seed \(random.seed)")
}

private struct Comparison<Function: FeatureFunction> {
    let make: (ViewPlan) throws -> Function
    let seed: UInt64

    struct Difference {
        var feeding: String
        var question: Int
        var aggregation: Int
        var expected: Value
        var found: Value?
    }

    func expect(_ featureCase: FeatureCase, shrinkingRuns: Int) throws {
        guard let difference = try firstDifference(featureCase) else { return }
        let (smallest, last) = try shrink(featureCase, difference, runs: shrinkingRuns)
        throw FeatureDisagreement(
            seed: seed, feeding: last.feeding, question: smallest.questions[last.question],
            aggregation: smallest.plan.aggregations[last.aggregation].name, expected: last.expected, found: last.found,
            scenario: smallest.scenarioText(title: "seed \(seed)", answers: oracleAnswers(smallest)))
    }

    func oracleAnswers(_ featureCase: FeatureCase) -> [[Value]] {
        var oracle = FeatureOracle(featureCase.plan)
        oracle.update(featureCase.log.batch(.min ..< .max))
        return featureCase.questions.indices.map { index in
            oracle.read(featureCase.batch([index])).map { $0[0] }
        }
    }

    func firstDifference(_ featureCase: FeatureCase) throws -> Difference? {
        let expected = oracleAnswers(featureCase)
        let log = featureCase.log
        let all = Array(featureCase.questions.indices)
        var random = SplitMix64(seed: seed)

        var whole = try make(featureCase.plan)
        try whole.update(log.batch(.min ..< .max))
        if let difference = try compare(&whole, featureCase, all, expected, "fed at once") { return difference }

        // Each record starts a batch with a chance of its own, so that there are batches of one and of many.
        var stepwise = try make(featureCase.plan)
        let chance = random.pick([3, 30, 100])
        let splits = featureCase.records.map(\.position).filter { _ in random.chance(chance) }.suffix(60)
        var start = Int64.min
        for end in splits + [.max] where end > start {
            try stepwise.update(log.batch(start..<end))
            start = end
            // A past cut is answered the same before and after later records came.
            let answerable = all.filter { featureCase.questions[$0].cut <= end }
            let asked = end == .max ? answerable : Array(answerable.shuffled(using: &random).prefix(2))
            if let difference = try compare(&stepwise, featureCase, asked, expected, "fed in batches, asked at \(end)") {
                return difference
            }
        }
        return nil
    }

    private func compare(
        _ function: inout Function, _ featureCase: FeatureCase, _ questions: [Int], _ expected: [[Value]], _ feeding: String
    ) throws -> Difference? {
        for batch in featureCase.batchableQuestions(questions) {
            let columns = try function.read(featureCase.batch(batch))
            for (row, question) in batch.enumerated() {
                for aggregation in featureCase.plan.aggregations.indices {
                    let value = expected[question][aggregation]
                    var found: Value?
                    if aggregation < columns.count, row < columns[aggregation].count,
                        columns[aggregation].type == featureCase.plan.aggregations[aggregation].resultType
                    { found = columns[aggregation][row] }
                    if found?.isIdentical(to: value) == true { continue }
                    return Difference(
                        feeding: feeding, question: question, aggregation: aggregation, expected: value, found: found)
                }
            }
        }
        return nil
    }

    /// Keeps one question and one aggregation if that is enough, then takes away records in ever smaller blocks.
    private func shrink(
        _ featureCase: FeatureCase, _ difference: Difference, runs: Int
    ) throws -> (FeatureCase, Difference) {
        var smallest = featureCase
        var last = difference
        var runs = runs
        func attempt(_ change: (inout FeatureCase) -> Void) -> Bool {
            guard runs > 0 else { return false }
            runs -= 1
            var candidate = smallest
            change(&candidate)
            // An implementation that throws on the smaller case fails in another way: keep the larger.
            guard let found = try? firstDifference(candidate) else { return false }
            smallest = candidate
            last = found
            return true
        }
        _ = attempt { $0.questions = [$0.questions[last.question]] }
        _ = attempt { $0.plan.aggregations = [$0.plan.aggregations[last.aggregation]] }
        // A rule for absent fields may be there for the filter alone.
        if smallest.plan.aggregations.allSatisfy({ $0.absent == nil }) { _ = attempt { $0.plan.filter = nil } }
        var block = smallest.records.count / 2
        while block > 0 {
            var start = 0
            while start < smallest.records.count {
                let end = min(start + block, smallest.records.count)
                if !attempt({ $0.records.removeSubrange(start..<end) }) { start = end }
            }
            block /= 2
        }
        return (smallest, last)
    }
}
