import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletSimulation

extension PipelineScenario {
    /// Lives through the scenario under a virtual clock.
    ///
    /// - Throws: ``ScenarioError`` with the first step at which something else happens than it tells.
    package func run() throws {
        guard !steps.isEmpty else { throw ScenarioError(file: file, line: line, message: "nothing happens in it") }
        var runner = ScenarioRunner(self, limits: try schedulerLimits())
        runner.pools = try runner.size(pools.isEmpty ? ["cpu": "16"] : pools)
        try runner.read(pipelines)
        for step in steps { try runner.live(step) }
    }
}

extension PipelineScenario {
    private func schedulerLimits() throws -> Scheduler.Limits {
        var limits = Scheduler.Limits()
        for (name, text) in self.limits {
            guard let number = Int(text) else { throw ScenarioError(file: file, line: line, message: "'\(text)' is no number") }
            switch name {
            case "runs": limits.activeRuns = number
            case "queued": limits.queuedRuns = number
            case "interruptions": limits.interruptions = number
            case "made": limits.runsOfTurn = number
            default: throw ScenarioError(file: file, line: line, message: "there is no limit '\(name)'")
            }
        }
        return limits
    }
}

/// The scheduler with a store, a clock and bodies that the scenario plays.
struct ScenarioRunner: ~Copyable {
    let scenario: PipelineScenario
    var scheduler: Scheduler
    let limits: Scheduler.Limits
    let random = SeededRandom(seed: 1)
    var store = StoredPipelines()
    var wall = Timestamp(microseconds: 0)
    var steady = Timestamp.Span.zero
    var isUp = false
    /// The definitions in force, and all that ever were, by the name of their source.
    var source = ""
    var graphs: [String: [String: PipelineGraph]] = [:]
    var pools: [String: Int64] = [:]
    /// Attempts whose end the scenario tells, with those that only wait.
    var bodies: [InstanceAddress: AttemptStart] = [:]
    /// Runs by the scenario's names, `p/1`.
    var names: [String: String] = [:]
    var ids: [String: String] = [:]
    var counts: [String: Int] = [:]
    var backfills: [String] = []
    /// Of this step.
    var told: [ScenarioTold] = []
    /// Ends that the event itself tells.
    var implied: Set<String> = []
    /// Instances that wait for room, as told so far.
    var parked: Set<String> = []
    var line: Int
    /// Attempts of which a child is to be asked for.
    var wishes: [AttemptStart] = []

    init(_ scenario: PipelineScenario, limits: Scheduler.Limits) {
        self.scenario = scenario
        self.limits = limits
        line = scenario.line
        scheduler = Scheduler(random: random, limits: limits)
    }

    func fail(_ message: String) -> ScenarioError { ScenarioError(file: scenario.file, line: line, message: message) }

    var now: Moment { Moment(wall: wall, steady: steady) }
    var telling: ScenarioTelling { ScenarioTelling(onlyRun: ids.count == 1 ? ids.keys.first : nil) }

    /// Sizes of pools, of `memory` in bytes.
    func size(_ texts: [String: String]) throws -> [String: Int64] {
        var sizes: [String: Int64] = [:]
        for (name, text) in texts {
            let number = text.hasSuffix("GB") ? Int64(text.dropLast(2)).map { $0 * 1_000_000_000 } : Int64(text)
            guard let number else { throw fail("'\(text)' is no size of a pool") }
            sizes[name] = number
        }
        return sizes
    }

    /// Reads definitions as users write them.
    mutating func read(_ yaml: String) throws {
        let errors = ErrorCollector()
        let files = ProjectSource([.init(path: "pipelines/scenario.yaml", text: yaml)])
        let blocks = Block.read(files, kinds: KindRegistry([PipelineDefinition.kind]), errors: errors)
        let surroundings = PipelineSurroundings(
            streams: Set(scenario.streams), models: ["m": ["roc_auc"]], endpoints: ["m": .number], pools: pools)
        let pipelines = PipelineDefinition.read(blocks, in: surroundings, errors: errors)
        guard errors.isEmpty else { throw fail("\(errors.collected)") }
        source = "source \(graphs.count + 1)"
        graphs[source] = Dictionary(uniqueKeysWithValues: pipelines.map { ($0.name, PipelineGraph($0)) })
    }

    // MARK: - Steps

    mutating func live(_ step: PipelineScenario.Step) throws {
        line = step.line
        told = []
        implied = []
        switch step.time {
        case .same: break
        case .after(let text):
            guard let span = Timestamp.Span(text) else { throw fail("'+\(text)' is no span of time") }
            try pass(span)
        case .at(let text):
            let moment = try time(text)
            if wall.microseconds == 0 {
                wall = moment
                try start()
            } else {
                guard moment >= wall else { throw fail("it is \(wall) already") }
                try pass(Timestamp.Span(microseconds: moment.microseconds - wall.microseconds))
            }
        }
        if !step.event.isEmpty { try perform(step.event, block: step.block) }
        try settle()
        if let problem = telling.problem(expected: step.expected, found: told) { throw fail(problem) }
        try check()
    }

    /// Lets time pass; whatever falls due meanwhile happens at its time.
    mutating func pass(_ span: Timestamp.Span) throws {
        let target = steady + span
        var looks = 0
        while isUp {
            let next = scheduler.nextWake
            var times = [next.steady].compactMap { $0 }
            if let wallTime = next.wall { times.append(steady + Timestamp.Span(microseconds: wallTime.microseconds - wall.microseconds)) }
            guard let time = times.min(), time <= target else { break }
            looks += 1
            guard looks < 100_000 else { throw fail("the scheduler wakes without end") }
            move(to: max(time, steady))
            try tick()
        }
        move(to: target)
        if isUp { try tick() }
    }

    mutating func move(to time: Timestamp.Span) {
        wall = wall + Timestamp.Span(microseconds: time.microseconds - steady.microseconds)
        steady = time
    }

    mutating func tick() throws {
        guard isUp else { return }
        var turn = Turn()
        scheduler.tick(at: now, &turn)
        try carryOut(turn)
    }

    /// Looks again until nothing more follows at this moment.
    mutating func settle() throws {
        for _ in 0..<1_000 where isUp {
            let next = scheduler.nextWake
            guard next.steady.map({ $0 <= steady }) ?? false || next.wall.map({ $0 <= wall }) ?? false else { break }
            try tick()
        }
        noteParked()
    }

    /// What must hold after every step, whatever the scenario tells.
    func check() throws {
        guard isUp else { return }
        for (id, run) in store.runs where (scheduler.run(id)?.state ?? run.state) != run.state {
            throw fail("the state of \(names[id] ?? id) is stored otherwise")
        }
    }
}
