import MartletFrames
import MartletNumerics

/// A text in the machine's arena.
struct Text: Hashable, Sendable, BitwiseCopyable {
    var start: Int
    var count: Int
    var end: Int { start + count }
}

/// Runs a program over a block of rows at a time: one loop over plain values an operation.
///
/// Values are computed in every row, also where they are missing or not asked for; the state lanes say which count.
/// So a branch that a row does not take can do no harm, and every loop is free of branches on types.
///
/// The lanes lie in memory that `Program.run` lends for one evaluation: lane `l` of a representation is the
/// `capacity` values from `l × capacity` on, and no instruction's output lane is one of its inputs'.
struct BlockMachine: ~Copyable {
    let program: Program
    let columns: [Column]
    let capacity: Int
    let words: UnsafeMutablePointer<Int64>
    let numbers: UnsafeMutablePointer<Double>
    let texts: UnsafeMutablePointer<Text>
    let states: UnsafeMutablePointer<UInt8>
    /// The bytes of all texts: first the constants', then the block's.
    var arena: [UInt8]

    /// Fills the constants' lanes.
    mutating func prepare() {
        for instruction in program.constants {
            let output = instruction.output
            states(output).initialize(repeating: RowState.present, count: capacity)
            switch output.representation {
            case .word: words(output).initialize(repeating: program.words[instruction.pooled], count: capacity)
            case .number: numbers(output).initialize(repeating: program.numbers[instruction.pooled], count: capacity)
            case .text: texts(output).initialize(repeating: program.texts[instruction.pooled], count: capacity)
            }
        }
    }

    /// Evaluates `count ≤ capacity` rows from `start` on; the result is in the program's result lane.
    mutating func run(from start: Int, count: Int) {
        if program.textLanes > 0 { arena.removeLast(arena.count - program.textBytes.count) }
        for instruction in program.instructions { run(instruction, from: start, count) }
    }

    private mutating func run(_ i: Instruction, from start: Int, _ n: Int) {
        switch i.operation {
        case .constant: break
        case .load(let reference): load(columns[reference], i, from: start, n)

        case .addWord: checkedWords(i, n) { $0.addingReportingOverflow($1) }
        case .subtractWord: checkedWords(i, n) { $0.subtractingReportingOverflow($1) }
        case .multiplyWord: checkedWords(i, n) { $0.multipliedReportingOverflow(by: $1) }
        case .divideWord: dividedWords(i, n) { $0.dividedReportingOverflow(by: $1) }
        case .remainderWord: dividedWords(i, n) { $0.remainderReportingOverflow(dividingBy: $1) }
        case .negateWord: checkedWord(i, n) { (0 as Int64).subtractingReportingOverflow($0) }
        case .absWord: checkedWord(i, n) { $0 < 0 ? (0 as Int64).subtractingReportingOverflow($0) : ($0, false) }
        case .minWord: checkedWords(i, n) { ($1 < $0 ? $1 : $0, false) }
        case .maxWord: checkedWords(i, n) { ($0 < $1 ? $1 : $0, false) }
        case .wholeUnits(let unit): checkedWord(i, n) { ($0 / unit, false) }
        case .epochSeconds: checkedWord(i, n) { ($0.floored(by: 1_000_000), false) }
        case .calendar(let field): calendar(field, program.zones[i.pooled], i, n)

        case .addNumber: finiteNumbers(i, n) { $0 + $1 }
        case .subtractNumber: finiteNumbers(i, n) { $0 - $1 }
        case .multiplyNumber: finiteNumbers(i, n) { $0 * $1 }
        case .divideNumber: dividedNumbers(i, n)
        case .minNumber: finiteNumbers(i, n) { $1 < $0 ? $1 : $0 }
        case .maxNumber: finiteNumbers(i, n) { $0 < $1 ? $1 : $0 }
        case .power: powers(i, n)
        case .negateNumber: finiteNumber(i, n) { -$0 }
        case .absNumber: finiteNumber(i, n) { $0.magnitude }
        case .floor: finiteNumber(i, n) { $0.rounded(.down) }
        case .ceil: finiteNumber(i, n) { $0.rounded(.up) }
        case .round: finiteNumber(i, n) { $0.rounded(.toNearestOrAwayFromZero) }
        case .squareRoot: finiteNumber(i, n) { $0.squareRoot() }
        case .exponential: finiteNumber(i, n) { ElementaryFunctions.exp($0) }
        case .logarithm: finiteNumber(i, n) { ElementaryFunctions.log($0) }
        case .sine: finiteNumber(i, n) { ElementaryFunctions.sin($0) }
        case .cosine: finiteNumber(i, n) { ElementaryFunctions.cos($0) }

        case .compareWord(let comparison):
            switch comparison {
            case .equal: checkedWords(i, n) { ($0 == $1 ? 1 : 0, false) }
            case .notEqual: checkedWords(i, n) { ($0 != $1 ? 1 : 0, false) }
            case .less: checkedWords(i, n) { ($0 < $1 ? 1 : 0, false) }
            case .lessOrEqual: checkedWords(i, n) { ($0 <= $1 ? 1 : 0, false) }
            case .greater: checkedWords(i, n) { ($0 > $1 ? 1 : 0, false) }
            case .greaterOrEqual: checkedWords(i, n) { ($0 >= $1 ? 1 : 0, false) }
            }
        case .compareNumber(let comparison):
            switch comparison {
            case .equal: comparedNumbers(i, n) { $0 == $1 }
            case .notEqual: comparedNumbers(i, n) { $0 != $1 }
            case .less: comparedNumbers(i, n) { $0 < $1 }
            case .lessOrEqual: comparedNumbers(i, n) { $0 <= $1 }
            case .greater: comparedNumbers(i, n) { $0 > $1 }
            case .greaterOrEqual: comparedNumbers(i, n) { $0 >= $1 }
            }
        case .compareText(let comparison):
            switch comparison {
            case .equal: comparedTexts(i, n) { $0 == 0 }
            case .notEqual: comparedTexts(i, n) { $0 != 0 }
            case .less: comparedTexts(i, n) { $0 < 0 }
            case .lessOrEqual: comparedTexts(i, n) { $0 <= 0 }
            case .greater: comparedTexts(i, n) { $0 > 0 }
            case .greaterOrEqual: comparedTexts(i, n) { $0 >= 0 }
            }
        case .wordIsIn:
            let set = program.wordSets[i.pooled]
            checkedWord(i, n) { (set.contains($0) ? 1 : 0, false) }
        case .numberIsIn:
            let set = program.numberSets[i.pooled]
            let (values, out) = (numbers(i.a), words(i.output))
            for k in 0..<n { out[k] = set.contains(values[k]) ? 1 : 0 }
            copyStates(i, n)
        case .textIsIn: textsAreIn(program.textSets[i.pooled], i, n)

        case .and: junction(i, n, absorbing: 0)
        case .or: junction(i, n, absorbing: 1)
        case .not: checkedWord(i, n) { (1 &- $0, false) }
        case .select: select(i, n)
        case .has:
            let (a, out, state) = (states(i.a), words(i.output), states(i.output))
            for k in 0..<n {
                out[k] = a[k] == RowState.present ? 1 : 0
                state[k] = RowState.present
            }
        case .orValue: orValue(i, n)

        case .size: sizes(i, n)
        case .startsWith: searched(i, n) { $0.starts(with: $1) }
        case .endsWith: searched(i, n) { $0.count >= $1.count && $0.suffix($1.count).elementsEqual($1) }
        case .contains: searched(i, n) { isFound($1, in: $0) }
        case .lowerASCII: mappedTexts(i, n) { (65...90).contains($0) ? $0 + 32 : $0 }
        case .upperASCII: mappedTexts(i, n) { (97...122).contains($0) ? $0 - 32 : $0 }
        case .concatenate: concatenations(i, n)

        case .wordFromNumber: wordsFromNumbers(i, n)
        case .wordFromText: wordsFromTexts(i, n)
        case .numberFromWord:
            let (values, out) = (words(i.a), numbers(i.output))
            for k in 0..<n { out[k] = Double(values[k]) }
            copyStates(i, n)
        case .numberFromText: numbersFromTexts(i, n)
        case .textFromWord(let type):
            let values = words(i.a)
            switch type {
            case .bool: written(i, n) { values[$0] != 0 ? "true" : "false" }
            case .timestamp: written(i, n) { Timestamp(microseconds: values[$0]).description }
            case .duration: written(i, n) { Timestamp.Span(microseconds: values[$0]).description }
            default: written(i, n) { String(values[$0]) }
            }
        case .textFromNumber:
            let values = numbers(i.a)
            written(i, n) { values[$0].description }
        }
    }

