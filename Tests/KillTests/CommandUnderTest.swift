import Foundation

/// The built command, run as users run it.
struct CommandUnderTest: Sendable {
    let path: String

    /// - Parameter name: of the program's file.
    /// - Throws: if it was not built; the tests of this folder are worth nothing without it.
    init(_ name: String = "martlet") throws {
        let environment = name == "martlet" ? ProcessInfo.processInfo.environment["MARTLET_COMMAND"] : nil
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        path = environment ?? folder.appendingPathComponent(name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw TestFailure("no command at \(path): build it, or set MARTLET_COMMAND")
        }
    }

    init(path: String) {
        self.path = path
    }

    /// Runs one command to its end and returns what it printed.
    @discardableResult
    func run(_ arguments: [String], in project: String) throws -> String {
        let process = try ChildProcess(path, arguments + ["--project", project])
        let text = String(decoding: process.readToEnd(), as: UTF8.self)
        let status = process.wait()
        guard status == 0 else { throw TestFailure("\(arguments) ended with \(status): \(text)") }
        return text
    }

    func token(for project: String, role: String = "admin") throws -> String {
        let answer = try run(["token", "create", "--role", role, "--name", "test", "--json"], in: project)
        let object = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
        guard let token = object?["token"] as? String else { throw TestFailure("no token in \(answer)") }
        return token
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// `martlet up` on a free port.
///
/// Used by one thread at a time.
final class ServerProcess: @unchecked Sendable {
    private let process: ChildProcess
    /// All that it has printed.
    private(set) var printed = Data()
    private(set) var port: UInt16 = 0

    /// - Parameter errors: where its standard error goes.
    init(_ command: CommandUnderTest, project: String, errors: FileHandle) throws {
        process = try ChildProcess(command.path, ["up", "--port", "0", "--project", project], errors: errors)
    }

    /// Waits until it has printed its address.
    func waitForAddress() throws {
        while true {
            let piece = process.read()
            guard !piece.isEmpty else { throw TestFailure("the server ended before it served") }
            printed.append(piece)
            let text = String(decoding: printed, as: UTF8.self)
            guard let start = text.range(of: "http://127.0.0.1:"), text[start.upperBound...].contains(where: { !$0.isNumber })
            else { continue }
            guard let found = UInt16(text[start.upperBound...].prefix { $0.isNumber }) else { throw TestFailure("no port in \(text)") }
            port = found
            return
        }
    }

    /// `kill -9`: nothing of it runs from here on.
    func kill() {
        process.send(SIGKILL)
        end()
    }

    /// Asks it to end, and returns its exit status.
    @discardableResult
    func terminate() -> Int32 {
        process.send(SIGTERM)
        end()
        return process.wait()
    }

    private func end() {
        process.wait()
        printed.append(process.readToEnd())
    }
}

/// A folder that is removed at the end, unless the test failed and it is worth a look.
final class TemporaryFolder {
    let path: String
    var isKept = false

    init(_ name: String) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(name)-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        if !isKept { try? FileManager.default.removeItem(atPath: path) }
    }

    func write(_ text: String, to name: String) throws {
        let url = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }
}

/// Runs work that blocks on a thread of its own, since the pool of tasks has few.
func onThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
    }
}
