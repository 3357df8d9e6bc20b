import MartletFeatures
import MartletFeaturesTesting
import MartletFrames
import Testing

/// The two readers of features, each by itself, so that a mistake in the engine is seen to fail both.
///
/// `Scripts/mutate-features.py` plants mistakes and runs the two suites apart; `mutations.md` has the table.
private enum Reading {
    /// Folded as records come, and asked as of the newest cut, as a prediction is answered. A question about a past cut is
    /// asked when the log ends there. It is never asked what was known: live, all that is folded is known.
    case live
    /// Folded to its end, then asked about the past: as of a cut, or as known then.
    case trainingSet

    /// How many records are folded at a time: what was committed together, or a page of the log.
    var pages: [Int] { self == .live ? [1, 3] : [5, .max] }

    func includes(_ question: FeatureCase.Question) -> Bool {
        self == .trainingSet || !question.asKnown
    }

    /// The answers to questions, in their order; nil to one that is not asked here.
    func answers<Function: FeatureFunction>(
        _ featureCase: FeatureCase, page: Int, _ make: (ViewPlan) throws -> Function
    ) throws -> [[Value]?] {
        let log = featureCase.log
        let pageEnds = featureCase.records.indices.filter { $0 % page == page - 1 }.map { featureCase.records[$0].position + 1 }
        var answers = [[Value]?](repeating: nil, count: featureCase.questions.count)
        var function = try make(featureCase.plan)
        switch self {
        case .trainingSet:
            for changes in log.batches(splitAt: pageEnds) { try function.update(changes) }
            for batch in featureCase.batchableQuestions(Array(featureCase.questions.indices)) {
                let columns = try function.read(featureCase.batch(batch))
                for (row, index) in batch.enumerated() { answers[index] = columns.map { $0[row] } }
            }
        case .live:
            // Commit by commit one state grows and is read in between; by pages each cut has its own, lest it ends a page.
            let cuts = Set(featureCase.questions.map(\.cut)).sorted()
            for group in page == 1 ? [cuts] : cuts.map({ [$0] }) {
                function = try make(featureCase.plan)
                var start = Int64.min
                for end in Set(group).union(pageEnds).sorted() where end <= group.last ?? .min {
                    try function.update(log.batch(start..<end))
                    start = end
                    for (index, question) in featureCase.questions.enumerated() where question.cut == end && includes(question) {
                        answers[index] = try function.read(featureCase.batch([index])).map { $0[0] }
                    }
                }
            }
        }
        return answers
    }

    func expectScenarios() throws {
        var asked = 0
        for (scenario, page) in try allScenarios().flatMap({ scenario in pages.map { (scenario, $0) } }) {
            let answers = try answers(scenario.featureCase, page: page) { Engine($0, .live) }
            for (index, expectation) in scenario.expectations.enumerated() {
                guard let answer = answers[index] else { continue }
                asked += 1
                for (aggregation, value) in expectation.values {
                    #expect(isIdentical(answer[aggregation], value), "'\(scenario.title)', line \(expectation.line)")
                }
            }
        }
        #expect(asked > 100)
    }

    /// `MARTLET_SEEDS` raises the number of seeds.
    func expectRandomCases() throws {
        for (size, seeds) in [(RandomFeatureCase.Size.tiny, 400), (.small, 150)] {
            for seed in 0..<UInt64(seeds * seedFactor) {
                let featureCase = try RandomFeatureCase(seed: seed, size: size, compile: compile).featureCase
                let found = try answers(featureCase, page: pages[Int(seed) % pages.count]) { Engine($0, .live) }
                let expected = try Reading.trainingSet.answers(featureCase, page: .max) { FeatureOracle($0) }
                for index in found.indices {
                    guard let answer = found[index], let right = expected[index] else { continue }
                    guard zip(answer, right).allSatisfy({ isIdentical($0, $1) }) else {
                        Issue.record("size \(size), seed \(seed), question \(index): \(answer), the oracle says \(right)")
                        return
                    }
                }
            }
        }
    }
}

private func isIdentical(_ left: Value, _ right: Value) -> Bool {
    if case .float64(let left) = left, case .float64(let right) = right { return left.bitPattern == right.bitPattern }
    if case .string(let left) = left, case .string(let right) = right { return left.utf8.elementsEqual(right.utf8) }
    return left == right
}

@Suite("Live reads")
struct LiveReadTests {
    @Test("answer every scenario that can be asked live")
    func scenarios() throws { try Reading.live.expectScenarios() }

    @Test("agree with the oracle bit for bit on random cases")
    func randomCases() throws { try Reading.live.expectRandomCases() }
}

@Suite("Training-set reads")
struct TrainingSetReadTests {
    @Test("answer every scenario")
    func scenarios() throws { try Reading.trainingSet.expectScenarios() }

    @Test("agree with the oracle bit for bit on random cases")
    func randomCases() throws { try Reading.trainingSet.expectRandomCases() }
}
