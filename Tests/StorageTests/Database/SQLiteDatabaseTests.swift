import Foundation
import GRDB
import MartletFrames
@testable import MartletStorage
import Testing

@Suite("The SQLite database")
struct SQLiteDatabaseTests {
    let folder: TemporaryFolder
    let now = Timestamp(microseconds: 1)

    init() throws {
        folder = try TemporaryFolder()
    }

    static let first = Migration(part: "shop", number: 1, sql: "CREATE TABLE shop_items (name TEXT PRIMARY KEY)")
    static let second = Migration(part: "shop", number: 2, sql: "ALTER TABLE shop_items ADD COLUMN price REAL")

    @Test("keeps the port's contract")
    func contract() throws {
        // Each part of the contract gets a file of its own.
        let counter = Counter()
        try DatabaseContract { try SQLiteDatabase(folder: folder.path, name: "\(counter.next()).sqlite") }.run()
    }

    @Test("syncs every commit, writes ahead, and holds foreign keys")
    func settings() throws {
        let database = try SQLiteDatabase(folder: folder.path)
        try database.write { transaction throws in
            // 2 is FULL; GRDB itself chooses 1, NORMAL.
            #expect(try transaction.row("PRAGMA synchronous")?.value("synchronous") == 2)
            #expect(try transaction.row("PRAGMA journal_mode")?.value("journal_mode") == "wal")
            #expect(try transaction.row("PRAGMA foreign_keys")?.value("foreign_keys") == true)
            #expect(try transaction.row("PRAGMA trusted_schema")?.value("trusted_schema") == false)
            #expect(try transaction.row("PRAGMA application_id")?.value("application_id") == SQLiteDatabase.applicationID)
        }
    }

    @Test("keeps what was committed when it is opened again")
    func reopening() throws {
        do {
            let database = try SQLiteDatabase(folder: folder.path)
            try database.migrate([Self.first], at: now)
            try database.write { try $0.execute("INSERT INTO shop_items VALUES (\("a"))") }
        }
        let database = try SQLiteDatabase(folder: folder.path)
        try database.migrate([Self.first, Self.second], at: now)
        let row = try database.read { try $0.row("SELECT name, price FROM shop_items") }
        #expect(try row?.value("name") == "a")
    }

    @Test("a value in a statement is bound, whatever it says")
    func binding() throws {
        let statement: MartletStorage.Statement = "SELECT * FROM shop_items WHERE name = \("x'; DROP TABLE shop_items; --") LIMIT " + "\(5)"
        #expect(statement.text == "SELECT * FROM shop_items WHERE name = ? LIMIT ?")
        #expect(statement.parameters == [.text("x'; DROP TABLE shop_items; --"), .integer(5)])
    }

    @Test("refuses the database of another program and leaves it as it was")
    func foreignFile() throws {
        let path = folder.path + "/martlet.sqlite"
        do {
            let queue = try DatabaseQueue(path: path)
            try queue.write { try $0.execute(sql: "CREATE TABLE theirs (x); PRAGMA application_id = 42") }
            try queue.close()
        }
        let before = try Data(contentsOf: URL(filePath: path))
        let error = #expect(throws: MartletStorage.DatabaseError.self) { try SQLiteDatabase(folder: folder.path) }
        #expect(error?.code == .foreign)
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
    }

    @Test("refuses a file that is no database")
    func noDatabase() throws {
        try Data(repeating: 65, count: 5_000).write(to: URL(filePath: folder.path + "/martlet.sqlite"))
        let error = #expect(throws: MartletStorage.DatabaseError.self) { try SQLiteDatabase(folder: folder.path) }
        #expect(error?.code == .corrupt)
    }

