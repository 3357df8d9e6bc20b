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
    public let reads: [ViewRead]
    /// In an order in which each uses only those before it.
    public let derivations: [Derivation]
    /// The features given out, in the model's frozen order.
    public let outputs: [Output]
    /// The schema of what ``compute(_:at:ownKeys:cut:asKnown:states:)`` returns; any value may be missing.
    public let schema: Schema
    /// Every name resolved to a place, once, so that computing looks up none but the row's own fields.
    private let places: Places

    public init(reads: [ViewRead], derivations: [Derivation], outputs: [Output]) {
        self.reads = reads
        self.derivations = derivations
        self.outputs = outputs
        schema = Schema(outputs.map { Field($0.field.name, $0.field.type, isOptional: true) })
        places = Places(reads: reads, derivations: derivations, outputs: outputs)
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
        var columns = given(rows)
        for (index, read) in reads.enumerated() {
            let questions = FeatureQuestions(
                entityKeys: try keys(of: index, in: columns), times: times, cut: cut, asKnown: asKnown, ownKeys: ownKeys)
            for (place, answer) in zip(places.features[index], try states(read.state).read(questions)) { columns[place] = answer }
        }
        return try derive(columns, rowCount: rows.rowCount)
    }

    /// Computes the same with the views read side by side, a task each, for many rows.
    ///
    /// A view whose keys are features of another is read after it. The values do not depend on how many cores there are.
    public func computeSideBySide(
        _ rows: Frame, at times: [Int64], ownKeys: [Fingerprint]?, cut: Int64, asKnown: Bool,
        states: (String) throws(FeatureStoreError) -> ViewState
    ) async throws(FeatureStoreError) -> FeatureResult {
        var columns = given(rows)
        var done = 0
        while done < reads.count {
            var together: [(state: ViewState, questions: FeatureQuestions)] = []
            while done + together.count < reads.count {
                let index = done + together.count
                guard together.isEmpty || places.keys[index].allSatisfy({ columns[$0] != nil }) else { break }
                together.append((
                    try states(reads[index].state),
                    FeatureQuestions(
                        entityKeys: try keys(of: index, in: columns), times: times, cut: cut, asKnown: asKnown, ownKeys: ownKeys)))
            }
            let first = done
            await withTaskGroup(of: (index: Int, answers: [Column]).self) { group in
                for (offset, view) in together.enumerated() {
                    group.addTask { (first + offset, view.state.read(view.questions)) }
                }
                for await (index, answers) in group {
                    for (place, answer) in zip(places.features[index], answers) { columns[place] = answer }
                }
            }
            done += together.count
        }
        return try derive(columns, rowCount: rows.rowCount)
    }

    /// The columns that the rows themselves give.
    private func given(_ rows: Frame) -> [Column?] {
        var columns = [Column?](repeating: nil, count: places.names.count)
        for place in places.fields { columns[place] = rows[places.names[place]] }
        return columns
    }

    private func keys(of read: Int, in columns: [Column?]) throws(FeatureStoreError) -> [Column] {
        try places.keys[read].map { place throws(FeatureStoreError) in try column(place, of: columns) }
    }

    private func column(_ place: Int, of columns: [Column?]) throws(FeatureStoreError) -> Column {
        guard let column = columns[place] else { throw .missingInput(places.names[place]) }
        return column
    }

    /// What is computed from the row and the features read.
    private func derive(_ given: [Column?], rowCount: Int) throws(FeatureStoreError) -> FeatureResult {
        var columns = given
        var failures: [FeatureFailure] = []
        for (index, derivation) in derivations.enumerated() {
            let inputs = try places.inputs[index].map { place throws(FeatureStoreError) in try column(place, of: columns) }
            let evaluation = derivation.expression.evaluate(inputs, rowCount: rowCount)
            if let first = evaluation.firstFailure {
                failures.append(FeatureFailure(
                    feature: derivation.name, count: evaluation.failureCount, firstRow: first.row, reason: first.reason))
            }
            columns[places.derived[index]] = evaluation.column
        }
        let outputs = try places.outputs.map { place throws(FeatureStoreError) in try column(place, of: columns) }
        return FeatureResult(features: Frame(schema, outputs, rowCount: rowCount), failures: failures)
    }

    /// Where each name of a recipe stands in one array of columns.
    private struct Places: Sendable {
        var names: [String] = []
        /// The names that only the row can give.
        var fields: [Int] = []
        var keys: [[Int]] = []
        var features: [[Int]] = []
        var inputs: [[Int]] = []
        var derived: [Int] = []
        var outputs: [Int] = []
        private var known: [String: Int] = [:]

        init(reads: [ViewRead], derivations: [Derivation], outputs outputList: [Output]) {
            for read in reads {
                keys.append(read.keys.map { need($0) })
                features.append(read.features.map { give(read.prefix + "." + $0.name) })
            }
            for derivation in derivations {
                inputs.append(derivation.expression.references.map { need($0) })
                derived.append(give(derivation.name))
            }
            outputs = outputList.map { need($0.source) }
        }

        /// The place of a name that is used: if nothing gave it before, it is a field of the row.
        private mutating func need(_ name: String) -> Int {
            if let place = known[name] { return place }
            let place = give(name)
            fields.append(place)
            return place
        }

        private mutating func give(_ name: String) -> Int {
            if let place = known[name] { return place }
            names.append(name)
            known[name] = names.count - 1
            return names.count - 1
        }
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
