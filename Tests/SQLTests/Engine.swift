import Foundation
import MartletBytes
import MartletFrames
import MartletSQL

/// DuckDB's library, where there is one.
enum Engine {
    static let isPresent = (try? library()) != nil

    static func library() throws -> DuckDBLibrary {
        let environment = ProcessInfo.processInfo.environment
        return try DuckDBLibrary.open(at: environment["MARTLET_DUCKDB"], candidates: DuckDBLibrary.places(below: environment["HOME"]))
    }
}

/// A folder of files that statements may see, removed at the end.
final class VisibleFolder {
    let path: String
    private(set) var said: [String] = []

    init(_ files: [String: String] = [:]) throws {
        path = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/martlet-sql-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path + "/data", withIntermediateDirectories: true)
        for (name, text) in files { try text.write(toFile: self[name], atomically: false, encoding: .utf8) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    subscript(name: String) -> String { path + "/" + name }

    func request(_ text: String, _ parameters: [String: Value] = [:]) throws -> SQLRequest {
        SQLRequest(statements: try SQLStatements(text).statements.map(\.text), parameters: parameters)
    }

    /// Carries out a request that sees the folder `data`; what it gives.
    @discardableResult
    func run(_ request: SQLRequest) throws -> JSONValue {
        var run = try SQLRun(request, Engine.library(), visible: (folders: [self["data"]], files: [])) { self.said.append($0) }
        try run.perform()
        return .object(run.result)
    }

    /// Carries out a text whose columns are handed on.
    func answer(to text: String, _ parameters: [String: Value] = [:], giving outputs: [SQLRequest.Output]) throws -> JSONValue {
        var request = try request(text, parameters)
        request.outputs = outputs
        return try run(request)
    }
}
