public import MartletFrames

extension ViewState {
    /// Answers a batch of questions.
    ///
    /// - Returns: one column an aggregation, in the plan's order, a row a question. Counts are never missing; the rest is
    ///   missing where the window holds nothing to aggregate, or the result exceeds Double's range. A zero sum, mean or
    ///   variance is +0.0.
    /// - Complexity: a question costs O(log *n*) for its entity's *n* versions, amortised O(1) for an entity's questions in
    ///   ascending time; `distinctCount` is linear in what its window holds. Where the cut or `asKnown` hides changes of an entity, the blocks of
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
        var columns = arena.steps.map { AnswerColumn($0, rowCount: rowCount) }
        // Rows are taken in parts, so that what a part needs stays near the processor.
        let part = min(rowCount, Self.rowsTogether)
        let answers = Answers(steps: arena.steps, rowCount: part)
        defer { answers.deallocate() }
        var reader = WindowReader(arena, cut: questions.cut, asKnown: questions.asKnown, longestRun: part)
        defer { reader.deallocate() }
        let times = Slab<Int64>(capacity: part)
        defer { times.deallocate() }
        let ownKeys = questions.ownKeys.map { _ in Slab<Fingerprint>(capacity: part) }
        defer { ownKeys?.deallocate() }
        for first in stride(from: 0, to: rowCount, by: Self.rowsTogether) {
            let rows = EntityRows(
                numbers: numbers.base + first, rowCount: min(part, rowCount - first), entityCount: arena.entityCount)
            defer { rows.deallocate() }
            // Questions are brought into the entities' order and answers back in loops that do nothing else: these wait
            // for memory, and many waits then overlap.
            questions.times.withUnsafeBufferPointer { given in
                for place in 0..<rows.count { times[place] = given[first + rows.row(place)] }
            }
            if let ownKeys, let given = questions.ownKeys {
                given.withUnsafeBufferPointer { given in
                    for place in 0..<rows.count { ownKeys[place] = given[first + rows.row(place)] }
                }
            }
            var index = 0
            while index < rows.count {
                let end = rows.endOfRun(from: index)
                reader.begin(entity: rows.entity(index))
                reader.answer(index..<end, times: times.base, ownKeys: ownKeys.map { UnsafePointer($0.base) }, into: answers)
                index = end
            }
            for step in columns.indices {
                let (values, present) = answers.column(step, from: 0)
                columns[step].write(values, present, rows, from: first)
            }
        }
        return columns.map { $0.finish(arena) }
    }

    /// Rows of a batch whose questions are grouped by entity at a time.
    private static let rowsTogether = 1 << 18

    /// A live read: the same reader, without bringing questions into order.
    private func readOne(_ questions: FeatureQuestions) -> [Column] {
        var entity = -1
        EntityKeyBytes.forEach(questions.entityKeys, rowCount: 1) { _, key in entity = arena.keys.find(key) }
        let answers = Answers(steps: arena.steps, rowCount: 1)
        var reader = WindowReader(arena, cut: questions.cut, asKnown: questions.asKnown, longestRun: 1)
        defer { reader.deallocate() }
        reader.begin(entity: entity)
        var (time, ownKey) = (questions.times[0], questions.ownKeys?[0] ?? .none)
        reader.answer(0..<1, times: &time, ownKeys: &ownKey, into: answers)
        defer { answers.deallocate() }
        return answers.row(arena)
    }
}

/// The answers to a batch, by step and place among the rows by entity, until they become columns.
struct Answers {
    private let steps: UnsafeMutableBufferPointer<ViewProgram.Step>
    private let rowCount: Int
    /// The words of all steps, and behind them whether each is present: one piece of memory.
    private let values: UnsafeMutablePointer<UInt64>
    private let present: UnsafeMutablePointer<UInt8>

