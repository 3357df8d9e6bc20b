import MartletExpressions
import MartletFrames
import Testing

@Suite struct CompiledExpressionTests {
    static let scope = ExpressionScope([
        .init("amount", .float64), .init("other", .float64), .init("count", .int64), .init("number", .int64), .init("flag", .bool),
        .init("flag2", .bool), .init("name", .string), .init("city", .string), .init("tx_time", .timestamp),
        .init("then", .timestamp), .init("customer.mean_amount_30d", .float64), .init("is_late", .bool, isLate: true),
    ])

    /// One row: the values in the order of the scope.
    static func evaluate(
        _ text: String, _ values: [String: Value] = [:], zone: TimeZoneTable = .utc, expecting: ValueType? = nil
    ) throws -> (value: Value, failures: Int, reason: String?) {
        let scope = ExpressionScope(scope.names, timeZone: zone)
        let expression = try CompiledExpression.compile(text, in: scope, expecting: expecting)
        let columns = zip(expression.references, expression.referenceTypes).map {
            Column([values[$0] ?? .missing], type: $1)
        }
        let result = expression.evaluate(columns, rowCount: 1)
        return (result.column[0], result.failureCount, result.firstFailure?.reason)
    }

    @Test("evaluates a ratio of two columns, with missing values and failures apart")
    func ratio() throws {
        let expression = try CompiledExpression.compile("amount / (customer.mean_amount_30d + 1.0)", in: Self.scope)
        #expect(expression.type == .float64)
        #expect(expression.references == ["amount", "customer.mean_amount_30d"])
        #expect(expression.canonicalText == "amount / (customer.mean_amount_30d + 1.0)")
        let amount = Column([.float64(3), .float64(4), .missing, .float64(1)], type: .float64)
        let mean = Column([.float64(0.5), .float64(-1), .float64(1), .missing], type: .float64)
        let result = expression.evaluate([amount, mean], rowCount: 4)
        #expect((0..<4).map { result.column[$0] } == [.float64(2), .missing, .missing, .missing])
        #expect(result.failureCount == 1)
        #expect(result.firstFailure?.row == 1)
        #expect(result.firstFailure?.reason == "division by zero in 'amount / (customer.mean_amount_30d + 1.0)'")
    }

    @Test(
        "evaluates one row of literals",
        arguments: [
            ("1 + 2 * 3", Value.int64(7)), ("(1 + 2) * 3", .int64(9)), ("-7 / 2", .int64(-3)), ("-7 % 3", .int64(-1)),
            ("7.0 / 2", .float64(3.5)), ("2 > 1 ? 1 : 2.5", .float64(1)), ("1 in [1, 2]", .bool(true)), ("1.5 in [1, 2]", .bool(false)),
            ("'a' in ['b', \"a\"]", .bool(true)), ("!true || true && false", .bool(false)), ("'ab' < 'b'", .bool(true)),
            ("size('žluť')", .int64(4)), ("'Abc'.lowerAscii() + 'x'.upperAscii()", .string("abcX")), ("'abc'.startsWith('ab')", .bool(true)),
            ("'abc'.endsWith('bc')", .bool(true)), ("'abc'.contains('d')", .bool(false)), ("abs(-3)", .int64(3)), ("abs(-3.5)", .float64(3.5)),
            ("min(3, 1, 2)", .int64(1)), ("max(3, 1.5)", .float64(3)), ("floor(-1.5)", .float64(-2)), ("ceil(-1.5)", .float64(-1)),
            ("round(-2.5)", .float64(-3)), ("sqrt(2)", .float64(2.0.squareRoot())), ("exp(0.0)", .float64(1)), ("log(1)", .float64(0)),
            ("pow(2, 10)", .float64(1024)), ("sin(0.0)", .float64(0)), ("cos(0.0)", .float64(1)), ("int(-2.9)", .int64(-2)),
            ("int('12')", .int64(12)), ("double('1.5e3')", .float64(1500)), ("double(3)", .float64(3)), ("string(1.5)", .string("1.5")),
            ("string(3) + string(true)", .string("3true")), ("string(duration('90m'))", .string("90m")),
            ("string(timestamp('2018-07-25T06:00:00Z'))", .string("2018-07-25T06:00:00Z")),
            ("timestamp('2018-07-25T06:00:00+02:00').getHours()", .int64(4)), ("int(timestamp('1969-12-31T23:59:59.5Z'))", .int64(-1)),
            ("(timestamp('2018-07-25T06:00:00Z') - timestamp('2018-07-24T05:00:00Z')).getHours()", .int64(25)),
            ("duration('1h') + duration('30m') == duration('90m')", .bool(true)), ("duration('-90s').getMinutes()", .int64(-1)),
            ("timestamp('2018-07-25T06:00:00Z') + duration('1d') > timestamp('2018-07-26T05:59:59Z')", .bool(true)),
            ("timestamp('2018-01-01T00:30:00Z').getFullYear('America/New_York')", .int64(2017)),
            ("timestamp('2018-07-22T00:30:00Z').getDayOfWeek()", .int64(0)), ("timestamp('2018-03-01T00:00:00Z').getDayOfYear()", .int64(59)),
            ("timestamp('2018-03-01T00:00:00Z').getMonth()", .int64(2)), ("timestamp('2018-03-01T00:00:00Z').getDate()", .int64(1)),
            ("timestamp('2018-03-01T00:00:00Z').getDayOfMonth()", .int64(0)), ("timestamp('2018-03-01T01:02:03.456Z').getMilliseconds()", .int64(456)),
            ("timestamp('2018-03-01T01:02:03.456Z').getMinutes() * 100 + timestamp('2018-03-01T01:02:03Z').getSeconds()", .int64(203)),
            ("'\\u017e\\n\\x41\\101' + r'\\n'", .string("ž\nAA\\n")), ("0x10", .int64(16)), ("-9223372036854775808", .int64(.min)),
            (".5 + 1e2", .float64(100.5)), ("true < false", .bool(false)), ("has(1)", .bool(true)),
        ])
    func literals(text: String, expected: Value) throws {
        let result = try Self.evaluate(text)
        #expect(result.value == expected)
        #expect(result.failures == 0)
    }
}
