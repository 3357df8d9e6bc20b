public import MartletExpressions
public import MartletFrames

/// A checked feature view: what to aggregate, over which windows, for which entity.
///
/// Built from a user's definition by the floor above; everything in it is resolved and type-checked.
/// What it computes is `docs/reference/semantics.md`, section 2.
public struct ViewPlan: Sendable {
    public var name: String
    /// The stream whose events are aggregated.
    public var source: String
    /// The columns of the source that identify an entity: one or more, `string` or `int64`.
    public var entityKeys: [Field]
    /// The source's event-time column.
    public var eventTime: String
    /// Which events count; nil for all. Missing is false.
    public var filter: CompiledExpression?
    public var aggregations: [Aggregation]

    public init(
        name: String, source: String, entityKeys: [Field], eventTime: String, filter: CompiledExpression?,
        aggregations: [Aggregation]
    ) {
        self.name = name
        self.source = source
        self.entityKeys = entityKeys
        self.eventTime = eventTime
        self.filter = filter
        self.aggregations = aggregations
    }
}

/// One feature of a view: a function over the events of a window.
public struct Aggregation: Sendable {
    /// The feature's name: `mean_amount_7d`.
    public var name: String
    public var function: AggregationFunction
    /// What is aggregated; nil only for `count`, which then counts events.
    public var argument: CompiledExpression?
    /// The window is `[t − offset − length, t − offset)`.
    public var length: Timestamp.Span
    public var offset: Timestamp.Span
    /// What a late field that has not come counts as, some time after its event; nil if it stays missing.
    public var absent: AbsentRule?

    public init(
        name: String, function: AggregationFunction, argument: CompiledExpression?, length: Timestamp.Span,
        offset: Timestamp.Span = .zero, absent: AbsentRule? = nil
    ) {
        self.name = name
        self.function = function
        self.argument = argument
        self.length = length
        self.offset = offset
        self.absent = absent
    }

    public var resultType: ValueType { function.resultType(of: argument?.type) }
}

/// `absent: {value: false, after: 60d}` on a late field: at `t`, a field still missing whose event is at least
/// `after` old (`event_time + after ≤ t`) reads as `value`.
public struct AbsentRule: Hashable, Sendable {
    /// The late field, which the aggregation's argument or the view's filter reads.
    public var field: String
    public var value: Value
    public var after: Timestamp.Span

    public init(field: String, value: Value, after: Timestamp.Span) {
        self.field = field
        self.value = value
        self.after = after
    }
}

/// What is computed over the non-missing arguments in a window.
public enum AggregationFunction: String, Hashable, Sendable, CaseIterable {
    case count
    case sum
    case mean
    case min
    case max
    case variance
    case stddev
    case distinctCount = "distinct_count"
    case first
    case last

    /// Whether it can aggregate values of a type; nil stands for no argument.
    public func accepts(_ argument: ValueType?) -> Bool {
        switch (self, argument) {
        case (.count, _): true
        case (_, nil): false
        case (.sum, let type?), (.mean, let type?), (.variance, let type?), (.stddev, let type?): type.isNumeric
        case (.min, let type?), (.max, let type?): type == .int64 || type == .float64 || type == .timestamp
        case (.distinctCount, _), (.first, _), (.last, _): true
        }
    }

    /// The feature's type: counts are `int64`, sums and moments `float64`, the rest have the argument's type.
    public func resultType(of argument: ValueType?) -> ValueType {
        switch self {
        case .count, .distinctCount: .int64
        case .sum, .mean, .variance, .stddev: .float64
        case .min, .max, .first, .last: argument ?? .int64
        }
    }
}
