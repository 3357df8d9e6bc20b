public import MartletBytes
public import MartletFrames
public import MartletStorage

/// Pipelines' state in the SQL database. Every call is part of the caller's transaction.
///
/// A run's history is what its records say; the row of the run holds what lists and searches need.
public struct PipelineTables: Sendable {
    public static let migrations = [
        Migration(
            part: "pipelines", number: 1,
            sql: """
                CREATE TABLE pipelines_runs (
                    id TEXT PRIMARY KEY,
                    pipeline TEXT NOT NULL,
                    state TEXT NOT NULL,
                    cause TEXT NOT NULL,
                    interval_start INTEGER,
                    interval_end INTEGER,
                    parameters TEXT NOT NULL,
                    actor_kind TEXT NOT NULL,
                    actor_id TEXT NOT NULL,
                    actor_name TEXT NOT NULL,
                    created INTEGER NOT NULL,
                    began INTEGER,
                    ended INTEGER,
                    source TEXT NOT NULL,
                    definition TEXT NOT NULL,
                    tasks INTEGER NOT NULL,
                    backfill TEXT,
                    parent_run TEXT,
                    parent_task TEXT,
                    parent_index INTEGER,
                    request_key TEXT,
                    note TEXT
                ) WITHOUT ROWID;
                CREATE INDEX pipelines_runs_by_pipeline ON pipelines_runs (pipeline, id);
                CREATE INDEX pipelines_runs_by_state ON pipelines_runs (state, id);
                CREATE INDEX pipelines_runs_by_pipeline_and_state ON pipelines_runs (pipeline, state, id);
                CREATE INDEX pipelines_runs_by_interval ON pipelines_runs (pipeline, interval_start) WHERE interval_start IS NOT NULL;
                CREATE INDEX pipelines_runs_by_backfill ON pipelines_runs (backfill, id) WHERE backfill IS NOT NULL;
                CREATE UNIQUE INDEX pipelines_runs_once ON pipelines_runs (pipeline, interval_start) WHERE cause = 'schedule';
                CREATE UNIQUE INDEX pipelines_runs_by_key ON pipelines_runs (pipeline, request_key) WHERE request_key IS NOT NULL;
                CREATE TABLE pipelines_history (
                    sequence INTEGER PRIMARY KEY,
                    run TEXT NOT NULL,
                    records TEXT NOT NULL
                );
                CREATE INDEX pipelines_history_by_run ON pipelines_history (run, sequence);
                CREATE TABLE pipelines_cursors (
                    pipeline TEXT NOT NULL,
                    key TEXT NOT NULL,
                    time INTEGER NOT NULL,
                    PRIMARY KEY (pipeline, key)
                ) WITHOUT ROWID;
                CREATE TABLE pipelines_paused (
                    pipeline TEXT PRIMARY KEY,
                    person TEXT NOT NULL,
                    time INTEGER NOT NULL
                ) WITHOUT ROWID;
                CREATE TABLE pipelines_backfills (
                    id TEXT PRIMARY KEY,
                    pipeline TEXT NOT NULL,
                    state TEXT NOT NULL,
                    actor_kind TEXT NOT NULL,
                    actor_id TEXT NOT NULL,
                    actor_name TEXT NOT NULL,
                    created INTEGER NOT NULL,
                    parameters TEXT NOT NULL,
                    intervals TEXT NOT NULL,
                    next INTEGER NOT NULL,
                    max_active_runs INTEGER NOT NULL
                ) WITHOUT ROWID;
                CREATE TABLE pipelines_cache (
                    key TEXT PRIMARY KEY,
                    run TEXT NOT NULL,
                    task TEXT NOT NULL,
                    time INTEGER NOT NULL,
                    result TEXT NOT NULL
                ) WITHOUT ROWID;
                CREATE INDEX pipelines_cache_by_time ON pipelines_cache (time);
                CREATE TABLE pipelines_owner (
                    one INTEGER PRIMARY KEY CHECK (one = 1),
                    epoch INTEGER NOT NULL
                );
                """),
        // Whether a run may have files of logs and work, so that those of runs that ended are found without a look at the disk.
        Migration(
            part: "pipelines", number: 2,
            sql: """
                ALTER TABLE pipelines_runs ADD COLUMN has_files INTEGER NOT NULL DEFAULT 1;
                CREATE INDEX pipelines_runs_with_files ON pipelines_runs (ended) WHERE has_files = 1 AND ended IS NOT NULL;
                """),
        Migration(
            part: "pipelines", number: 3,
            sql: """
                CREATE TABLE pipelines_traces (
                    run TEXT NOT NULL,
                    task TEXT NOT NULL,
                    item INTEGER NOT NULL,
                    attempt INTEGER NOT NULL,
                    pipeline TEXT NOT NULL,
                    time INTEGER NOT NULL,
                    PRIMARY KEY (run, task, item, attempt)
                ) WITHOUT ROWID;
                CREATE TABLE pipelines_uses (
                    run TEXT NOT NULL,
                    task TEXT NOT NULL,
                    item INTEGER NOT NULL,
                    attempt INTEGER NOT NULL,
                    direction TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    name TEXT NOT NULL,
                    version TEXT NOT NULL,
                    row_count INTEGER,
                    byte_count INTEGER,
                    PRIMARY KEY (run, task, item, attempt, direction, kind, name, version)
                ) WITHOUT ROWID;
                CREATE INDEX pipelines_uses_of_thing ON pipelines_uses (kind, name, direction, run);
                CREATE INDEX pipelines_uses_of_version ON pipelines_uses (kind, name, version, direction, run) WHERE kind <> 'stream';
                """),
        Migration(
            part: "pipelines", number: 4,
            sql: """
                CREATE TABLE pipelines_alerts (
                    sequence INTEGER PRIMARY KEY,
                    kind TEXT NOT NULL,
                    pipeline TEXT NOT NULL,
                    run TEXT NOT NULL,
                    task TEXT,
                    time INTEGER NOT NULL
                );
                CREATE INDEX pipelines_alerts_by_pipeline ON pipelines_alerts (pipeline, sequence);
                CREATE INDEX pipelines_alerts_by_time ON pipelines_alerts (time);
                """),
    ]

