import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletPlan
import MartletStorage
import MartletTraining
import MartletWorld

/// What an outcome labels, found in the log.
struct OutcomeTarget: Sendable {
    enum Kind: Sendable {
        /// Fills a late field of an event.
        case event(StreamRuntime, field: String)
        /// Stands beside the prediction, whose event is not stored.
        case prediction(String)
    }

    var kind: Kind
    var key: Fingerprint
    var value: Value
    /// Microseconds since 1970; nil for now.
    var known: Int64?
}

extension Platform {
    /// Stores outcomes and says what became of each; nothing is folded.
    ///
    /// The same as one by one in order: of one key a later outcome supersedes the earlier, the same label again has no
    /// effect. What the log holds of all keys is looked up together, and what is to be added goes in together, so that a
    /// batch waits for as many syncs as its busiest key has outcomes. After an error, what was stored of a key is a prefix of
    /// its outcomes; sending the batch again is safe.
    ///
    /// - Throws: only what stops the whole batch, such as a log that takes nothing.
    func record(_ items: [ReadOutcome]) async throws -> [OutcomeFate] {
        var fates = [OutcomeFate?](repeating: nil, count: items.count)
        var targets = [OutcomeTarget?](repeating: nil, count: items.count)
        try await resolve(items, &targets, &fates)

        // Of each key the outcomes that are left, in order; one of each is decided at a time.
        var queues: [Fingerprint: ArraySlice<Int>] = [:]
        var order: [Fingerprint] = []
        for (index, target) in targets.enumerated() {
            guard let target, fates[index] == nil else { continue }
            if queues[target.key] == nil { order.append(target.key) }
            queues[target.key, default: []].append(index)
        }
        var tries = 0
        while !order.isEmpty {
            let heads = order.compactMap { queues[$0]?.first }
            let decided = try await record(heads.compactMap { index in targets[index].map { (index, $0) } })
            for (index, fate) in decided { fates[index] = fate }
            // Another change came between reading a record and ending its version; then it is read again.
            tries = decided.isEmpty ? tries + 1 : 0
            if tries == Self.outcomeTries {
                for index in heads {
                    fates[index] = .refused(OutcomeRefusal(.contended, "the event is being changed all the time: send the outcome again"))
                }
            }
            order = order.filter { key in
                guard let head = queues[key]?.first else { return false }
                if fates[head] != nil { queues[key]?.removeFirst() }
                return queues[key]?.isEmpty == false
            }
        }
        return fates.map { $0 ?? .refused(OutcomeRefusal(.invalid, "nothing was decided")) }
    }

    /// How often in a row nothing may be decided because others change the same records.
    private static let outcomeTries = 10

    // MARK: - What is labelled

    private func resolve(_ items: [ReadOutcome], _ targets: inout [OutcomeTarget?], _ fates: inout [OutcomeFate?]) async throws {
        let inForce = inForce
        let latest = world.clock.now() + .minutes(5)
        var ofPredictions: [(index: Int, key: Fingerprint)] = []
        var ofStreams: [(stream: StreamRuntime, indices: [Int])] = []
        for (index, read) in items.enumerated() {
            do throws(OutcomeRefusal) {
                switch try read.item.get().subject {
                case .prediction(let id):
                    guard let id = UUIDv7(id) else { throw .noPrediction(id) }
                    ofPredictions.append((index, PredictionRecord.key(id)))
                case .event(let name, _):
                    guard let stream = inForce.streams[name] else {
                        let nearest = NearestMatch.of(name, in: inForce.streams.keys).map { "; did you mean '\($0)'?" } ?? ""
                        throw OutcomeRefusal(.unknownStream, "no stream is named '\(name.prefix(60))'\(nearest)")
                    }
                    if let known = ofStreams.firstIndex(where: { $0.stream === stream }) {
                        ofStreams[known].indices.append(index)
                    } else {
                        ofStreams.append((stream, [index]))
                    }
                }
            } catch { fates[index] = .refused(error) }
        }
        for (stream, indices) in ofStreams { try resolve(events: indices, of: stream, items, latest, &targets, &fates) }
        try await resolve(predictions: ofPredictions, items, latest, &targets, &fates)
    }

