import MartletFrames
import MartletPipelines

extension ScenarioRunner {
    /// The program begins: takes up what is stored.
    mutating func start() throws {
        scheduler = Scheduler(random: random, limits: limits)
        isUp = true
        for pipeline in Set(store.cursors.keys).union(store.paused).union(graphs[source]?.keys ?? [:].keys) {
            scheduler.restore(
                pipeline: pipeline, isPaused: store.paused.contains(pipeline), cursors: store.cursors[pipeline] ?? [:])
        }
        for backfill in store.backfills.values where backfill.state == .running { scheduler.restore(backfill) }
        for id in store.order.sorted() {
            guard let run = store.runs[id], !run.state.isEnd, let graph = graph(of: id) else { continue }
            scheduler.restore(run.facts, graph, source: run.source, records: run.records)
        }
        try configure()
    }

    /// Puts the newest definitions in force.
    mutating func configure() throws {
        let actor = RunActor(kind: "system", id: "", name: "scheduler")
        var turn = Turn()
        scheduler.configure(
            (graphs[source] ?? [:]).values.map { .init($0, source: source, actor: actor) }, pools: pools, at: now, &turn)
        try carryOut(turn)
    }

    /// The program dies, and every body with it.
    mutating func crash() {
        isUp = false
        bodies = [:]
        parked = []
        wishes = []
    }

    /// The program ends as it should: what runs is ended and put back.
    mutating func stopInOrder() throws {
        guard isUp else { throw fail("the program does not run") }
        scheduler.beginStopping()
        var turn = Turn()
        for (address, body) in bodies.sorted(by: { $0.key.description < $1.key.description }) {
            scheduler.interrupt(run: address.run, body.number, attempt: body.attempt, at: now, &turn)
        }
        keep(turn)
        crash()
    }

    /// A run that has ended, folded from its records; nil for one that has not.
    func ended(_ id: String) -> (machine: RunMachine, source: String)? {
        guard let run = store.runs[id], run.state.isEnd, scheduler.run(id) == nil, let graph = graph(of: id) else { return nil }
        let machine = RunMachine(run.facts, graph)
        for record in run.records { machine.apply(record) }
        return (machine, run.source)
    }

    /// Does what an executor does for an instance that waits.
    mutating func carryOutWaiting(_ start: AttemptStart, _ turn: inout Turn) throws {
        switch start.task.work.base {
        case let work as PipelineWork:
            let key = "\(start.address)#\(start.attempt)"
            guard !store.runs.values.contains(where: { $0.facts.requestKey == key }) else { return }
            var parameters: [String: Value] = [:]
            for (name, argument) in work.parameters { parameters[name] = try argument.value(in: start.scope) }
            do {
                try scheduler.request(
                    .init(
                        work.pipeline, cause: .pipeline, actor: start.facts.actor, parameters: parameters, parent: start.address,
                        requestKey: key), at: now, &turn)
            } catch {
                told.append(ScenarioTold("refused", reason: error.message))
            }
        case let work as WaitWork:
            let end: Timestamp
            switch work.condition {
            case .span(let span): end = start.started + span
            case .moment(let expression):
                guard case .timestamp(let moment) = try expression.value(in: start.scope) else { return }
                end = moment
            case .timeOfDay, .file, .stream, .http: return
            }
            scheduler.complete(run: start.address.run, start.number, attempt: start.attempt, at: end, &turn)
        default: break
        }
    }

    // MARK: - Looking

    /// `show run`, `show p/1`, `show pool cpu`: tells the states of its tasks, or how much is in use.
    mutating func show(_ words: [String]) throws {
        if words.count == 2, words[0] == "pool" {
            let use = scheduler.use(of: words[1])
            return told.append(ScenarioTold("pool \(words[1]) has \(use.used) used"))
        }
        guard words.count == 1 else { throw fail("write 'show run', 'show p/1' or 'show pool cpu'") }
        let (name, id) = try run(words[0])
        let machine: RunMachine
        if let active = scheduler.run(id) { machine = active } else if let ended = ended(id) { machine = ended.machine } else { throw fail("there is no run '\(words[0])'") }
        told.append(ScenarioTold("\(name) is \(machine.state.rawValue)"))
        for (task, node) in machine.graph.nodes.enumerated() {
            let instances = machine.instances(of: task)
            let reason = instances.count == 1 ? instances[0].reason : nil
            told.append(ScenarioTold("\(name):\(node.task.name) is \(machine.state(of: task).rawValue)", reason: reason))
        }
    }
}
