import Foundation
import Testing

@Suite("The server is killed while a pipeline runs")
struct PipelineKillTests {
    struct Totals: Sendable {
        var kills = 0
        var runs = 0
        /// Bodies that ran to their end.
        var lines = 0
        /// Lines of the ledger that no task instance should have lacked.
        var missing = 0
        /// Instances whose body ran more than once, as it may.
        var repeated = 0
        /// Bodies that a crash cut short, or what followed it.
        var cutShort = 0
        /// Lines of the ledger that an attempt wrote once a later one of its instance had begun, or that began one anew.
        var overlapping: [String] = []
        var states: Set<String> = []
    }

    /// `MARTLET_KILLS` and `MARTLET_KILL_SEED` choose how often and how.
    @Test("each task notes its start and its end in a ledger: no end is missing, no two attempts overlap, every run succeeds", .timeLimit(.minutes(15)))
    func ledger() async throws {
        let environment = ProcessInfo.processInfo.environment
        let kills = environment["MARTLET_KILLS"].flatMap { Int($0) } ?? PipelineKillTests.defaultKills
        let seed = environment["MARTLET_KILL_SEED"].flatMap { UInt64($0) } ?? 1
        let command = try CommandUnderTest()
        let (totals, place) = try await onThread {
            let folder = try TemporaryFolder("ledger")
            let totals = try PipelineKillTests.run(command, in: folder, kills: kills, seed: seed)
            folder.isKept = totals.missing > 0 || !totals.overlapping.isEmpty || totals.states != ["succeeded"]
            return (totals, folder.path)
        }
        print("\(totals.kills) kills, \(totals.runs) runs, \(totals.lines) lines; \(totals.missing) missing, \(totals.repeated) ran more than once, \(totals.cutShort) cut short")
        #expect(totals.missing == 0, "seed \(seed); the project is \(place)")
        #expect(totals.overlapping == [], "seed \(seed); the project is \(place)")
        // Of few kills each may fall between two bodies, or beside short ones that come to their end before they are looked for.
        #expect(totals.cutShort > 0 || kills < 50)
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
            // Some take so long that kills fall into them, and that one left behind would end beside the attempt that follows it.
            // Not for ever: a body that five crashes in a row cut short has failed.
            let body = number % 15 == 7 ? "$([ $MARTLET_ATTEMPT -lt 3 ] && echo 0.4 || echo 0.03)" : "0.03"
            let note = "$MARTLET_TASK_KEY $MARTLET_ATTEMPT >> ledger"
            return "  t\(number): { run: [sh, -c, 'echo start \(note); sleep \(body); echo end \(note)']\(after) }"
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
            usleep(UInt32(random.below(900_000)))
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
        totals.runs = all.count
        totals.states = Set(all.map(\.state))
        let ledger = try Ledger(String(contentsOfFile: folder.path + "/ledger", encoding: .utf8))
        totals.lines = ledger.ends.values.reduce(0, +)
        totals.cutShort = ledger.starts - totals.lines
        totals.overlapping = ledger.overlapping
        for run in all {
            for number in 0..<taskCount {
                let count = ledger.ends["\(run.id)/t\(number)/0"] ?? 0
                if count == 0 { totals.missing += 1 }
                if count > 1 { totals.repeated += 1 }
            }
        }
        return totals
    }

    /// What the tasks' bodies wrote, one line after the other: `start KEY ATTEMPT`, `end KEY ATTEMPT`.
    struct Ledger {
        private(set) var starts = 0
        /// By the key of the instance.
        private(set) var ends: [String: Int] = [:]
        /// Lines that tell of an attempt beside another.
        private(set) var overlapping: [String] = []

        init(_ text: String) throws {
            var newest: [String: Int] = [:]
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard words.count == 3, let attempt = Int(words[2]) else { throw TestFailure("a line of the ledger is '\(line)'") }
                let before = newest[words[1]] ?? 0
                if words[0] == "start" {
                    starts += 1
                    if attempt <= before { overlapping.append(String(line)) }
                    newest[words[1]] = max(attempt, before)
                } else {
                    ends[words[1], default: 0] += 1
                    if attempt != before { overlapping.append(String(line)) }
                }
            }
        }
    }

    @Test("a ledger tells of attempts that were at work at one time")
    func ledgers() throws {
        #expect(try Ledger("start a 1\nstart a 2\nstart b 1\nend a 2\nend b 1\n").overlapping == [])
        #expect(try Ledger("start a 1\nstart a 2\nend a 1\nend a 2\n").overlapping == ["end a 1"])
        #expect(try Ledger("start a 2\nstart a 1\nstart b 1\nstart b 1\n").overlapping == ["start a 1", "start b 1"])
        #expect(try Ledger("end a 1\n").overlapping == ["end a 1"])
        #expect(throws: TestFailure.self) { try Ledger("start a 1end a 1") }
    }

    @Test("what a crash left running is ended before the server serves again", .timeLimit(.minutes(2)))
    func leftBehind() async throws {
        let command = try CommandUnderTest()
        try await onThread {
            let folder = try TemporaryFolder("left")
            try folder.write("project: left\n", to: "martlet.yaml")
            try folder.write("""
                pipeline: left
                tasks: { a: { run: [sh, -c, 'trap "" TERM HUP; sleep 600 & echo $MARTLET_ATTEMPT $$ $! >> processes; wait; sleep 600'], grace: 0s } }

                """, to: "pipelines/left.yaml")
            try command.run(["apply"], in: folder.path)
            /// The body and its child, once an attempt has noted them.
            func processes(_ attempt: Int) throws -> [Int32] {
                let end = Date().addingTimeInterval(60)
                while Date() < end {
                    let text = (try? String(contentsOfFile: folder.path + "/processes", encoding: .utf8)) ?? ""
                    let lines = text.split(separator: "\n").map { $0.split(separator: " ").compactMap { Int32($0) } }
                    if let line = lines.first(where: { $0.count == 3 && $0[0] == attempt }) { return Array(line[1...]) }
                    usleep(1_000)
                }
                throw TestFailure("attempt \(attempt) did not begin")
            }
            let first = try ServerProcess(command, project: folder.path, errors: .standardError)
            try first.waitForAddress()
            try command.run(["pipelines", "run", "left", "--no-wait"], in: folder.path)
            let left = try processes(1)
            first.kill()
            #expect(left.map(Self.isRunning) == [true, true])
            let second = try ServerProcess(command, project: folder.path, errors: .standardError)
            try second.waitForAddress()
            #expect(left.map(Self.isRunning) == [false, false])
            let next = try processes(2)
            #expect(next.map(Self.isRunning) == [true, true])
            // A server that ends in peace leaves nothing.
            #expect(second.terminate() == 0)
            #expect(next.map(Self.isRunning) == [false, false])
        }
    }

    /// Whether a process is there and has not ended.
    private static func isRunning(_ process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8), let name = text.lastIndex(of: ")") else { return false }
        let state = text[name...].dropFirst(2).first
        return state != "Z" && state != "X"
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