    private func resolve(
        events indices: [Int], of stream: StreamRuntime, _ items: [ReadOutcome], _ latest: Timestamp,
        _ targets: inout [OutcomeTarget?], _ fates: inout [OutcomeFate?]
    ) throws {
        let late = stream.contract.fields.filter { $0.knownAfter != nil }
        let keyFields = stream.contract.fields.filter { stream.contract.unique.contains($0.name) }
        var good: [Int] = []
        var values = [[Value]](repeating: [], count: keyFields.count)
        for index in indices {
            do throws(OutcomeRefusal) {
                let item = try items[index].item.get()
                guard case .event(_, let key) = item.subject else { continue }
                let found = try stream.keyValues(key, keyFields)
                let field = try stream.lateField(item.field, among: late)
                targets[index] = OutcomeTarget(
                    kind: .event(stream, field: field.name), key: .none, value: try item.label.value(as: field.type, named: "label"),
                    known: try item.knownTime(noLaterThan: latest))
                for (column, value) in found.enumerated() { values[column].append(value) }
                good.append(index)
            } catch { fates[index] = .refused(error) }
        }
        if good.isEmpty { return }
        let schema = Schema(keyFields.map { Field($0.name, $0.type) })
        let columns = zip(keyFields, values).map { Column($1, type: $0.type) }
        // To label nobody's event gives nobody a pseudonym.
        let rows = try pseudonyms.replacing(in: Frame(schema, columns, rowCount: good.count), fields: keyFields, creating: false)
        let keys = RowFingerprints(stream: stream.name, schema: rows.schema, unique: stream.contract.unique).keys(of: rows)
        for (index, key) in zip(good, keys) {
            if key == .none { fates[index] = .refused(.noEvent(stream.name)) } else { targets[index]?.key = key }
        }
    }

    /// The event that each prediction was made for; or the prediction itself, if its event is not stored.
    private func resolve(
        predictions: [(index: Int, key: Fingerprint)], _ items: [ReadOutcome], _ latest: Timestamp,
        _ targets: inout [OutcomeTarget?], _ fates: inout [OutcomeFate?]
    ) async throws {
        if predictions.isEmpty { return }
        let states = try await log.current(of: predictions.map(\.key))
        let found = try await records(at: states.compactMap { $0?.position })
        var candidates: [(index: Int, event: OutcomeTarget?, own: OutcomeTarget?)] = []
        for (prediction, state) in zip(predictions, states) {
            do throws(OutcomeRefusal) {
                let item = try items[prediction.index].item.get()
                guard case .prediction(let id) = item.subject else { continue }
                guard let state, let record = found[state.position] else { throw .noPrediction(id) }
                guard let model = inForce.project?.model(record.model), let stream = inForce.streams[model.source] else {
                    throw OutcomeRefusal(.notInForce, "the model of this prediction is not in force")
                }
                let known = try item.knownTime(noLaterThan: latest)
                let field = model.label.references.count == 1 ? stream.definition[model.label.references[0]] : nil
                let value = try item.label.value(as: field?.type ?? model.label.type, named: "label")
                let own = OutcomeTarget(kind: .prediction(id), key: prediction.key, value: value, known: known)
                let key = stream.keys(ofInputs: record.inputs)[0]
                let event: OutcomeTarget? = field.flatMap { field in
                    key == .none ? nil : OutcomeTarget(kind: .event(stream, field: field.name), key: key, value: value, known: known)
                }
                candidates.append((prediction.index, event, own))
            } catch { fates[prediction.index] = .refused(error) }
        }
        let asked = candidates.filter { $0.event != nil }
        var stored: Set<Int> = []
        for (candidate, state) in zip(asked, try await log.current(of: asked.compactMap { $0.event?.key })) where state != nil {
            stored.insert(candidate.index)
        }
        for (index, event, own) in candidates { targets[index] = stored.contains(index) ? event : own }
    }

    /// Prediction records by their positions.
    private func records(at positions: [Int64]) async throws -> [Int64: PredictionRecord] {
        var found: [Int64: PredictionRecord] = [:]
        for batch in try await log.rows(at: positions) {
            for (row, position) in batch.positions.enumerated() { found[position] = PredictionRecord(batch.rows.gathering([row])) }
        }
        return found
    }

    // MARK: - What is added

