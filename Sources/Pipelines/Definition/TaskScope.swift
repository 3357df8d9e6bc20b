public import MartletExpressions
public import MartletFrames

/// The values that a task instance's texts and conditions may read, by their dotted names.
///
/// ```swift
/// let scope = TaskScope(["run.id": .string("r1"), "tasks.train.roc_auc": .float64(0.9)])
/// try condition.value(in: scope)    // .bool(true)
/// ```
///
/// A name of which nothing is known, since the task that would give it was skipped, is there with `.missing`.
public struct TaskScope: Hashable, Sendable {
    public var values: [String: Value]

    public init(_ values: [String: Value] = [:]) {
        self.values = values
    }

    public subscript(name: String) -> Value? {
        get { values[name] }
        set { values[name] = newValue }
    }
}

/// Why an expression of a task has no value in a scope.
public struct TaskScopeError: Error, Hashable, Sendable {
    /// What kind of failure it is; an open set.
    public struct Code: Hashable, Sendable {
        private enum Raw { case unknownName, missingValue, failed, unusable }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The scope lacks a name that the expression reads, or holds it with another type.
        public static let unknownName = Self(.unknownName)
        /// What the expression reads is missing, and so is its value.
        public static let missingValue = Self(.missingValue)
        /// A division by zero, an overflow and the like.
        public static let failed = Self(.failed)
        /// The value cannot stand where the text stands: a path that leaves the project, an argument with a zero byte.
        public static let unusable = Self(.unusable)
    }

    public var code: Code
    /// What was read, and what was found.
    public var message: String
    /// The name that is to blame, where one is.
    public var reference: String?

    public init(_ code: Code, _ message: String, reference: String? = nil) {
        self.code = code
        self.message = message
        self.reference = reference
    }
}

extension TaskScopeError: CustomStringConvertible {
    public var description: String { message }
}

extension CompiledExpression {
    /// The value in a scope; never missing.
    ///
    /// - Throws: ``TaskScopeError`` that names the reference to blame.
    public func value(in scope: TaskScope) throws(TaskScopeError) -> Value {
        var columns: [Column] = []
        for (name, type) in zip(references, referenceTypes) {
            guard let value = scope[name] else {
                throw TaskScopeError(.unknownName, "'\(name)' is not known here", reference: name)
            }
            guard value == .missing || value.type == type else {
                throw TaskScopeError(
                    .unknownName, "'\(name)' is \(value.type?.rawValue ?? "missing") and not \(type.rawValue)", reference: name)
            }
            columns.append(Column(repeating: value, type: type, count: 1))
        }
        let result = evaluate(columns, rowCount: 1)
        if let failure = result.firstFailure { throw TaskScopeError(.failed, failure.reason) }
        let value = result.column[0]
        guard value == .missing else { return value }
        let missing = references.first { scope[$0] == .missing }
        throw TaskScopeError(
            .missingValue,
            missing.map { "'\($0)' has no value, so neither has '\(canonicalText)'" } ?? "'\(canonicalText)' has no value",
            reference: missing)
    }

    /// Whether a condition holds in a scope.
    ///
    /// - Precondition: the expression is a `bool`.
    public func holds(in scope: TaskScope) throws(TaskScopeError) -> Bool {
        precondition(type == .bool, "a condition is a bool")
        return try value(in: scope) == .bool(true)
    }
}
