public import MartletFrames

/// What the scheduler has done since the program started: a value to which each stored turn is added.
public struct PipelineCounts: Sendable {
    /// How an attempt at a task ended.
    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        case succeeded
        /// With the result of an earlier run.
        case cached
        case failed
        /// It failed, and another follows.
        case retried
        case skipped
        /// The run was stopped, or a person said how it ended.
        case cancelled
        /// The program ended.
        case interrupted
    }

    public struct RunKey: Hashable, Sendable {
        public var pipeline: String
        public var state: RunState
    }

    public struct AttemptKey: Hashable, Sendable {
        /// The word of the task's kind.
        public var kind: String
        public var outcome: Outcome
    }

    /// Counts of lengths of time.
    public struct Durations: Hashable, Sendable {
        /// Upper bounds in seconds; one more bucket holds the rest.
        public static let bounds = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400]
        public private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
        public private(set) var count = 0
        public private(set) var seconds = 0.0

        mutating func add(_ span: Timestamp.Span) {
            let length = Double(span.microseconds) / 1e6
            counts[Self.bounds.firstIndex { length <= $0 } ?? Self.bounds.count] += 1
            count += 1
            seconds += length
        }
    }

    private struct Begun: Sendable {
        var at: Timestamp.Span
        var isWaiting: Bool
    }

    /// The most pipelines whose runs are counted apart; those of others are not counted.
    public static let pipelineLimit = 1_000

    public private(set) var turns = 0
    /// Runs that ended.
    public private(set) var runs: [RunKey: Int] = [:]
    /// Attempts that ended.
    public private(set) var attempts: [AttemptKey: Int] = [:]
    /// How long attempts took that began and ended in this program, by the word of the task's kind.
    public private(set) var durations: [String: Durations] = [:]
    private var pipelines: Set<String> = []
    /// Attempts under way, by run.
    private var begun: [String: [InstanceNumber: Begun]] = [:]

    public init() {}

    /// What was counted, without the attempts under way, so that whoever keeps it costs the next addition no copy of them.
    var counted: PipelineCounts {
        var counts = self
        counts.begun = [:]
        return counts
    }

    /// Adds what was stored.
    ///
    /// - Parameter now: of the clock that does not jump.
    mutating func add(_ turn: Turn, at now: Timestamp.Span) {
        turns += 1
        for (run, timed) in turn.records {
            guard let graph = turn.graphs[run] else { continue }
            add(timed.record, of: run, graph, at: now)
        }
        for change in turn.runStates where change.state.isEnd {
            guard let pipeline = turn.graphs[change.run]?.definition.name else { continue }
            guard pipelines.contains(pipeline) || pipelines.count < Self.pipelineLimit else { continue }
            pipelines.insert(pipeline)
            runs[RunKey(pipeline: pipeline, state: change.state), default: 0] += 1
        }
    }

    private mutating func add(_ record: RunRecord, of run: String, _ graph: PipelineGraph, at now: Timestamp.Span) {
        switch record {
        case .attempt(let number, _, let isDeferred): begun[run, default: [:]][number] = Begun(at: now, isWaiting: isDeferred)
        case .ended(let number, let attempt, let state, let end) where attempt > 0:
            let outcome: Outcome =
                switch state {
                case .succeeded: end.isCached ? .cached : .succeeded
                case .skipped: .skipped
                case .cancelled: .cancelled
                default: .failed
                }
            ended(number, of: run, outcome, graph, at: now)
        case .retrying(let number, _, _, _): ended(number, of: run, .retried, graph, at: now)
        case .interrupted(let number, _, _): ended(number, of: run, .interrupted, graph, at: now)
        case .marked(let number, _, _):
            if begun[run]?[number] != nil { ended(number, of: run, .cancelled, graph, at: now) }
        case .stopping(let cause, _):
            // What only waits ends with it; what runs is told when it has ended.
            for (number, attempt) in begun[run] ?? [:] where attempt.isWaiting {
                if cause == .cancelled || !graph.nodes[number.task].task.isOnFailure { ended(number, of: run, .cancelled, graph, at: now) }
            }
        case .finished: begun[run] = nil
        case .began, .expanded, .ended, .cleared, .late: break
        }
    }

    private mutating func ended(
        _ number: InstanceNumber, of run: String, _ outcome: Outcome, _ graph: PipelineGraph, at now: Timestamp.Span
    ) {
        let kind = graph.nodes[number.task].task.work.kind.word
        attempts[AttemptKey(kind: kind, outcome: outcome), default: 0] += 1
        guard let begun = begun[run]?.removeValue(forKey: number) else { return }
        durations[kind, default: Durations()].add(Timestamp.Span(microseconds: max(0, now.microseconds - begun.at.microseconds)))
    }
}

/// Counts, and how things stand at the moment.
public struct PipelineFigures: Sendable {
    public var counts: PipelineCounts
    public var runsUnderWay: Int
    /// Runs that wait for others of their pipeline.
    public var runsQueued: Int
    public var attemptsUnderWay: Int
    /// Task instances that could start and wait for room.
    public var instancesWaiting: Int
    /// For how long the run has been due that should have started first.
    public var scheduleLag: Timestamp.Span
    /// What scheduling cost so far, in steps of the scheduler.
    public var steps: Int
}