    /// Decides outcomes of different keys together.
    ///
    /// - Returns: what became of each; one whose record changed meanwhile is left out.
    private func record(_ targets: [(index: Int, target: OutcomeTarget)]) async throws -> [(Int, OutcomeFate)] {
        let states = try await log.current(of: targets.map(\.target.key))
        var decided: [(Int, OutcomeFate)] = []
        var wanted: [Int64: (index: Int, target: OutcomeTarget)] = [:]
        for (entry, state) in zip(targets, states) {
            if let state, !state.isRetracted {
                wanted[state.position] = entry
            } else {
                decided.append((entry.index, .refused(state == nil ? entry.target.notThere : .retracted)))
            }
        }
        var additions = OutcomeAdditions()
        for stored in try await log.rows(at: Array(wanted.keys)) {
            var groups: [OutcomeAdditions.Group: [(row: Int, index: Int, target: OutcomeTarget)]] = [:]
            for (row, position) in stored.positions.enumerated() {
                guard let (index, target) = wanted[position] else { continue }
                let group = OutcomeAdditions.Group(target, of: stored)
                if case .event = target.kind, stored.rows.schema.index(of: group.field) == nil {
                    decided.append((
                        index, .refused(OutcomeRefusal(.invalid, "the stored event has no field '\(group.field)'"))))
                    continue
                }
                if stored.rows[group.field]?[row] == target.value {
                    decided.append((index, .duplicate))
                    continue
                }
                groups[group, default: []].append((row, index, target))
            }
            for (group, rows) in groups.sorted(by: { $0.value[0].row < $1.value[0].row }) { additions.add(rows, of: stored, group) }
        }
        let (batches, entries) = additions.finish()
        for (disposition, entry) in zip(try await append(batches), entries) {
            switch disposition {
            case .accepted: decided.append((entry.index, .accepted(changed: entry.changed)))
            case .duplicate: decided.append((entry.index, .duplicate))
            case .conflict: decided.append((entry.index, .refused(.retracted)))
            case .unknownKey: decided.append((entry.index, .refused(entry.target.notThere)))
            case .outdated: break
            }
        }
        return decided
    }

    /// Appends batches in one commit, or in several where they are too large for one; row by row what became of each.
    private func append(_ batches: [RecordBatch]) async throws -> [Disposition] {
        if batches.isEmpty { return [] }
        do {
            return try await log.append(batches).flatMap { $0 }
        } catch let error as LogError where error.code == .tooLarge && batches.count > 1 {
            let half = batches.count / 2
            return try await append(Array(batches.prefix(half))) + append(Array(batches.dropFirst(half)))
        }
    }
}

/// Records that are to be added together, of different keys.
private struct OutcomeAdditions {
    /// Rows that can stand in one batch.
    struct Group: Hashable {
        var stream: String
        var schema: Schema
        /// The column that the label fills.
        var field: String
        var hasTime: Bool

        init(_ target: OutcomeTarget, of stored: StoredBatch) {
            stream = stored.stream
            schema = stored.rows.schema
            field = if case .event(_, let field) = target.kind { field } else { "outcome" }
            hasTime = target.known != nil
        }
    }

    struct Entry {
        /// Among the outcomes of the batch.
        var index: Int
        var target: OutcomeTarget
        /// Whether another label stands there.
        var changed: Bool
        /// The record whose version it ends.
        var position: Int64
        var eventTime: Int64
        var knownTime: Int64
    }

    private var order: [Group] = []
    private var frames: [Group: [Frame]] = [:]
    private var members: [Group: [Entry]] = [:]

    mutating func add(_ rows: [(row: Int, index: Int, target: OutcomeTarget)], of stored: StoredBatch, _ group: Group) {
        if members[group] == nil { order.append(group) }
        frames[group, default: []].append(stored.rows.gathering(rows.map(\.row)))
        let column = stored.rows[group.field]
        members[group, default: []] += rows.map { row, index, target in
            Entry(
                index: index, target: target, changed: column.map { !$0.isMissing(row) } ?? false, position: stored.positions[row],
                eventTime: stored.eventTimes[row], knownTime: stored.knownTimes[row])
        }
    }

    /// The batches, each in the order of its outcomes, and an entry for each row of them.
    func finish() -> (batches: [RecordBatch], entries: [Entry]) {
        var batches: [RecordBatch] = []
        var entries: [Entry] = []
        for group in order {
            guard let members = members[group], let all = frames[group].flatMap({ Frame.concatenating($0) }) else { continue }
            let sorted = members.indices.sorted { members[$0].index < members[$1].index }
            let rows = all.gathering(sorted)
            let own = sorted.map { members[$0] }
            let made = Self.batch(of: own, rows, group).map { [$0] } ?? Self.predictions(own, rows, group)
            // A record of a prediction is there, or it would not have been found.
            precondition(made.reduce(0) { $0 + $1.rows.rowCount } == own.count, "an outcome is lost")
            batches += made
            entries += own
        }
        return (batches, entries)
    }

    /// Events with their late field filled; nil if these are predictions.
    private static func batch(of entries: [Entry], _ rows: Frame, _ group: Group) -> RecordBatch? {
        guard case .event = entries[0].target.kind, let column = rows.schema.index(of: group.field) else { return nil }
        var columns = rows.columns
        columns[column] = Column(entries.map(\.target.value), type: columns[column].type)
        let frame = Frame(rows.schema, columns, rowCount: rows.rowCount)
        return RecordBatch(
            stream: group.stream, kind: .outcome, rows: frame, eventTimes: entries.map(\.eventTime),
            knownTimes: group.hasTime ? entries.map { max($0.target.known ?? 0, $0.knownTime) } : nil,
            uniqueKeys: entries.map(\.target.key),
            payloads: RowFingerprints(stream: group.stream, schema: frame.schema, unique: []).payloads(of: frame),
            expected: entries.map(\.position))
    }

