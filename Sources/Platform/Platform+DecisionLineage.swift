public import MartletAccess
public import MartletBytes
import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletPipelines
import MartletRegistry
import MartletServing
import MartletStorage
import MartletWorld

extension Platform {
    /// A past decision traced back: the event, the version that answered and the release that let it, what called for that version
    /// and tried it, the training, and the prefix of the log that it learned from.
    ///
    /// What is no longer there is null; of a decision of the fallback there is no version.
    public func decisionLineage(_ id: String, scope: Scope) async throws -> JSONValue {
        let record = try await record(id, scope: scope)
        let prediction = try await prediction(id, scope: scope)
        var members: [(String, JSONValue)] = [
            ("prediction", .object(["prediction_id", "endpoint", "time", "cut", "output", "outcome", "degraded", "variant"].map { ($0, prediction[$0] ?? .null) }))
        ]
        let release = try database.read { try? self.releases.release(Int(record.release), $0) }
        members.append(("release", release?.json ?? .null))
        guard record.version > 0 else { return .object(members + ["event", "version", "rollout", "training", "data", "pipeline_run"].map { ($0, .null) }) }
        // Loading it verifies its signature and every file.
        let model = try servedModel(record.model, Int(record.version))
        let lineage = model.manifest.lineage
        let key = model.stream.fingerprints.keys(of: record.inputs)[0]
        let event = key == .none ? nil : try await log.current(of: [key])[0]
        // When it was made, by the millisecond; the event that it is about may lie long before.
        let made = UUIDv7(record.id).map { Int64($0.high >> 16) } ?? 0
        let (training, rollout, run) = try database.read { reader in
            let training = try? runs.run(model.version.run, reader)
            let rollout = try rollouts.list(endpoint: record.endpoint, before: nil, limit: 1_000, reader)
                .first { $0.model == record.model && $0.challenger == Int(record.version) && $0.started.microseconds / 1_000 <= made }
            // An attempt's key names the run that it is of.
            let owner = training?.effectKey?.split(separator: "/").first.map(String.init)
            return (training, rollout, try owner.flatMap { try PipelineTables().run($0, reader) })
        }
        members += [
            ("event", event.map { ["stream": .string(model.stream.definition.name), "position": .int64($0.position)] } ?? .null),
            ("version", [
                "model": .string(record.model), "version": .int64(record.version), "package": .string(model.version.package),
                "created": .string("\(model.version.created)"), "signature": "verified",
            ]),
            ("rollout", rollout?.json ?? .null), ("training", training?.json ?? .null),
            ("data", [
                "dataset": .string(lineage.datasetHash), "from": .string(lineage.dataFrom), "to": .string(lineage.dataTo),
                "cut": Int64(lineage.cut).map(JSONValue.int64) ?? .null,
                "rows": .object(lineage.rows.sorted { $0.key < $1.key }.map { ($0.key, .int64(Int64($0.value))) }),
                "definitions": .object(lineage.definitions.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }),
            ]),
            ("pipeline_run", run?.json ?? .null),
        ]
        return .object(members)
    }
}
