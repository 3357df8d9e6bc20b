internal import MartletBytes

/// Reads a table of comma-separated values piece by piece (RFC 4180).
///
/// The first row names the columns. Cells may be quoted, and quoted cells may hold delimiters, line breaks and
/// doubled quotes. Lines end with LF or CRLF; a byte order mark and blank lines are passed over. A row that cannot be
/// split (wrong number of cells, a stray or unclosed quote, NUL, no UTF-8, too long) becomes a dead letter, and
/// reading goes on behind its first line; behind a row that is too long, where its quotes close.
///
/// ```swift
/// var reader = CSVReader()
/// reader.append(chunk)
/// while let rows = try reader.nextRows(limit: 8_192), !rows.isEmpty { … }
/// reader.finish()
/// while let rows = try reader.nextRows(limit: 8_192), !rows.isEmpty { … }
/// ```
///
/// Memory is bounded by one chunk, one batch and one row of the greatest size.
public struct CSVReader: Sendable {
    public struct Limits: Sendable {
        /// The most bytes that one row may have.
        public var rowBytes: Int
        public var columns: Int

        public init(rowBytes: Int = 1 << 20, columns: Int = 4_096) {
            self.rowBytes = rowBytes
            self.columns = columns
        }
    }

    private let delimiter: UInt8
    private let limits: Limits
    /// The names of the columns, once the first row was read.
    public private(set) var header: [String]?
    private var pending: [UInt8] = []
    /// How much of `pending` was read; dropped when it is most of it, so that batches do not move what is left.
    private var head = 0
    private var isFinished = false
    private var isAtStart = true
    private var line = 1
    /// An unfinished row is looked at again only when so many bytes are there, so that small chunks cost no more.
    private var retryAt = 0
    /// Set while the rest of a row that was too long is passed over: whether that is inside quotes.
    private var passing: Bool?

    public init(delimiter: UInt8 = UInt8(ascii: ","), limits: Limits = Limits()) {
        self.delimiter = delimiter
        self.limits = limits
    }

    /// Takes the next bytes of the input.
    ///
    /// - Precondition: less than 2 GiB wait to be read.
    public mutating func append(_ chunk: UnsafeRawBufferPointer) {
        precondition(pending.count - head + chunk.count < 1 << 31, "more than 2 GiB of text wait to be read")
        if head > pending.count / 2 {
            pending.removeFirst(head)
            head = 0
        }
        pending.append(contentsOf: chunk)
    }

    public mutating func append(_ chunk: [UInt8]) {
        chunk.withUnsafeBytes { append($0) }
    }

    /// Says that the input has ended, so that a last row without line end is one.
    public mutating func finish() {
        isFinished = true
    }

    /// The delimiter that a header most likely uses: of comma, semicolon, tab and bar the most frequent one.
    public static func delimiter(ofHeader line: some Sequence<UInt8>) -> UInt8 {
        var counts: [(delimiter: UInt8, count: Int)] = [(0x2C, 0), (0x3B, 0), (0x09, 0), (0x7C, 0)]
        var isQuoted = false
        for byte in line {
            if byte == 0x0A, !isQuoted { break }
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if !isQuoted, let index = counts.firstIndex(where: { $0.delimiter == byte }) {
                counts[index].count += 1
            }
        }
        return counts.reduce(counts[0]) { $1.count > $0.count ? $1 : $0 }.delimiter
    }

    /// The next complete rows; nil while the header is not complete. An empty batch means that more bytes are needed.
    ///
    /// - Throws: ``IngestionError`` if the header cannot be used.
    public mutating func nextRows(limit: Int) throws(IngestionError) -> TextRows? {
        if isAtStart {
            guard pending.count >= 3 || isFinished else { return nil }
            isAtStart = false
            if pending.starts(with: [0xEF, 0xBB, 0xBF]) { head = 3 }
            if pending.starts(with: [0xFF, 0xFE]) || pending.starts(with: [0xFE, 0xFF]) {
                throw IngestionError(
                    .notText, "the file is UTF-16", hint: "convert it: iconv -f UTF-16 -t UTF-8")
            }
        }
        if header == nil {
            guard let names = try readHeader() else {
                guard isFinished else { return nil }
                throw IngestionError(.badHeader, "the file has no header: it is empty")
            }
            header = names
        }
        return readRows(limit: limit, width: header?.count ?? 0)
    }