    public init() {}

    // MARK: - Ownership

    /// Makes whoever opened the store its owner: what an earlier owner commits is refused from now on.
    public func takeOwnership(_ database: any DatabaseTransaction) throws -> Int {
        try database.execute("""
            INSERT INTO pipelines_owner (one, epoch) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET epoch = epoch + 1
            """)
        return try database.row("SELECT epoch FROM pipelines_owner")?.value("epoch") ?? 0
    }

    // MARK: - Committing

    /// Stores a turn of the scheduler.
    ///
    /// - Parameter epoch: of the owner; a stale one is refused with ``PipelineStoreError``.
    /// - Returns: the sequence number of the newest record.
    @discardableResult
    public func commit(
        _ turn: Turn, epoch: Int, _ database: any DatabaseTransaction
    ) throws -> Int64 {
        let owner: Int? = try database.row("SELECT epoch FROM pipelines_owner")?.value("epoch")
        guard owner == epoch else { throw PipelineStoreError.overtaken }
        for run in turn.newRuns { try insert(run, database) }
        let sequence = try append(turn, database)
        for change in turn.runStates {
            try database.execute("""
                UPDATE pipelines_runs SET state = \(change.state.rawValue), began = \(change.began), ended = \(change.ended), has_files = 1
                WHERE id = \(change.run)
                """)
        }
        for change in turn.cursors {
            try database.execute("""
                INSERT INTO pipelines_cursors (pipeline, key, time) VALUES (\(change.pipeline), \(change.key), \(change.time))
                ON CONFLICT (pipeline, key) DO UPDATE SET time = excluded.time
                """)
        }
        for change in turn.paused {
            if change.isPaused {
                try database.execute("""
                    INSERT INTO pipelines_paused (pipeline, person, time) VALUES (\(change.pipeline), \(change.by), \(change.time))
                    ON CONFLICT (pipeline) DO NOTHING
                    """)
            } else {
                try database.execute("DELETE FROM pipelines_paused WHERE pipeline = \(change.pipeline)")
            }
        }
        for backfill in turn.backfills { try upsert(backfill, database) }
        for entry in turn.cacheEntries {
            try database.execute("""
                INSERT INTO pipelines_cache (key, run, task, time, result)
                VALUES (\(entry.key), \(entry.run), \(entry.task), \(entry.time), \(entry.result.json.description))
                ON CONFLICT (key) DO UPDATE SET run = excluded.run, task = excluded.task, time = excluded.time, result = excluded.result
                """)
        }
        try insert(turn.traces, database)
        for case .alert(let alert) in turn.effects { try insert(alert, database) }
        return sequence
    }

