internal import Foundation
internal import GRDB
internal import GRDBSQLite
public import MartletFrames
public import MartletWorld
internal import Synchronization

/// The embedded SQL database: one SQLite file in write-ahead mode, every commit synced before it is acknowledged.
///
/// One writer at a time, any number of readers beside it. GRDB is the driver and stays behind this type.
///
/// On a disk SQLite does its own file operations, below the absolute path of a folder: the one exception to the rule
/// that files are reached through `World` alone. Over a world whose files are on no disk, such as a simulated one, the
/// same engine reaches them through ``WorldVFS``.
public final class SQLiteDatabase: Database {
    /// What a database is opened with.
    public struct Options: Sendable {
        /// How long a statement waits for another process's lock.
        public var busyTimeoutSeconds: Double
        /// How many reads run at once; more wait.
        public var maximumReaders: Int
        /// The most pages of 4 KiB that the file may grow to; nil for SQLite's own limit.
        public var maximumPages: Int?
        /// Pages of the write-ahead log after which a commit copies them into the file.
        public var checkpointPages: Int

        public init(
            busyTimeoutSeconds: Double = 5, maximumReaders: Int = 4, maximumPages: Int? = nil, checkpointPages: Int = 1_000
        ) {
            self.busyTimeoutSeconds = busyTimeoutSeconds
            self.maximumReaders = maximumReaders
            self.maximumPages = maximumPages
            self.checkpointPages = checkpointPages
        }
    }

    /// `MRTL`: tells our files from those of other programs (`PRAGMA application_id`).
    static let applicationID: Int64 = 0x4D52_544C
    /// The form of the migration registry itself (`PRAGMA user_version`).
    static let layout: Int64 = 1

    private let path: String
    private let pool: DatabasePool
    /// How SQLite reaches the files, which is registered as long as this stands; nil for its own way to a disk.
    private let vfs: WorldVFS?
    /// Why writes stopped; nil while they go on.
    private let stopCause = Mutex<String?>(nil)

    /// Opens the database in a folder that exists, creating the file if there is none.
    ///
    /// - Throws: `foreign` or `newerSchema` for a file that is not ours to touch, which is left as it was.
    public convenience init(folder: String, name: String = "martlet.sqlite", options: Options = Options())
        throws(DatabaseError)
    {
        precondition(folder.hasPrefix("/"), "the folder is absolute")
        try self.init(path: folder + "/" + name, shown: folder + "/" + name, vfs: nil, options)
    }

    /// Opens the database in a folder of a world, through the world's own files.
    ///
    /// Whoever opens it holds the lock of the project: connections of two processes would not see each other's locks.
    ///
    /// - Throws: as ``init(folder:name:options:)``; `unavailable` if this SQLite was built without file names in the
    ///   form of an address.
    public convenience init(in world: World, folder: RelativePath, options: Options = Options()) throws(DatabaseError) {
        guard sqlite3_compileoption_used("USE_URI") != 0 else {
            throw .unavailable(path: "\(folder)", reason: "SQLite was built without SQLITE_USE_URI")
        }
        let name = "martlet.sqlite"
        let vfs = try WorldVFS(world: world, folder: folder)
        try self.init(path: "file:\(name)?vfs=\(vfs.name)", shown: "\(folder)/\(name)", vfs: vfs, options)
    }

