public import MartletFrames

extension ViewState {
    /// Answers a batch of questions.
    ///
    /// - Returns: one column an aggregation, in the plan's order, a row a question. Counts are never missing; the rest is
    ///   missing where the window holds nothing to aggregate, or the result exceeds Double's range. A zero sum, mean or
    ///   variance is +0.0.
    /// - Complexity: a question costs O(log *n*) for its entity's *n* versions, amortised O(1) for an entity's questions in
    ///   ascending time; `distinctCount` is linear in what its window holds, or in what entered and left it since the
    ///   entity's question before. Where the cut or `asKnown` hides changes of an entity, the blocks of
    ///   32 versions that hold them are read version by version.
    public func read(_ questions: FeatureQuestions) -> [Column] {
        let rowCount = questions.times.count
        precondition(
            questions.entityKeys.count == plan.entityKeys.count
                && zip(questions.entityKeys, plan.entityKeys).allSatisfy { $0.type == $1.type && $0.count == rowCount }
                && (questions.ownKeys.map { $0.count == rowCount } ?? true),
            "the entity keys of a question are not those of view '\(plan.name)'")
        let numbers = Slab<Int32>(capacity: rowCount)
        defer { numbers.deallocate() }
        numbers.fill(-1, from: 0, to: rowCount)
        EntityKeyBytes.forEach(questions.entityKeys, rowCount: rowCount) { row, key in
            numbers[row] = Int32(truncatingIfNeeded: arena.keys.find(key))
        }
        let rows = EntityRows(numbers: numbers, rowCount: rowCount, entityCount: arena.entityCount)
        defer { rows.deallocate() }
        let answers = Answers(steps: arena.program.steps, rowCount: rowCount)
        var reader = WindowReader(arena, cut: questions.cut, asKnown: questions.asKnown)
        defer { reader.deallocate() }
        var index = 0
        while index < rowCount {
            let end = rows.endOfRun(from: index)
            reader.begin(entity: rows.entity(index))
            for place in index..<end {
                let row = rows.row(place)
                reader.move(to: questions.times[row], ownKey: questions.ownKeys?[row] ?? .none)
                reader.answer(row, into: answers)
            }
            index = end
        }
        return answers.finish(arena)
    }
}

/// The answers to a batch, by step and row, until they become columns.
struct Answers {
    private let steps: [ViewProgram.Step]
    private let rowCount: Int
    private let values: UnsafeMutablePointer<UInt64>
    private let present: UnsafeMutablePointer<UInt8>

    init(steps: [ViewProgram.Step], rowCount: Int) {
        self.steps = steps
        self.rowCount = rowCount
        values = .allocate(capacity: max(steps.count * rowCount, 1))
        present = .allocate(capacity: max(steps.count * rowCount, 1))
    }

    @inline(__always) func set(_ step: Int, _ row: Int, _ word: UInt64) {
        values[step * rowCount + row] = word
        present[step * rowCount + row] = 1
    }

    @inline(__always) func set(_ step: Int, _ row: Int, _ number: Double?) {
        values[step * rowCount + row] = number?.bitPattern ?? 0
        present[step * rowCount + row] = number == nil ? 0 : 1
    }

    @inline(__always) func setMissing(_ step: Int, _ row: Int) {
        values[step * rowCount + row] = 0
        present[step * rowCount + row] = 0
    }

    /// Makes the columns; the memory is given back.
    func finish(_ arena: VersionArena) -> [Column] {
        defer {
            values.deallocate()
            present.deallocate()
        }
        return steps.indices.map { column($0, arena) }
    }

    private func column(_ step: Int, _ arena: VersionArena) -> Column {
        let words = values + step * rowCount
        let flags = present + step * rowCount
        var validity: Bitmap?
        if (0..<rowCount).contains(where: { flags[$0] == 0 }) {
            validity = Bitmap(words: Self.packed(flags, rowCount), count: rowCount)
        }
        func copied<Element: BitwiseCopyable>(_: Element.Type) -> [Element] {
            [Element](unsafeUninitializedCapacity: rowCount) { buffer, count in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: UnsafeRawBufferPointer(start: words, count: 8 * rowCount))
                count = rowCount
            }
        }
        switch steps[step].type {
        case .int64: return Column(.int64(copied(Int64.self)), validity: validity)
        case .timestamp: return Column(.timestamp(copied(Int64.self)), validity: validity)
        case .float64: return Column(.float64(copied(Double.self)), validity: validity)
        case .bool:
            var bits = Bitmap(repeating: false, count: rowCount)
            for row in 0..<rowCount where words[row] == 1 { bits[row] = true }
            return Column(.bool(bits), validity: validity)
        case .string:
            let texts = arena.texts[arena.program.groups[steps[step].first.lane]]
            var strings = StringStorage()
            strings.reserveCapacity(rows: rowCount, bytes: 0)
            for row in 0..<rowCount {
                if flags[row] == 1 {
                    strings.append(utf8: texts.key(Int(words[row])))
                } else {
                    strings.append(utf8: EmptyCollection())
                }
            }
            return Column(.string(strings), validity: validity)
        }
    }

    private static func packed(_ flags: UnsafeMutablePointer<UInt8>, _ count: Int) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (count + 63) / 64)
        for word in words.indices {
            var bits: UInt64 = 0
            for index in (64 * word)..<min(64 * word + 64, count) { bits |= UInt64(flags[index]) << UInt64(index & 63) }
            words[word] = bits
        }
        return words
    }
}
