import MartletFrames

@testable import MartletExpressions

/// A sequence of numbers from a seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Makes well-typed trees and columns for them.
struct RandomExpressions {
    var generator: SeededGenerator

    static let names: [(String, ValueType)] = [
        ("b", .bool), ("c", .bool), ("i", .int64), ("j", .int64), ("x", .float64), ("v.y", .float64), ("s", .string), ("t", .string),
        ("m", .timestamp), ("n", .timestamp),
    ]
    static let zones = ["Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "+05:30"]
    static let texts = ["", "a", "b", "ab", "abA", "ž", "žluť Z", "12", "-7", "1.5", "1e3", "9223372036854775808", "-9223372036854775808", "+3", "\"\\\n\u{1}"]

    private mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &generator)! }
    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }
    private func make(_ kind: Syntax.Kind) -> Syntax { Syntax(kind, at: 0) }
    private func function(_ name: String, _ arguments: [Syntax]) -> Syntax { make(.call(receiver: nil, function: name, arguments: arguments)) }
    private func method(_ receiver: Syntax, _ name: String, _ arguments: [Syntax] = []) -> Syntax {
        make(.call(receiver: receiver, function: name, arguments: arguments))
    }

    mutating func expression(_ type: ExpressionType, depth: Int) -> Syntax {
        if depth == 0 || chance(10) { return leaf(type) }
        let d = depth - 1
        if chance(12) { return make(.conditional(expression(.bool, depth: d), then: expression(type, depth: d), otherwise: expression(type, depth: d))) }
        if chance(8) { return method(expression(type, depth: d), "orValue", [expression(type, depth: d)]) }
        switch type {
        case .bool: return boolean(d)
        case .int64: return whole(d)
        case .float64: return number(d)
        case .string: return text(d)
        case .timestamp:
            if chance(20) { return function(pick(["min", "max"]), [expression(.timestamp, depth: d), expression(.timestamp, depth: d)]) }
            return make(.binary(pick([.add, .subtract]), expression(.timestamp, depth: d), expression(.duration, depth: d)))
        case .duration:
            if chance(40) { return make(.binary(.subtract, expression(.timestamp, depth: d), expression(.timestamp, depth: d))) }
            return make(.binary(pick([.add, .subtract]), expression(.duration, depth: d), expression(.duration, depth: d)))
        }
    }

    private mutating func boolean(_ d: Int) -> Syntax {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...2: return make(.binary(pick([.and, .or]), expression(.bool, depth: d), expression(.bool, depth: d)))
        case 3: return make(.unary(.not, expression(.bool, depth: d)))
        case 4: return function("has", [expression(anyType(), depth: d)])
        case 5: return method(expression(.string, depth: d), pick(["startsWith", "endsWith", "contains"]), [expression(.string, depth: d)])
        case 6:
            let type = anyType()
            return make(.membership(expression(type, depth: d), (0..<Int.random(in: 0...4, using: &generator)).map { _ in literal(type) }))
        default:
            let type = anyType()
            let sign: BinaryOperator = pick([.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual])
            // A bare integer literal beside a float64 widens.
            let right = type == .float64 && chance(20) ? literal(.int64, small: true) : expression(type, depth: d)
            return make(.binary(sign, type == .float64 ? number(d) : expression(type, depth: d), right))
        }
    }

    private mutating func whole(_ d: Int) -> Syntax {
        switch Int.random(in: 0..<9, using: &generator) {
        case 0...2: return make(.binary(pick([.add, .subtract, .multiply, .divide, .remainder]), expression(.int64, depth: d), expression(.int64, depth: d)))
        case 3: return negated(expression(.int64, depth: d))
        case 4: return function(pick(["min", "max"]), (0..<Int.random(in: 2...3, using: &generator)).map { _ in expression(.int64, depth: d) })
        case 5: return function("abs", [expression(.int64, depth: d)])
        case 6: return function("int", [expression(pick([.int64, .float64, .string]), depth: d)])
        case 7: return chance(50) ? function("size", [expression(.string, depth: d)]) : method(expression(.string, depth: d), "size")
        default:
            if chance(30) { return method(expression(.duration, depth: d), pick(["getHours", "getMinutes", "getSeconds", "getMilliseconds"])) }
            let name = pick([
                "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfYear", "getDayOfWeek", "getHours", "getMinutes", "getSeconds",
                "getMilliseconds",
            ])
            let zone = chance(40) ? [make(.literal(.string(pick(RandomExpressions.zones))))] : []
            return method(expression(.timestamp, depth: d), name, zone)
        }
    }

    private mutating func number(_ d: Int) -> Syntax {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0...2:
            let sign: BinaryOperator = pick([.add, .subtract, .multiply, .divide])
            if chance(20) { return make(.binary(sign, number(max(d, 1) - 1), literal(.int64, small: true))) }
            return make(.binary(sign, expression(.float64, depth: d), expression(.float64, depth: d)))
        case 3: return negated(expression(.float64, depth: d))
        case 4: return function(pick(["min", "max"]), [expression(.float64, depth: d), expression(.float64, depth: d)])
        case 5: return function(pick(["floor", "ceil", "round", "sqrt", "exp", "log", "sin", "cos", "abs"]), [expression(.float64, depth: d)])
        case 6: return function("double", [expression(pick([.int64, .float64, .string]), depth: d)])
        default: return function("pow", [expression(.float64, depth: d), expression(.float64, depth: d)])
        }
    }

    private mutating func text(_ d: Int) -> Syntax {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: make(.binary(.add, expression(.string, depth: d), expression(.string, depth: d)))
        case 1: method(expression(.string, depth: d), pick(["lowerAscii", "upperAscii"]))
        default: function("string", [expression(pick([.bool, .int64, .float64, .string, .timestamp, .duration]), depth: d)])
        }
    }

    private mutating func anyType() -> ExpressionType { pick([.bool, .int64, .float64, .string, .timestamp, .duration]) }

    /// A sign before a literal is part of it, as the parser has it.
    private func negated(_ operand: Syntax) -> Syntax {
        switch operand.kind {
        case .literal(.int64(let value)) where value >= 0: make(.literal(.int64(-value)))
        case .literal(.float64(let value)) where value.sign == .plus: make(.literal(.float64(-value)))
        default: make(.unary(.negate, operand))
        }
    }

    private mutating func leaf(_ type: ExpressionType) -> Syntax {
        let names = RandomExpressions.names.filter { ExpressionType($0.1) == type }
        return names.isEmpty || chance(30) ? literal(type) : make(.name(pick(names).0))
    }

    private mutating func literal(_ type: ExpressionType, small: Bool = false) -> Syntax {
        switch type {
        case .bool: make(.literal(.bool(chance(50))))
        case .int64: make(.literal(.int64(small ? Int64.random(in: -3...3, using: &generator) : wholeValue())))
        case .float64: make(.literal(.float64(pick([0, -0.0, 1, 2.5, -1e-7, 1e22, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1]))))
        case .string: make(.literal(.string(pick(RandomExpressions.texts))))
        case .timestamp: make(.literal(.timestamp(Timestamp(microseconds: Int64.random(in: -2_000_000_000_000_000...4_000_000_000_000_000, using: &generator)))))
        case .duration: make(.literal(.duration(Timestamp.Span(microseconds: pick([0, 1, -1_000, 5_400_000_000, -86_400_000_000, .max, 7_200_000_000])))))
        }
    }

    private mutating func wholeValue() -> Int64 {
        chance(25) ? pick([.min, .max, .max - 1, 1 << 53, -1 << 62]) : Int64.random(in: -4...40, using: &generator)
    }

    mutating func value(_ type: ValueType) -> Value {
        if chance(15) { return .missing }
        switch type {
        case .bool: return .bool(chance(50))
        case .int64: return .int64(wholeValue())
        case .float64:
            if chance(30) { return .float64(pick([0, -0.0, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 0x1p63, -0x1p63])) }
            return .float64(Double.random(in: -100...100, using: &generator))
        case .string: return .string(pick(RandomExpressions.texts))
        case .timestamp:
            if chance(10) { return .timestamp(Timestamp(microseconds: pick([.min, .max, 0, -1]))) }
            return .timestamp(Timestamp(microseconds: Int64.random(in: -2_000_000_000_000_000...4_000_000_000_000_000, using: &generator)))
        }
    }
}
