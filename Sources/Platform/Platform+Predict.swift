public import MartletAccess
import MartletBytes
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
    /// Answers a request for predictions: features as of now, scores, records, reasons if asked for.
    ///
    /// All of it up to the record happens on the caller's thread. The answer comes when the records are durable, or,
    /// where the endpoint says `after_answer`, before that.
    ///
    /// - Parameter answer: called once, from any thread.
    public func predict(
        _ name: String, body: [UInt8], requestID: String?, scope: Scope,
        _ answer: @escaping @Sendable (Result<[UInt8], any Error>) -> Void
    ) {
        do {
            let prepared = try prepare(name, body: body, scope: scope)
            switch prepared.endpoint.definition.record {
            case .beforeAnswer:
                Task {
                    do {
                        try await store(prepared)
                        answer(.success(prepared.answer))
                    } catch { answer(.failure(error)) }
                }
            case .afterAnswer:
                // Bounded: the log makes appends wait when its queue is full, and so does the count of those under way.
                guard lateRecords.enter() else {
                    throw PlatformError(.unavailable, "too many predictions wait to be recorded", hint: "try again shortly")
                }
                answer(.success(prepared.answer))
                Task {
                    do { try await store(prepared) } catch { lateRecords.failed("\(error)") }
                    lateRecords.leave()
                }
            }
        } catch { answer(.failure(error)) }
    }

    /// Scores whole rows that were held to the stream's contract, as a batch job does; nothing is appended.
    ///
    /// - Returns: one answer a row, and the records to store.
    func predict(_ rows: Frame, on endpoint: EndpointRuntime, actor: String, explains: Bool) throws -> PreparedPredictions {
        try prepare(rows: rows, endpoint: endpoint, actor: actor, event: nil, isList: true, explains: explains)
    }

    func endpoint(_ name: String) throws(PlatformError) -> EndpointRuntime {
        let inForce = inForce
        guard inForce.release != nil else { throw .notApplied }
        guard let endpoint = inForce.endpoints[name] else { throw .unknown("endpoint", name, among: Array(inForce.endpoints.keys)) }
        return endpoint
    }

    private func prepare(_ name: String, body: [UInt8], scope: Scope) throws -> PreparedPredictions {
        try scope.require(.predict, on: resource(.endpoint, name))
        let endpoint = try endpoint(name)
        let request = try PredictionRequest(
            try JSONValue(parsing: body, lengthLimit: max(1, body.count)), rowLimit: endpoint.definition.limits.rows)
        let stream = try askedStream(endpoint)
        let parser = request.appends ? stream.parser : stream.askedParser
        let now = world.clock.now()
        let parsed = try parser.parse(
            jsonBody: request.rows(eventTime: stream.contract.isTimedByArrival ? nil : stream.contract.eventTime, now: now),
            itemLimit: endpoint.definition.limits.rows, arrival: now)
        let checked = stream.checked(parsed)
        if let letter = checked.deadLetters.first {
            throw PlatformError(
                .invalid, letter.message, place: request.isList ? "instances, \(letter.place)" : letter.field.map { "inputs.\($0)" },
                hint: "fields of '\(stream.name)': \(stream.schema.fields.map(\.name).joined(separator: ", "))")
        }
        var event: RecordBatch?
        var rows = checked.frame
        if request.appends {
            let batch = try eventBatch(checked.frame, of: stream, isHistory: false)
            event = batch
            rows = batch.rows
        } else {
            rows = try pseudonyms.replacing(in: rows, fields: stream.contract.fields, creating: true)
        }
        return try prepare(
            rows: rows, endpoint: endpoint, actor: "\(scope.principal)", event: event, isList: request.isList,
            explains: request.explains)
    }

    /// The stream whose rows an endpoint judges.
    func askedStream(_ endpoint: EndpointRuntime) throws(PlatformError) -> StreamRuntime {
        if let model = endpoint.model { return model.stream }
        guard let model = inForce.project?.model(endpoint.definition.model.model) else { throw .notApplied }
        return try stream(model.source)
    }

    private func prepare(
        rows: Frame, endpoint: EndpointRuntime, actor: String, event: RecordBatch?, isList: Bool, explains: Bool
    ) throws -> PreparedPredictions {
        let start = world.clock.monotonicNanoseconds()
        let stream = try askedStream(endpoint)
        let times = stream.eventTimes(of: rows)
        let keys = stream.fingerprints.keys(of: rows)
        var features = Frame(Schema([]), [], rowCount: rows.rowCount)
        var cut = self.features.cut
        var outputs: [Float] = []
        var margins: [Float] = []
        var isDegraded = false
        do {
            guard let model = endpoint.model else {
                throw PlatformError(
                    .unavailable, "endpoint '\(endpoint.definition.name)' has no model: '\(endpoint.definition.model)' names no version",
                    hint: "train and promote one: 'martlet train \(endpoint.definition.model.model)', 'martlet promote …'")
            }
            let (result, newest) = try self.features.compute(model.recipe, rows, at: times, ownKeys: keys)
            features = result.features
            cut = newest
            (margins, outputs) = try model.score(features)
        } catch {
            guard let score = endpoint.definition.fallbackScore else { throw error }
            isDegraded = true
            features = Frame(Schema([]), [], rowCount: rows.rowCount)
            outputs = [Float](repeating: Float(score), count: rows.rowCount)
            margins = []
        }
        let width = isDegraded ? 1 : endpoint.model?.ensemble.outputCount ?? 1
        let release = Int64(inForce.release?.number ?? 0)
        let latency = Int64((world.clock.monotonicNanoseconds() - start) / 1_000)
        let now = world.clock.now()
        var records: [PredictionRecord] = []
        records.reserveCapacity(rows.rowCount)
        for row in 0..<rows.rowCount {
            records.append(PredictionRecord(
                id: "\(UUIDv7.make(at: now, random: world.random))", actor: actor, endpoint: endpoint.definition.name,
                model: endpoint.definition.model.model, version: isDegraded ? 0 : Int64(endpoint.model?.version.number ?? 0),
                variant: "champion", propensity: 1, time: times[row], cut: cut, release: release,
                semanticsVersion: Int64(Martlet.semanticsVersion), isDegraded: isDegraded, latencyMicroseconds: latency,
                outputs: Array(outputs[(row * width)..<((row + 1) * width)]),
                margins: margins.isEmpty ? [] : Array(margins[(row * width)..<((row + 1) * width)]),
                inputs: rowCount1(rows, row), features: rowCount1(features, row)))
        }
        let answers = try records.map { record in
            try record.answer(endpoint: endpoint, explanation: explains && !isDegraded ? explanation(record, endpoint.model) : nil)
        }
        return PreparedPredictions(endpoint: endpoint, records: records, event: event, isList: isList, answers: answers)
    }

    private func rowCount1(_ frame: Frame, _ row: Int) -> Frame {
        frame.rowCount == 1 ? frame : frame.gathering([row])
    }

    /// Makes an event and its predictions durable in one commit.
    func store(_ prepared: PreparedPredictions) async throws {
        var batches: [RecordBatch] = []
        if var event = prepared.event {
            // An event whose key is taken by another payload must not leave a prediction behind.
            event.isCondition = true
            batches.append(event)
        }
        for record in prepared.records {
            let layout = record.isDegraded ? nil : prepared.endpoint.layout
            batches.append(record.batch(layout ?? PredictionLayout(record)))
        }
        let dispositions = try await log.append(batches)
        if prepared.event != nil {
            for case .conflict in dispositions[0] { throw PlatformError.eventConflict }
            try await features.catchUp()
        }
    }
}