    /// How many bytes are looked at for one row: the longest row and its line end.
    private var window: Int { limits.rowBytes + 3 }

    // MARK: The header

    private mutating func readHeader() throws(IngestionError) -> [String]? {
        while head < pending.count, pending[head] == 0x0A || pending[head] == 0x0D {
            if pending[head] == 0x0A { line += 1 }
            head += 1
        }
        guard head < pending.count else { return nil }
        var table = TextRows(width: 0, raw: [])
        let (outcome, length, lines, cellCount) = split(into: &table, at: head)
        switch outcome {
        case .incomplete:
            guard length < window else {
                throw IngestionError(.badHeader, "the header has more than \(limits.rowBytes) bytes")
            }
            return nil
        case .blank: return nil
        case .fault(let fault, _):
            throw IngestionError(.badHeader, "the header on line \(line) cannot be read: \(fault.message)")
        case .row: break
        }
        take(head + length, into: &table)
        var names: [String] = []
        for cell in table.cells[..<cellCount] {
            let range = Int(cell.start)..<Int(cell.end)
            let bytes = cell.isUnescaped ? table.unescaped[range] : table.raw[range]
            guard let name = String(validating: bytes, as: UTF8.self) else {
                throw IngestionError(
                    .notText, "the header is not UTF-8 text", hint: "convert the file: iconv -t UTF-8")
            }
            guard !name.isEmpty else {
                throw IngestionError(.badHeader, "column \(names.count + 1) of the header has no name")
            }
            guard !names.contains(name) else {
                throw IngestionError(.badHeader, "the header names the column '\(name)' twice")
            }
            names.append(name)
        }
        line += lines
        return names
    }

    // MARK: Rows

    private mutating func readRows(limit: Int, width: Int) -> TextRows {
        var rows = TextRows(width: width, raw: [])
        if passing != nil { passOver() }
        let base = head
        var position = base
        if pending.count - position < retryAt, !isFinished { return rows }
        retryAt = 0
        rows.cells.reserveCapacity(min(limit, (pending.count - head) / max(1, width)) * width)
        // Dead letters count as well, so that a batch of bad rows is bounded too.
        while rows.count + rows.rejected.count < limit, position < pending.count {
            let firstCell = rows.cells.count
            let (outcome, length, lines, cellCount) = split(into: &rows, at: position)
            let end = position + length
            switch outcome {
            case .incomplete:
                if length == window {
                    rows.cells.removeSubrange(firstCell...)
                    reject(&rows, fault: oversized(), position..<(position + limits.rowBytes))
                    passing = endsInQuotes(position..<end)
                    line += lines
                    position = end
                } else if end - position > 64 << 10 {
                    retryAt = min(2 * (end - position), window)
                }
                take(position, into: &rows)
                return rows
            case .blank: rows.cells.removeSubrange(firstCell...)
            case .fault(let fault, let resume):
                rows.cells.removeSubrange(firstCell...)
                let resumeAt = position + resume
                reject(&rows, fault: fault, position..<resumeAt)
                line += 1
                position = resumeAt
                continue
            case .row:
                let content = position..<(end - lineEnd(before: end))
                if content.count > limits.rowBytes {
                    rows.cells.removeSubrange(firstCell...)
                    reject(&rows, fault: oversized(), position..<(position + limits.rowBytes))
                } else if cellCount != width {
                    rows.cells.removeSubrange(firstCell...)
                    let fault = DeadLetter.Fault(
                        .malformedCSV,
                        message: "the row has \(cellCount) cells where the header names \(width) columns")
                    reject(&rows, fault: fault, content)
                } else if let fault = textFault(content) {
                    rows.cells.removeSubrange(firstCell...)
                    reject(&rows, fault: fault, content)
                } else {
                    rows.rowRanges.append((content.lowerBound - base)..<(content.upperBound - base))
                    rows.places.append(.line(line))
                }
            }
            position = end
            line += lines
        }
        take(position, into: &rows)
        return rows
    }

