import Foundation
import Synchronization
import Testing

@Suite("The server is killed while the loop closes")
struct LoopKillTests {
    struct Totals: Sendable {
        var kills = 0
        var predictions = 0
        var windows = 0
        var alarms = 0
        var runs = 0
        var versions = 0
        var rollouts: [String: Int] = [:]
        var problems: [String] = []
    }

    /// `MARTLET_KILLS` and `MARTLET_KILL_SEED` choose how often and how.
    @Test("training, promotion, canary, pipeline and alarm: nothing is lost, doubled or half there", .timeLimit(.minutes(15)))
    func loop() async throws {
        let environment = ProcessInfo.processInfo.environment
        let kills = environment["MARTLET_KILLS"].flatMap { Int($0) } ?? LoopKillTests.defaultKills
        let seed = environment["MARTLET_KILL_SEED"].flatMap { UInt64($0) } ?? 1
        let command = try CommandUnderTest()
        let (totals, place) = try await onThread {
            let folder = try TemporaryFolder("loop")
            folder.isKept = true
            let totals = try LoopKillTests.run(command, in: folder, kills: kills, seed: seed)
            folder.isKept = !totals.problems.isEmpty
            return (totals, folder.path)
        }
        print("""
            \(totals.kills) kills, \(totals.predictions) predictions, \(totals.windows) windows, \(totals.alarms) alarms, \(totals.runs) runs, \
            \(totals.versions) versions, rollouts \(totals.rollouts.sorted { $0.key < $1.key }); problems: \(totals.problems.count)
            """)
        #expect(totals.problems == [], "seed \(seed); the project is \(place)")
        // Else the kills met nothing.
        #expect(totals.alarms > 0 && totals.runs > 0 && totals.versions > 1 && !totals.rollouts.isEmpty || kills < 20, "seed \(seed); the project is \(place)")
    }

    private static func run(_ command: CommandUnderTest, in folder: TemporaryFolder, kills: Int, seed: UInt64) throws -> Totals {
        var random = SeededNumbers(seed: seed)
        try LoopProject.write(to: folder)
        try command.run(["apply"], in: folder.path)
        try command.run(["ingest", "orders", folder.path + "/history.csv"], in: folder.path)
        try command.run(["train", "returns"], in: folder.path)
        try command.run(["promote", "returns"], in: folder.path)
        let token = try command.token(for: folder.path)
        try folder.write("", to: "server.log")
        let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path + "/server.log"))
        let board = KillLoopBoard()
        let predictor = LoopPredictor(number: 1, seed: seed, board: board)
        var totals = Totals()
        while totals.kills < kills {
            let server = try ServerProcess(command, project: folder.path, errors: errors)
            totals.kills += 1
            try server.waitForAddress()
            work(predictor, board, port: server.port, token: token) {
                // The moment of the kill is what is drawn; nothing is waited for.
                usleep(UInt32(random.below(3_000_000)))
                server.kill()
            }
        }
        let server = try ServerProcess(command, project: folder.path, errors: errors)
        try server.waitForAddress()
        let client = try PlainHTTPClient(port: server.port, token: token)
        let problems = try LoopLedger(client).check(predictor, &totals)
        totals.problems = board.problems + problems
        if server.terminate() != 0 { totals.problems.append("the server did not end in peace") }
        return totals
    }

    private static func work(_ client: LoopPredictor, _ board: KillLoopBoard, port: UInt16, token: String, until end: () -> Void) {
        board.isStopping.store(false, ordering: .relaxed)
        let finished = DispatchGroup()
        finished.enter()
        Thread.detachNewThread {
            client.work(port: port, token: token)
            finished.leave()
        }
        end()
        board.isStopping.store(true, ordering: .relaxed)
        finished.wait()
    }

    #if DEBUG
        private static let defaultKills = 5
    #else
        private static let defaultKills = 30
    #endif
}

/// Reads what a server has stored, and says what cannot be.
struct LoopLedger {
    private let client: PlainHTTPClient

    init(_ client: PlainHTTPClient) { self.client = client }

