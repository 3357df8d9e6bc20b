import MartletFrames
import MartletNumerics

@testable import MartletExpressions

/// The language row by row, straight from its page: boxed values, no columns, no kernels. Slow and plain.
enum Outcome: Equatable {
    case missing
    case failed
    case value(OracleValue)
}

enum OracleValue: Equatable {
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case time(Int64)
    case duration(Int64)
}

struct Oracle {
    let row: [String: Value]
    let zone: TimeZoneTable

    func evaluate(_ syntax: Syntax) -> Outcome {
        switch syntax.kind {
        case .literal(let literal):
            switch literal {
            case .bool(let value): return .value(.bool(value))
            case .int64(let value): return .value(.int(value))
            case .float64(let value): return .value(.double(value))
            case .string(let value): return .value(.string(value))
            case .timestamp(let value): return .value(.time(value.microseconds))
            case .duration(let value): return .value(.duration(value.microseconds))
            }
        case .name(let name):
            switch row[name] ?? .missing {
            case .missing: return .missing
            case .bool(let value): return .value(.bool(value))
            case .int64(let value): return .value(.int(value))
            case .float64(let value): return finite(value)
            case .string(let value): return .value(.string(value))
            case .timestamp(let value): return .value(.time(value.microseconds))
            }
        case .unary(let sign, let operand):
            return strict([evaluate(operand)]) { values in
                switch (sign, values[0]) {
                case (.not, .bool(let value)): .value(.bool(!value))
                case (.negate, .int(let value)): value == .min ? .failed : .value(.int(-value))
                case (.negate, .double(let value)): .value(.double(-value))
                default: preconditionFailure()
                }
            }
        case .binary(.and, let left, let right): return junction(left, right, absorbing: false)
        case .binary(.or, let left, let right): return junction(left, right, absorbing: true)
        case .binary(let sign, let left, let right):
            return strict([evaluate(left), evaluate(right)]) { binary(sign, $0[0], $0[1]) }
        case .conditional(let condition, let then, let otherwise):
            switch evaluate(condition) {
            case .value(.bool(let isTrue)): return evaluate(isTrue ? then : otherwise)
            case let other: return other
            }
        case .membership(let member, let list):
            return strict([evaluate(member)]) { values in
                .value(.bool(list.contains { binary(.equal, values[0], constant($0)) == .value(.bool(true)) }))
            }
        case .call(let receiver, let function, let arguments):
            let given = ((receiver.map { [$0] } ?? []) + arguments).map { evaluate($0) }
            if function == "has" {
                if case .value = given[0] { return .value(.bool(true)) }
                return .value(.bool(false))
            }
            if function == "orValue" {
                if case .value = given[0] { return given[0] }
                return given[1]
            }
            return strict(given) { call(function, $0) }
        }
    }

    private func constant(_ syntax: Syntax) -> OracleValue {
        guard case .value(let value) = evaluate(syntax) else { preconditionFailure() }
        return value
    }

    private func strict(_ given: [Outcome], _ body: ([OracleValue]) -> Outcome) -> Outcome {
        if given.contains(.failed) { return .failed }
        if given.contains(.missing) { return .missing }
        return body(given.map { if case .value(let value) = $0 { value } else { preconditionFailure() } })
    }

    private func junction(_ left: Syntax, _ right: Syntax, absorbing: Bool) -> Outcome {
        let (left, right) = (evaluate(left), evaluate(right))
        if left == .value(.bool(absorbing)) || right == .value(.bool(absorbing)) { return .value(.bool(absorbing)) }
        return strict([left, right]) { _ in .value(.bool(!absorbing)) }
    }

    private func finite(_ value: Double) -> Outcome { value.isFinite ? .value(.double(value)) : .failed }

    private func checked(_ result: (partialValue: Int64, overflow: Bool), _ make: (Int64) -> OracleValue = { .int($0) }) -> Outcome {
        result.overflow ? .failed : .value(make(result.partialValue))
    }

