import Foundation
import MartletBytes
import MartletFrames
import MartletSQL
import Testing

@Suite("SQL by DuckDB", .enabled(if: Engine.isPresent, "DuckDB's library is not here"))
struct SQLRunTests {
    @Test("parameters are values of their types, whatever they hold")
    func parameters() throws {
        let folder = try VisibleFolder()
        let hostile = "'; DROP TABLE t; -- \" $x ${y} \u{1F600}"
        let result = try folder.answer(
            to: """
            SELECT $b AND true AS b, $i + 1 AS i, $f * 2 AS f, $s || '!' AS s, $t + INTERVAL 1 DAY AS t, $n IS NULL AS n,
                typeof($b) || ',' || typeof($i) || ',' || typeof($f) || ',' || typeof($s) || ',' || typeof($t) AS types
            """,
            [
                "b": .bool(true), "i": .int64(Int64.max - 1), "f": .float64(0.1), "s": .string(hostile),
                "t": .timestamp(Timestamp(microseconds: 1_709_164_799_000_001)), "n": .missing,
            ],
            giving: [
                .init("b", .bool, isList: false), .init("i", .int64, isList: false), .init("f", .float64, isList: false),
                .init("s", .string, isList: false), .init("t", .timestamp, isList: false), .init("n", .bool, isList: false),
                .init("types", .string, isList: false),
            ])
        let expected: JSONValue = [
            "rows": 1, "b": true, "i": .int64(.max), "f": 0.2, "s": .string(hostile + "!"), "t": "2024-02-29T23:59:59.000001Z", "n": true,
            "types": "BOOLEAN,BIGINT,DOUBLE,VARCHAR,TIMESTAMP",
        ]
        #expect(result == expected)
    }

    @Test("lists hold every row in order, past a block of the engine")
    func lists() throws {
        let folder = try VisibleFolder()
        let result = try folder.answer(
            to: "SELECT i::SMALLINT AS n, 'a text of more than twelve bytes ' || i AS long, 'x' || i AS short FROM range(5000) t(i) ORDER BY i",
            giving: [.init("n", .int64, isList: true), .init("long", .string, isList: true), .init("SHORT", .string, isList: true)])
        let n = try #require(result["n"]?.array), long = try #require(result["long"]?.array), short = try #require(result["SHORT"]?.array)
        #expect(n.map(\.int64) == (0..<5_000).map { Int64($0) })
        #expect(long.enumerated().allSatisfy { $1.string == "a text of more than twelve bytes \($0)" })
        #expect(short.enumerated().allSatisfy { $1.string == "x\($0)" })
        #expect(result["rows"] == 5_000)
    }

    @Test("what does not fit what is declared is told", arguments: [
        ("SELECT 1 AS b", .init("a", .int64, isList: false), "no column 'a'; it gives 'b'"),
        ("SELECT 1.5 AS a", .init("a", .int64, isList: false), "is DECIMAL, and 'a' is declared as int64"),
        ("SELECT '1' AS a", .init("a", .int64, isList: false), "is VARCHAR"),
        ("SELECT 1 AS a", .init("a", .string, isList: false), "is INTEGER"),
        ("SELECT [1] AS a", .init("a", .int64, isList: true), "is LIST"),
        ("SELECT 170141183460469231731687303715884105727 AS a", .init("a", .int64, isList: false), "Conversion Error"),
        ("SELECT 1 AS a WHERE false", .init("a", .int64, isList: false), "0 rows, and 'a' is the value of one"),
        ("SELECT unnest([1, 2]) AS a", .init("a", .int64, isList: false), "2 rows, and 'a' is the value of one"),
        ("FROM range(10001) t(a)", .init("a", .int64, isList: true), "10001 rows; the list 'a' may have 10000"),
        ("SELECT NULL::INT AS a", .init("a", .int64, isList: false), "'a' is NULL (write coalesce"),
        ("SELECT unnest([1, NULL]) AS a", .init("a", .int64, isList: true), "'a' is NULL in row 2"),
        ("SELECT CASE WHEN i <> 100 THEN i END AS a FROM range(200) t(i) ORDER BY i", .init("a", .int64, isList: true), "'a' is NULL in row 101"),
        ("SELECT 'nan'::DOUBLE AS a", .init("a", .float64, isList: false), "cannot pass on"),
        ("SELECT 1 AS x; CREATE TABLE t (a INT)", .init("a", .int64, isList: false), "no query, and 'outputs' needs its rows"),
    ] as [(String, SQLRequest.Output, String)])
    func unfitting(text: String, output: SQLRequest.Output, message: String) throws {
        let folder = try VisibleFolder()
        let error = try #require(throws: SQLError.self) { try folder.answer(to: text, giving: [output]) }
        #expect("\(error)".contains(message), "\(error)")
        #expect(!error.isRetryable)
    }

