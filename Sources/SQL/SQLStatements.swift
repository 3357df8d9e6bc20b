/// What is known of a text of SQL before an engine reads it: where its statements end, and the parameters that each names.
///
/// ```swift
/// let text = try SQLStatements("CREATE TABLE t AS FROM read_csv($file); SELECT count(*) AS n FROM t WHERE note <> ';$x'")
/// text.statements.map(\.parameters)    // [["file"], []]
/// ```
///
/// `${` is refused wherever it stands: where a value is meant, `$name` is written. Texts in quotes (`'…'`, `E'…'`, `"…"`, `$tag$…$tag$`) and comments are passed over as DuckDB and PostgreSQL do. Whether the
/// statements mean anything is the engine's to say.
///
/// - Complexity: O(length).
public struct SQLStatements: Hashable, Sendable {
    public struct Statement: Hashable, Sendable {
        /// Without the `;` that ends it.
        public var text: String
        /// The names after `$`, in small letters.
        public var parameters: Set<String>
    }

    /// Why a text cannot be cut, and where, in Unicode scalars.
    public struct Failure: Error, Hashable, Sendable {
        public var offset: Int
        public var message: String
        public var hint: String
    }

    /// Those that hold more than space and comments; at least one.
    public let statements: [Statement]

    /// All parameters that are named.
    public var parameters: Set<String> { statements.reduce(into: []) { $0.formUnion($1.parameters) } }

    public init(_ text: String) throws(Failure) {
        var scanner = StatementScanner(text)
        try scanner.scan()
        statements = scanner.statements
        if statements.isEmpty { throw Failure(offset: 0, message: "holds no statement", hint: "write one, as in SELECT 1 AS one") }
    }
}

private struct StatementScanner {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var start = 0
    private var isEmpty = true
    private var names: Set<String> = []
    var statements: [SQLStatements.Statement] = []

    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
    }

    mutating func scan() throws(SQLStatements.Failure) {
        // Also within a text in quotes, where it would be a text and no value.
        if let place = scalars.indices.first(where: { scalars[$0] == "$" && $0 + 1 < scalars.count && scalars[$0 + 1] == "{" }) {
            throw failure(place, "holds '${', and nothing is put into its text", "name the value under 'parameters' and write $name here")
        }
        while position < scalars.count {
            let scalar = scalars[position]
            switch scalar {
            case ";":
                end()
                position += 1
                start = position
            case "-" where has("-", 1): skipLine()
            case "/" where has("*", 1): try skipComment()
            case "'", "\"": try skipQuoted(by: scalar, escapes: false)
            case "$": try skipDollar()
            case "?":
                throw failure(position, "holds '?', a parameter without a name", "name it: write $day, and give 'day' under 'parameters'")
            case _ where isNameStart(scalar): try skipName()
            default:
                if !scalar.properties.isWhitespace { isEmpty = false }
                position += 1
            }
        }
        end()
    }

    private mutating func end() {
        if !isEmpty {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[start..<min(position, scalars.count)])
            statements.append(.init(text: String(text), parameters: names))
        }
        (isEmpty, names) = (true, [])
    }

    private func has(_ scalar: Unicode.Scalar, _ distance: Int) -> Bool {
        position + distance < scalars.count && scalars[position + distance] == scalar
    }

    private func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.value >= 128 || (scalar.properties.isAlphabetic && scalar.isASCII)
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private func failure(_ offset: Int, _ message: String, _ hint: String) -> SQLStatements.Failure {
        SQLStatements.Failure(offset: offset, message: message, hint: hint)
    }

    private mutating func skipLine() {
        while position < scalars.count, scalars[position] != "\n" { position += 1 }
    }

    /// They nest.
    private mutating func skipComment() throws(SQLStatements.Failure) {
        let open = position
        var depth = 0
        repeat {
            guard position < scalars.count else { throw failure(open, "holds a comment that is not closed", "close it by */") }
            if has("/", 0), has("*", 1) {
                (depth, position) = (depth + 1, position + 2)
            } else if has("*", 0), has("/", 1) {
                (depth, position) = (depth - 1, position + 2)
            } else {
                position += 1
            }
        } while depth > 0
    }

    /// A doubled quote stands for itself: it closes one text and opens the next.
    private mutating func skipQuoted(by quote: Unicode.Scalar, escapes: Bool) throws(SQLStatements.Failure) {
        isEmpty = false
        let open = position
        position += 1
        while position < scalars.count, scalars[position] != quote {
            position += escapes && scalars[position] == "\\" ? 2 : 1
        }
        guard position < scalars.count else { throw failure(open, "holds a text that is not closed", "close it by \(quote)") }
        position += 1
    }

    /// A name or keyword, in which `$` may stand.
    private mutating func skipName() throws(SQLStatements.Failure) {
        isEmpty = false
        let first = position
        while position < scalars.count, isNameStart(scalars[position]) || isDigit(scalars[position]) || scalars[position] == "$" {
            position += 1
        }
        if position == first + 1, scalars[first] == "e" || scalars[first] == "E", has("'", 0) { try skipQuoted(by: "'", escapes: true) }
    }

    /// A parameter, or a text between equal tags.
    private mutating func skipDollar() throws(SQLStatements.Failure) {
        isEmpty = false
        let open = position
        position += 1
        var name = String.UnicodeScalarView()
        while position < scalars.count, isNameStart(scalars[position]) || (!name.isEmpty && isDigit(scalars[position])) {
            name.append(scalars[position])
            position += 1
        }
        guard has("$", 0) else {
            if name.isEmpty {
                throw failure(open, "holds '$' without a name", "parameters have names: write $day, and give 'day' under 'parameters'")
            }
            names.insert(String(name).lowercased())
            return
        }
        position += 1
        let tag = Array(scalars[open..<position])
        while position + tag.count <= scalars.count {
            if scalars[position] == "$", scalars[position..<(position + tag.count)].elementsEqual(tag) {
                position += tag.count
                return
            }
            position += 1
        }
        throw failure(open, "holds a text that is not closed", "close it by \(String(String.UnicodeScalarView(tag)))")
    }
}
