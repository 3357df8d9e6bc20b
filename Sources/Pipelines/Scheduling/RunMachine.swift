internal import MartletExpressions
public import MartletFrames

/// The state of one run: folds its records, and finds what they make possible. Knows no clock, no pool and no other run.
///
/// A class, since a run is changed in place however many tasks it has; it never leaves the scheduler that holds it.
///
/// ```swift
/// let run = RunMachine(facts, graph)
/// run.apply(TimedRecord(now, .began))
/// let records = run.settle(at: now)      // what follows at once: skips, failures passed on, the run's end
/// let ready = run.takeQueued()           // instances that may start
/// ```
public final class RunMachine {
    /// One instance.
    public struct Instance: Hashable, Sendable {
        public fileprivate(set) var state = InstanceState.queued
        /// Of the newest attempt; 0 before the first.
        public fileprivate(set) var attempt = 0
        /// Attempts that failed since it was last cleared.
        public fileprivate(set) var failures = 0
        /// Attempts in a row that the program's end cut short.
        public fileprivate(set) var interruptions = 0
        /// When the newest attempt began.
        public fileprivate(set) var started: Timestamp?
        public fileprivate(set) var ended: Timestamp?
        public fileprivate(set) var reason: String?
        public fileprivate(set) var isCached = false
        /// While it is retrying: how long from `ended` to the next attempt.
        public fileprivate(set) var delay: Timestamp.Span?
    }

    struct TaskState: Sendable {
        /// Empty until it is decided whether it starts.
        var instances: [Instance] = []
        /// Whether `instances` are all there will be.
        var isDecided = false
        var endedCount = 0
        var upstream = UpstreamCounts()
        /// Once all instances ended.
        var outcome: InstanceState?
        /// What a mapped task is repeated for, as it was when that was decided.
        var items: [Value] = []
        /// The highest number of an attempt before it was cleared.
        var attemptFloor = 0
    }

    public let facts: RunFacts
    public let graph: PipelineGraph
    public private(set) var state = RunState.queued
    public private(set) var began: Timestamp?
    public private(set) var ended: Timestamp?
    /// From when its time-out and deadlines count: when it began or, after it had ended, was taken up again.
    public private(set) var countedFrom: Timestamp?
    public private(set) var stopCause: StopCause?
    /// Tasks that passed their deadline; nil among them is the run.
    public private(set) var late: Set<Int?> = []
    private(set) var tasks: [TaskState]
    private(set) var results: [InstanceNumber: [String: TaskValue]] = [:]
    /// Tasks that have ended, those of `on_failure` left out.
    private var endedMain = 0
    private var endedFailure = 0
    /// Attempts under way: those that ``stop`` must wait for.
    public private(set) var runningCount = 0
    /// Whether a task failed that may not fail.
    private var isFailing = false
    /// Whether the tasks of `on_failure` may start.
    private var isFailureOpen = false
    /// Tasks about which something before them has changed.
    private var candidates: [Int] = []
    private var queued: [InstanceNumber] = []

    public init(_ facts: RunFacts, _ graph: PipelineGraph) {
        self.facts = facts
        self.graph = graph
        tasks = graph.nodes.map { node in
            var task = TaskState()
            task.upstream.all = node.upstream.count
            return task
        }
    }

    /// A run as its records tell it.
    public convenience init(_ facts: RunFacts, _ graph: PipelineGraph, _ records: [TimedRecord]) {
        self.init(facts, graph)
        for record in records { apply(record) }
    }

    /// The instances of a task; none before it is decided whether it starts.
    public func instances(of task: Int) -> [Instance] { tasks[task].instances }

    public func instance(_ number: InstanceNumber) -> Instance? {
        guard tasks.indices.contains(number.task), tasks[number.task].instances.indices.contains(number.index) else { return nil }
        return tasks[number.task].instances[number.index]
    }

    /// A task as a whole: how it ended, or the most active state among its instances.
    public func state(of task: Int) -> InstanceState {
        if let outcome = tasks[task].outcome { return outcome }
        if state.isEnd { return graph.nodes[task].task.isOnFailure && stopCause != .cancelled ? .skipped : .cancelled }
        let active: [InstanceState] = [.running, .deferred, .retrying, .queued]
        return active.first { state in tasks[task].instances.contains { $0.state == state } } ?? .waiting
    }

    public func result(of number: InstanceNumber) -> [String: TaskValue] { results[number] ?? [:] }

    // MARK: - Folding

