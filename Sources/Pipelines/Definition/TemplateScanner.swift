/// Cuts a text into what stands as it is and what is computed.
struct TemplateScanner {
    enum Part: Hashable {
        case literal(String)
        /// The text between `${` and `}`, and where it begins, in Unicode scalars of the whole.
        case expression(String, offset: Int)
    }

    /// An expression that is not closed: where its `${` stands.
    struct Unclosed: Error, Hashable {
        var offset: Int
    }

    /// `$${` is a literal `${`; any other `$` is itself. A `}` inside a text of an expression does not end it.
    static func parts(of text: String) throws(Unclosed) -> [Part] {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text.isEmpty ? [] : [.literal(text)] }
        let scalars = Array(text.unicodeScalars)
        var parts: [Part] = []
        var literal = String.UnicodeScalarView()
        func endLiteral() {
            if !literal.isEmpty { parts.append(.literal(String(literal))) }
            literal = String.UnicodeScalarView()
        }
        var position = 0
        while position < scalars.count {
            func has(_ scalar: Unicode.Scalar, _ distance: Int) -> Bool {
                position + distance < scalars.count && scalars[position + distance] == scalar
            }
            if has("$", 0), has("$", 1), has("{", 2) {
                literal.append(contentsOf: "${".unicodeScalars)
                position += 3
            } else if has("$", 0), has("{", 1) {
                endLiteral()
                guard let end = end(of: scalars, from: position + 2) else { throw Unclosed(offset: position) }
                var inner = String.UnicodeScalarView()
                inner.append(contentsOf: scalars[(position + 2)..<end])
                parts.append(.expression(String(inner), offset: position + 2))
                position = end + 1
            } else {
                literal.append(scalars[position])
                position += 1
            }
        }
        endLiteral()
        return parts
    }

    /// Where the `}` of an expression stands.
    private static func end(of scalars: [Unicode.Scalar], from start: Int) -> Int? {
        var quote: Unicode.Scalar?
        var isRaw = false
        var position = start
        while position < scalars.count {
            let scalar = scalars[position]
            if let open = quote {
                if scalar == "\\", !isRaw {
                    position += 1
                } else if scalar == open {
                    quote = nil
                }
            } else if scalar == "\"" || scalar == "'" {
                quote = scalar
                let before = position > start ? scalars[position - 1] : " "
                isRaw = before == "r" || before == "R"
            } else if scalar == "}" {
                return position
            }
            position += 1
        }
        return nil
    }
}
