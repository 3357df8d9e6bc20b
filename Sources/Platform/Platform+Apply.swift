public import MartletAccess
import MartletBytes
public import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPipelines
public import MartletPlan
public import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// What applying the project's files would change.
public struct PlanReport: Sendable {
    public var project: CheckedProject
    public var applied: DefinitionSet
    /// As a person reads it.
    public var text: String
    public var difference: DefinitionDifference

    public var changesNothing: Bool { difference.isEmpty }
}

extension Platform {
    /// Checks the project's files and compares them with what is in force.
    ///
    /// - Parameter builtIn: definitions of the asking program beside those of the files; only the folder's owner may have some.
    /// - Throws: ``DefinitionErrors`` with every mistake and its place.
    public func plan(builtIn: [ProjectSource.File] = [], scope: Scope) throws -> PlanReport {
        try scope.require(.definitionsPlan, on: .project(project))
        let source = try source(with: builtIn, scope)
        let project = try ProjectPlan.check(source)
        try refuseMissingPermissions(project, of: scope.principal)
        return report(project)
    }

    private func source(with builtIn: [ProjectSource.File], _ scope: Scope) throws -> ProjectSource {
        guard builtIn.isEmpty || scope.principal.kind == .user else {
            throw PlatformError(
                .conflict, "definitions that are built into a program are taken from the owner of the project's folder alone",
                hint: "put them into the project's files, or run the program in the folder")
        }
        return try ProjectSource.read(projectFiles, kinds: ProjectPlan.kinds).adding(builtIn)
    }

    private func report(_ checked: CheckedProject) -> PlanReport {
        let applied = inForce.project?.definitions ?? .empty
        return PlanReport(
            project: checked, applied: applied, text: ProjectPlan.text(checked, applied: applied),
            difference: DefinitionDifference(from: applied, to: checked.definitions))
    }

    /// Puts the project's files in force: new views are folded first, then one commit, then the switch.
    ///
    /// - Parameters:
    ///   - builtIn: definitions of the asking program beside those of the files; only the folder's owner may have some.
    ///   - progress: how far the folding of new views is.
    /// - Returns: what changed, and the release; nil if nothing changed, for then there is none.
    public func apply(
        builtIn: [ProjectSource.File] = [], reason: String?, requestID: String?, scope: Scope, progress: @Sendable (_ cut: Int64, _ end: Int64) -> Void = { _, _ in }
    ) async throws -> (report: PlanReport, release: Release?) {
        try scope.require(.definitionsApply, on: .project(project))
        return try await releasing.hold { () async throws in
            let source = try source(with: builtIn, scope)
            let report = report(try ProjectPlan.check(source))
            let before = inForce
            if report.changesNothing, before.release != nil { return (report, nil) }
            try refuseMissingPermissions(report.project, of: scope.principal)
            try refuseBreakingChanges(from: before, to: report.project)
            let blob = try blobs.put(source.blob)
            let release = try await makeRelease(
                .apply, source: "\(blob)", definitions: "\(report.project.definitions.hash)",
                aliases: before.release?.aliases ?? [:], reason: reason, requestID: requestID, scope: scope, progress: progress)
            return (report, release)
        }
    }

    /// What runs by itself has the rights of whoever applies it, so these must suffice for each of its tasks.
    private func refuseMissingPermissions(_ project: CheckedProject, of principal: Principal) throws {
        var errors: [DefinitionError] = []
        for pipeline in project.pipelines where pipeline.schedule != nil || !pipeline.triggers.isEmpty {
            for needed in pipeline.triggerPermissions {
                let resource = needed.resource(in: project.project.name)
                guard (try? Guard().scope(for: principal, to: needed.permission, on: resource)) == nil else { continue }
                errors.append(
                    DefinitionError(
                        .conflict, at: pipeline.place,
                        "a trigger of pipeline '\(pipeline.name)' needs the permission \(needed.permission.rawValue), which '\(principal.name)' lacks",
                        expected: needed.permission.rawValue, hint: "let somebody apply it who has it"))
            }
            for needed in pipeline.permissions {
                let resource = needed.required.resource(in: project.project.name)
                guard (try? Guard().scope(for: principal, to: needed.required.permission, on: resource)) == nil else { continue }
                errors.append(
                    DefinitionError(
                        .conflict, at: needed.place,
                        "task '\(needed.task)' of pipeline '\(pipeline.name)' needs the permission \(needed.required.permission.rawValue), which '\(principal.name)' lacks",
                        expected: needed.required.permission.rawValue,
                        hint: "what a schedule or trigger starts has the rights of who applies it; let somebody apply it who has them all"))
            }
        }
        guard errors.isEmpty else { throw DefinitionErrors(errors) }
    }

