import Foundation
import Testing

@Suite("A project in Swift")
struct SwiftProjectTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test("it is the whole command with its pipelines built in: the same hashes, and closures that only it runs")
    func wholeCommand() async throws {
        let (project, plain) = (try CommandUnderTest("FraudProject"), try CommandUnderTest())
        try await onThread {
            let folder = try TemporaryFolder("swift")
            let files = folder.path + "/fraud"
            try FileManager.default.copyItem(atPath: Self.root.path() + "Examples/fraud", toPath: files)
            let inFile = try String(contentsOfFile: files + "/pipelines/ml_pipeline.yaml", encoding: .utf8)
            try FileManager.default.removeItem(atPath: files + "/pipelines/ml_pipeline.yaml")

            #expect(try project.run(["plan"], in: files).contains("retrain"))
            try project.run(["apply"], in: files)
            let data = try ChildProcess(plain.path, [
                "demo", "data", "--seed", "7", "--customers", "300", "--terminals", "600", "--days", "60", "--output", folder.path + "/history.csv",
                "--live", folder.path + "/live.ndjson", "--hours", "1",
            ])
            _ = data.readToEnd()
            #expect(data.wait() == 0)
            try project.run(["ingest", "transactions", folder.path + "/history.csv"], in: files)

            // The closures run in the program that they are compiled into.
            let run = try project.run(["pipelines", "run", "retrain", "--parameter", "floor=0.1", "--json"], in: files)
            let id = try Self.member("run", of: run)
            #expect(try Self.member("state", of: run) == "succeeded")
            #expect(try project.run(["pipelines", "logs", id, "train_model"], in: files).contains("at least 0.1 asked for"))
            #expect(try project.run(["pipelines", "logs", id, "deploy"], in: files).contains("in force with release 2"))
            #expect(throws: TestFailure.self) {
                try project.run(["pipelines", "run", "retrain", "--parameter", "floor=1.5", "--json"], in: files)
            }
            // The plain program has the definition and not the closures.
            let other = try ChildProcess(plain.path, ["pipelines", "run", "retrain", "--json", "--project", files])
            let answer = String(decoding: other.readToEnd(), as: UTF8.self)
            #expect(other.wait() == 4)
            #expect(answer.contains("is compiled into the program "))

            // Nor does another build of the project run them: it is one as soon as a byte of its file differs.
            // Another program makes it: what this one had open to write could not be started while a child of another test has it too.
            let path = folder.path + "/FraudProject"
            let copying = try ChildProcess("/bin/sh", ["-c", #"cp "$0" "$1.same" && cp "$0" "$1" && printf x >> "$1""#, project.path, path])
            #expect(copying.readToEnd().isEmpty && copying.wait() == 0)
            let (same, copy) = (CommandUnderTest(path: path + ".same"), CommandUnderTest(path: path))
            #expect(try same.run(["plan", "--json"], in: files) == project.run(["plan", "--json"], in: files))
            let changed = try JSONSerialization.jsonObject(with: Data(copy.run(["plan", "--json"], in: files).utf8)) as? [String: Any]
            #expect((changed?["changes"] as? [[String: Any]])?.map { "\($0["action"] ?? "") \($0["name"] ?? "")" } == ["changed retrain"])
            let built = try ChildProcess(path, ["pipelines", "run", "retrain", "--parameter", "floor=0.1", "--json", "--project", files])
            let refused = String(decoding: built.readToEnd(), as: UTF8.self)
            #expect(built.wait() == 4)
            #expect(refused.contains("is compiled into the program ") && refused.contains("apply the definitions with the program that serves"), "\(refused)")
            // Once its definitions are applied they are its own, and no longer the other's.
            try copy.run(["apply"], in: files)
            #expect(try Self.member("state", of: copy.run(["pipelines", "run", "retrain", "--parameter", "floor=0.1", "--json"], in: files)) == "succeeded")
            let former = try ChildProcess(project.path, ["pipelines", "run", "retrain", "--parameter", "floor=0.1", "--json", "--project", files])
            #expect(String(decoding: former.readToEnd(), as: UTF8.self).contains("is compiled into the program "))
            #expect(former.wait() == 4)
            try project.run(["apply"], in: files)

            // What Swift built in and what a file says are one definition.
            try FileManager.default.createDirectory(atPath: files + "/pipelines", withIntermediateDirectories: true)
            try inFile.write(toFile: files + "/pipelines/ml_pipeline.yaml", atomically: true, encoding: .utf8)
            let plan = try JSONSerialization.jsonObject(with: Data(plain.run(["plan", "--json"], in: files).utf8)) as? [String: Any]
            let changes = (plan?["changes"] as? [[String: Any]] ?? []).map { "\($0["action"] ?? "") \($0["name"] ?? "")" }
            #expect(changes == ["removed retrain"])
            #expect(throws: TestFailure.self) { try project.run(["plan"], in: files) }
        }
    }

    private static func member(_ name: String, of text: String) throws -> String {
        let line = text.split(separator: "\n").last.map(String.init) ?? ""
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        guard let value = object?[name] as? String else { throw TestFailure("no '\(name)' in \(text)") }
        return value
    }
}
