import MartletAccess
public import MartletDefinitions
public import MartletFrames

/// Runs a program with arguments, as they are: no shell reads them.
public struct RunWork: TaskWork {
    /// Bounds on the program and its children; nil where only those of the server hold.
    public struct Limits: Hashable, Sendable {
        /// Time on processors.
        public var cpu: Timestamp.Span?
        /// Bytes.
        public var memory: Int64?
        /// Bytes of its standard output and error that are kept.
        public var output: Int64?
        /// Bytes of one file that it writes.
        public var fileSize: Int64?
        public var processes: Int64?

        public init() {}
    }

    /// The program, then its arguments; not empty.
    public let arguments: [TaskText]
    /// Set besides what every program is given.
    public let environment: [String: TaskText]
    /// The secrets that it is given, by the variable of its environment.
    public let secrets: [String: String]
    /// Where it starts, below the project's folder; nil for that folder.
    public let folder: String?
    public let limits: Limits
    /// How it ends if there was nothing to do.
    public let skipCodes: Set<Int>
    /// How it ends if another attempt may do better; empty if any failure may.
    public let retryCodes: Set<Int>
    /// What it writes as a JSON object into the file that `MARTLET_RESULT` names.
    public let outputs: [TaskOutput]
    /// Files whose content is a part of the key under which its result is kept.
    public let inputs: [TaskPath]
    /// How long it is given to end by itself before it is killed.
    public let grace: Timestamp.Span

    public var permissions: [RequiredPermission] {
        [RequiredPermission(.execute)] + Set(secrets.values).sorted().map { RequiredPermission(.secretsUse, on: .secret, named: $0) }
    }

    /// The arguments in a scope, the program first.
    ///
    /// - Throws: ``TaskScopeError`` also for an argument with a zero byte, where a program would stop reading it.
    public func arguments(in scope: TaskScope) throws(TaskScopeError) -> [String] {
        var texts: [String] = []
        for (index, argument) in arguments.enumerated() {
            texts.append(try RunWork.usable(try argument.render(in: scope), "argument \(index)"))
        }
        if texts.first?.isEmpty != false { throw TaskScopeError(.unusable, "the name of the program is empty") }
        return texts
    }

    public func environment(in scope: TaskScope) throws(TaskScopeError) -> [String: String] {
        var texts: [String: String] = [:]
        for (name, text) in environment { texts[name] = try RunWork.usable(try text.render(in: scope), "'\(name)' of its environment") }
        return texts
    }

    private static func usable(_ text: String, _ what: String) throws(TaskScopeError) -> String {
        if text.utf8.contains(0) { throw TaskScopeError(.unusable, "\(what) has a zero byte, which no program can be given") }
        return text
    }

    public var canonical: CanonicalValue {
        .map([
            "arguments": .list(arguments.map(\.canonical)),
            "env": .map(environment.map { ($0.key, $0.value.canonical) }),
            "secrets": .map(secrets.map { ($0.key, .text($0.value)) }),
            "folder": .optional(folder),
            "limits": limits.canonical,
            "skip_codes": .list(skipCodes.sorted().map { .integer(Int64($0)) }),
            "retry_codes": .list(retryCodes.sorted().map { .integer(Int64($0)) }),
            "outputs": .map(outputs.map { ($0.name, .text("\($0.type)")) }),
            "inputs": .list(inputs.map(\.text.canonical)),
            "grace": .span(grace),
        ])
    }
}

extension RunWork.Limits {
    var canonical: CanonicalValue {
        func integer(_ number: Int64?) -> CanonicalValue { number.map { .integer($0) } ?? .none }
        return .map([
            "cpu": .optional(cpu), "memory": integer(memory), "output": integer(output), "file_size": integer(fileSize),
            "processes": integer(processes),
        ])
    }
}
