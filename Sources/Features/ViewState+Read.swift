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
        if rowCount == 1 { return readOne(questions) }
        let numbers = Slab<Int32>(capacity: rowCount)
        defer { numbers.deallocate() }
        numbers.fill(-1, from: 0, to: rowCount)
        EntityKeyBytes.forEach(questions.entityKeys, rowCount: rowCount) { row, key in
            numbers[row] = Int32(truncatingIfNeeded: arena.keys.find(key))
        }
        let rows = EntityRows(numbers: numbers, rowCount: rowCount, entityCount: arena.entityCount)
        defer { rows.deallocate() }
        let answers = Answers(steps: arena.program.steps, rowCount: rowCount)
        var reader = WindowReader(arena, cut: questions.cut, asKnown: questions.asKnown, longestRun: rowCount)
        defer { reader.deallocate() }
        // Questions are brought into the entities' order and answers back in loops that do nothing else: these wait for
        // memory, and many waits then overlap.
        let times = Slab<Int64>(capacity: rowCount)
        defer { times.deallocate() }
        questions.times.withUnsafeBufferPointer { given in
            for place in 0..<rowCount { times[place] = given[rows.row(place)] }
        }
        let ownKeys = questions.ownKeys.map { given in
            let ownKeys = Slab<Fingerprint>(capacity: rowCount)
            given.withUnsafeBufferPointer { given in
                for place in 0..<rowCount { ownKeys[place] = given[rows.row(place)] }
            }
            return ownKeys
        }
        defer { ownKeys?.deallocate() }
        var index = 0
        while index < rowCount {
            let end = rows.endOfRun(from: index)
            reader.begin(entity: rows.entity(index))
            reader.answer(index..<end, times: times.base, ownKeys: ownKeys.map { UnsafePointer($0.base) }, into: answers)
            index = end
        }
        return answers.finish(rows, arena)
    }

    /// A live read: the same reader, without bringing questions into order.
    private func readOne(_ questions: FeatureQuestions) -> [Column] {
        var entity = -1
        EntityKeyBytes.forEach(questions.entityKeys, rowCount: 1) { _, key in entity = arena.keys.find(key) }
        let answers = Answers(steps: arena.program.steps, rowCount: 1)
        var reader = WindowReader(arena, cut: questions.cut, asKnown: questions.asKnown, longestRun: 1)
        defer { reader.deallocate() }
        reader.begin(entity: entity)
        var (time, ownKey) = (questions.times[0], questions.ownKeys?[0] ?? .none)
        reader.answer(0..<1, times: &time, ownKeys: &ownKey, into: answers)
        return answers.finish(nil, arena)
    }
}

/// The answers to a batch, by step and place among the rows by entity, until they become columns.
struct Answers {
    private let steps: [ViewProgram.Step]
    private let rowCount: Int
    /// The words of all steps, and behind them whether each is present: one piece of memory.
    private let values: UnsafeMutablePointer<UInt64>
    private let present: UnsafeMutablePointer<UInt8>

    init(steps: [ViewProgram.Step], rowCount: Int) {
        self.steps = steps
        self.rowCount = rowCount
        let count = steps.count * rowCount
        values = .allocate(capacity: max(count + (count + 7) / 8, 1))
        present = UnsafeMutableRawPointer(values + count).bindMemory(to: UInt8.self, capacity: count)
    }

    /// Where a step's answers lie, from a place on.
    @inline(__always) func column(
        _ step: Int, from place: Int
    ) -> (values: UnsafeMutablePointer<UInt64>, present: UnsafeMutablePointer<UInt8>) {
        (values + (step * rowCount + place), present + (step * rowCount + place))
    }

    @inline(__always) func set(_ step: Int, _ place: Int, _ word: UInt64) {
        values[step * rowCount + place] = word
        present[step * rowCount + place] = 1
    }

    @inline(__always) func set(_ step: Int, _ place: Int, _ number: Double?) {
        values[step * rowCount + place] = number?.bitPattern ?? 0
        present[step * rowCount + place] = number == nil ? 0 : 1
    }

    @inline(__always) func setMissing(_ step: Int, _ place: Int) {
        values[step * rowCount + place] = 0
        present[step * rowCount + place] = 0
    }

    /// Makes the columns, in row order; the memory is given back.
    ///
    /// - Parameter rows: nil for a single row.
    func finish(_ rows: EntityRows?, _ arena: VersionArena) -> [Column] {
        defer { values.deallocate() }
        var columns: [Column] = []
        columns.reserveCapacity(steps.count)
        for step in steps.indices { columns.append(column(step, rows, arena)) }
        return columns
    }

    private func column(_ step: Int, _ rows: EntityRows?, _ arena: VersionArena) -> Column {
        let words = values + step * rowCount
        let flags = present + step * rowCount
        var validity: Bitmap?
        var all: UInt8 = 1
        for place in 0..<rowCount { all &= flags[place] }
        if all == 0 {
            var bits = [UInt64](repeating: ~0, count: (rowCount + 63) / 64)
            for place in 0..<rowCount where flags[place] == 0 {
                let row = rows?.row(place) ?? place
                bits[row >> 6] &= ~(1 << UInt64(row & 63))
            }
            validity = Bitmap(words: bits, count: rowCount)
        }
        func ordered<Element>(_ element: (UInt64) -> Element) -> [Element] {
            // A literal is made without the detours of a buffer of unknown size.
            guard let rows else { return [element(words[0])] }
            return [Element](unsafeUninitializedCapacity: rowCount) { buffer, count in
                for place in 0..<rowCount { buffer.initializeElement(at: rows.row(place), to: element(words[place])) }
                count = rowCount
            }
        }
        switch steps[step].type {
        case .int64: return Column(.int64(ordered { Int64(bitPattern: $0) }), validity: validity)
        case .timestamp: return Column(.timestamp(ordered { Int64(bitPattern: $0) }), validity: validity)
        case .float64: return Column(.float64(ordered { Double(bitPattern: $0) }), validity: validity)
        case .bool: return Column(.bool(Bitmap(ordered { $0 == 1 })), validity: validity)
        case .string:
            let texts = arena.texts[arena.program.groups[steps[step].first.lane]]
            var strings = StringStorage()
            strings.reserveCapacity(rows: rowCount, bytes: 0)
            for (row, word) in ordered({ $0 }).enumerated() {
                if validity?[row] ?? true {
                    strings.append(utf8: texts.key(Int(word)))
                } else {
                    strings.append(utf8: EmptyCollection())
                }
            }
            return Column(.string(strings), validity: validity)
        }
    }
}
