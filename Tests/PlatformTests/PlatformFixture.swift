import Foundation
import MartletAccess
import MartletBytes
import MartletDemo
import MartletFrames
import MartletOutbound
import MartletPlatform
import MartletRegistry
import MartletWorld
import Synchronization
import Testing

/// A project in a temporary folder, and a platform over it that can be closed and opened again.
final class PlatformFixture {
    let folder: String
    private(set) var platform: Platform

    private let limits: Platform.Limits
    private let tasks: TaskSettings
    private let clock: any WallClock
    private let mail: any MailSending

    /// - Parameter files: paths and texts of the project's definitions.
    init(
        files: [String: String], limits: Platform.Limits = Platform.Limits(), tasks: TaskSettings = TaskSettings(),
        clock: any WallClock = SystemClock(), mail: any MailSending = NoMail()
    ) async throws {
        self.mail = mail
        self.limits = limits
        self.tasks = tasks
        self.clock = clock
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-" + UUID().uuidString).path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (path, text) in files { try PlatformFixture.write(text, to: folder + "/" + path) }
        platform = try await PlatformFixture.open(folder, limits, tasks, clock, mail)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    static func write(_ text: String, to path: String) throws {
        let url = URL(filePath: path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    static func open(
        _ folder: String, _ limits: Platform.Limits = Platform.Limits(), _ tasks: TaskSettings = TaskSettings(),
        _ clock: any WallClock = SystemClock(), _ mail: any MailSending = NoMail()
    ) async throws -> Platform {
        var world = try World.system(root: folder + "/.martlet")
        world.clock = clock
        world.http = OutboundRequests()
        world.mail = mail
        return try await Platform.open(
            world: world, projectFiles: SystemFileSystem(root: folder), limits: limits, tasks: tasks)
    }

    /// Closes the platform and opens it anew, as a restart does.
    func restart() async throws {
        try await platform.close()
        platform = try await PlatformFixture.open(folder, limits, tasks, clock, mail)
    }

    func write(_ text: String, to path: String) throws {
        try PlatformFixture.write(text, to: folder + "/" + path)
    }

    /// What an administrator may do, on everything of a kind.
    func scope(_ permission: Permission, _ kind: Resource.Kind? = nil, _ name: String? = nil) throws -> Scope {
        let owner = Principal.owner(named: "test")
        let resource: Resource =
            switch kind {
            case nil: .project(platform.project)
            case .server: .server
            case .project: .project(platform.project)
            case let kind?: .thing(kind, name, in: platform.project)
            }
        return try Guard().scope(for: owner, to: permission, on: resource)
    }

    @discardableResult
    func apply() async throws -> Int? {
        try await platform.apply(reason: nil, requestID: nil, scope: scope(.definitionsApply)).release?.number
    }

    func ingest(_ text: String, into stream: String, format: IngestOptions.Format = .csv, history: Bool = true) async throws -> IngestReport {
        var pieces = [Array(text.utf8)][...]
        return try await platform.ingest(
            into: stream, options: IngestOptions(format: format, isHistory: history, source: "test.\(format)"),
            scope: scope(.eventsWrite, .stream, stream), next: { pieces.popFirst() })
    }

    func predict(_ endpoint: String, _ body: JSONValue) async throws -> JSONValue {
        let answer = try await predict(endpoint, together: [body.serialized()])[0].get()
        return try JSONValue(parsing: answer.body, lengthLimit: 1 << 20)
    }

    /// Asks for several predictions at a time, and returns when each was answered; one that is answered twice crashes.
    func predict(_ endpoint: String, together bodies: [[UInt8]]) async throws -> [Result<PredictionAnswer, any Error>] {
        let scope = try scope(.predict, .endpoint, endpoint)
        let waiting = Mutex([Result<PredictionAnswer, any Error>?](repeating: nil, count: bodies.count))
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            platform.predict(endpoint, bodies.map { PredictionCall(body: $0, scope: scope) }) { results in
                let isComplete = waiting.withLock { waiting in
                    for (call, result) in results {
                        precondition(waiting[call] == nil, "call \(call) was answered twice")
                        waiting[call] = result
                    }
                    return !waiting.contains { $0 == nil }
                }
                if isComplete { continuation.resume() }
            }
        }
        return waiting.withLock { $0.compactMap { $0 } }
    }

    func replay(_ id: String) async throws -> JSONValue {
        try await platform.replay(id, scope: scope(.predictionsRead, .prediction, id))
    }
}

/// The files of a small fraud project.
enum FraudProject {
    static let files = [
        "martlet.yaml": "project: fraud\n",
        "streams/transactions.yaml": """
            stream: transactions
            event_time: tx_time
            unique: tx_id
            time_zone: Europe/Brussels
            fields:
              tx_id: string
              tx_time: timestamp
              customer_id: { type: string, personal: subject }
              terminal_id: string
              amount: { type: float64, check: "amount >= 0.0" }
              is_fraud: { type: bool, known_after: 7d, optional: true }
            """,
        "features/customer.yaml": """
            feature_view: customer
            entity: customer_id
            source: transactions
            aggregate:
              - { function: count, windows: [1d, 7d, 30d] }
              - { function: [mean, max, stddev], of: amount, windows: [1d, 7d, 30d] }
            """,
        "features/terminal.yaml": """
            feature_view: terminal
            entity: terminal_id
            source: transactions
            aggregate:
              - { function: count, windows: [1d, 7d, 30d] }
              - { function: mean, of: is_fraud, windows: [1d, 7d, 30d], as: risk }
            """,
        "features/request.yaml": """
            feature_view: request
            source: transactions
            derive:
              amount: amount
              is_night: tx_time.getHours() <= 6
              amount_ratio: amount / (customer.mean_amount_30d + 1.0)
            """,
        "models/fraud.yaml": """
            model: fraud
            task: binary
            from: transactions
            label: is_fraud
            features: [request.*, customer.*, terminal.*]
            split: { train: 60%, gap: 7d, test: 25% }
            trainer: { kind: xgboost, max_depth: 4, eta: 0.3, rounds: 20, seed: 7 }
            metrics: [average_precision, roc_auc, { precision_at: 10, per: [day, customer_id] }]
            gates: ["average_precision >= champion.average_precision", "roc_auc > 0.5"]
            """,
        "endpoints/fraud.yaml": """
            endpoint: fraud
            model: fraud@champion
            """,
    ]

    /// - Parameter age: how long before now the last of them was.
    static func history(days: Int = 60, customers: Int = 200, seed: UInt64 = 3, age: Timestamp.Span = .zero) -> String {
        let now = SystemClock().now()
        var settings = TransactionGenerator.Settings(end: now - age)
        settings.seed = seed
        settings.customers = customers
        settings.terminals = customers * 2
        settings.days = days
        let lines = TransactionGenerator.transactions(settings).map { $0.csvLine(labelKnownAt: now, delay: .days(7)) }
        return TransactionGenerator.Transaction.csvHeader + lines.joined()
    }
}
