internal import MartletBytes

/// Turns JSON objects into rows of cells, one cell a known key, so that JSON and CSV share what follows.
struct ObjectRows {
    private let keys: [[UInt8]]
    private let names: [String]
    /// Whether keys beside the known ones are passed over; else each is a fault.
    private let ignoresUnknown: Bool

    init(keys names: [String], ignoringUnknown: Bool = false) {
        self.names = names
        keys = names.map { Array($0.utf8) }
        ignoresUnknown = ignoringUnknown
    }

    /// One object a line.
    func rows(of lines: LineReader.Lines) -> TextRows {
        var rows = TextRows(width: keys.count, raw: lines.raw)
        rows.rejected = lines.rejected
        rows.cells.reserveCapacity(lines.count * keys.count)
        rows.rowRanges.reserveCapacity(lines.count)
        lines.raw.withUnsafeBytes { bytes in
            for index in 0..<lines.count {
                let range = lines.ranges[index]
                var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: bytes[range]))
                let fault = readLine(&scanner, start: range.lowerBound, into: &rows)
                finish(fault, range, .line(lines.numbers[index]), into: &rows)
            }
        }
        rows.rejected.sort { DeadLetter.Place.precedes($0.place, $1.place) }
        return rows
    }

    /// The items of one JSON array, or one object alone.
    func rows(ofArray body: [UInt8], itemLimit: Int) throws(IngestionError) -> TextRows {
        var rows = TextRows(width: keys.count, raw: body)
        let failure: IngestionError? = body.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            do throws(JSONError) {
                let first = try scanner.next()
                guard first == .beginArray || first == .beginObject else {
                    return IngestionError(
                        .malformedJSON, "the body should be an array of objects, or one object")
                }
                var item = 0
                var token = first == .beginArray ? try scanner.next() : first
                while let current = token, current != .endArray {
                    item += 1
                    guard item <= itemLimit else {
                        return IngestionError(
                            .malformedJSON, "the array has more than \(itemLimit) items",
                            hint: "send it in several requests")
                    }
                    let start = scanner.tokenStart
                    let fault = try readValue(current, &scanner, start: 0, into: &rows)
                    finish(fault, start..<scanner.offset, .item(item), into: &rows)
                    token = try scanner.next()
                }
                _ = try scanner.next()
                return nil
            } catch {
                return IngestionError(.malformedJSON, "the body is not JSON: \(error)")
            }
        }
        if let failure { throw failure }
        return rows
    }

    /// Objects that stand in several texts, as the items of one list.
    func rows(ofObjects texts: [(bytes: [UInt8], ranges: [Range<Int>])]) -> TextRows {
        var rows = TextRows(width: keys.count, raw: [])
        let count = texts.reduce(0) { $0 + $1.ranges.count }
        rows.raw.reserveCapacity(texts.reduce(0) { $0 + $1.bytes.count })
        rows.cells.reserveCapacity(count * keys.count)
        rows.rowRanges.reserveCapacity(count)
        rows.places.reserveCapacity(count)
        for (bytes, ranges) in texts {
            for range in ranges {
                let start = rows.raw.count
                rows.raw.append(contentsOf: bytes[range])
                let place = DeadLetter.Place.item(rows.places.count + rows.rejected.count + 1)
                let fault = bytes.withUnsafeBytes { text in
                    var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: text[range]))
                    return readLine(&scanner, start: start, into: &rows)
                }
                finish(fault, start..<rows.raw.count, place, into: &rows)
            }
        }
        return rows
    }

    private func finish(
        _ fault: DeadLetter.Fault?, _ range: Range<Int>, _ place: DeadLetter.Place, into rows: inout TextRows
    ) {
        if let fault {
            rows.cells.removeSubrange((rows.count * rows.width)...)
            rows.rejected.append(DeadLetter(place: place, faults: [fault], raw: Array(rows.raw[range])))
        } else {
            rows.rowRanges.append(range)
            rows.places.append(place)
        }
    }

    private func readLine(
        _ scanner: inout JSONScanner, start: Int, into rows: inout TextRows
    ) -> DeadLetter.Fault? {
        do throws(JSONError) {
            guard let first = try scanner.next() else { return nil }
            let fault = try readValue(first, &scanner, start: start, into: &rows)
            _ = try scanner.next()
            return fault
        } catch {
            return DeadLetter.Fault(
                error.code == .invalidUTF8 ? .malformedUTF8 : .malformedJSON,
                message: "the line is not JSON: \(error)")
        }
    }

    /// Reads one value, an object if all is well, to its end.
    private func readValue(
        _ token: JSONScanner.Token, _ scanner: inout JSONScanner, start: Int, into rows: inout TextRows
    ) throws(JSONError) -> DeadLetter.Fault? {
        guard token == .beginObject else {
            if token == .beginArray {
                let level = scanner.depth - 1
                while scanner.depth > level { _ = try scanner.next() }
            }
            return DeadLetter.Fault(
                .malformedJSON, message: "an object was expected, and \(Self.kind(token)) was found")
        }
        let firstCell = rows.cells.count
        let absent = TextRows.Cell(start: 0, end: 0, kind: .absent, isUnescaped: false)
        for _ in keys { rows.cells.append(absent) }
        var fault: DeadLetter.Fault?
        var expected = 0
        while case .key(let key)? = try scanner.next() {
            guard let index = index(of: key, in: scanner, expected: expected) else {
                if fault == nil, !ignoresUnknown { fault = unknown(scanner.string(key)) }
                try scanner.skipValue()
                continue
            }
            expected = index + 1
            guard let value = try scanner.next() else { break }
            let cell = try cell(value, &scanner, start: start, into: &rows.unescaped)
            if rows.cells[firstCell + index].kind != .absent, fault == nil {
                fault = DeadLetter.Fault(
                    .malformedJSON, field: names[index],
                    message: "the key '\(names[index])' stands twice in one object")
            }
            rows.cells[firstCell + index] = cell
        }
        return fault
    }

    /// Rows mostly have their keys in one order, so the next one is tried first.
    private func index(of key: JSONScanner.Text, in scanner: JSONScanner, expected: Int) -> Int? {
        if key.hasEscapes {
            let name = scanner.string(key)
            return names.firstIndex { $0.utf8.elementsEqual(name.utf8) }
        }
        let utf8 = scanner.utf8(key)
        if expected < keys.count, Self.equal(keys[expected], utf8) { return expected }
        for index in keys.indices where Self.equal(keys[index], utf8) { return index }
        return nil
    }

    private static func equal(_ left: [UInt8], _ right: UnsafeRawBufferPointer) -> Bool {
        left.count == right.count && left.withUnsafeBytes { left in
            for index in 0..<right.count where left[index] != right[index] { return false }
            return true
        }
    }

    private func unknown(_ name: String) -> DeadLetter.Fault {
        let shown = String(name.unicodeScalars.prefix(100).map(Character.init))
        let nearest = NearestName.of(name, among: names).map { "; did you mean '\($0)'?" } ?? ""
        return DeadLetter.Fault(
            .unknownField, field: shown, message: "the stream has no field '\(shown)'\(nearest)")
    }

    private func cell(
        _ token: JSONScanner.Token, _ scanner: inout JSONScanner, start: Int, into unescaped: inout [UInt8]
    ) throws(JSONError) -> TextRows.Cell {
        let kind: TextRows.Kind
        var range = scanner.tokenStart..<scanner.offset
        switch token {
        case .string(let text):
            if text.hasEscapes {
                let first = unescaped.count
                scanner.appendUTF8(text, to: &unescaped)
                return TextRows.Cell(
                    start: UInt32(first), end: UInt32(unescaped.count), kind: .string, isUnescaped: true)
            }
            kind = .string
            range = text.range
        case .int64, .float64: kind = .number
        case .bool(let value): kind = value ? .yes : .no
        case .null: kind = .null
        default:
            let first = scanner.tokenStart
            let level = scanner.depth - 1
            while scanner.depth > level { _ = try scanner.next() }
            kind = .compound
            range = first..<scanner.offset
        }
        return TextRows.Cell(
            start: UInt32(start + range.lowerBound), end: UInt32(start + range.upperBound), kind: kind,
            isUnescaped: false)
    }

    private static func kind(_ token: JSONScanner.Token) -> String {
        switch token {
        case .beginArray: "an array"
        case .string: "a text"
        case .int64, .float64: "a number"
        case .bool: "true or false"
        default: "null"
        }
    }
}

extension DeadLetter.Place {
    /// The order of an input.
    package static func precedes(_ left: Self, _ right: Self) -> Bool {
        switch (left, right) {
        case (.line(let a), .line(let b)), (.item(let a), .item(let b)): a < b
        default: false
        }
    }
}