    /// Ends runs whose definition can no longer be read.
    public func fail(_ runs: [String], at time: Timestamp, _ database: any DatabaseTransaction) throws {
        for run in runs {
            try database.execute("UPDATE pipelines_runs SET state = 'failed', ended = \(time) WHERE id = \(run)")
        }
    }

    private func insert(_ run: Turn.NewRun, _ database: any DatabaseTransaction) throws {
        let facts = run.facts
        try database.execute("""
            INSERT INTO pipelines_runs (id, pipeline, state, cause, interval_start, interval_end, parameters, actor_kind, actor_id,
                actor_name, created, source, definition, tasks, backfill, parent_run, parent_task, parent_index, request_key, note)
            VALUES (\(facts.id), \(facts.pipeline), \(RunState.queued.rawValue), \(facts.cause.rawValue), \(facts.interval?.start),
                \(facts.interval?.end), \(facts.parameters.typedJSON.description), \(facts.actor.kind), \(facts.actor.id),
                \(facts.actor.name), \(facts.created), \(run.source), \(run.definition), \(run.taskCount), \(facts.backfill),
                \(facts.parent?.run), \(facts.parent?.task), \(facts.parent?.index), \(facts.requestKey), \(facts.note))
            """)
    }

    /// One row for what happened in one run in one turn.
    private func append(
        _ turn: Turn, _ database: any DatabaseTransaction
    ) throws -> Int64 {
        var order: [String] = []
        var writers: [String: JSONWriter] = [:]
        for (run, record) in turn.records {
            guard let graph = turn.graphs[run] else { throw PipelineStoreError.noGraph(run) }
            if writers[run] == nil {
                order.append(run)
                var writer = JSONWriter()
                writer.beginArray()
                writers[run] = writer
            }
            record.json(graph).write(into: &writers[run, default: JSONWriter()])
        }
        for run in order {
            writers[run]?.endArray()
            let text = String(decoding: writers[run]?.bytes ?? [], as: UTF8.self)
            try database.execute("INSERT INTO pipelines_history (run, records) VALUES (\(run), \(text))")
        }
        guard !order.isEmpty else { return 0 }
        return try database.row("SELECT MAX(sequence) AS newest FROM pipelines_history")?.optional("newest") ?? 0
    }

    private func upsert(_ backfill: Backfill, _ database: any DatabaseTransaction) throws {
        let intervals = JSONValue.array(
            backfill.intervals.map { .array([.int64($0.start.microseconds), .int64($0.end.microseconds)]) })
        try database.execute("""
            INSERT INTO pipelines_backfills (id, pipeline, state, actor_kind, actor_id, actor_name, created, parameters, intervals,
                next, max_active_runs)
            VALUES (\(backfill.id), \(backfill.pipeline), \(backfill.state.rawValue), \(backfill.actor.kind), \(backfill.actor.id),
                \(backfill.actor.name), \(backfill.created), \(backfill.parameters.typedJSON.description), \(intervals.description),
                \(backfill.next), \(backfill.maxActiveRuns))
            ON CONFLICT (id) DO UPDATE SET state = excluded.state, next = excluded.next
            """)
    }
}

/// A failure of the pipelines' store that is not the database's.
public struct PipelineStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    public var message: String
    public var description: String { message }

    static let overtaken = Self(message: "another program has taken over the pipelines of this project")
    static func noGraph(_ run: String) -> Self { Self(message: "run '\(run)' has no graph") }
    static func damaged(_ what: String) -> Self { Self(message: "the stored \(what) of pipelines cannot be read") }
}

extension [String: MartletFrames.Value] {
    /// Keys sorted, each value with what tells its type.
    public var typedJSON: JSONValue { mapValues { TaskValue.scalar($0) }.json }

    public init?(typedJSON json: JSONValue) {
        guard let values = [String: TaskValue](json: json) else { return nil }
        var found: [String: MartletFrames.Value] = [:]
        for (name, value) in values {
            guard case .scalar(let value) = value else { return nil }
            found[name] = value
        }
        self = found
    }
}
