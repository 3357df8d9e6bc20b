public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
public import MartletFrames
public import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletSQL
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    // MARK: - Overview

    /// Streams, views, models and endpoints in force with their figures: what the first page shows.
    public func overview(scope: Scope) async throws -> JSONValue {
        try scope.require(.definitionsRead, on: .project(project))
        let inForce = inForce
        let summaries = Dictionary(uniqueKeysWithValues: try await log.streams().map { ($0.stream, $0) })
        let dead = try database.read { try deadLetters.counts($0) }
        let statistics = features.statistics
        let newest = try database.read { try versions.list(model: nil, $0, limit: 1_000) }
        return .object([
            ("project", .string(project)),
            ("release", inForce.release?.json ?? .null),
            ("log_end", .int64(log.end)),
            ("folded_cut", .int64(features.cut)),
            ("streams", .array((inForce.project?.streams ?? []).map { stream in
                let summary = summaries[stream.name]
                return .object([
                    ("stream", .string(stream.name)), ("fields", .int64(Int64(stream.contract.fields.count))),
                    ("events", .int64(Int64(summary?.counts[.event] ?? 0))),
                    ("outcomes", .int64(Int64(summary?.counts[.outcome] ?? 0))),
                    ("first", summary.map { .string("\(Timestamp(microseconds: $0.eventTimes.lowerBound))") } ?? .null),
                    ("last", summary.map { .string("\(Timestamp(microseconds: $0.eventTimes.upperBound))") } ?? .null),
                    ("dead_letters", .int64(Int64(dead[stream.name] ?? 0))), ("doc", .string(stream.doc)),
                ])
            })),
            ("feature_views", .array((inForce.project?.views ?? []).map { view in
                let state = statistics[DefinedVersion(view).hash.description]
                return .object([
                    ("view", .string(view.name)), ("source", .string(view.source)),
                    ("entity", view.entity.map { .string($0.name) } ?? .null),
                    ("features", .array(view.features.map { .string($0.name) })),
                    ("entities", state.map { .int64(Int64($0.entities)) } ?? .null),
                    ("bytes", state.map { .int64(Int64($0.bytes)) } ?? .null), ("doc", .string(view.doc)),
                ])
            })),
            ("models", .array((inForce.project?.models ?? []).map { model in
                let versions = newest.filter { $0.model == model.name }
                return .object([
                    ("model", .string(model.name)), ("task", .string(model.task.rawValue)),
                    ("features", .int64(Int64(model.features.count))), ("versions", .int64(Int64(versions.count))),
                    ("aliases", .object((inForce.release?.aliases[model.name] ?? [:]).sorted { $0.key < $1.key }
                        .map { ($0.key, .int64(Int64($0.value))) })),
                    ("doc", .string(model.doc)),
                ])
            })),
            ("endpoints", .array((inForce.project?.endpoints ?? []).map { endpoint in
                .object([
                    ("endpoint", .string(endpoint.name)), ("model", .string("\(endpoint.model)")),
                    ("version", inForce.endpoints[endpoint.name]?.model.map { .int64(Int64($0.version.number)) } ?? .null),
                    ("record", .string(endpoint.record.rawValue)),
                    ("predictions", .int64(Int64(
                        summaries[PredictionRecord.stream(of: endpoint.name)]?.counts[.prediction] ?? 0))),
                ])
            })),
        ])
    }

    /// Whether the project has been applied and every endpoint has its model: what readiness means.
    public var isReady: Bool { inForce.release == nil || features.cut <= log.end }

    /// The newest predictions of an endpoint, newest first.
    public func recentPredictions(_ name: String, limit: Int, scope: Scope) async throws -> [JSONValue] {
        try scope.require(.predictionsRead, on: resource(.prediction, nil))
        _ = try endpoint(name)
        let stream = PredictionRecord.stream(of: name)
        var found: [JSONValue] = []
        var start = max(0, log.end - 2_000)
        let page = try await log.read(from: start, streams: [stream], maxRows: 2_000, maxBytes: 4 << 20)
        start = page.next
        for batch in page.batches where batch.kind == .prediction {
            for row in 0..<batch.positions.count {
                guard let record = PredictionRecord(batch.rows.gathering([row])) else { continue }
                found.append(.object([
                    ("prediction_id", .string(record.id)), ("time", .string("\(Timestamp(microseconds: record.time))")),
                    ("version", .int64(record.version)), ("output", record.output(classes: [])),
                    ("degraded", .bool(record.isDegraded)),
                ]))
            }
        }
        return Array(found.reversed().prefix(limit))
    }

    // MARK: - Audit

    /// Entries of the audit log, newest first.
    public func auditEntries(_ filter: AuditLog.Filter, before: Int64?, limit: Int, scope: Scope) throws -> [AuditEntry] {
        try audit.entries(filter, before: before, limit: min(limit, limits.pageRows), scope: scope)
    }

    /// Checks the whole chain and every signed checkpoint.
    public func verifyAudit(scope: Scope) throws -> AuditVerification {
        try scope.require(.auditRead, on: .server)
        return try audit.verify()
    }

    // MARK: - Tokens

    /// Makes a token; its text is in the answer and nowhere else.
    public func createToken(
        name: String, role: Role, including: Set<Permission> = [], expires: Timestamp?, requestID: String?, scope: Scope
    ) throws -> IssuedToken {
        try tokens.change { change in
            let issued = try tokens.create(
                name: name, grant: Grant(role, including: including), expires: expires, scope: scope, in: change)
            try audit.append(
                AuditRecord(
                    "token.create", under: scope, requestID: requestID,
                    details: ["token": .text(issued.token.id), "role": .text(role.rawValue)]),
                in: change.transaction)
            return issued
        }
    }

    public func revokeToken(_ id: String, requestID: String?, scope: Scope) throws -> Token {
        try tokens.change { change in
            let token = try tokens.revoke(id: id, scope: scope, in: change)
            try audit.append(
                AuditRecord("token.revoke", under: scope, requestID: requestID, details: ["token": .text(id)]), in: change.transaction)
            return token
        }
    }

    /// A new one-time code if nobody can administer the server yet; nil otherwise.
    public func setupCode() throws -> Secret? {
        guard try tokens.needsSetup() else { return nil }
        return try tokens.change { change in try tokens.makeSetupCode(in: change) }
    }

    /// Exchanges the one-time code for an administrator's session.
    public func exchangeSetupCode(_ code: Secret, lifetime: Timestamp.Span = .days(30), from source: String, requestID: String?) throws
        -> IssuedToken
    {
        try tokens.change { change in
            let issued = try tokens.exchange(setupCode: code, lifetime: lifetime, from: source, in: change)
            try audit.append(
                AuditRecord(
                    actor: "system:set-up", action: "token.setup", resource: "\(Resource.server)", outcome: .allowed,
                    requestID: requestID, details: ["token": .text(issued.token.id)]),
                in: change.transaction)
            return issued
        }
    }

    // MARK: - Doctor

    /// One check of the installation.
    public struct Diagnosis: Sendable {
        public var check: String
        public var isWell: Bool
        public var message: String
        public var hint: String?

        public var json: JSONValue {
            .object([
                ("check", .string(check)), ("ok", .bool(isWell)), ("message", .string(message)),
                ("hint", hint.map(JSONValue.string) ?? .null),
            ])
        }
    }

    /// Reads everything that can be read and says what is wrong and how to mend it.
    public func doctor(scope: Scope) async throws -> [Diagnosis] {
        try scope.require(.serverAdmin, on: .server)
        var found: [Diagnosis] = []
        func check(_ name: String, _ body: () async throws -> String) async {
            do {
                found.append(Diagnosis(check: name, isWell: true, message: try await body()))
            } catch {
                found.append(Diagnosis(check: name, isWell: false, message: "\(error)"))
            }
        }
        await check("log") {
            let records = try await (log as? FileEventLog)?.verify() ?? log.end
            return "\(records) records, every checksum holds"
        }
        await check("audit") {
            let verification = try audit.verify()
            guard verification.isIntact else { throw PlatformError(.damaged, "\(verification)") }
            return "\(verification)"
        }
        await check("models") {
            let all = try database.read { try versions.list(model: nil, $0, limit: self.limits.pageRows) }
            for version in all { _ = try servedModel(version.model, version.number) }
            return "\(all.count) versions, every signature and hash holds"
        }
        await check("definitions") {
            guard let release = inForce.release else { return "nothing is applied yet" }
            return "release \(release.number) is in force"
        }
        await check("features") { "folded to \(features.cut) of \(log.end)" }
        await check("late records") {
            let (count, last) = lateRecords.failures
            guard count == 0 else { throw PlatformError(.damaged, "\(count) predictions were answered and not recorded; the last: \(last ?? "")") }
            return "none was lost; a crash can lose those of \(lateRecords.boundMilliseconds) ms, of endpoints with 'record: after_answer'"
        }
        await check("xgboost") { "\(try XGBoostLibrary.open())" }
        await check("duckdb") { try duckDB() }
        return found
    }

    /// Which library carries out SQL. That there is none is well, as long as nobody asks for it.
    private func duckDB() throws -> String {
        do {
            return "\(try DuckDBLibrary.open(at: taskSettings.duckDB, candidates: DuckDBLibrary.places(below: taskSettings.home)))"
        } catch {
            guard error.code == .libraryMissing else { throw error }
            return "not found; only tasks of the kind 'sql' need it: Scripts/duckdb.sh installs it"
        }
    }
}
