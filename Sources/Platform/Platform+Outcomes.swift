public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    /// Takes what became known of events and predictions: fills the late field, as a record of its own.
    ///
    /// Each item is `{"prediction_id" or "stream" + "unique", "label", "field"?, "time"?}`; `time` says when it became known,
    /// if that was not now, and counts as no earlier than its event became known. Items that cannot be taken are
    /// answered with why; the others are stored. Memory and time are bounded by the item limit.
    public func takeOutcomes(_ body: JSONValue, itemLimit: Int = 10_000, scope: Scope) async throws -> JSONValue {
        try scope.require(.outcomesWrite, on: .project(project))
        guard let items = body.array ?? (body.object != nil ? [body] : nil) else {
            throw PlatformError(.invalid, "outcomes are a list of objects, found \(body.kind)")
        }
        guard items.count <= itemLimit else {
            throw PlatformError(.tooMany, "\(items.count) outcomes in one request; at most \(itemLimit) are taken")
        }
        var accepted: Int64 = 0
        var duplicates: Int64 = 0
        var rejected: [JSONValue] = []
        for (index, item) in items.enumerated() {
            do {
                if try await takeOutcome(item) { accepted += 1 } else { duplicates += 1 }
            } catch let error as PlatformError {
                rejected.append(["item": .int64(Int64(index + 1)), "message": .string(error.message)])
            }
        }
        try await features.catchUp()
        return ["accepted": .int64(accepted), "duplicates": .int64(duplicates), "rejected": .array(rejected)]
    }

    private static let keys = ["prediction_id", "stream", "unique", "label", "field", "time"]

    /// False if it was there already.
    private func takeOutcome(_ item: JSONValue) async throws -> Bool {
        guard let object = item.object else { throw PlatformError(.invalid, "an outcome is an object, found \(item.kind)") }
        for key in object.keys where !Self.keys.contains(key) {
            throw PlatformError(
                .invalid, "unknown member '\(key.prefix(60))'\(NearestMatch.of(key, in: Self.keys).map { "; did you mean '\($0)'?" } ?? "")")
        }
        guard let label = object["label"] else { throw PlatformError(.invalid, "an outcome has a 'label'") }
        let known = try knownTime(object["time"])
        if let id = object["prediction_id"]?.string {
            for other in ["stream", "unique", "field"] where object[other] != nil {
                throw PlatformError(.invalid, "an outcome with a 'prediction_id' has no '\(other)': its event is found by the prediction")
            }
            return try await self.label(prediction: id, label, known: known)
        }
        guard let name = object["stream"]?.string, let unique = object["unique"] else {
            throw PlatformError(.invalid, "an outcome names a 'prediction_id', or a 'stream' and a 'unique' key")
        }
        let stream = try stream(name)
        let key = try uniqueKey(unique, of: stream)
        let late = stream.contract.fields.filter { $0.knownAfter != nil }
        guard let field = object["field"]?.string.flatMap({ name in late.first { $0.name == name } }) ?? (late.count == 1 ? late[0] : nil)
        else {
            throw PlatformError(.invalid, "stream '\(name)' has \(late.count) late fields: name one as 'field'")
        }
        return try await fill(field, label, key, stream, known: known)
    }

    /// When an outcome became known, in microseconds since 1970; nil for now.
    private func knownTime(_ json: JSONValue?) throws(PlatformError) -> Int64? {
        guard let json, !json.isNull else { return nil }
        guard let time = json.string.flatMap({ Timestamp(rfc3339: $0) }) else {
            throw PlatformError(.invalid, "'time' should be a time such as 2018-07-25T06:00:00Z, found \(json.kind)")
        }
        guard time <= world.clock.now() + .minutes(5) else {
            throw PlatformError(.invalid, "'time' is \(time), which is to come: an outcome is known when it is sent")
        }
        return time.microseconds
    }

    /// Labels the event that a prediction was made for; or the prediction itself, if its event is not stored.
    private func label(prediction id: String, _ label: JSONValue, known: Int64?) async throws -> Bool {
        guard let predictionKey = UUIDv7(id).map(PredictionRecord.key), let state = try await log.current(of: [predictionKey])[0],
            let row = try await log.row(at: state.position), var record = PredictionRecord(row.rows)
        else { throw PlatformError(.notFound, "no prediction has the id '\(id.prefix(60))'") }
        guard let model = inForce.project?.model(record.model), let stream = inForce.streams[model.source] else {
            throw PlatformError(.notFound, "the model of this prediction is not in force")
        }
        let key = stream.fingerprints.keys(of: record.inputs)[0]
        let field = model.label.references.count == 1 ? stream.definition[model.label.references[0]] : nil
        if let field, key != .none, try await log.current(of: [key])[0] != nil {
            return try await fill(field, label, key, stream, known: known)
        }
        record.outcome = try value(label, field?.type ?? model.label.type)
        let rows = PredictionBatch(record).rows(outcome: record.outcome)
        let dispositions = try await log.append([
            RecordBatch(
                stream: PredictionRecord.stream(of: record.endpoint), kind: .outcome, rows: rows, eventTimes: [record.time],
                knownTimes: known.map { [max($0, row.knownTimes[0])] }, uniqueKeys: [predictionKey], payloads: [Fingerprint(sha256Of: Array("\(id) \(label)".utf8))],
                expected: [state.position])
        ])
        return try wasAdded(dispositions[0][0])
    }

    private func fill(
        _ field: ContractField, _ label: JSONValue, _ key: Fingerprint, _ stream: StreamRuntime, known: Int64?
    ) async throws -> Bool {
        // Another change may come between reading the event and ending its version; then it is read again.
        for _ in 0..<10 {
            guard let state = try await log.current(of: [key])[0], let stored = try await log.row(at: state.position) else {
                throw PlatformError(.notFound, "no event of '\(stream.name)' has this key", hint: "send the event first")
            }
            var columns = stored.rows.columns
            guard let index = stored.rows.schema.index(of: field.name) else {
                throw PlatformError(.invalid, "the stored event has no field '\(field.name)'")
            }
            columns[index] = Column([try value(label, field.type)], type: field.type)
            let rows = Frame(stored.rows.schema, columns, rowCount: 1)
            let dispositions = try await log.append([
                RecordBatch(
                    stream: stream.name, kind: .outcome, rows: rows, eventTimes: stored.eventTimes,
                    knownTimes: known.map { [max($0, stored.knownTimes[0])] }, uniqueKeys: [key],
                    payloads: RowFingerprints(stream: stream.name, schema: rows.schema, unique: []).payloads(of: rows),
                    expected: [state.position])
            ])
            if case .outdated = dispositions[0][0] { continue }
            return try wasAdded(dispositions[0][0])
        }
        throw PlatformError(.unavailable, "the event is being changed all the time", hint: "try again")
    }

    private func wasAdded(_ disposition: Disposition) throws -> Bool {
        switch disposition {
        case .accepted: return true
        case .duplicate: return false
        case .conflict: throw PlatformError(.conflict, "the event was retracted")
        case .unknownKey: throw PlatformError(.notFound, "no event has this key")
        case .outdated: throw PlatformError(.unavailable, "the record changed meanwhile", hint: "try again")
        }
    }

    /// A unique key as a client writes it: the value of the one field, or an object of all of them.
    private func uniqueKey(_ key: JSONValue, of stream: StreamRuntime) throws -> Fingerprint {
        let fields = stream.contract.fields.filter { stream.contract.unique.contains($0.name) }
        guard !fields.isEmpty else { throw PlatformError(.invalid, "stream '\(stream.name)' has no unique key") }
        let schema = Schema(fields.map { Field($0.name, $0.type) })
        let values = try fields.map { field in
            let value = key.object?[field.name] ?? (fields.count == 1 && key.object == nil ? key : JSONValue.null)
            return try self.value(value, field.type)
        }
        let columns = zip(fields, values).map { Column([$1], type: $0.type) }
        let rows = try pseudonyms.replacing(in: Frame(schema, columns, rowCount: 1), fields: fields, creating: true)
        return RowFingerprints(stream: stream.name, schema: schema, unique: stream.contract.unique).keys(of: rows)[0]
    }

    private func value(_ json: JSONValue, _ type: ValueType) throws(PlatformError) -> Value {
        switch (type, json) {
        case (.bool, .bool(let value)): return .bool(value)
        case (.bool, .int64(0)): return .bool(false)
        case (.bool, .int64(1)): return .bool(true)
        case (.int64, .int64(let value)): return .int64(value)
        case (.float64, .float64(let value)): return .float64(value)
        case (.float64, .int64(let value)): return .float64(Double(value))
        case (.string, .string(let value)): return .string(value)
        default: throw PlatformError(.invalid, "expected \(type.rawValue), found \(json.kind)")
        }
    }
}
