package import MartletFrames

/// Reads texts of project files as values: numbers, spans, dates, names.
package struct NodeValues {
    package let errors: ErrorCollector
    /// What the value is, for sentences: `the key 'delay' of stream 'orders'`.
    package let subject: String

    package init(_ errors: ErrorCollector, _ subject: String) {
        self.errors = errors
        self.subject = subject
    }

    package func wrong(_ node: LocatedNode, expected: String, hint: String? = nil) {
        errors.add(
            .wrongValue, at: node.place, "\(subject) must be \(expected), found \(node.summary)", found: node.summary,
            expected: expected, hint: hint)
    }

    /// A text that is not empty.
    package func text(_ node: LocatedNode) -> Located<String>? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull, !scalar.text.isEmpty else {
            wrong(node, expected: "a text")
            return nil
        }
        return Located(scalar.text, node.place)
    }

    package func bool(_ node: LocatedNode) -> Located<Bool>? {
        if case .scalar(let scalar) = node.content, scalar.style == .plain {
            if scalar.text == "true" { return Located(true, node.place) }
            if scalar.text == "false" { return Located(false, node.place) }
        }
        wrong(node, expected: "true or false")
        return nil
    }

    package func integer(_ node: LocatedNode, in range: ClosedRange<Int64>) -> Located<Int64>? {
        let expected =
            range.upperBound == .max ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard case .scalar(let scalar) = node.content, scalar.style == .plain,
            let number = NodeValues.integer(scalar.text), range.contains(number)
        else {
            wrong(node, expected: range == .min ... .max ? "a whole number" : expected)
            return nil
        }
        return Located(number, node.place)
    }

    package func number(_ node: LocatedNode, in range: ClosedRange<Double>) -> Located<Double>? {
        let unbounded = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
        let expected =
            range == unbounded ? "a number"
            : range.upperBound == unbounded.upperBound ? "a number of at least \(NodeValues.plain(range.lowerBound))"
            : "a number from \(NodeValues.plain(range.lowerBound)) to \(NodeValues.plain(range.upperBound))"
        guard case .scalar(let scalar) = node.content, scalar.style == .plain,
            let number = NodeValues.number(scalar.text), range.contains(number)
        else {
            wrong(node, expected: expected)
            return nil
        }
        return Located(number, node.place)
    }

    /// A share of a whole: `60%` or `0.6`.
    package func share(_ node: LocatedNode) -> Located<Double>? {
        if case .scalar(let scalar) = node.content {
            if scalar.text.hasSuffix("%"), let number = NodeValues.number(String(scalar.text.dropLast())), number > 0, number < 100 {
                return Located(number / 100, node.place)
            }
            if let number = NodeValues.number(scalar.text), number > 0, number < 1 { return Located(number, node.place) }
        }
        wrong(node, expected: "a share between 0% and 100%", hint: "write it as 80%")
        return nil
    }

    package func span(_ node: LocatedNode, atLeast low: Timestamp.Span = .zero) -> Located<Timestamp.Span>? {
        guard case .scalar(let scalar) = node.content, let span = Timestamp.Span(scalar.text) else {
            wrong(
                node, expected: "a span of time",
                hint: "write a whole number and one unit: 7d, 12h, 30m, 45s, 250ms, 10us")
            return nil
        }
        guard span >= low, span <= NodeValues.spanLimit else {
            errors.add(
                .wrongValue, at: node.place,
                "\(subject) must be a span from \(low == Timestamp.Span(microseconds: 1) ? "above zero" : low.description) to \(NodeValues.spanLimit), found '\(scalar.text)'",
                found: scalar.text)
            return nil
        }
        return Located(span, node.place)
    }

    /// A hundred years: beyond it, sums of a time and a few spans could leave the calendar.
    package static let spanLimit = Timestamp.Span.days(36_525)

    /// One text, or a list of at least one.
    package func texts(_ node: LocatedNode) -> [Located<String>] {
        switch node.content {
        case .scalar: return text(node).map { [$0] } ?? []
        case .list(let items):
            if items.isEmpty { wrong(node, expected: "a text or a list of texts") }
            return items.compactMap { text($0) }
        case .map:
            wrong(node, expected: "a text or a list of texts")
            return []
        }
    }

    /// A name that can stand in expressions and file names: a letter or `_`, then letters, digits and `_`, at most 100.
    package func name(_ text: Located<String>, what: String) -> Located<String>? {
        if NodeValues.isName(text.value) { return text }
        errors.add(
            .wrongValue, at: text.place, "'\(text.value.shortened(to: 60))' cannot be the name of a \(what)", found: text.value,
            expected: "a name", hint: "a name is a letter or _, then up to 99 letters, digits or _")
        return nil
    }

    package static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 100 else { return false }
        func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 }
        return isLetter(first) && text.utf8.allSatisfy { isLetter($0) || (48...57).contains($0) }
    }

    /// A whole number in decimal digits, with an optional sign and `_` between digits.
    package static func integer(_ text: String) -> Int64? {
        guard let last = text.utf8.last, last != 95, text.utf8.first != 95 else { return nil }
        return Int64(text.filter { $0 != "_" })
    }

    /// A finite decimal number.
    package static func number(_ text: String) -> Double? {
        let isDecimal = text.utf8.allSatisfy { (48...57).contains($0) || "+-.eE_".utf8.contains($0) }
        guard isDecimal, let last = text.utf8.last, last != 95, text.utf8.first != 95,
            let number = Double(text.filter { $0 != "_" }), number.isFinite
        else { return nil }
        return number
    }

    /// A number without a needless fraction: `1`, `0.5`.
    package static func plain(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
    }

    /// A value of a given type, as a literal in a definition.
    package func value(_ node: LocatedNode, of type: ValueType) -> Value? {
        if case .scalar(let scalar) = node.content {
            switch type {
            case .bool:
                if scalar.style == .plain, scalar.text == "true" { return .bool(true) }
                if scalar.style == .plain, scalar.text == "false" { return .bool(false) }
            case .int64:
                if let number = NodeValues.integer(scalar.text), scalar.style == .plain { return .int64(number) }
            case .float64:
                if let number = NodeValues.number(scalar.text), scalar.style == .plain {
                    return .float64(number == 0 ? 0 : number)
                }
            case .string:
                if !scalar.isNull { return .string(scalar.text) }
            case .timestamp:
                break
            }
        }
        wrong(node, expected: type == .timestamp ? "of a type other than timestamp" : "a \(type.rawValue)")
        return nil
    }
}
