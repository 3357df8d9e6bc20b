import MartletFrames

extension Scheduler {
    /// Ends a run: what has not started never will, and what runs is ended.
    public mutating func cancel(run id: String, by person: String, at now: Moment, _ turn: inout Turn) throws(SchedulerError) {
        guard let handle = handles[id], let machine = runs[handle]?.machine else { throw .noActiveRun(id) }
        guard machine.stopCause != .cancelled else { return }
        if machine.state == .queued {
            entries[machine.facts.pipeline]?.queued.removeAll { $0 == handle }
            countBegun(machine.facts.pipeline)
            note(.began, handle, at: now, &turn)
        }
        stop(handle, .cancelled, by: person, at: now, &turn)
        drain(at: now, &turn)
    }

    mutating func stop(_ handle: Int, _ cause: StopCause, by person: String, at now: Moment, _ turn: inout Turn) {
        guard let machine = runs[handle]?.machine, machine.state == .running, machine.stopCause == nil || cause == .cancelled else { return }
        let graph = machine.graph
        // Children end with the run that waits for them.
        var waiting: Set<InstanceAddress> = []
        for task in graph.nodes.indices where cause == .cancelled || !graph.nodes[task].task.isOnFailure {
            for (index, instance) in machine.instances(of: task).enumerated() where instance.state.isUnderWay {
                let number = InstanceNumber(task, index)
                turn.effects.append(
                    .stop(machine.address(of: number), attempt: instance.attempt, reason: cause == .cancelled ? "the run was cancelled" : "the run took too long"))
                guard instance.state == .deferred else { continue }
                waiting.insert(machine.address(of: number))
                if let needs = holdings.removeValue(forKey: AttemptKey(run: handle, number: number, attempt: instance.attempt)) {
                    admission.release(needs)
                }
            }
        }
        note(.stopping(cause, by: person), handle, at: now, &turn)
        let waiters = (runs[handle]?.tickets.keys ?? [:].keys).filter { machine.instance($0)?.state != .queued }
        for number in waiters.sorted(by: { ($0.task, $0.index) < ($1.task, $1.index) }) { void(number, handle) }
        settle(handle, at: now, &turn)
        stopChildren(of: waiting, by: person, at: now, &turn)
    }

    /// Cancels the runs that instances wait for.
    mutating func stopChildren(of waiting: Set<InstanceAddress>, by person: String, at now: Moment, _ turn: inout Turn) {
        guard !waiting.isEmpty else { return }
        for (child, run) in runs.sorted(by: { $0.key < $1.key }) {
            guard let parent = run.machine.facts.parent, waiting.contains(parent) else { continue }
            if run.machine.state == .queued {
                entries[run.machine.facts.pipeline]?.queued.removeAll { $0 == child }
                countBegun(run.machine.facts.pipeline)
                note(.began, child, at: now, &turn)
            }
            stop(child, .cancelled, by: person, at: now, &turn)
        }
    }

