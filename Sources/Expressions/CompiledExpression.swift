public import MartletFrames

/// A type-checked expression, ready to evaluate over columns.
///
/// ```swift
/// let scope = ExpressionScope([.init("amount", .float64), .init("customer.mean_amount_30d", .float64)])
/// let ratio = try CompiledExpression.compile("amount / (customer.mean_amount_30d + 1.0)", in: scope)
/// ratio.references              // ["amount", "customer.mean_amount_30d"]
/// ratio.evaluate(columns, rowCount: 2_048).column
/// ```
///
/// The language is `docs/reference/expressions.md`.
public struct CompiledExpression: Sendable {
    /// The type of its value.
    public let type: ValueType
    /// The dotted names it reads, each once, in the order in which `evaluate` takes their columns.
    public let references: [String]
    /// The types of those columns.
    public let referenceTypes: [ValueType]
    /// One spelling for every expression with the same syntax tree: spaces, parentheses and literals normalised.
    public let canonicalText: String
    /// The zone of its calendar functions that name none.
    public let timeZone: TimeZoneTable
    private let program: Program

    /// Parses and checks a text.
    ///
    /// - Parameters:
    ///   - text: the expression, as a user wrote it.
    ///   - scope: the names it may read.
    ///   - expected: the type it must have; nil for any. An integer literal widens to `float64`.
    ///   - limits: bounds on the text.
    /// - Throws: ``ExpressionError`` with the place of the mistake in the text.
    /// - Complexity: O(length × names read) for a bounded length; recursion is bounded by the depth limit.
    public static func compile(
        _ text: String, in scope: ExpressionScope, expecting expected: ValueType? = nil, limits: ExpressionLimits = .init()
    ) throws(ExpressionError) -> CompiledExpression {
        let syntax = try Parser.parse(text, limits: limits)
        var checker = TypeChecker(scope: scope, text: text)
        let typed = try checker.check(syntax, expecting: expected)
        return CompiledExpression(syntax, typed, checker)
    }

    private init(_ syntax: Syntax, _ typed: TypedExpression, _ checker: TypeChecker) {
        type = typed.type.valueType ?? .int64
        references = checker.references
        referenceTypes = checker.referenceTypes
        canonicalText = syntax.canonicalText
        timeZone = checker.scope.timeZone
        program = Program(typed)
    }

    /// Evaluates every row.
    ///
    /// Missing operands give a missing value; so do division by zero, overflow and other failures, which are counted
    /// in rows whose own value they are: not in a branch that a row does not take, nor where `&&`, `||`, `has` or
    /// `orValue` decides without them. A number of an input that is not finite is a failure. Rows do not depend on
    /// one another, so any split into batches gives the same bits.
    ///
    /// - Parameters:
    ///   - columns: one a reference, in order, each of `rowCount` rows and of its type.
    ///   - rowCount: how many rows to evaluate.
    /// - Returns: a column of `type`; a row whose evaluation fails or gives a non-finite number is missing and counted.
    /// - Complexity: O(rows × operations); no allocation per row but for the growth of texts.
    public func evaluate(_ columns: [Column], rowCount: Int) -> Evaluation {
        precondition(columns.count == references.count, "one column a reference")
        for (column, type) in zip(columns, referenceTypes) {
            precondition(column.type == type && column.count == rowCount, "a column differs in type or length")
        }
        return program.evaluate(columns, rowCount: rowCount, type: type)
    }
}

extension CompiledExpression: Hashable {
    /// Equal texts over equal references and zone compute the same function.
    public static func == (left: Self, right: Self) -> Bool {
        left.type == right.type && left.references == right.references && left.referenceTypes == right.referenceTypes
            && left.canonicalText.utf8.elementsEqual(right.canonicalText.utf8) && left.timeZone == right.timeZone
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(references)
        hasher.combine(canonicalText.utf8.count)
        hasher.combine(timeZone)
    }
}

/// The result of evaluating an expression over a batch.
public struct Evaluation: Sendable {
    /// One value a row.
    public var column: Column
    /// How many rows are missing because evaluation failed (division by zero, overflow …), not because an input was missing.
    public var failureCount: Int
    /// The first row that failed, and why.
    public var firstFailure: (row: Int, reason: String)?
}
