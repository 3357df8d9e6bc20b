public import MartletFrames
import MartletWorld

extension Scheduler {
    // MARK: - Starting

    /// Lets an instance start when all that became ready with it is known, or wait for room: by ``drain(at:_:)``.
    mutating func enqueue(_ number: InstanceNumber, _ handle: Int) {
        guard let machine = runs[handle]?.machine else { return }
        let definition = machine.graph.definition
        let task = machine.graph.nodes[number.task].task
        let ticket = admission.makeTicket()
        runs[handle]?.tickets[number] = ticket
        let isWaiting = task.work.base.isWaiting
        var needs = [
            Admission.Need(
                limit: .pipeline(definition.name), amount: isWaiting ? 0 : 1, capacity: Int64(definition.maxActiveTasks))
        ]
        if !isWaiting {
            if let most = task.maxActive {
                needs.append(.init(limit: .task(definition.name, task.name), amount: 1, capacity: Int64(most)))
            }
            for (pool, amount) in task.needs.sorted(by: { $0.key < $1.key }) where amount > 0 {
                needs.append(.init(limit: .pool(pool), amount: amount, capacity: amount))
            }
        }
        ready.append(
            Admission.Entry(
                priority: definition.priority + task.priority, run: handle, number: number, ticket: ticket, needs: needs))
    }

    private mutating func tryReady(at now: Moment, _ turn: inout Turn) {
        let entries = ready.sorted(by: >)
        ready = []
        for entry in entries where admission.isValid(entry.ticket) { tryToStart(entry, from: nil, at: now, &turn) }
    }

    private mutating func tryToStart(_ entry: Admission.Entry, from limit: Admission.Limit?, at now: Moment, _ turn: inout Turn) {
        steps += 1
        guard !isStopping, admission.admit(entry, from: limit) else { return }
        start(entry, at: now, &turn)
    }

    private mutating func start(_ entry: Admission.Entry, at now: Moment, _ turn: inout Turn) {
        let handle = entry.run
        guard let machine = runs[handle]?.machine, let instance = machine.instance(entry.number) else {
            return admission.release(entry.needs)
        }
        runs[handle]?.tickets[entry.number] = nil
        let task = machine.graph.nodes[entry.number.task].task
        let attempt = instance.attempt + 1
        let key = AttemptKey(run: handle, number: entry.number, attempt: attempt)
        holdings[key] = entry.needs
        note(.attempt(entry.number, number: attempt, isDeferred: task.work.base.isWaiting), handle, at: now, &turn)
        if let timeout = task.timeout { steadyTimers.add(.attemptTimeout(key), at: now.steady + timeout) }
        emitStart(key, isResumed: false, &turn)
    }

    /// Takes an instance's wish to start back.
    mutating func void(_ number: InstanceNumber, _ handle: Int) {
        if let ticket = runs[handle]?.tickets.removeValue(forKey: number) { admission.void(ticket) }
    }

    func emitStart(_ key: AttemptKey, isResumed: Bool, _ turn: inout Turn) {
        guard let run = runs[key.run] else { return }
        let machine = run.machine
        let task = machine.graph.nodes[key.number.task].task
        turn.effects.append(
            .start(
                AttemptStart(
                    address: machine.address(of: key.number), number: key.number, attempt: key.attempt,
                    clearedAttempts: machine.clearedAttempts(of: key.number.task), task: task,
                    facts: machine.facts, source: run.source, scope: machine.scope(of: key.number), files: machine.files(of: key.number),
                    started: machine.instance(key.number)?.started ?? machine.facts.created, isResumed: isResumed)))
    }

    /// Lets go on whatever can, now that something ended or has become free. Every change ends with it.
    mutating func drain(at now: Moment, _ turn: inout Turn) {
        guard !isStopping else { return }
        while true {
            if !ready.isEmpty {
                tryReady(at: now, &turn)
            } else if let next = admission.next() {
                tryToStart(next.entry, from: next.limit, at: now, &turn)
            } else if turn.newRuns.count >= limits.runsOfTurn {
                return
            } else if !pendingPipelines.isEmpty {
                checkPendingPipelines(at: now, &turn)
            } else if !pendingBackfills.isEmpty {
                let backfills = pendingBackfills.sorted()
                pendingBackfills = []
                for backfill in backfills { goOn(backfill: backfill, at: now, &turn) }
            } else {
                return
            }
        }
    }

    private mutating func checkPendingPipelines(at now: Moment, _ turn: inout Turn) {
        let pipelines = pendingPipelines.sorted()
        pendingPipelines = []
        for (number, pipeline) in pipelines.enumerated() {
            guard turn.newRuns.count < limits.runsOfTurn else {
                pendingPipelines.formUnion(pipelines[number...])
                return
            }
            checkSchedule(of: pipeline, at: now, &turn)
            checkStreamTriggers(of: pipeline, at: now, &turn)
            beginRuns(of: pipeline, at: now, &turn)
        }
    }

