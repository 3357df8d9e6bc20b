public import MartletBytes
import MartletFrames

/// Carries out a request in this process, which does nothing else: the engine's settings hold for all of it.
///
/// The statements see the visible files of the process's folder and what the request names as readable, no other file and no network; all
/// of them take effect or none.
public struct SQLRun {
    /// What the last statement gave, as a task gives it: `rows`, `file` if rows were written, and the declared columns.
    public private(set) var result = JSONObject()
    private let request: SQLRequest
    private let session: DuckDBSession
    private let say: (String) -> Void

    /// How many rows of a query are shown.
    static let shownRows = 20

    /// - Parameters:
    ///   - visible: what may be read and written, absolute paths of folders and of files.
    ///   - say: takes lines for people.
    /// - Throws: ``SQLError``.
    public init(
        _ request: SQLRequest, _ library: DuckDBLibrary, visible: (folders: [String], files: [String]), say: @escaping (String) -> Void
    ) throws(SQLError) {
        self.request = request
        self.say = say
        session = try DuckDBSession(library, path: request.database)
        var settings = [
            "TimeZone = 'UTC'", "autoinstall_known_extensions = false", "autoload_known_extensions = false",
            "memory_limit = '\(max(request.memoryBytes, 64 << 20))B'",
        ]
        if let threads = request.threads { settings.append("threads = \(max(1, threads))") }
        settings.append("temp_directory = \(Self.literal(request.spill ?? ""))")
        settings.append("allowed_directories = \(Self.list(visible.folders + request.readable))")
        settings.append("allowed_paths = \(Self.list(visible.files + (request.partialTarget.map { [$0] } ?? [])))")
        settings += ["enable_external_access = false", "lock_configuration = true"]
        for setting in settings { _ = try session.run("SET \(setting)") }
    }

    /// Does it, and says what it did.
    ///
    /// - Throws: ``SQLError``; nothing has taken effect then, but for what a statement wrote into files by itself.
    public mutating func perform() throws(SQLError) {
        _ = try session.run("BEGIN TRANSACTION")
        for (index, text) in request.statements.dropLast().enumerated() {
            let answer = try numbered(index) { () throws(SQLError) in try session.run(text, request.parameters) }
            say("statement \(index + 1): \(told(answer))")
        }
        let last = request.statements.count - 1
        let text = request.statements[last]
        try numbered(last) { () throws(SQLError) in
            if let target = request.partialTarget {
                try copy(text, to: target)
            } else {
                try collect(text)
            }
        }
        _ = try session.run("COMMIT")
    }

    /// Names the statement in what went wrong with it.
    private func numbered<T>(_ index: Int, _ body: () throws(SQLError) -> T) throws(SQLError) -> T {
        do throws(SQLError) { return try body() } catch {
            guard request.statements.count > 1 else { throw error }
            throw SQLError(error.code, "statement \(index + 1): \(error.message)", hint: error.hint)
        }
    }

    private func told(_ answer: DuckDBSession.Answer) -> String {
        answer.changedRows.map { "\($0) rows" } ?? "done"
    }

    // MARK: - The last statement

    private mutating func copy(_ text: String, to target: String) throws(SQLError) {
        try requireQuery(text, for: "'to'")
        let answer = try session.run("COPY (\(text)\n) TO \(Self.literal(target)) (\(request.format.options))", request.parameters)
        result["rows"] = .int64(Int64(answer.changedRows ?? 0))
        say("\(told(answer)) written")
    }

    private mutating func collect(_ text: String) throws(SQLError) {
        if !request.outputs.isEmpty { try requireQuery(text, for: "'outputs'") }
        // SHOW, DESCRIBE and their like are queries that cannot stand in another statement.
        let table = "CREATE TEMP TABLE martlet_result AS (\(text)\n)"
        guard try session.type(of: text) == DuckDBSession.selectType, session.statementCount(of: table) == 1 else {
            let answer = try session.run(text, request.parameters)
            result["rows"] = .int64(Int64(answer.changedRows ?? answer.rowCount))
            return say(told(answer))
        }
        let count = try session.run(table, request.parameters).changedRows ?? 0
        result["rows"] = .int64(Int64(count))
        let shown = try session.run("SELECT COLUMNS(*)::VARCHAR FROM martlet_result LIMIT \(Self.shownRows)", rowLimit: Self.shownRows)
        say(TextTable(shown.columns.map(\.name), shown.rows).text)
        say(count > Self.shownRows ? "… of \(count) rows" : "\(count) rows")
        try readOutputs(count)
    }