    @Test("refuses a layout and a schema that a newer program made")
    func newer() throws {
        do {
            let database = try SQLiteDatabase(folder: folder.path)
            try database.migrate([Self.first, Self.second], at: now)
        }
        let database = try SQLiteDatabase(folder: folder.path)
        let older = #expect(throws: MartletStorage.DatabaseError.self) { try database.migrate([Self.first], at: now) }
        #expect(older?.code == .newerSchema)
        #expect(older?.description == """
            the tables of 'shop' are at schema 2; this program knows 1
             hint: use the newer program that wrote them, or restore a backup made before the upgrade
            """)
        let unknown = #expect(throws: MartletStorage.DatabaseError.self) { try database.migrate([], at: now) }
        #expect(unknown?.message == "the tables of 'shop' are at schema 1; this program does not know that part")
        try database.write { _ = try $0.execute("PRAGMA user_version = 2") }
        let layout = #expect(throws: MartletStorage.DatabaseError.self) { try SQLiteDatabase(folder: folder.path) }
        #expect(layout?.code == .newerSchema)
    }

    @Test("refuses a migration that was edited after it was applied")
    func editedMigration() throws {
        let database = try SQLiteDatabase(folder: folder.path)
        try database.migrate([Self.first], at: now)
        let edited = Migration(part: "shop", number: 1, sql: "CREATE TABLE shop_items (name TEXT)")
        let error = #expect(throws: MartletStorage.DatabaseError.self) { try database.migrate([edited], at: now) }
        #expect(error?.code == .changedMigration)
    }

    @Test("a migration may touch only what its part owns", arguments: [
        Migration(part: "other", number: 1, sql: "CREATE TABLE items (x)"),
        Migration(part: "other", number: 1, sql: "DROP TABLE shop_items"),
        Migration(part: "other", number: 1, sql: "ALTER TABLE shop_items ADD COLUMN x"),
        Migration(part: "other", number: 1, sql: "CREATE INDEX other_index ON shop_items (name)"),
    ])
    func strayMigration(stray: Migration) throws {
        let database = try SQLiteDatabase(folder: folder.path)
        let error = #expect(throws: MartletStorage.DatabaseError.self) { try database.migrate([Self.first, stray], at: now) }
        #expect(error?.code == .strayMigration)
        // What came before it stands; it itself left nothing.
        #expect(try database.read { try $0.rows("SELECT part FROM martlet_migrations").count } == 1)
        try database.migrate([Self.first], at: now)
    }

    @Test("a migration that fails half-way leaves nothing")
    func failingMigration() throws {
        let database = try SQLiteDatabase(folder: folder.path)
        let bad = Migration(part: "shop", number: 1, sql: "CREATE TABLE shop_a (x); CREATE TABLE shop_a (x)")
        let error = #expect(throws: MartletStorage.DatabaseError.self) { try database.migrate([bad], at: now) }
        #expect(error?.code == .statement)
        try database.migrate([Self.first], at: now)
        #expect(try database.read { try $0.rows("SELECT name FROM sqlite_master WHERE name = 'shop_a'").count } == 0)
    }

    @Test("takes no write after a failed sync, and still reads")
    func failedSync() throws {
        let database = try SQLiteDatabase(folder: folder.path)
        try database.migrate([Self.first], at: now)
        let failed = #expect(throws: MartletStorage.DatabaseError.self) {
            try database.write { _ in throw GRDB.DatabaseError(resultCode: .SQLITE_IOERR_FSYNC) }
        }
        #expect(failed?.code == .failed)
        let later = #expect(throws: MartletStorage.DatabaseError.self) {
            try database.write { try $0.execute("INSERT INTO shop_items VALUES ('a')") }
        }
        #expect(later?.code == .stopped)
        #expect(try database.read { try $0.rows("SELECT name FROM shop_items").count } == 0)
    }

    @Test("a full disk refuses writes, not reads, and needs no restart")
    func fullDisk() throws {
        let database = try SQLiteDatabase(folder: folder.path, options: .init(maximumPages: 20))
        try database.migrate([Self.first], at: now)
        let error = #expect(throws: MartletStorage.DatabaseError.self) {
            try database.write { try $0.execute("INSERT INTO shop_items VALUES (\(String(repeating: "x", count: 200_000)))") }
        }
        #expect(error?.code == .full)
        try database.write { try $0.execute("INSERT INTO shop_items VALUES ('a')") }
        #expect(try database.read { try $0.rows("SELECT name FROM shop_items").count } == 1)
    }

    @Test("another process's lock ends in a typed error after the timeout")
    func busy() throws {
        let database = try SQLiteDatabase(folder: folder.path, options: .init(busyTimeoutSeconds: 0))
        try database.migrate([Self.first], at: now)
        let other = try DatabaseQueue(path: folder.path + "/martlet.sqlite")
        try other.inDatabase { connection in
            try connection.execute(sql: "BEGIN IMMEDIATE")
            let error = #expect(throws: MartletStorage.DatabaseError.self) {
                try database.write { try $0.execute("INSERT INTO shop_items VALUES ('a')") }
            }
            #expect(error?.code == .busy)
            try connection.execute(sql: "ROLLBACK")
        }
        try database.write { try $0.execute("INSERT INTO shop_items VALUES ('a')") }
    }

    @Test("errors name columns, never values")
    func privateValues() throws {
        let database = try SQLiteDatabase(folder: folder.path)
        try database.migrate([Self.first], at: now)
        try database.write { try $0.execute("INSERT INTO shop_items VALUES (\("canary-4711"))") }
        let error = #expect(throws: MartletStorage.DatabaseError.self) {
            try database.write { try $0.execute("INSERT INTO shop_items VALUES (\("canary-4711"))") }
        }
        #expect(error?.description == "the row was refused: UNIQUE constraint failed: shop_items.name")
        #expect(error.map { !"\($0) \(String(reflecting: $0.cause))".contains("canary") } == true)
        let type = #expect(throws: MartletStorage.DatabaseError.self) {
            try database.read { try $0.row("SELECT name FROM shop_items")?.value("name", as: Int64.self) }
        }
        #expect(type?.message == "column 'name' holds text where Int64 was asked for")
    }
}