extension PlatformError {
    static let eventConflict = Self(
        .conflict, "an event with this key is stored with another payload",
        hint: "send the event again as it was, or give it a key of its own")
}

/// Predictions that are made and not yet recorded.
struct PreparedPredictions: Sendable {
    var endpoint: EndpointRuntime
    var records: [PredictionRecord]
    var event: RecordBatch?
    var isList: Bool
    /// One a record.
    var answers: [JSONValue]

    var answer: [UInt8] {
        isList ? JSONValue.object([("predictions", .array(answers))]).serialized() : answers.first.map { $0.serialized() } ?? []
    }
}

extension JSONValue {
    static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        return .object(object)
    }
}

extension PredictionRecord {
    /// The answer to who asked.
    func answer(endpoint: EndpointRuntime, explanation: JSONValue?) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("prediction_id", .string(id)), ("model", .string(model)), ("version", .int64(version)), ("variant", .string(variant)),
            ("output", output(classes: endpoint.model?.manifest.classes ?? [])), ("degraded", .bool(isDegraded)),
        ]
        if let explanation { members.append(("explanation", explanation)) }
        return .object(members)
    }

    /// A probability, a number, or a map of labels to probabilities.
    func output(classes: [String]) -> JSONValue {
        if outputs.count > 1, classes.count == outputs.count {
            return .object(zip(classes, outputs).map { ($0, .float64(Double($1))) })
        }
        return outputs.first.map { .float64(Double($0)) } ?? .null
    }
}