    // MARK: - Ending

    /// Takes the end of an attempt. One that was reported already, or that the run knows nothing of, has no effect.
    ///
    /// - Returns: whether it had an effect.
    @discardableResult
    public mutating func report(
        run id: String, _ number: InstanceNumber, attempt: Int, _ outcome: AttemptOutcome, at now: Moment, _ turn: inout Turn
    ) -> Bool {
        guard let handle = handles[id] else { return false }
        let isNew = finish(AttemptKey(run: handle, number: number, attempt: attempt), outcome, at: now, &turn)
        drain(at: now, &turn)
        return isNew
    }

    @discardableResult
    mutating func finish(_ key: AttemptKey, _ outcome: AttemptOutcome, at now: Moment, _ turn: inout Turn) -> Bool {
        guard let needs = holdings.removeValue(forKey: key) else { return false }
        admission.release(needs)
        guard let machine = runs[key.run]?.machine, let instance = machine.instance(key.number), instance.state.isUnderWay,
            instance.attempt == key.attempt
        else { return false }
        let task = machine.graph.nodes[key.number.task].task
        let isStopped = machine.isStopped(key.number.task)
        let record: RunRecord
        switch outcome {
        case .succeeded(let result, let cacheKey):
            record = .ended(key.number, attempt: key.attempt, .succeeded, InstanceEnd(result: result))
            if let cacheKey {
                turn.cacheEntries.append(
                    Turn.CacheEntry(key: cacheKey, run: machine.facts.id, task: task.name, time: now.wall, result: result))
            }
        case .cached(let result):
            record = .ended(key.number, attempt: key.attempt, .succeeded, InstanceEnd(result: result, isCached: true))
        case .skipped(let reason):
            record = .ended(key.number, attempt: key.attempt, .skipped, InstanceEnd(reason: bounded(reason)))
        case .failed(let reason, _) where isStopped:
            record = .ended(key.number, attempt: key.attempt, .cancelled, InstanceEnd(reason: bounded(reason)))
        case .failed(let reason, let isRetryable) where isRetryable && instance.failures < task.retry.retries:
            let delay = task.retry.delay(afterFailures: instance.failures + 1, random: random.next())
            record = .retrying(key.number, attempt: key.attempt, reason: bounded(reason), delay: delay)
            steadyTimers.add(.retry(key), at: now.steady + delay)
        case .failed(let reason, _):
            record = .ended(key.number, attempt: key.attempt, .failed, InstanceEnd(reason: bounded(reason)))
        }
        note(record, key.run, at: now, &turn)
        settle(key.run, at: now, &turn)
        return true
    }

    private func bounded(_ reason: String) -> String {
        reason.count > limits.reasonLength ? String(reason.prefix(limits.reasonLength)) + "…" : reason
    }

    /// Takes back an attempt that was ended because the program ends; it is made again at the next start.
    public mutating func interrupt(run id: String, _ number: InstanceNumber, attempt: Int, at now: Moment, _ turn: inout Turn) {
        guard let handle = handles[id], let instance = runs[handle]?.machine.instance(number), instance.state == .running,
            instance.attempt == attempt,
            let needs = holdings.removeValue(forKey: AttemptKey(run: handle, number: number, attempt: attempt))
        else { return }
        admission.release(needs)
        guard runs[handle].map({ !$0.machine.isStopped(number.task) }) ?? false else {
            note(.ended(number, attempt: attempt, .cancelled, InstanceEnd(reason: "the program ended")), handle, at: now, &turn)
            return settle(handle, at: now, &turn)
        }
        note(.interrupted(number, attempt: attempt, isCounted: false), handle, at: now, &turn)
    }

    /// The time at which an instance that waits for one has waited long enough; it then succeeds.
    public mutating func complete(
        run id: String, _ number: InstanceNumber, attempt: Int, at time: Timestamp, _ turn: inout Turn
    ) {
        guard let handle = handles[id] else { return }
        wallTimers.add(.completion(AttemptKey(run: handle, number: number, attempt: attempt)), at: time)
    }
}

extension RetryPolicy {
    /// How long the next attempt waits.
    ///
    /// - Parameters:
    ///   - failures: of the instance so far, at least 1.
    ///   - random: 64 random bits.
    func delay(afterFailures failures: Int, random: UInt64) -> Timestamp.Span {
        var length = Double(delay.microseconds)
        let most = Double(maxDelay.microseconds)
        for _ in 1..<max(2, failures) where failures > 1 {
            length *= factor
            if length >= most { break }
        }
        length = min(length, most)
        let share = Double(random >> 11) * 0x1p-53
        return Timestamp.Span(microseconds: Int64(length * (1 - jitter * share)))
    }
}
