import Foundation
import MartletPipelinesTesting
import Testing

/// Runs `Scenarios/scheduler/*.txt`; the README beside them says how they are read.
@Suite("The scheduler: scenarios")
struct SchedulerScenarioTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios/scheduler")

    static let files = ["backfills", "control", "deadlines", "mapping", "pools", "restarts", "retries", "rules", "schedules", "waits"]

    static let scenarios: [PipelineScenario] = files.flatMap { name in
        let file = folder.appending(path: name + ".txt")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return (try? PipelineScenario.read(text, file: name + ".txt")) ?? []
    }

    @Test("every file can be read, none is forgotten, and no title stands twice")
    func read() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path()).filter { $0.hasSuffix(".txt") }
        #expect(found.sorted() == Self.files.map { $0 + ".txt" })
        for name in Self.files {
            let text = try String(contentsOf: Self.folder.appending(path: name + ".txt"), encoding: .utf8)
            #expect(try PipelineScenario.read(text, file: name).count == Self.scenarios.count { $0.file == name + ".txt" })
        }
        #expect(Self.scenarios.count >= 160)
        #expect(Set(Self.scenarios.map(\.title)).count == Self.scenarios.count)
    }

    @Test("goes as it is told", arguments: scenarios)
    func run(scenario: PipelineScenario) throws {
        try scenario.run()
    }

    /// What is said of a scenario that is wrong.
    private func complaint(_ text: String) -> String {
        do {
            let scenarios = try PipelineScenario.read(text, file: "s.txt")
            for scenario in scenarios { try scenario.run() }
            return ""
        } catch {
            return "\(error)"
        }
    }

    private static let head = """
        scenario: s
        pipelines:
          pipeline: p
          tasks: { a: { run: [x] }, b: { run: [x], after: a } }
        at 2024-03-01

        """

    @Test("canary: what is told and does not happen, and what happens and is not told, are found with their line", arguments: [
        ("  run p -> run begins, starts a#1\n", ""),
        ("  run p -> run begins\n", "s.txt:6: happened, and is not told: starts p/1:a#1"),
        ("  run p\n", "s.txt:6: happened, and is not told: p/1 begins, starts p/1:a#1"),
        ("  run p -> run begins, starts a#1, starts b#1\n", "s.txt:6: told, and did not happen: starts b#1"),
        ("  run p -> run begins, starts a#2\n", "s.txt:6: told, and did not happen: starts a#2; happened, and is not told: starts p/1:a#1"),
        ("  run p -> run begins, starts a#1\n  a fails -> b upstream_failed (failed before it: a), run failed\n", ""),
        ("  run p -> run begins, starts a#1\n  a fails -> b upstream_failed (for b), run failed\n", "s.txt:7: told, and did not happen"),
        ("  run p -> run begins, starts a#1\n  a fails -> b upstream_failed\n", "s.txt:7: happened, and is not told: p/1 failed"),
        ("  run p -> run begins, starts a#1\n  show run -> run is running, a is running, b is waiting\n", ""),
    ])
    func canaries(_ steps: String, _ complaint: String) {
        let found = self.complaint(Self.head + steps)
        #expect(complaint.isEmpty ? found.isEmpty : found.hasPrefix(complaint), "\(found)")
    }

    @Test("a scenario that is written wrongly is refused with its line", arguments: [
        ("run p", "s.txt:1: a file begins with"),
        ("scenario: s\n  run p", "s.txt:2: the first step says when it is"),
        (head + "  b succeeds", "s.txt:6: 'b' names no task of one run"),
        (head + "  run p -> run begins, starts a#1\n  b succeeds", "s.txt:7: 'b' does not run"),
        (head + "  run p -> run begins, starts a#1\n  a explodes", "s.txt:7: 'a explodes' means nothing"),
        (head + "  run p -> run begins, starts a#1\n  run p -> run begins", "s.txt:7: there is more than one run"),
        (head + "+5x", "s.txt:6: '+5x' is no span"),
        (head + "at 2023-01-01", "s.txt:6: it is 2024-03-01T00:00:00Z already"),
        (head + "  clear q/7", "s.txt:6: there is no run 'q/7'"),
        (head + "  start", "s.txt:6: the program runs already"),
        (head + "  run p ->", "s.txt:6: nothing stands after"),
        ("scenario: s\npools: cpu much\npipelines:\n  pipeline: p\n  tasks: { a: { run: [x] } }\nat 2024-03-01", "s.txt:1: 'much' is no size"),
        ("scenario: s\npipelines:\n  pipeline: p\n  tasks: { a: { runn: [x] } }\nat 2024-03-01", "s.txt:1: error: pipelines/scenario.yaml:2"),
    ])
    func mistakes(_ text: String, _ complaint: String) {
        let found = self.complaint(text)
        #expect(found.hasPrefix(complaint), "\(found)")
    }
}

extension PipelineScenario: CustomTestStringConvertible {
    package var testDescription: String { title }
}
