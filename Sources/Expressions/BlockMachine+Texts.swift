// Operations on texts: each text is a stretch of the arena, and a new one is appended to it.
extension BlockMachine {
    @inline(__always) func comparedTexts(_ i: Instruction, _ n: Int, _ body: (Int) -> Bool) {
        let (a, b, out) = (texts(i.a), texts(i.b), words(i.output))
        arena.withUnsafeBufferPointer { arena in
            for k in 0..<n {
                let order = compare(arena[a[k].start..<a[k].end], arena[b[k].start..<b[k].end])
                out[k] = body(order) ? 1 : 0
            }
        }
        joinStates(i, n)
    }

    @inline(__always) func searched(
        _ i: Instruction, _ n: Int, _ body: (Slice<UnsafeBufferPointer<UInt8>>, Slice<UnsafeBufferPointer<UInt8>>) -> Bool
    ) {
        let (a, b, out) = (texts(i.a), texts(i.b), words(i.output))
        arena.withUnsafeBufferPointer { arena in
            for k in 0..<n { out[k] = body(arena[a[k].start..<a[k].end], arena[b[k].start..<b[k].end]) ? 1 : 0 }
        }
        joinStates(i, n)
    }

    func textsAreIn(_ set: [[UInt8]], _ i: Instruction, _ n: Int) {
        let (a, out) = (texts(i.a), words(i.output))
        arena.withUnsafeBufferPointer { arena in
            for k in 0..<n {
                let text = arena[a[k].start..<a[k].end]
                out[k] = set.contains { $0.count == text.count && text.elementsEqual($0) } ? 1 : 0
            }
        }
        copyStates(i, n)
    }

    /// In Unicode scalars, as in CEL: the bytes that continue none.
    func sizes(_ i: Instruction, _ n: Int) {
        let (a, out) = (texts(i.a), words(i.output))
        arena.withUnsafeBufferPointer { arena in
            for k in 0..<n {
                var size: Int64 = 0
                for index in a[k].start..<a[k].end where arena[index] & 0xC0 != 0x80 { size += 1 }
                out[k] = size
            }
        }
        copyStates(i, n)
    }

    @inline(__always) mutating func mappedTexts(_ i: Instruction, _ n: Int, _ body: (UInt8) -> UInt8) {
        let (a, out) = (texts(i.a), texts(i.output))
        for k in 0..<n {
            let start = arena.count
            for index in a[k].start..<a[k].end { arena.append(body(arena[index])) }
            out[k] = Text(start: start, count: a[k].count)
        }
        copyStates(i, n)
    }

    mutating func concatenations(_ i: Instruction, _ n: Int) {
        let (a, b, out) = (texts(i.a), texts(i.b), texts(i.output))
        for k in 0..<n {
            let start = arena.count
            for index in a[k].start..<a[k].end { arena.append(arena[index]) }
            for index in b[k].start..<b[k].end { arena.append(arena[index]) }
            out[k] = Text(start: start, count: arena.count - start)
        }
        joinStates(i, n)
    }

    func wordsFromTexts(_ i: Instruction, _ n: Int) {
        let (a, out, states, state) = (texts(i.a), words(i.output), states(i.a), states(i.output))
        arena.withUnsafeBufferPointer { arena in
            for k in 0..<n {
                let value = wholeNumber(arena[a[k].start..<a[k].end])
                out[k] = value ?? 0
                state[k] = value == nil && states[k] == RowState.present ? i.failure : states[k]
            }
        }
    }

    func numbersFromTexts(_ i: Instruction, _ n: Int) {
        let (a, out, states, state) = (texts(i.a), numbers(i.output), states(i.a), states(i.output))
        arena.withUnsafeBufferPointer { arena in
            for k in 0..<n {
                let value = decimalNumber(arena[a[k].start..<a[k].end])
                out[k] = value ?? 0
                state[k] = value == nil && states[k] == RowState.present ? i.failure : states[k]
            }
        }
    }

    /// Spells the rows that are present.
    @inline(__always) mutating func written(_ i: Instruction, _ n: Int, _ spelling: (Int) -> String) {
        let out = texts(i.output)
        copyStates(i, n)
        let state = states(i.output)
        for k in 0..<n {
            let start = arena.count
            if state[k] == RowState.present { arena.append(contentsOf: spelling(k).utf8) }
            out[k] = Text(start: start, count: arena.count - start)
        }
    }
}

typealias TextBytes = Slice<UnsafeBufferPointer<UInt8>>

/// Below, equal or above 0 as the left text comes before, with or after the right one: by bytes, and so by scalars.
func compare(_ left: TextBytes, _ right: TextBytes) -> Int {
    let shared = min(left.count, right.count)
    for offset in 0..<shared {
        let (a, b) = (left[left.startIndex + offset], right[right.startIndex + offset])
        if a != b { return a < b ? -1 : 1 }
    }
    return left.count - right.count
}

func isFound(_ part: TextBytes, in whole: TextBytes) -> Bool {
    guard part.count <= whole.count else { return false }
    var start = whole.startIndex
    while start <= whole.endIndex - part.count {
        if whole[start..<start + part.count].elementsEqual(part) { return true }
        start += 1
    }
    return false
}

/// An optional sign and decimal digits, nothing else.
func wholeNumber(_ text: TextBytes) -> Int64? {
    var position = text.startIndex
    guard position < text.endIndex else { return nil }
    let isNegative = text[position] == UInt8(ascii: "-")
    if isNegative || text[position] == UInt8(ascii: "+") { position += 1 }
    guard position < text.endIndex else { return nil }
    var value: Int64 = 0
    while position < text.endIndex {
        guard (48...57).contains(text[position]) else { return nil }
        let digit = Int64(text[position] - 48)
        let (tens, over) = value.multipliedReportingOverflow(by: 10)
        // Gathered below zero, where there is room for one more.
        let (next, further) = tens.subtractingReportingOverflow(digit)
        if over || further { return nil }
        value = next
        position += 1
    }
    if isNegative { return value }
    return value == .min ? nil : -value
}

/// An optional sign, digits with at most one point among or around them, an optional exponent; nothing else.
func decimalNumber(_ text: TextBytes) -> Double? {
    var position = text.startIndex
    func byte() -> UInt8? { position < text.endIndex ? text[position] : nil }
    func digits() -> Int {
        let start = position
        while let next = byte(), (48...57).contains(next) { position += 1 }
        return position - start
    }
    if byte() == UInt8(ascii: "-") || byte() == UInt8(ascii: "+") { position += 1 }
    var count = digits()
    if byte() == UInt8(ascii: ".") {
        position += 1
        count += digits()
    }
    guard count > 0 else { return nil }
    if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
        position += 1
        if byte() == UInt8(ascii: "-") || byte() == UInt8(ascii: "+") { position += 1 }
        guard digits() > 0 else { return nil }
    }
    guard position == text.endIndex, let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
    return value
}