    private init(path: String, shown: String, vfs: WorldVFS?, _ options: Options) throws(DatabaseError) {
        precondition(options.maximumReaders > 0 && options.busyTimeoutSeconds >= 0 && options.checkpointPages > 0)
        self.path = shown
        self.vfs = vfs
        do {
            try Self.refuseForeign(path, shown: shown)
            pool = try DatabasePool(path: path, configuration: Self.configuration(options, isOverWorld: vfs != nil))
            // GRDB sets `synchronous = NORMAL` when it turns write-ahead mode on, which would lose the last
            // acknowledged commits at a power cut.
            try pool.writeWithoutTransaction { connection in
                try connection.execute(
                    sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = \(options.checkpointPages)")
                if let pages = options.maximumPages {
                    try connection.execute(sql: "PRAGMA max_page_count = \(pages)")
                }
            }
            try pool.write { connection in
                if try Int64.fetchOne(connection, sql: "PRAGMA application_id") == 0 {
                    try connection.execute(
                        sql: """
                            CREATE TABLE IF NOT EXISTS martlet_migrations (
                                part TEXT NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, applied INTEGER NOT NULL,
                                PRIMARY KEY (part, number));
                            PRAGMA user_version = \(Self.layout);
                            PRAGMA application_id = \(Self.applicationID);
                            """)
                }
            }
            // A process that was stopped before its sync leaves commits that can be read and are not on the disk. Copied into
            // the file, which is synced, they are; nothing that was read before may be gone after a power cut.
            let frames = try pool.writeWithoutTransaction { try $0.checkpoint(.truncate).walFrameCount }
            // SQLite says "wal" before it commits the switch to it, and the driver asks no further; if that commit failed, the
            // commits to come would lose their durability with the name of a journal.
            guard frames >= 0 else { throw DatabaseError.noWriteAheadLog(path: shown) }
        } catch let error as DatabaseError {
            throw error
        } catch {
            let found = SQLiteTransaction.translated(error)
            guard found.code == .unavailable || found.code == .statement else { throw found }
            throw .unavailable(path: shown, reason: found.message)
        }
    }

    /// Copies the write-ahead log into the file and lets both go; nothing can be read or written after it.
    ///
    /// - Throws: `failed` if that could not be done; the next opening makes up for it.
    public func close() throws(DatabaseError) {
        // The writer is to be the last to close, since a reader copies nothing.
        pool.invalidateReadOnlyConnections()
        do { try pool.close() } catch { throw SQLiteTransaction.translated(error) }
    }

    public func migrate(_ migrations: [Migration], at time: Timestamp) throws(DatabaseError) {
        do {
            let applied = try read { reader in
                try reader.rows("SELECT part, number, hash FROM martlet_migrations ORDER BY part, number").map { row in
                    MigrationPlan.Applied(
                        part: try row.value("part"), number: try row.value("number"), hash: try row.value("hash"))
                }
            }
            for migration in try MigrationPlan(known: migrations, applied: applied).missing {
                try apply(migration, at: time)
            }
        } catch {
            throw SQLiteTransaction.translated(error)
        }
    }

    public func read<Result>(_ body: (any DatabaseReader) throws -> Result) throws -> Result {
        do {
            return try pool.read { try body(SQLiteTransaction(connection: $0)) }
        } catch let error as GRDB.DatabaseError {
            throw SQLiteTransaction.translated(error)
        }
    }

    @discardableResult
    public func write<Result>(_ body: (any DatabaseTransaction) throws -> Result) throws -> Result {
        if let cause = stopCause.withLock({ $0 }) { throw DatabaseError.stopped(after: cause) }
        do {
            return try pool.write { try body(SQLiteTransaction(connection: $0)) }
        } catch let error as GRDB.DatabaseError {
            throw stopping(at: SQLiteTransaction.translated(error))
        } catch let error as DatabaseError {
            throw stopping(at: error)
        }
    }

    /// A failed write or sync leaves unknown what is on the disk, so nothing is acknowledged after it.
    private func stopping(at error: DatabaseError) -> DatabaseError {
        if error.code == .failed || error.code == .corrupt {
            stopCause.withLock { $0 = $0 ?? error.message }
        }
        return error
    }

    private func apply(_ migration: Migration, at time: Timestamp) throws {
        try write { transaction in
            guard let transaction = transaction as? SQLiteTransaction else { return }
            let before = try transaction.schema()
            try transaction.connection.execute(sql: migration.sql)
            let after = try transaction.schema()
            for object in before.symmetricDifference(after).sorted(by: { $0.name < $1.name }) {
                // An index of one part on a table of another is as stray as the table itself.
                for name in [object.name, object.table] where !name.hasPrefix(migration.part + "_") {
                    throw DatabaseError.strayMigration(migration, touched: name)
                }
            }
            try transaction.execute(
                """
                INSERT INTO martlet_migrations (part, number, hash, applied)
                VALUES (\(migration.part), \(migration.number), \(migration.hash), \(time))
                """)
        }
    }

    /// Looks at a file before anything is written to it.
    ///
    /// - Parameter isReadOnly: false to let SQLite take back a transaction that a crash cut off, as every program that
    ///   opens the file must: without that nothing can be read. A crash while the file is made leaves such a one.
    private static func refuseForeign(_ path: String, shown: String, isReadOnly: Bool = true) throws {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        let queue: DatabaseQueue
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as GRDB.DatabaseError where error.resultCode == .SQLITE_CANTOPEN && isReadOnly {
            return  // There is none yet; whatever else is wrong shows when it is created.
        } catch let error as GRDB.DatabaseError where error.resultCode == .SQLITE_READONLY && isReadOnly {
            return try refuseForeign(path, shown: shown, isReadOnly: false)
        }
        defer { try? queue.close() }
        try queue.read { connection in
            let application = try Int64.fetchOne(connection, sql: "PRAGMA application_id") ?? 0
            let layout = try Int64.fetchOne(connection, sql: "PRAGMA user_version") ?? 0
            let objects =
                try Int64.fetchOne(
                    connection, sql: "SELECT COUNT(*) FROM sqlite_master WHERE name <> 'martlet_migrations'") ?? 0
            guard application == applicationID || (application == 0 && objects == 0) else {
                throw DatabaseError.foreign(path: shown, found: application)
            }
            guard layout <= Self.layout else {
                throw DatabaseError.newerLayout(path: shown, found: layout, known: Self.layout)
            }
        }
    }

    private static func configuration(_ options: Options, isOverWorld: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(options.busyTimeoutSeconds)
        configuration.maximumReaderCount = options.maximumReaders
        configuration.label = "martlet.database"
        configuration.prepareDatabase { connection in
            try connection.execute(
                sql:
                    """
                    PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA fullfsync = ON; PRAGMA synchronous = FULL
                    """)
            // Temporary files have no name, and so no place among a world's files.
            if isOverWorld { try connection.execute(sql: "PRAGMA temp_store = MEMORY") }
        }
        return configuration
    }
}

/// One open SQLite transaction, valid within the body it was given to.
struct SQLiteTransaction: DatabaseTransaction {
    let connection: GRDB.Database

