public import MartletFrames

/// Holds rows to a stream's contract: what keeps it becomes typed columns, what breaks it becomes dead letters.
///
/// ```swift
/// let parser = try ContractParser(contract)
/// let columns = try parser.columns(of: reader.header ?? [])
/// while let rows = try reader.nextRows(limit: 8_192), !rows.isEmpty {
///     let batch = parser.parse(rows, columns: columns, arrival: now)
///     … batch.frame, batch.deadLetters
/// }
/// ```
///
/// Nothing is dropped and nothing coerced: a value is taken whole and as its type, or its row is a dead letter with
/// every fault that it has. An empty cell (quoted or not), JSON null and a field's missing texts are missing.
/// Per type:
///
/// - `bool`: `true`, `false`, `yes`, `no` in any case, 1, 0; JSON true and false.
/// - `int64`: whole numbers; `1.0` is none. `float64`: finite decimal numbers. Neither as a quoted JSON text.
/// - `string`: any text; in JSON a quoted one.
/// - `timestamp`: RFC 3339; `YYYY-MM-DD HH:MM:SS[.ffffff]` and `YYYY-MM-DD` on the clocks of the stream's zone;
///   numbers where the field has a unit.
///
/// Complexity: O(bytes); columns are built one at a time, nothing is allocated per row that keeps the contract and has
/// no `map` repair.
public struct ContractParser: Sendable {
    public struct Limits: Sendable {
        /// The most bytes of a text value.
        public var textBytes: Int
        /// To how many bytes a value is shortened in a dead letter.
        public var valueBytes: Int

        public init(textBytes: Int = 64 << 10, valueBytes: Int = 200) {
            self.textBytes = textBytes
            self.valueBytes = valueBytes
        }
    }

    /// Which column of an input is which field, resolved once.
    public struct Columns: Sendable {
        /// Of each field of the contract, its cell; nil if the input has none.
        let cells: [Int?]
        let width: Int
        /// Columns of the input that the contract lacks, passed over as asked.
        public let ignored: [String]
    }

    public let contract: StreamContract
    public let schema: Schema
    private let readers: [FieldReader]
    private let eventTime: Int
    private let objects: ObjectRows
    /// Of each field of the contract, its cell in a row of `objects`; nil for the time of arrival, which no input bears.
    private let objectCells: [Int?]

    /// - Parameters:
    ///   - localTime: the moment at which the clocks of the contract's zone show a date; nil if they never do, which
    ///     makes the value a bad time. The default reads UTC.
    ///   - ignoringUnknown: whether keys of JSON objects that are no fields are passed over; else each is a fault.
    /// - Throws: ``IngestionError`` with code `badContract` if the contract contradicts itself.
    public init(
        _ contract: StreamContract,
        localTime: @escaping @Sendable (CivilDate) -> Timestamp? = { $0.timestamp },
        ignoringUnknown: Bool = false, limits: Limits = Limits()
    ) throws(IngestionError) {
        try ContractParser.check(contract)
        self.contract = contract
        schema = contract.schema
        readers = contract.fields.map { FieldReader($0, localTime: localTime, limits: limits) }
        eventTime = contract.fields.firstIndex { $0.name == contract.eventTime } ?? 0
        let names = contract.inputNames
        objects = ObjectRows(keys: names, ignoringUnknown: ignoringUnknown)
        objectCells = contract.fields.map { names.firstIndex(of: $0.name) }
    }

    private static func check(_ contract: StreamContract) throws(IngestionError) {
        let names = contract.fields.map(\.name)
        guard Set(names).count == names.count else {
            throw IngestionError(.badContract, "stream '\(contract.stream)' has two fields of one name")
        }
        guard let time = contract.fields.first(where: { $0.name == contract.eventTime }),
            time.type == .timestamp,
            !time.isOptional
        else {
            throw IngestionError(
                .badContract,
                "the event time '\(contract.eventTime)' of stream '\(contract.stream)' is not a required field of type timestamp"
            )
        }
        for field in contract.fields {
            for rule in field.clean {
                switch rule {
                case .trim, .map: break
                case .fill(let value):
                    guard value.type == field.type else {
                        throw IngestionError(
                            .badContract,
                            "field '\(field.name)' is \(field.type.rawValue), and its fill \(value) is \(value.type?.rawValue ?? "missing")"
                        )
                    }
                case .clamp(let low, let high):
                    let bounds = [low, high].compactMap { $0 }
                    let areIntegers = bounds.allSatisfy { FieldReader.integer($0) != nil }
                    guard field.type == .float64 || field.type == .int64 && areIntegers,
                        bounds.allSatisfy(\.isFinite), (low ?? -.infinity) <= (high ?? .infinity)
                    else {
                        throw IngestionError(
                            .badContract,
                            "field '\(field.name)' of type \(field.type.rawValue) cannot be clamped to its bounds",
                            hint: "clamp needs a number field, ascending bounds, and whole ones for int64")
                    }
                }
            }
        }
    }

