import MartletBytes
import MartletDefinitions
import MartletIngestion

/// Cuts plain bytes into outcomes: a table, one JSON object a line, or one JSON array.
///
/// A table's columns are `prediction_id`, or `stream` and the fields of its unique key (or `unique`), then `label`, and if wanted
/// `time` and `field`. An empty cell is none. Memory is bounded by one piece and one batch; a JSON array is held as a whole.
struct OutcomeReader {
    /// What a table's column holds.
    private enum Role: Hashable {
        case prediction, stream, unique, label, time, field
        /// A field of a unique key.
        case key(String)
        case ignored
    }

    private enum Source {
        /// The first bytes of a table, until its first line tells what stands between cells.
        case csvStart([UInt8])
        case csv(CSVReader, delimiter: UInt8, roles: [Role]?)
        case lines(LineReader)
        case json([UInt8])
        case done
    }

    /// Whose events are meant where an item names neither prediction nor stream.
    private let stream: String?
    /// The fields of the unique key of each stream.
    private let uniqueFields: [String: [String]]
    private let ignoringUnknown: Bool
    private var source: Source
    private var isLast = false
    /// What a JSON array still holds.
    private var waiting: ArraySlice<ReadOutcome> = []

    init(format: IngestOptions.Format, stream: String?, uniqueFields: [String: [String]], ignoringUnknown: Bool = false) {
        self.stream = stream
        self.uniqueFields = uniqueFields
        self.ignoringUnknown = ignoringUnknown
        source =
            switch format {
            case .csv: .csvStart([])
            case .ndjson: .lines(LineReader())
            case .json: .json([])
            }
    }

    /// As the dead letters keep how the rows came.
    func origin(_ name: String) -> DeadLetterTable.Origin {
        guard case .csv(let reader, let delimiter, _) = source else {
            return DeadLetterTable.Origin(source: name, header: nil, isHistory: false, isOutcome: true)
        }
        return DeadLetterTable.Origin(source: name, header: reader.header, delimiter: delimiter, isHistory: false, isOutcome: true)
    }

    /// Bytes of a JSON array whose end has not come.
    var heldBytes: Int {
        if case .json(let held) = source { held.count } else { 0 }
    }

    mutating func append(_ bytes: [UInt8], isLast: Bool) {
        self.isLast = isLast
        let current = source
        // Let go of while it changes, so that nothing is copied.
        source = .done
        switch current {
        case .done: break
        case .csvStart(let held):
            let start = held + bytes
            guard isLast || start.contains(0x0A) || start.count > 1 << 20 else {
                source = .csvStart(start)
                return
            }
            let delimiter = CSVReader.delimiter(ofHeader: start)
            source = .csv(CSVReader(delimiter: delimiter), delimiter: delimiter, roles: nil)
            append(start, isLast: isLast)
        case .csv(var reader, let delimiter, let roles):
            reader.append(bytes)
            if isLast { reader.finish() }
            source = .csv(reader, delimiter: delimiter, roles: roles)
        case .lines(var reader):
            reader.append(bytes)
            if isLast { reader.finish() }
            source = .lines(reader)
        case .json(let held): source = .json(held + bytes)
        }
    }

    /// The next items; nil if more bytes are needed, or at the end.
    ///
    /// - Throws: where the input as a whole cannot be read: its header, or a JSON array with a mistake.
    mutating func next(limit: Int) throws -> [ReadOutcome]? {
        if !waiting.isEmpty {
            defer { waiting = waiting.dropFirst(limit) }
            return Array(waiting.prefix(limit))
        }
        switch source {
        case .csvStart, .done: return nil
        case .csv(var reader, let delimiter, var roles):
            source = .done
            defer { source = .csv(reader, delimiter: delimiter, roles: roles) }
            guard let rows = try reader.nextRows(limit: limit), !rows.isEmpty else { return nil }
            let known = try roles ?? self.roles(of: reader.header ?? [])
            roles = known
            let good = (0..<rows.count).map { row in
                ReadOutcome(place: rows.place(row), raw: Array(rows.raw(row)), item: item(rows, row, known))
            }
            return Self.inOrder(good, rows.rejected)
        case .lines(var reader):
            source = .done
            defer { source = .lines(reader) }
            let lines = reader.nextLines(limit: limit)
            if lines.isEmpty { return nil }
            let good = (0..<lines.count).map { line in read(lines[line], at: lines.place(line)) }
            return Self.inOrder(good, lines.rejected)
        case .json(let held):
            guard isLast, held.contains(where: { $0 > 0x20 }) else { return nil }
            source = .done
            let value = try JSONValue(parsing: held, lengthLimit: max(held.count, 1))
            guard let items = value.array ?? (value.object != nil ? [value] : nil) else {
                throw PlatformError(.invalid, "outcomes are a list of objects, found \(value.kind)")
            }
            waiting = Self.read(items, stream: stream)[...]
            return try next(limit: limit)
        }
    }

