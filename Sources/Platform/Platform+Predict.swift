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

/// One request for predictions, as it came.
public struct PredictionCall: Sendable {
    public var body: [UInt8]
    public var scope: Scope

    public init(body: [UInt8], scope: Scope) {
        self.body = body
        self.scope = scope
    }
}

/// What is answered to one request for predictions.
public struct PredictionAnswer: Sendable {
    /// JSON.
    public var body: [UInt8]
    public var predictions: Int
    /// Of them, those that the fallback answered.
    public var degraded: Int
}

extension Platform {
    /// Takes the results of some of the calls, by their number.
    public typealias PredictionAnswers = @Sendable ([(call: Int, result: Result<PredictionAnswer, any Error>)]) -> Void

    /// Answers requests for predictions that came together: features as of now, scores, records, reasons if asked for.
    ///
    /// What the rows have in common is done once, so that many cost less than one by one; each is judged by itself, and
    /// one that is wrong does not touch the others. All of it up to the records happens on the caller's thread. An answer
    /// comes when its records are durable, or, where the endpoint says `after_answer`, before that. A request that appends
    /// its rows as events is stored in a commit of its own.
    ///
    /// - Parameter answer: called from any thread, once for each call, with several at a time.
    public func predict(_ name: String, _ calls: [PredictionCall], _ answer: @escaping PredictionAnswers) {
        let endpoint: EndpointRuntime
        let stream: StreamRuntime
        do {
            endpoint = try self.endpoint(name)
            stream = try askedStream(endpoint)
        } catch { return answer(calls.indices.map { ($0, .failure(error)) }) }
        let resource = resource(.endpoint, name)
        let rowLimit = endpoint.definition.limits.rows
        var refused: [(Int, Result<PredictionAnswer, any Error>)] = []
        var asked = PredictionGroup()
        for (index, call) in calls.enumerated() {
            do {
                try call.scope.require(.predict, on: resource)
                let request = try PredictionRequest(call.body, rowLimit: rowLimit)
                if !request.appends, asked.rowCount + request.rows.count <= max(rowLimit, 1) {
                    asked.add(request, call: index, actor: "\(call.scope.principal)")
                } else {
                    var alone = PredictionGroup()
                    alone.add(request, call: index, actor: "\(call.scope.principal)")
                    answerGroup(alone, of: stream, on: endpoint, answer)
                }
            } catch { refused.append((index, .failure(error))) }
        }
        if !refused.isEmpty { answer(refused) }
        if !asked.members.isEmpty { answerGroup(asked, of: stream, on: endpoint, answer) }
    }

    /// Scores whole rows that were held to the stream's contract, as a batch job does; nothing is appended.
    ///
    /// The champion alone answers: a rollout is about the decisions that are asked for one by one.
    func predict(_ rows: Frame, on endpoint: EndpointRuntime, actor: String) throws -> PredictionBatch {
        let actors = [String](repeating: actor, count: rows.rowCount)
        if let score = endpoint.definition.fallbackScore, mitigations.isFallback(endpoint.definition.name) {
            return try fallback(AskedRows(rows, actors: actors, of: askedStream(endpoint)), score, on: endpoint)
        }
        return try batch(AskedRows(rows, actors: actors, of: askedStream(endpoint)), .champion(endpoint), on: endpoint)
    }

    func endpoint(_ name: String) throws(PlatformError) -> EndpointRuntime {
        let inForce = inForce
        guard inForce.release != nil else { throw .notApplied }
        guard let endpoint = inForce.endpoints[name] else { throw .unknown("endpoint", name, among: Array(inForce.endpoints.keys)) }
        return endpoint
    }

    /// The stream whose rows an endpoint judges.
    func askedStream(_ endpoint: EndpointRuntime) throws(PlatformError) -> StreamRuntime {
        if let model = endpoint.model { return model.stream }
        guard let model = inForce.project?.model(endpoint.definition.model.model) else { throw .notApplied }
        return try stream(model.source)
    }

