import MartletAccess
import MartletBytes
public import MartletDefinitions
public import MartletFrames
public import MartletSQL

/// Carries out SQL over the project's files, by DuckDB in a process of its own.
public struct SQLWork: TaskWork {
    public let statements: SQLStatements
    /// By their names, in small letters.
    public let parameters: [String: TaskArgument]
    /// A database file of the project; nil for one in memory.
    public let database: TaskPath?
    /// Where the last statement's rows are written; nil for nowhere.
    public let target: TaskPath?
    /// The columns of the last statement's rows that are handed on; none of type file.
    public let columns: [TaskOutput]
    public let limits: RunWork.Limits
    /// Files whose content is a part of the key under which its result is kept.
    public let inputs: [TaskPath]
    public let grace: Timestamp.Span

    public var outputs: [TaskOutput] {
        (target == nil ? columns : [TaskOutput("file", .file)]) + [TaskOutput("rows", .scalar(.int64))]
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.execute)] }

    public var canonical: CanonicalValue {
        .map([
            "sql": .list(statements.statements.map { .text($0.text) }),
            "parameters": .map(parameters.map { ($0.key, $0.value.canonical) }),
            "database": database?.text.canonical ?? .none, "to": target?.text.canonical ?? .none,
            "outputs": .map(columns.map { ($0.name, .text("\($0.type)")) }), "limits": limits.canonical,
            "inputs": .list(inputs.map(\.text.canonical)), "grace": .span(grace),
        ])
    }
}

extension SQLWork: ProgramWork {
    public var tellsFailures: Bool { true }

    /// The variable of the environment that holds the request.
    public static let requestVariable = "MARTLET_SQL_REQUEST"
    /// The subcommand of this program that carries it out.
    public static let command = "run-sql"
    /// The most bytes of a request, which must fit into one variable.
    static let requestBytes = 120_000

    public func program(in scope: TaskScope, needs: [String: Int64], folder: String?) throws(TaskScopeError) -> RunWork {
        var request = SQLRequest(
            statements: statements.statements.map(\.text),
            memoryBytes: limits.memory ?? needs["memory"] ?? SQLRequest.standardMemoryBytes)
        for (name, argument) in parameters { request.parameters[name] = try argument.value(in: scope) }
        request.database = try database?.render(in: scope)
        if let path = try target?.render(in: scope) {
            guard let format = SQLRequest.Format(fileName: path) else { throw TaskScopeError(.unusable, Self.unknownFormat(path)) }
            (request.target, request.format) = (path, format)
        }
        request.outputs = columns.compactMap { column in
            switch column.type {
            case .scalar(let type): .init(column.name, type, isList: false)
            case .list(let type): .init(column.name, type, isList: true)
            case .file: nil
            }
        }
        request.threads = needs["cpu"].map { Int(clamping: max(1, $0)) }
        (request.readable, request.spill) = (folder.map { [$0] } ?? [], folder)
        let text = String(decoding: request.json.serialized(), as: UTF8.self)
        guard text.utf8.count <= Self.requestBytes else {
            throw TaskScopeError(
                .unusable, "the statements and their parameters have \(text.utf8.count) bytes, and may have \(Self.requestBytes); let them read what is large from a file")
        }
        // The engine keeps to its own bound and spills beyond it; the system's is for what the engine does not count.
        var limits = limits
        limits.memory = 2 * request.memoryBytes + (4 << 30)
        return RunWork(
            arguments: ["martlet", Self.command].map { TaskText(literal: $0) },
            environment: [Self.requestVariable: TaskText(literal: text)], secrets: [:], folder: nil, limits: limits, skipCodes: [],
            retryCodes: [], outputs: outputs, inputs: inputs, grace: grace)
    }

    static func unknownFormat(_ path: String) -> String {
        "the file '\(path.prefix(100))' has none of the endings that say how rows are written: "
            + SQLRequest.Format.allCases.map { "." + $0.rawValue }.joined(separator: ", ")
    }
}
