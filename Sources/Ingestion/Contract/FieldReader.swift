internal import MartletBytes
internal import MartletFrames

/// Reads one field of many rows into a column.
struct FieldReader: Sendable {
    let field: ContractField
    private let trims: Bool
    private let textRules: [(index: Int, rule: CleanRule)]
    private let low: (index: Int, value: Double)?
    private let high: (index: Int, value: Double)?
    private let fill: (index: Int, value: Value)?
    private let missingTexts: [[UInt8]]
    private let localTime: @Sendable (CivilDate) -> Timestamp?
    private let valueBytes: Int
    private let textBytes: Int

    /// What reading gave: a column with zeros where a row is faulty, and how often each repair was made.
    struct Output {
        var column: Column
        var faults: [(row: Int, fault: DeadLetter.Fault)] = []
        var repairs: [Int]
        var repairedRows: [Int] = []
    }

    init(
        _ field: ContractField, localTime: @escaping @Sendable (CivilDate) -> Timestamp?,
        limits: ContractParser.Limits
    ) {
        self.field = field
        self.localTime = localTime
        valueBytes = limits.valueBytes
        textBytes = limits.textBytes
        missingTexts = field.missingTexts.map { Array($0.utf8) }
        var textRules: [(Int, CleanRule)] = []
        var (low, high, fill): ((Int, Double)?, (Int, Double)?, (Int, Value)?)
        for (index, rule) in field.clean.enumerated() {
            switch rule {
            case .trim, .map: textRules.append((index, rule))
            case .clamp(let lowest, let highest):
                if let lowest { low = (index, lowest) }
                if let highest { high = (index, highest) }
            case .fill(let value): fill = (index, value)
            }
        }
        self.textRules = textRules
        trims = !textRules.isEmpty
        self.low = low
        self.high = high
        self.fill = fill
    }

    /// What one cell says before its type is looked at.
    private enum Cell {
        case missing
        case text(UnsafeRawBufferPointer)
        /// JSON's own kinds, which only some types take.
        case other(TextRows.Kind, UnsafeRawBufferPointer)
    }

    /// - Parameter column: which cell of each row; nil if the input has no such column.
    func read(_ rows: TextRows, column: Int?) -> Output {
        var output = Output(
            column: Column(repeating: .missing, type: field.type, count: 0),
            repairs: field.clean.map { _ in 0 })
        rows.raw.withUnsafeBytes { raw in
            rows.unescaped.withUnsafeBytes { unescaped in
                rows.cells.withUnsafeBufferPointer { cells in
                    let source = Source(
                        raw: raw, unescaped: unescaped, cells: cells, width: rows.width, column: column)
                    output.column = read(source, count: rows.count, into: &output)
                }
            }
        }
        return output
    }

    private struct Source {
        let raw: UnsafeRawBufferPointer
        let unescaped: UnsafeRawBufferPointer
        let cells: UnsafeBufferPointer<TextRows.Cell>
        let width: Int
        let column: Int?

        @inline(__always)
        func cell(_ row: Int) -> (kind: TextRows.Kind, text: UnsafeRawBufferPointer) {
            guard let column else { return (.absent, UnsafeRawBufferPointer(start: nil, count: 0)) }
            let cell = cells[row * width + column]
            let bytes = cell.isUnescaped ? unescaped : raw
            return (cell.kind, UnsafeRawBufferPointer(rebasing: bytes[Int(cell.start)..<Int(cell.end)]))
        }
    }

    private func read(_ source: Source, count: Int, into output: inout Output) -> Column {
        switch field.type {
        case .bool:
            var values = Bitmap()
            values.reserveCapacity(count)
            let validity = each(
                source, count: count, &output, append: { values.append($0) }, zero: false, read: bool)
            return Column(.bool(values), validity: validity)
        case .int64:
            var values: [Int64] = []
            values.reserveCapacity(count)
            let validity = each(
                source, count: count, &output, append: { values.append($0) }, zero: 0, read: int64)
            clamp(&values, validity, &output)
            return Column(.int64(values), validity: validity)
        case .float64:
            var values: [Double] = []
            values.reserveCapacity(count)
            let validity = each(
                source, count: count, &output, append: { values.append($0) }, zero: 0, read: float64)
            clamp(&values, validity, &output)
            return Column(.float64(values), validity: validity)
        case .timestamp:
            var values: [Int64] = []
            values.reserveCapacity(count)
            let validity = each(
                source, count: count, &output, append: { values.append($0) }, zero: 0, read: timestamp)
            return Column(.timestamp(values), validity: validity)
        case .string:
            var values = StringStorage()
            values.reserveCapacity(rows: count, bytes: 0)
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            let validity = each(
                source, count: count, &output, append: { values.append(utf8: $0) }, zero: empty, read: string)
            return Column(.string(values), validity: validity)
        }
    }