    @Test("dates, decimals and enumerations are taken as what they are")
    func types() throws {
        let folder = try VisibleFolder()
        let result = try folder.answer(
            to: """
            SELECT 12.50::DECIMAL(9, 2) AS d, DATE '2024-02-29' AS day, TIMESTAMPTZ '2024-01-01 02:00:00+02' AS z, 7::UBIGINT AS u,
                'b'::ENUM ('a', 'b') AS e, uuid()::VARCHAR IS NOT NULL AS known
            """,
            giving: [
                .init("d", .float64, isList: false), .init("day", .timestamp, isList: false), .init("z", .timestamp, isList: false),
                .init("u", .float64, isList: false), .init("e", .string, isList: false), .init("known", .bool, isList: false),
            ])
        let expected: JSONValue = [
            "rows": 1, "d": 12.5, "day": "2024-02-29T00:00:00Z", "z": "2024-01-01T00:00:00Z", "u": .float64(7), "e": "b", "known": true,
        ]
        #expect(result == expected)
    }

    @Test("rows go to a file of every form, and only the engine's own reader is needed to read them", arguments: SQLRequest.Format.allCases)
    func target(format: SQLRequest.Format) throws {
        let folder = try VisibleFolder(["data/in.csv": "day,amount\n2024-01-01,1.5\n2024-01-02,2.5\n2024-01-02,4\n"])
        var request = try folder.request(
            "CREATE TEMP TABLE t AS FROM read_csv($file); SELECT day, sum(amount) AS total FROM t GROUP BY day ORDER BY day -- last",
            ["file": .string(folder["data/in.csv"])])
        let name = folder["data/it's out.\(format.rawValue)"]
        (request.target, request.format) = (name, format)
        #expect(SQLRequest.Format(fileName: name) == format)
        #expect(try folder.run(request) == ["rows": 2])
        let written = try Data(contentsOf: URL(fileURLWithPath: name + ".part"))
        switch format {
        case .csv: #expect(String(decoding: written, as: UTF8.self) == "day,total\n2024-01-01,1.5\n2024-01-02,6.5\n")
        case .ndjson:
            #expect(String(decoding: written, as: UTF8.self) == #"{"day":"2024-01-01","total":1.5}"# + "\n" + #"{"day":"2024-01-02","total":6.5}"# + "\n")
        case .parquet: #expect(written.prefix(4) == Data("PAR1".utf8) && written.suffix(4) == Data("PAR1".utf8))
        case .csvGzip, .ndjsonGzip: #expect(written.prefix(2) == Data([0x1f, 0x8b]))
        }
        let reader =
            switch format {
            case .parquet: "read_parquet($file)"
            case .csv, .csvGzip: "read_csv($file, compression = \(format == .csv ? "'none'" : "'gzip'"))"
            case .ndjson, .ndjsonGzip: "read_json($file, format = 'newline_delimited', compression = \(format == .ndjson ? "'uncompressed'" : "'gzip'"))"
            }
        let back = try folder.answer(
            to: "SELECT total FROM \(reader)", ["file": .string(name + ".part")], giving: [.init("total", .float64, isList: true)])
        #expect(back["total"] == [1.5, 6.5])
    }

    @Test("all statements take effect or none")
    func allOrNone() throws {
        let folder = try VisibleFolder()
        func run(_ text: String) throws -> JSONValue {
            var request = try folder.request(text)
            request.database = folder["data/shop.duckdb"]
            return try folder.run(request)
        }
        #expect(try run("CREATE TABLE t AS SELECT 1 AS a; INSERT INTO t VALUES (2), (3)")["rows"] == 2)
        let error = try #require(throws: SQLError.self) { try run("INSERT INTO t VALUES (4); CREATE TABLE u (a INT); SELECT missing FROM t") }
        #expect(error.message.hasPrefix("statement 3: Binder Error") && error.message.contains("missing"), "\(error)")
        #expect(try run("SELECT * FROM t")["rows"] == 3)
        #expect(throws: SQLError.self) { try run("FROM u") }
        #expect(try run("UPDATE t SET a = 5 WHERE a > 1")["rows"] == 2)
        #expect(try run("CREATE TEMP TABLE s AS FROM t; INSERT INTO t SELECT a FROM s; SELECT count(*) AS n FROM t")["rows"] == 1)
        #expect(folder.said.contains { $0.contains("n\n-\n6") }, "\(folder.said)")
        #expect(try run("SHOW TABLES")["rows"] == 1)
    }

