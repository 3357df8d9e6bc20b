import Foundation
import MartletAccess
import MartletBytes
import MartletWorld
import Synchronization

@testable import MartletServer

/// A small project in a folder of a test's own, opened as the server opens it.
final class TestProject {
    static let files: [(String, String)] = [
        ("martlet.yaml", "project: shop\n"),
        (
            "streams/orders.yaml",
            """
            stream: orders
            doc: What was bought & by whom
            event_time: time
            unique: id
            fields:
              id:       string
              time:     timestamp
              buyer:    { type: string, personal: subject }
              amount:   { type: float64, check: "amount >= 0.0" }
              returned: { type: bool, known_after: 7d, optional: true }
            """
        ),
        (
            "features/buyer.yaml",
            """
            feature_view: buyer
            entity: buyer
            source: orders
            aggregate:
              - { function: count, windows: [1d, 7d] }
              - { function: mean, of: amount, windows: [7d] }
            """
        ),
        (
            "models/returns.yaml",
            """
            model: returns
            task: binary
            from: orders
            label: returned
            features: [buyer.*]
            split: { train: { from: 2026-01-01, to: 2026-02-01 }, gap: 7d, test: { to: 2026-03-01 } }
            trainer: { kind: xgboost, max_depth: 2, eta: 0.3, rounds: 3, seed: 1 }
            metrics: [roc_auc]
            """
        ),
        ("endpoints/returns.yaml", "endpoint: returns\nmodel: returns@champion\nfallback: { score: 0.25 }\n"),
    ]

    let folder: URL
    let server: ProjectServer
    let log: LogLines

    var path: String { Self.path(of: folder) }

    init(_ files: [(String, String)] = TestProject.files, settings: ProjectServer.Settings = .patient, isApplied: Bool = true) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-doors-" + UUID().uuidString.prefix(8))
        for (name, text) in files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let lines = LogLines()
        log = lines
        server = try await ProjectServer.open(
            projectFolder: Self.path(of: folder), settings: settings, log: ServerLog(clock: SystemClock(), write: { lines.append($0) }))
        if isApplied {
            let answer = await send(.post, "/api/v1/apply")
            precondition(answer.status == 200, "\(answer.text)")
        }
    }

    func close() async throws {
        try await server.close()
        try FileManager.default.removeItem(at: folder)
    }

    static func path(of folder: URL) -> String {
        let path = folder.path()
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// Sends a request through the table and the guard; as the owner unless told otherwise.
    func send(
        _ method: Request.Method, _ target: String, _ body: String = "", token: String? = nil, headers: [(String, String)] = [],
        from peer: Request.Peer? = nil
    ) async -> Response {
        let parsed = RequestTarget.parse(target)
        var headers = headers.map { (name: $0.0, value: $0.1) }
        if let token { headers.append((name: "authorization", value: "Bearer " + token)) }
        if !headers.contains(where: { $0.name == "host" }) { headers.append((name: "host", value: "localhost:7070")) }
        var response = await server.gatekeeper.answer(
            Request(
                method: method, segments: parsed?.segments ?? [], query: parsed?.query ?? [], headers: Headers(headers),
                body: .bytes(Array(body.utf8)), peer: peer ?? (token == nil ? .owner : .network(address: "192.0.2.1"))))
        response.body = (try? await response.collected(limit: 64 << 20)) ?? []
        response.rest = nil
        return response
    }

    /// Sends a request as a stranger on the network does.
    func stranger(
        _ method: Request.Method, _ target: String, _ body: String = "", headers: [(String, String)] = [], address: String = "192.0.2.9"
    ) async -> Response {
        await send(method, target, body, headers: headers, from: .network(address: address))
    }

    /// The text of a new token with a role.
    func token(_ role: Role, including: [Permission] = []) async throws -> String {
        let permissions = including.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        let answer = await send(
            .post, "/api/v1/tokens", #"{"name":"\#(role.rawValue)","role":"\#(role.rawValue)","including":[\#(permissions)]}"#)
        return try answer.json["token"]?.string ?? ""
    }
}

/// The lines that a server logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: [UInt8]) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
    var all: [String] { lines.withLock { $0 } }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue { get throws { try JSONValue(parsing: body, lengthLimit: body.count) } }
    var errorCode: String? { (try? json)?["error"]?["code"]?.string }
}
