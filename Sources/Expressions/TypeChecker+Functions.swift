import MartletFrames

/// Functions are called `f(x)`, methods `x.f()`; a few are both.
private let functionNames = [
    "has", "size", "abs", "min", "max", "floor", "ceil", "round", "sqrt", "exp", "log", "pow", "sin", "cos", "int", "double",
    "string", "timestamp", "duration",
]
private let methodNames = [
    "orValue", "size", "startsWith", "endsWith", "contains", "lowerAscii", "upperAscii", "getFullYear", "getMonth", "getDate",
    "getDayOfMonth", "getDayOfYear", "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
]

extension TypeChecker {
    mutating func call(
        receiver: Syntax?, function: String, arguments: [Syntax], _ syntax: Syntax
    ) throws(ExpressionError) -> TypedExpression {
        var typed: [TypedExpression] = []
        // `customer.mean()` on an unknown name should speak of the function only if that is unknown too.
        let known = receiver == nil ? functionNames : methodNames
        guard known.contains(function) else { throw unknownFunction(function, isMethod: receiver != nil, syntax) }
        if let receiver { typed.append(try check(receiver)) }
        for argument in arguments { typed.append(try check(argument)) }
        return receiver == nil
            ? try self.function(function, typed, syntax) : try method(function, typed, syntax)
    }

    private func unknownFunction(_ name: String, isMethod: Bool, _ syntax: Syntax) -> ExpressionError {
        let (own, other) = isMethod ? (methodNames, functionNames) : (functionNames, methodNames)
        var hint = nearestMatch(to: name, among: own).map { "did you mean '\($0)'?" }
        if other.contains(name) { hint = isMethod ? "it is a function: \(name)(…)" : "it is a method: x.\(name)(…)" }
        return error(.unknownFunction, "no \(isMethod ? "method" : "function") is named '\(name)'", hint: hint, syntax)
    }

    private func function(_ name: String, _ given: [TypedExpression], _ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        let types = given.map(\.type)
        func made(_ operation: Operation, _ type: ExpressionType, _ arguments: [TypedExpression]? = nil) -> TypedExpression {
            TypedExpression(operation: operation, type: type, arguments: arguments ?? given, syntax: syntax)
        }
        switch (name, types) {
        case ("has", _) where types.count == 1: return made(.has, .bool)
        case ("size", [.string]): return made(.size, .int64)
        case ("abs", [.int64]): return made(.absWord, .int64)
        case ("abs", [.float64]): return made(.absNumber, .float64)
        case ("min", _) where types.count >= 2, ("max", _) where types.count >= 2:
            return try extremum(isMinimum: name == "min", given, syntax)
        case ("floor", _), ("ceil", _), ("round", _), ("sqrt", _), ("exp", _), ("log", _), ("sin", _), ("cos", _):
            guard types.count == 1, let argument = try numbers(given) else { break }
            let operations: [String: Operation] = [
                "floor": .floor, "ceil": .ceil, "round": .round, "sqrt": .squareRoot, "exp": .exponential, "log": .logarithm,
                "sin": .sine, "cos": .cosine,
            ]
            if let operation = operations[name] { return made(operation, .float64, argument) }
        case ("pow", _):
            guard types.count == 2, let arguments = try numbers(given) else { break }
            return made(.power, .float64, arguments)
        case ("int", [.int64]), ("double", [.float64]), ("string", [.string]): return given[0]
        case ("int", [.float64]): return made(.wordFromNumber, .int64)
        case ("int", [.string]): return made(.wordFromText, .int64)
        case ("int", [.timestamp]): return made(.epochSeconds, .int64)
        case ("double", [.int64]): return made(.numberFromWord, .float64)
        case ("double", [.string]): return made(.numberFromText, .float64)
        case ("string", [.float64]): return made(.textFromNumber, .string)
        case ("string", _) where types.count == 1: return made(.textFromWord(types[0]), .string)
        default: break
        }
        throw notApplicable(name, types, isMethod: false, syntax)
    }

