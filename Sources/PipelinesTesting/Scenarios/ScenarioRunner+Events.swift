import MartletFrames
import MartletPipelines

extension ScenarioRunner {
    private static let ada = RunActor(kind: "user", id: "ada", name: "ada")

    /// Does what a step says.
    mutating func perform(_ text: String, block: String) throws {
        let words = text.split(separator: " ").map(String.init)
        switch text {
        case "crash": return crash()
        case "stop": return try stopInOrder()
        case "start":
            guard !isUp else { throw fail("the program runs already") }
            return try start()
        case "apply:":
            try read(block)
            return try configure()
        default: break
        }
        if words[0] == "asleep", words.count == 2, let span = Timestamp.Span(words[1]) {
            move(to: steady + span)
            return try tick()
        }
        if words[0] == "clock", words.count == 3, let span = Timestamp.Span(String(words[2].dropFirst())) {
            wall = words[2].hasPrefix("-") ? wall - span : wall + span
            return try tick()
        }
        if words[0] == "pools" {
            var sizes: [String: String] = [:]
            for index in stride(from: 1, to: words.count - 1, by: 2) { sizes[words[index]] = words[index + 1] }
            pools.merge(try size(sizes)) { $1 }
            return try configure()
        }
        if words[0] == "show" { return try show(Array(words.dropFirst())) }
        guard isUp else { throw fail("the program does not run") }
        var turn = Turn()
        if words[0] == "lost:" || words[0] == "cut:" {
            try ask(Array(words.dropFirst()), &turn)
            if words[0] == "cut:" { keep(turn) }
            return crash()
        }
        try ask(words, &turn)
        scheduler.tick(at: now, &turn)
        try carryOut(turn)
    }

    /// Asks something of the scheduler; that it refuses is told.
    private mutating func ask(_ words: [String], _ turn: inout Turn) throws {
        do {
            switch words[0] {
            case "run": try request(Array(words.dropFirst()), &turn)
            case "cancel": try cancel(Array(words.dropFirst()), &turn)
            case "clear": try clear(Array(words.dropFirst()), &turn)
            case "mark":
                guard words.count == 3, let state = InstanceState(rawValue: words[2]) else { throw fail("write 'mark TASK succeeded'") }
                let (run, task, index) = try instance(words[1])
                try scheduler.mark(run: run, ended: ended(run), task: task, index: index, as: state, by: "ada", at: now, &turn)
            case "approve", "refuse":
                guard words.count > 1 else { throw fail("'\(words[0])' needs a task") }
                let (run, task, index) = try instance(words[1])
                let note = words.count > 2 ? words[2...].joined(separator: " ") : nil
                implied.insert("\(name(InstanceAddress(run: run, task: task, index: index))) \(words[0] == "approve" ? "succeeded" : "failed")")
                try scheduler.decide(run: run, task: task, index: index, approved: words[0] == "approve", by: "ada", note: note, at: now, &turn)
                bodies[InstanceAddress(run: run, task: task, index: index)] = nil
            case "pause", "resume":
                guard words.count == 2 else { throw fail("'\(words[0])' needs a pipeline") }
                try scheduler.setPaused(words[0] == "pause", words[1], by: "ada", at: now, &turn)
            case "backfill": try backfill(Array(words.dropFirst()), &turn)
            case "stream":
                guard words.count == 4, words[2] == "reaches" else { throw fail("write 'stream NAME reaches TIME'") }
                scheduler.streamReached(words[1], try time(words[3]), at: now, &turn)
            default: try report(words, &turn)
            }
        } catch let error as SchedulerError {
            implied = []
            told.append(ScenarioTold("refused", reason: error.message))
        }
    }

    private mutating func request(_ words: [String], _ turn: inout Turn) throws {
        guard let pipeline = words.first else { throw fail("'run' needs a pipeline") }
        var words = Array(words.dropFirst())
        var key: String?
        if words.count > 1, words[words.count - 2] == "as" {
            key = words.removeLast()
            words.removeLast()
        }
        var parameters: [String: Value] = [:]
        let known = graphs[source]?[pipeline]?.definition.parameters ?? []
        for (name, text) in try pairs(words) {
            let type = known.first { $0.name == name }?.type ?? .string
            parameters[name] = try value(text, type)
        }
        try scheduler.request(
            .init(pipeline, cause: .manual, actor: Self.ada, parameters: parameters, requestKey: key), at: now, &turn)
    }

