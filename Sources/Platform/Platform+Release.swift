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
public import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    /// Puts a model version behind an alias: one release, one commit. Where an endpoint says how versions are tried, the version
    /// is tried there first, and bears the alias once it is let in.
    ///
    /// - Parameters:
    ///   - number: nil for the newest version.
    ///   - atOnce: whether it is not tried first; refused where an endpoint asks for a second person.
    ///   - replacing: whether a rollout that is under way gives way.
    public func promote(
        _ model: String, version number: Int?, alias: String = "champion", atOnce: Bool = false, replacing: Bool = false,
        reason: String?, requestID: String?, scope: Scope
    ) async throws -> Promotion {
        try scope.require(.modelsPromote, on: resource(.model, model))
        guard Self.isAlias(alias) else {
            throw PlatformError(
                .invalid, "an alias is 1 to \(Self.aliasLength) letters, digits, '_' or '-' and begins with a letter; found '\(alias.prefix(60))'",
                place: "alias", hint: "an endpoint answers with 'champion' unless its 'model:' names another")
        }
        return try await releasing.hold { () async throws in
            guard let base = inForce.release, let project = inForce.project else { throw PlatformError.notApplied }
            guard project.model(model) != nil else { throw PlatformError.unknown("model", model, among: project.models.map(\.name)) }
            let newest = try database.read { try versions.newest(model, $0) }
            guard let chosen = number ?? newest else {
                throw PlatformError(
                    .notFound, "model '\(model)' has no version", hint: "train one: 'martlet train \(model)'")
            }
            // Registered versions have passed their gates; loading one verifies its signature and every file.
            _ = try servedModel(model, chosen)
            var aliases = base.aliases
            aliases[model, default: [:]][alias] = chosen
            if aliases == base.aliases {
                throw PlatformError(.conflict, "'\(model)@\(alias)' is version \(chosen) already", hint: "choose another version")
            }
            if let endpoint = trialEndpoint(of: model, alias: alias) {
                if !atOnce {
                    let rollout = try await beginRollout(
                        of: chosen, at: endpoint, alias: alias, replacing: replacing, reason: reason, requestID: requestID, scope: scope)
                    return Promotion(release: base, rollout: rollout)
                }
                if endpoint.definition.rollout?.needsApproval == true {
                    throw PlatformError(
                        .conflict, "endpoint '\(endpoint.definition.name)' asks for a second person, so no version is promoted at once",
                        hint: "promote it without '--at-once'; somebody else lets it in with 'martlet rollouts promote \(endpoint.definition.name)'")
                }
            }
            let release = try await makeRelease(
                .promote, source: base.source, definitions: base.definitions, aliases: aliases, reason: reason,
                requestID: requestID, scope: scope)
            return Promotion(release: release, rollout: nil)
        }
    }

    private static let aliasLength = 64

    private static func isAlias(_ text: String) -> Bool {
        let bytes = text.utf8
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        guard let first = bytes.first, bytes.count <= aliasLength, isLetter(first) else { return false }
        return bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
    }

    /// Puts in force again what was in force before: definitions, features, models and routes, in one commit.
    public func rollback(reason: String?, requestID: String?, scope: Scope) async throws -> Release {
        try scope.require(.modelsPromote, on: .project(project))
        return try await releasing.hold { () async throws in
            guard let base = inForce.release else { throw PlatformError.notApplied }
            let before = try database.read { try releases.content(before: base, $0) }
            return try await makeRelease(
                .rollback, source: before.source, definitions: before.definitions, aliases: before.aliases, reason: reason,
                requestID: requestID, restores: before.number, scope: scope)
        }
    }

    /// Puts in force again what was in force before the version that answers at an endpoint came to answer.
    ///
    /// - Throws: `conflict` while another version is tried there, and where none answered before.
    func rollback(versionOf name: String, reason: String?, requestID: String?, scope: Scope) async throws -> Release {
        try scope.require(.modelsPromote, on: .project(project))
        return try await releasing.hold { () async throws in
            let endpoint = try endpoint(name)
            guard endpoint.trial == nil else {
                throw PlatformError(.conflict, "a version is tried at endpoint '\(name)'", hint: "its rollout says what becomes of it")
            }
            guard let base = inForce.release, case .alias(let alias) = endpoint.definition.model.version,
                let current = base.version(of: endpoint.definition.model.model, alias: alias)
            else { throw PlatformError(.conflict, "endpoint '\(name)' has no version by an alias, so none is before it") }
            let model = endpoint.definition.model.model
            let before = try database.read { reader in
                do {
                    var release = base
                    while release.version(of: model, alias: alias) == current { release = try releases.content(before: release, reader) }
                    return release.version(of: model, alias: alias) == nil ? nil : release
                } catch let error as RegistryError where error.code == .nothingToRollBack { return Release?.none }
            }
            guard let before else { throw PlatformError(.conflict, "no other version answered at endpoint '\(name)' before version \(current)") }
            return try await makeRelease(
                .rollback, source: before.source, definitions: before.definitions, aliases: before.aliases, reason: reason,
                requestID: requestID, restores: before.number, scope: scope)
        }
    }

    /// The releases, newest first.
    public func releaseList(limit: Int, scope: Scope) throws -> [Release] {
        try scope.require(.definitionsRead, on: .project(project))
        return try database.read { try releases.list($0, limit: min(limit, self.limits.pageRows)) }
    }

    /// The versions of one model or of all, newest first, each with the aliases that name it now.
    public func modelVersions(_ model: String?, limit: Int, scope: Scope) throws -> [(version: ModelVersion, aliases: [String])] {
        try scope.require(.modelsRead, on: resource(.model, model))
        let aliases = inForce.release?.aliases ?? [:]
        let found = try database.read { try versions.list(model: model, $0, limit: min(limit, self.limits.pageRows)) }
        // A model that is no longer defined keeps its versions; one that never was has none.
        if let model, found.isEmpty, let project = inForce.project, project.model(model) == nil {
            throw PlatformError.unknown("model", model, among: project.models.map(\.name))
        }
        return found.map { version in
            (version, (aliases[version.model] ?? [:]).filter { $0.value == version.number }.keys.sorted())
        }
    }

    /// The runs of one model or of all, newest first.
    public func runList(model: String?, limit: Int, scope: Scope) throws -> [Run] {
        try scope.require(.modelsRead, on: resource(.model, model))
        return try database.read { try runs.list(model: model, $0, limit: min(limit, self.limits.pageRows)) }
    }
}

