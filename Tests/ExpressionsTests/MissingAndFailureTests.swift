import MartletExpressions
import MartletFrames
import Testing

/// The rules of docs/reference/expressions.md, one line each: expression, value, failures counted.
@Suite struct MissingAndFailureTests {
    static let values: [String: Value] = [
        "amount": .float64(2), "count": .int64(3), "flag": .bool(true), "name": .string("a"), "number": .int64(0), "other": .missing,
        "flag2": .missing, "city": .missing, "then": .missing,
    ]

    @Test(
        "follows the rules of missing values and failures",
        arguments: [
            // Missing propagates and is no failure.
            ("amount + other", Value.missing, 0), ("other == other", .missing, 0), ("other in [1.0]", .missing, 0), ("!flag2", .missing, 0),
            ("size(city)", .missing, 0), ("then.getHours()", .missing, 0), ("max(amount, other)", .missing, 0), ("string(other)", .missing, 0),
            // Three-valued logic, in either order.
            ("flag2 && false", .bool(false), 0), ("false && flag2", .bool(false), 0), ("flag2 || true", .bool(true), 0),
            ("true || flag2", .bool(true), 0), ("flag2 && true", .missing, 0), ("flag2 || false", .missing, 0), ("flag2 && flag2", .missing, 0),
            // A choice takes its branch's value only.
            ("flag2 ? 1 : 2", .missing, 0), ("flag ? 1.0 : other", .float64(1), 0), ("flag ? other : 1.0", .missing, 0),
            ("has(other)", .bool(false), 0), ("has(amount)", .bool(true), 0), ("other.orValue(7)", .float64(7), 0), ("amount.orValue(7)", .float64(2), 0),
            ("other.orValue(other)", .missing, 0),
            // Failures are missing and counted.
            ("count / number", .missing, 1), ("count % number", .missing, 1), ("amount / 0", .missing, 1), ("0.0 / 0.0", .missing, 1),
            ("9223372036854775807 + count", .missing, 1), ("-9223372036854775808 / -1", .missing, 1), ("-9223372036854775808 % -1", .missing, 1),
            ("-(number - 9223372036854775807 - 1)", .missing, 1), ("abs(-9223372036854775808)", .missing, 1), ("1e308 * 10", .missing, 1),
            ("exp(1000)", .missing, 1), ("log(0)", .missing, 1), ("log(-1)", .missing, 1), ("sqrt(-1)", .missing, 1), ("pow(-8, 0.5)", .missing, 1),
            ("pow(0, -1)", .missing, 1), ("int(1e19)", .missing, 1), ("int('x')", .missing, 1), ("int('')", .missing, 1), ("double('1e999')", .missing, 1),
            ("double('nan')", .missing, 1), ("double(' 1')", .missing, 1), ("int('9223372036854775808')", .missing, 1),
            // A failure beside a missing value is a failure.
            ("amount / 0 + other", .missing, 1), ("other + amount / 0", .missing, 1), ("(amount / 0 > 1) && flag2", .missing, 1),
            // What does not decide is not counted.
            ("flag ? amount : amount / 0", .float64(2), 0), ("false && amount / 0 > 1", .bool(false), 0), ("amount / 0 > 1 && false", .bool(false), 0),
            ("true || amount / 0 > 1", .bool(true), 0), ("(amount / 0).orValue(0)", .float64(0), 0), ("has(amount / 0)", .bool(false), 0),
            ("flag ? amount / 0 : 1", .missing, 1), ("flag && amount / 0 > 1", .missing, 1),
        ])
    func rules(text: String, value: Value, failures: Int) throws {
        let result = try CompiledExpressionTests.evaluate(text, Self.values)
        #expect(result.value == value)
        #expect(result.failures == failures)
        #expect((result.reason != nil) == (failures > 0))
    }

    @Test(
        "names the reason and the part that failed",
        arguments: [
            ("1.0 + amount / 0", "division by zero in 'amount / 0'"), ("count % number", "division by zero in 'count % number'"),
            ("count + 9223372036854775807", "int64 overflow in 'count + 9223372036854775807'"), ("1e308 * 10", "float64 overflow in '1e+308 * 10'"),
            ("-9223372036854775808 / -1", "int64 overflow in '-9223372036854775808 / -1'"),
            ("int(name)", "a text that is no int64 in 'int(name)'"), ("log(amount - 2)", "a logarithm of a number that is not positive in 'log(amount - 2)'"),
        ])
    func reasons(text: String, reason: String) throws {
        #expect(try CompiledExpressionTests.evaluate(text, Self.values).reason == reason)
    }

    @Test("counts an input that is not finite as a failure", arguments: [Double.nan, .infinity, -.infinity])
    func notFinite(value: Double) throws {
        let result = try CompiledExpressionTests.evaluate("amount", ["amount": .float64(value)])
        #expect(result.value == .missing && result.failures == 1)
        #expect(result.reason == "a number that is not finite in 'amount'")
    }

    @Test("keeps more places of failure than a state byte holds")
    func manySites() throws {
        let text = (0..<300).map { "(amount / \($0 + 1).0)" }.joined(separator: " + ") + " + other + amount / 0"
        let expression = try CompiledExpression.compile(text, in: CompiledExpressionTests.scope, limits: .init(length: 1 << 16, depth: 1_000))
        let result = expression.evaluate([Column([.float64(1)], type: .float64), Column([.missing], type: .float64)], rowCount: 1)
        #expect(result.failureCount == 1)
        #expect(result.firstFailure?.reason == "an error in 'a part of the expression'")
    }

    @Test("evaluates no rows")
    func empty() throws {
        for text in ["amount", "1", "name", "flag", "'a'", "amount / 0"] {
            let expression = try CompiledExpression.compile(text, in: CompiledExpressionTests.scope)
            let columns = expression.referenceTypes.map { Column([], type: $0) }
            let result = expression.evaluate(columns, rowCount: 0)
            #expect(result.column.count == 0 && result.column.type == expression.type && result.failureCount == 0)
        }
    }

    @Test("uses the stream's zone where none is written, and knows late names and equal expressions")
    func zoneAndLate() throws {
        let brussels = try TimeZoneTable.named("Europe/Brussels")
        let noon = Value.timestamp(Timestamp(microseconds: 1_532_512_800_000_000))
        #expect(try CompiledExpressionTests.evaluate("tx_time.getHours()", ["tx_time": noon]).value == .int64(10))
        #expect(try CompiledExpressionTests.evaluate("tx_time.getHours()", ["tx_time": noon], zone: brussels).value == .int64(12))
        #expect(try CompiledExpressionTests.evaluate("tx_time.getHours('+05:30')", ["tx_time": noon], zone: brussels).value == .int64(15))
        let late = try CompiledExpression.compile("flag && is_late", in: CompiledExpressionTests.scope)
        #expect(CompiledExpressionTests.scope.lateNames(in: late).map(\.name) == ["is_late"])
        let same = try CompiledExpression.compile(" flag&&( is_late )// note", in: CompiledExpressionTests.scope)
        #expect(same == late && same.hashValue == late.hashValue && same.canonicalText == "flag && is_late")
        #expect(try CompiledExpression.compile("is_late && flag", in: CompiledExpressionTests.scope) != late)
        #expect(try CompiledExpression.compile("1", in: .init([]), expecting: .float64).type == .float64)
        #expect(try CompiledExpression.compile("1", in: .init([]), expecting: .float64) != CompiledExpression.compile("1", in: .init([])))
    }
}
