public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletGovernance
public import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletStorage
import MartletWorld

extension Platform {
    private var tables: PipelineTables { PipelineTables() }

    func definition(_ name: String) throws -> PipelineDefinition {
        guard let project = inForce.project else { throw PlatformError.notApplied }
        guard let definition = project.pipeline(name) else {
            throw PlatformError.unknown("pipeline", name, among: project.pipelines.map(\.name))
        }
        return definition
    }

    private func working() throws -> PipelineDesk {
        guard let pipelines else {
            throw PlatformError(.unavailable, "pipelines are not at work in this process", hint: "start the server with 'martlet up'")
        }
        return pipelines
    }

    private func record(_ action: String, _ scope: Scope, _ requestID: String?, _ details: AuditDetails) throws {
        try database.write { try audit.append(AuditRecord(action, under: scope, requestID: requestID, details: details), in: $0) }
    }

    // MARK: - Reading

    /// Every pipeline in force with when it runs next and how it went last, by name.
    public func pipelineList(scope: Scope) throws -> [JSONValue] {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let paused = try database.read { try tables.paused($0) }
        return try (inForce.project?.pipelines ?? []).map { definition in
            let last = try database.read { try tables.runs(RunFilter(pipeline: definition.name), limit: 1, $0) }.first
            let alert = try lastAlert(definition.name)?.kind.rawValue
            func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
            return .object([
                ("pipeline", .string(definition.name)), ("tasks", .int64(Int64(definition.tasks.count))),
                ("schedule", text(definition.schedule?.text)), ("paused", .bool(paused.contains(definition.name))),
                ("next_due", text(nextDue(definition.name)?.description)), ("last_run", text(last?.facts.id)),
                ("last_state", text(last?.state.rawValue)), ("last_began", text(last?.began?.description)), ("last_alert", text(alert)),
                ("doc", .string(definition.doc)),
            ])
        }
    }

    /// Alerts, newest first, and the number that the next page begins before; nil at the end.
    public func pipelineAlerts(pipeline: String?, before sequence: Int64?, limit: Int, scope: Scope) throws -> (alerts: [JSONValue], next: Int64?) {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let count = min(limit, limits.pageRows)
        let found = try database.read { try tables.alerts(pipeline: pipeline, before: sequence, limit: count, $0) }
        return (found.map(\.json), found.count == count ? found.last?.sequence : nil)
    }

    private func lastAlert(_ name: String) throws -> PipelineAlert? {
        try database.read { try tables.alerts(pipeline: name, before: nil, limit: 1, $0) }.first?.alert
    }

    private func nextDue(_ name: String) -> Timestamp? { pipelines?.service.look { $0.nextDue(of: name) } ?? nil }

    /// A pipeline's graph: its tasks in order, each with those before it.
    public func pipeline(_ name: String, scope: Scope) throws -> JSONValue {
        try scope.require(.pipelinesRead, on: resource(.pipeline, name))
        let definition = try definition(name)
        let alerts = try database.read { try tables.alerts(pipeline: name, before: nil, limit: 5, $0) }.map(\.json)
        return .object([
            ("pipeline", .string(name)), ("definition", .string("\(definition.hash)")),
            ("schedule", definition.schedule.map { .string($0.text) } ?? .null),
            ("next_due", nextDue(name).map { .string("\($0)") } ?? .null),
            ("paused", .bool(try database.read { try tables.paused($0) }.contains(name))),
            ("max_active_runs", .int64(Int64(definition.maxActiveRuns))),
            ("alerts", .array(alerts)),
            ("parameters", .array(definition.parameters.map { parameter in
                .object([
                    ("name", .string(parameter.name)), ("type", .string(parameter.type.rawValue)),
                    ("default", parameter.standard.map { JSONValue($0) } ?? .null), ("doc", .string(parameter.doc)),
                ])
            })),
            ("tasks", .array(definition.tasks.map { task in
                .object([
                    ("task", .string(task.name)), ("kind", .string(task.work.kind.word)), ("after", .array(task.after.map(JSONValue.string))),
                    ("trigger_rule", .string(task.rule.rawValue)), ("retries", .int64(Int64(task.retry.retries))),
                    ("mapped", .bool(task.mapping != nil)), ("on_failure", .bool(task.isOnFailure)), ("doc", .string(task.doc)),
                ])
            })),
            ("doc", .string(definition.doc)),
        ])
    }

