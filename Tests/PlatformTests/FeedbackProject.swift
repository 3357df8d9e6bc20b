import MartletAccess
import MartletBytes
import MartletFrames
import MartletIngestion
import MartletStorage

@testable import MartletPlatform

/// A shop whose endpoint answers by its fallback, so that decisions can be made without a trained model.
enum FeedbackProject {
    static let files = [
        "martlet.yaml": "project: shop\n",
        "streams/orders.yaml": """
            stream: orders
            event_time: time
            unique: id
            fields:
              id: string
              time: timestamp
              buyer: { type: string, personal: subject }
              amount: float64
              returned: { type: bool, known_after: 7d, optional: true }
            """,
        "streams/parcels.yaml": """
            stream: parcels
            event_time: sent
            unique: [order, part]
            fields:
              order: string
              part: int64
              sent: timestamp
              weight: { type: float64, known_after: 1h, optional: true }
              state: { type: string, known_after: 2h, optional: true }
            """,
        "features/order.yaml": "feature_view: order\nsource: orders\nderive: { amount: amount }\n",
        "models/returns.yaml": """
            model: returns
            task: binary
            from: orders
            label: returned
            features: [order.*]
            split: { train: 60%, gap: 7d, test: 25% }
            trainer: { kind: xgboost, rounds: 1 }
            metrics: [roc_auc]
            """,
        "endpoints/returns.yaml": "endpoint: returns\nmodel: returns@champion\nfallback: { score: 0.5 }\n",
    ]

    static func open(limits: Platform.Limits = Platform.Limits(), adding more: [String: String] = [:]) async throws -> PlatformFixture {
        let fixture = try await PlatformFixture(files: files.merging(more) { $1 }, limits: limits)
        try await fixture.apply()
        return fixture
    }

    static func order(_ id: String, time: String = "2026-01-10T00:00:00Z", amount: Double = 5, returned: Bool? = nil) -> String {
        "\(id),\(time),b-\(id),\(amount),\(returned.map { "\($0)" } ?? "")\n"
    }

    static let header = "id,time,buyer,amount,returned\n"
}

extension PlatformFixture {
    func outcomes(_ items: [JSONValue]) async throws -> JSONValue {
        try await platform.takeOutcomes(.array(items), scope: scope(.outcomesWrite))
    }

    /// Sends a file of outcomes in pieces of some bytes.
    func outcomes(file text: String, _ options: OutcomeOptions, pieces size: Int = 1 << 20) async throws -> OutcomeReport {
        let bytes = Array(text.utf8)
        var next = 0
        return try await platform.ingestOutcomes(options, scope: scope(.outcomesWrite)) {
            guard next < bytes.count else { return nil }
            defer { next += size }
            return Array(bytes[next..<min(next + size, bytes.count)])
        }
    }

    /// Makes a decision on an order; its id.
    func decide(_ id: String?, time: String? = "2026-01-10T00:00:00Z", amount: Double = 5, append: Bool = false) async throws -> String {
        var inputs = JSONObject()
        inputs["id"] = id.map(JSONValue.string)
        inputs["time"] = time.map(JSONValue.string)
        inputs["buyer"] = .string("b-\(id ?? "")")
        inputs["amount"] = .float64(amount)
        let answer = try await predict("returns", ["inputs": .object(inputs), "append": .bool(append)])
        return answer["prediction_id"]?.string ?? ""
    }

    /// Every record of the log, oldest first: of each its stream, kind and payload.
    func records() async throws -> [(stream: String, kind: RecordKind, row: Frame)] {
        var records: [(String, RecordKind, Frame)] = []
        var next: Int64 = 0
        while next < platform.log.end {
            let page = try await platform.log.read(from: next, streams: nil, maxRows: 1_000, maxBytes: 1 << 20)
            for batch in page.batches {
                for row in 0..<batch.positions.count { records.append((batch.stream, batch.kind, batch.rows.gathering([row]))) }
            }
            next = page.next
        }
        return records
    }
}
