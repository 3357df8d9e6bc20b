public import MartletFrames

extension Scheduler {
    /// Does whatever has fallen due.
    public mutating func tick(at now: Moment, _ turn: inout Turn) {
        guard !isStopping else { return }
        while let event = steadyTimers.popDue(at: now.steady) { fire(event, at: now, &turn) }
        while let event = wallTimers.popDue(at: now.wall) { fire(event, at: now, &turn) }
        drain(at: now, &turn)
        let (runs, entries) = (runs, entries)
        steadyTimers.sweepIfDue { Self.isValid($0, runs, entries) }
        wallTimers.sweepIfDue { Self.isValid($0, runs, entries) }
    }

    private static func isValid(_ event: TimerEvent, _ runs: [Int: ActiveRun], _ entries: [String: Entry]) -> Bool {
        func instance(_ key: AttemptKey) -> RunMachine.Instance? {
            guard let instance = runs[key.run]?.machine.instance(key.number), instance.attempt == key.attempt else { return nil }
            return instance
        }
        switch event {
        case .retry(let key): return instance(key)?.state == .retrying
        case .attemptTimeout(let key), .completion(let key): return instance(key)?.state.isUnderWay ?? false
        case .runTimeout(let run), .deadline(let run, _): return runs[run] != nil
        case .schedule(let pipeline, let generation): return entries[pipeline]?.timerGeneration == generation
        }
    }

    private mutating func fire(_ event: TimerEvent, at now: Moment, _ turn: inout Turn) {
        steps += 1
        guard Self.isValid(event, runs, entries) else { return }
        switch event {
        case .retry(let key):
            runs[key.run]?.machine.requeue(key.number)
            enqueue(key.number, key.run)
        case .attemptTimeout(let key): timeOut(key, at: now, &turn)
        case .completion(let key): finish(key, .succeeded([:]), at: now, &turn)
        case .runTimeout(let run): stop(run, .timedOut, by: "timeout", at: now, &turn)
        case .deadline(let run, let task): deadline(run, task, at: now, &turn)
        case .schedule(let pipeline, _): checkSchedule(of: pipeline, at: now, &turn)
        }
    }

    private mutating func timeOut(_ key: AttemptKey, at now: Moment, _ turn: inout Turn) {
        guard let machine = runs[key.run]?.machine, let instance = machine.instance(key.number) else { return }
        let limit = machine.graph.nodes[key.number.task].task.timeout.map { "\($0)" } ?? ""
        turn.effects.append(.stop(machine.address(of: key.number), attempt: key.attempt, reason: "it took longer than \(limit)"))
        // What runs is reported by whoever ends it; what only waits ends here.
        guard instance.state == .deferred else { return }
        stopChildren(of: [machine.address(of: key.number)], by: "timeout", at: now, &turn)
        finish(key, .failed(reason: "it took longer than \(limit)"), at: now, &turn)
    }

    private mutating func deadline(_ handle: Int, _ task: Int?, at now: Moment, _ turn: inout Turn) {
        guard let machine = runs[handle]?.machine, !machine.late.contains(task) else { return }
        if let task, machine.state(of: task).isEnd { return }
        note(.late(task: task), handle, at: now, &turn)
        turn.effects.append(
            .alert(
                PipelineAlert(
                    kind: .deadlinePassed, pipeline: machine.facts.pipeline, run: machine.facts.id,
                    task: task.map { machine.graph.nodes[$0].task.name }, time: now.wall)))
    }

    // MARK: - Schedules

    /// Makes the runs of a pipeline's schedule that are due, as many as may be under way, and waits for the next.
    mutating func checkSchedule(of pipeline: String, at now: Moment, _ turn: inout Turn) {
        steps += 1
        guard let graph = entries[pipeline]?.graph, let schedule = graph.definition.schedule, !isStopping,
            entries[pipeline]?.isPaused == false
        else { return }
        while let entry = entries[pipeline], entry.automatic < graph.definition.maxActiveRuns, turn.newRuns.count < limits.runsOfTurn,
            let cursor = entry.cursors[Cursor.schedule], let interval = schedule.due(from: cursor, now: now.wall)
        {
            makeAutomaticRun(pipeline, .schedule, interval, graph, at: now, &turn)
            move(Cursor.schedule, of: pipeline, to: interval.end, &turn)
        }
        beginRuns(of: pipeline, at: now, &turn)
        guard let entry = entries[pipeline], entry.automatic < graph.definition.maxActiveRuns,
            let cursor = entry.cursors[Cursor.schedule], let due = schedule.nextDue(from: cursor)
        else { return }
        // More are due than one turn makes.
        guard due > now.wall else {
            pendingPipelines.insert(pipeline)
            return
        }
        entries[pipeline]?.timerGeneration += 1
        wallTimers.add(.schedule(pipeline: pipeline, generation: entry.timerGeneration + 1), at: due)
    }

