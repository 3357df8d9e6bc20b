import MartletFrames

/// Makes a tree of an expression's text by precedence climbing, one token ahead.
struct Parser {
    private var lexer: Lexer
    private var token: Token
    private let limits: ExpressionLimits
    /// How many calls of this parser stand inside one another; bounds its own stack.
    private var nesting = 0

    static func parse(_ text: String, limits: ExpressionLimits) throws(ExpressionError) -> Syntax {
        var parser = try Parser(text, limits: limits)
        let syntax = try parser.expression()
        guard parser.token.kind == .end else { throw parser.unexpected("an operator or the end") }
        return syntax
    }

    private init(_ text: String, limits: ExpressionLimits) throws(ExpressionError) {
        // Counted before the bytes are copied; a text of any length is refused in constant memory.
        let isTooLong = text.utf8.count > limits.length
        lexer = Lexer(Array(text.utf8.prefix(limits.length)))
        self.limits = limits
        token = Token(kind: .end, offset: 0)
        if isTooLong {
            throw ExpressionError(
                .limitExceeded, "the expression is longer than \(limits.length) bytes",
                at: ExpressionPosition(offset: lexer.bytes.count, in: lexer.bytes))
        }
        token = try lexer.next()
    }

    // expression = binary ["?" binary ":" expression]
    private mutating func expression() throws(ExpressionError) -> Syntax {
        try enter()
        defer { nesting -= 1 }
        let condition = try binary(atLeast: 1)
        guard token.kind == .sign("?") else { return condition }
        let offset = token.offset
        try advance()
        let then = try binary(atLeast: 1)
        try expect(":")
        let otherwise = try expression()
        return try checked(Syntax(.conditional(condition, then: then, otherwise: otherwise), at: offset))
    }

    private mutating func binary(atLeast minimum: Int) throws(ExpressionError) -> Syntax {
        var left = try unary()
        while true {
            if token.kind == .name("in"), 3 >= minimum {
                let offset = token.offset
                try advance()
                left = try checked(Syntax(.membership(left, try list()), at: offset))
                continue
            }
            guard case .sign(let sign) = token.kind, let operation = BinaryOperator(rawValue: sign),
                operation.precedence >= minimum
            else { return left }
            let offset = token.offset
            try advance()
            let right = try binary(atLeast: operation.precedence + 1)
            left = try checked(Syntax(.binary(operation, left, right), at: offset))
        }
    }

    private mutating func unary() throws(ExpressionError) -> Syntax {
        guard case .sign(let sign) = token.kind, let operation = UnaryOperator(rawValue: sign) else { return try postfix() }
        try enter()
        defer { nesting -= 1 }
        let offset = token.offset
        try advance()
        if operation == .negate, case .integer(let magnitude) = token.kind, magnitude == Int64.min.magnitude {
            try advance()
            return Syntax(.literal(.int64(.min)), at: offset)
        }
        let operand = try unary()
        if operation == .negate {
            // A sign before a number is part of the number, so that -1 is a literal wherever a literal is asked for.
            if case .literal(.int64(let value)) = operand.kind, value >= 0 {
                return Syntax(.literal(.int64(-value)), at: offset)
            }
            if case .literal(.float64(let value)) = operand.kind, value.sign == .plus {
                return Syntax(.literal(.float64(-value)), at: offset)
            }
        }
        return try checked(Syntax(.unary(operation, operand), at: offset))
    }

    // postfix = primary {"." name "(" arguments ")"}
    private mutating func postfix() throws(ExpressionError) -> Syntax {
        var operand = try primary()
        while token.kind == .sign(".") {
            try advance()
            guard case .name(let member) = token.kind else { throw unexpected("the name of a method") }
            let offset = token.offset
            try advance()
            if token.kind == .sign("(") {
                let call = Syntax.Kind.call(receiver: operand, function: member, arguments: try arguments())
                operand = try checked(Syntax(call, at: offset))
            } else if case .name(let name) = operand.kind {
                operand = Syntax(.name(name + "." + member), at: operand.offset)
            } else {
                throw lexer.error(
                    "'.\(member)' reads a field of a value, and values have no fields",
                    hint: "a method is called with parentheses: .\(member)()", at: offset)
            }
        }
        if token.kind == .sign("[") {
            throw lexer.error("'[' was found, and values cannot be indexed", hint: "a list stands only after 'in'", at: token.offset)
        }
        return operand
    }