    private func binary(_ sign: BinaryOperator, _ left: OracleValue, _ right: OracleValue) -> Outcome {
        switch (left, right) {
        case (.int(let a), .double): return binary(sign, .double(Double(a)), right)
        case (.double, .int(let b)): return binary(sign, left, .double(Double(b)))
        case (.int(let a), .int(let b)):
            switch sign {
            case .add: return checked(a.addingReportingOverflow(b))
            case .subtract: return checked(a.subtractingReportingOverflow(b))
            case .multiply: return checked(a.multipliedReportingOverflow(by: b))
            case .divide: return checked(a.dividedReportingOverflow(by: b))
            case .remainder: return checked(a.remainderReportingOverflow(dividingBy: b))
            default: return compared(sign, a, b)
            }
        case (.double(let a), .double(let b)):
            switch sign {
            case .add: return finite(a + b)
            case .subtract: return finite(a - b)
            case .multiply: return finite(a * b)
            case .divide: return finite(a / b)
            default: return compared(sign, a, b)
            }
        case (.string(let a), .string(let b)):
            if sign == .add { return .value(.string(a + b)) }
            let (x, y) = (Array(a.utf8), Array(b.utf8))
            return compared(sign, x == y ? 0 : x.lexicographicallyPrecedes(y) ? -1 : 1, 0)
        case (.bool(let a), .bool(let b)): return compared(sign, a ? 1 : 0, b ? 1 : 0)
        case (.time(let a), .duration(let b)):
            return checked(sign == .add ? a.addingReportingOverflow(b) : a.subtractingReportingOverflow(b)) { .time($0) }
        case (.duration(let a), .time(let b)): return checked(a.addingReportingOverflow(b)) { .time($0) }
        case (.time(let a), .time(let b)):
            if sign == .subtract { return checked(a.subtractingReportingOverflow(b)) { .duration($0) } }
            return compared(sign, a, b)
        case (.duration(let a), .duration(let b)):
            switch sign {
            case .add: return checked(a.addingReportingOverflow(b)) { .duration($0) }
            case .subtract: return checked(a.subtractingReportingOverflow(b)) { .duration($0) }
            default: return compared(sign, a, b)
            }
        default: preconditionFailure("\(left) \(sign) \(right)")
        }
    }

    private func compared<T: Comparable>(_ sign: BinaryOperator, _ a: T, _ b: T) -> Outcome {
        switch sign {
        case .equal: .value(.bool(a == b))
        case .notEqual: .value(.bool(a != b))
        case .less: .value(.bool(a < b))
        case .lessOrEqual: .value(.bool(a <= b))
        case .greater: .value(.bool(a > b))
        case .greaterOrEqual: .value(.bool(a >= b))
        default: preconditionFailure()
        }
    }

