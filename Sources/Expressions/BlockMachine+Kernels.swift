import MartletFrames
import MartletNumerics

// One loop an operation. The closures are known where each loop is used and are compiled into it; none is called.
extension BlockMachine {
    // MARK: Words

    @inline(__always) func checkedWord(_ i: Instruction, _ n: Int, _ body: (Int64) -> (partialValue: Int64, overflow: Bool)) {
        let (a, out, states, state) = (words(i.a), words(i.output), states(i.a), states(i.output))
        for k in 0..<n {
            let (value, overflow) = body(a[k])
            out[k] = value
            state[k] = overflow && states[k] == RowState.present ? i.failure : states[k]
        }
    }

    @inline(__always) func checkedWords(
        _ i: Instruction, _ n: Int, _ body: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
    ) {
        let (a, b, out) = (words(i.a), words(i.b), words(i.output))
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n {
            let (value, overflow) = body(a[k], b[k])
            out[k] = value
            let both = RowState.both(left[k], right[k])
            state[k] = overflow && both == RowState.present ? i.failure : both
        }
    }

    @inline(__always) func dividedWords(
        _ i: Instruction, _ n: Int, _ body: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
    ) {
        let (a, b, out) = (words(i.a), words(i.b), words(i.output))
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n {
            let (value, overflow) = body(a[k], b[k])
            out[k] = value
            let both = RowState.both(left[k], right[k])
            state[k] = overflow && both == RowState.present ? (b[k] == 0 ? i.failure : i.otherFailure) : both
        }
    }

    // MARK: Numbers

    @inline(__always) func finiteNumber(_ i: Instruction, _ n: Int, _ body: (Double) -> Double) {
        let (a, out, states, state) = (numbers(i.a), numbers(i.output), states(i.a), states(i.output))
        for k in 0..<n {
            let value = body(a[k])
            out[k] = value
            state[k] = !value.isFinite && states[k] == RowState.present ? i.failure : states[k]
        }
    }

    @inline(__always) func finiteNumbers(_ i: Instruction, _ n: Int, _ body: (Double, Double) -> Double) {
        let (a, b, out) = (numbers(i.a), numbers(i.b), numbers(i.output))
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n {
            let value = body(a[k], b[k])
            out[k] = value
            let both = RowState.both(left[k], right[k])
            state[k] = !value.isFinite && both == RowState.present ? i.failure : both
        }
    }

    @inline(__always) func comparedNumbers(_ i: Instruction, _ n: Int, _ body: (Double, Double) -> Bool) {
        let (a, b, out) = (numbers(i.a), numbers(i.b), words(i.output))
        for k in 0..<n { out[k] = body(a[k], b[k]) ? 1 : 0 }
        joinStates(i, n)
    }

    func dividedNumbers(_ i: Instruction, _ n: Int) {
        let (a, b, out) = (numbers(i.a), numbers(i.b), numbers(i.output))
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n {
            let value = a[k] / b[k]
            out[k] = value
            let both = RowState.both(left[k], right[k])
            let failure = b[k] == 0 ? i.failure : i.otherFailure
            state[k] = !value.isFinite && both == RowState.present ? failure : both
        }
    }

    func powers(_ i: Instruction, _ n: Int) {
        let (a, b, out) = (numbers(i.a), numbers(i.b), numbers(i.output))
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n {
            let value = ElementaryFunctions.pow(a[k], b[k])
            out[k] = value
            let both = RowState.both(left[k], right[k])
            let failure = value.isNaN || a[k] == 0 ? i.failure : i.otherFailure
            state[k] = !value.isFinite && both == RowState.present ? failure : both
        }
    }

    func wordsFromNumbers(_ i: Instruction, _ n: Int) {
        let (a, out, states, state) = (numbers(i.a), words(i.output), states(i.a), states(i.output))
        for k in 0..<n {
            // 2⁶³ itself is a float64 and no int64; −2⁶³ is both.
            let fits = a[k] >= -0x1p63 && a[k] < 0x1p63
            out[k] = fits ? Int64(a[k]) : 0
            state[k] = !fits && states[k] == RowState.present ? i.failure : states[k]
        }
    }

    // MARK: Logic