    private func answerGroup(
        _ group: PredictionGroup, of stream: StreamRuntime, on endpoint: EndpointRuntime, _ answer: @escaping PredictionAnswers
    ) {
        let prepared: PreparedPredictions
        do {
            var refused: [(call: Int, result: Result<PredictionAnswer, any Error>)] = []
            let made = try prepare(group, of: stream, on: endpoint, refused: &refused)
            if !refused.isEmpty { answer(refused) }
            guard let made else { return }
            prepared = made
        } catch { return answer(group.members.map { ($0.call, .failure(error)) }) }
        let count = prepared.predictions.count
        // Bounded: while too many records wait to be durable, answers wait for theirs whatever the endpoint says.
        if endpoint.definition.record == .afterAnswer, lateRecords.enter(count, now: world.clock.monotonicNanoseconds()) {
            answer(prepared.answers.map { ($0.call, .success($0.answer)) })
            store(prepared, isUrgent: false) { [lateRecords] outcome in
                if case .failure(let error) = outcome { lateRecords.failed("\(error)", count: count) }
                lateRecords.leave(count)
            }
        } else {
            store(prepared, isUrgent: true) { outcome in
                answer(prepared.answers.map { call, made in (call, outcome.map { made }) })
            }
        }
    }

    /// - Parameter refused: takes the requests that are wrong.
    /// - Returns: nil if all are.
    private func prepare(
        _ group: PredictionGroup, of stream: StreamRuntime, on endpoint: EndpointRuntime,
        refused: inout [(call: Int, result: Result<PredictionAnswer, any Error>)]
    ) throws -> PreparedPredictions? {
        let now = world.clock.now()
        let parser = group.appends ? stream.parser : stream.askedParser
        let checked = stream.checked(
            parser.parse(
                objects: group.members.map { ($0.request.bytes, $0.request.rows) }, arrival: now,
                askedAt: stream.contract.isTimedByArrival ? nil : now))
        if !checked.deadLetters.isEmpty { countRefused(checked.deadLetters, by: endpoint.definition.name, at: now) }
        let (wrong, kept) = group.refusals(checked, of: stream)
        var rows = checked.frame
        if kept.count < rows.rowCount { rows = rows.gathering(kept.map(\.row)) }
        guard !kept.isEmpty || wrong.isEmpty else {
            refused = wrong
            return nil
        }
        rows = try pseudonyms.replacing(in: rows, fields: stream.contract.fields, creating: true)
        var event: RecordBatch?
        if group.appends {
            event = stream.batch(ofEvents: rows, isHistory: false)
        }
        let asked = try AskedRows(rows, actors: kept.map { group.members[$0.member].actor }, of: askedStream(endpoint))
        let predictions = try self.predictions(asked, on: endpoint)
        let answers = try self.answers(to: group, kept, predictions, endpoint)
        // Only now: a failure above is told to every request of the group.
        refused = wrong
        return PreparedPredictions(predictions: predictions, event: event, answers: answers)
    }

    /// One answer a request that was not refused; its rows are neighbours.
    private func answers(
        to group: PredictionGroup, _ kept: [PredictionGroup.Kept], _ predictions: PredictedRows, _ endpoint: EndpointRuntime
    ) throws -> [(call: Int, answer: PredictionAnswer)] {
        var answers: [(call: Int, answer: PredictionAnswer)] = []
        answers.reserveCapacity(group.members.count)
        var end = 0
        for (index, member) in group.members.enumerated() {
            let first = end
            while end < kept.count, kept[end].member == index { end += 1 }
            if first == end, !member.request.rows.isEmpty { continue }
            var writer = JSONWriter(reserving: (end - first) * 200 + 32)
            if member.request.isList {
                writer.beginObject()
                writer.key("predictions")
                writer.beginArray()
            }
            var degraded = 0
            for row in first..<end {
                let (batch, row) = predictions.place(of: row)
                let model = endpoint.model(version: batch.version)
                let isExplained = member.request.explains && !batch.isDegraded
                let explanation = isExplained ? try self.explanation(batch.record(row), model) : JSONValue?.none
                batch.writeAnswer(row, classes: model?.manifest.classes ?? [], explanation: explanation, into: &writer)
                degraded += batch.isDegraded ? 1 : 0
            }
            if member.request.isList {
                writer.endArray()
                writer.endObject()
            }
            answers.append((member.call, PredictionAnswer(body: writer.bytes, predictions: end - first, degraded: degraded)))
        }
        return answers
    }

