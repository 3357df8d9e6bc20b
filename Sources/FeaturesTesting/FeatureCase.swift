public import MartletExpressions
public import MartletFeatures
public import MartletFrames

/// Makes a checked expression of a text over a source's fields.
public typealias ExpressionCompiler = (_ text: String, _ schema: Schema) throws -> CompiledExpression

/// The compiler that scenarios and random cases use: over the fields alone, calendar functions in UTC.
public func compileOverFields(_ text: String, _ schema: Schema) throws -> CompiledExpression {
    try CompiledExpression.compile(text, in: ExpressionScope(schema))
}

/// A view, a log, and questions to it: what scenarios and random cases have in common.
public struct FeatureCase: Sendable {
    /// One question: the features of an entity at `t`, as of a cut.
    public struct Question: Sendable, Equatable {
        /// One value an entity key.
        public var entity: [Value]
        public var time: Int64
        /// `Int64.max` for all records.
        public var cut: Int64
        public var asKnown: Bool
        public var ownKey: Fingerprint?

        public init(entity: [Value], time: Int64, cut: Int64 = .max, asKnown: Bool = false, ownKey: Fingerprint? = nil) {
            self.entity = entity
            self.time = time
            self.cut = cut
            self.asKnown = asKnown
            self.ownKey = ownKey
        }
    }

    /// The fields of the view's source.
    public var schema: Schema
    public var plan: ViewPlan
    /// In the order of their positions.
    public var records: [LogRecord]
    public var questions: [Question]

    public init(schema: Schema, plan: ViewPlan, records: [LogRecord], questions: [Question]) {
        self.schema = schema
        self.plan = plan
        self.records = records
        self.questions = questions
    }

    public var log: ChangeLog { ChangeLog(records, schema: schema) }

    /// Some of the questions as one batch; they share cut, `asKnown`, and whether rows bear keys.
    public func batch(_ indices: [Int]) -> FeatureQuestions {
        let asked = indices.map { questions[$0] }
        precondition(Set(asked.map { BatchKey($0) }).count == 1, "a batch has one cut")
        let keys = plan.entityKeys.indices.map { key in
            Column(asked.map { $0.entity[key] }, type: plan.entityKeys[key].type)
        }
        return FeatureQuestions(
            entityKeys: keys, times: asked.map(\.time), cut: asked[0].cut, asKnown: asked[0].asKnown,
            ownKeys: asked[0].ownKey == nil ? nil : asked.map { $0.ownKey ?? .none })
    }

    /// Groups of questions that can be asked as one batch, in the order of each group's first question.
    public func batchableQuestions(_ indices: [Int]) -> [[Int]] {
        var groups: [BatchKey: Int] = [:]
        var batches: [[Int]] = []
        for index in indices {
            let key = BatchKey(questions[index])
            if let group = groups[key] {
                batches[group].append(index)
            } else {
                groups[key] = batches.count
                batches.append([index])
            }
        }
        return batches
    }

    private struct BatchKey: Hashable {
        var cut: Int64
        var asKnown: Bool
        var bearsKeys: Bool

        init(_ question: Question) {
            cut = question.cut
            asKnown = question.asKnown
            bearsKeys = question.ownKey != nil
        }
    }
}

extension Value {
    /// Equal type and bits: 0.0 differs from −0.0, and texts compare by their bytes.
    func isIdentical(to other: Value) -> Bool {
        switch (self, other) {
        case (.float64(let left), .float64(let right)): left.bitPattern == right.bitPattern
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        default: self == other
        }
    }

    /// The value as scenarios write it; with its bits, where these say more.
    func described(withBits: Bool = false) -> String {
        switch self {
        case .float64(let value) where withBits: "\(value) (bits 0x\(String(value.bitPattern, radix: 16)))"
        case .string(let value):
            "\"" + value.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
        case .timestamp(let value): ScenarioTime.text(value.microseconds)
        default: description
        }
    }
}
