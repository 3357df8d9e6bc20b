import Foundation
import Synchronization

/// Kills the real server again and again while clients write, and counts what went wrong.
final class KillLoop: @unchecked Sendable {
    struct Totals: Sendable {
        var kills = 0
        var killsWhileStarting = 0
        var events = 0
        var predictions = 0
        var acknowledged = 0
        var releases = 0
        var slowestStart = 0.0
    }

    private let command: CommandUnderTest
    private let folder: TemporaryFolder
    private let token: String
    private let errors: FileHandle
    private let board = KillLoopBoard()
    private let appenders: [KillLoopAppender]
    private let predictors: [KillLoopPredictor]
    private let promoter: KillLoopPromoter
    private var random: SeededNumbers
    private(set) var totals = Totals()

    private var writers: [KillLoopClient] { appenders + predictors }
    var problems: [String] { board.problems }

    init(command: CommandUnderTest, folder: TemporaryFolder, seed: UInt64) throws {
        self.command = command
        self.folder = folder
        random = SeededNumbers(seed: seed)
        try KillLoopProject.write(to: folder)
        try command.run(["apply"], in: folder.path)
        try command.run(["ingest", "orders", folder.path + "/history.csv"], in: folder.path)
        try command.run(["train", "returns"], in: folder.path)
        try command.run(["train", "returns"], in: folder.path)
        try command.run(["promote", "returns", "1"], in: folder.path)
        token = try command.token(for: folder.path)
        try folder.write("", to: "server.log")
        errors = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path + "/server.log"))
        let board = board
        appenders = (1...3).map { KillLoopAppender(number: $0, seed: seed, board: board) }
        predictors = (11...12).map { KillLoopPredictor(number: $0, seed: seed, board: board) }
        promoter = KillLoopPromoter(number: 21, seed: seed, board: board)
    }

    func run(kills: Int, checkEvery period: Int) throws {
        while totals.kills < kills {
            let start = Date()
            let server = try ServerProcess(command, project: folder.path, errors: errors)
            totals.kills += 1
            if random.chance(15) {
                // The moment of the kill is what is drawn; nothing is waited for.
                usleep(UInt32(random.below(80_000)))
                server.kill()
                totals.killsWhileStarting += 1
                continue
            }
            try server.waitForAddress()
            totals.slowestStart = max(totals.slowestStart, -start.timeIntervalSinceNow)
            if totals.kills % period == 0 { try verify(port: server.port, everyPrediction: false) }
            write(to: server)
            if !board.problems.isEmpty { return }
        }
        let server = try ServerProcess(command, project: folder.path, errors: errors)
        try server.waitForAddress()
        try verify(port: server.port, everyPrediction: true)
        if server.terminate() != 0 { board.report("the server did not end in peace") }
        totals.acknowledged = writers.reduce(0) { $0 + $1.acknowledged.count }
        totals.releases = promoter.releases
    }

    /// Lets the clients work for a moment and kills the server under them.
    private func write(to server: ServerProcess) {
        board.isStopping.store(false, ordering: .relaxed)
        let clients = writers + (random.chance(50) ? [promoter] : [])
        let finished = DispatchGroup()
        for client in clients {
            finished.enter()
            let port = server.port
            let token = token
            Thread.detachNewThread {
                client.work(port: port, token: token)
                finished.leave()
            }
        }
        // As above: how long the server works before it is killed is part of the case.
        usleep(UInt32(random.below(300_000)))
        server.kill()
        board.isStopping.store(true, ordering: .relaxed)
        finished.wait()
    }

    // MARK: - Verification

    private func verify(port: UInt16, everyPrediction: Bool) throws {
        let client = try PlainHTTPClient(port: port, token: token)
        let stored = try readEvents(client)
        for writer in writers { compare(writer, with: stored) }
        try compareOverview(client, stored)
        for predictor in predictors {
            var predictions = predictor.predictions
            if !everyPrediction { predictions = Array(predictions.shuffled(using: &random).prefix(10)) }
            for (id, event, output) in predictions { try check(prediction: id, of: event, output: output, client) }
        }
        let audit = try client.ask("GET", "/api/v1/audit/verify")
        if try audit.object()["intact"] as? Bool != true { board.report("the audit log: \(audit.text)") }
    }

    /// Positions of the stored events by id; reports what is doubled or out of order.
    private func readEvents(_ client: PlainHTTPClient) throws -> [String: Int] {
        var stored: [String: Int] = [:]
        var lastSerial: [Int: Int] = [:]
        var lastPosition = -1
        var next = 0
        var end = 0
        repeat {
            let page = try client.ask("GET", "/api/v1/streams/orders/events?from=\(next)&limit=10000")
            guard page.status == 200, let following = page.headers["x-next-position"].flatMap({ Int($0) }),
                let last = page.headers["x-end-position"].flatMap({ Int($0) })
            else { throw TestFailure("events: \(page.status) \(page.text)") }
            for line in page.body.split(separator: 0x0A) {
                guard let event = try JSONSerialization.jsonObject(with: line) as? [String: Any],
                    let position = event["position"] as? Int, let payload = event["payload"] as? [String: Any],
                    let id = payload["order_id"] as? String
                else { throw TestFailure("no event: \(String(decoding: line, as: UTF8.self))") }
                if position <= lastPosition { board.report("position \(position) comes after \(lastPosition)") }
                if stored.updateValue(position, forKey: id) != nil { board.report("doubled: \(id)") }
                if let client = payload["client"] as? Int, let serial = payload["serial"] as? Int {
                    if serial <= lastSerial[client] ?? 0 { board.report("reordered: \(id) comes after \(lastSerial[client] ?? 0)") }
                    lastSerial[client] = serial
                }
                lastPosition = position
            }
            next = following
            end = last
        } while next < end
        return stored
    }

    private func compare(_ writer: KillLoopClient, with stored: [String: Int]) {
        for batch in writer.batches {
            let present = batch.ids.count { stored[$0] != nil }
            if batch.isAcknowledged, present < batch.ids.count { board.report("lost: \(batch.ids.filter { stored[$0] == nil })") }
            if present > 0, present < batch.ids.count { board.report("half of a request is stored: \(present) of \(batch.ids)") }
        }
    }

    /// Every position is an event's or a prediction's, each prediction has its event, and the release is one of those possible.
    private func compareOverview(_ client: PlainHTTPClient, _ stored: [String: Int]) throws {
        let overview = try client.ask("GET", "/api/v1/project").object()
        guard let end = overview["log_end"] as? Int, let endpoint = (overview["endpoints"] as? [[String: Any]])?.first,
            let model = (overview["models"] as? [[String: Any]])?.first, let release = overview["release"] as? [String: Any],
            let predictions = endpoint["predictions"] as? Int, let served = endpoint["version"] as? Int,
            let alias = (model["aliases"] as? [String: Int])?["champion"],
            let released = (release["aliases"] as? [String: [String: Int]])?["returns"]?["champion"]
        else { throw TestFailure("an overview without its parts: \(overview)") }
        totals.events = stored.count
        totals.predictions = predictions
        if stored.count + predictions != end { board.report("\(stored.count) events and \(predictions) predictions up to position \(end)") }
        let appended = predictors.reduce(0) { sum, predictor in sum + predictor.batches.count { stored[$0.ids[0]] != nil } }
        if appended != predictions { board.report("\(predictions) predictions of \(appended) events") }
        if Set([served, alias, released]).count > 1 {
            board.report("a mixed release: version \(served) answers, the model says \(alias), the release \(released)")
        }
        if !promoter.possible.contains(served) { board.report("version \(served) is in force; possible: \(promoter.possible)") }
        promoter.possible = [served]
    }

    private func check(prediction id: String, of event: String, output: Double, _ client: PlainHTTPClient) throws {
        let recorded = try client.ask("GET", "/api/v1/predictions/\(id)")
        guard recorded.status == 200 else { return board.report("lost: prediction \(id) of \(event): \(recorded.text)") }
        if try recorded.object()["output"] as? Double != output { board.report("prediction \(id) was \(output): \(recorded.text)") }
        let replay = try client.ask("GET", "/api/v1/predictions/\(id)/replay")
        if try replay.status != 200 || replay.object()["equal"] as? Bool != true { board.report("replay of \(id): \(replay.text)") }
    }
}