extension Release {
    /// As the interface answers it.
    public var json: JSONValue {
        var models = JSONObject()
        for (model, names) in aliases.sorted(by: { $0.key < $1.key }) {
            var inner = JSONObject()
            for (alias, number) in names.sorted(by: { $0.key < $1.key }) { inner[alias] = .int64(Int64(number)) }
            models[model] = .object(inner)
        }
        return [
            "release": .int64(Int64(number)), "created": .string("\(created)"), "actor": .string(actor),
            "action": .string(action.rawValue), "reason": reason.map(JSONValue.string) ?? .null,
            "definitions": .string(definitions), "aliases": .object(models),
            "restores": restores.map { .int64(Int64($0)) } ?? .null,
        ]
    }
}

extension ModelVersion {
    /// As the interface answers it.
    public func json(aliases: [String]) -> JSONValue {
        [
            "model": .string(model), "version": .int64(Int64(number)), "package": .string(package),
            "created": .string("\(created)"), "run": .string(run), "aliases": .array(aliases.map(JSONValue.string)),
        ]
    }
}

extension Run {
    /// As the interface answers it.
    public var json: JSONValue {
        func parsed(_ text: String?) -> JSONValue { text.flatMap { try? JSONValue(parsing: $0) } ?? .null }
        return [
            "run": .string(id), "model": .string(model), "status": .string(status.rawValue), "started": .string("\(started)"),
            "ended": ended.map { .string("\($0)") } ?? .null, "actor": .string(actor), "definition": .string(definition),
            "parameters": parsed(parameters), "metrics": parsed(metrics), "rows": parsed(rows), "gates": parsed(gates),
            "version": version.map { .int64(Int64($0)) } ?? .null, "failure": failure.map(JSONValue.string) ?? .null,
        ]
    }
}