    private func list(_ path: String) throws -> [[String: Any]] {
        let answer = try client.ask("GET", path)
        guard answer.status == 200 else { throw TestFailure("\(path): \(answer.status) \(answer.text)") }
        return try answer.object()["items"] as? [[String: Any]] ?? []
    }

    func check(_ predictor: LoopPredictor, _ totals: inout LoopKillTests.Totals) throws -> [String] {
        var problems: [String] = []
        try waitUntilQuiet()
        problems += try checkPredictions(predictor, &totals)
        problems += try checkWindows(predictor, &totals)
        let runs = try checkRuns(&totals)
        problems += runs.problems
        problems += try checkVersions(trained: runs.trained, &totals)
        problems += try checkRollouts(&totals)
        let audit = try client.ask("GET", "/api/v1/audit/verify")
        if try audit.object()["intact"] as? Bool != true { problems.append("the audit log: \(audit.text)") }
        return problems
    }

    /// Until no run is at work, and a window has been measured that begins after the last prediction.
    private func waitUntilQuiet() throws {
        let last = Date().ISO8601Format()
        let end = Date().addingTimeInterval(60)
        while Date() < end {
            let runs = try list("/api/v1/pipeline-runs?limit=1000")
            let isAtWork = runs.contains { ["queued", "running"].contains($0["state"] as? String) }
            let measured = try list("/api/v1/monitors").first?["last_window"] as? String ?? ""
            if !isAtWork, measured > last { return }
            usleep(50_000)
        }
        throw TestFailure("the loop does not come to rest")
    }

    private func checkPredictions(_ predictor: LoopPredictor, _ totals: inout LoopKillTests.Totals) throws -> [String] {
        var problems: [String] = []
        totals.predictions = predictor.predictions.count
        for (number, (id, event, output)) in predictor.predictions.enumerated() {
            let recorded = try client.ask("GET", "/api/v1/predictions/\(id)")
            guard recorded.status == 200 else {
                problems.append("lost: prediction \(id) of \(event)")
                continue
            }
            let object = try recorded.object()
            if object["output"] as? Double != output { problems.append("prediction \(id) was \(output): \(recorded.text)") }
            if let label = predictor.told[event], object["outcome"] as? Bool ?? (object["outcome"] as? [String: Any])?["label"] as? Bool != label {
                problems.append("lost: the outcome of \(id): \(recorded.text)")
            }
            guard number % 20 == 0 else { continue }
            let replay = try client.ask("GET", "/api/v1/predictions/\(id)/replay")
            if try replay.status != 200 || replay.object()["equal"] as? Bool != true { problems.append("replay of \(id): \(replay.text)") }
        }
        return problems
    }

    /// Windows follow one upon the other, each once, and hold every prediction once.
    private func checkWindows(_ predictor: LoopPredictor, _ totals: inout LoopKillTests.Totals) throws -> [String] {
        var problems: [String] = []
        var rows = 0
        var starts: [String] = []
        var ends: [String] = []
        var before: String?
        while true {
            let page = try list("/api/v1/monitors/amounts/windows?part=requests&limit=1000" + (before.map { "&to=\($0)" } ?? ""))
            for window in page {
                guard let start = window["start"] as? String, let end = window["end"] as? String else { throw TestFailure("a window without its start: \(window)") }
                rows += window["rows"] as? Int ?? 0
                starts.append(start)
                ends.append(end)
            }
            guard page.count == 1000 else { break }
            before = starts.last
        }
        totals.windows = starts.count
        // The newest first. Only a sleep of more windows than a turn measures (400, of a second each) would pass over empty ones.
        for (later, earlier) in zip(starts, ends.dropFirst()) where later != earlier {
            problems.append("a window ends at \(earlier), and the next that was measured begins at \(later)")
        }
        let monitor = try list("/api/v1/monitors").first
        rows += monitor?["late"] as? Int ?? 0
        // A prediction whose answer a kill cut off may stand or not.
        if rows < predictor.predictions.count || rows > predictor.asked {
            problems.append("\(rows) predictions in windows; \(predictor.predictions.count) were answered, \(predictor.asked) asked for")
        }
        return problems
    }