    // MARK: Lanes

    @inline(__always) func words(_ register: Register) -> UnsafeMutablePointer<Int64> { words + register.lane &* capacity }
    @inline(__always) func numbers(_ register: Register) -> UnsafeMutablePointer<Double> { numbers + register.lane &* capacity }
    @inline(__always) func texts(_ register: Register) -> UnsafeMutablePointer<Text> { texts + register.lane &* capacity }
    @inline(__always) func states(_ register: Register) -> UnsafeMutablePointer<UInt8> { states + register.stateLane &* capacity }

    @inline(__always) func copyStates(_ i: Instruction, _ n: Int) {
        let (a, out) = (states(i.a), states(i.output))
        for k in 0..<n { out[k] = a[k] }
    }

    @inline(__always) func joinStates(_ i: Instruction, _ n: Int) {
        let (a, b, out) = (states(i.a), states(i.b), states(i.output))
        for k in 0..<n { out[k] = RowState.both(a[k], b[k]) }
    }

    private mutating func load(_ column: Column, _ i: Instruction, from start: Int, _ n: Int) {
        let state = states(i.output)
        if let validity = column.validity {
            for k in 0..<n { state[k] = validity[start + k] ? RowState.present : RowState.missing }
        } else {
            for k in 0..<n { state[k] = RowState.present }
        }
        switch column.storage {
        case .bool(let bits):
            let out = words(i.output)
            for k in 0..<n { out[k] = bits[start + k] ? 1 : 0 }
        case .int64(let values), .timestamp(let values):
            let out = words(i.output)
            values.withUnsafeBufferPointer { values in
                for k in 0..<n { out[k] = values[start + k] }
            }
        case .float64(let values):
            let out = numbers(i.output)
            values.withUnsafeBufferPointer { values in
                for k in 0..<n {
                    let value = values[start + k]
                    out[k] = value
                    if !value.isFinite, state[k] == RowState.present { state[k] = i.failure }
                }
            }
        case .string(let strings):
            let out = texts(i.output)
            // One copy of the block's stretch of bytes; each text keeps its place in it.
            let shift = arena.count - strings.offsets[start]
            arena.append(contentsOf: strings.bytes[strings.offsets[start]..<strings.offsets[start + n]])
            for k in 0..<n {
                let from = strings.offsets[start + k]
                out[k] = Text(start: from + shift, count: strings.offsets[start + k + 1] - from)
            }
        }
    }
}
