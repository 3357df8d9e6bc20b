import MartletBytes
public import MartletFrames
public import MartletStorage

/// A run as its row tells it.
public struct StoredRun: Hashable, Sendable {
    public var facts: RunFacts
    public var state: RunState
    public var began: Timestamp?
    public var ended: Timestamp?
    /// Names the project's files that hold the definition.
    public var source: String
    /// The hash of the definition.
    public var definition: String
    public var taskCount: Int
}

/// Which runs a list has.
public struct RunFilter: Hashable, Sendable {
    public var pipeline: String?
    public var state: RunState?
    public var backfill: String?
    /// Only runs older than this one, which a page ended with.
    public var before: String?
    /// Only runs made at or after.
    public var since: Timestamp?
    public var until: Timestamp?

    public init(
        pipeline: String? = nil, state: RunState? = nil, backfill: String? = nil, before: String? = nil, since: Timestamp? = nil,
        until: Timestamp? = nil
    ) {
        self.pipeline = pipeline
        self.state = state
        self.backfill = backfill
        self.before = before
        self.since = since
        self.until = until
    }
}

extension PipelineTables {
    /// Nil for an id of no run.
    public func run(_ id: String, _ database: any DatabaseReader) throws -> StoredRun? {
        try database.row("SELECT * FROM pipelines_runs WHERE id = \(id)").map(run)
    }

    /// The run that a request with a key made; nil if there is none.
    public func run(pipeline: String, requestKey: String, _ database: any DatabaseReader) throws -> StoredRun? {
        try database.row("SELECT * FROM pipelines_runs WHERE pipeline = \(pipeline) AND request_key = \(requestKey)").map(run)
    }

    /// Newest first.
    ///
    /// - Complexity: O(limit + log runs) for every filter, times aside.
    public func runs(_ filter: RunFilter, limit: Int, _ database: any DatabaseReader) throws -> [StoredRun] {
        try database.rows(Self.list(filter, limit: limit), limit: limit).map(run)
    }

    /// The statement behind ``runs(_:limit:_:)``.
    static func list(_ filter: RunFilter, limit: Int) -> Statement {
        var statement: Statement = "SELECT * FROM pipelines_runs WHERE TRUE"
        if let backfill = filter.backfill {
            // A backfill has fewer runs than any pipeline or state may have; computed, those columns keep no index of theirs in play.
            statement += " AND backfill = \(backfill)"
            if let pipeline = filter.pipeline { statement += " AND pipeline || '' = \(pipeline)" }
            if let state = filter.state { statement += " AND state || '' = \(state.rawValue)" }
        } else {
            if let pipeline = filter.pipeline { statement += " AND pipeline = \(pipeline)" }
            if let state = filter.state { statement += " AND state = \(state.rawValue)" }
        }
        if let before = filter.before { statement += " AND id < \(before)" }
        // Ids are ordered by their time, so times are bounds of ids.
        if let since = filter.since { statement += " AND id >= \(firstID(at: since))" }
        if let until = filter.until { statement += " AND id < \(firstID(at: until))" }
        statement += " ORDER BY id DESC LIMIT \(limit)"
        return statement
    }

    /// Runs that have not ended, oldest first.
    public func unendedRuns(_ database: any DatabaseReader, limit: Int = 1_000_000) throws -> [StoredRun] {
        try database.rows(
            "SELECT * FROM pipelines_runs WHERE state IN ('queued', 'running') ORDER BY id", limit: limit
        ).map(run)
    }

    /// The runs of a range of intervals, each with its state.
    public func states(
        pipeline: String, intervalsFrom start: Timestamp, to end: Timestamp, _ database: any DatabaseReader
    ) throws -> [(start: Timestamp, state: RunState)] {
        try database.rows("""
            SELECT interval_start, state FROM pipelines_runs WHERE pipeline = \(pipeline) AND interval_start >= \(start)
                AND interval_start < \(end) ORDER BY interval_start, id
            """, limit: 1_000_000
        ).map { row in
            guard let state = RunState(rawValue: try row.value("state")) else { throw PipelineStoreError.damaged("runs") }
            return (try row.value("interval_start"), state)
        }
    }

    /// A run's records in order.
    public func records(of run: String, _ graph: PipelineGraph, _ database: any DatabaseReader) throws -> [TimedRecord] {
        var records: [TimedRecord] = []
        for row in try database.rows(
            "SELECT records FROM pipelines_history WHERE run = \(run) ORDER BY sequence", limit: 10_000_000)
        {
            guard let items = Self.json(try row.value("records"))?.array else {
                throw PipelineStoreError.damaged("history")
            }
            for item in items {
                guard let record = TimedRecord(item, graph) else { throw PipelineStoreError.damaged("history") }
                records.append(record)
            }
        }
        return records
    }

    /// What happened after a sequence number, in all runs or in one: the records as they are stored, and their number.
    public func history(after sequence: Int64, run: String?, limit: Int, _ database: any DatabaseReader) throws
        -> [(sequence: Int64, run: String, records: String)]
    {
        let all: Statement = "SELECT sequence, run, records FROM pipelines_history WHERE sequence > \(sequence)"
        // What is left of the newest of a run that was deleted is nobody's.
        let filter: Statement = if let run { " AND run = \(run)" } else { " AND run <> ''" }
        return try database.rows(all + filter + " ORDER BY sequence LIMIT \(limit)", limit: limit).map {
            (try $0.value("sequence"), try $0.value("run"), try $0.value("records"))
        }
    }