    /// `&&` (absorbing 0) and `||` (absorbing 1): the absorbing value decides alone, whatever the other side is.
    @inline(__always) func junction(_ i: Instruction, _ n: Int, absorbing: Int64) {
        let (a, b, out) = (words(i.a), words(i.b), words(i.output))
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n {
            let isDecided =
                (left[k] == RowState.present && a[k] == absorbing) || (right[k] == RowState.present && b[k] == absorbing)
            out[k] = isDecided ? absorbing : 1 &- absorbing
            state[k] = isDecided ? RowState.present : RowState.both(left[k], right[k])
        }
    }

    func select(_ i: Instruction, _ n: Int) {
        let condition = words(i.a)
        let (asked, left, right, state) = (states(i.a), states(i.b), states(i.c), states(i.output))
        for k in 0..<n { state[k] = asked[k] != RowState.present ? asked[k] : condition[k] != 0 ? left[k] : right[k] }
        switch i.output.representation {
        case .word:
            let (then, otherwise, out) = (words(i.b), words(i.c), words(i.output))
            for k in 0..<n { out[k] = condition[k] != 0 ? then[k] : otherwise[k] }
        case .number:
            let (then, otherwise, out) = (numbers(i.b), numbers(i.c), numbers(i.output))
            for k in 0..<n { out[k] = condition[k] != 0 ? then[k] : otherwise[k] }
        case .text:
            let (then, otherwise, out) = (texts(i.b), texts(i.c), texts(i.output))
            for k in 0..<n { out[k] = condition[k] != 0 ? then[k] : otherwise[k] }
        }
    }

    func orValue(_ i: Instruction, _ n: Int) {
        let (left, right, state) = (states(i.a), states(i.b), states(i.output))
        switch i.output.representation {
        case .word:
            let (a, b, out) = (words(i.a), words(i.b), words(i.output))
            for k in 0..<n { out[k] = left[k] == RowState.present ? a[k] : b[k] }
        case .number:
            let (a, b, out) = (numbers(i.a), numbers(i.b), numbers(i.output))
            for k in 0..<n { out[k] = left[k] == RowState.present ? a[k] : b[k] }
        case .text:
            let (a, b, out) = (texts(i.a), texts(i.b), texts(i.output))
            for k in 0..<n { out[k] = left[k] == RowState.present ? a[k] : b[k] }
        }
        for k in 0..<n { state[k] = left[k] == RowState.present ? RowState.present : right[k] }
    }

    // MARK: Calendar

    func calendar(_ field: CalendarField, _ zone: TimeZoneTable, _ i: Instruction, _ n: Int) {
        let (a, out, states, state) = (words(i.a), words(i.output), states(i.a), states(i.output))
        // Neighbouring rows mostly lie between the same two clock changes.
        var segment = zone.segment(at: n == 0 ? 0 : a[0].floored(by: 1_000_000))
        for k in 0..<n {
            let second = a[k].floored(by: 1_000_000)
            if !segment.contains(second) { segment = zone.segment(at: second) }
            let (local, overflow) = a[k].addingReportingOverflow(Int64(segment.offset) * 1_000_000)
            out[k] = overflow ? 0 : field.value(local: local)
            state[k] = overflow && states[k] == RowState.present ? i.failure : states[k]
        }
    }
}

extension CalendarField {
    /// The field of a local time, in microseconds.
    func value(local: Int64) -> Int64 {
        // By the remainder: the rounded-down multiple itself may lie below the least int64.
        func part(_ unit: Int64, of whole: Int64) -> Int64 {
            let rest = local % whole
            return (rest < 0 ? rest + whole : rest) / unit
        }
        switch self {
        case .hours: return part(3_600_000_000, of: 86_400_000_000)
        case .minutes: return part(60_000_000, of: 3_600_000_000)
        case .seconds: return part(1_000_000, of: 60_000_000)
        case .milliseconds: return part(1_000, of: 1_000_000)
        case .dayOfWeek: return Int64(CivilDate.dayOfWeek(Timestamp(microseconds: local)))
        default: break
        }
        let date = CivilDate(Timestamp(microseconds: local))
        switch self {
        case .fullYear: return Int64(date.year)
        case .month: return Int64(date.month - 1)
        case .date: return Int64(date.day)
        case .dayOfMonth: return Int64(date.day - 1)
        default:
            var day = date.day - 1
            for month in 1..<date.month { day += CivilDate.days(inMonth: month, of: date.year) }
            return Int64(day)
        }
    }
}
