import MartletFeatures
import MartletFrames
import Testing

@testable import MartletFeaturesTesting

@Suite("Scenarios")
struct ScenarioTests {
    @Test("the oracle answers every scenario as written") func oracleAnswersEveryScenario() throws {
        let scenarios = try allScenarios()
        #expect(scenarios.count >= 60)
        #expect(Set(scenarios.map(\.scenario.title)).count == scenarios.count, "two scenarios have one title")
        for (file, scenario) in scenarios {
            do {
                try scenario.verify { FeatureOracle($0) }
            } catch {
                Issue.record("\(file): \(error)")
            }
        }
    }

    private static let text = """
        scenario one event
        entity k string
        time at
        field x float64
        feature total = sum of x over 10s
        event a at=1s k=ann x=0.1
        """

    @Test("a wrong expectation fails, with line, value and bits") func wrongExpectationFails() throws {
        let scenario = try #require(
            try Scenario.parse(Self.text + "\nask k=ann t=2s -> total=0.2\n").first)
        let failure = #expect(throws: ScenarioFailure.self) { try scenario.verify { FeatureOracle($0) } }
        #expect(failure?.description == """
            scenario 'one event' (line 1):
              line 7, fed in one batch: total is 0.1 (bits 0x3fb999999999999a), expected 0.2 (bits 0x3fc999999999999a)
              line 7, fed record by record: total is 0.1 (bits 0x3fb999999999999a), expected 0.2 (bits 0x3fc999999999999a)
            """)
    }

    @Test("a zero of the other sign fails") func negativeZeroIsNotZero() throws {
        let scenario = try #require(
            try Scenario.parse(Self.text + "\nask k=bob t=2s -> total=-0.0\n").first)
        #expect(throws: ScenarioFailure.self) { try scenario.verify { FeatureOracle($0) } }
    }

    @Test("what cannot be read is refused with its line", arguments: [
        ("ask k=ann t=2s total=1.0", "line 7: expected 'ask … -> FEATURE=VALUE …'"),
        ("ask k=ann -> total=1.0", "line 7: a question has 't=TIME'"),
        ("ask k=ann t=soon -> total=1.0", "line 7: 'soon' is no time"),
        ("ask k=ann t=2s -> mean=1.0", "line 7: 'mean=1.0' is no feature and value"),
        ("ask k=ann t=2s -> total=one", "line 7: 'total=one' is no feature and value"),
        ("event b at=1s y=2.0", "line 7: no field 'y' here"),
        ("event b k=ann", "line 7: 'at' is missing"),
        ("retraction a", "line 7: when was this known? write 'known=TIME'"),
        ("entity other string", "line 7: the view stands before records and questions"),
        ("even b at=1s", "line 7: 'even' is no statement"),
        ("event b k=\"ann", "line 7: a quote is not closed"),
        ("", "line 7: scenario 'one event' asks nothing"),
    ])
    func refusesWithLine(line: String, message: String) {
        let error = #expect(throws: ScenarioSyntaxError.self) {
            _ = try Scenario.parse(Self.text + "\n" + line)
        }
        #expect(error?.description == message)
    }

    @Test("times are read as written, and back", arguments: [
        ("10s", 10_000_000), ("1h-1us", 3_599_999_999), ("-5s", -5_000_000), ("0s", 0),
        ("1970-01-02T00:00:00Z", 86_400_000_000), ("1969-12-31T23:59:59Z+1us", -999_999),
        ("9223372036854775807us", Int64.max), ("-9223372036854775808us", .min),
    ] as [(String, Int64)])
    func readsTimes(text: String, microseconds: Int64) {
        #expect(ScenarioTime.microseconds(text[...]) == microseconds)
        #expect(ScenarioTime.microseconds(ScenarioTime.text(microseconds)[...]) == microseconds)
    }

    @Test("texts that are no times are refused", arguments: ["", "5", "s", "5 s", "1h-", "9223372036854775808us", "Z", "1970-13-01T00:00:00Z"])
    func refusesTimes(text: String) {
        #expect(ScenarioTime.microseconds(text[...]) == nil)
    }
}
