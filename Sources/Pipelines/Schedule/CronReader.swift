/// Reads the text of one field.
///
/// ```
/// field   = item *("," item)
/// item    = span ["/" step] / span ["#" n] / "L" / "L" weekday / "?"
/// span    = "*" / value ["-" value]
/// ```
struct CronReader {
    private let field: CronField
    private let scalars: [Unicode.Scalar]
    private let start: Int
    private var position = 0
    private var matches = CronFieldMatches()

    /// Reads a field's text, which begins at `offset` of the whole.
    static func read(_ text: ArraySlice<Unicode.Scalar>, as field: CronField) throws(CronError) -> CronFieldMatches {
        var reader = CronReader(field: field, scalars: Array(text), start: text.startIndex)
        if text.count == 1, reader.next(is: "?"), field.kind == .dayOfMonth || field.kind == .dayOfWeek {
            reader.matchAll(step: 1)
            return reader.matches
        }
        repeat { try reader.item() } while reader.take(",")
        return reader.matches
    }

    private init(field: CronField, scalars: [Unicode.Scalar], start: Int) {
        self.field = field
        self.scalars = scalars
        self.start = start
    }

    private mutating func item() throws(CronError) {
        let first = position
        if position == scalars.count || next(is: ",") { throw .emptyItem(field, offset: start + position) }
        if next(is: "?") { throw .misplacedQuestionMark(field, offset: start + position) }
        if take("*") {
            matchAll(step: try step() ?? 1)
        } else if field.kind == .dayOfMonth, take("l") {
            matches.hasLastDay = true
        } else if field.kind == .dayOfWeek, take("l") {
            matches.ordinals[try value() % 7] |= 1
        } else {
            try span()
        }
        guard position == scalars.count || next(is: ",") else {
            throw .unexpected(
                field, found: text(position..<position + 1), after: text(first..<position), offset: start + position)
        }
    }

    /// `value` or `value-value`, either with a step or, in the day of week, an ordinal.
    private mutating func span() throws(CronError) {
        let low = try value()
        var high: Int?
        if take("-") { high = field.kind == .dayOfMonth && take("l") ? 31 : try value() }
        if field.kind == .dayOfWeek, take("#") {
            let ordinal = try ordinal()
            for value in values(from: low, to: high ?? low, step: 1) { matches.ordinals[value] |= 1 << UInt8(ordinal) }
            return
        }
        let step = try step()
        // `5/15` is `5-59/15`.
        match(values(from: low, to: high ?? (step == nil ? low : field.values.upperBound), step: step ?? 1))
    }

    /// The values of a range, which goes on at the field's first value where it ends before it begins: `FRI-MON`, `22-2`.
    private func values(from low: Int, to high: Int, step: Int) -> [Int] {
        let (first, size) = (field.values.lowerBound, field.values.count)
        var (low, high) = (low, high)
        if field.kind == .dayOfWeek, low == 7 { (low, high) = (0, high == 7 ? 0 : high) }
        if high < low { high += size }
        return stride(from: low, through: high, by: step).map { ($0 - first) % size + first }
    }

    private mutating func match(_ values: [Int]) {
        for value in values { matches.values |= 1 << UInt64(value) }
    }

    private mutating func matchAll(step: Int) {
        match(values(from: field.values.lowerBound, to: field.values.upperBound, step: step))
        if step == 1 { matches.isUnrestricted = true }
    }

    /// A number or a name of the field.
    private mutating func value() throws(CronError) -> Int {
        let begin = position
        let written = word()
        if let number = Int(written) {
            let top = field.kind == .dayOfWeek ? 7 : field.values.upperBound
            guard (field.values.lowerBound...top).contains(number) else { throw .outside(field, found: written, offset: start + begin) }
            return number
        }
        guard let index = field.names.firstIndex(of: written) else {
            throw .noValue(field, found: written, offset: start + begin)
        }
        return index + field.values.lowerBound
    }

    /// What stands after `/`; nil if there is no `/`.
    private mutating func step() throws(CronError) -> Int? {
        guard take("/") else { return nil }
        let begin = position
        let written = word()
        guard let step = Int(written), (1...9_999).contains(step) else { throw .badStep(field, found: written, offset: start + begin) }
        return step
    }

    private mutating func ordinal() throws(CronError) -> Int {
        let begin = position
        let written = word()
        guard let ordinal = Int(written), (1...5).contains(ordinal) else { throw .badOrdinal(found: written, offset: start + begin) }
        return ordinal
    }

    /// Digits or letters, whichever stand here, in lower case; if neither, the one character that does, unless it has a meaning.
    private mutating func word() -> String {
        let begin = position
        while position < scalars.count, ("0"..."9").contains(scalars[position]) { position += 1 }
        if position == begin {
            while position < scalars.count, scalars[position].properties.isAlphabetic { position += 1 }
        }
        if position == begin, position < scalars.count, !next(is: ","), !next(is: "/"), !next(is: "#") { position += 1 }
        return text(begin..<position).lowercased()
    }

    private func next(is scalar: Unicode.Scalar) -> Bool {
        position < scalars.count && scalars[position].properties.lowercaseMapping == String(scalar)
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next(is: scalar) else { return false }
        position += 1
        return true
    }

    private func text(_ range: Range<Int>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars[range])
        return text
    }
}