    private mutating func primary() throws(ExpressionError) -> Syntax {
        let start = token
        switch start.kind {
        case .integer(let magnitude):
            guard let value = Int64(exactly: magnitude) else {
                throw lexer.error("\(magnitude) does not fit in an int64", at: start.offset)
            }
            try advance()
            return Syntax(.literal(.int64(value)), at: start.offset)
        case .number(let value):
            try advance()
            return Syntax(.literal(.float64(value)), at: start.offset)
        case .text(let value):
            try advance()
            return Syntax(.literal(.string(value)), at: start.offset)
        case .sign("("):
            try advance()
            let inner = try expression()
            try expect(")")
            // Parentheses leave no trace in the tree, but an operand keeps its own name: (a).b is not a.b.
            if case .name = inner.kind, token.kind == .sign(".") { return try method(on: inner) }
            return inner
        case .sign("["):
            throw lexer.error("a list was found", hint: "a list stands only after 'in'", at: start.offset)
        case .name("true"), .name("false"):
            try advance()
            return Syntax(.literal(.bool(start.kind == .name("true"))), at: start.offset)
        case .name("null"):
            throw lexer.error("null is not a value here", hint: "ask has(x), or replace with x.orValue(v)", at: start.offset)
        case .name("in"):
            throw unexpected("a value")
        case .name(let name):
            try advance()
            guard token.kind == .sign("(") else { return Syntax(.name(name), at: start.offset) }
            let given = try arguments()
            if name == "timestamp" || name == "duration" { return try time(name, given, at: start.offset) }
            return try checked(Syntax(.call(receiver: nil, function: name, arguments: given), at: start.offset))
        case .sign, .end:
            throw unexpected("a value")
        }
    }

    /// The method call that must follow a parenthesised name and a dot.
    private mutating func method(on receiver: Syntax) throws(ExpressionError) -> Syntax {
        try advance()
        guard case .name(let member) = token.kind else { throw unexpected("the name of a method") }
        let offset = token.offset
        try advance()
        guard token.kind == .sign("(") else { throw unexpected("'(' after the method's name") }
        let given = try arguments()
        return try checked(Syntax(.call(receiver: receiver, function: member, arguments: given), at: offset))
    }

    private mutating func arguments() throws(ExpressionError) -> [Syntax] {
        try expect("(")
        return try elements(until: ")")
    }

    private mutating func list() throws(ExpressionError) -> [Syntax] {
        guard token.kind == .sign("[") else { throw unexpected("a list in brackets after 'in'") }
        try advance()
        return try elements(until: "]")
    }

    private mutating func elements(until close: String) throws(ExpressionError) -> [Syntax] {
        var elements: [Syntax] = []
        if token.kind == .sign(close) {
            try advance()
            return elements
        }
        while true {
            elements.append(try expression())
            if token.kind == .sign(close) {
                try advance()
                return elements
            }
            guard token.kind == .sign(",") else { throw unexpected("',' or '\(close)'") }
            try advance()
        }
    }

    /// `timestamp("…")` and `duration("…")` are literals: their text is read here, once.
    private func time(_ function: String, _ arguments: [Syntax], at offset: Int) throws(ExpressionError) -> Syntax {
        guard arguments.count == 1, case .literal(.string(let text)) = arguments[0].kind else {
            throw lexer.error("\(function)(…) takes one text in quotes", at: offset)
        }
        if function == "timestamp" {
            guard let value = Timestamp(rfc3339: text) else {
                throw lexer.error(
                    "'\(text)' is no RFC 3339 time in whole microseconds",
                    hint: "for example timestamp(\"2018-07-25T06:00:00Z\")", at: arguments[0].offset)
            }
            return Syntax(.literal(.timestamp(value)), at: offset)
        }
        guard let value = Timestamp.Span(signed: text) else {
            throw lexer.error(
                "'\(text)' is no length of time", hint: "a whole number and one of us, ms, s, m, h, d: duration(\"7d\")",
                at: arguments[0].offset)
        }
        return Syntax(.literal(.duration(value)), at: offset)
    }

    private mutating func advance() throws(ExpressionError) {
        token = try lexer.next()
    }

    private mutating func expect(_ sign: String) throws(ExpressionError) {
        guard token.kind == .sign(sign) else { throw unexpected("'\(sign)'") }
        try advance()
    }

    private mutating func enter() throws(ExpressionError) {
        nesting += 1
        if nesting > limits.depth { throw tooDeep(at: token.offset) }
    }

    private func checked(_ syntax: Syntax) throws(ExpressionError) -> Syntax {
        if syntax.depth > limits.depth { throw tooDeep(at: syntax.offset) }
        return syntax
    }

    private func tooDeep(at offset: Int) -> ExpressionError {
        ExpressionError(
            .limitExceeded, "the expression nests deeper than \(limits.depth) levels",
            at: ExpressionPosition(offset: offset, in: lexer.bytes))
    }

    private func unexpected(_ expected: String) -> ExpressionError {
        let hint: String? =
            switch token.kind {
            case .name("and"), .name("AND"): "'and' is written '&&'"
            case .name("or"), .name("OR"): "'or' is written '||'"
            case .name("not"), .name("NOT"): "'not' is written '!'"
            default: nil
            }
        return lexer.error("\(token.described) was found where \(expected) was expected", hint: hint, at: token.offset)
    }
}
