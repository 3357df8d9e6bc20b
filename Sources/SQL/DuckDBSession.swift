import CDuckDB
import MartletFrames

/// A database that is open, and one connection to it.
///
/// Used by one thread at a time.
final class DuckDBSession {
    private let functions: DuckDBLibrary.Functions
    private var database: OpaquePointer?
    private var connection: OpaquePointer?

    /// - Parameter path: of a database's file, which is made if there is none; nil for one in memory.
    init(_ library: DuckDBLibrary, path: String?) throws(SQLError) {
        functions = library.functions
        var error: UnsafeMutablePointer<CChar>?
        let state = if let path { path.withCString { functions.open($0, &database, nil, &error) } } else { functions.open(nil, &database, nil, &error) }
        guard state == 0, let database, functions.connect(database, &connection) == 0 else {
            let told = error.map { String(cString: $0) } ?? "no reason is told"
            functions.free(error)
            let isBusy = told.contains("Could not set lock")
            throw SQLError(
                isBusy ? .busy : .refused, "the database \(path.map { "'\($0)'" } ?? "in memory") cannot be opened: \(told)",
                hint: isBusy ? "one process at a time may hold it: let such tasks share a pool of one" : nil)
        }
    }

    deinit {
        if connection != nil { functions.disconnect(&connection) }
        if database != nil { functions.close(&database) }
    }

    /// What a statement gave.
    struct Answer {
        /// As `duckdb_statement_type`.
        var statementType: Int32
        var columns: [Column]
        /// Row by row as they were fetched, cut at a limit; only of columns whose types are read here.
        var rows: [[Value]]
        var rowCount: Int

        /// How many rows a statement wrote or changed that tells so in its one row, which is read if any is; nil for others.
        var changedRows: Int? {
            guard statementType != DuckDBSession.selectType, columns.map(\.name) == ["Count"] else { return nil }
            guard case .int64(let count)? = rows.first?.first else { return 0 }
            return Int(clamping: count)
        }
    }

    struct Column {
        var name: String
        /// As `duckdb_type`.
        var type: Int32
    }

    /// The statement is a query whose rows can stand in another statement.
    static let selectType: Int32 = 1

    /// Carries out exactly one statement.
    ///
    /// - Parameter rowLimit: how many rows are read out.
    /// - Throws: ``SQLError`` with code `refused` in the engine's words.
    func run(_ text: String, _ parameters: [String: Value] = [:], rowLimit: Int = 1) throws(SQLError) -> Answer {
        let statement = try Prepared(text, on: self)
        try statement.bind(parameters)
        return try statement.execute(rowLimit: rowLimit)
    }

    /// The type of a statement, as `duckdb_statement_type`.
    func type(of text: String) throws(SQLError) -> Int32 { try Prepared(text, on: self).type }

    /// How many statements the engine reads in a text, whatever they mean; none if it cannot read it.
    func statementCount(of text: String) -> Int {
        guard let connection else { return 0 }
        var extracted: OpaquePointer?
        defer { functions.destroyExtracted(&extracted) }
        return Int(text.withCString { functions.extract(connection, $0, &extracted) })
    }

    /// A statement that the engine has read.
    private final class Prepared {
        let functions: DuckDBLibrary.Functions
        var handle: OpaquePointer?

        var type: Int32 { handle.map { functions.statementType($0) } ?? 0 }

        init(_ text: String, on session: DuckDBSession) throws(SQLError) {
            functions = session.functions
            guard let connection = session.connection else { throw SQLError(.refused, "the database is closed") }
            var extracted: OpaquePointer?
            defer { functions.destroyExtracted(&extracted) }
            let count = text.withCString { functions.extract(connection, $0, &extracted) }
            guard count == 1, let extracted else {
                let told = extracted.flatMap { functions.extractError($0) }.map { String(cString: $0) }
                throw SQLError(.refused, count > 1 ? "this is more than one statement: \(text.prefix(200))" : told ?? "the statement cannot be read")
            }
            guard functions.prepare(connection, extracted, 0, &handle) == 0 else {
                let told = handle.flatMap { functions.prepareError($0) }.map { String(cString: $0) }
                functions.destroyPrepared(&handle)
                throw SQLError(.refused, told ?? "the statement cannot be prepared")
            }
        }

        deinit {
            functions.destroyPrepared(&handle)
        }

        func bind(_ parameters: [String: Value]) throws(SQLError) {
            guard let handle else { return }
            let count = functions.parameterCount(handle)
            guard count > 0 else { return }
            for index in 1...count {
                let text = functions.parameterName(handle, index)
                let name = text.map { String(cString: $0).lowercased() } ?? ""
                functions.free(text)
                guard let value = parameters[name] else {
                    throw SQLError(.refused, "the statement reads $\(name), which is not given", hint: "give it under 'parameters'")
                }
                guard bind(value, at: index, of: handle) == 0 else { throw SQLError(.refused, "$\(name) cannot be given as \(value)") }
            }
        }