    private func requireQuery(_ text: String, for key: String) throws(SQLError) {
        guard try session.type(of: text) == DuckDBSession.selectType else {
            throw SQLError(.unfitting, "the last statement is no query, and \(key) needs its rows", hint: "end with a SELECT")
        }
    }

    private mutating func readOutputs(_ count: Int) throws(SQLError) {
        guard !request.outputs.isEmpty else { return }
        let columns = try session.run("SELECT * FROM martlet_result LIMIT 0").columns
        for output in request.outputs {
            guard let column = columns.first(where: { $0.name.lowercased() == output.name.lowercased() }) else {
                throw SQLError(
                    .unfitting, "the last statement gives no column '\(output.name)'; it gives " + columns.map { "'\($0.name)'" }.joined(separator: ", "))
            }
            guard DuckDBType.fits(column.type, output.type) else {
                throw SQLError(
                    .unfitting, "the column '\(column.name)' is \(DuckDBType.name(of: column.type)), and '\(output.name)' is declared as \(output.type.rawValue)",
                    hint: "cast it in the query")
            }
            let limit = output.isList ? SQLRequest.listLimit : 1
            guard output.isList ? count <= limit : count == 1 else {
                throw SQLError(
                    .unfitting,
                    output.isList
                        ? "the last statement gives \(count) rows; the list '\(output.name)' may have \(limit)"
                        : "the last statement gives \(count) rows, and '\(output.name)' is the value of one",
                    hint: output.isList ? "write rows to a file by 'to'" : "aggregate, or declare a list")
            }
            let name = Self.identifier(column.name)
            let read =
                switch output.type {
                case .bool, .string, .int64, .float64: "\(name)::\(Self.typeName(output.type))"
                case .timestamp: "epoch_us(\(name)::TIMESTAMP)"
                }
            let rows = try session.run("SELECT \(read) FROM martlet_result", rowLimit: limit).rows
            let values = try rows.enumerated().map { (index, row) throws(SQLError) in try json(row[0], output, row: index) }
            result[output.name] = output.isList ? .array(values) : values.first
        }
    }

    private func json(_ value: Value, _ output: SQLRequest.Output, row: Int) throws(SQLError) -> JSONValue {
        let place = output.isList ? " in row \(row + 1)" : ""
        switch value {
        case .missing: throw SQLError(.unfitting, "'\(output.name)' is NULL\(place)", hint: "write coalesce(…, …)")
        case .bool(let value): return .bool(value)
        case .int64(let value):
            return output.type == .timestamp ? .string("\(Timestamp(microseconds: value))") : .int64(value)
        case .float64(let value):
            guard value.isFinite else { throw SQLError(.unfitting, "'\(output.name)' is \(value)\(place), which tasks cannot pass on") }
            return .float64(value)
        case .string(let value): return .string(value)
        case .timestamp(let value): return .string("\(value)")
        }
    }

    // MARK: - Texts of the engine

    private static func typeName(_ type: ValueType) -> String {
        switch type {
        case .bool: "BOOLEAN"
        case .int64: "BIGINT"
        case .float64: "DOUBLE"
        case .string: "VARCHAR"
        case .timestamp: "TIMESTAMP"
        }
    }

    private static func doubled(_ text: String, _ quote: Character) -> String {
        String(quote) + text.flatMap { $0 == quote ? [quote, quote] : [$0] } + String(quote)
    }

    private static func literal(_ text: String) -> String { doubled(text, "'") }
    private static func identifier(_ text: String) -> String { doubled(text, "\"") }
    private static func list(_ texts: [String]) -> String { "[" + texts.map(literal).joined(separator: ", ") + "]" }
}

extension SQLRequest {
    /// Where rows are written before they are whole; whoever made the request puts the file in its place.
    public var partialTarget: String? { target.map { $0 + ".part" } }
}
