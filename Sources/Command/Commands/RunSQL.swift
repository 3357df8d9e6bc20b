import ArgumentParser
import MartletBytes
import MartletPipelines
import MartletPlatform
import MartletSQL
import MartletWorld

/// The process of a task of the kind `sql`: it carries out one request in the folder where it works, and ends.
struct RunSQL: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: SQLWork.command, abstract: "Carry out the SQL of a task, which starts this by itself.", shouldDisplay: false)

    func run() throws {
        guard let text = Environment.value(SQLWork.requestVariable), let resultPath = Environment.value("MARTLET_RESULT") else {
            throw ValidationError("'\(SQLWork.command)' is started by tasks of the kind 'sql' alone: martlet pipelines run …")
        }
        let console = try Console()
        let files = try SystemFileSystem(root: ".")
        do {
            let request = try SQLRequest(json: JSONValue(parsing: text))
            try Self.write(.object(try Self.perform(request, files) { try? console.say($0) }), to: resultPath)
        } catch {
            console.note("\(error)")
            let isRetryable = (error as? SQLError)?.isRetryable == true
            try Self.write(["failure": .string("\(error)"), "retryable": .bool(isRetryable)], to: resultPath)
            throw ExitStatus.failed
        }
    }

    private static func perform(_ request: SQLRequest, _ files: SystemFileSystem, say: @escaping (String) -> Void) throws -> JSONObject {
        let library = try DuckDBLibrary.open(
            at: Environment.value(TaskSettings.duckDBVariable), candidates: DuckDBLibrary.places(below: Environment.value("HOME")))
        let target = try request.target.map { try path($0) }
        let partial = try request.partialTarget.map { try path($0) }
        if let target { try files.createFolder(target.parent) }
        var run = try SQLRun(request, library, visible: try visible(files), say: say)
        try run.perform()
        var result = run.result
        if let target, let partial {
            try files.open(partial, .write).sync()
            try files.rename(partial, to: target)
            try files.syncFolder(target.parent)
            result["file"] = request.target.map(JSONValue.string)
        }
        return result
    }

    /// What stands in the folder and is not hidden, so that the program's own folder is not seen.
    private static func visible(_ files: SystemFileSystem) throws -> (folders: [String], files: [String]) {
        var visible: (folders: [String], files: [String]) = ([], [])
        for name in try files.list(.root) where !name.hasPrefix(".") {
            guard let path = RelativePath(name), let absolute = files.absolutePath(path) else { continue }
            if (try? files.list(path)) != nil { visible.folders.append(absolute) } else { visible.files.append(absolute) }
        }
        return visible
    }

    private static func path(_ text: String) throws -> RelativePath {
        guard let path = RelativePath(text.split(separator: "/").map(String.init).filter { $0 != "." }) else {
            throw SQLError(.unusable, "'\(text)' is no path inside the project")
        }
        return path
    }

    private static func write(_ result: JSONValue, to path: String) throws {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let relative = RelativePath(name) else { throw SQLError(.unusable, "'\(path)' is no path of a file") }
        let file = try SystemFileSystem(root: folder).open(relative, .write)
        try file.write(result.serialized(), at: 0)
    }
}