    /// Finds the fields in a table's header.
    ///
    /// - Throws: ``IngestionError`` with code `badHeader` if a required field is not there, or if a column is no field
    ///   and `ignoringUnknown` is not set.
    public func columns(of header: [String], ignoringUnknown: Bool = false) throws(IngestionError) -> Columns
    {
        let names = contract.inputNames
        let unknown = header.filter { !names.contains($0) }
        if let first = unknown.first, !ignoringUnknown {
            let free = names.filter { !header.contains($0) }
            let hint =
                NearestName.of(first, among: free).map { "did you mean '\($0)'?" }
                ?? "add it to the stream, or ask to ignore columns that the stream lacks"
            let others = unknown.count > 1 ? ", nor \(unknown.count - 1) more of the header's columns" : ""
            throw IngestionError(
                .badHeader, "stream '\(contract.stream)' has no field '\(first)'\(others)", hint: hint)
        }
        let cells = contract.fields.map { names.contains($0.name) ? header.firstIndex(of: $0.name) : nil }
        for (field, cell) in zip(contract.fields, cells)
        where cell == nil && !field.isOptional && names.contains(field.name) {
            if field.clean.contains(where: { if case .fill = $0 { true } else { false } }) { continue }
            let hint =
                NearestName.of(field.name, among: unknown).map { "the header has '\($0)'" }
                ?? "the header names: \(header.prefix(30).joined(separator: ", "))"
            throw IngestionError(
                .badHeader,
                "field '\(field.name)' of stream '\(contract.stream)' is required, and no column has its name",
                hint: hint)
        }
        return Columns(cells: cells, width: header.count, ignored: unknown)
    }

    /// Holds the rows of a table to the contract.
    ///
    /// - Parameter arrival: when they came, for `ahead` and for streams timed by arrival; nil checks no time against it.
    ///   Of a stream timed by arrival it must be given.
    /// - Precondition: `columns` are of the rows' header.
    public func parse(_ rows: TextRows, columns: Columns, arrival: Timestamp? = nil) -> ContractRows {
        precondition(rows.width == columns.width, "the columns are of another header")
        return parse(rows, cells: columns.cells, arrival: arrival)
    }

    /// Holds lines of JSON, an object each, to the contract; every unknown key is a fault.
    public func parse(_ lines: LineReader.Lines, arrival: Timestamp? = nil) -> ContractRows {
        parse(objects.rows(of: lines), cells: objectCells, arrival: arrival)
    }

    /// Holds the items of one JSON array, or one object, to the contract.
    ///
    /// - Parameter itemLimit: how many items there may be.
    /// - Throws: ``IngestionError`` with code `malformedJSON` if the body as a whole is not JSON of that form.
    public func parse(
        jsonBody: [UInt8], itemLimit: Int, arrival: Timestamp? = nil
    ) throws(IngestionError) -> ContractRows {
        parse(
            try objects.rows(ofArray: jsonBody, itemLimit: itemLimit), cells: objectCells,
            arrival: arrival)
    }

    /// Holds objects that stand in several texts to the contract: the items of one list, in the order of the texts.
    ///
    /// - Parameters:
    ///   - objects: of each text, where its objects stand; each a JSON object that was scanned before.
    ///   - askedAt: the event time of a row that gives none, or null; nil if each must give one.
    public func parse(
        objects: [(bytes: [UInt8], ranges: [Range<Int>])], arrival: Timestamp? = nil, askedAt: Timestamp? = nil
    ) -> ContractRows {
        parse(self.objects.rows(ofObjects: objects), cells: objectCells, arrival: arrival, askedAt: askedAt)
    }

    private func parse(_ rows: TextRows, cells: [Int?], arrival: Timestamp?, askedAt: Timestamp? = nil) -> ContractRows {
        var columns: [Column] = []
        columns.reserveCapacity(readers.count)
        var faults: [Int: [DeadLetter.Fault]] = [:]
        var repairs: [ContractRows.Repair] = []
        var repairedRows: Set<Int> = []
        for (index, reader) in readers.enumerated() {
            if index == eventTime, contract.isTimedByArrival {
                guard let arrival else { preconditionFailure("rows of a stream timed by arrival need its time") }
                columns.append(Column(repeating: .timestamp(arrival), type: .timestamp, count: rows.count))
                continue
            }
            var output = reader.read(rows, column: cells[index])
            if index == eventTime, let askedAt { fill(&output, rows, cells[index], with: askedAt) }
            if index == eventTime, let arrival { checkAhead(&output, arrival: arrival) }
            columns.append(reader.filled(output.column))
            for (row, fault) in output.faults { faults[row, default: []].append(fault) }
            for (rule, count) in output.repairs.enumerated() where count > 0 {
                repairs.append(
                    ContractRows.Repair(
                        field: reader.field.name, rule: reader.field.clean[rule], count: count))
            }
            repairedRows.formUnion(output.repairedRows)
        }
        var letters = rows.rejected
        var kept = Array(0..<rows.count)
        if !faults.isEmpty {
            kept = kept.filter { faults[$0] == nil }
            for (row, found) in faults.sorted(by: { $0.key < $1.key }) {
                letters.append(DeadLetter(place: rows.place(row), faults: found, raw: Array(rows.raw(row))))
            }
            columns = columns.map { $0.gathering(kept) }
            // By place, so that a reader meets them in the order of the file.
            letters.sort { DeadLetter.Place.precedes($0.place, $1.place) }
        }
        return ContractRows(
            frame: Frame(schema, columns, rowCount: kept.count), deadLetters: letters, repairs: repairs,
            source: rows,
            rows: kept, repairedRows: repairedRows)
    }

