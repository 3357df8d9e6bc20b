import MartletExpressions
import MartletFrames
import Testing

/// One test a row of "Where it differs from CEL" in docs/reference/expressions.md that no other suite covers.
@Suite struct DeviationTests {
    @Test(
        "refuses what CEL has and this language has not",
        arguments: [
            "b'x'", "1u", "null", "[1]", "{'a': 1}", "name.matches('a')", "[1].all(x, x > 0)", "type(1)", "dyn(1)", "math.least(1, 2)",
            "count == amount", "count < amount", "timestamp(name)", "duration(name)", "duration('1h30m')", "duration('1.5h')",
            "timestamp('2018-07-25T06:00:00.1234567Z')", "count in count", "tx_time.getHours(city)", "name[0]", "uint(1)", "bool('true')",
        ])
    func refused(text: String) {
        #expect(throws: ExpressionError.self) { try CompiledExpression.compile(text, in: CompiledExpressionTests.scope) }
    }

    @Test(
        "gives its own result",
        arguments: [
            ("amount > 1", Value.bool(true)), ("1 / 2.0", .float64(0.5)), ("amount / 0.0", .missing), ("-amount / 0", .missing), ("has(amount + 1)", .bool(true)),
            ("other.orValue(1)", .float64(1)), ("other == other", .missing), ("duration('1d') == duration('24h')", .bool(true)),
            ("string(duration('5400s'))", .string("90m")), ("int(-9223372036854775808.0)", .int64(.min)), ("r'\\n'.size()", .int64(2)),
            ("min(duration('1h'), duration('90m')) == duration('1h')", .bool(true)),
        ])
    func results(text: String, expected: Value) throws {
        #expect(try CompiledExpressionTests.evaluate(text, ["amount": .float64(2)]).value == expected)
    }
}