    /// What is stored under a stream cannot be read under another type or key; such a change needs a stream of its own.
    private func refuseBreakingChanges(from before: InForce, to project: CheckedProject) throws {
        if let name = before.project?.project.name, name != project.project.name, before.streams.values.contains(where: \.hasSubject) {
            throw PlatformError(
                .conflict, "the project is named '\(name)', and its persons have pseudonyms under that name",
                place: "\(project.project.place)", hint: "keep the name, or begin another project and load its history")
        }
        for stream in project.streams {
            guard let old = before.streams[stream.name] else { continue }
            for field in stream.contract.fields {
                guard let known = old.contract.fields.first(where: { $0.name == field.name }) else {
                    guard field.isOptional else {
                        throw PlatformError(
                            .conflict, "stream '\(stream.name)' has events without the new field '\(field.name)'",
                            place: "\(stream.place)", hint: "make it optional, or begin another stream")
                    }
                    continue
                }
                guard known.type == field.type, known.isSubject == field.isSubject else {
                    throw PlatformError(
                        .conflict,
                        "field '\(field.name)' of stream '\(stream.name)' is stored as \(known.type.rawValue)\(known.isSubject ? " (personal)" : "")",
                        place: "\(stream.place)", hint: "give the new form another name, or begin another stream")
                }
            }
            guard stream.contract.unique == old.contract.unique, stream.contract.eventTime == old.contract.eventTime else {
                throw PlatformError(
                    .conflict, "the key or the time of stream '\(stream.name)' cannot change while it has events",
                    place: "\(stream.place)", hint: "begin another stream and load its history")
            }
        }
    }

    /// Loads what a release would hold, folds its views, commits it with its audit entry, and switches to it.
    ///
    /// A crash before the commit leaves the old release in force, one after it the new; there is nothing between. A rollout under
    /// way goes on if the release has what it is about, and ends with the commit if not.
    ///
    /// - Parameter alongside: what else is stored in the same commit, before rollouts without a subject are ended.
    func makeRelease(
        _ action: Release.Action, source: String, definitions: String, aliases: [String: [String: Int]], reason: String?,
        requestID: String?, restores: Int? = nil, scope: Scope,
        progress: @Sendable (_ cut: Int64, _ end: Int64) -> Void = { _, _ in },
        alongside: (any DatabaseTransaction) throws -> Void = { _ in }
    ) async throws -> Release {
        let base = inForce.release
        let number = try database.read { try releases.nextNumber($0) }
        let draft = Release(
            number: number, created: world.clock.now(), actor: "\(scope.principal)", action: action, reason: reason,
            source: source, definitions: definitions, aliases: aliases, restores: restores)
        let next = try load(draft, rollouts: database.read { try rollouts.active($0) })
        // What is in force stays folded until the switch, so both sets are kept until then.
        let wanted = try viewsToKeep(for: next)
        let hashes = Set(wanted.map(\.hash))
        let kept = try viewsToKeep(for: inForce).filter { !hashes.contains($0.hash) }
        try await features.setViews(wanted + kept, progress: progress)
        try database.write { transaction in
            try releases.add(draft, basedOn: base?.number, transaction)
            try alongside(transaction)
            try endSuperseded(by: next, release: draft, transaction)
            try audit.append(
                AuditRecord(
                    "release.\(action.rawValue)", under: scope, requestID: requestID,
                    details: [
                        "release": .number(Int64(number)), "definitions": .text(definitions),
                        "restores": .text(restores.map(String.init) ?? ""), "reason": .text(reason ?? ""),
                    ]),
                in: transaction)
        }
        putInForce(next)
        try await features.setViews(wanted)
        try await configurePipelines()
        try configureAlarms()
        try beginMonitors()
        return draft
    }
}
