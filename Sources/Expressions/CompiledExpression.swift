public import MartletFrames

/// A type-checked expression, ready to evaluate over columns.
public struct CompiledExpression: Hashable, Sendable {
    /// The type of its value.
    public let type: ValueType
    /// The dotted names it reads, each once, in the order in which `evaluate` takes their columns.
    public let references: [String]
    /// One spelling for every expression with the same syntax tree: spaces, parentheses and literals normalised.
    public let canonicalText: String

    /// Evaluates every row.
    ///
    /// - Parameter columns: one a reference, in order, each of `rowCount` rows.
    /// - Returns: a column of `type`; a row whose evaluation fails or gives a non-finite number is missing and counted.
    public func evaluate(_ columns: [Column], rowCount: Int) -> Evaluation {
        preconditionFailure()
    }
}

/// The result of evaluating an expression over a batch.
public struct Evaluation: Sendable {
    public var column: Column
    /// How many rows are missing because evaluation failed (division by zero, overflow …), not because an input was missing.
    public var failureCount: Int
    /// The first row that failed, and why.
    public var firstFailure: (row: Int, reason: String)?
}
