import MartletExpressions
import MartletFrames
import MartletPlan
import MartletStorage
import MartletTraining

/// A page of an endpoint's predictions in log order, each with what became known of it.
struct JoinedPredictions: Sendable {
    /// Predictions that were stored together for one model: one element a row in every array and column.
    struct Part: Sendable {
        var model: String
        /// As the log keeps them: the fields of a record, then `input.…` and `feature.…`.
        var rows: Frame
        var positions: [Int64]
        /// `t`, microseconds since 1970.
        var times: [Int64]
        /// By what the log knows each prediction.
        var keys: [Fingerprint]
        /// How long after `t` a label is known at the earliest; nil if the model is not in force.
        var knownAfter: Timestamp.Span?
        /// The newest outcome as the model's label has it; missing where none came. Nil if the model is not in force.
        var labels: Column?
        /// Where the outcome stands in the log; -1 where none came.
        var labelPositions: [Int64]
        /// When it became known, microseconds since 1970; 0 where none came.
        var labelTimes: [Int64]

        var count: Int { positions.count }

        /// Whether enough time has passed for a label to be known.
        func isMature(_ row: Int, at now: Timestamp) -> Bool {
            knownAfter.map { times[row] + $0.microseconds <= now.microseconds } ?? false
        }

        func hasLabel(_ row: Int) -> Bool { labelPositions[row] >= 0 }
    }

    var parts: [Part] = []
    /// Where the next page begins; equal to `end` once everything durable was read.
    var next: Int64
    /// The durable end when the page was read.
    var end: Int64
}

extension Platform {
    /// Reads an endpoint's predictions from a position on, and joins to each its outcome, all of a page together.
    ///
    /// The outcome is the newer of two: the one that was recorded with the prediction, and the late fields of the event that it
    /// was made for, found by its unique key, through the model's label expression. A retracted event has none. It is the
    /// newest that the log holds as the page is read, so a page read again may know more.
    ///
    /// - Parameters:
    ///   - position: where to begin; ``JoinedPredictions/next`` of the page before.
    ///   - maxRows: the most predictions and outcome records that are looked at.
    /// - Complexity: one lookup and one read of each block for all rows of a page.
    func joinedPredictions(of endpoint: String, from position: Int64, maxRows: Int = 5_000) async throws -> JoinedPredictions {
        let page = try await log.read(
            from: position, streams: [PredictionRecord.stream(of: endpoint)], maxRows: maxRows, maxBytes: 8 << 20)
        var joined = JoinedPredictions(next: page.next, end: page.end)
        for batch in page.batches where batch.kind == .prediction {
            for rows in Self.rowsByModel(batch) { joined.parts.append(JoinedPredictions.Part(batch, rows)) }
        }
        try await join(&joined.parts)
        return joined
    }

    /// Joins the newest outcomes to predictions that were read otherwise.
    func join(_ parts: inout [JoinedPredictions.Part]) async throws {
        try await joinOwn(&parts)
        for index in parts.indices { try await joinEvent(&parts[index]) }
    }

    /// One batch's rows, apart by the model that they are of; those that were only computed beside an answer decided nothing.
    private static func rowsByModel(_ batch: StoredBatch) -> [(model: String, rows: [Int])] {
        guard batch.rows["shadow_of"] == nil, case .string(let models)? = batch.rows["model"]?.storage else { return [] }
        var groups: [(model: String, rows: [Int])] = []
        for row in 0..<models.count {
            let name = models.utf8(row)
            if let last = groups.last, last.model.utf8.elementsEqual(name) {
                groups[groups.count - 1].rows.append(row)
            } else if let known = groups.firstIndex(where: { $0.model.utf8.elementsEqual(name) }) {
                groups[known].rows.append(row)
            } else {
                groups.append((String(decoding: name, as: UTF8.self), [row]))
            }
        }
        return groups
    }

