import MartletBytes
public import MartletFrames
public import MartletStorage

/// The reviews of a project in the SQL database. Every call is part of the caller's transaction.
///
/// What people write may name persons, so it is sealed under a key of the vault.
public struct ReviewTable: Sendable {
    public static let migrations = [
        Migration(
            part: "feedback", number: 1,
            sql: """
                CREATE TABLE feedback_reviews (
                    id INTEGER PRIMARY KEY,
                    prediction TEXT NOT NULL UNIQUE,
                    endpoint TEXT NOT NULL,
                    position BIGINT NOT NULL,
                    time BIGINT NOT NULL,
                    expires BIGINT NOT NULL,
                    reason TEXT NOT NULL,
                    explored INTEGER NOT NULL,
                    propensity DOUBLE PRECISION NOT NULL,
                    output DOUBLE PRECISION,
                    state TEXT NOT NULL,
                    holder TEXT,
                    held_until BIGINT,
                    decided BIGINT,
                    log_end BIGINT,
                    label TEXT,
                    words BLOB NOT NULL
                );
                CREATE INDEX feedback_reviews_by_state ON feedback_reviews (state, id);
                CREATE INDEX feedback_reviews_by_endpoint ON feedback_reviews (endpoint, state, position);
                CREATE INDEX feedback_reviews_by_expiry ON feedback_reviews (state, expires);
                CREATE TABLE feedback_positions (endpoint TEXT PRIMARY KEY, position BIGINT NOT NULL);
                CREATE TABLE feedback_left_out (
                    endpoint TEXT NOT NULL, reason TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (endpoint, reason));
                """)
    ]

    /// One item, and the number by which lists go on.
    public struct Entry: Sendable {
        public var id: Int64
        public var item: ReviewItem
    }

    private let vault: Vault

    public init(vault: Vault) {
        self.vault = vault
    }

    // MARK: - Filling

    /// Up to where an endpoint's predictions were looked at; 0 if none were.
    public func position(of endpoint: String, _ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT position FROM feedback_positions WHERE endpoint = \(endpoint)")?.value("position") ?? 0
    }

