import Foundation
import Testing

@Suite("A task's program that calls this program")
struct TaskTokenTests {
    /// What the tasks of a run printed, by task.
    private static func logs(_ command: CommandUnderTest, _ folder: TemporaryFolder, run: String) throws -> [String: String] {
        var logs: [String: String] = [:]
        for task in ["secrets", "promote"] {
            let child = try ChildProcess(command.path, ["pipelines", "logs", run, task, "--project", folder.path])
            logs[task] = String(decoding: child.readToEnd(), as: UTF8.self)
            child.wait()
        }
        return logs
    }

    private static func project(_ command: CommandUnderTest) throws -> TemporaryFolder {
        let folder = try TemporaryFolder("token")
        try folder.write("project: shop\n", to: "martlet.yaml")
        try folder.write("""
            pipeline: calls
            tasks:
              secrets: { run: [martlet, secret, list], allow_failure: true }
              promote: { run: [martlet, promote, nothing], allow_failure: true }

            """, to: "pipelines/calls.yaml")
        try command.run(["apply"], in: folder.path)
        return folder
    }

    /// A scientist who may run programs.
    private static func scientist(_ client: PlainHTTPClient) throws -> String {
        let body = Data(#"{"name":"worker","role":"scientist","including":["execute"]}"#.utf8)
        guard let token = try client.ask("POST", "/api/v1/tokens", body).object()["token"] as? String else { throw TestFailure("no token") }
        return token
    }

    /// Asks for a run under a token, in a process of its own, and waits for its end.
    private static func run(_ command: CommandUnderTest, _ folder: TemporaryFolder, token: String?) throws -> String {
        let variables = token.map { ["MARTLET_TOKEN=\($0)"] } ?? []
        let child = try ChildProcess(
            "/usr/bin/env", variables + [command.path, "pipelines", "run", "calls", "--json", "--project", folder.path])
        let text = String(decoding: child.readToEnd(), as: UTF8.self)
        child.wait()
        let line = text.split(separator: "\n").last.map(String.init) ?? ""
        guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], let run = object["run"] as? String else {
            throw TestFailure("no run: \(text)")
        }
        return run
    }

    @Test(
        "has the rights of the run, whether a server holds the project or the command that asked for it",
        .timeLimit(.minutes(2)), arguments: [true, false])
    func rights(withServer: Bool) async throws {
        let command = try CommandUnderTest()
        let result = try await onThread {
            let folder = try Self.project(command)
            let admin = try command.token(for: folder.path)
            func start() throws -> ServerProcess {
                let server = try ServerProcess(command, project: folder.path, errors: .standardError)
                try server.waitForAddress()
                return server
            }
            let server = try start()
            let client = try PlainHTTPClient(port: server.port, token: admin)
            let token = try Self.scientist(client)
            if !withServer { server.terminate() }
            let own = try Self.logs(command, folder, run: Self.run(command, folder, token: nil))
            let other = try Self.logs(command, folder, run: Self.run(command, folder, token: token))
            if withServer { server.terminate() }
            let audit = try command.run(["audit", "--json", "--outcome", "refused"], in: folder.path)
            return (own: own, other: other, audit: audit)
        }
        #expect(result.own["secrets"]?.contains("there is no secret") == true, "\(result)")
        #expect(result.own["promote"]?.contains("may not use") == false && result.own["promote"]?.contains("no model") == true, "\(result)")
        #expect(result.other["secrets"]?.contains("token 'worker' may not use 'secrets.manage'") == true, "\(result)")
        #expect(result.other["promote"]?.contains("token 'worker' may not use 'models.promote'") == true, "\(result)")
        // Recorded as what the run's actor tried.
        #expect(result.audit.contains("\"actor\":\"token:") && result.audit.contains("\"action\":\"models.promote\""), "\(result.audit)")
    }
}