    /// Takes one record.
    ///
    /// - Complexity: O(tasks that depend on what ended); clearing and stopping O(tasks + instances).
    public func apply(_ timed: TimedRecord) {
        let time = timed.time
        switch timed.record {
        case .began:
            state = .running
            began = time
            countedFrom = time
            candidates += graph.roots
        case .expanded(let task, let count):
            tasks[task].instances = Array(repeating: newInstance(of: task), count: count)
            tasks[task].isDecided = true
            tasks[task].items = graph.nodes[task].task.mapping.flatMap { items($0) } ?? []
        case .attempt(let number, let attempt, let isDeferred):
            makeSingle(number.task)
            change(number) {
                $0.state = isDeferred ? .deferred : .running
                $0.attempt = attempt
                $0.started = time
                $0.ended = nil
                $0.delay = nil
            }
        case .ended(let number, _, let outcome, let end):
            makeSingle(number.task)
            results[number] = end.result.isEmpty ? nil : end.result
            change(number) {
                $0.state = outcome
                $0.ended = time
                $0.reason = end.reason
                $0.isCached = end.isCached
                $0.delay = nil
                if outcome == .failed { $0.failures += 1 }
            }
        case .retrying(let number, _, let reason, let delay):
            change(number) {
                $0.state = .retrying
                $0.failures += 1
                $0.interruptions = 0
                $0.ended = time
                $0.reason = reason
                $0.delay = delay
            }
        case .interrupted(let number, _, let isCounted):
            change(number) {
                $0.state = .queued
                if isCounted { $0.interruptions += 1 }
            }
        case .cleared(let cleared, _):
            if state.isEnd { countedFrom = time }
            clear(cleared)
        case .marked(let number, let outcome, let person):
            makeSingle(number.task)
            change(number) {
                $0.state = outcome
                $0.ended = time
                $0.reason = "marked by \(person)"
                $0.delay = nil
            }
        case .stopping(let cause, _): stop(cause, at: time)
        case .late(let task): late.insert(task)
        case .finished(let outcome):
            state = outcome
            ended = time
        }
    }

    private func newInstance(of task: Int) -> Instance {
        var instance = Instance()
        instance.attempt = tasks[task].attemptFloor
        return instance
    }

    /// Gives a task that is not mapped its one instance.
    private func makeSingle(_ task: Int) {
        guard !tasks[task].isDecided else { return }
        tasks[task].instances = [newInstance(of: task)]
        tasks[task].isDecided = true
    }

    /// Changes an instance and counts what follows of it.
    private func change(_ number: InstanceNumber, _ body: (inout Instance) -> Void) {
        let before = tasks[number.task].instances[number.index].state
        body(&tasks[number.task].instances[number.index])
        let after = tasks[number.task].instances[number.index].state
        guard before != after else { return }
        if before == .running { runningCount -= 1 }
        if after == .running { runningCount += 1 }
        if after.isEnd, !before.isEnd {
            tasks[number.task].endedCount += 1
            if tasks[number.task].endedCount == tasks[number.task].instances.count { taskEnded(number.task) }
        } else if before.isEnd, !after.isEnd {
            tasks[number.task].endedCount -= 1
        } else if before.isEnd, after.isEnd, tasks[number.task].outcome != nil {
            // A person corrected how it ended: what was decided of it stays, what is not yet decided sees it.
            recount()
        }
    }

    private func taskEnded(_ task: Int) {
        let states = tasks[task].instances.map(\.state)
        let outcome: InstanceState =
            if states.contains(.failed) { .failed }
            else if states.contains(.cancelled) { .cancelled }
            else if states.contains(.upstreamFailed) { .upstreamFailed }
            else if states.allSatisfy({ $0 == .skipped }) { .skipped }
            else { .succeeded }
        tasks[task].outcome = outcome
        if graph.nodes[task].task.isOnFailure { endedFailure += 1 } else { endedMain += 1 }
        if outcome.isFailure, !graph.nodes[task].task.allowFailure { isFailing = true }
        for next in graph.nodes[task].downstream {
            switch outcome {
            case .succeeded: tasks[next].upstream.succeeded += 1
            case .skipped: tasks[next].upstream.skipped += 1
            default: tasks[next].upstream.failed += 1
            }
            candidates.append(next)
        }
    }

    private func stop(_ cause: StopCause, at time: Timestamp) {
        stopCause = cause
        for task in tasks.indices where cause == .cancelled || !graph.nodes[task].task.isOnFailure {
            if !tasks[task].isDecided { makeSingle(task) }
            for index in tasks[task].instances.indices where !tasks[task].instances[index].state.isEnd {
                guard tasks[task].instances[index].state != .running else { continue }
                change(InstanceNumber(task, index)) {
                    $0.state = .cancelled
                    $0.ended = time
                    $0.delay = nil
                }
            }
        }
        queued = []
        candidates = []
    }

    /// The highest number of an attempt at a task before it was last cleared; 0 if it never was.
    func clearedAttempts(of task: Int) -> Int { tasks[task].attemptFloor }