        private func bind(_ value: Value, at index: UInt64, of handle: OpaquePointer) -> Int32 {
            switch value {
            case .missing: functions.bindNull(handle, index)
            case .bool(let value): functions.bindBool(handle, index, value)
            case .int64(let value): functions.bindInt64(handle, index, value)
            case .float64(let value): functions.bindDouble(handle, index, value)
            case .string(let value): value.withCString { functions.bindText(handle, index, $0, UInt64(value.utf8.count)) }
            case .timestamp(let value): functions.bindTimestamp(handle, index, value.microseconds)
            }
        }

        func execute(rowLimit: Int) throws(SQLError) -> Answer {
            guard let handle else { throw SQLError(.refused, "the statement is gone") }
            let type = type
            var result = duckdb_result()
            let state = functions.execute(handle, &result)
            defer { functions.destroyResult(&result) }
            guard state == 0 else {
                throw SQLError(.refused, functions.resultError(&result).map { String(cString: $0) } ?? "the statement failed")
            }
            let columns = (0..<functions.columnCount(&result)).map { index in
                Column(
                    name: functions.columnName(&result, index).map { String(cString: $0) } ?? "", type: functions.columnType(&result, index))
            }
            var answer = Answer(statementType: type, columns: columns, rows: [], rowCount: 0)
            while let chunk = functions.fetchChunk(result) {
                var held: UnsafeMutableRawPointer? = chunk
                defer { functions.destroyChunk(&held) }
                let size = Int(functions.chunkSize(chunk))
                if size == 0 { break }
                answer.rowCount += size
                let wanted = min(size, rowLimit - answer.rows.count)
                guard wanted > 0 else { continue }
                let read = columns.indices.map { index in
                    functions.chunkVector(chunk, UInt64(index)).map { values(of: $0, type: columns[index].type, count: wanted) }
                        ?? Array(repeating: .missing, count: wanted)
                }
                for row in 0..<wanted { answer.rows.append(read.map { $0[row] }) }
            }
            return answer
        }

        /// The values of a vector; missing for null, and for types that the statements of ``SQLRun`` never ask for.
        private func values(of vector: UnsafeMutableRawPointer, type: Int32, count: Int) -> [Value] {
            guard let data = functions.vectorData(vector) else { return Array(repeating: .missing, count: count) }
            let validity = functions.vectorValidity(vector)
            return (0..<count).map { row in
                if let validity, validity[row / 64] & (1 << UInt64(row % 64)) == 0 { return .missing }
                switch type {
                case DuckDBType.boolean: return .bool(data.load(fromByteOffset: row, as: UInt8.self) != 0)
                case DuckDBType.bigint: return .int64(data.load(fromByteOffset: row * 8, as: Int64.self))
                case DuckDBType.double: return .float64(data.load(fromByteOffset: row * 8, as: Double.self))
                case DuckDBType.varchar: return .string(text(at: data + row * 16))
                default: return .missing
                }
            }
        }

        /// A text of up to 12 bytes stands in the value itself, after its length; a longer one elsewhere.
        private func text(at value: UnsafeMutableRawPointer) -> String {
            let count = Int(value.load(as: UInt32.self))
            let start = count <= 12 ? UnsafeRawPointer(value + 4) : value.load(fromByteOffset: 8, as: UnsafeRawPointer.self)
            return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
        }
    }
}

/// The numbers of `duckdb_type` that are told apart here.
enum DuckDBType {
    static let boolean: Int32 = 1
    static let bigint: Int32 = 5
    static let double: Int32 = 11
    static let varchar: Int32 = 17

    private static let integers: Set<Int32> = [2, 3, 4, 5, 6, 7, 8, 9, 16, 32]
    /// FLOAT, DOUBLE, DECIMAL.
    private static let fractions: Set<Int32> = [10, 11, 19]
    /// VARCHAR, ENUM, UUID.
    private static let texts: Set<Int32> = [17, 23, 27]
    /// TIMESTAMP, its forms of other units and with a zone, DATE.
    private static let moments: Set<Int32> = [12, 13, 20, 21, 22, 31]

    /// Whether a column of a type is one of ours without a loss that nobody asked for.
    static func fits(_ type: Int32, _ wanted: ValueType) -> Bool {
        switch wanted {
        case .bool: type == boolean
        case .int64: integers.contains(type)
        case .float64: integers.contains(type) || fractions.contains(type)
        case .string: texts.contains(type)
        case .timestamp: moments.contains(type)
        }
    }

    static func name(of type: Int32) -> String {
        let names = [
            "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE",
            "TIMESTAMP", "DATE", "TIME", "INTERVAL", "HUGEINT", "VARCHAR", "BLOB", "DECIMAL", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
            "ENUM", "LIST", "STRUCT", "MAP", "UUID", "UNION", "BIT", "TIME_TZ", "TIMESTAMP_TZ", "UHUGEINT",
        ]
        return (1...names.count).contains(Int(type)) ? names[Int(type) - 1] : "of another type"
    }
}
