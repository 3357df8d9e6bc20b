import MartletDefinitions
public import MartletFrames
import MartletWorld

extension Scheduler {
    /// What asks for a run.
    public struct Request: Sendable {
        public var pipeline: String
        public var cause: RunCause
        public var actor: RunActor
        public var parameters: [String: Value]
        public var interval: DataInterval?
        public var backfill: String?
        public var parent: InstanceAddress?
        public var requestKey: String?
        public var note: String?

        public init(
            _ pipeline: String, cause: RunCause, actor: RunActor, parameters: [String: Value] = [:], interval: DataInterval? = nil,
            backfill: String? = nil, parent: InstanceAddress? = nil, requestKey: String? = nil, note: String? = nil
        ) {
            self.pipeline = pipeline
            self.cause = cause
            self.actor = actor
            self.parameters = parameters
            self.interval = interval
            self.backfill = backfill
            self.parent = parent
            self.requestKey = requestKey
            self.note = note
        }
    }

    /// Makes a run of a pipeline's present definition; it begins at once if there is room for it.
    ///
    /// - Returns: the run's id.
    @discardableResult
    public mutating func request(_ request: Request, at now: Moment, _ turn: inout Turn) throws(SchedulerError) -> String {
        guard let entry = entries[request.pipeline], let graph = entry.graph else { throw .noPipeline(request.pipeline) }
        guard !isStopping else { throw .ending }
        guard entry.queued.count < limits.queuedRuns else { throw .tooManyQueued(request.pipeline, limit: limits.queuedRuns) }
        // A request whose run has ended is known by the store; whoever asks looks there first.
        if let key = request.requestKey, let known = known(key, of: request.pipeline, turn) { return known }
        let parameters = try complete(request.parameters, of: graph.definition)
        if let parent = request.parent, !isWaited(for: parent) {
            throw SchedulerError(.conflict, "'\(parent)' no longer waits for a run", hint: "its run was cancelled, or it took too long")
        }
        let id = makeRun(request, parameters: parameters, graph: graph, source: entry.source, at: now, &turn)
        beginRuns(of: request.pipeline, at: now, &turn)
        drain(at: now, &turn)
        return id
    }

    /// The run that a request with a key made.
    private func known(_ key: String, of pipeline: String, _ turn: Turn) -> String? {
        requested[RequestKey(pipeline: pipeline, key: key)]
            ?? turn.newRuns.first { $0.facts.pipeline == pipeline && $0.facts.requestKey == key }?.facts.id
    }

    /// Whether an instance waits for a run.
    private func isWaited(for parent: InstanceAddress) -> Bool {
        guard let machine = run(parent.run), let task = machine.graph.number(of: parent.task) else { return false }
        return machine.instance(InstanceNumber(task, parent.index))?.state == .deferred
    }

    /// The parameters of a run: those given, and the defaults of the others.
    func complete(_ given: [String: Value], of definition: PipelineDefinition) throws(SchedulerError) -> [String: Value] {
        var parameters: [String: Value] = [:]
        for parameter in definition.parameters {
            if let value = given[parameter.name] {
                guard value.type == parameter.type else {
                    throw SchedulerError(
                        .invalid, "the parameter '\(parameter.name)' of pipeline '\(definition.name)' is a \(parameter.type.rawValue)",
                        hint: "found \(value.type?.rawValue ?? "nothing")")
                }
                parameters[parameter.name] = value
            } else if let value = parameter.standard {
                parameters[parameter.name] = value
            } else {
                throw SchedulerError(
                    .invalid, "pipeline '\(definition.name)' needs the parameter '\(parameter.name)' (\(parameter.type.rawValue))",
                    hint: "give it with the request, or give it a default in '\(definition.place.file)'")
            }
        }
        if let unknown = given.keys.sorted().first(where: { parameters[$0] == nil }) {
            throw SchedulerError(
                .invalid, "pipeline '\(definition.name)' has no parameter '\(unknown.prefix(60))'",
                hint: definition.parameters.isEmpty
                    ? "it has none" : "its parameters: " + definition.parameters.map(\.name).joined(separator: ", "))
        }
        return parameters
    }

    /// Makes a run that waits for its turn.
    mutating func makeRun(
        _ request: Request, parameters: [String: Value], graph: PipelineGraph, source: String, at now: Moment, _ turn: inout Turn
    ) -> String {
        let made = UUIDv7.make(at: now.wall, after: newestID, random: random)
        newestID = made
        let id = made.description
        let facts = RunFacts(
            id: id, pipeline: request.pipeline, cause: request.cause, interval: request.interval, parameters: parameters,
            actor: request.actor, created: now.wall, backfill: request.backfill, parent: request.parent,
            requestKey: request.requestKey, note: request.note)
        turn.newRuns.append(
            Turn.NewRun(
                facts: facts, source: source, definition: "\(graph.definition.hash)", taskCount: graph.nodes.count))
        insert(RunMachine(facts, graph), source: source)
        return id
    }

    /// Takes in a run that waits for its turn.
    mutating func insert(_ machine: RunMachine, source: String) {
        let handle = nextHandle
        nextHandle += 1
        runs[handle] = ActiveRun(machine: machine, source: source)
        handles[machine.facts.id] = handle
        if let key = machine.facts.requestKey {
            requested[RequestKey(pipeline: machine.facts.pipeline, key: key)] = machine.facts.id
        }
        entries[machine.facts.pipeline, default: Entry()].queued.append(handle)
        if machine.facts.cause.isAutomatic { entries[machine.facts.pipeline]?.automatic += 1 }
    }