    /// Copies the bytes of what was read into the batch.
    private mutating func take(_ end: Int, into rows: inout TextRows) {
        rows.raw = Array(pending[head..<end])
        head = end
    }

    private enum Outcome {
        case incomplete, blank, row
        /// - Parameter resume: where reading goes on, from the start of the row.
        case fault(DeadLetter.Fault, resume: Int)
    }

    /// Splits the row that starts at a position, appending its cells.
    ///
    /// - Returns: what it is, the length with line end (or, if incomplete, of all that is there), the number of
    ///   line ends in it and of its cells.
    private func split(
        into rows: inout TextRows, at position: Int
    ) -> (outcome: Outcome, length: Int, lines: Int, cells: Int) {
        // `pending` is lent as a raw buffer: this loop is the hot one.
        var cells = rows.cells
        rows.cells = []
        var unescaped = rows.unescaped
        rows.unescaped = []
        defer {
            rows.cells = cells
            rows.unescaped = unescaped
        }
        let quote = UInt8(ascii: "\"")
        let base = head
        return pending.withUnsafeBytes { bytes in
            // No more than the longest row is looked at, so that what a row is never depends on how it came in pieces.
            let count = min(bytes.count, position + window)
            let isFinished = isFinished && count == bytes.count
            var index = position
            var lines = 0
            var cellCount = 0
            var firstLineEnd: Int?
            func fault(_ message: String, at index: Int) -> (Outcome, Int, Int, Int) {
                // Reading goes on behind the first line: a stray quote must not swallow the good rows after it.
                var resume = firstLineEnd ?? index
                if firstLineEnd == nil {
                    while resume < count, bytes[resume] != 0x0A { resume += 1 }
                    if resume == count, !isFinished {
                        return (.incomplete, count - position, lines, cellCount)
                    }
                    resume = min(count, resume + 1)
                }
                return (
                    .fault(DeadLetter.Fault(.malformedCSV, message: message), resume: resume - position), 0,
                    1, cellCount
                )
            }
            while true {
                if index < count, bytes[index] == quote {
                    let start = index + 1
                    index = start
                    var isEscaped = false
                    while true {
                        while index < count, bytes[index] != quote {
                            if bytes[index] == 0x0A {
                                lines += 1
                                if firstLineEnd == nil { firstLineEnd = index + 1 }
                            }
                            index += 1
                        }
                        if index >= count {
                            guard isFinished else { return (.incomplete, count - position, lines, cellCount) }
                            return fault("a quoted cell has no closing quote", at: position)
                        }
                        if index + 1 < count, bytes[index + 1] == quote {
                            isEscaped = true
                            index += 2
                            continue
                        }
                        break
                    }
                    if isEscaped {
                        let first = unescaped.count
                        var from = start
                        while from < index {
                            unescaped.append(bytes[from])
                            from += bytes[from] == quote ? 2 : 1
                        }
                        cells.append(
                            TextRows.Cell(
                                start: UInt32(first), end: UInt32(unescaped.count), kind: .text,
                                isUnescaped: true))
                    } else {
                        cells.append(
                            TextRows.Cell(
                                start: UInt32(start - base), end: UInt32(index - base), kind: .text,
                                isUnescaped: false))
                    }
                    cellCount += 1
                    index += 1
                    if index < count, bytes[index] != delimiter, bytes[index] != 0x0A,
                        !(bytes[index] == 0x0D && (index + 1 == count || bytes[index + 1] == 0x0A))
                    {
                        return fault("a quoted cell goes on behind its closing quote", at: index)
                    }
                } else {
                    let start = index
                    while index < count {
                        let byte = bytes[index]
                        if byte == delimiter || byte == 0x0A { break }
                        if byte == quote {
                            return fault(
                                "a quote stands within a cell that does not start with one", at: index)
                        }
                        index += 1
                    }
                    var end = index
                    // A CR belongs to the line end, whether or not its LF is the end of the input.
                    if end > start, bytes[end - 1] == 0x0D, index == count || bytes[index] == 0x0A {
                        end -= 1
                    }
                    cells.append(
                        TextRows.Cell(
                            start: UInt32(start - base), end: UInt32(end - base), kind: .text,
                            isUnescaped: false))
                    cellCount += 1
                    if cellCount == 1, end == start, index < count, bytes[index] == 0x0A {
                        return (.blank, index + 1 - position, 1, 0)
                    }
                }
                if index < count, bytes[index] == 0x0D { index += 1 }
                if index >= count {
                    guard isFinished else { return (.incomplete, count - position, lines, cellCount) }
                    let isBlank = cellCount == 1 && cells.last.map { $0.start == $0.end } == true
                    return (isBlank ? .blank : .row, count - position, lines, cellCount)
                }
                if bytes[index] == 0x0A { return (.row, index + 1 - position, lines + 1, cellCount) }
                index += 1
                if cellCount >= limits.columns {
                    return fault("the row has more than \(limits.columns) cells", at: index)
                }
            }
        }
    }