    /// Puts a time in place of an event time that a row does not give; an empty text is not taken for that.
    private func fill(_ output: inout FieldReader.Output, _ rows: TextRows, _ cell: Int?, with time: Timestamp) {
        guard case .timestamp(var times) = output.column.storage, output.column.validity != nil else { return }
        var validity = output.column.validity
        var filled: Set<Int> = []
        for row in times.indices where output.column.isMissing(row) {
            let kind = cell.map { rows.cells[row * rows.width + $0].kind } ?? .absent
            guard kind == .absent || kind == .null else { continue }
            times[row] = time.microseconds
            validity?[row] = true
            filled.insert(row)
        }
        output.column = Column(.timestamp(times), validity: filled.count == output.column.missingCount ? nil : validity)
        output.faults.removeAll { filled.contains($0.row) }
    }

    private func checkAhead(_ output: inout FieldReader.Output, arrival: Timestamp) {
        guard case .timestamp(let times) = output.column.storage else { return }
        let latest = (arrival + contract.ahead).microseconds
        for row in times.indices where times[row] > latest && !output.column.isMissing(row) {
            let moment = Timestamp(microseconds: times[row])
            output.faults.append(
                (
                    row,
                    DeadLetter.Fault(
                        .futureTime, field: contract.eventTime, value: moment.description,
                        message:
                            "the event time \(moment) is more than \(contract.ahead) after its arrival at \(arrival)"
                    )
                ))
        }
    }
}

/// Rows that were held to a contract.
public struct ContractRows: Sendable {
    /// How often one declared repair was made.
    public struct Repair: Hashable, Sendable {
        public var field: String
        public var rule: CleanRule
        public var count: Int
    }

    /// The rows that keep the contract, columns in its order.
    public private(set) var frame: Frame
    /// The rows that break it, in the order of the input.
    public private(set) var deadLetters: [DeadLetter]
    /// Of all rows read, also those that became dead letters.
    public let repairs: [Repair]
    private let source: TextRows
    /// The row of `source` that each row of the frame is.
    private var rows: [Int]
    private let repairedRows: Set<Int>

    init(
        frame: Frame, deadLetters: [DeadLetter], repairs: [Repair], source: TextRows, rows: [Int],
        repairedRows: Set<Int>
    ) {
        self.frame = frame
        self.deadLetters = deadLetters
        self.repairs = repairs
        self.source = source
        self.rows = rows
        self.repairedRows = repairedRows
    }

    /// Where a row of the frame stands in the input.
    public func place(_ row: Int) -> DeadLetter.Place { source.place(rows[row]) }

    /// The bytes of a row of the frame, as they came.
    public func raw(_ row: Int) -> ArraySlice<UInt8> { source.raw(rows[row]) }

    /// Whether a declared repair changed the row, so that its original is worth keeping.
    public func isRepaired(_ row: Int) -> Bool { repairedRows.contains(rows[row]) }

    /// Moves the rows for which a check is not true to the dead letters.
    ///
    /// - Parameters:
    ///   - mask: a bool a row of the frame, true where it passes.
    ///   - missingPasses: whether a missing result passes, as for a check on an optional value that is not there.
    ///   - fault: what to say of a row that does not pass.
    public func splitting(
        by mask: Column, missingPasses: Bool = true, fault: (_ row: Int) -> DeadLetter.Fault
    ) -> ContractRows {
        precondition(mask.count == frame.rowCount, "mask and frame differ in length")
        guard case .bool(let bits) = mask.storage else {
            preconditionFailure("the mask is \(mask.type), not bool")
        }
        var kept: [Int] = []
        var letters = deadLetters
        for row in 0..<frame.rowCount {
            if mask.isMissing(row) ? missingPasses : bits[row] {
                kept.append(row)
            } else {
                letters.append(DeadLetter(place: place(row), faults: [fault(row)], raw: Array(raw(row))))
            }
        }
        if kept.count == frame.rowCount { return self }
        letters.sort { DeadLetter.Place.precedes($0.place, $1.place) }
        var result = self
        result.frame = frame.gathering(kept)
        result.rows = kept.map { rows[$0] }
        result.deadLetters = letters
        return result
    }
}
