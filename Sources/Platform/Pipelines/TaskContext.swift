import MartletAccess
import MartletFrames
import MartletPipelines

/// What a task's body has at hand while an attempt is carried out.
struct TaskContext: Sendable {
    let start: AttemptStart
    /// The names that its texts read; files are paths of copies.
    let scope: TaskScope
    /// Whose rights the run has, as they are now.
    let principal: Principal
    /// Takes lines for the attempt's log.
    let log: TaskLog
    /// Takes what the body reads and makes, for the lineage.
    let uses: UseRecorder

    func read(_ kind: DataThing.Kind, _ name: String, version: String? = nil, rows: Int? = nil) {
        uses.note(DataUse(.input, Self.thing(kind, name, version), rows: rows.map { Int64($0) }))
    }

    func made(_ kind: DataThing.Kind, _ name: String, version: String? = nil, rows: Int? = nil, bytes: Int? = nil) {
        uses.note(
            DataUse(.output, Self.thing(kind, name, version), rows: rows.map { Int64($0) }, bytes: bytes.map { Int64($0) }))
    }

    /// One file has one name, however its path is written.
    private static func thing(_ kind: DataThing.Kind, _ name: String, _ version: String?) -> DataThing {
        DataThing(kind, kind == .file ? Platform.plain(name).joined(separator: "/") : name, version: version)
    }

    /// The files that a result passes on.
    func made(filesOf result: [String: TaskValue]) {
        for (_, value) in result.sorted(by: { $0.key < $1.key }) {
            if case .file(let hash, let count) = value { made(.blob, hash, version: hash, bytes: count) }
        }
    }

    /// A file of the project that holds what a value says.
    func made(file path: String, _ value: TaskValue, rows: Int? = nil) {
        guard case .file(let hash, let count) = value else { return }
        made(.file, path, version: hash, rows: rows, bytes: count)
    }

    /// Asks the guard, as of now.
    func scope(to permission: Permission, on resource: Resource) throws(AccessError) -> Scope {
        try Guard().scope(for: principal, to: permission, on: resource)
    }
}

/// A kind of work that the platform carries out in this process.
protocol PlatformTask: TaskWork {
    /// - Throws: any failure; a ``TaskFailure`` says itself whether another attempt may do better.
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue]
}

/// Why an attempt failed, told by its body.
struct TaskFailure: Error, CustomStringConvertible {
    var reason: String
    var isRetryable = false
    var description: String { reason }
}

/// Says that a task has nothing to do, and why: it is skipped.
struct TaskSkip: Error {
    var reason: String
}

extension TaskSkip: CustomStringConvertible {
    var description: String { reason }
}