    /// Takes in the outcomes that were recorded with the predictions themselves.
    private func joinOwn(_ parts: inout [JoinedPredictions.Part]) async throws {
        let project = inForce.project
        for index in parts.indices {
            let part = parts[index]
            guard let model = project?.model(part.model) else { continue }
            parts[index].knownAfter = model.labelKnownAfter
            parts[index].labels = Column(repeating: .missing, type: model.label.type, count: part.count)
        }
        let states = try await log.current(of: parts.flatMap(\.keys))
        var owners: [Int64: (part: Int, row: Int)] = [:]
        var next = 0
        for (number, part) in parts.enumerated() {
            for row in 0..<part.count {
                if let state = states[next], state.position != part.positions[row] { owners[state.position] = (number, row) }
                next += 1
            }
        }
        var found: [Int: [(row: Int, value: Value)]] = [:]
        for stored in try await log.rows(at: Array(owners.keys)) where stored.kind == .outcome {
            for (row, position) in stored.positions.enumerated() {
                guard let owner = owners[position], let value = stored.rows["outcome"]?[row], value != .missing else { continue }
                parts[owner.part].labelPositions[owner.row] = position
                parts[owner.part].labelTimes[owner.row] = stored.knownTimes[row]
                found[owner.part, default: []].append((owner.row, value))
            }
        }
        for (index, values) in found {
            guard let label = project?.model(parts[index].model)?.label else { continue }
            parts[index].set(label.labels(recorded: values.map(\.value)), at: values.map(\.row))
        }
    }

    /// Takes in the late fields of the events that predictions were made for, where those are newer.
    private func joinEvent(_ part: inout JoinedPredictions.Part) async throws {
        guard let label = inForce.project?.model(part.model)?.label, let source = inForce.project?.model(part.model)?.source,
            let stream = inForce.streams[source]
        else { return }
        let keys = stream.keys(ofInputs: part.inputs)
        let asked = keys.indices.filter { keys[$0] != .none }
        if asked.isEmpty { return }
        var owners: [Int64: [Int]] = [:]
        for (row, state) in zip(asked, try await log.current(of: asked.map { keys[$0] })) {
            // Nothing that is older than the outcome at hand can take its place.
            if let state, !state.isRetracted, state.position > part.labelPositions[row] { owners[state.position, default: []].append(row) }
        }
        var rows: [Int] = []
        var values: [Value] = []
        for stored in try await log.rows(at: Array(owners.keys)) where stored.stream == stream.name {
            let labels = label.labels(ofEvents: stored.rows)
            for (index, position) in stored.positions.enumerated() where !labels.isMissing(index) {
                for row in owners[position] ?? [] {
                    part.labelPositions[row] = position
                    part.labelTimes[row] = stored.knownTimes[index]
                    rows.append(row)
                    values.append(labels[index])
                }
            }
        }
        part.set(Column(values, type: label.type), at: rows)
    }
}

extension JoinedPredictions.Part {
    /// Rows of a stored batch that are of one model; nothing is known of them yet.
    init(_ batch: StoredBatch, _ group: (model: String, rows: [Int])) {
        let isAll = group.rows.count == batch.positions.count
        func part<Element>(_ all: [Element]) -> [Element] { isAll ? all : group.rows.map { all[$0] } }
        model = group.model
        rows = isAll ? batch.rows : batch.rows.gathering(group.rows)
        positions = part(batch.positions)
        times = part(batch.eventTimes)
        keys = part(batch.uniqueKeys)
        labelPositions = [Int64](repeating: -1, count: group.rows.count)
        labelTimes = [Int64](repeating: 0, count: group.rows.count)
    }

    /// What was asked, with pseudonyms in place of persons.
    var inputs: Frame {
        let fields = rows.schema.fields.indices.filter { rows.schema.fields[$0].name.hasPrefix("input.") }
        let schema = Schema(fields.map {
            let field = rows.schema.fields[$0]
            return Field(String(field.name.dropFirst(6)), field.type, isOptional: true)
        })
        return Frame(schema, fields.map { rows.columns[$0] }, rowCount: count)
    }

    /// Puts labels in some rows.
    fileprivate mutating func set(_ values: Column, at rows: [Int]) {
        guard let labels, labels.type == values.type, !rows.isEmpty else { return }
        var all = (0..<labels.count).map { labels[$0] }
        for (value, row) in rows.enumerated() { all[row] = values[value] }
        self.labels = Column(all, type: labels.type)
    }
}

extension CompiledExpression {
    /// Labels out of what was recorded with predictions: the one field that the label reads, or else the label itself.
    fileprivate func labels(recorded values: [Value]) -> Column {
        guard references.count == 1 else {
            return Column(values.map { $0.type == type ? $0 : .missing }, type: type)
        }
        let column = Column(values.map { $0.type == referenceTypes[0] ? $0 : .missing }, type: referenceTypes[0])
        return evaluate([column], rowCount: values.count).column
    }

    /// Labels of stored events; missing where a field that the label reads is.
    fileprivate func labels(ofEvents rows: Frame) -> Column {
        let columns = zip(references, referenceTypes).map { name, type in
            rows[name].flatMap { $0.type == type ? $0 : nil } ?? Column(repeating: .missing, type: type, count: rows.rowCount)
        }
        return evaluate(columns, rowCount: rows.rowCount).column
    }
}
