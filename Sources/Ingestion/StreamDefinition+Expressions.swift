package import MartletDefinitions
package import MartletExpressions
package import MartletFrames

/// Compiles expressions that stand in project files, and tells their mistakes at the place in the file.
package struct ExpressionReader {
    package let errors: ErrorCollector
    /// What the expression is, for sentences: `the label of model 'm'`.
    package let subject: String

    package init(_ errors: ErrorCollector, _ subject: String) {
        self.errors = errors
        self.subject = subject
    }

    /// - Parameter expecting: the type that its value must have; nil for any.
    /// - Returns: nil for a mistake, which is reported.
    package func compile(_ node: LocatedNode, scope: ExpressionScope, expecting: ValueType? = nil) -> CompiledExpression? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull else {
            NodeValues(errors, subject).wrong(node, expected: "an expression")
            return nil
        }
        do {
            return try CompiledExpression.compile(scalar.text, in: scope, expecting: expecting)
        } catch {
            errors.add(
                DefinitionError(
                    .expression, at: node.place(atOffset: error.position.column - 1), "\(subject): \(error.message)",
                    found: scalar.text.shortened(to: 60), hint: error.hint))
            return nil
        }
    }

    /// Reports fields that identify a person and are read otherwise than by `has(…)`.
    ///
    /// - Returns: whether there were none.
    package func refuseSubjects(in expression: CompiledExpression, scope: ExpressionScope, at place: SourcePlace) -> Bool {
        for name in expression.references where scope[name]?.isSubject == true {
            if ExpressionReader.reads(name, beyondHas: expression.canonicalText) {
                errors.add(
                    .leakage, at: place, "\(subject) reads '\(name)', which identifies a person and is stored as a pseudonym",
                    found: name, hint: "it can be an entity key, be counted (distinct_count), or be asked for with has(\(name))")
                return false
            }
        }
        return true
    }

    /// Whether a name stands in an expression's canonical text anywhere but as the argument of `has`.
    static func reads(_ name: String, beyondHas text: String) -> Bool {
        var tokens: [String] = []
        var current = ""
        var quote: Character?
        var isEscaped = false
        for character in text {
            if let open = quote {
                if isEscaped { isEscaped = false } else if character == "\\" { isEscaped = true } else if character == open { quote = nil }
            } else if character.isLetter || character.isNumber || character == "_" || character == "." {
                current.append(character)
            } else {
                if !current.isEmpty { tokens.append(current) }
                current = ""
                if character == "\"" || character == "'" { quote = character } else if character != " " { tokens.append(String(character)) }
            }
        }
        if !current.isEmpty { tokens.append(current) }
        for (index, token) in tokens.enumerated() where token == name || token.hasPrefix(name + ".") {
            let isAsked =
                index >= 2 && index + 1 < tokens.count && tokens[index - 2] == "has" && tokens[index - 1] == "("
                && tokens[index + 1] == ")"
            if !isAsked { return true }
        }
        return false
    }
}
