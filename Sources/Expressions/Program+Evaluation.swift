import MartletFrames

extension Program {
    /// How many rows a kernel's loop runs over: few enough for a program's lanes to stay in the cache.
    static let blockRows = 512

    /// Evaluates every row into a column of the given type.
    ///
    /// One row needs no memory of the heap but the result's, unless texts are involved.
    func evaluate(_ columns: [Column], rowCount: Int, type: ValueType) -> Evaluation {
        let capacity = min(rowCount, Program.blockRows)
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: wordLanes * capacity) { words in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: numberLanes * capacity) { numbers in
                withUnsafeTemporaryAllocation(of: Text.self, capacity: textLanes * capacity) { texts in
                    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: stateLanes * capacity) { states in
                        // An empty allocation may have no address; then its lanes are never touched.
                        guard rowCount > 0, let statesBase = states.baseAddress else {
                            return Evaluation(column: ColumnBuilder(type).finish(), failureCount: 0, firstFailure: nil)
                        }
                        var machine = BlockMachine(
                            program: self, columns: columns, capacity: capacity,
                            words: words.baseAddress ?? UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped,
                            numbers: numbers.baseAddress ?? UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped,
                            texts: texts.baseAddress ?? UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped,
                            states: statesBase, arena: textLanes > 0 ? textBytes : [])
                        machine.prepare()
                        return machine.collect(type, rowCount: rowCount)
                    }
                }
            }
        }
    }
}

extension BlockMachine {
    /// Runs block after block and moves the result lane into a column.
    fileprivate mutating func collect(_ type: ValueType, rowCount: Int) -> Evaluation {
        var states = ResultStates()
        let column: Column
        switch type {
        case .int64, .timestamp:
            let values = [Int64](unsafeUninitializedCapacity: rowCount) { values, initialized in
                eachBlock(rowCount, &states) { machine, start, count in
                    let (from, state) = (machine.words(machine.program.result), machine.states(machine.program.result))
                    for k in 0..<count { values[start + k] = state[k] == RowState.present ? from[k] : 0 }
                }
                initialized = rowCount
            }
            column = Column(type == .int64 ? .int64(values) : .timestamp(values), validity: states.validity(rowCount))
        case .float64:
            let values = [Double](unsafeUninitializedCapacity: rowCount) { values, initialized in
                eachBlock(rowCount, &states) { machine, start, count in
                    let (from, state) = (machine.numbers(machine.program.result), machine.states(machine.program.result))
                    for k in 0..<count { values[start + k] = state[k] == RowState.present ? from[k] : 0 }
                }
                initialized = rowCount
            }
            column = Column(.float64(values), validity: states.validity(rowCount))
        case .bool:
            var words = [UInt64](repeating: 0, count: (rowCount + 63) / 64)
            eachBlock(rowCount, &states) { machine, start, count in
                let (from, state) = (machine.words(machine.program.result), machine.states(machine.program.result))
                for k in 0..<count where state[k] == RowState.present && from[k] != 0 {
                    words[(start + k) >> 6] |= 1 << UInt64((start + k) & 63)
                }
            }
            column = Column(.bool(Bitmap(words: words, count: rowCount)), validity: states.validity(rowCount))
        case .string:
            var strings = StringStorage()
            strings.reserveCapacity(rows: rowCount, bytes: 0)
            eachBlock(rowCount, &states) { machine, _, count in
                let (from, state) = (machine.texts(machine.program.result), machine.states(machine.program.result))
                for k in 0..<count {
                    let text = state[k] == RowState.present ? from[k] : Text(start: 0, count: 0)
                    strings.append(utf8: machine.arena[text.start..<text.end])
                }
            }
            column = Column(.string(strings), validity: states.validity(rowCount))
        }
        let first = states.firstFailure.map { failure in
            let site = program.sites[Int(failure.state) - 2]
            return (row: failure.row, reason: "\(site.reason) in '\(site.part)'")
        }
        return Evaluation(column: column, failureCount: states.failureCount, firstFailure: first)
    }

    @inline(__always) private mutating func eachBlock(
        _ rowCount: Int, _ result: inout ResultStates, _ body: (borrowing BlockMachine, _ start: Int, _ count: Int) -> Void
    ) {
        var start = 0
        while start < rowCount {
            let count = min(capacity, rowCount - start)
            run(from: start, count: count)
            result.take(states(program.result), from: start, count, rowCount)
            body(self, start, count)
            start += count
        }
    }
}

/// Which rows of a result are there, and which failed.
private struct ResultStates {
    /// One bit a row, set where it is present; empty until a row is not.
    private var words: [UInt64] = []
    private(set) var failureCount = 0
    private(set) var firstFailure: (row: Int, state: UInt8)?

    mutating func take(_ states: UnsafeMutablePointer<UInt8>, from start: Int, _ count: Int, _ rowCount: Int) {
        var any: UInt8 = 0
        for k in 0..<count { any |= states[k] }
        if any == RowState.present { return }
        if words.isEmpty { words = [UInt64](repeating: ~0, count: (rowCount + 63) / 64) }
        for k in 0..<count where states[k] != RowState.present {
            let row = start + k
            words[row >> 6] &= ~(1 << UInt64(row & 63))
            if states[k] != RowState.missing {
                failureCount += 1
                if firstFailure == nil { firstFailure = (row, states[k]) }
            }
        }
    }

    func validity(_ rowCount: Int) -> Bitmap? {
        words.isEmpty ? nil : Bitmap(words: words, count: rowCount)
    }
}