    init(steps: UnsafeMutableBufferPointer<ViewProgram.Step>, rowCount: Int) {
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

    /// The columns of a single row.
    func row(_ arena: VersionArena) -> [Column] {
        var columns: [Column] = []
        columns.reserveCapacity(steps.count)
        for index in 0..<steps.count {
            let word = values[index]
            let validity = present[index] == 1 ? nil : Bitmap(words: [0], count: 1)
            // A literal is made without the detours of an array of any size.
            switch steps[index].type {
            case .int64: columns.append(Column(.int64([Int64(bitPattern: word)]), validity: validity))
            case .timestamp: columns.append(Column(.timestamp([Int64(bitPattern: word)]), validity: validity))
            case .float64: columns.append(Column(.float64([Double(bitPattern: word)]), validity: validity))
            case .bool, .string:
                var column = AnswerColumn(steps[index], rowCount: 1)
                column.set(0, word, isPresent: present[index] == 1)
                columns.append(column.finish(arena))
            }
        }
        return columns
    }

    func deallocate() { values.deallocate() }
}

/// One feature's answers in row order, until they become a column.
private struct AnswerColumn {
    let step: ViewProgram.Step
    let rowCount: Int
    // One of the three is in use, by the step's type.
    private var integers: [Int64] = []
    private var numbers: [Double] = []
    private var words: [UInt64] = []
    /// One bit a row, clear where missing; empty while none is.
    private var validity: [UInt64] = []

    init(_ step: ViewProgram.Step, rowCount: Int) {
        self.step = step
        self.rowCount = rowCount
        switch step.type {
        case .int64, .timestamp: integers = Self.zeros(rowCount)
        case .float64: numbers = Self.zeros(rowCount)
        case .bool, .string: words = Self.zeros(rowCount)
        }
    }

    private static func zeros<Number: Numeric>(_ count: Int) -> [Number] {
        Array(unsafeUninitializedCapacity: count) { memory, initialized in
            SlabMemory.advise(UnsafeMutableRawBufferPointer(memory))
            memory.initialize(repeating: 0)
            initialized = count
        }
    }

    /// Brings a part's answers, whose rows start at `first`, into row order.
    mutating func write(
        _ values: UnsafePointer<UInt64>, _ present: UnsafePointer<UInt8>, _ rows: EntityRows, from first: Int
    ) {
        switch step.type {
        case .int64, .timestamp:
            integers.withUnsafeMutableBufferPointer { target in
                for place in 0..<rows.count { target[first + rows.row(place)] = Int64(bitPattern: values[place]) }
            }
        case .float64:
            numbers.withUnsafeMutableBufferPointer { target in
                for place in 0..<rows.count { target[first + rows.row(place)] = Double(bitPattern: values[place]) }
            }
        case .bool, .string:
            words.withUnsafeMutableBufferPointer { target in
                for place in 0..<rows.count { target[first + rows.row(place)] = values[place] }
            }
        }
        var all: UInt8 = 1
        for place in 0..<rows.count { all &= present[place] }
        guard all == 0 else { return }
        for place in 0..<rows.count where present[place] == 0 { noteMissing(first + rows.row(place)) }
    }

    /// Sets a row of a bool or a text.
    mutating func set(_ row: Int, _ word: UInt64, isPresent: Bool) {
        words[row] = word
        if !isPresent { noteMissing(row) }
    }

    private mutating func noteMissing(_ row: Int) {
        if validity.isEmpty { validity = Array(repeating: ~0, count: (rowCount + 63) / 64) }
        validity[row >> 6] &= ~(1 << UInt64(row & 63))
    }

    func finish(_ arena: VersionArena) -> Column {
        let validity = validity.isEmpty ? nil : Bitmap(words: validity, count: rowCount)
        switch step.type {
        case .int64: return Column(.int64(integers), validity: validity)
        case .timestamp: return Column(.timestamp(integers), validity: validity)
        case .float64: return Column(.float64(numbers), validity: validity)
        case .bool: return Column(.bool(Bitmap(words.lazy.map { $0 == 1 })), validity: validity)
        case .string:
            let texts = arena.texts[arena.program.groups[step.first.lane]]
            var strings = StringStorage()
            strings.reserveCapacity(rows: rowCount, bytes: 0)
            for (row, word) in words.enumerated() {
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