    private mutating func cancel(_ words: [String], _ turn: inout Turn) throws {
        if words.count == 2, words[0] == "backfill" {
            return try scheduler.cancel(backfill: try backfillID(words[1]), by: "ada", at: now, &turn)
        }
        guard words.count == 1 else { throw fail("write 'cancel run', 'cancel p/1' or 'cancel backfill 1'") }
        let (name, id) = try run(words[0])
        implied.insert("\(name) stops")
        try scheduler.cancel(run: id, by: "ada", at: now, &turn)
    }

    private mutating func clear(_ words: [String], _ turn: inout Turn) throws {
        var words = words
        let isAlone = words.last == "alone"
        if isAlone { words.removeLast() }
        guard let first = words.first else { throw fail("write 'clear run', 'clear p/1' or 'clear TASK'") }
        let isRun = first == "run" || first.contains("/") && !first.contains(":")
        let id = isRun ? try run(first).id : try instance(first).run
        let tasks = isRun ? Array(words.dropFirst()) : try words.map { try instance($0).task }
        try scheduler.clear(run: id, ended: ended(id), tasks: tasks, withDownstream: !isAlone, by: "ada", at: now, &turn)
    }

    private mutating func backfill(_ words: [String], _ turn: inout Turn) throws {
        guard words.count == 6, words[2] == "..", words[4] == "at", let most = Int(words[5]), let graph = graphs[source]?[words[0]],
            let schedule = graph.definition.schedule
        else { throw fail("write 'backfill PIPELINE START .. END at NUMBER', of a pipeline with a schedule") }
        let intervals = Array(schedule.intervals(from: try time(words[1]), to: try time(words[3]), limit: 1_000))
        try scheduler.add(
            Backfill(
                id: "backfill-\(backfills.count + 1)", pipeline: words[0], actor: Self.ada, created: wall, intervals: intervals,
                maxActiveRuns: most), at: now, &turn)
    }

    /// `a succeeds rows=3`, `a#1 fails for good`, `a skips`, `a takes rows=3`.
    private mutating func report(_ words: [String], _ turn: inout Turn) throws {
        guard words.count > 1, ["succeeds", "fails", "skips", "takes"].contains(words[1]) else { throw fail("'\(words.joined(separator: " "))' means nothing") }
        let parts = words[0].split(separator: "#").map(String.init)
        let (run, task, index) = try instance(parts[0])
        let address = InstanceAddress(run: run, task: task, index: index)
        guard let number = graph(of: run)?.number(of: task), let definition = graph(of: run)?.nodes[number].task else { throw fail("there is no task '\(task)'") }
        let stated = parts.count > 1 ? Int(parts[1]) : nil
        guard let attempt = stated ?? bodies[address]?.attempt else { throw fail("'\(parts[0])' does not run") }
        if bodies[address]?.attempt == attempt { bodies[address] = nil }
        var rest = Array(words.dropFirst(2))
        var key: String?
        if rest.count > 1, rest[rest.count - 2] == "key" {
            key = rest.removeLast()
            rest.removeLast()
        }
        let outcome: AttemptOutcome
        let full = name(address)
        switch words[1] {
        case "succeeds", "takes":
            let result = try result(rest, of: definition)
            outcome = words[1] == "takes" ? .cached(result) : .succeeded(result, cacheKey: key)
            implied.insert("\(full) succeeded")
        case "fails":
            outcome = .failed(reason: "it failed", isRetryable: rest != ["for", "good"])
            implied.insert("\(full) failed")
        default:
            outcome = .skipped(reason: "nothing to do")
            implied.insert("\(full) skipped")
        }
        if !scheduler.report(run: run, InstanceNumber(number, index), attempt: attempt, outcome, at: now, &turn) { implied = [] }
    }
}
