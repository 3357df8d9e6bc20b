internal import MartletBytes
public import MartletFrames
public import MartletStorage

/// One measured window of a monitor.
public struct MeasuredWindow: Hashable, Sendable {
    /// What of a window was measured.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        /// What was asked and answered: as soon as the window has closed.
        case requests
        /// What it turned out to be: once the outcomes must have come.
        case outcomes
        /// What came into a stream.
        case events
    }

    public var monitor: String
    public var part: Part
    public var start: Timestamp
    public var end: Timestamp
    /// When it was measured.
    public var measured: Timestamp
    public var rows: Int
    public var measures: [MonitorMeasure]
    /// What it was held against, where the monitor chose that.
    public var reference: ReferenceChoice?

    public init(
        monitor: String, part: Part, start: Timestamp, end: Timestamp, measured: Timestamp, rows: Int, measures: [MonitorMeasure],
        reference: ReferenceChoice? = nil
    ) {
        self.reference = reference
        self.monitor = monitor
        self.part = part
        self.start = start
        self.end = end
        self.measured = measured
        self.rows = rows
        self.measures = measures
    }
}

/// How far the reading of one part of a monitor has come.
public struct MonitorProgress: Hashable, Sendable {
    /// Where in the log reading goes on after a restart: before it stands nothing of a window that is still open.
    public var position: Int64
    /// Windows that begin before it are closed.
    public var closedThrough: Timestamp
    /// What came after its window had closed, or for more windows at a time than may be open.
    public var late: Int64
    /// Up to where the log had been read: what stands before it is not counted as late once more.
    public var readThrough: Int64
    /// When the newest came; nil before the first.
    public var newest: Timestamp?

    public init(position: Int64, closedThrough: Timestamp, late: Int64 = 0, readThrough: Int64, newest: Timestamp? = nil) {
        self.position = position
        self.closedThrough = closedThrough
        self.late = late
        self.readThrough = readThrough
        self.newest = newest
    }
}

/// Monitors' state in the SQL database. Every call is part of the caller's transaction.
public struct MonitorTables: Sendable {
    public static let migrations = [
        Migration(
            part: "monitoring", number: 1,
            sql: """
                CREATE TABLE monitoring_windows (
                    monitor TEXT NOT NULL,
                    part TEXT NOT NULL,
                    start INTEGER NOT NULL,
                    end_time INTEGER NOT NULL,
                    measured INTEGER NOT NULL,
                    row_count INTEGER NOT NULL,
                    measures TEXT NOT NULL,
                    PRIMARY KEY (monitor, part, start)
                ) WITHOUT ROWID;
                CREATE TABLE monitoring_profiles (
                    monitor TEXT NOT NULL,
                    start INTEGER NOT NULL,
                    profiles BLOB NOT NULL,
                    PRIMARY KEY (monitor, start)
                ) WITHOUT ROWID;
                CREATE TABLE monitoring_progress (
                    monitor TEXT NOT NULL,
                    part TEXT NOT NULL,
                    position INTEGER NOT NULL,
                    closed_through INTEGER NOT NULL,
                    late INTEGER NOT NULL,
                    PRIMARY KEY (monitor, part)
                ) WITHOUT ROWID;
                CREATE TABLE monitoring_alarms (
                    sequence INTEGER PRIMARY KEY,
                    time INTEGER NOT NULL,
                    fingerprint TEXT,
                    record TEXT NOT NULL
                );
                CREATE INDEX monitoring_alarms_by_fingerprint ON monitoring_alarms (fingerprint, sequence) WHERE fingerprint IS NOT NULL;
                CREATE INDEX monitoring_alarms_by_time ON monitoring_alarms (time);
                CREATE TABLE monitoring_alarm_state (
                    one INTEGER PRIMARY KEY CHECK (one = 1),
                    first_sequence INTEGER NOT NULL
                );
                """),
        Migration(
            part: "monitoring", number: 2,
            sql: """
                ALTER TABLE monitoring_progress ADD COLUMN read_through INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE monitoring_progress ADD COLUMN newest INTEGER;
                """),
        RejectionTable.migration,
        Migration(part: "monitoring", number: 4, sql: "ALTER TABLE monitoring_windows ADD COLUMN reference TEXT"),
        Migration(
            part: "monitoring", number: 5,
            sql: """
                ALTER TABLE monitoring_progress ADD COLUMN subject TEXT;
                ALTER TABLE monitoring_progress ADD COLUMN began INTEGER;
                """),
    ]

    public init() {}

    // MARK: - Windows

