import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Brings a file's rows into a stream.
public struct IngestWork: TaskWork {
    public let stream: String
    public let file: TaskPath
    /// Whether the rows are news of now; else they are history, known when they happened.
    public let isLive: Bool

    package init(stream: String, file: TaskPath, isLive: Bool) {
        self.stream = stream
        self.file = file
        self.isLive = isLive
    }

    public static let kind = TaskKind(
        word: "ingest", type: "name of a stream",
        summary: "Brings the rows of a file into a stream. It gives `accepted`, `duplicates` and `rejected`.",
        keys: [
            .required("file", "path", "CSV or NDJSON, plain or gzip, below the project's folder."),
            .optional("live", "true or false", standard: "`false`", "Whether the rows count as known from now on, and not from when they happened."),
        ],
        read: { value, task in
            let stream = task.name(value, of: "stream", key: "ingest")
            let file = task.requiredPath("file")
            let isLive = task.map.bool("live")?.value ?? false
            guard let stream, let file else { return nil }
            return IngestWork(stream: stream, file: file, isLive: isLive)
        })

    public var canonical: CanonicalValue {
        .map(["stream": .text(stream), "file": file.text.canonical, "live": .bool(isLive)])
    }

    public var outputs: [TaskOutput] {
        ["accepted", "duplicates", "rejected"].map { TaskOutput($0, .scalar(.int64)) }
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.eventsWrite, on: .stream, named: stream)] }
}
