public import MartletFrames

extension Scheduler {
    /// A pipeline as it is in force.
    public struct Configured: Sendable {
        public var graph: PipelineGraph
        /// Names the project's files that hold the definition.
        public var source: String
        /// Whose rights scheduled runs have.
        public var actor: RunActor

        public init(_ graph: PipelineGraph, source: String, actor: RunActor) {
            self.graph = graph
            self.source = source
            self.actor = actor
        }
    }

    /// Puts definitions in force. Runs that have begun go on with the definition they began with.
    ///
    /// The first call sets what was restored going again: what was cut short is made again, what waited waits on.
    ///
    /// - Parameter pools: declared sizes; of those not declared, what each instance needs.
    public mutating func configure(_ pipelines: [Configured], pools: [String: Int64], at now: Moment, _ turn: inout Turn) {
        admission.setPools(pools)
        let pipelines = pipelines.sorted { $0.graph.definition.name < $1.graph.definition.name }
        let names = Set(pipelines.map(\.graph.definition.name))
        for name in entries.keys where !names.contains(name) { entries[name]?.graph = nil }
        for configured in pipelines {
            let definition = configured.graph.definition
            entries[definition.name, default: Entry()].graph = configured.graph
            entries[definition.name]?.source = configured.source
            entries[definition.name]?.actor = configured.actor
            if let schedule = definition.schedule {
                // A schedule that is not the one that the cursor was left by, here or by a program before this one, takes it over.
                let cursor = entries[definition.name]?.cursors[Cursor.schedule]
                let next = cursor.map { schedule.cursor(takingOver: $0) } ?? schedule.firstCursor(appliedAt: now.wall)
                if let next, next != cursor { move(Cursor.schedule, of: definition.name, to: next, &turn) }
            }
        }
        resume(at: now, &turn)
        pendingPipelines.formUnion(entries.keys)
        pendingBackfills.formUnion(backfills.keys)
        drain(at: now, &turn)
    }

    /// What was stored of a pipeline: before ``configure(_:pools:at:_:)``.
    public mutating func restore(pipeline: String, isPaused: Bool, cursors: [String: Timestamp]) {
        entries[pipeline, default: Entry()].isPaused = isPaused
        entries[pipeline]?.cursors = cursors
        admission.setPaused(isPaused, pipeline)
    }

    /// A backfill that had not ended: before its runs are restored, which are counted then.
    public mutating func restore(_ backfill: Backfill) {
        backfills[backfill.id] = backfill
        backfills[backfill.id]?.active = 0
    }

    /// A run that had not ended, with its records, oldest run first: before ``configure(_:pools:at:_:)``.
    public mutating func restore(_ facts: RunFacts, _ graph: PipelineGraph, source: String, records: [TimedRecord]) {
        let machine = RunMachine(facts, graph)
        for record in records { machine.apply(record) }
        insert(machine, source: source)
        if let backfill = facts.backfill { backfills[backfill]?.active += 1 }
        guard machine.state == .running, let handle = handles[facts.id] else { return }
        restored.append(handle)
        entries[facts.pipeline]?.queued.removeAll { $0 == handle }
        countBegun(facts.pipeline)
    }

    /// Sets every restored run going again: what was cut short is made again, what waited waits on.
    private mutating func resume(at now: Moment, _ turn: inout Turn) {
        let handles = restored
        restored = []
        for handle in handles {
            guard let machine = runs[handle]?.machine, machine.state == .running else { continue }
            let elapsed = machine.countedFrom.map { now.wall.microseconds - $0.microseconds } ?? 0
            setTimers(of: handle, begun: Timestamp.Span(microseconds: max(0, elapsed)), at: now)
            for task in machine.graph.nodes.indices {
                for (index, instance) in machine.instances(of: task).enumerated() {
                    resume(InstanceNumber(task, index), instance, handle, at: now, &turn)
                }
            }
            settle(handle, at: now, &turn)
        }
    }

    private mutating func resume(
        _ number: InstanceNumber, _ instance: RunMachine.Instance, _ handle: Int, at now: Moment, _ turn: inout Turn
    ) {
        guard let machine = runs[handle]?.machine else { return }
        let task = machine.graph.nodes[number.task].task
        switch instance.state {
        case .queued: enqueue(number, handle)
        case .running:
            if machine.isStopped(number.task) {
                note(.ended(number, attempt: instance.attempt, .cancelled, InstanceEnd(reason: "the program ended")), handle, at: now, &turn)
            } else if instance.interruptions + 1 >= limits.interruptions {
                let reason = "the program ended during \(limits.interruptions) attempts in a row"
                note(.ended(number, attempt: instance.attempt, .failed, InstanceEnd(reason: reason)), handle, at: now, &turn)
            } else {
                note(.interrupted(number, attempt: instance.attempt, isCounted: true), handle, at: now, &turn)
                enqueue(number, handle)
            }
        case .deferred:
            let key = AttemptKey(run: handle, number: number, attempt: instance.attempt)
            holdings[key] = []
            if let timeout = task.timeout { steadyTimers.add(.attemptTimeout(key), at: remaining(timeout, since: instance.started, at: now)) }
            emitStart(key, isResumed: true, &turn)
        case .retrying:
            let key = AttemptKey(run: handle, number: number, attempt: instance.attempt)
            steadyTimers.add(.retry(key), at: remaining(instance.delay ?? .zero, since: instance.ended, at: now))
        case .waiting, .succeeded, .failed, .skipped, .upstreamFailed, .cancelled: break
        }
    }

    /// What is left of a span that began at a time of day; never more than the span, whatever the clock says.
    private func remaining(_ span: Timestamp.Span, since start: Timestamp?, at now: Moment) -> Timestamp.Span {
        let elapsed = start.map { now.wall.microseconds - $0.microseconds } ?? 0
        return now.steady + Timestamp.Span(microseconds: min(span.microseconds, max(0, span.microseconds - max(0, elapsed))))
    }
}