    /// Makes tasks of a run anew, and all that they lead to; a run that has ended goes on.
    ///
    /// - Parameters:
    ///   - ended: the run if it has ended, folded from its records.
    ///   - names: none for every task that failed, was cancelled or could not start.
    public mutating func clear(
        run id: String, ended: (machine: RunMachine, source: String)? = nil, tasks names: [String], withDownstream: Bool = true,
        by person: String, at now: Moment, _ turn: inout Turn
    ) throws(SchedulerError) {
        guard !isStopping else { throw .ending }
        guard let machine = handles[id].flatMap({ runs[$0]?.machine }) ?? ended?.machine else { throw .noActiveRun(id) }
        guard machine.state != .queued else {
            throw SchedulerError(.conflict, "the run '\(id)' has not begun", hint: "wait until it has, or cancel it")
        }
        guard machine.stopCause == nil || machine.state.isEnd else {
            throw SchedulerError(.conflict, "the run '\(id)' is being stopped", hint: "wait until it has ended, then clear it")
        }
        let graph = machine.graph
        var chosen: [Int] = []
        for name in names {
            guard let task = graph.number(of: name) else {
                throw .noTask(name, in: machine.facts.pipeline, names: graph.nodes.map(\.task.name))
            }
            chosen.append(task)
        }
        if names.isEmpty { chosen = graph.nodes.indices.filter { machine.state(of: $0).isFailure } }
        if withDownstream || names.isEmpty { chosen = graph.reachable(from: chosen) }
        // What runs once all others have ended is decided anew too.
        chosen = Set(chosen).union(graph.failureTasks.filter { !machine.instances(of: $0).isEmpty }).sorted()
        guard !chosen.isEmpty else {
            throw SchedulerError(.conflict, "the run '\(id)' has no failed task", hint: "name the task to run again")
        }
        if let busy = chosen.first(where: { task in machine.instances(of: task).contains { $0.state.isUnderWay } }) {
            throw SchedulerError(
                .conflict, "task '\(graph.nodes[busy].task.name)' is under way", hint: "cancel the run first, or wait until the task has ended")
        }
        let isReopened = handles[id] == nil
        reopen(id, ended, &turn)
        guard let handle = handles[id] else { throw .noActiveRun(id) }
        for task in chosen {
            for index in machine.instances(of: task).indices { void(InstanceNumber(task, index), handle) }
        }
        note(.cleared(tasks: chosen, by: person), handle, at: now, &turn)
        if isReopened { setTimers(of: handle, begun: .zero, at: now) }
        settle(handle, at: now, &turn)
        drain(at: now, &turn)
    }

    /// Says how a task instance ended, in place of the truth; what failed for want of it is made anew.
    public mutating func mark(
        run id: String, ended: (machine: RunMachine, source: String)? = nil, task name: String, index: Int = 0, as state: InstanceState,
        by person: String, at now: Moment, _ turn: inout Turn
    ) throws(SchedulerError) {
        guard !isStopping else { throw .ending }
        guard let machine = handles[id].flatMap({ runs[$0]?.machine }) ?? ended?.machine else { throw .noActiveRun(id) }
        guard [.succeeded, .failed, .skipped].contains(state) else {
            throw SchedulerError(.invalid, "an instance cannot be marked as \(state.rawValue)", hint: "mark it as succeeded, failed or skipped")
        }
        guard machine.state != .queued else {
            throw SchedulerError(.conflict, "the run '\(id)' has not begun", hint: "wait until it has, or cancel it")
        }
        guard machine.stopCause == nil || machine.state.isEnd else {
            throw SchedulerError(.conflict, "the run '\(id)' is being stopped", hint: "wait until it has ended")
        }
        guard let task = machine.graph.number(of: name) else {
            throw .noTask(name, in: machine.facts.pipeline, names: machine.graph.nodes.map(\.task.name))
        }
        let number = InstanceNumber(task, index)
        let instance = machine.instance(number)
        guard instance != nil || index == 0 && machine.graph.nodes[task].task.mapping == nil else {
            throw SchedulerError(
                .notFound, "task '\(name)' has no instance \(index)", hint: "it has \(machine.instances(of: task).count)")
        }
        guard instance?.state != .running else {
            throw SchedulerError(.conflict, "task '\(name)' is running", hint: "cancel the run first, or wait until the task has ended")
        }
        let isReopened = handles[id] == nil
        reopen(id, ended, &turn)
        guard let handle = handles[id] else { throw .noActiveRun(id) }
        if let instance, instance.state == .deferred,
            let needs = holdings.removeValue(forKey: AttemptKey(run: handle, number: number, attempt: instance.attempt))
        {
            admission.release(needs)
            turn.effects.append(.stop(machine.address(of: number), attempt: instance.attempt, reason: "marked by \(person)"))
            stopChildren(of: [machine.address(of: number)], by: person, at: now, &turn)
        }
        void(number, handle)
        note(.marked(number, state, by: person), handle, at: now, &turn)
        let after = machine.graph.reachable(from: [task]).filter { $0 != task && machine.state(of: $0).isFailure }
        if !after.isEmpty || isReopened { note(.cleared(tasks: after, by: person), handle, at: now, &turn) }
        if isReopened { setTimers(of: handle, begun: .zero, at: now) }
        settle(handle, at: now, &turn)
        drain(at: now, &turn)
    }

