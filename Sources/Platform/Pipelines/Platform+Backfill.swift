public import MartletAccess
public import MartletBytes
public import MartletFrames
import MartletGovernance
import MartletPipelines
import MartletPlan
import MartletStorage
import MartletWorld

/// Which intervals of a range a backfill runs that were run before.
public enum BackfillScope: String, Hashable, Sendable, CaseIterable {
    /// Only those of which no run is there.
    case missing
    /// Those of which no run succeeded or is under way.
    case failed
    case all
}

extension Platform {
    /// Intervals of one backfill.
    static let backfillIntervals = 10_000

    /// What a backfill of a range would run; with `dryRun` nothing else happens.
    ///
    /// - Parameters:
    ///   - start: intervals begin at or after it.
    ///   - end: and end at or before it.
    ///   - newestFirst: the order of the runs.
    public func backfillPipeline(
        _ name: String, from start: Timestamp, to end: Timestamp, of which: BackfillScope, maxActiveRuns: Int, newestFirst: Bool,
        dryRun: Bool, requestID: String?, scope: Scope
    ) async throws -> JSONValue {
        try scope.require(.pipelinesRun, on: resource(.pipeline, name))
        guard let project = inForce.project else { throw PlatformError.notApplied }
        guard let definition = project.pipeline(name) else {
            throw PlatformError.unknown("pipeline", name, among: project.pipelines.map(\.name))
        }
        guard let schedule = definition.schedule else {
            throw PlatformError(
                .invalid, "pipeline '\(name)' has no schedule, so a range has no intervals", hint: "run it with an interval of its own")
        }
        guard start < end else { throw PlatformError(.invalid, "the range ends before it begins", place: "to") }
        guard (1...1_000).contains(maxActiveRuns) else {
            throw PlatformError(.invalid, "a backfill has 1 to 1000 runs under way at a time", place: "max_active_runs")
        }
        var intervals = Array(schedule.intervals(from: start, to: end, limit: Self.backfillIntervals + 1))
        guard intervals.count <= Self.backfillIntervals else {
            throw PlatformError(
                .tooMany, "the range has more than \(Self.backfillIntervals) intervals", place: "from", hint: "make several backfills")
        }
        let known = try database.read { try PipelineTables().states(pipeline: name, intervalsFrom: start, to: end, $0) }
        let states = Dictionary(grouping: known, by: \.start).mapValues { $0.map(\.state) }
        let total = intervals.count
        intervals.removeAll { interval in
            guard let states = states[interval.start] else { return false }
            switch which {
            case .missing: return true
            case .failed: return states.contains { $0 == .succeeded || !$0.isEnd }
            case .all: return states.contains { !$0.isEnd }
            }
        }
        if newestFirst { intervals.reverse() }
        var answer: [(String, JSONValue)] = [
            ("pipeline", .string(name)), ("intervals", .int64(Int64(total))), ("runs", .int64(Int64(intervals.count))),
            ("preview", .array(intervals.prefix(20).map(\.json))),
        ]
        guard !dryRun, !intervals.isEmpty else { return .object(answer + [("backfill", .null)]) }
        guard let service = pipelines?.service else {
            throw PlatformError(.unavailable, "pipelines are not at work in this process", hint: "start the server with 'martlet up'")
        }
        let backfill = Backfill(
            id: UUIDv7.make(at: world.clock.now(), random: world.random).description, pipeline: name, actor: RunActor(scope.principal),
            created: world.clock.now(), intervals: intervals, maxActiveRuns: maxActiveRuns)
        try database.write {
            try audit.append(
                AuditRecord(
                    "pipelines.backfill", under: scope, requestID: requestID,
                    details: ["pipeline": .text(name), "from": .text("\(start)"), "to": .text("\(end)"), "runs": .number(Int64(intervals.count))]),
                in: $0)
        }
        try await service.ask { scheduler, now, turn throws(SchedulerError) in try scheduler.add(backfill, at: now, &turn) }
        answer.append(("backfill", .string(backfill.id)))
        return .object(answer)
    }

    /// Backfills, newest first.
    public func backfillList(limit: Int, scope: Scope) throws -> [JSONValue] {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        return try database.read { try PipelineTables().backfills(nil, limit: min(limit, self.limits.pageRows), $0) }.map { backfill in
            .object([
                ("backfill", .string(backfill.id)), ("pipeline", .string(backfill.pipeline)), ("state", .string(backfill.state.rawValue)),
                ("runs", .int64(Int64(backfill.intervals.count))), ("begun", .int64(Int64(backfill.next))),
                ("created", .string("\(backfill.created)")), ("actor", .string("\(backfill.actor.kind):\(backfill.actor.id)")),
            ])
        }
    }

    /// Ends a backfill and the runs of it that are under way.
    public func cancelBackfill(_ id: String, requestID: String?, scope: Scope) async throws {
        try scope.require(.pipelinesRun, on: resource(.pipeline, nil))
        guard try database.read({ try PipelineTables().backfills(.running, limit: 100_000, $0) }).contains(where: { $0.id == id }) else {
            throw PlatformError(.notFound, "no backfill '\(id.prefix(60))' is under way")
        }
        guard let service = pipelines?.service else {
            throw PlatformError(.unavailable, "pipelines are not at work in this process", hint: "start the server with 'martlet up'")
        }
        try database.write {
            try audit.append(
                AuditRecord("pipelines.cancel_backfill", under: scope, requestID: requestID, details: ["backfill": .text(id)]), in: $0)
        }
        let person = "\(scope.principal)"
        try await service.ask { scheduler, now, turn throws(SchedulerError) in
            try scheduler.cancel(backfill: id, by: person, at: now, &turn)
        }
    }
}
