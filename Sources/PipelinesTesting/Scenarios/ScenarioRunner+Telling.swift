import MartletFrames
import MartletPipelines

extension ScenarioRunner {
    /// The scenario's name of an instance: `p/1:a`, `p/1:a[2]`.
    func name(_ address: InstanceAddress) -> String {
        let run = names[address.run] ?? "?"
        let isMapped = graph(of: address.run)?.number(of: address.task).map { graph(of: address.run)?.nodes[$0].task.mapping != nil } ?? false
        return "\(run):\(address.task)" + (isMapped ? "[\(address.index)]" : "")
    }

    /// The graph that a run is pinned to.
    func graph(of run: String) -> PipelineGraph? { store.runs[run].flatMap { graphs[$0.source]?[$0.facts.pipeline] } }

    /// Stores a turn, tells what it says, and does what is to be done.
    mutating func carryOut(_ turn: Turn) throws {
        keep(turn)
        for effect in turn.effects { perform(effect, turn) }
        while !wishes.isEmpty {
            let start = wishes.removeFirst()
            var turn = Turn()
            try carryOutWaiting(start, &turn)
            try carryOut(turn)
        }
    }

    mutating func keep(_ turn: Turn) {
        store.commit(turn)
        let begun = Set(turn.records.compactMap { if case .began = $0.record.record { $0.run } else { nil } })
        for run in turn.newRuns {
            let pipeline = run.facts.pipeline
            counts[pipeline, default: 0] += 1
            let name = "\(pipeline)/\(counts[pipeline, default: 0])"
            names[run.facts.id] = name
            ids[name] = run.facts.id
            if !begun.contains(run.facts.id) { told.append(ScenarioTold("\(name) waits", detail: interval(run.facts))) }
        }
        for (run, timed) in turn.records { tell(timed.record, of: run, turn) }
        for backfill in turn.backfills {
            if !backfills.contains(backfill.id) { backfills.append(backfill.id) }
            if backfill.state == .ended { told.append(ScenarioTold("backfill \((backfills.firstIndex(of: backfill.id) ?? 0) + 1) ended")) }
        }
        for entry in turn.cacheEntries { told.append(ScenarioTold("keeps \(names[entry.run] ?? "?"):\(entry.task)")) }
    }

    private func interval(_ facts: RunFacts) -> String? { facts.interval.map { "for \(short($0.start)) .. \(short($0.end))" } }

    private func short(_ moment: Timestamp) -> String {
        let text = "\(moment)"
        if text.hasSuffix("T00:00:00Z") { return String(text.prefix(10)) }
        return text.hasSuffix(":00Z") ? text.dropLast(4) + "Z" : text
    }

    private mutating func tell(_ record: RunRecord, of run: String, _ turn: Turn) {
        let name = names[run] ?? "?"
        guard let graph = graph(of: run), let facts = store.runs[run]?.facts else { return }
        func instance(_ number: InstanceNumber) -> String {
            let task = graph.nodes[number.task].task
            return "\(name):\(task.name)" + (task.mapping != nil && !(number.index == 0 && isUnmapped(number, run)) ? "[\(number.index)]" : "")
        }
        switch record {
        case .began:
            let isCancelled = turn.records.contains { if case .stopping(.cancelled, _) = $0.record.record { $0.run == run } else { false } }
            if !isCancelled { told.append(ScenarioTold("\(name) begins", detail: interval(facts))) }
        case .expanded(let task, let count): told.append(ScenarioTold("\(name):\(graph.nodes[task].task.name) has \(count) items"))
        case .ended(let number, _, let state, let end):
            if implied.remove("\(instance(number)) \(state.rawValue)") == nil {
                told.append(ScenarioTold("\(instance(number)) \(state.rawValue)", reason: end.reason))
            }
        case .retrying(let number, _, let reason, let delay):
            told.append(ScenarioTold("\(instance(number)) retries", detail: "in \(delay)", reason: reason))
        case .interrupted(let number, _, let isCounted):
            told.append(ScenarioTold("\(instance(number)) " + (isCounted ? "interrupted" : "put back")))
        case .cleared(let tasks, _): for task in tasks { told.append(ScenarioTold("clears \(name):\(graph.nodes[task].task.name)")) }
        case .stopping(let cause, _):
            if implied.remove("\(name) stops") == nil { told.append(ScenarioTold("\(name) stops", reason: cause.rawValue)) }
        case .late(let task):
            let kind = turn.effects.contains {
                if case .alert(let alert) = $0 {
                    alert.kind == .deadlinePassed && alert.run == run && alert.task == task.map { graph.nodes[$0].task.name }
                } else {
                    false
                }
            }
            told.append(ScenarioTold(name + (task.map { ":" + graph.nodes[$0].task.name } ?? "") + (kind ? " late" : " late without alert")))
        case .attempt, .marked, .finished: break
        }
    }

    /// Whether a mapped task ended without having had items.
    private func isUnmapped(_ number: InstanceNumber, _ run: String) -> Bool {
        !(store.runs[run]?.records.contains { if case .expanded(number.task, _) = $0.record { true } else { false } } ?? false)
    }

    private mutating func perform(_ effect: Effect, _ turn: Turn) {
        switch effect {
        case .start(let start):
            bodies[start.address] = start
            let isWaiting = start.task.work.base.isWaiting
            let verb = start.isResumed ? "resumes" : isWaiting ? "defers" : "starts"
            told.append(ScenarioTold("\(verb) \(name(start.address))#\(start.attempt)"))
            if isWaiting { wishes.append(start) }
            for pool in start.task.needs.keys where isOverdrawn(pool) { told.append(ScenarioTold("pool \(pool) is overdrawn")) }
        case .stop(let address, let attempt, let reason):
            told.append(ScenarioTold("stops \(name(address))#\(attempt)", reason: reason))
            if let body = bodies[address], body.attempt == attempt, body.task.work.base.isWaiting { bodies[address] = nil }
        case .alert: break
        case .ended(let run, let state):
            let alerts = turn.effects.compactMap { effect -> PipelineAlert.Kind? in
                if case .alert(let alert) = effect, alert.run == run, alert.kind != .deadlinePassed { alert.kind } else { nil }
            }
            let word: String =
                switch (state, alerts) {
                case (.failed, [.runFailed]): "failed"
                case (.failed, [.runTimedOut]): "timed out"
                case (_, []) where state != .failed: state.rawValue
                default: "\(state.rawValue) with \(alerts.count) alerts"
                }
            told.append(ScenarioTold("\(names[run] ?? "?") \(word)"))
        }
    }

    /// Whether those that run need more than a pool has; one alone may.
    private func isOverdrawn(_ pool: String) -> Bool {
        let needs = bodies.values.compactMap { $0.task.needs[pool] }
        return needs.count > 1 && needs.reduce(0, +) > pools[pool] ?? .max
    }

    /// Tells which instances have begun to wait for room.
    mutating func noteParked() {
        guard isUp else { return }
        var found: Set<String> = []
        for id in scheduler.runIDs {
            guard let machine = scheduler.run(id) else { continue }
            for (task, _) in machine.graph.nodes.enumerated() {
                for (index, instance) in machine.instances(of: task).enumerated() where instance.state == .queued {
                    found.insert(name(machine.address(of: InstanceNumber(task, index))))
                }
            }
        }
        for name in found.subtracting(parked).sorted() { told.append(ScenarioTold("\(name) waits")) }
        parked = found
    }
}
