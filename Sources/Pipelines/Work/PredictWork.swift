import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Scores every row of a file by an endpoint.
public struct PredictWork: TaskWork {
    public let endpoint: String
    public let file: TaskPath
    /// Where the answers are written, a line of JSON a row.
    public let to: TaskPath

    package init(endpoint: String, file: TaskPath, to: TaskPath) {
        self.endpoint = endpoint
        self.file = file
        self.to = to
    }

    public static let kind = TaskKind(
        word: "predict", type: "name of an endpoint",
        summary: """
            Asks an endpoint for every row of a file and writes its answers, a line of JSON a row. It gives `file` and the numbers \
            of `rows`, `degraded` and `rejected`.
            """,
        keys: [
            .required("file", "path", "CSV or NDJSON, plain or gzip, below the project's folder."),
            .required("to", "path", "Where the answers are written, below the project's folder."),
        ],
        read: { value, task in
            let endpoint = task.name(value, of: "endpoint", key: "predict")
            let file = task.requiredPath("file")
            let path = task.requiredPath("to")
            guard let endpoint, let file, let path else { return nil }
            return PredictWork(endpoint: endpoint, file: file, to: path)
        })

    public var canonical: CanonicalValue {
        .map(["endpoint": .text(endpoint), "file": file.text.canonical, "to": to.text.canonical])
    }

    public var outputs: [TaskOutput] {
        [TaskOutput("file", .file)] + ["rows", "degraded", "rejected"].map { TaskOutput($0, .scalar(.int64)) }
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.predict, on: .endpoint, named: endpoint)] }
}
