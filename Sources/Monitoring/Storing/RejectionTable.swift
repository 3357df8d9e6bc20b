internal import MartletBytes
public import MartletFrames
public import MartletStorage

/// What contracts refused, counted by the second in which it came, until every window that it belongs to was measured.
///
/// The names of fields that a contract lacks may be anything that somebody sent, so the caller seals them.
public struct RejectionTable: Sendable {
    /// Who refused.
    public enum Owner: Hashable, Sendable {
        case stream(String)
        case endpoint(String)

        /// Unlike any other's.
        public var key: String {
            switch self {
            case .stream(let name): "stream/" + name
            case .endpoint(let name): "endpoint/" + name
            }
        }
    }

    static let migration = Migration(
        part: "monitoring", number: 3,
        sql: """
            CREATE TABLE monitoring_rejections (
                owner TEXT NOT NULL,
                second INTEGER NOT NULL,
                field TEXT NOT NULL,
                sight TEXT NOT NULL,
                row_count INTEGER NOT NULL,
                PRIMARY KEY (owner, second, field, sight)
            ) WITHOUT ROWID;
            CREATE TABLE monitoring_unknown_fields (
                owner TEXT NOT NULL,
                second INTEGER NOT NULL,
                field BLOB NOT NULL,
                row_count INTEGER NOT NULL
            );
            CREATE INDEX monitoring_unknown_fields_by_owner ON monitoring_unknown_fields (owner, second);
            """)

    public init() {}

    /// Counts rows that were refused, whatever for.
    public func add(_ rows: Int, by owner: Owner, at time: Timestamp, _ database: any DatabaseTransaction) throws {
        try add(rows, "", "", owner, time, database)
    }

    /// Counts rows that had a field of the contract otherwise.
    public func add(
        _ rows: Int, with field: String, _ sight: FieldSight, by owner: Owner, at time: Timestamp, _ database: any DatabaseTransaction
    ) throws {
        try add(rows, field, sight.rawValue, owner, time, database)
    }

    private func add(_ rows: Int, _ field: String, _ sight: String, _ owner: Owner, _ time: Timestamp, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO monitoring_rejections (owner, second, field, sight, row_count)
            VALUES (\(owner.key), \(Self.second(time)), \(field), \(sight), \(rows))
            ON CONFLICT (owner, second, field, sight) DO UPDATE SET row_count = row_count + excluded.row_count
            """)
    }

    /// Counts rows that had a field that the contract lacks.
    ///
    /// - Parameter sealed: its name.
    public func addUnknown(_ rows: Int, sealed: [UInt8], by owner: Owner, at time: Timestamp, _ database: any DatabaseTransaction) throws {
        try database.execute("""
            INSERT INTO monitoring_unknown_fields (owner, second, field, row_count)
            VALUES (\(owner.key), \(Self.second(time)), \(sealed), \(rows))
            """)
    }

    /// How many rows were refused that came in a time.
    public func rows(by owner: Owner, from: Timestamp, to: Timestamp, _ database: any DatabaseReader) throws -> Int {
        try database.row("""
            SELECT COALESCE(SUM(row_count), 0) AS number FROM monitoring_rejections
            WHERE owner = \(owner.key) AND second >= \(Self.second(from)) AND second < \(Self.second(to)) AND field = ''
            """)?.value("number") ?? 0
    }

    /// How rows that came in a time had fields otherwise than the contract.
    ///
    /// - Parameter open: gives a sealed name; nil for one that cannot be read.
    public func faults(
        by owner: Owner, from: Timestamp, to: Timestamp, open: ([UInt8]) -> String?, _ database: any DatabaseReader
    ) throws -> SchemaFaults {
        var faults = SchemaFaults()
        let known = try database.rows("""
            SELECT field, sight, SUM(row_count) AS number FROM monitoring_rejections
            WHERE owner = \(owner.key) AND second >= \(Self.second(from)) AND second < \(Self.second(to)) AND field <> ''
            GROUP BY field, sight ORDER BY number DESC, field, sight LIMIT \(Self.readLimit)
            """, limit: Self.readLimit)
        for row in known {
            guard let sight = FieldSight(rawValue: try row.value("sight")) else { continue }
            faults.add(try row.value("field"), sight, rows: try row.value("number"))
        }
        let unknown = try database.rows("""
            SELECT field, row_count FROM monitoring_unknown_fields
            WHERE owner = \(owner.key) AND second >= \(Self.second(from)) AND second < \(Self.second(to))
            ORDER BY second, rowid LIMIT \(Self.readLimit)
            """, limit: Self.readLimit)
        for row in unknown { if let name = open(try row.value("field")) { faults.add(name, .unknown, rows: try row.value("row_count")) } }
        return faults
    }

    /// Entries that one window looks at; what is beyond is not told by field.
    private static let readLimit = 20_000

    /// Forgets what came before a time.
    public func delete(by owner: Owner, before time: Timestamp, _ database: any DatabaseTransaction) throws {
        try database.execute("DELETE FROM monitoring_rejections WHERE owner = \(owner.key) AND second < \(Self.second(time))")
        try database.execute("DELETE FROM monitoring_unknown_fields WHERE owner = \(owner.key) AND second < \(Self.second(time))")
    }

    private static func second(_ time: Timestamp) -> Int64 {
        let second = time.microseconds / 1_000_000
        return second * 1_000_000 > time.microseconds ? second - 1 : second
    }
}
