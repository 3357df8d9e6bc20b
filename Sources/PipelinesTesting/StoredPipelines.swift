package import MartletFrames
package import MartletPipelines

/// What a store of pipelines holds: the model of one, and what a simulation keeps over a crash.
package struct StoredPipelines: Sendable {
    package struct StoredRun: Sendable {
        package var facts: RunFacts
        package var source: String
        package var state = RunState.queued
        package var began: Timestamp?
        package var ended: Timestamp?
        package var records: [TimedRecord] = []
    }

    /// In the order of making.
    package private(set) var order: [String] = []
    package private(set) var runs: [String: StoredRun] = [:]
    package private(set) var cursors: [String: [String: Timestamp]] = [:]
    package private(set) var paused: Set<String> = []
    package private(set) var backfills: [String: Backfill] = [:]
    package private(set) var cache: [String: Turn.CacheEntry] = [:]

    package init() {}

    /// Stores a turn as a whole.
    package mutating func commit(_ turn: Turn) {
        for run in turn.newRuns {
            precondition(runs[run.facts.id] == nil, "a run is made twice")
            order.append(run.facts.id)
            runs[run.facts.id] = StoredRun(facts: run.facts, source: run.source)
        }
        for (run, record) in turn.records {
            precondition(runs[run] != nil, "a record of a run that was not made")
            runs[run]?.records.append(record)
        }
        for change in turn.runStates {
            runs[change.run]?.state = change.state
            runs[change.run]?.began = change.began
            runs[change.run]?.ended = change.ended
        }
        for change in turn.cursors { cursors[change.pipeline, default: [:]][change.key] = change.time }
        for change in turn.paused {
            if change.isPaused { paused.insert(change.pipeline) } else { paused.remove(change.pipeline) }
        }
        for backfill in turn.backfills { backfills[backfill.id] = backfill }
        for entry in turn.cacheEntries { cache[entry.key] = entry }
    }
}
