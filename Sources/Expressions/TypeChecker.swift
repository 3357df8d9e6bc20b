import MartletFrames

/// Gives every part of a tree its type and kernel, or says which part does not fit.
struct TypeChecker {
    let scope: ExpressionScope
    let text: [UInt8]
    private(set) var references: [String] = []
    private(set) var referenceTypes: [ValueType] = []

    init(scope: ExpressionScope, text: String) {
        self.scope = scope
        self.text = Array(text.utf8)
    }

    /// Checks the whole, which must have the expected type where one is given.
    mutating func check(_ syntax: Syntax, expecting expected: ValueType?) throws(ExpressionError) -> TypedExpression {
        let typed = try check(syntax)
        guard let found = typed.type.valueType else {
            throw mismatch(
                "the expression is a length of time, which no column holds",
                hint: "take a number of it, such as .getSeconds()", syntax)
        }
        guard let expected, found != expected else { return typed }
        if expected == .float64, let widened = try widened(typed) { return widened }
        throw mismatch(
            "the expression is \(found.rawValue) where \(expected.rawValue) is expected",
            hint: conversionHint(from: typed.type, to: ExpressionType(expected), syntax), syntax)
    }

    mutating func check(_ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        switch syntax.kind {
        case .literal(let literal):
            return TypedExpression(
                operation: .constant, type: literal.type, arguments: [], syntax: syntax, attachment: .literal(literal))
        case .name(let name): return try reference(name, syntax)
        case .unary(let sign, let operand): return try unary(sign, operand, syntax)
        case .binary(let sign, let left, let right): return try binary(sign, left, right, syntax)
        case .conditional(let condition, let then, let otherwise):
            let condition = try check(condition)
            guard condition.type == .bool else {
                throw mismatch("the condition before '?' is \(condition.type.rawValue), not bool", condition.syntax)
            }
            let (left, right) = try alike(try check(then), try check(otherwise), "the branches of '?:'", syntax)
            return TypedExpression(operation: .select, type: left.type, arguments: [condition, left, right], syntax: syntax)
        case .membership(let member, let list): return try membership(member, list, syntax)
        case .call(let receiver, let function, let arguments):
            return try call(receiver: receiver, function: function, arguments: arguments, syntax)
        }
    }

    private mutating func reference(_ name: String, _ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        guard let entry = scope[name] else { throw unknownName(name, syntax) }
        let index = references.firstIndex(of: name) ?? references.count
        if index == references.count {
            references.append(name)
            referenceTypes.append(entry.type)
        }
        return TypedExpression(operation: .load(reference: index), type: ExpressionType(entry.type), arguments: [], syntax: syntax)
    }

    private func unknownName(_ name: String, _ syntax: Syntax) -> ExpressionError {
        var prefix = name
        while let dot = prefix.lastIndex(of: ".") {
            prefix = String(prefix[..<dot])
            if let entry = scope[prefix] {
                return error(
                    .unknownName, "'\(prefix)' is \(entry.type.rawValue) and has no fields, but '\(name)' was read",
                    hint: "a method is called with parentheses", syntax)
            }
        }
        let nearest = nearestMatch(to: name, among: scope.names.lazy.map(\.name))
        let hint =
            nearest.map { "did you mean '\($0)'?" }
            ?? (scope.names.isEmpty
                ? "no names can be read here" : "names here: " + scope.names.prefix(12).map(\.name).joined(separator: ", "))
        return error(.unknownName, "nothing is named '\(name)'", hint: hint, syntax)
    }

    private mutating func unary(_ sign: UnaryOperator, _ operand: Syntax, _ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        let operand = try check(operand)
        let operation: Operation
        switch (sign, operand.type) {
        case (.not, .bool): operation = .not
        case (.negate, .int64): operation = .negateWord
        case (.negate, .float64): operation = .negateNumber
        default:
            throw mismatch("'\(sign.rawValue)' does not apply to \(operand.type.rawValue)", syntax)
        }
        return TypedExpression(operation: operation, type: operand.type, arguments: [operand], syntax: syntax)
    }

