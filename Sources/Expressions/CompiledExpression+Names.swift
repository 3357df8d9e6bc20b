extension CompiledExpression {
    /// The dotted names that a text reads, each once and in order, with where it first stands; nothing is checked but the syntax.
    ///
    /// For those who make a scope of what a text asks for, where all that it could ask for would be large.
    ///
    /// - Throws: ``ExpressionError`` for a text that does not parse.
    package static func names(
        in text: String, limits: ExpressionLimits = .init()
    ) throws(ExpressionError) -> [(name: String, position: ExpressionPosition)] {
        let bytes = Array(text.utf8.prefix(limits.length))
        var found: [(name: String, position: ExpressionPosition)] = []
        var seen: Set<String> = []
        func visit(_ syntax: Syntax) {
            switch syntax.kind {
            case .literal: break
            case .name(let name):
                if seen.insert(name).inserted { found.append((name, ExpressionPosition(offset: syntax.offset, in: bytes))) }
            case .unary(_, let operand): visit(operand)
            case .binary(_, let left, let right):
                visit(left)
                visit(right)
            case .conditional(let condition, let then, let otherwise):
                visit(condition)
                visit(then)
                visit(otherwise)
            case .membership(let member, let list):
                visit(member)
                for element in list { visit(element) }
            case .call(let receiver, _, let arguments):
                if let receiver { visit(receiver) }
                for argument in arguments { visit(argument) }
            }
        }
        visit(try Parser.parse(text, limits: limits))
        return found
    }
}
