internal import MartletExpressions
internal import MartletFrames

/// The lanes' values for a batch of rows, evaluated column by column.
///
/// Each distinct expression is evaluated once; an absent rule evaluates it a second time, with the late field filled in.
struct LaneBatch {
    /// One a lane.
    let values: UnsafeMutablePointer<StagedVersions.LaneValues>
    private let flags: [Slab<UInt8>]
    private let words: [Slab<UInt64>]

    /// Also widens the arena's formats and adds the batch's texts to its tables.
    init(_ rows: Frame, _ plan: ViewPlan, _ arena: VersionArena) {
        let rowCount = rows.rowCount
        let lanes = arena.program.lanes
        flags = lanes.map { _ in Slab(capacity: rowCount) }
        words = arena.lanes.map { Slab(capacity: $0.hasWords ? rowCount : 0) }
        values = .allocate(capacity: max(lanes.count, 1))
        for (index, definition) in lanes.enumerated() {
            let argument = definition.argument.map { Self.evaluate($0, rows, definition.fill, arena) }
            let filter = plan.filter.map { Self.evaluate($0, rows, definition.fill, arena) }
            Self.fill(flags[index], words[index], argument, filter, rowCount, &arena.texts[arena.program.groups[index]])
            if arena.lanes[index].isAlwaysPresent, !Self.areAllPresent(flags[index], rowCount) {
                arena.lanes[index].isAlwaysPresent = false
            }
            (values + index).initialize(
                to: StagedVersions.LaneValues(flags: UnsafePointer(flags[index].base), words: UnsafePointer(words[index].base)))
        }
        for index in lanes.indices where arena.lanes[index].kind == .number && arena.lanes[index].keepsSums {
            let (low, high) = Self.exponents(flags[index], words[index], rowCount)
            arena.widenGroup(of: index, low: low, high: high)
        }
    }

    func deallocate() {
        values.deallocate()
        flags.forEach { $0.deallocate() }
        words.forEach { $0.deallocate() }
    }

    private static func evaluate(
        _ expression: CompiledExpression, _ rows: Frame, _ fill: ViewProgram.Fill?, _ arena: VersionArena
    ) -> Column {
        let columns = expression.references.map { name -> Column in
            guard let column = rows[name] else { preconditionFailure("an expression reads '\(name)', which its source lacks") }
            guard let fill, fill.field == name, column.validity != nil else { return column }
            var builder = ColumnBuilder(column.type, reserving: column.count)
            for row in 0..<column.count {
                if column.isMissing(row) { builder.append(fill.value) } else { builder.append(from: column, row: row) }
            }
            return builder.finish()
        }
        let evaluation = expression.evaluate(columns, rowCount: rows.rowCount)
        if fill == nil { arena.evaluationFailures += evaluation.failureCount }
        return evaluation.column
    }

    private static func fill(
        _ flags: Slab<UInt8>, _ words: Slab<UInt64>, _ argument: Column?, _ filter: Column?, _ rowCount: Int,
        _ texts: inout KeyTable
    ) {
        flags.fill(Lane.present, from: 0, to: rowCount)
        if let argument {
            switch argument.storage {
            case .bool(let bits):
                for row in 0..<rowCount where bits[row] { flags[row] = Lane.present | Lane.isTrue }
            case .int64(let values), .timestamp(let values):
                for row in 0..<rowCount { words[row] = UInt64(bitPattern: values[row]) }
            case .float64(let values):
                for row in 0..<rowCount {
                    words[row] = values[row].bitPattern
                    // What is not a number breaks a contract above; here it never reaches a sum.
                    if !values[row].isFinite { flags[row] = 0 }
                }
            case .string(let strings):
                words.fill(0, from: 0, to: rowCount)
                strings.offsets.withUnsafeBufferPointer { offsets in
                    strings.bytes.withUnsafeBytes { bytes in
                        for row in 0..<rowCount where !argument.isMissing(row) {
                            let text = UnsafeRawBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]])
                            words[row] = UInt64(texts.intern(text))
                        }
                    }
                }
            }
            if argument.validity != nil {
                for row in 0..<rowCount where argument.isMissing(row) { flags[row] = 0 }
            }
        }
        guard let filter else { return }
        guard case .bool(let passes) = filter.storage else { preconditionFailure("a filter is a bool") }
        // The slot of a missing value is false.
        for row in 0..<rowCount where !passes[row] || filter.isMissing(row) { flags[row] = 0 }
    }

    private static func areAllPresent(_ flags: Slab<UInt8>, _ rowCount: Int) -> Bool {
        var all = Lane.present
        for row in 0..<rowCount { all &= flags[row] }
        return all == Lane.present
    }

    /// The exponents of the lowest and just above the highest bit of the values present; nothing if all are zero.
    private static func exponents(_ flags: Slab<UInt8>, _ words: Slab<UInt64>, _ rowCount: Int) -> (low: Int, high: Int) {
        var low = Int.max
        var high = Int.min
        for row in 0..<rowCount where flags[row] & Lane.present != 0 {
            let (significand, exponent) = significandAndExponent(words[row])
            guard significand != 0 else { continue }
            low = min(low, exponent + significand.trailingZeroBitCount)
            high = max(high, exponent + 64 - significand.leadingZeroBitCount)
        }
        return (low, high)
    }
}

extension VersionArena {
    /// Widens the formats of all lanes of a lane's group alike, so that their sums stay addable.
    func widenGroup(of lane: Int, low: Int, high: Int) {
        guard low < high else { return }
        let group = program.groups[lane]
        for index in lanes.indices where program.groups[index] == group {
            if lanes[index].format.widen(low: low, high: high) { rebuildSums(lane: index) }
        }
    }
}
