extension Syntax {
    /// The tree as text: one space around binary operators, parentheses only where the tree needs them.
    ///
    /// Parsing it gives an equal tree.
    var canonicalText: String {
        var text = ""
        write(to: &text)
        return text
    }

    /// How tightly the written form holds together: 0 for `?:`, 1–5 as binary operators, 6 unary, 7 the rest.
    private var precedence: Int {
        switch kind {
        case .conditional: 0
        case .binary(let sign, _, _): sign.precedence
        case .membership: 3
        case .unary: 6
        case .literal(.int64(let value)): value < 0 ? 6 : 7
        case .literal(.float64(let value)): value.sign == .minus ? 6 : 7
        case .literal, .name, .call: 7
        }
    }

    private func write(to text: inout String, atLeast minimum: Int) {
        if precedence >= minimum {
            write(to: &text)
        } else {
            text += "("
            write(to: &text)
            text += ")"
        }
    }

    private func write(to text: inout String) {
        switch kind {
        case .literal(let literal): text += literal.canonicalText
        case .name(let name): text += name
        case .unary(let sign, let operand):
            text += sign.rawValue
            operand.write(to: &text, atLeast: 6)
        case .binary(let sign, let left, let right):
            left.write(to: &text, atLeast: sign.precedence)
            text += " \(sign.rawValue) "
            right.write(to: &text, atLeast: sign.precedence + 1)
        case .conditional(let condition, let then, let otherwise):
            condition.write(to: &text, atLeast: 1)
            text += " ? "
            then.write(to: &text, atLeast: 1)
            text += " : "
            otherwise.write(to: &text, atLeast: 0)
        case .membership(let member, let list):
            member.write(to: &text, atLeast: 3)
            text += " in ["
            Syntax.write(list, to: &text)
            text += "]"
        case .call(let receiver, let function, let arguments):
            if let receiver {
                receiver.write(to: &text, atLeast: 7)
                text += "."
            }
            text += function + "("
            Syntax.write(arguments, to: &text)
            text += ")"
        }
    }

    private static func write(_ list: [Syntax], to text: inout String) {
        for (index, element) in list.enumerated() {
            if index > 0 { text += ", " }
            element.write(to: &text)
        }
    }
}

extension Literal {
    var canonicalText: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int64(let value): "\(value)"
        case .float64(let value): "\(value)"
        case .string(let value): Literal.quoted(value)
        case .timestamp(let value): "timestamp(\"\(value)\")"
        case .duration(let value): "duration(\"\(value)\")"
        }
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 32 || scalar.value == 127:
                let digits = String(scalar.value, radix: 16)
                text += "\\x" + (digits.count == 1 ? "0" : "") + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
