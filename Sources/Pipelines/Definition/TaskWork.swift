public import MartletAccess
public import MartletDefinitions
public import MartletFrames

/// What a task does: a kind with its parameters. Each kind is a type in a file of its own below `Work`.
///
/// What carries it out stands above, where the parts are wired.
public protocol TaskWork: Hashable, Sendable {
    static var kind: TaskKind { get }
    /// Its meaning, as part of the pipeline's canonical form.
    var canonical: CanonicalValue { get }
    /// What it gives to the tasks after it.
    var outputs: [TaskOutput] { get }
    /// What whoever runs it must be allowed to do.
    var permissions: [RequiredPermission] { get }
    /// Whether it takes no room in pools and no thread while it waits: an approval, a sub-pipeline, a wait.
    var isWaiting: Bool { get }
}

extension TaskWork {
    public var isWaiting: Bool { false }
}

/// A kind of task: the key that opens it in a project's files.
public struct TaskKind: Sendable {
    /// `run`, `train`.
    public let word: String
    /// What the key takes, for the reference page.
    public let type: String
    public let summary: String
    /// Other keys of a task that only this kind has.
    public let keys: [KeyDescription]
    /// Maps inside, for the reference page.
    public let tables: [KeyTable]
    /// Reads the value of the kind's key and the kind's own keys; nil for a mistake, which is reported.
    package let read: @Sendable (_ value: LocatedNode, _ task: inout TaskReader) -> (any TaskWork)?

    package init(
        word: String, type: String, summary: String, keys: [KeyDescription] = [], tables: [KeyTable] = [],
        read: @escaping @Sendable (_ value: LocatedNode, _ task: inout TaskReader) -> (any TaskWork)?
    ) {
        self.word = word
        self.type = type
        self.summary = summary
        self.keys = keys
        self.tables = tables
        self.read = read
    }
}

/// A value that a task gives under a name.
public struct TaskOutput: Hashable, Sendable {
    public let name: String
    public let type: TaskValueType

    public init(_ name: String, _ type: TaskValueType) {
        self.name = name
        self.type = type
    }
}

/// A permission on a named thing of the project, or on the project (nil).
public struct RequiredPermission: Hashable, Sendable {
    public let permission: Permission
    public let kind: Resource.Kind
    public let name: String?

    public init(_ permission: Permission, on kind: Resource.Kind = .project, named name: String? = nil) {
        self.permission = permission
        self.kind = kind
        self.name = name
    }

    public func resource(in project: String) -> Resource {
        switch kind {
        case .server: .server
        case .project: .project(project)
        default: .thing(kind, name, in: project)
        }
    }
}

/// The types of what tasks pass to one another.
public enum TaskValueType: Hashable, Sendable {
    case scalar(ValueType)
    case list(ValueType)
    /// Bytes, stored as a blob and known by their hash.
    case file
}

extension TaskValueType: CustomStringConvertible {
    /// As it is written in a project's files: `int64`, `list of int64`, `file`.
    public var description: String {
        switch self {
        case .scalar(let type): type.rawValue
        case .list(let type): "list of \(type.rawValue)"
        case .file: "file"
        }
    }
}

/// What tasks pass to one another.
public enum TaskValue: Hashable, Sendable {
    case scalar(Value)
    case list([Value])
    /// The blob's hash.
    case file(hash: String, byteCount: Int)
}

/// A task's work whatever its kind, compared by kind and parameters.
public struct AnyTaskWork: Hashable, Sendable {
    public let base: any TaskWork

    public init(_ base: any TaskWork) {
        self.base = base
    }

    public var kind: TaskKind { type(of: base).kind }

    public static func == (left: Self, right: Self) -> Bool {
        left.kind.word == right.kind.word && left.base.canonical == right.base.canonical
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind.word)
        hasher.combine(base.canonical)
    }
}
