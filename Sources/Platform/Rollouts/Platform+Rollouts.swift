public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletFeatureStore
import MartletFrames
import MartletGovernance
import MartletModels
import MartletPlan
public import MartletRegistry
public import MartletServing
import MartletStorage
import MartletWorld

/// What a promotion led to.
public struct Promotion: Sendable {
    /// The release in force afterwards.
    public var release: Release
    /// The rollout that tries the version first; nil if it answers already.
    public var rollout: Rollout?

    public var json: JSONValue {
        guard var object = release.json.object else { return release.json }
        object["rollout"] = rollout?.json ?? .null
        return .object(object)
    }
}

extension Platform {
    /// The endpoint at which a version must be tried before it bears an alias; nil if it may bear it at once.
    ///
    /// There is nothing to compare the first version with, so none is tried.
    func trialEndpoint(of model: String, alias: String) -> EndpointRuntime? {
        inForce.endpoints.values.first {
            $0.definition.rollout != nil && $0.definition.model == .init(model: model, version: .alias(alias)) && $0.model != nil
        }
    }

    /// Begins to try a version beside the champion. The caller holds `releasing`.
    ///
    /// - Parameter replacing: whether a rollout that is under way gives way; else it is a conflict.
    func beginRollout(
        of number: Int, at endpoint: EndpointRuntime, alias: String, replacing: Bool, reason: String?, requestID: String?, scope: Scope
    ) async throws -> Rollout {
        let name = endpoint.definition.name
        guard let definition = endpoint.definition.rollout, let champion = endpoint.model else { throw PlatformError.notApplied }
        if let trial = endpoint.trial, !replacing {
            throw PlatformError(
                .conflict,
                "version \(trial.rollout.challenger) of '\(trial.rollout.model)' is being tried at endpoint '\(name)' since \(trial.rollout.started)",
                hint: "wait for it, end it with 'martlet rollouts withdraw \(name)', or replace it with '--replace'")
        }
        let challenger = try servedModel(endpoint.definition.model.model, number)
        let now = world.clock.now()
        // Those of one millisecond ascend too, so that lists are in the order of beginning.
        let newest = try database.read { try rollouts.list(endpoint: nil, before: nil, limit: 1, $0) }.first.flatMap { UUIDv7($0.id) }
        let rollout = Rollout(
            id: UUIDv7.make(at: now, after: newest, random: world.random).description, endpoint: name, model: endpoint.definition.model.model, alias: alias,
            champion: champion.version.number, challenger: number, definition: "\(definition.hash)", actor: "\(scope.principal)",
            started: now, stepStarted: now, stepPosition: log.end, reason: reason ?? "")
        // Its views are folded before any decision is asked of it.
        let next = inForce.with(Trial(rollout, definition, challenger: challenger), at: name)
        try await features.setViews(try viewsToKeep(for: next) + viewsToKeep(for: inForce))
        try database.write { transaction in
            if let trial = endpoint.trial {
                _ = try end(trial.rollout, .superseded, by: "\(scope.principal)", "version \(number) is tried in its place", in: transaction)
            }
            try rollouts.add(rollout, transaction)
            try audit.append(
                AuditRecord(
                    "rollout.start", under: scope, requestID: requestID,
                    details: [
                        "rollout": .text(rollout.id), "endpoint": .text(name), "champion": .number(Int64(rollout.champion)),
                        "challenger": .number(Int64(number)), "reason": .text(reason ?? ""),
                    ]),
                in: transaction)
        }
        putInForce(next)
        try await features.setViews(try viewsToKeep(for: next))
        return rollout
    }

    /// Lets a challenger in by hand: the judgement is a person's. Where the endpoint asks for a second person, another than
    /// who began the rollout.
    public func promoteRollout(_ endpoint: String, reason: String?, requestID: String?, scope: Scope) async throws -> Release {
        try scope.require(.modelsPromote, on: resource(.endpoint, endpoint))
        return try await releasing.hold { () async throws in
            let trial = try trial(endpoint)
            guard !trial.definition.needsApproval || trial.rollout.actor != "\(scope.principal)" else {
                throw PlatformError(
                    .conflict, "endpoint '\(endpoint)' asks for a second person, and it was you who began this rollout",
                    hint: "let somebody else with models.promote run 'martlet rollouts promote \(endpoint)'")
            }
            return try await letIn(trial, by: scope, reason: reason ?? "by hand", requestID: requestID, evidence: evidence(of: trial))
        }
    }

    /// Takes a challenger back by hand.
    public func withdrawRollout(_ endpoint: String, reason: String?, requestID: String?, scope: Scope) async throws -> Rollout {
        try scope.require(.modelsPromote, on: resource(.endpoint, endpoint))
        return try await releasing.hold { () async throws in
            let trial = try trial(endpoint)
            return try await takeBack(trial, by: scope, reason: reason ?? "by hand", requestID: requestID, evidence: evidence(of: trial))
        }
    }

    /// The rollouts of one endpoint or of all, newest first.
    public func rolloutList(endpoint: String?, before: String?, limit: Int, scope: Scope) throws -> [Rollout] {
        try scope.require(.modelsRead, on: resource(.endpoint, nil))
        return try database.read { try rollouts.list(endpoint: endpoint, before: before, limit: min(limit, self.limits.pageRows), $0) }
    }