    /// Runs, newest first, and the id that the next page begins after; nil at the end.
    public func pipelineRuns(_ filter: RunFilter, limit: Int, scope: Scope) throws -> (runs: [JSONValue], next: String?) {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let count = min(limit, limits.pageRows)
        let found = try database.read { try tables.runs(filter, limit: count, $0) }
        return (found.map(\.json), found.count == count ? found.last?.facts.id : nil)
    }

    /// A run with the state of each of its task instances.
    public func pipelineRun(_ id: String, scope: Scope) throws -> JSONValue {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let (stored, machine) = try run(id)
        var members = stored.json.object?.members.map { ($0.key, $0.value) } ?? []
        members.append(("failed_tasks", .array(machine.failedTasks.map(JSONValue.string))))
        members.append(("late", .bool(!machine.late.isEmpty)))
        members.append(("tasks", .array(machine.graph.nodes.indices.map { machine.json(ofTask: $0) })))
        return .object(members)
    }

    /// A run as it is stored, folded from its records.
    private func run(_ id: String) throws -> (stored: StoredRun, machine: RunMachine) {
        let (stored, graph, records) = try history(of: id)
        return (stored, RunMachine(stored.facts, graph, records))
    }

    /// A run with the records that it is folded from.
    func history(of id: String) throws -> (stored: StoredRun, graph: PipelineGraph, records: [TimedRecord]) {
        let stored = try storedRun(id)
        let graph = try graph(of: stored)
        return (stored, graph, try database.read { try tables.records(of: id, graph, $0) })
    }

    /// The graph of the definition that a run is pinned to.
    private func graph(of run: StoredRun) throws -> PipelineGraph {
        guard let definition = try pinnedProject(run.source).pipeline(run.facts.pipeline) else {
            throw PlatformError(.damaged, "the definition of run '\(run.facts.id)' cannot be read")
        }
        return PipelineGraph(definition)
    }

    /// What happened after a sequence number, in one run or in all; and the newest number.
    public func pipelineHistory(run: String?, after sequence: Int64, limit: Int, scope: Scope) throws
        -> (items: [JSONValue], next: Int64)
    {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let found = try database.read { try tables.history(after: sequence, run: run, limit: min(limit, self.limits.pageRows), $0) }
        let items = try found.map { entry in
            JSONValue.object([
                ("sequence", .int64(entry.sequence)), ("run", .string(entry.run)), ("records", try JSONValue(parsing: entry.records, lengthLimit: 1 << 30)),
            ])
        }
        return (items, found.last?.sequence ?? sequence)
    }

    /// What an attempt printed, from a byte on; nil if it printed nothing.
    public func pipelineLog(run id: String, task: String, index: Int, attempt: Int?, from offset: Int, limit: Int, scope: Scope) throws
        -> [UInt8]?
    {
        try scope.require(.pipelinesRead, on: resource(.pipeline, nil))
        let (_, machine) = try run(id)
        guard let number = machine.graph.number(of: task) else {
            throw PlatformError.unknown("task", task, among: machine.graph.nodes.map(\.task.name))
        }
        let newest = machine.instance(InstanceNumber(number, index))?.attempt ?? 0
        let path = logPath(InstanceAddress(run: id, task: task, index: index), attempt: attempt ?? newest)
        guard try world.files.size(path) != nil else { return nil }
        return try world.files.open(path, .read).read(at: max(0, offset), count: limit)
    }

    // MARK: - Changing