    /// Reads every row: appends its value, or zero where it is missing or faulty.
    @inline(__always)
    private func each<Element>(
        _ source: Source, count: Int, _ output: inout Output, append: (Element) -> Void, zero: Element,
        read: (TextRows.Kind, UnsafeRawBufferPointer) -> Element?
    ) -> Bitmap? {
        var validity: Bitmap?
        for row in 0..<count {
            var (kind, text) = source.cell(row)
            // Lives as long as the value that may point into it.
            var repaired: [UInt8] = []
            if trims, kind == .text || kind == .string {
                if repair(&text, into: &repaired, row: row, &output) { kind = .text }
            }
            let isMissing =
                switch kind {
                case .absent, .null: true
                case .text: text.count == 0 || isMissingText(text)
                case .string: isMissingText(text)
                default: false
                }
            if isMissing {
                if let fill {
                    output.repairs[fill.index] += 1
                    output.repairedRows.append(row)
                    if validity == nil { validity = Bitmap(repeating: true, count: row) }
                    validity?.append(false)
                    append(zero)
                    continue
                }
                if validity == nil { validity = Bitmap(repeating: true, count: row) }
                validity?.append(false)
                append(zero)
                if !field.isOptional { output.faults.append((row, missing(kind))) }
                continue
            }
            let value: Element? = withExtendedLifetime(repaired) {
                if repaired.isEmpty { return read(kind, text) }
                // The value is appended inside, while the repaired bytes are lent.
                return repaired.withUnsafeBytes { lent in
                    guard let value = read(.text, lent) else { return nil }
                    append(value)
                    return value
                }
            }
            if let value {
                if repaired.isEmpty { append(value) }
                validity?.append(true)
            } else {
                append(zero)
                validity?.append(true)
                let shown = repaired.isEmpty ? text : nil
                output.faults.append((row, wrong(kind, shown.map(Array.init) ?? repaired)))
            }
        }
        return validity
    }

    // MARK: Types

    private func bool(_ kind: TextRows.Kind, _ text: UnsafeRawBufferPointer) -> Bool? {
        switch kind {
        case .text, .number: TypedText.bool(text)
        case .yes: true
        case .no: false
        default: nil
        }
    }

    private func int64(_ kind: TextRows.Kind, _ text: UnsafeRawBufferPointer) -> Int64? {
        kind == .text || kind == .number ? TypedText.int64(text) : nil
    }

    private func float64(_ kind: TextRows.Kind, _ text: UnsafeRawBufferPointer) -> Double? {
        kind == .text || kind == .number ? TypedText.float64(text) : nil
    }

    private func string(_ kind: TextRows.Kind, _ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard kind == .text || kind == .string, text.count <= textBytes else { return nil }
        return text
    }

    private func timestamp(_ kind: TextRows.Kind, _ text: UnsafeRawBufferPointer) -> Int64? {
        guard kind == .text || kind == .string || kind == .number else { return nil }
        if kind != .number {
            switch TypedText.time(text) {
            case .moment(let moment)?: return moment.microseconds
            case .civil(let date)?: return localTime(date)?.microseconds
            case nil: break
            }
        }
        guard kind != .string, let unit = field.timeUnit else { return nil }
        return TypedText.time(text, unit: unit)?.microseconds
    }

    // MARK: Repairs

