public import MartletFrames
public import MartletStorage

/// The secrets of a project in the SQL database, sealed under a key of the vault. Every call is part of the caller's transaction.
///
/// A value is sealed for its name and version, so that its bytes open in no other row. Whoever calls has asked the guard.
public struct SecretTable: Sendable {
    /// Limits of the table.
    public struct Limits: Sendable {
        public var secrets: Int
        /// The longest value, in bytes.
        public var valueSize: Int

        public init(secrets: Int = 1_000, valueSize: Int = 65_536) {
            self.secrets = secrets
            self.valueSize = valueSize
        }
    }

    /// What is known of a secret; never its value.
    public struct Entry: Hashable, Sendable {
        public var name: String
        /// Another at each setting, of whichever secret; none is ever given twice.
        public var version: Int64
        public var time: Timestamp
        /// Who set it, as the audit log names them.
        public var setBy: String
    }

    static let migration = Migration(
        part: "access", number: 2,
        sql: """
            CREATE TABLE access_secrets (
                name TEXT PRIMARY KEY, version BIGINT NOT NULL, time BIGINT NOT NULL, set_by TEXT NOT NULL, sealed BLOB NOT NULL);
            CREATE TABLE access_secret_versions (one INTEGER PRIMARY KEY CHECK (one = 1), newest BIGINT NOT NULL);
            """)

    private let vault: Vault
    private let limits: Limits

    public init(vault: Vault, limits: Limits = Limits()) {
        precondition(limits.secrets > 0 && limits.valueSize > 0)
        self.vault = vault
        self.limits = limits
    }

    /// The longest name, in bytes.
    public static let nameSize = 64

    /// Whether a text can name a secret: a letter, then letters, digits, `_` or `-`.
    public static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }
        guard let first = bytes.first, isLetter(first), bytes.count <= nameSize else { return false }
        return bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
    }

    /// Makes a secret, or puts another value in its place.
    ///
    /// - Parameter person: who sets it, as the audit log names them.
    /// - Throws: `invalidSecret` for a name or a value that cannot be taken.
    public func set(
        _ name: String, to value: Secret, at time: Timestamp, by person: String, _ database: any DatabaseTransaction
    ) throws -> Entry {
        guard Self.isName(name) else { throw AccessError.invalidSecretName(name) }
        let bytes = value.utf8
        guard (1...limits.valueSize).contains(bytes.count) else {
            throw AccessError.invalidSecretSize(bytes.count, limit: limits.valueSize)
        }
        guard !bytes.contains(0) else { throw AccessError.secretWithZeroByte }
        let others: Int? = try database.row("SELECT COUNT(*) AS number FROM access_secrets WHERE name <> \(name)")?.value("number")
        guard (others ?? 0) < limits.secrets else { throw AccessError.tooManySecrets(limit: limits.secrets) }
        try database.execute("""
            INSERT INTO access_secret_versions (one, newest) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET newest = newest + 1
            """)
        let version: Int64 = try database.row("SELECT newest FROM access_secret_versions")?.value("newest") ?? 0
        let sealed = try vault.seal(bytes, for: .secrets, at: Self.location(name, version))
        try database.execute("""
            INSERT INTO access_secrets (name, version, time, set_by, sealed)
            VALUES (\(name), \(version), \(time), \(person), \(sealed))
            ON CONFLICT (name) DO UPDATE SET
                version = excluded.version, time = excluded.time, set_by = excluded.set_by, sealed = excluded.sealed
            """)
        return Entry(name: name, version: version, time: time, setBy: person)
    }

    /// Removes a secret; what it was is what is given back.
    ///
    /// - Throws: `noSecret` if there is none of this name.
    public func remove(_ name: String, _ database: any DatabaseTransaction) throws -> Entry {
        guard let row = try database.row("SELECT * FROM access_secrets WHERE name = \(name)") else { throw AccessError.noSecret(name) }
        try database.execute("DELETE FROM access_secrets WHERE name = \(name)")
        return try entry(row)
    }

    /// All of them, by name.
    public func list(_ database: any DatabaseReader) throws -> [Entry] {
        try database.rows("SELECT * FROM access_secrets ORDER BY name", limit: limits.secrets).map(entry)
    }

    /// A value with its version; nil if there is no secret of this name.
    public func value(of name: String, _ database: any DatabaseReader) throws -> (value: Secret, version: Int64)? {
        guard let row = try database.row("SELECT * FROM access_secrets WHERE name = \(name)") else { return nil }
        let version: Int64 = try row.value("version")
        let bytes = try vault.open(try row.value("sealed"), for: .secrets, at: Self.location(name, version))
        return (Secret(String(decoding: bytes, as: UTF8.self)), version)
    }

    /// A name has no `#`.
    private static func location(_ name: String, _ version: Int64) -> String { "\(name)#\(version)" }

    private func entry(_ row: DatabaseRow) throws -> Entry {
        Entry(
            name: try row.value("name"), version: try row.value("version"), time: try row.value("time"), setBy: try row.value("set_by"))
    }
}
