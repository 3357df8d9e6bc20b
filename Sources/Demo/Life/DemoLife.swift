import MartletAccess
import MartletBytes
public import MartletFrames
public import MartletGovernance
import MartletIngestion
import MartletPipelines
public import MartletPlatform
import MartletRegistry
import MartletServing
public import MartletWorld
import Synchronization

/// A life of the example, played: payments are judged when they happen, their outcomes come a week later, and nobody does
/// anything but what the project's files ask for.
///
/// Time is the platform's clock, which is moved step by step; so weeks pass in seconds, and equal settings over equal worlds give
/// an equal life.
public final class DemoLife {
    public let settings: LifeSettings
    public let platform: Platform
    private let clock: any WallClock
    private let advance: (Timestamp.Span) -> Void
    private let payments: [TransactionGenerator.Transaction]
    private var next = 0
    private var nextOutcome = 0
    private var watch = LifeWatch()
    public private(set) var figures = LifeFigures()

    /// - Parameters:
    ///   - platform: over an empty data folder; its clock stands at the settings' start.
    ///   - advance: moves that clock.
    public init(_ settings: LifeSettings, _ platform: Platform, clock: any WallClock, advance: @escaping (Timestamp.Span) -> Void) {
        self.settings = settings
        self.platform = platform
        self.clock = clock
        self.advance = advance
        payments = settings.payments
    }

    private func scope(_ permission: Permission, _ kind: Resource.Kind? = nil, _ name: String? = nil) throws -> Scope {
        let resource: Resource = kind.map { .thing($0, name, in: platform.project) } ?? .project(platform.project)
        return try Guard().scope(for: .owner(named: "demo"), to: permission, on: resource)
    }

    // MARK: - The beginning

    /// Puts the project's files in force and brings in the payments before the start.
    public func begin() async throws {
        _ = try await platform.apply(reason: "the first release", requestID: nil, scope: scope(.definitionsApply))
        next = payments.firstIndex { $0.time > settings.start } ?? payments.count
        nextOutcome = payments.firstIndex { $0.time > settings.start - settings.labelDelay } ?? payments.count
        let lines = payments[..<next].map { $0.csvLine(labelKnownAt: settings.start, delay: settings.labelDelay) }
        var pieces = [Array((TransactionGenerator.Transaction.csvHeader + lines.joined()).utf8)][...]
        _ = try await platform.ingest(
            into: "transactions", options: IngestOptions(format: .csv, isHistory: true, source: "history.csv"),
            scope: scope(.eventsWrite, .stream, "transactions"), next: { pieces.popFirst() })
        figures.history = next
        try await platform.startPipelines(schedules: false)
    }

    /// Trains a version of what is in force, and asks for it to answer.
    ///
    /// - Returns: what the training gave; nothing is promoted where a gate failed.
    @discardableResult
    public func train(reason: String) async throws -> TrainingReport {
        let report = try await platform.train("fraud", requestID: nil, scope: scope(.modelsTrain, .model, "fraud"))
        if report.version != nil {
            _ = try await platform.promote("fraud", version: nil, reason: reason, requestID: nil, scope: scope(.modelsPromote, .model, "fraud"))
        }
        return report
    }

    /// Puts what now stands in the project's files in force.
    public func apply(reason: String) async throws {
        _ = try await platform.apply(reason: reason, requestID: nil, scope: scope(.definitionsApply))
    }

    public var now: Timestamp { clock.now() }

    public var isOver: Bool { now + settings.step > settings.end }

    /// Whether a version is being tried.
    public func isTrying() throws -> Bool {
        try platform.rolloutList(endpoint: nil, before: nil, limit: 1, scope: scope(.modelsRead, .endpoint)).first?.state.isActive ?? false
    }

    // MARK: - A step

    /// Lets a step of time pass, with its payments and outcomes, and gives what happened in it.
    public func step() async throws -> [LifeEvent] {
        advance(settings.step)
        try await judge()
        try await tellOutcomes()
        try await platform.checkRollouts()
        try await platform.checkMonitors()
        try await settlePipelines()
        return try watch.look(
            platform, at: now, monitors: scope(.monitorsRead), models: scope(.modelsRead, .endpoint), runs: scope(.modelsRead, .model),
            pipelines: scope(.pipelinesRead, .pipeline))
    }

    /// Whether the chain of the audit log is whole, and how many entries it has.
    public func verifyAudit() throws -> AuditVerification {
        try platform.verifyAudit(scope: Guard().scope(for: .owner(named: "demo"), to: .auditRead, on: .server))
    }

    /// The payments of a step, in requests of bounded size; those of one are judged at one cut.
    private func judge() async throws {
        while next < payments.count, payments[next].time <= now {
            var rows: [Substring] = []
            while rows.count < Self.rowsOfRequest, next < payments.count, payments[next].time <= now {
                rows.append(payments[next].requestLine.dropFirst("{\"inputs\":".count).dropLast(",\"append\":true}\n".count))
                figures.thefts += payments[next].isFraud ? 1 : 0
                next += 1
            }
            let body = Array("{\"instances\":[\(rows.joined(separator: ","))],\"append\":true}".utf8)
            let call = PredictionCall(body: body, scope: try scope(.predict, .endpoint, "fraud"))
            let platform = platform
            let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<PredictionAnswer, any Error>, Never>) in
                platform.predict("fraud", [call]) { results in for (_, result) in results { continuation.resume(returning: result) } }
            }
            figures.take(try result.get())
        }
    }

    private static let rowsOfRequest = 1_000

    private func tellOutcomes() async throws {
        var items: [JSONValue] = []
        while nextOutcome < next, payments[nextOutcome].time + settings.labelDelay <= now {
            let payment = payments[nextOutcome]
            items.append(["stream": "transactions", "unique": .string("t\(payment.id)"), "label": .bool(payment.isFraud)])
            nextOutcome += 1
        }
        guard !items.isEmpty else { return }
        let answer = try await platform.takeOutcomes(.array(items), scope: scope(.outcomesWrite))
        figures.outcomes += Int(answer["accepted"]?.int64 ?? 0)
    }

    /// Lets the pipelines come to rest while the clock stands.
    private func settlePipelines() async throws {
        while true {
            try await platform.checkPipelines()
            let runs = try platform.pipelineRuns(RunFilter(), limit: 20, scope: scope(.pipelinesRead, .pipeline)).runs
            if !runs.contains(where: { ["queued", "running"].contains($0["state"]?.string) }) { return }
            try await offPool { WakeSignal().wait(atMost: .init(microseconds: 10_000)) }
        }
    }
}

/// What was counted over a life.
public struct LifeFigures: Hashable, Sendable {
    /// Payments that were there before the start.
    public var history = 0
    public var predictions = 0
    public var degraded = 0
    public var outcomes = 0
    /// Payments of the life that were thefts, whether or not anybody knows it yet.
    public var thefts = 0

    mutating func take(_ answer: PredictionAnswer) {
        predictions += answer.predictions
        degraded += answer.degraded
    }
}

extension LifeSettings {
    /// The payments of history and life; from the attack on, thieves take amounts of a few cents at everybody's terminals.
    var payments: [TransactionGenerator.Transaction] {
        var made = TransactionGenerator.Settings(end: end)
        made.seed = seed
        made.customers = customers
        made.terminals = terminals
        made.days = history + days
        var all = TransactionGenerator.transactions(made)
        guard let attackTime else { return all }
        for index in all.indices where all[index].time > attackTime && index % 6 == 0 {
            all[index].cents = 1 + all[index].cents % 9
            all[index].isFraud = true
        }
        return all
    }
}
