import MartletExpressions
import MartletFrames
import Testing

@Suite struct ExpressionErrorTests {
    @Test(
        "says where, what was found and what to do",
        arguments: [
            ("amout + 1.0", "1:1: nothing is named 'amout'; did you mean 'amount'?"),
            ("amount.currency > 1", "1:1: 'amount' is float64 and has no fields, but 'amount.currency' was read; a method is called with parentheses"),
            ("1 +\n  zzz", "2:3: nothing is named 'zzz'; names here: amount, other, count, number, flag, flag2, name, city, tx_time, then, customer.mean_amount_30d, is_late"),
            ("1 +", "1:4: the end of the expression was found where a value was expected"),
            ("(1 + 2", "1:7: the end of the expression was found where ')' was expected"),
            ("flag and flag2", "1:6: 'and' was found where an operator or the end was expected; 'and' is written '&&'"),
            ("amount = 1.0", "1:8: '=' was found, which begins no name, number, text or operator; equality is written '=='"),
            ("'abc", "1:1: the text that begins here has no closing quote"),
            ("'\\q'", "1:2: '\\q' is no escape; a backslash is written '\\\\'"),
            ("7d", "1:2: 'd' follows the number 7; a length of time is written duration(\"7d\")"),
            ("1u", "1:2: 'u' follows the number 1; unsigned numbers are not supported"),
            ("9223372036854775808", "1:1: 9223372036854775808 does not fit in an int64"),
            ("1e999", "1:1: 1e999 is too large for a float64"),
            ("null == 1", "1:1: null is not a value here; ask has(x), or replace with x.orValue(v)"),
            ("count * amount", "1:7: the sides of '*' differ in type: int64 and float64; write double(count)"),
            ("count / 2 > amount", "1:11: the sides of '>' differ in type: int64 and float64; write double(count / 2)"),
            ("flag + 1", "1:6: '+' does not apply to bool and int64"),
            ("amount % 2.0", "1:8: '%' does not apply to float64 and float64; '%' is of whole numbers; convert with int(x)"),
            ("-flag", "1:1: '-' does not apply to bool"),
            ("count ? 1 : 2", "1:1: the condition before '?' is int64, not bool"),
            ("flag ? 1 : 'a'", "1:6: the branches of '?:' differ in type: int64 and string"),
            ("count in [1, number]", "1:14: a list after 'in' holds only literals; compare with '==' and join with '||'"),
            ("count in ['a']", "1:11: the list holds string beside a value of int64"),
            ("[1, 2]", "1:1: a list was found; a list stands only after 'in'"),
            ("sqr(amount)", "1:1: no function is named 'sqr'; did you mean 'sqrt'?"),
            ("orValue(amount, 1)", "1:1: no function is named 'orValue'; it is a method: x.orValue(…)"),
            ("amount.sqrt()", "1:8: no method is named 'sqrt'; it is a function: sqrt(…)"),
            ("sqrt(count)", "1:1: 'sqrt' with int64 is not defined: it takes a float64; convert with double(x)"),
            ("name.getHours()", "1:6: '.getHours' on string with no arguments is not defined: it takes a timestamp (with or without a zone) or a duration before the dot"),
            ("tx_time.getHours('Europe/Brusels')", "1:18: no time zone is named 'Europe/Brusels'; did you mean 'Europe/Brussels'?"),
            ("tx_time.getHours(name)", "1:18: the time zone must be written as a text in quotes"),
            ("timestamp('2018-07-25')", "1:11: '2018-07-25' is no RFC 3339 time in whole microseconds; for example timestamp(\"2018-07-25T06:00:00Z\")"),
            ("duration('7 days')", "1:10: '7 days' is no length of time; a whole number and one of us, ms, s, m, h, d: duration(\"7d\")"),
            ("tx_time - then", "1:9: the expression is a length of time, which no column holds; take a number of it, such as .getSeconds()"),
            ("size(name).x", "1:12: '.x' reads a field of a value, and values have no fields; a method is called with parentheses: .x()"),
            ("amount + 9007199254740993", "1:10: 9007199254740993 has no exact float64; write it as a float64, with a decimal point"),
        ])
    func sentences(text: String, expected: String) {
        do {
            _ = try CompiledExpression.compile(text, in: CompiledExpressionTests.scope)
            Issue.record("'\(text)' compiled")
        } catch {
            #expect(error.description == expected)
        }
    }

    @Test(
        "refuses another type than is expected, with the conversion",
        arguments: [
            ("count", ValueType.float64, "1:1: the expression is int64 where float64 is expected; write double(count)"),
            ("amount > 1", .float64, "1:8: the expression is bool where float64 is expected; write amount > 1 ? 1.0 : 0.0"),
            ("amount", .bool, "1:1: the expression is float64 where bool is expected"),
        ])
    func expected(text: String, type: ValueType, expected: String) {
        do {
            _ = try CompiledExpression.compile(text, in: CompiledExpressionTests.scope, expecting: type)
            Issue.record("'\(text)' compiled")
        } catch {
            #expect(error.code == .typeMismatch)
            #expect(error.description == expected)
        }
    }

    @Test("gives each kind of mistake its code, and its place in bytes and characters")
    func codes() {
        func code(_ text: String) -> (ExpressionError.Code, ExpressionPosition)? {
            do {
                _ = try CompiledExpression.compile(text, in: CompiledExpressionTests.scope)
                return nil
            } catch {
                return (error.code, error.position)
            }
        }
        #expect(code("1 +")?.0 == .syntax)
        #expect(code("nothing")?.0 == .unknownName)
        #expect(code("nothing()")?.0 == .unknownFunction)
        #expect(code("1 + true")?.0 == .typeMismatch)
        #expect(code("tx_time.getHours('X')")?.0 == .unknownTimeZone)
        let place = code("'žž' +\n  nothing")?.1
        #expect(place?.offset == 11 && place?.line == 2 && place?.column == 3)
        #expect(code("'žž' + nothing")?.1.column == 8)
    }

    @Test("bounds length and depth by parameters")
    func limits() {
        func code(_ text: String, _ limits: ExpressionLimits = .init()) -> ExpressionError.Code? {
            do {
                _ = try CompiledExpression.compile(text, in: CompiledExpressionTests.scope, limits: limits)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("1 + 1", .init(length: 5)) == nil)
        #expect(code("1 + 1 ", .init(length: 5)) == .limitExceeded)
        #expect(code("1 + 1 + 1", .init(depth: 3)) == nil)
        #expect(code("1 + 1 + 1 + 1", .init(depth: 3)) == .limitExceeded)
        for opening in ["(", "-(", "!", "- ", "flag ? flag : ", "abs(", "1+("] {
            #expect(code(String(repeating: opening, count: 1_000)) == .limitExceeded, "\(opening)")
        }
        #expect(code(String(repeating: "1+", count: 3_000) + "1") == .limitExceeded)
        #expect(code(String(repeating: "a.", count: 4_000) + "a") == .unknownName)
        #expect(code("flag" + String(repeating: ".size()", count: 1_000)) == .limitExceeded)
    }
}