    private mutating func binary(
        _ sign: BinaryOperator, _ left: Syntax, _ right: Syntax, _ syntax: Syntax
    ) throws(ExpressionError) -> TypedExpression {
        var left = try check(left)
        var right = try check(right)
        if left.type != right.type, (left.type == .int64 || right.type == .int64), left.type == .float64 || right.type == .float64 {
            (left, right) = try alike(left, right, "the sides of '\(sign.rawValue)'", syntax)
        }
        func made(_ operation: Operation, _ type: ExpressionType) -> TypedExpression {
            TypedExpression(operation: operation, type: type, arguments: [left, right], syntax: syntax)
        }
        let comparison: Comparison? =
            switch sign {
            case .equal: .equal
            case .notEqual: .notEqual
            case .less: .less
            case .lessOrEqual: .lessOrEqual
            case .greater: .greater
            case .greaterOrEqual: .greaterOrEqual
            default: nil
            }
        if let comparison, left.type == right.type {
            switch left.type.representation {
            case .word: return made(.compareWord(comparison), .bool)
            case .number: return made(.compareNumber(comparison), .bool)
            case .text: return made(.compareText(comparison), .bool)
            }
        }
        switch (sign, left.type, right.type) {
        case (.and, .bool, .bool): return made(.and, .bool)
        case (.or, .bool, .bool): return made(.or, .bool)
        case (.add, .int64, .int64): return made(.addWord, .int64)
        case (.subtract, .int64, .int64): return made(.subtractWord, .int64)
        case (.multiply, .int64, .int64): return made(.multiplyWord, .int64)
        case (.divide, .int64, .int64): return made(.divideWord, .int64)
        case (.remainder, .int64, .int64): return made(.remainderWord, .int64)
        case (.add, .float64, .float64): return made(.addNumber, .float64)
        case (.subtract, .float64, .float64): return made(.subtractNumber, .float64)
        case (.multiply, .float64, .float64): return made(.multiplyNumber, .float64)
        case (.divide, .float64, .float64): return made(.divideNumber, .float64)
        case (.add, .string, .string): return made(.concatenate, .string)
        case (.add, .timestamp, .duration), (.add, .duration, .timestamp): return made(.addWord, .timestamp)
        case (.add, .duration, .duration): return made(.addWord, .duration)
        case (.subtract, .timestamp, .timestamp): return made(.subtractWord, .duration)
        case (.subtract, .timestamp, .duration): return made(.subtractWord, .timestamp)
        case (.subtract, .duration, .duration): return made(.subtractWord, .duration)
        default:
            throw mismatch(
                "'\(sign.rawValue)' does not apply to \(left.type.rawValue) and \(right.type.rawValue)",
                hint: sign == .remainder && left.type == .float64 ? "'%' is of whole numbers; convert with int(x)" : nil, syntax)
        }
    }

    private mutating func membership(_ member: Syntax, _ list: [Syntax], _ syntax: Syntax) throws(ExpressionError) -> TypedExpression {
        let member = try check(member)
        var words: [Int64] = []
        var numbers: [Double] = []
        var texts: [String] = []
        for element in list {
            guard case .literal(let literal) = element.kind else {
                throw mismatch("a list after 'in' holds only literals", hint: "compare with '==' and join with '||'", element)
            }
            switch (literal, member.type) {
            case (.bool(let value), .bool): words.append(value ? 1 : 0)
            case (.int64(let value), .int64): words.append(value)
            case (.timestamp(let value), .timestamp): words.append(value.microseconds)
            case (.duration(let value), .duration): words.append(value.microseconds)
            case (.float64(let value), .float64): numbers.append(value)
            case (.int64(let value), .float64): numbers.append(try exactly(value, element))
            case (.string(let value), .string): texts.append(value)
            default:
                throw mismatch("the list holds \(literal.type.rawValue) beside a value of \(member.type.rawValue)", element)
            }
        }
        let (operation, attachment): (Operation, Attachment) =
            switch member.type.representation {
            case .word: (.wordIsIn, .words(words))
            case .number: (.numberIsIn, .numbers(numbers))
            case .text: (.textIsIn, .texts(texts))
            }
        return TypedExpression(
            operation: operation, type: .bool, arguments: [member], syntax: syntax, attachment: attachment)
    }

