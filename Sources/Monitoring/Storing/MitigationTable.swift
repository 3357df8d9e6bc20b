public import MartletFrames
public import MartletStorage

/// What alarms changed at endpoints, in the SQL database. Every call is part of the caller's transaction.
public struct MitigationTable: Sendable {
    public static let migrations = [
        Migration(
            part: "mitigation", number: 1,
            sql: """
                CREATE TABLE mitigation_changes (
                    order_key TEXT PRIMARY KEY,
                    action TEXT NOT NULL,
                    endpoint TEXT NOT NULL,
                    change TEXT NOT NULL,
                    share DOUBLE PRECISION,
                    alarm TEXT NOT NULL,
                    alarm_name TEXT NOT NULL,
                    alarm_start BIGINT NOT NULL,
                    version BIGINT,
                    since BIGINT NOT NULL,
                    ended BIGINT,
                    reason TEXT NOT NULL
                );
                CREATE INDEX mitigation_changes_by_time ON mitigation_changes (since);
                """)
    ]

    public init() {}

    /// Adds one that begins; false, and nothing is stored, if its order has begun one before.
    public func add(_ mitigation: Mitigation, _ database: any DatabaseTransaction) throws -> Bool {
        guard try database.row("SELECT since FROM mitigation_changes WHERE order_key = \(mitigation.order)") == nil else { return false }
        var share: Double?
        if case .review(let value) = mitigation.change { share = value }
        try database.execute("""
            INSERT INTO mitigation_changes (order_key, action, endpoint, change, share, alarm, alarm_name, alarm_start, version, since, ended, reason)
            VALUES (\(mitigation.order), \(mitigation.action), \(mitigation.endpoint), \(mitigation.change.word), \(share), \(mitigation.alarm),
                \(mitigation.alarmName), \(mitigation.alarmStart), \(mitigation.version), \(mitigation.since), \(mitigation.ended),
                \(mitigation.reason))
            """)
        return true
    }

    /// Stores that one has ended; false if it had.
    public func end(_ order: String, at time: Timestamp, reason: String, _ database: any DatabaseTransaction) throws -> Bool {
        guard try database.row("SELECT since FROM mitigation_changes WHERE order_key = \(order) AND ended IS NULL") != nil else { return false }
        try database.execute("UPDATE mitigation_changes SET ended = \(time), reason = \(reason) WHERE order_key = \(order)")
        return true
    }

    /// Those that last or ended at a time or later, the oldest first; of more than the limit the newest.
    public func all(endedSince time: Timestamp, limit: Int, _ database: any DatabaseReader) throws -> [Mitigation] {
        try database.rows("""
            SELECT * FROM mitigation_changes WHERE ended IS NULL OR ended >= \(time) ORDER BY ended IS NULL DESC, since DESC LIMIT \(limit)
            """, limit: limit
        ).map(mitigation).sorted { ($0.since, $0.order) < ($1.since, $1.order) }
    }

    public func hasEnded(before time: Timestamp, _ database: any DatabaseReader) throws -> Bool {
        try database.row("SELECT since FROM mitigation_changes WHERE ended < \(time) LIMIT 1") != nil
    }

    /// Removes those that ended before a time.
    public func delete(endedBefore time: Timestamp, limit: Int, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            DELETE FROM mitigation_changes WHERE order_key IN (SELECT order_key FROM mitigation_changes WHERE ended < \(time) LIMIT \(limit))
            """)
    }

    private func mitigation(_ row: DatabaseRow) throws -> Mitigation {
        let share: Double? = try row.optional("share")
        let change: Mitigation.Change
        switch (try row.value("change", as: String.self), share) {
        case ("fallback", _): change = .fallback
        case ("review", let share?): change = .review(share: share)
        default: throw MonitoringError.damaged("changes of endpoints")
        }
        return Mitigation(
            order: try row.value("order_key"), action: try row.value("action"), endpoint: try row.value("endpoint"), change: change,
            alarm: try row.value("alarm"), alarmName: try row.value("alarm_name"), alarmStart: try row.value("alarm_start"),
            version: try row.optional("version"), since: try row.value("since"), ended: try row.optional("ended"), reason: try row.value("reason"))
    }
}
