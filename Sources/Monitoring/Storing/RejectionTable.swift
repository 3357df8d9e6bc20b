internal import MartletBytes
public import MartletFrames
public import MartletStorage

/// What contracts refused, counted by the time in which it came, until every window that it belongs to was measured.
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

        init?(key: String) {
            if key.hasPrefix("stream/") {
                self = .stream(String(key.dropFirst(7)))
            } else if key.hasPrefix("endpoint/") {
                self = .endpoint(String(key.dropFirst(9)))
            } else {
                return nil
            }
        }
    }

    /// How names that anybody may have sent are stored.
    public struct Sealing {
        public var seal: (String) throws -> [UInt8]
        /// Nil for one that cannot be read.
        public var open: ([UInt8]) -> String?

        public init(seal: @escaping (String) throws -> [UInt8], open: @escaping ([UInt8]) -> String?) {
            self.seal = seal
            self.open = open
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

    /// Counts rows that had fields that the contract lacks: each name that was stored of this time before, and as many others as there is
    /// room for, those of the most rows first; the rest together.
    ///
    /// - Parameters:
    ///   - rows: by name.
    ///   - limit: names of one owner and time that are told apart.
    public func addUnknown(
        _ rows: [String: Int], by owner: Owner, at time: Timestamp, limit: Int, _ sealing: Sealing, _ database: any DatabaseTransaction
    ) throws {
        guard !rows.isEmpty else { return }
        let second = Self.second(time)
        let stored = try database.rows("""
            SELECT rowid AS number, field FROM monitoring_unknown_fields WHERE owner = \(owner.key) AND second = \(second) ORDER BY rowid LIMIT \(limit)
            """, limit: limit)
        var numbers: [String: Int64] = [:]
        for row in stored { if let name = sealing.open(try row.value("field")) { numbers[name] = try row.value("number") } }
        var room = limit - stored.count
        var others = 0
        for (name, count) in rows.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            if let number = numbers[name] {
                try database.execute("UPDATE monitoring_unknown_fields SET row_count = row_count + \(count) WHERE rowid = \(number)")
            } else if room > 0, !name.isEmpty {
                try database.execute("""
                    INSERT INTO monitoring_unknown_fields (owner, second, field, row_count)
                    VALUES (\(owner.key), \(second), \(try sealing.seal(name)), \(count))
                    """)
                room -= 1
            } else {
                others += count
            }
        }
        if others > 0 { try add(others, "", FieldSight.unknown.rawValue, owner, time, database) }
    }

    /// How many rows were refused that came in a time.
    public func rows(by owner: Owner, from: Timestamp, to: Timestamp, _ database: any DatabaseReader) throws -> Int {
        try database.row("""
            SELECT COALESCE(SUM(row_count), 0) AS number FROM monitoring_rejections
            WHERE owner = \(owner.key) AND second >= \(Self.second(from)) AND second < \(Self.second(to)) AND sight = ''
            """)?.value("number") ?? 0
    }

    /// How rows that came in a time had fields otherwise than the contract; under the empty name, fields that it lacks that are not told apart.
    ///
    /// - Parameter open: gives a sealed name; nil for one that cannot be read.
    public func faults(
        by owner: Owner, from: Timestamp, to: Timestamp, open: ([UInt8]) -> String?, _ database: any DatabaseReader
    ) throws -> SchemaFaults {
        var faults = SchemaFaults()
        let known = try database.rows("""
            SELECT field, sight, SUM(row_count) AS number FROM monitoring_rejections
            WHERE owner = \(owner.key) AND second >= \(Self.second(from)) AND second < \(Self.second(to)) AND sight <> ''
            GROUP BY field, sight ORDER BY number DESC, field, sight LIMIT \(Self.readLimit)
            """, limit: Self.readLimit)
        for row in known {
            guard let sight = FieldSight(rawValue: try row.value("sight")) else { continue }
            faults.add(try row.value("field"), sight, rows: try row.value("number"))
        }
        let unknown = try database.rows("""
            SELECT field, row_count FROM monitoring_unknown_fields
            WHERE owner = \(owner.key) AND second >= \(Self.second(from)) AND second < \(Self.second(to))
            ORDER BY row_count DESC, second, rowid LIMIT \(Self.readLimit)
            """, limit: Self.readLimit)
        var names: [String: Int] = [:]
        for row in unknown { if let name = open(try row.value("field")) { names[name, default: 0] += try row.value("row_count") } }
        // Names that were made up are many, of few rows each, and leave no room for others.
        for (place, (name, rows)) in names.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).enumerated() {
            faults.add(place < Self.namedLimit ? name : "", .unknown, rows: rows)
        }
        return faults
    }

    /// Entries that one window looks at, those of the most rows; what is beyond is not told by field.
    private static let readLimit = 20_000
    /// Names of fields that a contract lacks that are told apart in one window; the others are counted together, under the empty name.
    private static let namedLimit = SchemaFaults.fieldLimit / 2

    /// Forgets what came before a time.
    ///
    /// - Parameter limit: of entries that one call removes at most, of each kind.
    /// - Returns: whether there may be more.
    public func delete(by owner: Owner, before time: Timestamp?, limit: Int, _ database: any DatabaseTransaction) throws -> Bool {
        let second = time.map(Self.second) ?? Int64.max
        let known = try database.execute("""
            DELETE FROM monitoring_rejections WHERE (owner, second, field, sight) IN
                (SELECT owner, second, field, sight FROM monitoring_rejections WHERE owner = \(owner.key) AND second < \(second) LIMIT \(limit))
            """)
        let unknown = try database.execute("""
            DELETE FROM monitoring_unknown_fields WHERE rowid IN
                (SELECT rowid FROM monitoring_unknown_fields WHERE owner = \(owner.key) AND second < \(second) LIMIT \(limit))
            """)
        return max(known, unknown) >= limit
    }

    /// All of whom anything is stored.
    public func owners(_ database: any DatabaseReader) throws -> [Owner] {
        var owners: [Owner] = []
        var last = ""
        // From one to the next by the index; there are as many as streams and endpoints have ever been watched.
        while let row = try database.row("""
            SELECT MIN(owner) AS owner FROM (
                SELECT MIN(owner) AS owner FROM monitoring_rejections WHERE owner > \(last)
                UNION ALL SELECT MIN(owner) AS owner FROM monitoring_unknown_fields WHERE owner > \(last))
            """), let key: String = try row.optional("owner")
        {
            if let owner = Owner(key: key) { owners.append(owner) }
            last = key
        }
        return owners
    }

    private static func second(_ time: Timestamp) -> Int64 {
        let second = time.microseconds / 1_000_000
        return second * 1_000_000 > time.microseconds ? second - 1 : second
    }
}
