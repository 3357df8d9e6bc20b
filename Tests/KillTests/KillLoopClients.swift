import Foundation
import Synchronization

/// What the clients of the kill loop know of one another.
final class KillLoopBoard: Sendable {
    let isStopping = Atomic<Bool>(false)
    private let found = Mutex<[String]>([])

    func report(_ problem: String) {
        found.withLock { if $0.count < 50 { $0.append(problem) } }
    }

    var problems: [String] { found.withLock { $0 } }
}

/// Sends events, one batch or prediction after another, and keeps what it sent and what it was told.
///
/// Used by one thread at a time.
class KillLoopClient: @unchecked Sendable {
    /// Events of one request: stored all or none.
    struct Batch {
        var ids: [String]
        var isAcknowledged = false
    }

    let number: Int
    let board: KillLoopBoard
    var random: SeededNumbers
    var acknowledged: [String] = []
    var batches: [Batch] = []
    /// The body of each event, to be sent again byte for byte.
    var bodies: [String: String] = [:]
    private var serial = 0

    init(number: Int, seed: UInt64, board: KillLoopBoard) {
        self.number = number
        self.board = board
        random = SeededNumbers(seed: seed &* 1_000 &+ UInt64(number))
    }

    func newEvent() -> String {
        serial += 1
        let id = "c\(number)-\(serial)"
        let amount = Double(random.below(100_000)) / 1_000
        let time = Date().ISO8601Format(.init(includingFractionalSeconds: true))
        bodies[id] = """
            {"order_id":"\(id)","placed_at":"\(time)","buyer_id":"buyer-\(random.below(20))","amount":\(amount),\
            "client":\(number),"serial":\(serial)}
            """
        return id
    }

    /// Works until the server is gone.
    final func work(port: UInt16, token: String) {
        do {
            let client = try PlainHTTPClient(port: port, token: token)
            while !board.isStopping.load(ordering: .relaxed) { try step(client) }
        } catch is PlainHTTPClient.Broken {
        } catch { board.report("client \(number): \(error)") }
    }

    func step(_ client: PlainHTTPClient) throws {}
}

/// Appends batches; repeats some of what it does not know the fate of, and some of what it knows is stored.
final class KillLoopAppender: KillLoopClient, @unchecked Sendable {
    private var pending: [String]?
    private var repeats: [String] = []

    override func step(_ client: PlainHTTPClient) throws {
        if let unknown = pending, random.chance(30) {
            batches.append(Batch(ids: unknown))
            pending = nil
        }
        let isRepeated = pending != nil
        if pending == nil {
            repeats = acknowledged.isEmpty || !random.chance(30) ? [] : (0..<random.below(4)).map { _ in acknowledged[random.below(acknowledged.count)] }
            pending = (0..<(1 + random.below(20))).map { _ in newEvent() }
        }
        let ids = pending ?? []
        let body = (ids + repeats).compactMap { bodies[$0] }.joined(separator: "\n")
        let answer = try client.ask("POST", "/api/v1/streams/orders/events", Data(body.utf8), type: "application/x-ndjson")
        guard answer.status == 200 else { throw TestFailure("append: \(answer.status) \(answer.text)") }
        let counts = try answer.object()
        let accepted = counts["accepted"] as? Int ?? -1
        let isRight = isRepeated ? accepted == 0 || accepted == ids.count : accepted == ids.count
        if !isRight || counts["duplicates"] as? Int != ids.count + repeats.count - accepted || counts["rejected"] as? Int != 0 {
            board.report("client \(number) sent \(ids.count) new and \(repeats.count) known events and was told \(answer.text)")
        }
        batches.append(Batch(ids: ids, isAcknowledged: true))
        acknowledged += ids
        pending = nil
    }
}

/// Asks for predictions of events that are stored with them in one commit.
final class KillLoopPredictor: KillLoopClient, @unchecked Sendable {
    /// The predictions that were answered, with their outputs.
    private(set) var predictions: [(id: String, event: String, output: Double)] = []

    override func step(_ client: PlainHTTPClient) throws {
        let id = newEvent()
        batches.append(Batch(ids: [id]))
        let body = "{\"inputs\":\(bodies[id] ?? ""),\"append\":true}"
        let answer = try client.ask("POST", "/api/v1/endpoints/returns/predict", Data(body.utf8))
        guard answer.status == 200 else { throw TestFailure("predict: \(answer.status) \(answer.text)") }
        let object = try answer.object()
        guard let prediction = object["prediction_id"] as? String, let output = object["output"] as? Double,
            object["degraded"] as? Bool == false
        else { throw TestFailure("a prediction without its parts: \(answer.text)") }
        batches[batches.count - 1].isAcknowledged = true
        acknowledged.append(id)
        predictions.append((prediction, id, output))
    }
}

/// Promotes and rolls back, and knows which versions may be in force.
final class KillLoopPromoter: KillLoopClient, @unchecked Sendable {
    /// One version, or two while the fate of a release is not known.
    var possible: Set<Int> = [1]
    private(set) var releases = 0
    /// Whether a promotion is the newest release for certain: two rollbacks in a row may lead to before the first model.
    private var hasPromoted = false

    override func step(_ client: PlainHTTPClient) throws {
        let isKnown = possible.count == 1
        let next = isKnown ? 3 - (possible.first ?? 1) : 1 + random.below(2)
        let isRollback = isKnown && hasPromoted && random.chance(30)
        possible = [1, 2]
        hasPromoted = false
        let answer =
            isRollback
            ? try client.ask("POST", "/api/v1/rollback", Data("{}".utf8))
            : try client.ask("POST", "/api/v1/models/returns/promote", Data("{\"version\":\(next)}".utf8))
        switch answer.status {
        case 200:
            let aliases = try answer.object()["aliases"] as? [String: [String: Int]]
            guard let version = aliases?["returns"]?["champion"] else { throw TestFailure("a release without its alias: \(answer.text)") }
            possible = [version]
            hasPromoted = !isRollback
            releases += 1
        // The promotion whose fate was not known had this very version.
        case 409 where !isKnown && !isRollback: possible = [next]
        default: throw TestFailure("release: \(answer.status) \(answer.text)")
        }
        // Spreads releases over the server's life; nothing is waited for.
        usleep(UInt32(random.below(50_000)))
    }
}
