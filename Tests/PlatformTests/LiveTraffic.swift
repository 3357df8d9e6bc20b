import MartletAccess
import MartletBytes
import MartletDemo
import MartletFrames
import MartletPlatform
import MartletServing
import MartletSimulation
import MartletWorld
import Testing

/// Seeded traffic at an endpoint under virtual time: payments are judged when they happen, and their outcomes come a delay later.
struct LiveTraffic {
    let fixture: PlatformFixture
    let clock: VirtualClock
    private let payments: [TransactionGenerator.Transaction]
    private var next = 0
    private var nextOutcome = 0
    /// What was answered, by payment.
    /// By how much amounts are multiplied from now on.
    var scale = 1
    private(set) var answers: [(payment: TransactionGenerator.Transaction, answer: JSONValue)] = []

    /// - Parameters:
    ///   - history: days that are in the log before the traffic begins; the clock stands at their end.
    ///   - days: of traffic.
    init(
        _ files: [String: String], history: Int, days: Int, customers: Int = 300, seed: UInt64 = 5, limits: Platform.Limits = .init(),
        tasks: TaskSettings = TaskSettings(), mail: any MailSending = NoMail(),
        start: Timestamp = Timestamp(microseconds: 1_780_012_800_000_000)
    ) async throws {
        clock = VirtualClock(at: start)
        var settings = TransactionGenerator.Settings(end: start + .days(Int64(days)))
        settings.seed = seed
        settings.customers = customers
        settings.terminals = customers * 2
        settings.days = history + days
        let all = TransactionGenerator.transactions(settings)
        let begin = start
        let past = all.filter { $0.time <= begin }
        payments = all.filter { $0.time > begin }
        fixture = try await PlatformFixture(files: files, limits: limits, tasks: tasks, clock: clock, mail: mail)
        try await fixture.apply()
        let lines = past.map { $0.csvLine(labelKnownAt: begin, delay: .days(7)) }
        _ = try await fixture.ingest(TransactionGenerator.Transaction.csvHeader + lines.joined(), into: "transactions")
    }

    /// Lets time pass step by step, with the payments and outcomes of each step, until a condition holds.
    ///
    /// - Returns: whether it came to hold.
    mutating func run(
        days: Int, step: Timestamp.Span = .hours(6), withOutcomes: Bool = true, until isSo: (Platform) async throws -> Bool = { _ in false }
    ) async throws -> Bool {
        let end = clock.now() + .days(Int64(days))
        while clock.now() < end {
            clock.advance(by: step)
            let now = clock.now()
            var bodies: [[UInt8]] = []
            let first = next
            while next < payments.count, payments[next].time <= now {
                var payment = payments[next]
                payment.cents *= scale
                bodies.append(Array(payment.requestLine.utf8))
                next += 1
            }
            for (index, result) in try await fixture.predict("fraud", together: bodies).enumerated() {
                answers.append((payments[first + index], try JSONValue(parsing: result.get().body, lengthLimit: 1 << 20)))
            }
            if withOutcomes {
                var outcomes: [JSONValue] = []
                while nextOutcome < next, payments[nextOutcome].time + .days(7) <= now {
                    let payment = payments[nextOutcome]
                    outcomes.append(["stream": "transactions", "unique": .string("t\(payment.id)"), "label": .bool(payment.isFraud)])
                    nextOutcome += 1
                }
                if !outcomes.isEmpty {
                    let taken = try await fixture.platform.takeOutcomes(.array(outcomes), scope: fixture.scope(.outcomesWrite))
                    #expect(taken["rejected"] == .array([]))
                }
            }
            try await fixture.platform.checkRollouts()
            try await fixture.platform.checkMonitors()
            if try await isSo(fixture.platform) { return true }
        }
        return false
    }

    /// Trains and promotes the model as the files say, changed.
    func train(rounds: Int, atOnce: Bool = false) async throws -> Promotion {
        let text = (FraudProject.files["models/fraud.yaml"] ?? "").replacing("rounds: 20", with: "rounds: \(rounds)")
            .split(separator: "\n").filter { !$0.hasPrefix("gates") }.joined(separator: "\n") + "\n"
        try fixture.write(text, to: "models/fraud.yaml")
        try await fixture.apply()
        _ = try await fixture.platform.train("fraud", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
        return try await fixture.platform.promote(
            "fraud", version: nil, atOnce: atOnce, reason: nil, requestID: nil, scope: fixture.scope(.modelsPromote, .model, "fraud"))
    }

    /// The newest rollout, whole.
    func rollout() throws -> JSONValue {
        let scope = try fixture.scope(.modelsRead, .endpoint)
        guard let newest = try fixture.platform.rolloutList(endpoint: "fraud", before: nil, limit: 1, scope: scope).first else { return .null }
        return try fixture.platform.rolloutDetails(newest.id, scope: scope)
    }

    static func files(rollout: String) -> [String: String] {
        var files = FraudProject.files
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\nlimits: { rows: 10000 }\nrollout: \(rollout)\n"
        return files
    }
}