    /// Makes predictions durable, with the events that they were made for, in one commit.
    private func store(
        _ prepared: PreparedPredictions, isUrgent: Bool, _ done: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        guard prepared.predictions.count > 0 else { return done(.success(())) }
        guard var event = prepared.event else {
            return log.append(prepared.predictions.records, isUrgent: isUrgent) { done($0.map { _ in }) }
        }
        // An event whose key is taken by another payload must not leave a prediction behind.
        event.isCondition = true
        log.append([event] + prepared.predictions.records, isUrgent: isUrgent) { [features] outcome in
            Task {
                do {
                    for case .conflict in try outcome.get()[0] { throw PlatformError.eventConflict }
                    try await features.catchUp()
                    done(.success(()))
                } catch { done(.failure(error)) }
            }
        }
    }

    /// Makes predictions durable.
    func store(_ batch: PredictionBatch) async throws {
        guard batch.count > 0 else { return }
        _ = try await log.append([batch.records()])
    }
}

extension PlatformError {
    static let eventConflict = Self(
        .conflict, "an event with this key is stored with another payload",
        hint: "send the event again as it was, or give it a key of its own")
}

/// Requests whose rows are judged together.
private struct PredictionGroup {
    struct Member {
        var request: PredictionRequest
        /// Its number among the calls.
        var call: Int
        var actor: String
        /// How many rows of the group stand before its own.
        var firstRow: Int
    }

    /// A row that keeps the contract, and whose request has no other that breaks it.
    struct Kept {
        /// Among the rows that keep the contract.
        var row: Int
        var member: Int
    }

    private(set) var members: [Member] = []
    private(set) var rowCount = 0
    /// Whether the rows are stored as events; then there is one member.
    private(set) var appends = false

    mutating func add(_ request: PredictionRequest, call: Int, actor: String) {
        members.append(Member(request: request, call: call, actor: actor, firstRow: rowCount))
        rowCount += request.rows.count
        appends = request.appends
    }

    /// Refuses each request of which a row breaks the contract, and says which rows are left.
    func refusals(
        _ rows: ContractRows, of stream: StreamRuntime
    ) -> (refused: [(call: Int, result: Result<PredictionAnswer, any Error>)], kept: [Kept]) {
        var refused: [(call: Int, result: Result<PredictionAnswer, any Error>)] = []
        var bad: Set<Int> = []
        for letter in rows.deadLetters {
            let (member, item) = find(letter.place)
            guard bad.insert(member).inserted else { continue }
            let request = members[member].request
            refused.append((
                members[member].call,
                .failure(PlatformError(
                    .invalid, letter.message,
                    place: request.isList ? "instances, \(DeadLetter.Place.item(item))" : letter.field.map { "inputs.\($0)" },
                    hint: "fields of '\(stream.name)': \(stream.schema.fields.map(\.name).joined(separator: ", "))"))
            ))
        }
        var kept: [Kept] = []
        kept.reserveCapacity(rows.frame.rowCount)
        for row in 0..<rows.frame.rowCount {
            let (member, _) = find(rows.place(row))
            if !bad.contains(member) { kept.append(Kept(row: row, member: member)) }
        }
        return (refused, kept)
    }

    /// Whose row stands at a place, and which of its own it is, from 1.
    private func find(_ place: DeadLetter.Place) -> (member: Int, item: Int) {
        guard case .item(let item) = place else { return (0, 1) }
        var low = 0
        var high = members.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if members[middle].firstRow < item { low = middle } else { high = middle }
        }
        return (low, item - members[low].firstRow)
    }
}

/// Predictions that are made and not yet recorded, with the answers that wait for it.
private struct PreparedPredictions: Sendable {
    var predictions: PredictedRows
    var event: RecordBatch?
    var answers: [(call: Int, answer: PredictionAnswer)]
}

extension JSONValue {
    static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        return .object(object)
    }
}

extension PredictionRecord {
    /// A probability, a number, or a map of labels to probabilities.
    func output(classes: [String]) -> JSONValue { Self.output(outputs[...], classes: classes) }

    static func output(_ outputs: ArraySlice<Float>, classes: [String]) -> JSONValue {
        if outputs.count > 1, classes.count == outputs.count {
            return .object(zip(classes, outputs).map { ($0, .float64(Double($1))) })
        }
        return outputs.first.map { .float64(Double($0)) } ?? .null
    }
}