    /// Asks for a run of a pipeline.
    ///
    /// - Parameters:
    ///   - parameters: by name; their types are the definition's.
    ///   - interval: nil for the newest that has ended, where its runs are about intervals.
    ///   - key: a request with the same key again gives the same run.
    public func runPipeline(
        _ name: String, parameters: JSONValue?, interval: DataInterval?, key: String?, note: String?, cause: RunCause = .manual,
        requestID: String?, scope: Scope
    ) async throws -> JSONValue {
        try scope.require(.pipelinesRun, on: resource(.pipeline, name))
        let definition = try definition(name)
        let values = try self.parameters(parameters, of: definition)
        if let key, !(1...200).contains(key.utf8.count) {
            throw PlatformError(.invalid, "a key has 1 to 200 bytes", place: "key")
        }
        let interval = interval ?? newestInterval(of: definition)
        if interval == nil, definition.hasInterval {
            throw PlatformError(
                .invalid, "the runs of pipeline '\(name)' are about an interval, and none has ended yet", place: "interval",
                hint: "give its start and end")
        }
        _ = try working()
        try record("pipelines.run", scope, requestID, ["pipeline": .text(name), "key": .text(key ?? ""), "cause": .text(cause.rawValue)])
        let id = try await request(
            Scheduler.Request(
                name, cause: cause, actor: RunActor(scope.principal), parameters: values, interval: interval, requestKey: key, note: note))
        return try storedRun(id).json
    }

    /// What a run that is asked for without an interval is about: the newest that has ended.
    func newestInterval(of definition: PipelineDefinition) -> DataInterval? {
        if let schedule = definition.schedule {
            guard let end = schedule.moment(atOrBefore: world.clock.now()), let start = schedule.moment(before: end) else { return nil }
            return DataInterval(start: start, end: end)
        }
        for case .stream(let stream, let every) in definition.triggers {
            guard let reached = reached(stream) else { continue }
            let past = reached.microseconds.quotientAndRemainder(dividingBy: every.microseconds).remainder
            let end = Timestamp(microseconds: reached.microseconds - (past < 0 ? past + every.microseconds : past))
            return DataInterval(start: end - every, end: end)
        }
        return nil
    }

    private func parameters(_ json: JSONValue?, of definition: PipelineDefinition) throws -> [String: Value] {
        guard let json, !json.isNull else { return [:] }
        guard let object = json.object else {
            throw PlatformError(.invalid, "parameters are an object, found \(json.kind)", place: "parameters")
        }
        var values: [String: Value] = [:]
        for member in object.members {
            guard let parameter = definition.parameters.first(where: { $0.name == member.key }) else {
                throw PlatformError.unknown("parameter", member.key, among: definition.parameters.map(\.name))
            }
            values[member.key] = try value(member.value, parameter)
        }
        return values
    }

    private func value(_ json: JSONValue, _ parameter: PipelineParameter) throws -> Value {
        let text = json.string
        let value: Value? =
            switch parameter.type {
            case .bool: (json.bool ?? text.flatMap { Bool($0) }).map(Value.bool)
            case .int64: (json.int64 ?? text.flatMap { Int64($0) }).map(Value.int64)
            case .float64: (json.double ?? text.flatMap { Double($0) }).flatMap { $0.isFinite ? .float64($0) : nil }
            case .string: text.map(Value.string)
            case .timestamp: text.flatMap { Timestamp(dateOrTime: $0) }.map(Value.timestamp)
            }
        guard let value else {
            throw PlatformError(
                .invalid, "the parameter '\(parameter.name)' is a \(parameter.type.rawValue), found \(json.kind)",
                place: "parameters.\(parameter.name)")
        }
        return value
    }

    /// Ends a run: what has not started never will.
    public func cancelPipelineRun(_ id: String, requestID: String?, scope: Scope) async throws {
        try scope.require(.pipelinesRun, on: resource(.pipeline, nil))
        _ = try storedRun(id)
        let service = try working().service
        try record("pipelines.cancel", scope, requestID, ["run": .text(id)])
        let person = "\(scope.principal)"
        try await service.ask { scheduler, now, turn throws(SchedulerError) in
            try scheduler.cancel(run: id, by: person, at: now, &turn)
        }
    }

    private func storedRun(_ id: String) throws -> StoredRun {
        guard let stored = try database.read({ try tables.run(id, $0) }) else { throw PlatformError.noPipelineRun(id) }
        return stored
    }

