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
    /// A prediction as it was made, with its inputs, features, output, and what became known since.
    public func prediction(_ id: String, scope: Scope) async throws -> JSONValue {
        let record = try await record(id, scope: scope)
        var members = describe(record)
        let outcome = try await outcome(of: record)
        members.append(("outcome", JSONValue(outcome ?? .missing)))
        return .object(members)
    }

    /// The contributions of the features to a prediction's margin, from the values that were recorded.
    public func explanation(ofPrediction id: String, scope: Scope) async throws -> JSONValue {
        let record = try await record(id, scope: scope)
        guard !record.isDegraded, record.version > 0 else {
            throw PlatformError(.notFound, "the fallback answered this prediction; there is nothing to explain")
        }
        return try explanation(record, servedModel(record.model, Int(record.version)))
    }

    /// Computes a prediction again, as of its time and cut, and compares it with the record bit by bit.
    public func replay(_ id: String, scope: Scope) async throws -> JSONValue {
        let record = try await record(id, scope: scope)
        guard !record.isDegraded, record.version > 0 else {
            throw PlatformError(.notFound, "the fallback answered this prediction; there is nothing to compute again")
        }
        let model = try servedModel(record.model, Int(record.version))
        try await features.catchUp()
        var again = record
        var note: JSONValue = .null
        do {
            let keys = model.stream.fingerprints.keys(of: record.inputs)
            let result = try features.compute(
                model.recipe, record.inputs, at: [record.time], ownKeys: keys, cut: record.cut, asKnown: false)
            again.features = result.features
        } catch {
            guard error.code == .viewNotFolded else { throw error }
            note = "the views of this version are no longer folded; the stored values were scored again"
        }
        (again.margins, again.outputs) = try model.score(again.features)

        var differences: [JSONValue] = []
        for (index, field) in record.features.schema.fields.enumerated() {
            let stored = record.features.columns[index]
            guard let computed = again.features[field.name], computed.isIdentical(to: stored) else {
                differences.append([
                    "feature": .string(field.name), "recorded": JSONValue(stored[0]),
                    "recomputed": again.features[field.name].map { JSONValue($0[0]) } ?? .null,
                ])
                continue
            }
        }
        let outputsAgree = again.outputs.map(\.bitPattern) == record.outputs.map(\.bitPattern)
            && again.margins.map(\.bitPattern) == record.margins.map(\.bitPattern)
        if !outputsAgree { differences.append(["output": true]) }
        return .object([
            ("equal", .bool(differences.isEmpty)), ("recorded", .object(values(of: record, model.manifest.classes))),
            ("recomputed", .object(values(of: again, model.manifest.classes))), ("differences", .array(differences)),
            ("note", note),
        ])
    }

    // MARK: - Details

    /// Finds a record by its id.
    func record(_ id: String, scope: Scope) async throws -> PredictionRecord {
        try scope.require(.predictionsRead, on: resource(.prediction, id))
        guard let key = UUIDv7(id).map(PredictionRecord.key), let state = try await log.current(of: [key])[0],
            let row = try await log.row(at: state.position), let record = PredictionRecord(row.rows)
        else {
            throw PlatformError(
                .notFound, "no prediction has the id '\(id.prefix(60))'", hint: "its id came with the answer, as 'prediction_id'")
        }
        return record
    }

    /// What became known of a prediction, as the label of its model has it; of a model that is not in force, as it was told.
    private func outcome(of record: PredictionRecord) async throws -> Value? {
        guard let key = UUIDv7(record.id).map(PredictionRecord.key), let state = try await log.current(of: [key])[0],
            let row = try await log.row(at: state.position)
        else { return record.outcome }
        var parts = [JoinedPredictions.Part(row, (record.model, [0]))]
        // What was read may be the outcome's own record, which is to be found as such.
        if row.kind != .prediction { parts[0].positions = [-1] }
        try await join(&parts)
        guard let label = parts[0].labels?[0] else { return record.outcome }
        return label == .missing ? nil : label
    }

    func explanation(_ record: PredictionRecord, _ model: ServedModel?) throws -> JSONValue {
        guard let model else { return .null }
        let encoded = try model.encoder.encode(record.features.columns)
        // Of several classes the most probable one is explained.
        let output = record.outputs.indices.max { record.outputs[$0] < record.outputs[$1] } ?? 0
        let contributions = try model.explainer.contributions(ofRow: encoded.values, output: output)
        let names = record.features.schema.fields
        let order = names.indices.sorted { abs(contributions.values[$0]) > abs(contributions.values[$1]) }
        return .object([
            ("base", .float64(contributions.base)),
            ("contributions", .array(order.map { index in
                [
                    "feature": .string(names[index].name), "value": JSONValue(record.features.columns[index][0]),
                    "contribution": .float64(contributions.values[index]),
                ]
            })),
            ("margin", .float64(Double(contributions.margin))), ("output", record.output(classes: model.manifest.classes)),
        ])
    }

    private func describe(_ record: PredictionRecord) -> [(String, JSONValue)] {
        let classes = (try? database.read { try versions.version(record.model, Int(record.version), $0) })
            .flatMap { _ in inForce.endpoints[record.endpoint]?.model?.manifest.classes } ?? []
        return [
            ("prediction_id", .string(record.id)), ("endpoint", .string(record.endpoint)), ("actor", .string(record.actor)),
            ("model", .string(record.model)), ("version", .int64(record.version)), ("variant", .string(record.variant)),
            ("propensity", .float64(record.propensity)), ("time", .string("\(Timestamp(microseconds: record.time))")),
            ("cut", .int64(record.cut)), ("release", .int64(record.release)),
            ("semantics_version", .int64(record.semanticsVersion)), ("degraded", .bool(record.isDegraded)),
            ("latency_us", .int64(record.latencyMicroseconds)), ("output", record.output(classes: classes)),
            ("inputs", json(record.inputs)), ("features", json(record.features)),
        ] + (record.shadowOf.map { [("shadow_of", .string($0))] } ?? [])
    }

    private func values(of record: PredictionRecord, _ classes: [String]) -> [(String, JSONValue)] {
        [("features", json(record.features)), ("output", record.output(classes: classes))]
    }

    private func json(_ row: Frame) -> JSONValue {
        .object(zip(row.schema.fields, row.columns).map { ($0.name, JSONValue($1[0])) })
    }
}
