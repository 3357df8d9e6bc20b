import Foundation
import MartletMonitoringTesting
import Testing

/// Runs `Scenarios/*.txt`; the README beside them says how they are read.
@Suite("Alarms: scenarios")
struct AlarmScenarioTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")

    static let files = ["actions", "crashes", "groups", "lives", "silences"]

    static let scenarios: [AlarmScenario] = files.flatMap { name in
        let text = (try? String(contentsOf: folder.appending(path: name + ".txt"), encoding: .utf8)) ?? ""
        return (try? AlarmScenario.read(text, file: name + ".txt")) ?? []
    }

    @Test("every file can be read, none is forgotten, and no title stands twice")
    func read() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path()).filter { $0.hasSuffix(".txt") }
        #expect(found.sorted() == Self.files.map { $0 + ".txt" })
        for name in Self.files {
            let text = try String(contentsOf: Self.folder.appending(path: name + ".txt"), encoding: .utf8)
            #expect(try AlarmScenario.read(text, file: name).count == Self.scenarios.count { $0.file == name + ".txt" })
        }
        #expect(Self.scenarios.count >= 50)
        #expect(Set(Self.scenarios.map(\.title)).count == Self.scenarios.count)
    }

    @Test("goes as it is told", arguments: scenarios)
    func run(scenario: AlarmScenario) throws {
        try scenario.run()
    }

    private func complaint(_ text: String) -> String {
        do {
            for scenario in try AlarmScenario.read(text, file: "s.txt") { try scenario.run() }
            return ""
        } catch {
            return "\(error)"
        }
    }

    private static let head = """
        scenario: s
        rules:
          drift: for 1
        receivers:
          hook:
        routes:
          r: to hook; wait 0s
        at 2024-03-01

        """

    @Test("canary: what is told and does not happen, and what happens and is not told, are found with their line", arguments: [
        ("  drift beyond -> fires drift, hook told (firing drift)\n", ""),
        ("  drift beyond\n", "s.txt:9: happened, and is not told: fires drift, hook told (firing drift)"),
        ("  drift beyond -> fires drift\n", "s.txt:9: happened, and is not told: hook told (firing drift)"),
        ("  drift within -> fires drift\n", "s.txt:9: told, and did not happen: fires drift"),
        ("  drift beyond -> pending drift, hook told (firing drift)\n", "s.txt:9: told, and did not happen: pending drift; happened, and is not told: fires drift"),
        ("  drift explodes\n", "s.txt:9: 'drift explodes' means nothing"),
        ("+5x\n", "s.txt:9: '5x' is no span of time"),
        ("  ack drift by ada -> refused (no alarm)\n", "s.txt:9: told, and did not happen"),
    ])
    func canaries(_ steps: String, _ complaint: String) {
        let found = self.complaint(Self.head + steps)
        #expect(complaint.isEmpty ? found.isEmpty : found.hasPrefix(complaint), "\(found)")
    }
}

extension AlarmScenario: CustomTestStringConvertible {
    package var testDescription: String { title }
}