    private func method(_ name: String, _ given: [TypedExpression], _ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        let types = given.map(\.type)
        func made(_ operation: Operation, _ type: ExpressionType) -> TypedExpression {
            TypedExpression(operation: operation, type: type, arguments: given, syntax: syntax)
        }
        switch (name, types) {
        case ("orValue", _) where types.count == 2:
            let (value, replacement) = try alike(given[0], given[1], "the value and its replacement", syntax)
            return TypedExpression(operation: .orValue, type: value.type, arguments: [value, replacement], syntax: syntax)
        case ("size", [.string]): return made(.size, .int64)
        case ("startsWith", [.string, .string]): return made(.startsWith, .bool)
        case ("endsWith", [.string, .string]): return made(.endsWith, .bool)
        case ("contains", [.string, .string]): return made(.contains, .bool)
        case ("lowerAscii", [.string]): return made(.lowerASCII, .string)
        case ("upperAscii", [.string]): return made(.upperASCII, .string)
        case (_, [.duration]):
            let units: [String: Int64] = [
                "getHours": 3_600_000_000, "getMinutes": 60_000_000, "getSeconds": 1_000_000, "getMilliseconds": 1_000,
            ]
            if let unit = units[name] { return made(.wholeUnits(microseconds: unit), .int64) }
        case (_, [.timestamp]), (_, [.timestamp, .string]):
            let fields: [String: CalendarField] = [
                "getFullYear": .fullYear, "getMonth": .month, "getDate": .date, "getDayOfMonth": .dayOfMonth,
                "getDayOfYear": .dayOfYear, "getDayOfWeek": .dayOfWeek, "getHours": .hours, "getMinutes": .minutes,
                "getSeconds": .seconds, "getMilliseconds": .milliseconds,
            ]
            guard let field = fields[name] else { break }
            let zone = types.count == 2 ? try zone(given[1]) : scope.timeZone
            return TypedExpression(
                operation: .calendar(field), type: .int64, arguments: [given[0]], syntax: syntax, attachment: .zone(zone))
        default: break
        }
        throw notApplicable(name, types, isMethod: true, syntax)
    }

    private func zone(_ argument: TypedExpression) throws(ExpressionError) -> TimeZoneTable {
        guard case .literal(.string(let name)) = argument.attachment else {
            throw mismatch("the time zone must be written as a text in quotes", argument.syntax)
        }
        do {
            return try TimeZoneTable.named(name)
        } catch {
            throw self.error(.unknownTimeZone, error.message, hint: error.hint, argument.syntax)
        }
    }

    /// All arguments as float64; nil if one is neither that nor an integer literal.
    private func numbers(_ given: [TypedExpression]) throws(ExpressionError) -> [TypedExpression]? {
        var numbers: [TypedExpression] = []
        for argument in given {
            if argument.type == .float64 {
                numbers.append(argument)
            } else if let argument = try widened(argument) {
                numbers.append(argument)
            } else {
                return nil
            }
        }
        return numbers
    }

    /// `min(a, b, c)` is folded from the left, two at a time.
    private func extremum(isMinimum: Bool, _ given: [TypedExpression], _ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        var arguments = given
        if given.contains(where: { $0.type == .float64 }) {
            for index in given.indices {
                (arguments[index], _) = try alike(
                    given[index], given.first { $0.type == .float64 } ?? given[index], "the arguments", syntax)
            }
        }
        for argument in arguments where argument.type != arguments[0].type {
            throw mismatch(
                "the arguments differ in type: \(arguments[0].type.rawValue) and \(argument.type.rawValue)", argument.syntax)
        }
        let operation: Operation
        switch arguments[0].type {
        case .int64, .timestamp, .duration: operation = isMinimum ? .minWord : .maxWord
        case .float64: operation = isMinimum ? .minNumber : .maxNumber
        case .bool, .string: throw notApplicable(isMinimum ? "min" : "max", given.map(\.type), isMethod: false, syntax)
        }
        return arguments.dropFirst().reduce(arguments[0]) {
            TypedExpression(operation: operation, type: $0.type, arguments: [$0, $1], syntax: syntax)
        }
    }

    private func notApplicable(_ name: String, _ types: [ExpressionType], isMethod: Bool, _ syntax: Syntax) -> ExpressionError {
        let accepted: [String: String] = [
            "has": "one value", "size": "a string", "abs": "an int64 or a float64",
            "min": "two or more int64, float64, timestamps or durations", "max": "two or more int64, float64, timestamps or durations",
            "floor": "a float64", "ceil": "a float64", "round": "a float64", "sqrt": "a float64", "exp": "a float64",
            "log": "a float64", "sin": "a float64", "cos": "a float64", "pow": "two float64",
            "int": "an int64, float64, string or timestamp", "double": "an int64, float64 or string", "string": "one value",
            "orValue": "a replacement of the same type", "startsWith": "a string on a string", "endsWith": "a string on a string",
            "contains": "a string on a string", "lowerAscii": "a string before the dot", "upperAscii": "a string before the dot",
            "getHours": "a timestamp (with or without a zone) or a duration before the dot",
            "getMinutes": "a timestamp (with or without a zone) or a duration before the dot",
            "getSeconds": "a timestamp (with or without a zone) or a duration before the dot",
            "getMilliseconds": "a timestamp (with or without a zone) or a duration before the dot",
        ]
        let found = isMethod && !types.isEmpty ? Array(types.dropFirst()) : types
        let list = found.isEmpty ? "no arguments" : found.map(\.rawValue).joined(separator: ", ")
        let place = isMethod ? "'.\(name)' on \(types.first?.rawValue ?? "nothing") with \(list)" : "'\(name)' with \(list)"
        let needs = accepted[name] ?? "a timestamp before the dot, with or without a zone"
        let needsDouble = found.contains(.int64) && ["floor", "ceil", "round", "sqrt", "exp", "log", "sin", "cos", "pow"].contains(name)
        return mismatch("\(place) is not defined: it takes \(needs)", hint: needsDouble ? "convert with double(x)" : nil, syntax)
    }
}