    /// Every run has ended, each alarm's order began one at most, and what failed is what may.
    private func checkRuns(_ totals: inout LoopKillTests.Totals) throws -> (problems: [String], trained: Int) {
        var problems: [String] = []
        var trained = 0
        let runs = try list("/api/v1/pipeline-runs?limit=1000")
        totals.runs = runs.count
        for run in runs {
            guard let id = run["run"] as? String, let state = run["state"] as? String else { throw TestFailure("no run: \(run)") }
            if run["cause"] as? String != "alarm" { problems.append("run \(id) was begun by \(run["cause"] ?? "nobody")") }
            let details = try client.ask("GET", "/api/v1/pipeline-runs/\(id)")
            let tasks = try details.object()["tasks"] as? [[String: Any]] ?? []
            if tasks.contains(where: { $0["task"] as? String == "train" && $0["state"] as? String == "succeeded" }) { trained += 1 }
            // A version that comes while another is tried is refused.
            let isRefused = details.text.contains("is being tried")
            if state != "succeeded", !isRefused { problems.append("run \(id) is \(state): \(details.text.prefix(2_000))") }
        }
        // The most that one answer has.
        let history = try list("/api/v1/alarms/history?limit=10000")
        if history.count == 10_000 { problems.append("more happened to alarms than one answer has, so that orders cannot be counted") }
        totals.alarms = history.count { $0["event"] as? String == "alarm_fired" }
        let orders = Set(history.filter { $0["event"] as? String == "order_ordered" }.compactMap { ($0["order"] as? [String: Any])?["key"] as? String })
        if runs.count > orders.count { problems.append("\(runs.count) runs came of \(orders.count) orders") }
        return (problems, trained)
    }

    /// Every version is whole, and each came of one training.
    private func checkVersions(trained: Int, _ totals: inout LoopKillTests.Totals) throws -> [String] {
        var problems: [String] = []
        let versions = try list("/api/v1/models/returns?limit=1000")
        totals.versions = versions.count
        let numbers = versions.compactMap { $0["version"] as? Int }.sorted()
        if numbers != Array(1...max(1, numbers.count)) { problems.append("versions are \(numbers)") }
        // One was trained by hand.
        if numbers.count != trained + 1 { problems.append("\(numbers.count) versions of \(trained) trainings by runs and one by hand") }
        return problems
    }

    /// Each began once and ended once, and what answers is what the last promotion says.
    private func checkRollouts(_ totals: inout LoopKillTests.Totals) throws -> [String] {
        var problems: [String] = []
        let rollouts = try list("/api/v1/rollouts?limit=1000")
        var champion = 1
        for rollout in rollouts.reversed() {
            guard let id = rollout["rollout"] as? String, let state = rollout["state"] as? String else { throw TestFailure("no rollout: \(rollout)") }
            totals.rollouts[state, default: 0] += 1
            let events = try client.ask("GET", "/api/v1/rollouts/\(id)").object()["events"] as? [[String: Any]] ?? []
            let kinds = events.compactMap { $0["kind"] as? String }
            let ends = kinds.count { ["promoted", "withdrawn", "superseded"].contains($0) }
            if kinds.first != "started" || kinds.count(where: { $0 == "started" }) != 1 || ends != (["running", "waiting"].contains(state) ? 0 : 1) {
                problems.append("rollout \(id) is \(state) and its events are \(kinds)")
            }
            if rollout["champion"] as? Int != champion { problems.append("rollout \(id) is beside version \(rollout["champion"] ?? "-") while \(champion) answered") }
            if state == "promoted" { champion = rollout["challenger"] as? Int ?? 0 }
        }
        if rollouts.count(where: { ["running", "waiting"].contains($0["state"] as? String) }) > 1 { problems.append("two versions are tried at once") }
        let overview = try client.ask("GET", "/api/v1/project").object()
        let served = (overview["endpoints"] as? [[String: Any]])?.first?["version"] as? Int
        if served != champion { problems.append("version \(served ?? 0) answers; the rollouts say \(champion)") }
        return problems
    }
}
