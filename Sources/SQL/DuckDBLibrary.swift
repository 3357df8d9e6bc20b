package import CDuckDB
import Glibc

/// DuckDB's own C library, opened at run time where it is found.
///
/// Versions from 1.2 on, which know `allowed_directories`. It stays open until the process ends.
public struct DuckDBLibrary: Sendable, CustomStringConvertible {
    /// As the library tells it: `v1.5.5`.
    public let version: String
    /// The path or name under which it was opened.
    public let path: String
    package let functions: Functions

    /// Where the system's loader finds it by name.
    public static let systemNames = ["libduckdb.so"]

    /// The places of a plain install for one user, below a home folder.
    public static func places(below home: String?) -> [String] { home.map { [$0 + "/.local/lib/libduckdb.so"] } ?? [] }

    /// Opens the first library that is found.
    ///
    /// - Parameters:
    ///   - explicit: a path that must be used; nothing else is tried then.
    ///   - candidates: more paths, tried after the system's names.
    /// - Throws: ``SQLError`` with code `libraryMissing` or `libraryUnusable`.
    public static func open(at explicit: String? = nil, candidates: [String] = []) throws(SQLError) -> DuckDBLibrary {
        let places = explicit.map { [$0] } ?? systemNames + candidates
        for place in places {
            guard let handle = dlopen(place, RTLD_NOW | RTLD_LOCAL) else { continue }
            let functions = try Functions(handle, place)
            return DuckDBLibrary(version: functions.libraryVersion().map { String(cString: $0) } ?? "", path: place, functions: functions)
        }
        throw SQLError(
            .libraryMissing, "SQL needs DuckDB's library, which was not found; tried: " + places.joined(separator: ", "),
            hint: "run Scripts/duckdb.sh, or name a libduckdb.so in MARTLET_DUCKDB where the server starts")
    }

    public var description: String { "DuckDB \(version) at \(path)" }
}

/// The C functions that are used. Those that give an `Int32` give 0, or 1 on failure.
package struct DuckDBFunctions: Sendable {
    package typealias Handle = OpaquePointer
    package typealias HandleOut = UnsafeMutablePointer<OpaquePointer?>
    package typealias Text = UnsafePointer<CChar>
    package typealias Result = UnsafeMutablePointer<duckdb_result>

    let libraryVersion: @convention(c) @Sendable () -> Text?
    let open: @convention(c) @Sendable (Text?, HandleOut, Handle?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    let close: @convention(c) @Sendable (HandleOut) -> Void
    let connect: @convention(c) @Sendable (Handle, HandleOut) -> Int32
    let disconnect: @convention(c) @Sendable (HandleOut) -> Void
    let free: @convention(c) @Sendable (UnsafeMutableRawPointer?) -> Void
    let extract: @convention(c) @Sendable (Handle, Text, HandleOut) -> UInt64
    let extractError: @convention(c) @Sendable (Handle) -> Text?
    let destroyExtracted: @convention(c) @Sendable (HandleOut) -> Void
    let prepare: @convention(c) @Sendable (Handle, Handle, UInt64, HandleOut) -> Int32
    let prepareError: @convention(c) @Sendable (Handle) -> Text?
    let destroyPrepared: @convention(c) @Sendable (HandleOut) -> Void
    let parameterCount: @convention(c) @Sendable (Handle) -> UInt64
    let parameterName: @convention(c) @Sendable (Handle, UInt64) -> UnsafeMutablePointer<CChar>?
    let statementType: @convention(c) @Sendable (Handle) -> Int32
    let bindBool: @convention(c) @Sendable (Handle, UInt64, Bool) -> Int32
    let bindInt64: @convention(c) @Sendable (Handle, UInt64, Int64) -> Int32
    let bindDouble: @convention(c) @Sendable (Handle, UInt64, Double) -> Int32
    let bindText: @convention(c) @Sendable (Handle, UInt64, Text, UInt64) -> Int32
    /// A structure of one integer, which is passed as that integer.
    let bindTimestamp: @convention(c) @Sendable (Handle, UInt64, Int64) -> Int32
    let bindNull: @convention(c) @Sendable (Handle, UInt64) -> Int32
    let execute: @convention(c) @Sendable (Handle, Result) -> Int32
    let destroyResult: @convention(c) @Sendable (Result) -> Void
    let resultError: @convention(c) @Sendable (Result) -> Text?
    let columnCount: @convention(c) @Sendable (Result) -> UInt64
    let columnName: @convention(c) @Sendable (Result, UInt64) -> Text?
    let columnType: @convention(c) @Sendable (Result, UInt64) -> Int32
    let fetchChunk: @convention(c) @Sendable (duckdb_result) -> UnsafeMutableRawPointer?
    let destroyChunk: @convention(c) @Sendable (UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Void
    let chunkSize: @convention(c) @Sendable (UnsafeMutableRawPointer) -> UInt64
    let chunkVector: @convention(c) @Sendable (UnsafeMutableRawPointer, UInt64) -> UnsafeMutableRawPointer?
    let vectorData: @convention(c) @Sendable (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?
    let vectorValidity: @convention(c) @Sendable (UnsafeMutableRawPointer) -> UnsafeMutablePointer<UInt64>?

    init(_ library: UnsafeMutableRawPointer, _ place: String) throws(SQLError) {
        func find<T>(_ name: String) throws(SQLError) -> T {
            guard let symbol = dlsym(library, "duckdb_" + name) else {
                throw SQLError(
                    .libraryUnusable, "the library at '\(place)' has no function duckdb_\(name)", hint: "install DuckDB 1.2 or a later one")
            }
            // Every T here is a C function type, which is one pointer wide.
            return unsafeBitCast(symbol, to: T.self)
        }
        libraryVersion = try find("library_version")
        open = try find("open_ext")
        close = try find("close")
        connect = try find("connect")
        disconnect = try find("disconnect")
        free = try find("free")
        extract = try find("extract_statements")
        extractError = try find("extract_statements_error")
        destroyExtracted = try find("destroy_extracted")
        prepare = try find("prepare_extracted_statement")
        prepareError = try find("prepare_error")
        destroyPrepared = try find("destroy_prepare")
        parameterCount = try find("nparams")
        parameterName = try find("parameter_name")
        statementType = try find("prepared_statement_type")
        bindBool = try find("bind_boolean")
        bindInt64 = try find("bind_int64")
        bindDouble = try find("bind_double")
        bindText = try find("bind_varchar_length")
        bindTimestamp = try find("bind_timestamp")
        bindNull = try find("bind_null")
        execute = try find("execute_prepared")
        destroyResult = try find("destroy_result")
        resultError = try find("result_error")
        columnCount = try find("column_count")
        columnName = try find("column_name")
        columnType = try find("column_type")
        fetchChunk = try find("fetch_chunk")
        destroyChunk = try find("destroy_data_chunk")
        chunkSize = try find("data_chunk_get_size")
        chunkVector = try find("data_chunk_get_vector")
        vectorData = try find("vector_get_data")
        vectorValidity = try find("vector_get_validity")
    }
}

extension DuckDBLibrary {
    package typealias Functions = DuckDBFunctions
}