    private func clear(_ cleared: [Int]) {
        for task in cleared {
            let highest = tasks[task].instances.map(\.attempt).max() ?? tasks[task].attemptFloor
            for index in tasks[task].instances.indices { results[InstanceNumber(task, index)] = nil }
            let counts = tasks[task].upstream
            tasks[task] = TaskState()
            tasks[task].upstream = counts
            tasks[task].attemptFloor = highest
        }
        state = .running
        ended = nil
        stopCause = nil
        late = []
        recount()
    }

    /// Counts everything anew from the instances' states.
    private func recount() {
        endedMain = 0
        endedFailure = 0
        isFailing = false
        // Once begun they are brought to an end, even if a person takes the failure back.
        isFailureOpen = graph.failureTasks.contains { tasks[$0].isDecided }
        candidates = graph.roots + (isFailureOpen ? graph.failureTasks : [])
        for task in tasks.indices { tasks[task].upstream = UpstreamCounts(all: graph.nodes[task].upstream.count) }
        for task in tasks.indices {
            tasks[task].outcome = nil
            tasks[task].endedCount = tasks[task].instances.count { $0.state.isEnd }
            if tasks[task].isDecided, tasks[task].endedCount == tasks[task].instances.count { taskEnded(task) }
        }
    }

    // MARK: - Deciding

    /// Decides what can be decided now, applies it, and gives the records to be kept.
    ///
    /// - Complexity: O(tasks decided + edges that lead to them).
    public func settle(at now: Timestamp) -> [TimedRecord] {
        guard state == .running else { return [] }
        var records: [TimedRecord] = []
        func note(_ record: RunRecord) {
            let timed = TimedRecord(now, record)
            apply(timed)
            records.append(timed)
        }
        while true {
            while let task = candidates.popLast() {
                if let record = decide(task) { note(record) }
            }
            guard endedMain == graph.nodes.count - graph.failureTasks.count else { break }
            if isFailing || stopCause == .timedOut, stopCause != .cancelled, !isFailureOpen, !graph.failureTasks.isEmpty {
                isFailureOpen = true
                candidates = graph.failureTasks.reversed()
                continue
            }
            if !isFailureOpen || endedFailure == graph.failureTasks.count {
                let outcome: RunState = stopCause == .cancelled ? .cancelled : isFailing || stopCause != nil ? .failed : .succeeded
                note(.finished(outcome))
            }
            break
        }
        return records
    }

    /// Instances that became ready since the last call, in the order of their tasks.
    public func takeQueued() -> [InstanceNumber] {
        defer { queued = [] }
        return queued
    }

    /// Nil if nothing is to be kept: the task waits, or its one instance is ready.
    private func decide(_ task: Int) -> RunRecord? {
        let node = graph.nodes[task]
        guard !tasks[task].isDecided, !node.task.isOnFailure || isFailureOpen else { return nil }
        let single = InstanceNumber(task)
        switch node.task.rule.decision(tasks[task].upstream) {
        case .wait: return nil
        case .skip: return .ended(single, attempt: 0, .skipped, InstanceEnd(reason: "its trigger rule is \(node.task.rule.rawValue)"))
        case .upstreamFailed:
            return .ended(single, attempt: 0, .upstreamFailed, InstanceEnd(reason: "failed before it: \(failed(before: task))"))
        case .start: break
        }
        if let condition = node.task.condition, !holds(condition, task) {
            return .ended(single, attempt: 0, .skipped, InstanceEnd(reason: "its condition is not true: \(condition.canonicalText)"))
        }
        guard let mapping = node.task.mapping else {
            makeSingle(task)
            queued.append(single)
            return nil
        }
        guard let items = items(mapping) else {
            return .ended(
                single, attempt: 0, .failed, InstanceEnd(reason: "there is no list to map over: the task that gives it did not succeed"))
        }
        guard !items.isEmpty else { return .ended(single, attempt: 0, .skipped, InstanceEnd(reason: "the list to map over is empty")) }
        queued += items.indices.map { InstanceNumber(task, $0) }
        return .expanded(task: task, count: items.count)
    }

    private func failed(before task: Int) -> String {
        let names = graph.nodes[task].upstream.filter { tasks[$0].outcome?.isFailure == true }.map { graph.nodes[$0].task.name }
        return names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
    }
}

extension RunMachine {
    /// Whether a task's instances are being ended rather than made again.
    func isStopped(_ task: Int) -> Bool {
        stopCause == .cancelled || stopCause != nil && !graph.nodes[task].task.isOnFailure
    }

    /// Lets an instance whose delay is over wait for room.
    func requeue(_ number: InstanceNumber) {
        change(number) { $0.state = .queued }
    }
}

extension PipelineDefinition {
    /// The same, started only by requests.
    package var withoutTriggers: PipelineDefinition {
        PipelineDefinition(
            name: name, place: place, parameters: parameters, maxActiveRuns: maxActiveRuns, maxActiveTasks: maxActiveTasks,
            priority: priority, deadline: deadline, timeout: timeout, tasks: tasks, doc: doc)
    }
}
