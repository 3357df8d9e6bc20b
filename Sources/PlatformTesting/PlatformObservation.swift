import MartletAccess
import MartletBytes
import MartletGovernance
import MartletIngestion
import MartletPlatform
import MartletRegistry

/// What a platform says that it holds, in the terms of ``PlatformModel``.
struct PlatformObservation {
    var end = 0
    /// Events and outcomes by position.
    var rows: [Int: PlatformModel.Record] = [:]
    /// Oldest first.
    var predictions: [String] = []
    var letters: [PlatformModel.Row] = []
    var releases: [Release] = []
    var versions: [ModelVersion] = []
    /// The versions that aliases name, as what is in force has it.
    var champion: Int?
    var audit: [String] = []
    var tokens: [String] = []

    /// What a model says otherwise; nil if nothing.
    ///
    /// - Parameter sources: the blob of each variant's files, learnt as they are met.
    func difference(from model: PlatformModel, sources: inout [Int: String]) -> String? {
        if end != model.records.count { return "the log has \(end) records, not \(model.records.count)" }
        var predictions = predictions[...]
        for (position, record) in model.records.enumerated() {
            switch (record, rows[position]) {
            case (.prediction(let id), nil):
                guard let found = predictions.popFirst() else { return "the prediction at \(position) is gone" }
                if let id, id != found { return "the prediction at \(position) is \(found), not \(id)" }
            case (_, record): break
            case (_, let found): return "at \(position) stands \(found.map { "\($0)" } ?? "no event"), not \(record)"
            }
        }
        if !predictions.isEmpty { return "there are \(predictions.count) predictions that nobody made" }
        if letters != model.letters {
            return "the dead letters are \(letters.map(\.id)), not \(model.letters.map(\.id))"
        }
        if let found = difference(ofReleases: model, &sources) { return found }
        if versions.map(\.number) != Array(1..<(model.versions.count + 1)) {
            return "the model versions are \(versions.map(\.number)), not 1 to \(model.versions.count)"
        }
        if champion != model.champion { return "version \(champion ?? 0) is in force, not \(model.champion ?? 0)" }
        if audit != model.audit { return "the audit log has \(audit), not \(model.audit)" }
        if tokens != model.tokens.sorted() { return "the tokens are \(tokens), not \(model.tokens)" }
        return nil
    }

    private func difference(ofReleases model: PlatformModel, _ sources: inout [Int: String]) -> String? {
        guard releases.count == model.releases.count else {
            return "there are \(releases.count) releases, not \(model.releases.count)"
        }
        for (index, (found, expected)) in zip(releases, model.releases).enumerated() {
            let source = sources[expected.variant] ?? found.source
            guard found.number == index + 1, found.action.rawValue == expected.action, found.source == source,
                found.aliases["risk"]?["champion"] == expected.champion, found.restores == expected.restores
            else { return "release \(index + 1) is \(found), not \(expected)" }
            sources[expected.variant] = source
        }
        return nil
    }
}

extension PlatformSimulation {
    /// Reads everything that the platform gives to read.
    func observe(_ platform: Platform) async throws -> PlatformObservation {
        var seen = PlatformObservation()
        seen.releases = try platform.releaseList(limit: 10_000, scope: scope(.definitionsRead)).reversed()
        seen.audit = try platform.auditEntries(AuditLog.Filter(), before: nil, limit: 10_000, scope: scope(.auditRead, .server))
            .reversed().map(\.record.action)
        seen.tokens = try platform.tokens.list(limit: 10_000, scope: scope(.tokensManage, .server)).map(\.name).sorted()
        // Without a release there is no way to send an event either.
        guard !seen.releases.isEmpty else { return seen }
        let versions = try platform.modelVersions("risk", limit: 10_000, scope: scope(.modelsRead, .model, "risk"))
        seen.versions = versions.map(\.version).sorted { $0.number < $1.number }
        seen.champion = versions.first { $0.aliases.contains("champion") }?.version.number
        for stream in ["orders", "visits"] {
            var next: Int64 = 0
            repeat {
                let page = try await platform.events(
                    of: stream, from: next, limit: Int.random(in: 1...500, using: &random),
                    scope: scope(.eventsReadPersonal, .stream, stream))
                seen.end = Int(page.end)
                next = page.next
                for line in page.lines.split(separator: 0x0A) {
                    let event = try JSONValue(parsing: Array(line), lengthLimit: 1 << 20)
                    guard let position = event["position"]?.int64, let record = Self.record(event, stream) else {
                        throw failure("an event cannot be read back: \(event)")
                    }
                    guard seen.rows.updateValue(record, forKey: Int(position)) == nil else {
                        throw failure("position \(position) is given twice")
                    }
                }
            } while next < seen.end
        }
        seen.predictions = try await platform.recentPredictions("risk", limit: 10_000, scope: scope(.predictionsRead, .prediction))
            .reversed().compactMap { $0["prediction_id"]?.string }
        seen.letters = try platform.deadLetters(of: nil, limit: 10_000, scope: scope(.deadLettersRead, .stream)).map { entry in
            guard let raw = entry.raw, let row = rowsByText[String(decoding: raw, as: UTF8.self)] else {
                throw failure("a dead letter cannot be read back: \(entry.message)")
            }
            return row
        }
        return seen
    }

    private static func record(_ event: JSONValue, _ stream: String) -> PlatformModel.Record? {
        guard let payload = event["payload"], let id = payload["id"]?.string, let time = payload["at"]?.string.flatMap(Self.time),
            let entity = payload[stream == "orders" ? "customer" : "page"]?.string
        else { return nil }
        let row = PlatformModel.Row(stream: stream, id: id, entity: entity, amount: payload["amount"]?.double, time: time)
        switch event["kind"]?.string {
        case "event": return .event(row)
        case "outcome": return payload["is_bad"]?.bool.map { .outcome(row, $0) }
        default: return nil
        }
    }
}