    /// Takes a run that has ended up again; its next record sets it going.
    private mutating func reopen(_ id: String, _ ended: (machine: RunMachine, source: String)?, _ turn: inout Turn) {
        guard handles[id] == nil, let ended else { return }
        insert(ended.machine, source: ended.source)
        guard let handle = handles[id] else { return }
        entries[ended.machine.facts.pipeline]?.queued.removeAll { $0 == handle }
        countBegun(ended.machine.facts.pipeline)
        if let backfill = ended.machine.facts.backfill { backfills[backfill]?.active += 1 }
        turn.runStates.append(Turn.RunStateChange(run: id, state: .running, began: ended.machine.began))
    }

    /// Takes a person's answer to an approval.
    public mutating func decide(
        run id: String, task name: String, index: Int = 0, approved: Bool, by person: String, note text: String?, at now: Moment,
        _ turn: inout Turn
    ) throws(SchedulerError) {
        guard let handle = handles[id], let machine = runs[handle]?.machine else { throw .noActiveRun(id) }
        guard let task = machine.graph.number(of: name) else {
            throw .noTask(name, in: machine.facts.pipeline, names: machine.graph.nodes.map(\.task.name))
        }
        let number = InstanceNumber(task, index)
        guard machine.graph.nodes[task].task.work.kind.word == "approval", let instance = machine.instance(number), instance.state == .deferred
        else {
            throw SchedulerError(
                .conflict, "task '\(name)' of run '\(id)' does not wait for an approval",
                hint: "it is \(machine.state(of: task).rawValue)")
        }
        let said = text.map { ": " + $0 } ?? ""
        let key = AttemptKey(run: handle, number: number, attempt: instance.attempt)
        let outcome: AttemptOutcome =
            approved
            ? .succeeded(["by": .scalar(.string(person)), "note": .scalar(.string(text ?? ""))])
            : .failed(reason: "refused by \(person)\(said)", isRetryable: false)
        finish(key, outcome, at: now, &turn)
        drain(at: now, &turn)
    }

    /// Keeps a pipeline from starting anything, or lets it go on; what runs goes on.
    public mutating func setPaused(_ isPaused: Bool, _ pipeline: String, by person: String, at now: Moment, _ turn: inout Turn)
        throws(SchedulerError)
    {
        guard entries[pipeline]?.graph != nil else { throw .noPipeline(pipeline) }
        guard entries[pipeline]?.isPaused != isPaused else { return }
        entries[pipeline]?.isPaused = isPaused
        turn.paused.append((pipeline, isPaused, person, now.wall))
        admission.setPaused(isPaused, pipeline)
        if !isPaused {
            checkSchedule(of: pipeline, at: now, &turn)
            checkStreamTriggers(of: pipeline, at: now, &turn)
            drain(at: now, &turn)
        }
    }

    /// Ends a backfill: no more runs of it are made, and those under way are cancelled.
    public mutating func cancel(backfill id: String, by person: String, at now: Moment, _ turn: inout Turn) throws(SchedulerError) {
        guard var backfill = backfills[id] else {
            throw SchedulerError(.notFound, "the backfill '\(id)' is not under way")
        }
        backfill.state = .cancelled
        backfills[id] = backfill
        turn.backfills.append(backfill)
        for (_, run) in runs.sorted(by: { $0.key < $1.key }) where run.machine.facts.backfill == id {
            try cancel(run: run.machine.facts.id, by: person, at: now, &turn)
        }
    }

    /// Lets nothing start any more; attempts under way are to be ended and are made again at the next start.
    public mutating func beginStopping() {
        isStopping = true
    }
}
