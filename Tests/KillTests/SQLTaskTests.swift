import Foundation
import Testing

/// DuckDB's library, where the server would find it.
enum SQLEngine {
    static let isPresent: Bool = {
        let environment = ProcessInfo.processInfo.environment
        let places = [environment["MARTLET_DUCKDB"], "libduckdb.so", environment["HOME"].map { $0 + "/.local/lib/libduckdb.so" }]
        return places.compactMap(\.self).contains { dlopen($0, RTLD_LAZY | RTLD_LOCAL) != nil }
    }()
}

@Suite("SQL tasks of the built program", .enabled(if: SQLEngine.isPresent, "DuckDB's library is not here: Scripts/duckdb.sh"))
struct SQLTaskTests {
    private static func project(_ pipelines: String, _ command: CommandUnderTest, files: [String: String] = [:]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder("sql")
        try folder.write("project: shop\npools: { cpu: 2 }\n", to: "martlet.yaml")
        try folder.write(pipelines, to: "pipelines/all.yaml")
        for (name, text) in files { try folder.write(text, to: name) }
        try command.run(["apply"], in: folder.path)
        return folder
    }

    /// Runs a pipeline in a process of its own; the run as JSON, and each task's log.
    private static func run(
        _ command: CommandUnderTest, _ pipeline: String, _ folder: TemporaryFolder, tasks: [String], environment: [String] = [], parameters: [String] = []
    ) throws -> Ended {
        let child = try ChildProcess(
            "/usr/bin/env", environment + [command.path, "pipelines", "run", pipeline, "--json", "--project", folder.path] + parameters)
        let text = String(decoding: child.readToEnd(), as: UTF8.self)
        child.wait()
        guard let last = text.split(separator: "\n").last,
            let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any], let id = object["run"] as? String
        else { throw TestFailure("no run: \(text)") }
        let shown = try command.run(["pipelines", "status", id, "--json"], in: folder.path)
        guard let run = try JSONSerialization.jsonObject(with: Data(shown.utf8)) as? [String: Any] else { throw TestFailure(shown) }
        var ended = Ended(state: run["state"] as? String ?? "")
        for case let task as [String: Any] in run["tasks"] as? [Any] ?? [] {
            guard let name = task["task"] as? String, let instance = (task["instances"] as? [Any])?.first as? [String: Any] else { continue }
            ended.reasons[name] = instance["reason"] as? String
            ended.attempts[name] = instance["attempt"] as? Int
            if instance["cached"] as? Bool == true { ended.cached.insert(name) }
            ended.results[name] = (instance["result"] as? [String: Any])?.mapValues { "\($0)" }
        }
        for task in tasks {
            let child = try ChildProcess(command.path, ["pipelines", "logs", id, task, "--project", folder.path])
            ended.logs[task] = String(decoding: child.readToEnd(), as: UTF8.self)
            child.wait()
        }
        return ended
    }

    /// What is known of a run at its end, by task.
    private struct Ended {
        var state: String
        var reasons: [String: String] = [:]
        var attempts: [String: Int] = [:]
        var cached: Set<String> = []
        var results: [String: [String: String]] = [:]
        var logs: [String: String] = [:]
    }

    @Test("read files and what other tasks made, write files, hand on values and lists, and are mapped over", .timeLimit(.minutes(2)))
    func wholeWay() async throws {
        let command = try CommandUnderTest()
        let (run, daily) = try await onThread {
            let folder = try Self.project(
                """
                pipeline: report
                parameters: { least: { type: float64, default: 2.0 } }
                tasks:
                  load:
                    sql: |
                      CREATE TABLE IF NOT EXISTS payments (day DATE, customer VARCHAR, amount DOUBLE);
                      INSERT INTO payments FROM read_csv($file);
                      SELECT count(*) AS count, sum(amount) AS total, max(day) AS last FROM payments WHERE amount >= $least
                    parameters: { file: data/payments.csv, least: "${parameters.least}" }
                    database: shop.duckdb
                    outputs: { count: int64, total: float64, last: timestamp }
                  customers:
                    sql: SELECT DISTINCT customer FROM payments ORDER BY customer
                    database: shop.duckdb
                    outputs: { customer: list of string }
                    after: load
                  each: { run: [echo, "${item}"], map: tasks.customers.customer, after: customers }
                  daily:
                    sql: SELECT day, sum(amount) AS amount FROM payments GROUP BY day ORDER BY day
                    database: shop.duckdb
                    to: out/daily.parquet
                    after: customers
                  read: { sql: "SELECT amount FROM read_parquet($file) ORDER BY amount", parameters: { file: "${tasks.daily.file}" }, outputs: { amount: list of float64 }, after: daily }
                  show: { run: [echo, "${tasks.load.count} ${tasks.load.total} ${tasks.load.last}"], after: load }

                """, command,
                files: ["data/payments.csv": "day,customer,amount\n2024-01-01,O'Hara,1.5\n2024-01-02,Ada,2.5\n2024-01-02,Ada,4\n"])
            let run = try Self.run(command, "report", folder, tasks: ["load", "show", "each"])
            return (run, try Data(contentsOf: URL(fileURLWithPath: folder.path + "/out/daily.parquet")))
        }
        #expect(run.state == "succeeded", "\(run)")
        #expect(run.logs["show"] == "2 6.5 2024-01-02T00:00:00Z\n")
        #expect(run.results["load"] == ["count": "2", "total": "6.5", "last": "2024-01-02T00:00:00Z", "rows": "1"])
        #expect(run.results["daily"]?["rows"] == "2")
        #expect(run.results["read"]?["amount"]?.filter { !$0.isWhitespace } == "(1.5,6.5)" || run.results["read"]?["amount"] == "[1.5, 6.5]", "\(run.results)")
        #expect(daily.prefix(4) == Data("PAR1".utf8))
        // People see what it did.
        #expect(run.logs["load"]?.contains("statement 2: 3 rows") == true && run.logs["load"]?.contains("total") == true, "\(run.logs)")
    }

    @Test("a result is taken again while statements, values and files are the same, wherever a file's copy lies", .timeLimit(.minutes(2)))
    func cached() async throws {
        let command = try CommandUnderTest()
        let runs = try await onThread {
            let folder = try Self.project(
                """
                pipeline: counts
                parameters: { least: { type: int64, default: 0 } }
                tasks:
                  make: { run: [sh, -c, 'cp rows.csv made.csv; echo "{\\"rows\\": \\"made.csv\\"}" > "$MARTLET_RESULT"'], outputs: { rows: file } }
                  read:
                    sql: SELECT count(*) AS n FROM read_csv($file) WHERE a >= $least
                    parameters: { file: "${tasks.make.rows}", least: "${parameters.least}" }
                    outputs: { n: int64 }
                    cache: 1d
                    after: make

                """, command, files: ["rows.csv": "a\n1\n2\n"])
            var runs = try [[], [], ["--parameter", "least=2"]].map { try Self.run(command, "counts", folder, tasks: [], parameters: $0) }
            try folder.write("a\n1\n2\n3\n", to: "rows.csv")
            runs.append(try Self.run(command, "counts", folder, tasks: []))
            return runs
        }
        #expect(runs.map { $0.results["read"]?["n"] } == ["2", "2", "1", "3"], "\(runs)")
        #expect(runs.map { $0.cached.contains("read") } == [false, true, false, false], "\(runs)")
    }

    @Test("a database that another task holds is tried again", .timeLimit(.minutes(2)))
    func busy() async throws {
        let command = try CommandUnderTest()
        let run = try await onThread {
            let folder = try Self.project(
                """
                pipeline: busy
                tasks:
                  holder:
                    sql: SELECT count(*) AS n FROM range(100000000) a, range(100000) b WHERE a.range + b.range = 1
                    database: shop.duckdb
                    timeout: 4s
                    allow_failure: true
                  pause: { wait: { for: 1s } }
                  other: { sql: CREATE TABLE t AS SELECT 1 AS one, database: shop.duckdb, after: pause, retries: 20, retry_delay: 1s, retry_factor: 1.0 }

                """, command)
            return try Self.run(command, "busy", folder, tasks: ["other"])
        }
        #expect(run.state == "succeeded" && run.results["other"]?["rows"] == "1", "\(run)")
        #expect(run.attempts["other"] ?? 0 > 1, "\(run)")
    }

    @Test("a failure says what the engine says, the project's own folder is not seen, and no library is told as such", .timeLimit(.minutes(2)))
    func failures() async throws {
        let command = try CommandUnderTest()
        let (run, without) = try await onThread {
            let folder = try Self.project(
                """
                pipeline: wrong
                tasks:
                  missing: { sql: SELECT nothing FROM there, allow_failure: true, retries: 3, retry_delay: 1h }
                  inside: { sql: "FROM read_text('.martlet/**')", allow_failure: true }
                  outside: { sql: "FROM read_text($file)", parameters: { file: /etc/passwd }, allow_failure: true }
                  late: { sql: "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range + b.range = 1", timeout: 1s, allow_failure: true }
                ---
                pipeline: plain
                tasks: { one: { sql: SELECT 1 AS one, retries: 3, retry_delay: 1h } }

                """, command)
            let run = try Self.run(command, "wrong", folder, tasks: ["missing"])
            let without = try Self.run(command, "plain", folder, tasks: [], environment: ["MARTLET_DUCKDB=/nowhere/libduckdb.so"])
            return (run, without)
        }
        #expect(run.reasons["missing"]?.contains("Catalog Error: Table with name there does not exist") == true, "\(run)")
        #expect(run.logs["missing"]?.contains("Catalog Error") == true)
        for task in ["inside", "outside"] { #expect(run.reasons[task]?.contains("Permission Error") == true, "\(run)") }
        #expect(run.reasons["late"]?.contains("1s") == true || run.reasons["late"]?.contains("time") == true, "\(run)")
        // No other attempt would do better, so none was waited for.
        #expect(run.state == "succeeded")
        #expect(without.state == "failed" && without.reasons["one"]?.contains("Scripts/duckdb.sh") == true, "\(without)")
    }
}