    public func add(_ window: MeasuredWindow, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO monitoring_windows (monitor, part, start, end_time, measured, row_count, measures, reference)
            VALUES (\(window.monitor), \(window.part.rawValue), \(window.start), \(window.end), \(window.measured), \(window.rows),
                \(JSONValue.array(window.measures.map(\.json)).description), \(window.reference?.json.description))
            """)
    }

    /// The windows of a monitor that begin in a time, the newest first.
    public func windows(
        of monitor: String, part: MeasuredWindow.Part?, from: Timestamp?, to: Timestamp?, limit: Int, _ database: any DatabaseReader
    ) throws -> [MeasuredWindow] {
        let all: Statement = "SELECT * FROM monitoring_windows WHERE monitor = \(monitor)"
        let ofPart: Statement = if let part { " AND part = \(part.rawValue)" } else { "" }
        let after: Statement = if let from { " AND start >= \(from)" } else { "" }
        let before: Statement = if let to { " AND start < \(to)" } else { "" }
        return try database.rows(all + ofPart + after + before + " ORDER BY start DESC, part LIMIT \(limit)", limit: limit).map(window)
    }

    private func window(_ row: DatabaseRow) throws -> MeasuredWindow {
        guard let part = MeasuredWindow.Part(rawValue: try row.value("part")),
            let items = try? JSONValue(parsing: try row.value("measures", as: String.self)).array
        else { throw MonitoringError.damaged("windows") }
        return MeasuredWindow(
            monitor: try row.value("monitor"), part: part, start: try row.value("start"), end: try row.value("end_time"),
            measured: try row.value("measured"), rows: try row.value("row_count"),
            measures: try items.map { item in
                guard let measure = MonitorMeasure(item) else { throw MonitoringError.damaged("measures") }
                return measure
            }, reference: try reference(row))
    }

    private func reference(_ row: DatabaseRow) throws -> ReferenceChoice? {
        guard let text: String = try row.optional("reference") else { return nil }
        guard let choice = (try? JSONValue(parsing: text)).flatMap(ReferenceChoice.init) else { throw MonitoringError.damaged("windows") }
        return choice
    }

    /// What windows before one were held against, the newest first.
    public func references(
        of monitor: String, part: MeasuredWindow.Part, before start: Timestamp, limit: Int, _ database: any DatabaseReader
    ) throws -> [ReferenceChoice] {
        try database.rows("""
            SELECT reference FROM monitoring_windows WHERE monitor = \(monitor) AND part = \(part.rawValue) AND start < \(start)
                AND start >= COALESCE((SELECT began FROM monitoring_progress WHERE monitor = \(monitor) AND part = \(part.rawValue)), start)
            ORDER BY start DESC LIMIT \(limit)
            """, limit: limit).compactMap(reference)
    }

    /// How many rows there were in the window that begins at a time; nil of the very first of what it watches, of which a part had passed
    /// when the monitor began, of those before, and where none was measured.
    public func rows(of monitor: String, part: MeasuredWindow.Part, start: Timestamp, _ database: any DatabaseReader) throws -> Int? {
        try database.row("""
            SELECT row_count FROM monitoring_windows WHERE monitor = \(monitor) AND part = \(part.rawValue) AND start = \(start)
                AND start > COALESCE((SELECT began FROM monitoring_progress WHERE monitor = \(monitor) AND part = \(part.rawValue)),
                    (SELECT MIN(start) FROM monitoring_windows WHERE monitor = \(monitor) AND part = \(part.rawValue)))
            """)?.value("row_count")
    }

    public func setProfiles(_ profiles: [UInt8], of monitor: String, start: Timestamp, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO monitoring_profiles (monitor, start, profiles) VALUES (\(monitor), \(start), \(profiles))
            ON CONFLICT (monitor, start) DO UPDATE SET profiles = excluded.profiles
            """)
    }

    public func profiles(of monitor: String, start: Timestamp, _ database: any DatabaseReader) throws -> [UInt8]? {
        try database.row("SELECT profiles FROM monitoring_profiles WHERE monitor = \(monitor) AND start = \(start)")?.value("profiles")
    }

    // MARK: - Progress

    public func progress(of monitor: String, _ part: MeasuredWindow.Part, _ database: any DatabaseReader) throws -> MonitorProgress? {
        try database.row("SELECT * FROM monitoring_progress WHERE monitor = \(monitor) AND part = \(part.rawValue)").map { row in
            MonitorProgress(
                position: try row.value("position"), closedThrough: try row.value("closed_through"), late: try row.value("late"),
                readThrough: try row.value("read_through"), newest: try row.optional("newest"))
        }
    }

    /// What a monitor watched when it began; nil where it has not, or where that was not kept.
    public func subject(of monitor: String, _ part: MeasuredWindow.Part, _ database: any DatabaseReader) throws -> String? {
        try database.row("SELECT subject FROM monitoring_progress WHERE monitor = \(monitor) AND part = \(part.rawValue)")?.optional("subject")
    }

    /// Lets a monitor begin: what it measured of something else before is kept, and nothing is held against that any more.
    public func begin(
        _ progress: MonitorProgress, of monitor: String, _ part: MeasuredWindow.Part, subject: String, _ database: any DatabaseTransaction
    ) throws {
        try set(progress, of: monitor, part, database)
        try database.execute("""
            UPDATE monitoring_progress SET subject = \(subject), began = \(progress.closedThrough)
            WHERE monitor = \(monitor) AND part = \(part.rawValue)
            """)
        if part != .outcomes { try database.execute("DELETE FROM monitoring_profiles WHERE monitor = \(monitor)") }
    }

    public func set(_ progress: MonitorProgress, of monitor: String, _ part: MeasuredWindow.Part, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO monitoring_progress (monitor, part, position, closed_through, late, read_through, newest)
            VALUES (\(monitor), \(part.rawValue), \(progress.position), \(progress.closedThrough), \(progress.late), \(progress.readThrough),
                \(progress.newest))
            ON CONFLICT (monitor, part) DO UPDATE SET position = excluded.position, closed_through = excluded.closed_through,
                late = excluded.late, read_through = excluded.read_through, newest = excluded.newest
            """)
    }

    /// How many rows there were in each of the windows before one, the newest first; nothing of the very first of what it watches, of which
    /// a part had passed when the monitor began.
    public func volumes(of monitor: String, part: MeasuredWindow.Part, before start: Timestamp, limit: Int, _ database: any DatabaseReader) throws -> [Int] {
        let began: Timestamp? = try database.row(
            "SELECT began FROM monitoring_progress WHERE monitor = \(monitor) AND part = \(part.rawValue)")?.optional("began")
        let found = try windows(of: monitor, part: part, from: began, to: start, limit: limit + 1, database).map(\.rows)
        return Array(found.count > limit ? found.prefix(limit) : found.dropLast())
    }

    /// Removes windows and profiles that ended before a time.
    public func delete(before time: Timestamp, limit: Int, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            DELETE FROM monitoring_windows WHERE (monitor, part, start) IN
                (SELECT monitor, part, start FROM monitoring_windows WHERE end_time < \(time) LIMIT \(limit))
            """)
        try database.execute("""
            DELETE FROM monitoring_profiles WHERE (monitor, start) IN
                (SELECT monitor, start FROM monitoring_profiles WHERE start < \(time) LIMIT \(limit))
            """)
        try database.execute("""
            DELETE FROM monitoring_alarms WHERE sequence IN (
                SELECT sequence FROM monitoring_alarms WHERE time < \(time)
                    AND sequence < COALESCE((SELECT first_sequence FROM monitoring_alarm_state), 0) LIMIT \(limit))
            """)
    }

    // MARK: - Alarms

    /// Records after one another, and how many there are since the last checkpoint.
    public func add(_ records: [TimedAlarmRecord], isCheckpoint: Bool = false, _ database: any DatabaseTransaction) throws {
        let newest: Int64 = try database.row("SELECT COALESCE(MAX(sequence), 0) AS newest FROM monitoring_alarms")?.value("newest") ?? 0
        for (index, record) in records.enumerated() {
            try database.execute("""
                INSERT INTO monitoring_alarms (sequence, time, fingerprint, record)
                VALUES (\(newest + 1 + Int64(index)), \(record.time), \(record.fingerprint), \(record.json.description))
                """)
        }
        guard isCheckpoint else { return }
        try database.execute("""
            INSERT INTO monitoring_alarm_state (one, first_sequence) VALUES (1, \(newest + 1))
            ON CONFLICT (one) DO UPDATE SET first_sequence = excluded.first_sequence
            """)
    }

    /// The state of alarms: the fold of the records since the last checkpoint, and how many these are.
    public func alarmState(_ database: any DatabaseReader) throws -> (state: AlarmState, records: Int) {
        var state = AlarmState()
        var count = 0
        var next: Int64 = try database.row("SELECT first_sequence FROM monitoring_alarm_state")?.value("first_sequence") ?? 0
        while true {
            let rows = try database.rows(
                "SELECT * FROM monitoring_alarms WHERE sequence >= \(next) ORDER BY sequence LIMIT \(Self.page)", limit: Self.page)
            for row in rows {
                state.apply(try record(row))
                next = try row.value("sequence", as: Int64.self) + 1
            }
            count += rows.count
            if rows.count < Self.page { return (state, count) }
        }
    }

    /// What happened to an alarm, or to all, the newest first.
    public func history(fingerprint: String?, limit: Int, _ database: any DatabaseReader) throws -> [TimedAlarmRecord] {
        let all: Statement = "SELECT * FROM monitoring_alarms"
        let one: Statement = if let fingerprint { " WHERE fingerprint = \(fingerprint)" } else { "" }
        return try database.rows(all + one + " ORDER BY sequence DESC LIMIT \(limit)", limit: limit).map(record)
    }

    private static let page = 1_000

    private func record(_ row: DatabaseRow) throws -> TimedAlarmRecord {
        guard let record = (try? JSONValue(parsing: try row.value("record", as: String.self))).flatMap(TimedAlarmRecord.init) else {
            throw MonitoringError.damaged("records of alarms")
        }
        return record
    }
}