    @Test("a database that cannot be opened is told")
    func unopened() throws {
        let folder = try VisibleFolder()
        var request = try folder.request("SELECT 1 AS a")
        request.database = folder["data"]
        let broken = try #require(throws: SQLError.self) { try folder.run(request) }
        #expect(broken.code == .refused && broken.message.contains("cannot be opened"), "\(broken)")
    }

    @Test("statements see what is visible and nothing else", arguments: [
        "FROM read_csv('/etc/passwd')", "FROM read_text('/etc/passwd')", "FROM read_csv('HERE/.martlet/key.csv')", "FROM read_csv('HERE/data/link/passwd')",
        "FROM read_csv('HERE/data/../.martlet/key.csv')", "COPY (SELECT 1) TO 'HERE/.martlet/out.csv'", "COPY (SELECT 1) TO '/tmp/martlet-out.csv'",
        "FROM glob('/etc/*')", "ATTACH '/tmp/martlet-other.duckdb'", "FROM 'https://127.0.0.1:1/x.parquet'", "INSTALL httpfs", "LOAD httpfs",
        "SET memory_limit = '900GB'", "SET enable_external_access = true", "SET allowed_directories = ['/']", "RESET lock_configuration",
        "EXPORT DATABASE '/tmp/martlet-export'", "PRAGMA enable_external_access = true",
    ])
    func confined(statement: String) throws {
        let folder = try VisibleFolder()
        try FileManager.default.createDirectory(atPath: folder[".martlet"], withIntermediateDirectories: true)
        try "a\n1\n".write(toFile: folder[".martlet/key.csv"], atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: folder["data/link"], withDestinationPath: "/etc")
        let text = statement.replacing("HERE", with: folder.path)
        let error = try #require(throws: SQLError.self) { try folder.run(folder.request(text)) }
        #expect(["Permission", "configuration", "httpfs", "recognized"].contains { error.message.contains($0) }, "\(error)")
    }

    @Test("beyond its memory it goes on on the disk, in the folder that it is given")
    func spills() throws {
        let folder = try VisibleFolder()
        var request = try folder.request("SELECT count(*) AS n FROM (SELECT i, hash(i) AS h FROM range(6000000) t(i) ORDER BY h)")
        request.outputs = [.init("n", .int64, isList: false)]
        request.memoryBytes = 64 << 20
        request.threads = 1
        request.spill = folder["data"]
        #expect(try folder.run(request)["n"] == 6_000_000)
        request.spill = nil
        let error = try #require(throws: SQLError.self) { try folder.run(request) }
        #expect(error.message.contains("Out of Memory"), "\(error)")
    }

    @Test("it uses the threads that it is given, and people see the first rows, short and with what is missing")
    func threadsAndTable() throws {
        let folder = try VisibleFolder()
        var request = try folder.request(
            "SELECT current_setting('threads') AS threads, CASE WHEN i > 0 THEN NULL ELSE repeat('x', 100) || chr(10) END AS long FROM range(25) t(i)")
        request.threads = 3
        request.outputs = [.init("threads", .int64, isList: true)]
        let result = try folder.run(request)
        #expect(result["threads"]?.array?.first == 3)
        let lines = folder.said.joined(separator: "\n").split(separator: "\n")
        #expect(lines.count == 23 && lines.last == "… of 25 rows", "\(lines)")
        #expect(lines[2] == "3        " + String(repeating: "x", count: 59) + "…" && lines[3] == "3        NULL", "\(lines)")
    }

    @Test("a request is the same after its way as JSON")
    func json() throws {
        var request = SQLRequest(
            statements: ["SELECT 1", "SELECT '\u{0}\"é'"],
            parameters: ["a": .missing, "b": .bool(false), "c": .int64(3), "d": .float64(3), "e": .float64(.infinity), "f": .string("x"),
                "g": .timestamp(Timestamp(microseconds: -1))], memoryBytes: 5)
        #expect(try SQLRequest(json: JSONValue(parsing: request.json.serialized())) == request)
        (request.database, request.target, request.format) = ("d", "t.csv", .csv)
        request.outputs = [.init("o", .timestamp, isList: true)]
        (request.threads, request.readable, request.spill) = (3, ["/r"], "/s")
        #expect(try SQLRequest(json: JSONValue(parsing: request.json.serialized())) == request)
        #expect(throws: SQLError.self) { try SQLRequest(json: ["statements": []]) }
    }

    @Test("a library that is not there is told with what to do")
    func missingLibrary() throws {
        let error = try #require(throws: SQLError.self) { try DuckDBLibrary.open(at: "/nowhere/libduckdb.so") }
        #expect(error.code == .libraryMissing && error.hint?.contains("Scripts/duckdb.sh") == true)
        let other = try #require(throws: SQLError.self) { try DuckDBLibrary.open(at: "libz.so.1") }
        #expect(other.code == .libraryUnusable, "\(other)")
    }
}