    public func newestSequence(_ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT MAX(sequence) AS newest FROM pipelines_history")?.optional("newest") ?? 0
    }

    public func cursors(_ database: any DatabaseReader) throws -> [String: [String: Timestamp]] {
        var found: [String: [String: Timestamp]] = [:]
        for row in try database.rows("SELECT pipeline, key, time FROM pipelines_cursors", limit: 10_000_000) {
            found[try row.value("pipeline"), default: [:]][try row.value("key")] = try row.value("time")
        }
        return found
    }

    public func paused(_ database: any DatabaseReader) throws -> Set<String> {
        Set(try database.rows("SELECT pipeline FROM pipelines_paused", limit: 1_000_000).map { try $0.value("pipeline") })
    }

    /// Backfills, newest first.
    public func backfills(_ state: Backfill.State?, limit: Int, _ database: any DatabaseReader) throws -> [Backfill] {
        let all: Statement = "SELECT * FROM pipelines_backfills"
        let filter: Statement = if let state { " WHERE state = \(state.rawValue)" } else { "" }
        return try database.rows(all + filter + " ORDER BY id DESC LIMIT \(limit)", limit: limit).map { row in
            guard let state = Backfill.State(rawValue: try row.value("state")),
                let parameters = Self.json(try row.value("parameters")).flatMap({ [String: Value](typedJSON: $0) }),
                let items = Self.json(try row.value("intervals"))?.array
            else { throw PipelineStoreError.damaged("backfills") }
            let intervals = items.compactMap { item -> DataInterval? in
                guard let times = item.array, times.count == 2, let start = times[0].int64, let end = times[1].int64, start < end else {
                    return nil
                }
                return DataInterval(start: Timestamp(microseconds: start), end: Timestamp(microseconds: end))
            }
            guard intervals.count == items.count else { throw PipelineStoreError.damaged("backfills") }
            var backfill = Backfill(
                id: try row.value("id"), pipeline: try row.value("pipeline"), actor: try actor(row), created: try row.value("created"),
                parameters: parameters, intervals: intervals, maxActiveRuns: try row.value("max_active_runs"))
            backfill.next = try row.value("next")
            backfill.state = state
            return backfill
        }
    }

    /// The result that was kept under a key, if it is not older than a time.
    public func cached(_ key: String, since: Timestamp, _ database: any DatabaseReader) throws -> [String: TaskValue]? {
        guard let row = try database.row("SELECT result FROM pipelines_cache WHERE key = \(key) AND time >= \(since)") else { return nil }
        guard let result = Self.json(try row.value("result")).flatMap({ [String: TaskValue](json: $0) })
        else { throw PipelineStoreError.damaged("cache") }
        return result
    }

    /// The least id that a run made at a time can have.
    static func firstID(at time: Timestamp) -> String {
        let milliseconds = UInt64(max(0, time.microseconds / 1_000)) & 0xFFFF_FFFF_FFFF
        let digits = String(milliseconds, radix: 16)
        let padded = String(repeating: "0", count: 12 - digits.count) + digits
        return padded.prefix(8) + "-" + padded.suffix(4)
    }

    /// Nil for a text that is no JSON.
    private static func json(_ text: String) -> JSONValue? { try? JSONValue(parsing: text, lengthLimit: 1 << 30) }

    private func actor(_ row: DatabaseRow) throws -> RunActor {
        RunActor(kind: try row.value("actor_kind"), id: try row.value("actor_id"), name: try row.value("actor_name"))
    }

    private func run(_ row: DatabaseRow) throws -> StoredRun {
        guard let state = RunState(rawValue: try row.value("state")), let cause = RunCause(rawValue: try row.value("cause")),
            let parameters = Self.json(try row.value("parameters")).flatMap({ [String: Value](typedJSON: $0) })
        else { throw PipelineStoreError.damaged("runs") }
        var facts = RunFacts(
            id: try row.value("id"), pipeline: try row.value("pipeline"), cause: cause, parameters: parameters, actor: try actor(row),
            created: try row.value("created"), backfill: try row.optional("backfill"), requestKey: try row.optional("request_key"),
            note: try row.optional("note"))
        if let start: Timestamp = try row.optional("interval_start"), let end: Timestamp = try row.optional("interval_end") {
            guard start < end else { throw PipelineStoreError.damaged("runs") }
            facts.interval = DataInterval(start: start, end: end)
        }
        if let parent: String = try row.optional("parent_run"), let task: String = try row.optional("parent_task") {
            facts.parent = InstanceAddress(run: parent, task: task, index: try row.optional("parent_index") ?? 0)
        }
        return StoredRun(
            facts: facts, state: state, began: try row.optional("began"), ended: try row.optional("ended"),
            source: try row.value("source"), definition: try row.value("definition"), taskCount: try row.value("tasks"))
    }
}
