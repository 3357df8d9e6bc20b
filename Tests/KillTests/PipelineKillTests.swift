import Foundation
import Testing

@Suite("The server is killed while a pipeline runs")
struct PipelineKillTests {
    struct Totals: Sendable {
        var kills = 0
        var runs = 0
        var lines = 0
        /// Lines of the ledger that no task instance should have lacked.
        var missing = 0
        /// Instances whose body ran more than once, as it may.
        var repeated = 0
        var states: Set<String> = []
    }

    /// `MARTLET_KILLS` and `MARTLET_KILL_SEED` choose how often and how.
    @Test("each task appends its line to a ledger: none is missing, every run succeeds", .timeLimit(.minutes(15)))
    func ledger() async throws {
        let environment = ProcessInfo.processInfo.environment
        let kills = environment["MARTLET_KILLS"].flatMap { Int($0) } ?? PipelineKillTests.defaultKills
        let seed = environment["MARTLET_KILL_SEED"].flatMap { UInt64($0) } ?? 1
        let command = try CommandUnderTest()
        let (totals, place) = try await onThread {
            let folder = try TemporaryFolder("ledger")
            let totals = try PipelineKillTests.run(command, in: folder, kills: kills, seed: seed)
            folder.isKept = totals.missing > 0 || totals.states != ["succeeded"]
            return (totals, folder.path)
        }
        print("\(totals.kills) kills, \(totals.runs) runs, \(totals.lines) lines; \(totals.missing) missing, \(totals.repeated) ran more than once")
        #expect(totals.missing == 0, "seed \(seed); the project is \(place)")
        #expect(totals.states == ["succeeded"], "seed \(seed); the project is \(place)")
        #expect(totals.runs > 1 && totals.kills == kills)
    }

    private static let taskCount = 60

    private static func run(_ command: CommandUnderTest, in folder: TemporaryFolder, kills: Int, seed: UInt64) throws -> Totals {
        var random = SeededNumbers(seed: seed)
        try folder.write("project: ledger\npools: { cpu: 3 }\n", to: "martlet.yaml")
        let tasks = (0..<taskCount).map { number -> String in
            // Some wait for one before them, some for two.
            let before = [number - 5, number % 5 == 0 ? -1 : number - 7].filter { $0 >= 0 }.map { "t\($0)" }
            let after = before.isEmpty ? "" : ", after: [\(before.joined(separator: ", "))]"
            return "  t\(number): { run: [sh, -c, 'sleep 0.03; echo $MARTLET_TASK_KEY >> ledger']\(after) }"
        }
        try folder.write("pipeline: ledger\ntasks:\n" + tasks.joined(separator: "\n") + "\n", to: "pipelines/ledger.yaml")
        try command.run(["apply"], in: folder.path)
        try folder.write("", to: "server.log")
        let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path + "/server.log"))
        var totals = Totals()
        while totals.kills < kills {
            let server = try ServerProcess(command, project: folder.path, errors: errors)
            totals.kills += 1
            // The moment of the kill is what is drawn; nothing is waited for.
            if random.chance(15) {
                usleep(UInt32(random.below(80_000)))
                server.kill()
                continue
            }
            try server.waitForAddress()
            let newest = try runs(command, folder, limit: 1).first
            if newest.map({ $0.state != "running" && $0.state != "queued" }) ?? true {
                try command.run(["pipelines", "run", "ledger", "--no-wait", "--json"], in: folder.path)
            }
            usleep(UInt32(random.below(600_000)))
            server.kill()
        }
        let server = try ServerProcess(command, project: folder.path, errors: errors)
        try server.waitForAddress()
        var all = try runs(command, folder, limit: 10_000)
        let end = Date().addingTimeInterval(120)
        while all.contains(where: { $0.state == "running" || $0.state == "queued" }), Date() < end {
            all = try runs(command, folder, limit: 10_000)
        }
        guard server.terminate() == 0 else { throw TestFailure("the server did not end in peace") }
        let lines = try String(contentsOfFile: folder.path + "/ledger", encoding: .utf8).split(separator: "\n").map(String.init)
        let counts = Dictionary(lines.map { ($0, 1) }, uniquingKeysWith: +)
        totals.runs = all.count
        totals.lines = lines.count
        totals.states = Set(all.map(\.state))
        for run in all {
            for number in 0..<taskCount {
                let count = counts["\(run.id)/t\(number)/0"] ?? 0
                if count == 0 { totals.missing += 1 }
                if count > 1 { totals.repeated += 1 }
            }
        }
        return totals
    }

    private static func runs(_ command: CommandUnderTest, _ folder: TemporaryFolder, limit: Int) throws -> [(id: String, state: String)] {
        let text = try command.run(["pipelines", "runs", "--json", "--limit", "\(limit)"], in: folder.path)
        return try text.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let id = object?["run"] as? String, let state = object?["state"] as? String else { throw TestFailure("no run in \(line)") }
            return (id, state)
        }
    }

    #if DEBUG
        private static let defaultKills = 5
    #else
        private static let defaultKills = 100
    #endif
}