    /// Makes tasks of a run anew, with all that they lead to; no tasks: those that failed.
    public func clearPipelineRun(
        _ id: String, tasks: [String], withDownstream: Bool, requestID: String?, scope: Scope
    ) async throws {
        try scope.require(.pipelinesRun, on: resource(.pipeline, nil))
        let (stored, graph, records) = try history(of: id)
        let service = try working().service
        try record("pipelines.clear", scope, requestID, ["run": .text(id), "tasks": .text(tasks.joined(separator: ","))])
        let person = "\(scope.principal)"
        try await service.ask(aboutRun: id) { scheduler, now, turn throws(SchedulerError) in
            try scheduler.clear(
                run: id, ended: (RunMachine(stored.facts, graph, records), stored.source), tasks: tasks, withDownstream: withDownstream,
                by: person, at: now, &turn)
        }
    }

    /// Says how a task instance ended, in place of the truth.
    public func markPipelineTask(
        run id: String, task: String, index: Int, as state: InstanceState, requestID: String?, scope: Scope
    ) async throws {
        try scope.require(.pipelinesRun, on: resource(.pipeline, nil))
        let (stored, graph, records) = try history(of: id)
        let service = try working().service
        try record(
            "pipelines.mark", scope, requestID, ["run": .text(id), "task": .text(task), "state": .text(state.rawValue)])
        let person = "\(scope.principal)"
        try await service.ask(aboutRun: id) { scheduler, now, turn throws(SchedulerError) in
            try scheduler.mark(
                run: id, ended: (RunMachine(stored.facts, graph, records), stored.source), task: task, index: index, as: state, by: person,
                at: now, &turn)
        }
    }

    /// Answers an approval.
    public func decidePipelineApproval(
        run id: String, task: String, index: Int, approved: Bool, note: String?, requestID: String?, scope: Scope
    ) async throws {
        try scope.require(.pipelinesApprove, on: resource(.pipeline, nil))
        let stored = try storedRun(id)
        let service = try working().service
        // Nobody answers for what they asked for themselves, unless nobody else could: the owner of the folder.
        let isOwn = stored.facts.actor == RunActor(scope.principal)
        guard !isOwn || scope.principal.kind == .user else {
            throw PlatformError(.conflict, "a run is approved by another than who asked for it", hint: "ask a person with pipelines.approve")
        }
        try record(
            approved ? "pipelines.approve" : "pipelines.refuse", scope, requestID, ["run": .text(id), "task": .text(task)])
        let person = "\(scope.principal)"
        try await service.ask { scheduler, now, turn throws(SchedulerError) in
            try scheduler.decide(run: id, task: task, index: index, approved: approved, by: person, note: note, at: now, &turn)
        }
    }

    /// Keeps a pipeline from starting anything, or lets it go on.
    public func setPipelinePaused(_ name: String, _ isPaused: Bool, requestID: String?, scope: Scope) async throws {
        try scope.require(.pipelinesRun, on: resource(.pipeline, name))
        _ = try definition(name)
        let service = try working().service
        try record(isPaused ? "pipelines.pause" : "pipelines.resume", scope, requestID, ["pipeline": .text(name)])
        let person = "\(scope.principal)"
        try await service.ask { scheduler, now, turn throws(SchedulerError) in
            try scheduler.setPaused(isPaused, name, by: person, at: now, &turn)
        }
    }

    /// What pipelines did since the start, and how they stand; nil while they are not at work.
    public var pipelineFigures: PipelineFigures? { pipelines?.service.figures }

    /// Calls a closure whenever something of a pipeline was stored, until it is given back what this returns.
    public func followPipelines(_ body: @escaping @Sendable () -> Void) -> Int? { pipelines?.service.follow(body) }

    public func unfollowPipelines(_ number: Int) { pipelines?.service.unfollow(number) }
}

extension PlatformError {
    static func noPipelineRun(_ id: String) -> Self {
        Self(.notFound, "no run of a pipeline is named '\(id.prefix(60))'", hint: "see them with 'martlet pipelines runs'")
    }
}
