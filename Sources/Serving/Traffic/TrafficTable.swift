public import MartletFrames
public import MartletStorage

/// How long a bucket of traffic is.
public enum TrafficWidth: String, Hashable, Sendable, CaseIterable {
    case minute, hour, day

    public var span: Timestamp.Span {
        switch self {
        case .minute: .minutes(1)
        case .hour: .hours(1)
        case .day: .days(1)
        }
    }

    /// How long buckets are kept; nil for always.
    public var kept: Timestamp.Span? {
        switch self {
        case .minute: .days(2)
        case .hour: .days(120)
        case .day: nil
        }
    }

    /// Where the bucket that holds a moment begins: at a multiple of the width since 1970.
    public func start(of moment: Timestamp) -> Timestamp {
        let width = span.microseconds
        let rest = moment.microseconds % width
        return Timestamp(microseconds: moment.microseconds - (rest < 0 ? rest + width : rest))
    }
}

/// How many predictions an endpoint made within a bucket, of one version in one part.
public struct TrafficCount: Hashable, Sendable {
    public var start: Timestamp
    public var version: Int64
    /// `champion`, `challenger`, `shadow`
    public var variant: String
    public var predictions: Int
    /// Of them, those that a fallback answered.
    public var degraded: Int

    public init(start: Timestamp, version: Int64, variant: String, predictions: Int, degraded: Int) {
        self.start = start
        self.version = version
        self.variant = variant
        self.predictions = predictions
        self.degraded = degraded
    }
}

/// Predictions counted as they are read from the log, since the first, by minute, hour and day of their arrival.
///
/// The counts and the position up to which the log was counted are one transaction, so that none is counted twice or missed.
/// Every call is part of the caller's transaction.
public struct TrafficTable: Sendable {
    public static let migrations = [
        Migration(
            part: "traffic", number: 1,
            sql: """
                CREATE TABLE traffic_counts (
                    endpoint TEXT NOT NULL,
                    width TEXT NOT NULL,
                    start INTEGER NOT NULL,
                    version INTEGER NOT NULL,
                    variant TEXT NOT NULL,
                    predictions INTEGER NOT NULL,
                    degraded INTEGER NOT NULL,
                    PRIMARY KEY (endpoint, width, start, version, variant)
                ) WITHOUT ROWID;
                CREATE INDEX traffic_counts_by_time ON traffic_counts (width, start);
                CREATE TABLE traffic_position (
                    one INTEGER PRIMARY KEY CHECK (one = 1),
                    position INTEGER NOT NULL
                );
                """)
    ]

    public init() {}

    /// Where in the log counting goes on.
    public func position(_ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT position FROM traffic_position")?.value("position") ?? 0
    }

    public func setPosition(_ position: Int64, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO traffic_position (one, position) VALUES (1, \(position)) ON CONFLICT (one) DO UPDATE SET position = excluded.position
            """)
    }

    /// Adds to a bucket.
    public func add(_ count: TrafficCount, of endpoint: String, _ width: TrafficWidth, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO traffic_counts (endpoint, width, start, version, variant, predictions, degraded)
            VALUES (\(endpoint), \(width.rawValue), \(count.start), \(count.version), \(count.variant), \(count.predictions), \(count.degraded))
            ON CONFLICT (endpoint, width, start, version, variant) DO UPDATE SET
                predictions = traffic_counts.predictions + excluded.predictions, degraded = traffic_counts.degraded + excluded.degraded
            """)
    }

    /// The counts of the buckets that begin in a time, in order; empty buckets have none.
    ///
    /// - Parameter limit: the most counts; more is an error.
    public func counts(
        of endpoint: String, _ width: TrafficWidth, in time: Range<Timestamp>, limit: Int, _ database: any DatabaseReader
    ) throws -> [TrafficCount] {
        try database.rows("""
            SELECT * FROM traffic_counts WHERE endpoint = \(endpoint) AND width = \(width.rawValue)
                AND start >= \(time.lowerBound) AND start < \(time.upperBound) ORDER BY start, version, variant
            """, limit: limit
        ).map { row in
            TrafficCount(
                start: try row.value("start"), version: try row.value("version"), variant: try row.value("variant"),
                predictions: try row.value("predictions"), degraded: try row.value("degraded"))
        }
    }

    /// Whether there is anything that is kept no longer.
    public func hasPast(at now: Timestamp, _ database: any DatabaseReader) throws -> Bool {
        for width in TrafficWidth.allCases {
            guard let kept = width.kept else { continue }
            let row = try database.row(
                "SELECT start FROM traffic_counts WHERE width = \(width.rawValue) AND start < \(width.start(of: now - kept)) LIMIT 1")
            if row != nil { return true }
        }
        return false
    }

    /// Removes what is kept no longer; some of it at a time.
    public func deletePast(at now: Timestamp, limit: Int, _ database: any DatabaseTransaction) throws {
        for width in TrafficWidth.allCases {
            guard let kept = width.kept else { continue }
            try database.execute("""
                DELETE FROM traffic_counts WHERE (endpoint, width, start, version, variant) IN
                    (SELECT endpoint, width, start, version, variant FROM traffic_counts
                        WHERE width = \(width.rawValue) AND start < \(width.start(of: now - kept)) LIMIT \(limit))
                """)
        }
    }
}