    public func setPosition(of endpoint: String, to position: Int64, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO feedback_positions (endpoint, position) VALUES (\(endpoint), \(position))
            ON CONFLICT (endpoint) DO UPDATE SET position = excluded.position
            """)
    }

    /// Adds items as long as there is room; counts those for which there is none. One that is there already stays as it is.
    public func add(_ items: [ReviewItem], of endpoint: String, limit: Int, _ database: any DatabaseTransaction) throws {
        var room = limit - (try waiting(of: endpoint, database))
        var leftOut: [ReviewItem.Reason: Int] = [:]
        for item in items {
            if try entry(item.prediction, database) != nil { continue }
            guard room > 0 else {
                leftOut[item.reason, default: 0] += 1
                continue
            }
            room -= 1
            try insert(item, database)
        }
        for (reason, number) in leftOut {
            try database.execute("""
                INSERT INTO feedback_left_out (endpoint, reason, number) VALUES (\(endpoint), \(reason.rawValue), \(number))
                ON CONFLICT (endpoint, reason) DO UPDATE SET number = number + excluded.number
                """)
        }
    }

    /// How many of an endpoint's wait for a person or for the log.
    public func waiting(of endpoint: String, _ database: any DatabaseReader) throws -> Int {
        try database.row("""
            SELECT COUNT(*) AS number FROM feedback_reviews WHERE endpoint = \(endpoint) AND state IN ('open', 'claimed', 'answering')
            """)?.value("number") ?? 0
    }

    /// Ends those for which nobody came in time, and forgets expired ones that are older still.
    public func expire(at now: Timestamp, forgetting old: Timestamp.Span, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            UPDATE feedback_reviews SET state = 'expired', holder = NULL, held_until = NULL
            WHERE state IN ('open', 'claimed') AND expires <= \(now)
            """)
        try database.execute("DELETE FROM feedback_reviews WHERE state = 'expired' AND expires <= \(now - old)")
    }

    /// Whether ``expire(at:forgetting:_:)`` would change anything.
    public func hasExpired(at now: Timestamp, forgetting old: Timestamp.Span, _ database: any DatabaseReader) throws -> Bool {
        try database.row("""
            SELECT id FROM feedback_reviews
            WHERE (state IN ('open', 'claimed') AND expires <= \(now)) OR (state = 'expired' AND expires <= \(now - old)) LIMIT 1
            """) != nil
    }

    // MARK: - Reading

    /// The item of a prediction; nil if there is none.
    public func entry(_ prediction: String, _ database: any DatabaseReader) throws -> Entry? {
        try database.row("SELECT * FROM feedback_reviews WHERE prediction = \(prediction)").map(entry)
    }

    /// Oldest first, from after an id.
    public func list(
        endpoint: String?, state: ReviewItem.State?, after id: Int64 = 0, limit: Int, _ database: any DatabaseReader
    ) throws -> [Entry] {
        let start: Statement = "SELECT * FROM feedback_reviews WHERE id > \(id)"
        let ofEndpoint: Statement = if let endpoint { " AND endpoint = \(endpoint)" } else { "" }
        let inState: Statement = if let state { " AND state = \(state.rawValue)" } else { "" }
        return try database.rows(start + ofEndpoint + inState + " ORDER BY id LIMIT \(limit)", limit: limit).map(entry)
    }

    /// How many of an endpoint's are in each state.
    public func counts(of endpoint: String, _ database: any DatabaseReader) throws -> [ReviewItem.State: Int] {
        var counts: [ReviewItem.State: Int] = [:]
        for row in try database.rows("SELECT state, COUNT(*) AS number FROM feedback_reviews WHERE endpoint = \(endpoint) GROUP BY state") {
            if let state = ReviewItem.State(rawValue: try row.value("state")) { counts[state] = try row.value("number") }
        }
        return counts
    }

    /// How many of an endpoint's were left out for want of room, by reason.
    public func leftOut(of endpoint: String, _ database: any DatabaseReader) throws -> [ReviewItem.Reason: Int] {
        var counts: [ReviewItem.Reason: Int] = [:]
        for row in try database.rows("SELECT reason, number FROM feedback_left_out WHERE endpoint = \(endpoint)") {
            if let reason = ReviewItem.Reason(rawValue: try row.value("reason")) { counts[reason] = try row.value("number") }
        }
        return counts
    }

    /// The positions of predictions that a person decided, within a stretch of the log.
    public func decidedPositions(
        of endpoint: String, in range: Range<Int64>, limit: Int, _ database: any DatabaseReader
    ) throws -> Set<Int64> {
        let rows = try database.rows("""
            SELECT position FROM feedback_reviews
            WHERE endpoint = \(endpoint) AND state = 'decided' AND position >= \(range.lowerBound) AND position < \(range.upperBound)
            """, limit: limit)
        return Set(try rows.map { try $0.value("position") })
    }

    // MARK: - Changing

    /// Puts an item in the place of what it was.
    public func update(_ item: ReviewItem, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            UPDATE feedback_reviews SET expires = \(item.expires), reason = \(item.reason.rawValue), propensity = \(item.propensity),
                state = \(item.state.rawValue), holder = \(item.holder), held_until = \(item.heldUntil), decided = \(item.decided),
                log_end = \(item.logEnd), label = \(item.label), words = \(try words(item))
            WHERE prediction = \(item.prediction)
            """)
    }

    public func insert(_ item: ReviewItem, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO feedback_reviews (prediction, endpoint, position, time, expires, reason, explored, propensity, output, state,
                holder, held_until, decided, log_end, label, words)
            VALUES (\(item.prediction), \(item.endpoint), \(item.position), \(item.time), \(item.expires), \(item.reason.rawValue),
                \(item.isExplored), \(item.propensity), \(item.output), \(item.state.rawValue), \(item.holder), \(item.heldUntil),
                \(item.decided), \(item.logEnd), \(item.label), \(try words(item)))
            """)
    }

    private func words(_ item: ReviewItem) throws -> [UInt8] {
        if item.note == nil, item.objection == nil { return [] }
        var writer = ByteWriter()
        writer.write(item.note ?? "")
        writer.write(item.objection ?? "")
        return try vault.seal(writer.bytes, for: .reviews, at: item.prediction)
    }

    private func entry(_ row: DatabaseRow) throws -> Entry {
        let prediction: String = try row.value("prediction")
        var item = ReviewItem(
            prediction: prediction, endpoint: try row.value("endpoint"), position: try row.value("position"), time: try row.value("time"),
            expires: try row.value("expires"), reason: ReviewItem.Reason(rawValue: try row.value("reason")) ?? .uncertain,
            isExplored: try row.value("explored"), propensity: try row.value("propensity"), output: try row.optional("output"))
        item.state = ReviewItem.State(rawValue: try row.value("state")) ?? .expired
        item.holder = try row.optional("holder")
        item.heldUntil = try row.optional("held_until")
        item.decided = try row.optional("decided")
        item.logEnd = try row.optional("log_end")
        item.label = try row.optional("label")
        let sealed: [UInt8] = try row.value("words")
        if !sealed.isEmpty, let opened = try? vault.open(sealed, for: .reviews, at: prediction) {
            var reader = ByteReader(opened)
            let note = try reader.readString()
            let objection = try reader.readString()
            item.note = note.isEmpty ? nil : note
            item.objection = objection.isEmpty ? nil : objection
        }
        return Entry(id: try row.value("id"), item: item)
    }
}
