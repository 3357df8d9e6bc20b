import MartletFrames
import MartletStorage
import Testing

/// What every engine behind the database port must do; run it with the engine's own way of making an empty database.
struct DatabaseContract {
    let makeDatabase: () throws -> any Database

    static let migrations = [
        Migration(
            part: "shop", number: 1,
            sql: """
                CREATE TABLE shop_items (name TEXT PRIMARY KEY, price REAL, stock BIGINT NOT NULL CHECK (stock >= 0), photo BLOB, sold BIGINT);
                CREATE TABLE shop_orders (id BIGINT PRIMARY KEY, item TEXT NOT NULL REFERENCES shop_items (name));
                """)
    ]

    private func open() throws -> any Database {
        let database = try makeDatabase()
        try database.migrate(Self.migrations, at: Timestamp(microseconds: 7))
        return database
    }

    func everyValueComesBack() throws {
        let database = try open()
        let photo: [UInt8] = [0, 255, 39, 0]
        let sold: Timestamp? = nil
        try database.write { transaction in
            try transaction.execute(
                "INSERT INTO shop_items (name, price, stock, photo, sold) VALUES (\("it's \"é\" ; --"), \(-0.5), \(Int64.max), \(photo), \(sold))")
            try transaction.execute(
                "INSERT INTO shop_items (name, price, stock, photo, sold) VALUES (\("b"), \(Double?.none), \(true), \([UInt8]()), \(Timestamp(microseconds: -3)))")
        }
        let rows = try database.read { try $0.rows("SELECT * FROM shop_items ORDER BY name DESC") }
        #expect(rows.count == 2)
        #expect(try rows[0].value("name") == "it's \"é\" ; --")
        #expect(try rows[0].value("price") == -0.5)
        #expect(try rows[0].value("stock") == Int64.max)
        #expect(try rows[0].value("photo") == photo)
        #expect(try rows[0].optional("sold", as: Timestamp.self) == nil)
        #expect(try rows[1].optional("price", as: Double.self) == nil)
        #expect(try rows[1].value("stock") == true)
        #expect(try rows[1].value("photo") == [UInt8]())
        #expect(try rows[1].value("sold") == Timestamp(microseconds: -3))
    }

    func aFailedBodyLeavesNothing() throws {
        struct Stop: Error {}
        let database = try open()
        #expect(throws: Stop.self) {
            try database.write { transaction in
                #expect(try transaction.execute("INSERT INTO shop_items (name, stock) VALUES ('a', 1), ('b', 2)") == 2)
                #expect(try transaction.rows("SELECT name FROM shop_items").count == 2)
                throw Stop()
            }
        }
        #expect(try database.read { try $0.rows("SELECT name FROM shop_items").count } == 0)
    }

    func brokenRulesAreTyped() throws {
        let database = try open()
        try database.write { try $0.execute("INSERT INTO shop_items (name, stock) VALUES ('a', 1)") }
        let cases: [(Statement, DatabaseError.Code)] = [
            ("INSERT INTO shop_items (name, stock) VALUES ('a', 2)", .duplicate),
            ("INSERT INTO shop_items (name, stock) VALUES ('b', -1)", .constraint),
            ("INSERT INTO shop_orders (id, item) VALUES (1, 'missing')", .constraint),
            ("INSERT INTO shop_items (name) VALUES ('c')", .constraint),
            ("INSERT INTO shop_items (name, stock) VALUES (\("a\0b"), 1)", .unstorable),
            ("INSERT INTO shop_items (name, stock, price) VALUES ('d', 1, \(Double.nan))", .unstorable),
            ("SELEC 1", .statement),
            ("SELECT nothing FROM shop_items", .statement),
        ]
        for (statement, code) in cases {
            let error = #expect(throws: DatabaseError.self) { try database.write { _ = try $0.execute(statement) } }
            #expect(error?.code == code, "\(statement.text)")
        }
        #expect(try database.read { try $0.rows("SELECT name FROM shop_items").count } == 1)
    }

    func answersAreBounded() throws {
        let database = try open()
        try database.write { try $0.execute("INSERT INTO shop_items (name, stock) VALUES ('a', 1), ('b', 2), ('c', 3)") }
        #expect(try database.read { try $0.rows("SELECT * FROM shop_items", limit: 3).count } == 3)
        let error = #expect(throws: DatabaseError.self) { try database.read { try $0.rows("SELECT * FROM shop_items", limit: 2) } }
        #expect(error?.code == .tooManyRows)
    }

    func aReadSeesOneState() throws {
        let database = try open()
        try database.write { try $0.execute("INSERT INTO shop_items (name, stock) VALUES ('a', 1)") }
        let counts = try database.read { reader in
            let before = try reader.rows("SELECT name FROM shop_items").count
            try onAnotherThread { try database.write { try $0.execute("INSERT INTO shop_items (name, stock) VALUES ('b', 1)") } }
            return (before, try reader.rows("SELECT name FROM shop_items").count)
        }
        #expect(counts.0 == 1 && counts.1 == 1)
        #expect(try database.read { try $0.rows("SELECT name FROM shop_items").count } == 2)
    }

    func run() throws {
        try everyValueComesBack()
        try aFailedBodyLeavesNothing()
        try brokenRulesAreTyped()
        try answersAreBounded()
        try aReadSeesOneState()
    }
}