    /// Lets runs of a pipeline begin as far as there is room.
    mutating func beginRuns(of pipeline: String, at now: Moment, _ turn: inout Turn) {
        while let entry = entries[pipeline], let handle = entry.queued.first, activeRuns < limits.activeRuns, !isStopping,
            !entry.isPaused, let run = runs[handle], entry.active < run.machine.graph.definition.maxActiveRuns
        {
            entries[pipeline]?.queued.removeFirst()
            begin(handle, at: now, &turn)
        }
    }

    private mutating func begin(_ handle: Int, at now: Moment, _ turn: inout Turn) {
        guard let machine = runs[handle]?.machine else { return }
        countBegun(machine.facts.pipeline)
        note(.began, handle, at: now, &turn)
        turn.runStates.append(Turn.RunStateChange(run: machine.facts.id, state: .running, began: now.wall))
        setTimers(of: handle, begun: .zero, at: now)
        settle(handle, at: now, &turn)
    }

    mutating func countBegun(_ pipeline: String) {
        activeRuns += 1
        entries[pipeline, default: Entry()].active += 1
    }

    /// Sets a run's time-out and deadlines, given for how long it has been under way.
    mutating func setTimers(of handle: Int, begun elapsed: Timestamp.Span, at now: Moment) {
        guard let machine = runs[handle]?.machine else { return }
        let definition = machine.graph.definition
        func remaining(_ span: Timestamp.Span) -> Timestamp.Span {
            now.steady + Timestamp.Span(microseconds: max(0, span.microseconds - max(0, elapsed.microseconds)))
        }
        if let timeout = definition.timeout { steadyTimers.add(.runTimeout(run: handle), at: remaining(timeout)) }
        if let deadline = definition.deadline, !machine.late.contains(nil) {
            steadyTimers.add(.deadline(run: handle, task: nil), at: remaining(deadline))
        }
        for (number, node) in machine.graph.nodes.enumerated() {
            guard let deadline = node.task.deadline, !machine.late.contains(number) else { continue }
            steadyTimers.add(.deadline(run: handle, task: number), at: remaining(deadline))
        }
    }

    /// Applies a record to a run and keeps it.
    mutating func note(_ record: RunRecord, _ handle: Int, at now: Moment, _ turn: inout Turn) {
        let timed = TimedRecord(now.wall, record)
        runs[handle]?.machine.apply(timed)
        guard let machine = runs[handle]?.machine else { return }
        turn.records.append((machine.facts.id, timed))
        turn.graphs[machine.facts.id] = machine.graph
    }

    /// Draws every conclusion of what happened in a run: skips, instances that may start, its end.
    mutating func settle(_ handle: Int, at now: Moment, _ turn: inout Turn) {
        guard let machine = runs[handle]?.machine else { return }
        let records = machine.settle(at: now.wall)
        steps += 1 + records.count
        for record in records { turn.records.append((machine.facts.id, record)) }
        if !records.isEmpty { turn.graphs[machine.facts.id] = machine.graph }
        for number in machine.takeQueued() { enqueue(number, handle) }
        if let machine = runs[handle]?.machine, machine.state.isEnd { end(handle, machine, at: now, &turn) }
    }

    /// Lets go of a run that has ended, and tells whoever waits for it.
    private mutating func end(_ handle: Int, _ machine: RunMachine, at now: Moment, _ turn: inout Turn) {
        let facts = machine.facts
        runs[handle] = nil
        handles[facts.id] = nil
        if let key = facts.requestKey { requested[RequestKey(pipeline: facts.pipeline, key: key)] = nil }
        activeRuns -= 1
        entries[facts.pipeline]?.active -= 1
        if facts.cause.isAutomatic { entries[facts.pipeline]?.automatic -= 1 }
        turn.runStates.append(
            Turn.RunStateChange(run: facts.id, state: machine.state, began: machine.began, ended: now.wall))
        turn.effects.append(.ended(run: facts.id, machine.state))
        if machine.state == .failed {
            turn.effects.append(
                .alert(
                    PipelineAlert(
                        kind: machine.stopCause == .timedOut ? .runTimedOut : .runFailed, pipeline: facts.pipeline, run: facts.id,
                        task: machine.failedTasks.first, time: now.wall)))
        }
        if let parent = facts.parent, let above = handles[parent.run] { endChild(parent, above, machine, at: now, &turn) }
        if let id = facts.backfill {
            backfills[id]?.active -= 1
            pendingBackfills.insert(id)
        }
        pendingPipelines.insert(facts.pipeline)
        if activeRuns == limits.activeRuns - 1 {
            for (name, entry) in entries where !entry.queued.isEmpty { pendingPipelines.insert(name) }
        }
    }

    /// Ends the task instance that waited for a run.
    private mutating func endChild(
        _ parent: InstanceAddress, _ above: Int, _ child: RunMachine, at now: Moment, _ turn: inout Turn
    ) {
        guard let task = runs[above]?.machine.graph.number(of: parent.task) else { return }
        let number = InstanceNumber(task, parent.index)
        guard let instance = runs[above]?.machine.instance(number), instance.state == .deferred else { return }
        let outcome: AttemptOutcome =
            child.state == .succeeded
            ? .succeeded(["run": .scalar(.string(child.facts.id))])
            : .failed(reason: "run \(child.facts.id) of pipeline '\(child.facts.pipeline)' \(child.state.rawValue)", isRetryable: true)
        finish(AttemptKey(run: above, number: number, attempt: instance.attempt), outcome, at: now, &turn)
    }
}

extension RunCause {
    /// Whether schedule or data made it, so that it counts against the pipeline's own pace.
    var isAutomatic: Bool { self == .schedule || self == .data }
}