    /// How many bytes of line end stand before an offset.
    private func lineEnd(before end: Int) -> Int {
        guard end > 0, pending[end - 1] == 0x0A else { return end > 0 && pending[end - 1] == 0x0D ? 1 : 0 }
        return end > 1 && pending[end - 2] == 0x0D ? 2 : 1
    }

    private func textFault(_ range: Range<Int>) -> DeadLetter.Fault? {
        pending.withUnsafeBytes { bytes in TextFault.find(in: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    private func oversized() -> DeadLetter.Fault {
        DeadLetter.Fault(.oversized, message: "the row has more than \(limits.rowBytes) bytes")
    }

    private func reject(_ rows: inout TextRows, fault: DeadLetter.Fault, _ range: Range<Int>) {
        var end = range.upperBound
        while end > range.lowerBound, pending[end - 1] == 0x0A || pending[end - 1] == 0x0D { end -= 1 }
        rows.rejected.append(
            DeadLetter(place: .line(line), faults: [fault], raw: Array(pending[range.lowerBound..<end])))
    }

    /// Whether an unfinished row ends inside a quoted cell.
    private func endsInQuotes(_ range: Range<Int>) -> Bool {
        // Doubled quotes toggle twice, so the parity is right.
        pending[range].reduce(false) { $1 == UInt8(ascii: "\"") ? !$0 : $0 }
    }

    /// Drops what is left of a row that was too long.
    private mutating func passOver() {
        var isQuoted = passing ?? false
        while head < pending.count {
            let byte = pending[head]
            head += 1
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == 0x0A {
                line += 1
                if !isQuoted {
                    passing = nil
                    return
                }
            }
        }
        passing = isQuoted
    }
}

/// What bytes may not hold to be a row of text.
enum TextFault {
    static func find(in bytes: UnsafeRawBufferPointer) -> DeadLetter.Fault? {
        if let offset = UTF8Check.firstInvalid(in: bytes) {
            return DeadLetter.Fault(
                .malformedUTF8, message: "byte \(offset + 1) of the row, \(bytes[offset]), is not UTF-8")
        }
        if let offset = firstNUL(in: bytes) {
            return DeadLetter.Fault(
                .malformedCSV, message: "byte \(offset + 1) of the row is NUL, which no text holds")
        }
        return nil
    }

    private static func firstNUL(in bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        while index + 8 <= bytes.count {
            // A zero byte is where subtracting one borrows and the byte's own top bit was clear.
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { break }
            index += 8
        }
        while index < bytes.count {
            if bytes[index] == 0 { return index }
            index += 1
        }
        return nil
    }
}