    /// One rollout with what happened to it, and what its present step has shown.
    public func rolloutDetails(_ id: String, scope: Scope) throws -> JSONValue {
        try scope.require(.modelsRead, on: resource(.endpoint, nil))
        guard let rollout = try database.read({ try rollouts.rollout(id, $0) }) else {
            throw PlatformError(.notFound, "no rollout has the id '\(id.prefix(60))'", hint: "list them with 'martlet rollouts'")
        }
        let events = try database.read { try rollouts.events(of: id, $0) }
        let trial = inForce.endpoints[rollout.endpoint]?.trial
        var object = rollout.json.object ?? JSONObject()
        object["steps"] = .array((trial?.rollout.id == id ? trial?.definition.steps : nil)?.map { .string("\($0)") } ?? [])
        object["evidence"] = trial.flatMap { $0.rollout.id == id ? evidence(of: $0)?.json : nil } ?? .null
        object["waits_for"] = .array(waits(trial.flatMap { $0.rollout.id == id ? $0 : nil }))
        object["events"] = .array(events.map(\.json))
        return .object(object)
    }

    /// What a rollout under way waits for, in words.
    private func waits(_ trial: Trial?) -> [JSONValue] {
        guard let trial else { return [] }
        let seen = evidence(of: trial) ?? RolloutEvidence()
        return RolloutMachine(trial.definition).waitsFor(trial.rollout, seen, at: world.clock.now()).map(JSONValue.string)
    }

    // MARK: - Ending

    private func trial(_ endpoint: String) throws(PlatformError) -> Trial {
        guard let trial = try self.endpoint(endpoint).trial else {
            throw PlatformError(
                .conflict, "no version is being tried at endpoint '\(endpoint)'", hint: "'martlet promote MODEL' begins a rollout where the endpoint declares one")
        }
        return trial
    }

    /// The release in which the challenger bears the alias, and the end of its rollout, in one commit. The caller holds `releasing`.
    func letIn(_ trial: Trial, by scope: Scope, reason: String, requestID: String?, evidence: RolloutEvidence?) async throws -> Release {
        guard let base = inForce.release else { throw PlatformError.notApplied }
        let rollout = trial.rollout
        var aliases = base.aliases
        aliases[rollout.model, default: [:]][rollout.alias] = rollout.challenger
        return try await makeRelease(
            .promote, source: base.source, definitions: base.definitions, aliases: aliases,
            reason: "rollout \(rollout.id): \(reason)", requestID: requestID, scope: scope,
            alongside: { transaction in
                guard try self.end(rollout, .promoted, by: "\(scope.principal)", reason, seen: evidence, in: transaction) else {
                    throw PlatformError(.conflict, "the rollout has ended meanwhile", hint: "see 'martlet rollouts'")
                }
            })
    }

    /// The caller holds `releasing`.
    func takeBack(_ trial: Trial, by scope: Scope, reason: String, requestID: String?, evidence: RolloutEvidence?) async throws -> Rollout {
        let next = inForce.with(nil, at: trial.rollout.endpoint)
        try database.write { transaction in
            guard try end(trial.rollout, .withdrawn, by: "\(scope.principal)", reason, seen: evidence, in: transaction) else {
                throw PlatformError(.conflict, "the rollout has ended meanwhile", hint: "see 'martlet rollouts'")
            }
            try audit.append(
                AuditRecord(
                    "rollout.withdraw", under: scope, requestID: requestID,
                    details: [
                        "rollout": .text(trial.rollout.id), "endpoint": .text(trial.rollout.endpoint),
                        "challenger": .number(Int64(trial.rollout.challenger)), "reason": .text(reason),
                    ]),
                in: transaction)
        }
        putInForce(next)
        try await features.setViews(try viewsToKeep(for: next))
        guard let ended = try database.read({ try rollouts.rollout(trial.rollout.id, $0) }) else {
            throw PlatformError(.damaged, "the rollout is not stored")
        }
        return ended
    }

    /// Stores that a rollout has ended; false if it had.
    func end(
        _ rollout: Rollout, _ state: Rollout.State, by actor: String?, _ reason: String, seen evidence: RolloutEvidence? = nil,
        in transaction: any DatabaseTransaction
    ) throws -> Bool {
        var ended = rollout
        ended.state = state
        ended.reason = reason
        ended.ended = world.clock.now()
        guard let kind = RolloutEvent.Kind(rawValue: state.rawValue) else { return false }
        return try rollouts.update(
            ended,
            RolloutEvent(
                time: world.clock.now(), kind: kind, step: rollout.step, actor: actor, reason: reason, evidence: evidence?.json.description),
            transaction)
    }

    /// Ends the rollouts that a release changes the subject of, in its transaction.
    func endSuperseded(by next: InForce, release: Release, _ transaction: any DatabaseTransaction) throws {
        for rollout in try rollouts.active(transaction) where next.endpoints[rollout.endpoint]?.trial?.rollout.id != rollout.id {
            _ = try end(rollout, .superseded, by: release.actor, "release \(release.number) changed what it was about", in: transaction)
        }
    }
}

extension InForce {
    /// The same with another trial at an endpoint.
    func with(_ trial: Trial?, at endpoint: String) -> InForce {
        var endpoints = endpoints
        endpoints[endpoint] = endpoints[endpoint]?.with(trial)
        return InForce(release: release, source: source, project: project, streams: streams, endpoints: endpoints)
    }
}