    /// Items of a JSON array, counted from 1.
    static func read(_ items: [JSONValue], stream: String?) -> [ReadOutcome] {
        items.enumerated().map { index, item in
            ReadOutcome(
                place: .item(index + 1), raw: item.serialized(),
                item: Result { () throws(OutcomeRefusal) in try OutcomeItem(item, stream: stream) })
        }
    }

    private func read(_ line: ArraySlice<UInt8>, at place: DeadLetter.Place) -> ReadOutcome {
        let item = Result { () throws(OutcomeRefusal) in
            let json: JSONValue
            do throws(JSONError) { json = try JSONValue(parsing: line) } catch {
                throw OutcomeRefusal(.invalid, "the line is not JSON: \(error)")
            }
            return try OutcomeItem(json, stream: stream)
        }
        return ReadOutcome(place: place, raw: Array(line), item: item)
    }

    /// What could be cut and what could not, as they stood.
    private static func inOrder(_ good: [ReadOutcome], _ rejected: [DeadLetter]) -> [ReadOutcome] {
        if rejected.isEmpty { return good }
        let bad = rejected.map {
            ReadOutcome(place: $0.place, raw: $0.raw, item: .failure(OutcomeRefusal(.invalid, $0.message)))
        }
        return (good + bad).sorted { DeadLetter.Place.precedes($0.place, $1.place) }
    }

    // MARK: - Tables

    private func roles(of header: [String]) throws(PlatformError) -> [Role] {
        let words: [String: Role] = [
            "prediction_id": .prediction, "stream": .stream, "unique": .unique, "label": .label, "time": .time, "field": .field,
        ]
        let keyFields = Set(stream.map { uniqueFields[$0] ?? [] } ?? uniqueFields.values.flatMap { $0 })
        var roles: [Role] = []
        for name in header {
            guard let role = words[name] ?? (keyFields.contains(name) ? .key(name) : ignoringUnknown ? .ignored : nil) else {
                let choices = keyFields.union(words.keys).sorted()
                throw PlatformError(
                    .invalid, "outcomes have no column '\(name.prefix(60))'",
                    hint: NearestMatch.of(name, in: choices).map { "did you mean '\($0)'?" } ?? "columns: \(choices.joined(separator: ", "))")
            }
            if role != .ignored, roles.contains(role) { throw PlatformError(.invalid, "the column '\(name.prefix(60))' stands twice") }
            roles.append(role)
        }
        guard roles.contains(.label) else { throw PlatformError(.invalid, "outcomes have a column 'label'") }
        return roles
    }

    private func item(_ rows: TextRows, _ row: Int, _ roles: [Role]) -> Result<OutcomeItem, OutcomeRefusal> {
        var cells: [Role: String] = [:]
        for (column, role) in roles.enumerated() where role != .ignored {
            let text = rows[row, column]
            if !text.isEmpty { cells[role] = text }
        }
        return Result { () throws(OutcomeRefusal) in try item(cells) }
    }

    private func item(_ cells: [Role: String]) throws(OutcomeRefusal) -> OutcomeItem {
        guard let label = cells[.label] else { throw OutcomeRefusal(.invalid, "an outcome has a 'label'") }
        let time = cells[.time].map(OutcomeItem.Written.text)
        if let id = cells[.prediction] {
            for (role, name) in [(Role.stream, "stream"), (.unique, "unique"), (.field, "field")] where cells[role] != nil {
                throw .besidePrediction(name)
            }
            return OutcomeItem(subject: .prediction(id: id), label: .text(label), field: nil, time: time)
        }
        guard let stream = cells[.stream] ?? stream else { throw .namesNothing }
        let key: OutcomeItem.Key
        if let unique = cells[.unique] {
            if unique.hasPrefix("{"), let fields = (try? JSONValue(parsing: unique))?.object {
                key = .fields(Dictionary(fields.members.map { ($0.key, .json($0.value)) }) { first, _ in first })
            } else {
                key = .single(.text(unique))
            }
        } else {
            guard let fields = uniqueFields[stream], !fields.isEmpty else {
                throw OutcomeRefusal(.unknownStream, "no stream in force with a unique key is named '\(stream.prefix(60))'")
            }
            var parts: [String: OutcomeItem.Written] = [:]
            for field in fields { parts[field] = cells[.key(field)].map(OutcomeItem.Written.text) }
            guard parts.count == fields.count else {
                let missing = fields.first { parts[$0] == nil } ?? ""
                throw OutcomeRefusal(.invalid, "the unique key of '\(stream)' lacks '\(missing)'")
            }
            key = .fields(parts)
        }
        return OutcomeItem(subject: .event(stream: stream, key: key), label: .text(label), field: cells[.field], time: time)
    }
}