    /// Tells how far a stream is: the newest event time, less the stream's lateness.
    public mutating func streamReached(_ stream: String, _ time: Timestamp, at now: Moment, _ turn: inout Turn) {
        guard streamTimes[stream].map({ $0 < time }) ?? true else { return }
        streamTimes[stream] = time
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            guard let triggers = entry.graph?.definition.triggers, triggers.contains(where: { $0.stream == stream }) else { continue }
            checkStreamTriggers(of: name, at: now, &turn)
        }
        drain(at: now, &turn)
    }

    /// Makes the runs of intervals that a pipeline's streams have passed.
    mutating func checkStreamTriggers(of pipeline: String, at now: Moment, _ turn: inout Turn) {
        guard let graph = entries[pipeline]?.graph, !isStopping, entries[pipeline]?.isPaused == false else { return }
        for trigger in graph.definition.triggers {
            guard case .stream(let stream, let every) = trigger, let reached = streamTimes[stream] else { continue }
            steps += 1
            let key = Cursor.stream(stream, every)
            if entries[pipeline]?.cursors[key] == nil {
                let start = reached.microseconds - (reached.microseconds % every.microseconds + every.microseconds) % every.microseconds
                move(key, of: pipeline, to: Timestamp(microseconds: start), &turn)
            }
            while let entry = entries[pipeline], entry.automatic < graph.definition.maxActiveRuns, let start = entry.cursors[key],
                start + every <= reached
            {
                makeAutomaticRun(pipeline, .data, DataInterval(start: start, end: start + every), graph, at: now, &turn)
                move(key, of: pipeline, to: start + every, &turn)
            }
        }
        beginRuns(of: pipeline, at: now, &turn)
    }

    private mutating func makeAutomaticRun(
        _ pipeline: String, _ cause: RunCause, _ interval: DataInterval, _ graph: PipelineGraph, at now: Moment, _ turn: inout Turn
    ) {
        guard let entry = entries[pipeline] else { return }
        let standards = graph.definition.parameters.compactMap { parameter in parameter.standard.map { (parameter.name, $0) } }
        _ = makeRun(
            Request(pipeline, cause: cause, actor: entry.actor, interval: interval),
            parameters: Dictionary(uniqueKeysWithValues: standards), graph: graph, source: entry.source, at: now, &turn)
    }

    mutating func move(_ key: String, of pipeline: String, to time: Timestamp, _ turn: inout Turn) {
        entries[pipeline]?.cursors[key] = time
        turn.cursors.append(Turn.CursorChange(pipeline: pipeline, key: key, time: time))
    }

    // MARK: - Backfills

    /// Runs a range of past intervals.
    public mutating func add(_ backfill: Backfill, at now: Moment, _ turn: inout Turn) throws(SchedulerError) {
        guard let graph = entries[backfill.pipeline]?.graph else { throw .noPipeline(backfill.pipeline) }
        guard !isStopping else { throw .ending }
        var backfill = backfill
        backfill.parameters = try complete(backfill.parameters, of: graph.definition)
        backfills[backfill.id] = backfill
        turn.backfills.append(backfill)
        goOn(backfill: backfill.id, at: now, &turn)
        drain(at: now, &turn)
    }

    /// Makes the next runs of a backfill as far as it may.
    mutating func goOn(backfill id: String, at now: Moment, _ turn: inout Turn) {
        guard var backfill = backfills[id] else { return }
        let before = backfill
        while backfill.state == .running, backfill.active < backfill.maxActiveRuns, backfill.next < backfill.intervals.count,
            let entry = entries[backfill.pipeline], let graph = entry.graph
        {
            _ = makeRun(
                Request(
                    backfill.pipeline, cause: .backfill, actor: backfill.actor, interval: backfill.intervals[backfill.next],
                    backfill: id),
                parameters: backfill.parameters, graph: graph, source: entry.source, at: now, &turn)
            backfill.next += 1
            backfill.active += 1
        }
        if backfill.state == .running, backfill.next == backfill.intervals.count, backfill.active == 0 { backfill.state = .ended }
        if backfill != before { turn.backfills.append(backfill) }
        backfills[id] = backfill.state == .running || backfill.active > 0 ? backfill : nil
        beginRuns(of: backfill.pipeline, at: now, &turn)
    }
}

extension PipelineTrigger {
    var stream: String? {
        if case .stream(let name, _) = self { name } else { nil }
    }
}