    private func call(_ function: String, _ given: [OracleValue]) -> Outcome {
        func numbers() -> [Double] {
            given.map {
                switch $0 {
                case .double(let value): value
                case .int(let value): Double(value)
                default: preconditionFailure()
                }
            }
        }
        switch (function, given[0]) {
        case ("size", .string(let text)): return .value(.int(Int64(text.unicodeScalars.count)))
        case ("startsWith", .string(let text)): return .value(.bool(search(text, given[1]) { $0.starts(with: $1) }))
        case ("endsWith", .string(let text)): return .value(.bool(search(text, given[1]) { $0.reversed().starts(with: $1.reversed()) }))
        case ("contains", .string(let text)):
            return .value(.bool(search(text, given[1]) { whole, part in whole.indices.contains { whole[$0...].starts(with: part) } || part.isEmpty }))
        case ("lowerAscii", .string(let text)): return .value(.string(String(String.UnicodeScalarView(text.unicodeScalars.map { $0.isASCII ? $0.properties.lowercaseMapping.unicodeScalars.first! : $0 }))))
        case ("upperAscii", .string(let text)): return .value(.string(String(String.UnicodeScalarView(text.unicodeScalars.map { $0.isASCII ? $0.properties.uppercaseMapping.unicodeScalars.first! : $0 }))))
        case ("abs", .int(let value)): return value == .min ? .failed : .value(.int(abs(value)))
        case ("abs", .double(let value)): return .value(.double(abs(value)))
        case ("min", _), ("max", _):
            return given.dropFirst().reduce(.value(given[0])) { best, next in
                guard case .value(let best) = best else { preconditionFailure() }
                let isBetter = binary(function == "min" ? .less : .greater, next, best) == .value(.bool(true))
                return .value(isBetter ? next : best)
            }
        case ("floor", _): return finite(numbers()[0].rounded(.down))
        case ("ceil", _): return finite(numbers()[0].rounded(.up))
        case ("round", _): return finite(numbers()[0].rounded())
        case ("sqrt", _): return finite(numbers()[0].squareRoot())
        case ("exp", _): return finite(ElementaryFunctions.exp(numbers()[0]))
        case ("log", _): return finite(ElementaryFunctions.log(numbers()[0]))
        case ("sin", _): return finite(ElementaryFunctions.sin(numbers()[0]))
        case ("cos", _): return finite(ElementaryFunctions.cos(numbers()[0]))
        case ("pow", _): return finite(ElementaryFunctions.pow(numbers()[0], numbers()[1]))
        case ("int", .int), ("double", .double), ("string", .string): return .value(given[0])
        case ("int", .double(let value)): return Int64(exactly: value.rounded(.towardZero)).map { .value(.int($0)) } ?? .failed
        case ("int", .string(let text)): return Int64(text).map { .value(.int($0)) } ?? .failed
        case ("int", .time(let value)): return .value(.int(Int64((Double(value) / 1e6).rounded(.down))))
        case ("double", .int(let value)): return .value(.double(Double(value)))
        case ("double", .string(let text)):
            let isPlain = text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
            return isPlain ? Double(text).map { finite($0) } ?? .failed : .failed
        case ("string", .bool(let value)): return .value(.string("\(value)"))
        case ("string", .int(let value)): return .value(.string("\(value)"))
        case ("string", .double(let value)): return .value(.string("\(value)"))
        case ("string", .time(let value)): return .value(.string("\(Timestamp(microseconds: value))"))
        case ("string", .duration(let value)): return .value(.string("\(Timestamp.Span(microseconds: value))"))
        case (_, .duration(let value)):
            let units: [String: Int64] = ["getHours": 3_600_000_000, "getMinutes": 60_000_000, "getSeconds": 1_000_000, "getMilliseconds": 1_000]
            return .value(.int(value / units[function]!))
        case (_, .time(let value)):
            var zone = zone
            if given.count == 2, case .string(let name) = given[1] { zone = try! TimeZoneTable.named(name) }
            let moment = Timestamp(microseconds: value)
            guard !value.addingReportingOverflow(Int64(zone.offset(at: moment)) * 1_000_000).overflow else { return .failed }
            let date = zone.civilDate(at: moment)
            let start = CivilDate(year: date.year, month: 1, day: 1)
            let result =
                switch function {
                case "getFullYear": date.year
                case "getMonth": date.month - 1
                case "getDate": date.day
                case "getDayOfMonth": date.day - 1
                case "getDayOfYear": (1..<date.month).map { CivilDate.days(inMonth: $0, of: start.year) }.reduce(date.day - 1, +)
                case "getDayOfWeek": CivilDate.dayOfWeek(Timestamp(microseconds: value + Int64(zone.offset(at: moment)) * 1_000_000))
                case "getHours": date.hour
                case "getMinutes": date.minute
                case "getSeconds": date.second
                case "getMilliseconds": date.microsecond / 1_000
                default: preconditionFailure(function)
                }
            return .value(.int(Int64(result)))
        default: preconditionFailure("\(function) of \(given)")
        }
    }

    private func search(_ text: String, _ part: OracleValue, _ body: ([UInt8], [UInt8]) -> Bool) -> Bool {
        guard case .string(let part) = part else { preconditionFailure() }
        return body(Array(text.utf8), Array(part.utf8))
    }
}