    func rows(_ statement: Statement, limit: Int) throws(DatabaseError) -> [DatabaseRow] {
        do {
            let prepared = try connection.cachedStatement(sql: statement.text)
            let cursor = try Row.fetchCursor(prepared, arguments: Self.arguments(statement))
            let columns = prepared.columnNames
            var rows: [DatabaseRow] = []
            while let row = try cursor.next() {
                guard rows.count < limit else { throw DatabaseError.tooManyRows(limit: limit) }
                rows.append(DatabaseRow(columns: columns, values: (0..<columns.count).map { Self.value(row[$0]) }))
            }
            return rows
        } catch {
            throw Self.translated(error)
        }
    }

    @discardableResult
    func execute(_ statement: Statement) throws(DatabaseError) -> Int {
        do {
            let prepared = try connection.cachedStatement(sql: statement.text)
            try prepared.execute(arguments: Self.arguments(statement))
            return connection.changesCount
        } catch {
            throw Self.translated(error)
        }
    }

    /// A table, index, view or trigger with the text that made it.
    struct SchemaObject: Hashable {
        var name: String
        var table: String
        var sql: String?
    }

    func schema() throws(DatabaseError) -> Set<SchemaObject> {
        var objects: Set<SchemaObject> = []
        // An automatic index (of a primary key) has no text and goes with its table.
        for row in try rows("SELECT name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL", limit: 100_000) {
            objects.insert(
                SchemaObject(
                    name: try row.value("name"), table: try row.value("tbl_name"), sql: try row.optional("sql")))
        }
        return objects
    }

    private static func arguments(_ statement: Statement) throws(DatabaseError) -> StatementArguments {
        var values: [(any DatabaseValueConvertible)?] = []
        for parameter in statement.parameters { values.append(try bound(parameter)) }
        return StatementArguments(values)
    }

    private static func bound(_ value: DatabaseValue) throws(DatabaseError) -> (any DatabaseValueConvertible)? {
        switch value {
        case .null: return nil
        case .integer(let number): return number
        case .real(let number):
            // SQLite would store null in its place.
            guard !number.isNaN else { throw .unstorable("NaN") }
            return number
        case .text(let text):
            // SQLite's driver would give back what stands before it; PostgreSQL refuses it.
            guard !text.utf8.contains(0) else { throw .unstorable("text with a NUL character") }
            return text
        case .bytes(let bytes): return Data(bytes)
        }
    }

    private static func value(_ value: GRDB.DatabaseValue) -> DatabaseValue {
        switch value.storage {
        case .null: .null
        case .int64(let number): .integer(number)
        case .double(let number): .real(number)
        case .string(let text): .text(text)
        case .blob(let data): .bytes([UInt8](data))
        }
    }

    /// SQLite's result codes as ours. Its messages name tables and columns; the statement's arguments stay out.
    static func translated(_ error: any Error) -> DatabaseError {
        if let error = error as? DatabaseError { return error }
        guard let error = error as? GRDB.DatabaseError else {
            return DatabaseError(.unavailable, "the database cannot be used: \(type(of: error))", cause: error)
        }
        let reason = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return DatabaseError(
                .busy, "the database is locked by another process", hint: "stop the other process, or try again",
                cause: error)
        case .SQLITE_FULL:
            return DatabaseError(
                .full, "the database cannot grow: \(reason)", hint: "free space on its disk; nothing needs a restart",
                cause: error)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return DatabaseError(
                .notPermitted, "the database cannot be written: \(reason)", hint: "check the owner of its files",
                cause: error)
        case .SQLITE_IOERR:
            return DatabaseError(
                .failed, "the database's disk failed: \(reason)", hint: "check the disk, then restart", cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return DatabaseError(
                .corrupt, "the database is damaged: \(reason)", hint: "restore it from a backup", cause: error)
        case .SQLITE_CANTOPEN:
            return DatabaseError(.unavailable, reason, cause: error)
        case .SQLITE_CONSTRAINT:
            let isKey =
                error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE
                || error.extendedResultCode == .SQLITE_CONSTRAINT_PRIMARYKEY
            return DatabaseError(isKey ? .duplicate : .constraint, "the row was refused: \(reason)", cause: error)
        default:
            return DatabaseError(.statement, "the statement was refused: \(reason)", cause: error)
        }
    }
}
