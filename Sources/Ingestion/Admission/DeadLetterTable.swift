import MartletBytes
public import MartletFrames
public import MartletStorage

/// The rows that broke their contracts, kept in the SQL database until they are mended and brought in.
///
/// Their bytes may hold anything, persons' identifiers too, so they are sealed under a key of the vault.
public struct DeadLetterTable: Sendable {
    public static let migrations = [
        Migration(
            part: "ingestion", number: 1,
            sql: """
                CREATE TABLE ingestion_dead_letters (
                    id INTEGER PRIMARY KEY,
                    stream TEXT NOT NULL,
                    arrived INTEGER NOT NULL,
                    reason TEXT NOT NULL,
                    source TEXT NOT NULL,
                    place TEXT NOT NULL,
                    delimiter INTEGER NOT NULL,
                    history INTEGER NOT NULL,
                    raw BLOB NOT NULL
                );
                CREATE INDEX ingestion_dead_letters_by_stream ON ingestion_dead_letters (stream, id);
                """),
        Migration(
            part: "ingestion", number: 2,
            sql: "ALTER TABLE ingestion_dead_letters ADD COLUMN outcome INTEGER NOT NULL DEFAULT 0"),
    ]

    /// Under this name wait the outcomes of predictions that are not there; no stream can have it.
    public static let predictionOutcomes = "@outcomes"

    /// One kept row.
    public struct Entry: Sendable {
        public var id: Int64
        public var stream: String
        public var arrived: Timestamp
        public var reason: String
        public var field: String?
        public var message: String
        /// The file or route that it came by.
        public var source: String
        /// Where it stood there: `line 7`.
        public var place: String
        /// For a row of CSV, the header's cells, and what stands between cells.
        public var header: [String]?
        public var delimiter: UInt8
        /// Whether it is a row of history, whose known time follows from its event time.
        public var isHistory: Bool
        /// Whether it tells what became of an event or a prediction, and is no event.
        public var isOutcome: Bool
        /// As it came; nil if the vault's key does not open it.
        public var raw: [UInt8]?
    }

    /// How rows came in.
    public struct Origin: Sendable {
        public var source: String
        public var header: [String]?
        public var delimiter: UInt8
        public var isHistory: Bool
        /// Whether the rows are outcomes, not events.
        public var isOutcome: Bool

        public init(
            source: String, header: [String]?, delimiter: UInt8 = UInt8(ascii: ","), isHistory: Bool, isOutcome: Bool = false
        ) {
            self.isOutcome = isOutcome
            self.source = source
            self.header = header
            self.delimiter = delimiter
            self.isHistory = isHistory
        }
    }

    private let vault: Vault

    public init(vault: Vault) {
        self.vault = vault
    }

    /// Keeps rows; part of the caller's transaction.
    public func add(
        _ letters: [DeadLetter], stream: String, origin: Origin, at time: Timestamp, _ database: any DatabaseTransaction
    ) throws {
        let header = origin.header.map { JSONValue.array($0.map(JSONValue.string)).description } ?? ""
        for letter in letters {
            // What was found may identify a person wherever it stood, as a member's or a column's name too: all of it is sealed.
            var sealed = ByteWriter()
            sealed.write(letter.message)
            sealed.write(letter.field ?? "")
            sealed.write(header)
            sealed.write(lengthPrefixed: letter.raw)
            let raw = try vault.seal(sealed.bytes, for: .deadLetters, at: stream)
            try database.execute("""
                INSERT INTO ingestion_dead_letters (stream, arrived, reason, source, place, delimiter, history, outcome, raw)
                VALUES (\(stream), \(time), \(letter.reason.rawValue), \(origin.source), \("\(letter.place)"),
                    \(Int(origin.delimiter)), \(origin.isHistory), \(origin.isOutcome), \(raw))
                """)
        }
    }

    /// Oldest first, from after an id.
    public func list(stream: String?, after id: Int64 = 0, limit: Int, _ database: any DatabaseReader) throws -> [Entry] {
        let start: Statement = "SELECT * FROM ingestion_dead_letters WHERE id > \(id)"
        let filter: Statement = if let stream { " AND stream = \(stream)" } else { "" }
        return try database.rows(start + filter + " ORDER BY id LIMIT \(limit)", limit: limit).map(entry)
    }

    /// The highest id in use; 0 if none is.
    public func newest(_ database: any DatabaseReader) throws -> Int64 {
        try database.row("SELECT COALESCE(MAX(id), 0) AS newest FROM ingestion_dead_letters")?.value("newest") ?? 0
    }

    /// How many are kept of each stream.
    public func counts(_ database: any DatabaseReader) throws -> [String: Int] {
        let rows = try database.rows("SELECT stream, COUNT(*) AS number FROM ingestion_dead_letters GROUP BY stream")
        var counts: [String: Int] = [:]
        for row in rows { counts[try row.value("stream")] = try row.value("number") }
        return counts
    }

    /// Removes rows that were brought in.
    public func remove(_ ids: [Int64], _ database: any DatabaseTransaction) throws {
        for id in ids { try database.execute("DELETE FROM ingestion_dead_letters WHERE id = \(id)") }
    }

    private func entry(_ row: DatabaseRow) throws -> Entry {
        let stream: String = try row.value("stream")
        var entry = Entry(
            id: try row.value("id"), stream: stream, arrived: try row.value("arrived"), reason: try row.value("reason"),
            field: nil, message: "", source: try row.value("source"), place: try row.value("place"), header: nil,
            delimiter: UInt8(clamping: try row.value("delimiter", as: Int.self)),
            isHistory: try row.value("history"), isOutcome: try row.value("outcome"), raw: nil)
        if let opened = try? vault.open(try row.value("raw"), for: .deadLetters, at: stream) {
            var reader = ByteReader(opened)
            entry.message = try reader.readString()
            let field = try reader.readString()
            let header = try reader.readString()
            entry.field = field.isEmpty ? nil : field
            entry.header = header.isEmpty ? nil : try JSONValue(parsing: header).array?.compactMap(\.string)
            entry.raw = Array(try reader.readLengthPrefixed())
        }
        return entry
    }
}
