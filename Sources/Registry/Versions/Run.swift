import MartletBytes
public import MartletFrames
public import MartletStorage

/// One attempt at training a model.
public struct Run: Hashable, Sendable {
    /// A time-ordered id.
    public var id: String
    public var model: String
    public var status: Status
    public var started: Timestamp
    public var ended: Timestamp?
    /// The hash of the model's definition.
    public var definition: String
    public var actor: String
    /// What was set, measured and found, as JSON objects: parameters, metrics, rows, gates.
    public var parameters: String
    public var metrics: String?
    public var rows: String?
    public var gates: String?
    /// The version that it registered.
    public var version: Int?
    public var failure: String?
    /// What asked for it and is not to have two versions of it; nil for whoever may ask as often as they like.
    public var effectKey: String?

    public enum Status: String, Hashable, Sendable, CaseIterable {
        case running, succeeded, failed
    }

    public init(id: String, model: String, started: Timestamp, definition: String, actor: String, parameters: String) {
        self.id = id
        self.model = model
        status = .running
        self.started = started
        self.definition = definition
        self.actor = actor
        self.parameters = parameters
    }
}

/// The runs in the SQL database. Every call is part of the caller's transaction.
public struct RunTable: Sendable {
    static let migration = Migration(
        part: "registry", number: 3,
        sql: """
            CREATE TABLE registry_runs (
                id TEXT PRIMARY KEY,
                model TEXT NOT NULL,
                status TEXT NOT NULL,
                started INTEGER NOT NULL,
                ended INTEGER,
                definition TEXT NOT NULL,
                actor TEXT NOT NULL,
                parameters TEXT NOT NULL,
                metrics TEXT,
                rows TEXT,
                gates TEXT,
                version INTEGER,
                failure TEXT
            );
            CREATE INDEX registry_runs_by_model ON registry_runs (model, started);
            """)

    static let effectKeys = Migration(
        part: "registry", number: 4,
        sql: """
            ALTER TABLE registry_runs ADD COLUMN effect_key TEXT;
            CREATE INDEX registry_runs_by_effect_key ON registry_runs (effect_key) WHERE effect_key IS NOT NULL;
            """)

    public init() {}

    public func add(_ run: Run, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO registry_runs (id, model, status, started, definition, actor, parameters, effect_key)
            VALUES (\(run.id), \(run.model), \(run.status.rawValue), \(run.started), \(run.definition), \(run.actor),
                \(run.parameters), \(run.effectKey))
            """)
    }

    /// Stores how a run ended.
    public func finish(_ run: Run, _ database: any DatabaseTransaction) throws {
        let changed = try database.execute("""
            UPDATE registry_runs SET status = \(run.status.rawValue), ended = \(run.ended), metrics = \(run.metrics),
                rows = \(run.rows), gates = \(run.gates), version = \(run.version), failure = \(run.failure)
            WHERE id = \(run.id)
            """)
        guard changed == 1 else { throw RegistryError.noRun(run.id) }
    }

    /// Marks runs that a crash cut short, which no process carries on.
    public func failInterrupted(at time: Timestamp, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            UPDATE registry_runs SET status = 'failed', ended = \(time), failure = 'the server stopped during the run'
            WHERE status = 'running'
            """)
    }

    public func run(_ id: String, _ database: any DatabaseReader) throws -> Run {
        guard let row = try database.row("SELECT * FROM registry_runs WHERE id = \(id)") else { throw RegistryError.noRun(id) }
        return try run(row)
    }

    /// The run that registered a version of a model under a key; nil if none did.
    public func run(of model: String, effectKey: String, _ database: any DatabaseReader) throws -> Run? {
        try database.row("""
            SELECT * FROM registry_runs WHERE effect_key = \(effectKey) AND model = \(model) AND version IS NOT NULL
            ORDER BY started LIMIT 1
            """).map(run)
    }

    /// Newest first.
    public func list(model: String?, _ database: any DatabaseReader, limit: Int) throws -> [Run] {
        let all: Statement = "SELECT * FROM registry_runs"
        let filter: Statement = if let model { " WHERE model = \(model)" } else { "" }
        return try database.rows(all + filter + " ORDER BY started DESC, id DESC LIMIT \(limit)", limit: limit).map(run)
    }

    private func run(_ row: DatabaseRow) throws -> Run {
        guard let status = Run.Status(rawValue: try row.value("status")) else { throw RegistryError.damaged("runs") }
        var run = Run(
            id: try row.value("id"), model: try row.value("model"), started: try row.value("started"),
            definition: try row.value("definition"), actor: try row.value("actor"), parameters: try row.value("parameters"))
        run.status = status
        run.ended = try row.optional("ended")
        run.metrics = try row.optional("metrics")
        run.rows = try row.optional("rows")
        run.gates = try row.optional("gates")
        run.version = try row.optional("version")
        run.failure = try row.optional("failure")
        run.effectKey = try row.optional("effect_key")
        return run
    }
}
