public import MartletDefinitions
public import MartletExpressions
public import MartletFeatureStore
public import MartletFrames

/// A checked model: what is trained, on which rows and features, and how it is judged.
public struct ModelDefinition: Definition {
    /// One frozen feature, in the order of the model's columns.
    public struct Feature: Hashable, Sendable {
        /// `customer.count_1d`; under an alias `sender.count_1d`.
        public var name: String
        public var reference: FeatureReference
        /// Which of ``ModelDefinition/views`` gives it.
        public var viewIndex: Int
        public var type: ValueType
        /// The feature's version.
        public var hash: DefinitionHash

        public init(name: String, reference: FeatureReference, viewIndex: Int, type: ValueType, hash: DefinitionHash) {
            self.name = name
            self.reference = reference
            self.viewIndex = viewIndex
            self.type = type
            self.hash = hash
        }
    }

    /// One view as the model reads it.
    public struct View: Hashable, Sendable {
        public var view: String
        /// What its features' names begin with: the view's name unless `as` gave another.
        public var alias: String
        /// The fields of the row that stand for the view's entity keys, in their order; empty for a derived view.
        public var on: [String]

        public init(view: String, alias: String, on: [String]) {
            self.view = view
            self.alias = alias
            self.on = on
        }
    }

    /// The rows that are trained or tested on.
    public struct Part: Sendable {
        /// From this event time on; nil: from the first row.
        public var from: Timestamp?
        /// Up to this event time, which is not in it; nil: to the last row.
        public var to: Timestamp?
        /// Besides the model's own filter.
        public var filter: CompiledExpression?
        /// The stream of the rows; another than the model's only for a test part.
        public var stream: String
    }

    /// How rows are parted.
    public enum Split: Sendable {
        /// By what each part states: times, a condition, a stream of its own.
        case stated(train: Part, test: Part)
        /// The first share of the rows in order of event time, then position, trains; after the gap, the last share tests.
        case shares(train: Double, gap: Timestamp.Span, test: Double)
    }

    /// How the model is trained.
    public struct Trainer: Hashable, Sendable {
        public var kind: String
        /// Every parameter, with defaults filled in.
        public var parameters: [String: Value]
    }

    /// One measure on the test rows.
    public struct Metric: Hashable, Sendable {
        /// As in answers and gates: `average_precision`, `precision_at_100`.
        public var name: String
        /// As in ``MetricDescription``.
        public var function: String
        /// Of `{ precision_at: 100 }`.
        public var count: Int?
        /// Empty for a metric over all rows.
        public var per: [Group]
        public var isHigherBetter: Bool
    }

    /// What a metric is taken per.
    public enum Group: Hashable, Sendable {
        /// The calendar day of the event time, in the stream's zone.
        case day
        case field(String)

        /// As written.
        public var name: String {
            switch self {
            case .day: "day"
            case .field(let name): name
            }
        }
    }

    /// A condition that a new version must meet.
    public struct Gate: Sendable {
        /// As written.
        public var text: String
        /// Over metrics by name, and the champion's as `champion.name`.
        public var expression: CompiledExpression
        /// Whether it compares with a champion, and so passes where there is none.
        public var readsChampion: Bool
    }

    public let name: String
    public let place: SourcePlace
    public let task: ModelTask
    /// The stream whose events are the rows.
    public let source: String
    /// `bool` for a binary task, `string`, `int64` or `bool` for multiclass, a number for regression.
    public let label: CompiledExpression
    /// How long after its event a row's label is known: younger rows are left out.
    public let labelKnownAfter: Timestamp.Span
    /// Which rows count; nil for all. Missing is false.
    public let filter: CompiledExpression?
    public let views: [View]
    public let features: [Feature]
    public let split: Split
    public let trainer: Trainer
    public let metrics: [Metric]
    public let gates: [Gate]
    /// For people; empty if there is none.
    public let doc: String

    public var seed: Int64 {
        if case .int64(let seed)? = trainer.parameters["seed"] { seed } else { 0 }
    }

    public var canonical: CanonicalValue {
        .map([
            "task": .text(task.rawValue),
            "from": .text(source),
            "label": .text(label.canonicalText),
            "label_known_after": .span(labelKnownAfter),
            "time_zone": .text(label.timeZone.name),
            "where": .optional(filter?.canonicalText),
            "views": .list(
                views.map { .map(["view": .text($0.view), "as": .text($0.alias), "on": .texts($0.on)]) }),
            "features": .list(
                features.map { .map(["name": .text($0.name), "type": .text($0.type.rawValue), "version": .hash($0.hash)]) }),
            "split": ModelDefinition.canonical(split),
            "trainer": .map([
                "kind": .text(trainer.kind),
                "parameters": .map(trainer.parameters.map { ($0.key, CanonicalValue($0.value)) }),
            ]),
            "metrics": .list(
                metrics.map {
                    .map([
                        "function": .text($0.function), "count": $0.count.map { .integer(Int64($0)) } ?? .none,
                        "per": .texts($0.per.map(\.name)),
                    ])
                }),
            "gates": .texts(gates.map(\.expression.canonicalText)),
        ])
    }

    private static func canonical(_ split: Split) -> CanonicalValue {
        switch split {
        case .shares(let train, let gap, let test):
            .map(["train": .number(train), "gap": .span(gap), "test": .number(test)])
        case .stated(let train, let test):
            .map(["train": canonical(train), "test": canonical(test)])
        }
    }

    private static func canonical(_ part: Part) -> CanonicalValue {
        .map([
            "from": .optional(part.from), "to": .optional(part.to), "where": .optional(part.filter?.canonicalText),
            "stream": .text(part.stream),
        ])
    }
}
