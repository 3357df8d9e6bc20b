public import MartletExpressions
public import MartletFeatures
public import MartletFrames

/// How to compute the features of a stream's rows: which views to read at which keys, what to derive, what to give out.
///
/// One recipe serves training sets, live predictions, replays and batches, so none of them can compute a feature in a
/// way of its own.
public struct FeatureRecipe: Sendable {
    /// Reading one view for each row.
    public struct ViewRead: Sendable {
        /// Names the view's state among those folded: its definition's hash.
        public var state: String
        /// The prefix under which its features are known: the view's name, or what `as` says.
        public var prefix: String
        /// The row's fields, or features read before, that give the view's entity keys, in the plan's order.
        public var keys: [String]
        public var features: [Field]

        public init(state: String, prefix: String, keys: [String], features: [Field]) {
            self.state = state
            self.prefix = prefix
            self.keys = keys
            self.features = features
        }
    }

    /// A feature computed from the row and from features before it.
    public struct Derivation: Sendable {
        /// With its view's name: `request.amount_ratio`.
        public var name: String
        public var expression: CompiledExpression

        public init(name: String, expression: CompiledExpression) {
            self.name = name
            self.expression = expression
        }
    }

    /// A feature given out.
    public struct Output: Sendable {
        /// With the name that the model knows it by.
        public var field: Field
        /// The read or derived feature that it is; the same name unless the model reads a view under an alias.
        public var source: String

        public init(_ field: Field, from source: String) {
            self.field = field
            self.source = source
        }
    }

    /// In the order in which they are read.
    public var reads: [ViewRead]
    /// In an order in which each uses only those before it.
    public var derivations: [Derivation]
    /// The features given out, in the model's frozen order.
    public var outputs: [Output]

    public init(reads: [ViewRead], derivations: [Derivation], outputs: [Output]) {
        self.reads = reads
        self.derivations = derivations
        self.outputs = outputs
    }

    /// The schema of what ``compute(_:at:ownKeys:cut:asKnown:states:)`` returns; any value may be missing.
    public var schema: Schema {
        Schema(outputs.map { Field($0.field.name, $0.field.type, isOptional: true) })
    }

    /// Computes the features of *n* rows.
    ///
    /// - Parameters:
    ///   - rows: fields of the stream, each row with what is known of it.
    ///   - times: `t` of each row, microseconds since 1970, UTC.
    ///   - ownKeys: the unique key that each row bears and must not see.
    ///   - cut: records below it are seen.
    ///   - asKnown: whether only what was known at each row's `t` is seen.
    ///   - states: gives the folded state of a view.
    /// - Returns: one column a feature in `outputs`' order; missing is missing, never NaN.
    public func compute(
        _ rows: Frame, at times: [Int64], ownKeys: [Fingerprint]?, cut: Int64, asKnown: Bool,
        states: (String) throws(FeatureStoreError) -> ViewState
    ) throws(FeatureStoreError) -> FeatureResult {
        var environment = FeatureEnvironment(rows: rows)
        for read in reads {
            let keys = try read.keys.map { name throws(FeatureStoreError) in try environment.column(name) }
            let questions = FeatureQuestions(entityKeys: keys, times: times, cut: cut, asKnown: asKnown, ownKeys: ownKeys)
            let columns = try states(read.state).read(questions)
            for (feature, column) in zip(read.features, columns) {
                environment.add(read.prefix + "." + feature.name, column)
            }
        }
        var failures: [FeatureFailure] = []
        for derivation in derivations {
            let inputs = try derivation.expression.references.map { name throws(FeatureStoreError) in
                try environment.column(name)
            }
            let evaluation = derivation.expression.evaluate(inputs, rowCount: rows.rowCount)
            if let first = evaluation.firstFailure {
                failures.append(FeatureFailure(
                    feature: derivation.name, count: evaluation.failureCount, firstRow: first.row, reason: first.reason))
            }
            environment.add(derivation.name, evaluation.column)
        }
        let columns = try outputs.map { output throws(FeatureStoreError) in try environment.column(output.source) }
        return FeatureResult(features: Frame(schema, columns, rowCount: rows.rowCount), failures: failures)
    }
}

/// Features, and what went wrong in computing them.
public struct FeatureResult: Sendable {
    public var features: Frame
    /// One entry a derived feature that failed in some row; those rows are missing.
    public var failures: [FeatureFailure]
}

/// Rows in which an expression could not be evaluated, such as a division by zero.
public struct FeatureFailure: Hashable, Sendable {
    public var feature: String
    public var count: Int
    public var firstRow: Int
    public var reason: String
}

/// The columns known so far, by the names that expressions use.
private struct FeatureEnvironment {
    private let rows: Frame
    private var added: [String: Column] = [:]

    init(rows: Frame) {
        self.rows = rows
    }

    mutating func add(_ name: String, _ column: Column) {
        added[name] = column
    }

    func column(_ name: String) throws(FeatureStoreError) -> Column {
        if let column = added[name] ?? rows[name] { return column }
        throw .missingInput(name)
    }
}