    // MARK: Widening

    /// Two parts made of one type, an integer literal widening beside a float64.
    func alike(
        _ left: TypedExpression, _ right: TypedExpression, _ what: String, _ syntax: Syntax
    ) throws(ExpressionError) -> (TypedExpression, TypedExpression) {
        if left.type == right.type { return (left, right) }
        if left.type == .float64, let right = try widened(right) { return (left, right) }
        if right.type == .float64, let left = try widened(left) { return (left, right) }
        let whole = left.type == .int64 ? left : right.type == .int64 ? right : nil
        let isNumeric = whole != nil && (left.type == .float64 || right.type == .float64)
        throw mismatch(
            "\(what) differ in type: \(left.type.rawValue) and \(right.type.rawValue)",
            hint: isNumeric ? whole.map { "write double(\(brief($0.syntax)))" } : nil, syntax)
    }

    /// The float64 form of an integer literal, or of a choice between such; nil for anything else.
    func widened(_ node: TypedExpression) throws(ExpressionError) -> TypedExpression? {
        switch node.operation {
        case .constant:
            guard case .literal(.int64(let value)) = node.attachment else { return nil }
            return TypedExpression(
                operation: .constant, type: .float64, arguments: [], syntax: node.syntax,
                attachment: .literal(.float64(try exactly(value, node.syntax))))
        case .select where node.type == .int64:
            guard let then = try widened(node.arguments[1]), let otherwise = try widened(node.arguments[2]) else { return nil }
            return TypedExpression(
                operation: .select, type: .float64, arguments: [node.arguments[0], then, otherwise], syntax: node.syntax)
        default: return nil
        }
    }

    private func exactly(_ value: Int64, _ syntax: Syntax) throws(ExpressionError) -> Double {
        guard let number = Double(exactly: value) else {
            throw mismatch("\(value) has no exact float64", hint: "write it as a float64, with a decimal point", syntax)
        }
        return number
    }

    // MARK: Errors

    func mismatch(_ message: String, hint: String? = nil, _ syntax: Syntax) -> ExpressionError {
        error(.typeMismatch, message, hint: hint, syntax)
    }

    func error(_ code: ExpressionError.Code, _ message: String, hint: String? = nil, _ syntax: Syntax) -> ExpressionError {
        ExpressionError(code, message, hint: hint, at: ExpressionPosition(offset: syntax.offset, in: text))
    }

    private func conversionHint(from found: ExpressionType, to expected: ExpressionType, _ syntax: Syntax) -> String? {
        switch (found, expected) {
        case (.int64, .float64), (.string, .float64): "write double(\(brief(syntax)))"
        case (.float64, .int64), (.string, .int64), (.timestamp, .int64): "write int(\(brief(syntax)))"
        case (.bool, .float64): "write \(brief(syntax)) ? 1.0 : 0.0"
        case (.bool, .int64): "write \(brief(syntax)) ? 1 : 0"
        case (_, .string): "write string(\(brief(syntax)))"
        default: nil
        }
    }

    private func brief(_ syntax: Syntax) -> String { syntax.briefText }
}

extension Syntax {
    /// The canonical text, cut where it is long.
    var briefText: String {
        let text = canonicalText
        return text.count <= 60 ? text : text.prefix(57) + "..."
    }
}

extension Literal {
    var type: ExpressionType {
        switch self {
        case .bool: .bool
        case .int64: .int64
        case .float64: .float64
        case .string: .string
        case .timestamp: .timestamp
        case .duration: .duration
        }
    }
}
