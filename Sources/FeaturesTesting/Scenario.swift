public import MartletFeatures
public import MartletFrames

/// A view, a log, questions and their answers, written down as text that a data scientist can read and extend.
///
/// ```
/// scenario the far edge is seen, the near edge is not
/// entity customer string
/// time at
/// field amount float64
/// feature n = count over 10s
/// feature total = sum of amount over 10s
///
/// event a at=0s  customer=ann amount=1.5
/// event b at=10s customer=ann amount=2.0
/// ask customer=ann t=10s -> n=1 total=1.5
/// ```
///
/// One statement a line; `#` starts a comment. All fields are optional but the time.
///
/// - `scenario TITLE` starts one; without a view of its own it has the view of the one before.
/// - `entity NAME TYPE` (one line a key), `time NAME`, `field NAME TYPE`, `where EXPRESSION`, and
///   `feature NAME = FUNCTION [of EXPRESSION] over LENGTH [offset LENGTH] [absent FIELD=VALUE after LENGTH]`.
/// - Records: `event KEY`, `correction KEY` (a whole new row), `outcome KEY` (only the fields it fills), `retraction KEY`;
///   then `FIELD=VALUE …`, and where wanted `known=TIME` (else the row's event time) and `payload=LABEL`. The first
///   record has position 0, each next one more. Keys and payloads order as their texts; `-` is no key.
/// - `ask KEY=VALUE … t=TIME [cut=POSITION] [as_known] [own=KEY] -> FEATURE=VALUE …`; without a cut all records count.
///
/// Values: `missing`, numbers, `true`, bare or quoted text, and times as ``ScenarioTime`` says.
public struct Scenario: Sendable {
    public var title: String
    /// The line on which it starts.
    public var line: Int
    public var featureCase: FeatureCase
    /// What each question must answer, by the feature's index; features that are not named may have any value.
    public var expectations: [Expectation]

    public struct Expectation: Sendable {
        public var line: Int
        public var values: [(aggregation: Int, value: Value)]
    }
}

/// A scenario whose answers differ from what it says.
public struct ScenarioFailure: Error, CustomStringConvertible {
    public var description: String
}

extension Scenario {
    /// Asks everything of new instances: after one batch, after a batch a record, and after only the records of the cut.
    ///
    /// - Throws: ``ScenarioFailure`` that lists every difference, or what the implementation throws.
    public func verify<Function: FeatureFunction>(_ make: (ViewPlan) throws -> Function) throws {
        let log = featureCase.log
        let positions = featureCase.records.map(\.position)
        var failures: [String] = []
        for (feeding, splits) in [("in one batch", []), ("record by record", positions)] {
            var function = try make(featureCase.plan)
            for batch in log.batches(splitAt: splits) { try function.update(batch) }
            for index in expectations.indices {
                try compare(index, function.read(featureCase.batch([index])), "fed \(feeding)", &failures)
            }
        }
        for index in expectations.indices where featureCase.questions[index].cut < .max {
            var function = try make(featureCase.plan)
            try function.update(log.batch(.min ..< featureCase.questions[index].cut))
            try compare(index, function.read(featureCase.batch([index])), "fed up to the cut", &failures)
        }
        if !failures.isEmpty {
            let lines = failures.map { "\n  " + $0 }.joined()
            throw ScenarioFailure(description: "scenario '\(title)' (line \(line)):\(lines)")
        }
    }

    private func compare(_ index: Int, _ answer: [Column], _ how: String, _ failures: inout [String]) {
        for (aggregation, expected) in expectations[index].values {
            let name = featureCase.plan.aggregations[aggregation].name
            let found = aggregation < answer.count && answer[aggregation].count == 1 ? answer[aggregation][0] : nil
            if let found, found.isIdentical(to: expected) { continue }
            failures.append("line \(expectations[index].line), \(how): \(name) is "
                + "\(found?.described(withBits: true) ?? "not answered"), expected \(expected.described(withBits: true))")
        }
    }
}
