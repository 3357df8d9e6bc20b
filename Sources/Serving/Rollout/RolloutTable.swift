public import MartletFrames
public import MartletStorage

/// What happened to a rollout, in order.
public struct RolloutEvent: Hashable, Sendable {
    public var time: Timestamp
    public var kind: Kind
    /// From 0.
    public var step: Int
    /// Who did it; nil where the judgement did.
    public var actor: String?
    public var reason: String
    /// What had been seen, as JSON; nil at the start.
    public var evidence: String?

    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case started, advanced, waiting, promoted, withdrawn, superseded
    }

    public init(time: Timestamp, kind: Kind, step: Int, actor: String?, reason: String, evidence: String?) {
        self.time = time
        self.kind = kind
        self.step = step
        self.actor = actor
        self.reason = reason
        self.evidence = evidence
    }
}

/// The rollouts in the SQL database, with what happened to each. Every call is part of the caller's transaction.
public struct RolloutTable: Sendable {
    public static let migrations = [
        Migration(
            part: "serving", number: 1,
            sql: """
                CREATE TABLE serving_rollouts (
                    id TEXT PRIMARY KEY,
                    endpoint TEXT NOT NULL,
                    model TEXT NOT NULL,
                    alias TEXT NOT NULL,
                    champion INTEGER NOT NULL,
                    challenger INTEGER NOT NULL,
                    definition TEXT NOT NULL,
                    actor TEXT NOT NULL,
                    started INTEGER NOT NULL,
                    state TEXT NOT NULL,
                    step INTEGER NOT NULL,
                    step_started INTEGER NOT NULL,
                    step_position INTEGER NOT NULL,
                    ended INTEGER,
                    reason TEXT NOT NULL
                ) WITHOUT ROWID;
                CREATE UNIQUE INDEX serving_rollouts_active ON serving_rollouts (endpoint) WHERE ended IS NULL;
                CREATE INDEX serving_rollouts_by_endpoint ON serving_rollouts (endpoint, id);
                CREATE TABLE serving_rollout_events (
                    sequence INTEGER PRIMARY KEY,
                    rollout TEXT NOT NULL REFERENCES serving_rollouts (id),
                    time INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    step INTEGER NOT NULL,
                    actor TEXT,
                    reason TEXT NOT NULL,
                    evidence TEXT
                );
                CREATE INDEX serving_rollout_events_by_rollout ON serving_rollout_events (rollout, sequence);
                """)
    ]

    public init() {}

    /// Adds a rollout that begins.
    public func add(_ rollout: Rollout, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO serving_rollouts (id, endpoint, model, alias, champion, challenger, definition, actor, started, state, step,
                step_started, step_position, ended, reason)
            VALUES (\(rollout.id), \(rollout.endpoint), \(rollout.model), \(rollout.alias), \(rollout.champion), \(rollout.challenger),
                \(rollout.definition), \(rollout.actor), \(rollout.started), \(rollout.state.rawValue), \(rollout.step),
                \(rollout.stepStarted), \(rollout.stepPosition), \(rollout.ended), \(rollout.reason))
            """)
        try add(RolloutEvent(time: rollout.started, kind: .started, step: 0, actor: rollout.actor, reason: rollout.reason, evidence: nil), to: rollout.id, database)
    }

    /// Stores how far a rollout has come, and what brought it there.
    ///
    /// - Returns: false, and nothing is stored, if it has ended meanwhile.
    public func update(_ rollout: Rollout, _ event: RolloutEvent, _ database: any DatabaseTransaction) throws -> Bool {
        guard let now = try self.rollout(rollout.id, database), now.ended == nil else { return false }
        try database.execute("""
            UPDATE serving_rollouts SET state = \(rollout.state.rawValue), step = \(rollout.step), step_started = \(rollout.stepStarted),
                step_position = \(rollout.stepPosition), ended = \(rollout.ended), reason = \(rollout.reason)
            WHERE id = \(rollout.id)
            """)
        try add(event, to: rollout.id, database)
        return true
    }

    private func add(_ event: RolloutEvent, to rollout: String, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO serving_rollout_events (rollout, time, kind, step, actor, reason, evidence)
            VALUES (\(rollout), \(event.time), \(event.kind.rawValue), \(event.step), \(event.actor), \(event.reason), \(event.evidence))
            """)
    }

    public func rollout(_ id: String, _ database: any DatabaseReader) throws -> Rollout? {
        try database.row("SELECT * FROM serving_rollouts WHERE id = \(id)").map(rollout)
    }

    /// Those that have not ended, by endpoint.
    public func active(_ database: any DatabaseReader) throws -> [Rollout] {
        try database.rows("SELECT * FROM serving_rollouts WHERE ended IS NULL ORDER BY endpoint", limit: Self.limit).map(rollout)
    }

    /// How many there ever were, by state.
    public func counts(_ database: any DatabaseReader) throws -> [Rollout.State: Int] {
        var counts: [Rollout.State: Int] = [:]
        for row in try database.rows("SELECT state, COUNT(*) AS number FROM serving_rollouts GROUP BY state") {
            if let state = Rollout.State(rawValue: try row.value("state")) { counts[state] = try row.value("number") }
        }
        return counts
    }

    /// The newest first, of one endpoint or of all.
    public func list(endpoint: String?, before id: String?, limit: Int, _ database: any DatabaseReader) throws -> [Rollout] {
        let all: Statement = "SELECT * FROM serving_rollouts WHERE 1 = 1"
        let ofEndpoint: Statement = if let endpoint { " AND endpoint = \(endpoint)" } else { "" }
        let older: Statement = if let id { " AND id < \(id)" } else { "" }
        return try database.rows(all + ofEndpoint + older + " ORDER BY id DESC LIMIT \(limit)", limit: limit).map(rollout)
    }

    /// What happened to a rollout, in order.
    public func events(of rollout: String, _ database: any DatabaseReader) throws -> [RolloutEvent] {
        try database.rows(
            "SELECT * FROM serving_rollout_events WHERE rollout = \(rollout) ORDER BY sequence LIMIT \(Self.limit)", limit: Self.limit
        ).map { row in
            guard let kind = RolloutEvent.Kind(rawValue: try row.value("kind")) else { throw ServingError.damaged("events of rollouts") }
            return RolloutEvent(
                time: try row.value("time"), kind: kind, step: try row.value("step"), actor: try row.optional("actor"),
                reason: try row.value("reason"), evidence: try row.optional("evidence"))
        }
    }

    /// Endpoints of a project, and events of a rollout, are fewer.
    private static let limit = 10_000

    private func rollout(_ row: DatabaseRow) throws -> Rollout {
        guard let state = Rollout.State(rawValue: try row.value("state")) else { throw ServingError.damaged("rollouts") }
        return Rollout(
            id: try row.value("id"), endpoint: try row.value("endpoint"), model: try row.value("model"), alias: try row.value("alias"),
            champion: try row.value("champion"), challenger: try row.value("challenger"), definition: try row.value("definition"),
            actor: try row.value("actor"), started: try row.value("started"), state: state, step: try row.value("step"),
            stepStarted: try row.value("step_started"), stepPosition: try row.value("step_position"), ended: try row.optional("ended"),
            reason: try row.value("reason"))
    }
}
