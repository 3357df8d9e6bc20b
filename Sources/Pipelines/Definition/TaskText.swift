public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// A text of a task with `${expression}` pieces, each checked at plan and evaluated when the task starts.
///
/// ```yaml
/// run: [./load.sh, "${interval.start}", "costs $${NOT_READ}"]    # ./load.sh, 2024-01-01T00:00:00Z, costs ${NOT_READ}
/// ```
///
/// What an expression gives is put in as it is: it is never read again, neither as a template nor by a shell.
public struct TaskText: Hashable, Sendable {
    public enum Piece: Hashable, Sendable {
        case literal(String)
        case expression(CompiledExpression)
    }

    /// No two literals beside each other.
    public let pieces: [Piece]

    public init(_ pieces: [Piece]) {
        var joined: [Piece] = []
        for piece in pieces {
            if case .literal(let text) = piece, case .literal(let before)? = joined.last {
                joined[joined.count - 1] = .literal(before + text)
            } else {
                joined.append(piece)
            }
        }
        self.pieces = joined
    }

    public init(literal text: String) {
        pieces = [.literal(text)]
    }

    /// The text if nothing in it is computed.
    public var literal: String? {
        switch pieces.first {
        case nil: ""
        case .literal(let text)? where pieces.count == 1: text
        default: nil
        }
    }

    /// The text in a scope: a timestamp as RFC 3339, a number as `string(x)` writes it.
    public func render(in scope: TaskScope) throws(TaskScopeError) -> String {
        var text = ""
        for piece in pieces {
            switch piece {
            case .literal(let part): text += part
            case .expression(let expression): text += "\(try expression.value(in: scope))"
            }
        }
        return text
    }

    /// A text alone as itself, else the list of its pieces, so that `$${x}` and `${x}` differ.
    public var canonical: CanonicalValue {
        if let literal { return .text(literal) }
        return .list(
            pieces.map { piece in
                switch piece {
                case .literal(let text): .text(text)
                case .expression(let expression): .map(["expression": .text(expression.canonicalText)])
                }
            })
    }
}

/// A path below the project's folder, perhaps with computed parts.
public struct TaskPath: Hashable, Sendable {
    public let text: TaskText

    public init(_ text: TaskText) {
        self.text = text
    }

    /// The path in a scope; refused if what was computed leaves the project.
    public func render(in scope: TaskScope) throws(TaskScopeError) -> String {
        let path = try text.render(in: scope)
        if let problem = TaskPath.problem(of: path) {
            throw TaskScopeError(.unusable, "the path '\(path.prefix(100))' \(problem)")
        }
        return path
    }

    /// What keeps a text from being a path inside the project; nil if nothing does.
    ///
    /// Links in the file system are another matter, that of whoever opens the path.
    public static func problem(of path: String) -> String? {
        if path.isEmpty { return "is empty" }
        if path.utf8.count > 4_096 { return "is longer than 4096 bytes" }
        if path.utf8.contains(where: { $0 < 32 || $0 == 127 }) { return "has a control character" }
        if path.utf8.first == UInt8(ascii: "/") { return "begins at the root of the disk, not in the project" }
        if path.utf8.first == UInt8(ascii: "~") { return "begins with '~', which is not read" }
        if path.split(separator: "/").contains("..") { return "leaves the project by '..'" }
        if path.split(separator: "/").first(where: { $0 != "." }) == ".martlet" { return "is in '.martlet', the program's own folder" }
        return nil
    }
}

/// A value of a known type that a task is given: written out, or computed when it starts.
public enum TaskArgument: Hashable, Sendable {
    case literal(Value)
    case expression(CompiledExpression)
    /// A string with computed parts.
    case text(TaskText)

    public func value(in scope: TaskScope) throws(TaskScopeError) -> Value {
        switch self {
        case .literal(let value): value
        case .expression(let expression): try expression.value(in: scope)
        case .text(let text): .string(try text.render(in: scope))
        }
    }

    public var canonical: CanonicalValue {
        switch self {
        case .literal(let value): CanonicalValue(value)
        case .expression(let expression): .list([.map(["expression": .text(expression.canonicalText)])])
        case .text(let text): text.canonical
        }
    }
}