    /// Applies `trim` and `map` in order; whether a map replaced the text, which then is `repaired`.
    private func repair(
        _ text: inout UnsafeRawBufferPointer, into repaired: inout [UInt8], row: Int, _ output: inout Output
    ) -> Bool {
        var isMapped = false
        var changed = false
        for (index, rule) in textRules {
            switch rule {
            case .trim:
                if isMapped { continue }
                var (start, end) = (0, text.count)
                while start < end, Self.isSpace(text[start]) { start += 1 }
                while end > start, Self.isSpace(text[end - 1]) { end -= 1 }
                if end - start == text.count { continue }
                text = UnsafeRawBufferPointer(rebasing: text[start..<end])
                output.repairs[index] += 1
                changed = true
            case .map(let texts):
                let key =
                    isMapped
                    ? String(decoding: repaired, as: UTF8.self) : String(decoding: text, as: UTF8.self)
                guard let replacement = texts[key] else { continue }
                repaired = Array(replacement.utf8)
                isMapped = true
                output.repairs[index] += 1
                changed = true
            default: break
            }
        }
        if changed { output.repairedRows.append(row) }
        // A text mapped to nothing is missing, like an empty cell.
        if isMapped, repaired.isEmpty || isMissing(repaired) {
            repaired = []
            text = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return isMapped
    }

    private func clamp(_ values: inout [Double], _ validity: Bitmap?, _ output: inout Output) {
        guard low != nil || high != nil else { return }
        for row in values.indices where validity?[row] ?? true {
            if let low, values[row] < low.value {
                values[row] = low.value
                output.repairs[low.index] += 1
                output.repairedRows.append(row)
            } else if let high, values[row] > high.value {
                values[row] = high.value
                output.repairs[high.index] += 1
                output.repairedRows.append(row)
            }
        }
    }

    private func clamp(_ values: inout [Int64], _ validity: Bitmap?, _ output: inout Output) {
        guard low != nil || high != nil else { return }
        // The contract was checked: bounds of an integer field are integers.
        let lowest = low.flatMap { Self.integer($0.value) } ?? .min
        let highest = high.flatMap { Self.integer($0.value) } ?? .max
        for row in values.indices where validity?[row] ?? true {
            if let low, values[row] < lowest {
                values[row] = lowest
                output.repairs[low.index] += 1
                output.repairedRows.append(row)
            } else if let high, values[row] > highest {
                values[row] = highest
                output.repairs[high.index] += 1
                output.repairedRows.append(row)
            }
        }
    }

    /// The integer that a double is; without the math library that `Int64(exactly:)` links.
    static func integer(_ value: Double) -> Int64? {
        guard value.magnitude < 9.2e18 else { return nil }
        return Double(Int64(value)) == value ? Int64(value) : nil
    }

    /// The column with the declared value in place of missing ones.
    func filled(_ column: Column) -> Column {
        guard let fill, column.missingCount > 0 else { return column }
        var builder = ColumnBuilder(column.type, reserving: column.count)
        for row in 0..<column.count {
            if column.isMissing(row) {
                builder.append(fill.value)
            } else {
                builder.append(from: column, row: row)
            }
        }
        return builder.finish()
    }

    private func isMissingText(_ text: UnsafeRawBufferPointer) -> Bool {
        for missing in missingTexts where missing.count == text.count {
            if missing.elementsEqual(text) { return true }
        }
        return false
    }

    private func isMissing(_ text: [UInt8]) -> Bool { missingTexts.contains(text) }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }

    // MARK: Sentences

    private func missing(_ kind: TextRows.Kind) -> DeadLetter.Fault {
        let what =
            switch kind {
            case .absent: "it is not there"
            case .null: "null was found"
            default: "it is empty or a text that means missing"
            }
        return DeadLetter.Fault(
            .missingField, field: field.name, message: "field '\(field.name)' must have a value, and \(what)")
    }

    private func wrong(_ kind: TextRows.Kind, _ bytes: [UInt8]) -> DeadLetter.Fault {
        let value = Self.shortened(bytes, to: valueBytes)
        let name = field.name
        if field.type == .string, bytes.count > textBytes {
            return DeadLetter.Fault(
                .oversized, field: name, value: value,
                message:
                    "field '\(name)' has a text of \(bytes.count) bytes where at most \(textBytes) are allowed"
            )
        }
        let found =
            switch kind {
            case .string: "the text \"\(value)\""
            case .number: "the number \(value)"
            case .yes: "true"
            case .no: "false"
            case .compound: "an array or object"
            default: "'\(value)'"
            }
        let expected =
            switch field.type {
            case .bool: "true or false (also yes, no, 1, 0)"
            case .int64: "a whole number of 64 bits"
            case .float64: "a finite number"
            case .string: "a text"
            case .timestamp:
                field.timeUnit.map { "a time, or a number of \($0.rawValue) since 1970" }
                    ?? "a time such as 2018-07-25T06:00:00Z"
            }
        var hint = ""
        let isSpaced = bytes.first.map(Self.isSpace) == true || bytes.last.map(Self.isSpace) == true
        if isSpaced {
            hint = "; it has white space around it, which 'clean: [trim]' removes"
        } else if field.type == .timestamp, field.timeUnit == nil, Double(value) != nil {
            hint = "; to read numbers as times, give the field a 'unit:'"
        } else if ["nan", "na", "null", "none", "inf", "?", "-", "n/a"].contains(value.lowercased()) {
            hint = "; if it means a missing value, declare it as one of the field's missing texts"
        }
        return DeadLetter.Fault(
            field.type == .timestamp ? .badTime : .wrongType, field: name, value: value,
            message: "field '\(name)' should be \(expected), and \(found) was found\(hint)")
    }

    /// The first characters of a text, within a number of bytes.
    static func shortened(_ bytes: [UInt8], to limit: Int) -> String {
        guard bytes.count > limit else { return String(decoding: bytes, as: UTF8.self) }
        var end = max(0, limit)
        while end > 0, UTF8Check.isContinuation(bytes[end]) { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self) + "…"
    }
}