    /// Predictions are stored again one by one, since each has a schema of its own once it has an outcome.
    private static func predictions(_ entries: [Entry], _ rows: Frame, _ group: Group) -> [RecordBatch] {
        entries.enumerated().compactMap { number, entry in
            guard case .prediction(let id) = entry.target.kind, var record = PredictionRecord(rows.gathering([number])) else { return nil }
            record.outcome = entry.target.value
            return RecordBatch(
                stream: group.stream, kind: .outcome, rows: PredictionBatch(record).rows(outcome: entry.target.value),
                eventTimes: [record.time], knownTimes: group.hasTime ? [max(entry.target.known ?? 0, entry.knownTime)] : nil,
                uniqueKeys: [entry.target.key], payloads: [Fingerprint(sha256Of: Array("\(id) \(entry.target.value)".utf8))],
                expected: [entry.position])
        }
    }
}

extension OutcomeTarget {
    /// What it means that the log does not hold it.
    fileprivate var notThere: OutcomeRefusal {
        switch kind {
        case .event(let stream, _): .noEvent(stream.name)
        case .prediction(let id): .noPrediction(id)
        }
    }
}

extension OutcomeRefusal {
    static let retracted = Self(.retracted, "the event was retracted")

    static func noEvent(_ stream: String) -> Self {
        Self(.unknownEvent, "no event of '\(stream)' has this key; send the event first")
    }

    static func noPrediction(_ id: String) -> Self {
        Self(.unknownPrediction, "no prediction has the id '\(id.prefix(60))'")
    }
}

extension OutcomeItem {
    /// When it became known, in microseconds since 1970; nil for now.
    fileprivate func knownTime(noLaterThan latest: Timestamp) throws(OutcomeRefusal) -> Int64? {
        guard let time else { return nil }
        let text: String? =
            switch time {
            case .text(let text): text
            case .json(let json): json.string
            }
        guard let moment = text.flatMap({ Timestamp(rfc3339: $0) }) else {
            let found = if case .json(let json) = time, text == nil { json.kind } else { "a text that is none" }
            throw OutcomeRefusal(.invalid, "'time' should be a time such as 2018-07-25T06:00:00Z, found \(found)")
        }
        guard moment <= latest else {
            throw OutcomeRefusal(.invalid, "'time' is \(moment), which is to come: an outcome is known when it is sent")
        }
        return moment.microseconds
    }
}

extension StreamRuntime {
    /// A unique key's values, in the order of the stream's fields.
    fileprivate func keyValues(_ key: OutcomeItem.Key, _ fields: [ContractField]) throws(OutcomeRefusal) -> [Value] {
        guard !fields.isEmpty else { throw OutcomeRefusal(.invalid, "stream '\(name)' has no unique key") }
        switch key {
        case .single(let written):
            guard fields.count == 1 else {
                let names = fields.map(\.name).joined(separator: ", ")
                throw OutcomeRefusal(.invalid, "the unique key of '\(name)' has several fields: give an object of \(names)")
            }
            return [try written.value(as: fields[0].type, named: "unique")]
        case .fields(let parts):
            for part in parts.keys.sorted() where !fields.contains(where: { $0.name == part }) {
                throw OutcomeRefusal(.invalid, "the unique key of '\(name)' has no field '\(part.prefix(60))'")
            }
            var values: [Value] = []
            for field in fields {
                guard let part = parts[field.name] else {
                    throw OutcomeRefusal(.invalid, "the unique key of '\(name)' lacks '\(field.name)'")
                }
                values.append(try part.value(as: field.type, named: field.name))
            }
            return values
        }
    }

    /// The field that an outcome fills.
    fileprivate func lateField(_ name: String?, among late: [ContractField]) throws(OutcomeRefusal) -> ContractField {
        guard let name else {
            if late.count == 1 { return late[0] }
            throw OutcomeRefusal(.invalid, "stream '\(self.name)' has \(late.count) late fields: name one as 'field'")
        }
        guard let field = late.first(where: { $0.name == name }) else {
            let choices = late.map(\.name)
            let nearest = NearestMatch.of(name, in: choices).map { "; did you mean '\($0)'?" } ?? "; it has: \(choices.joined(separator: ", "))"
            throw OutcomeRefusal(.invalid, "stream '\(self.name)' has no late field '\(name.prefix(60))'\(nearest)")
        }
        return field
    }
}
