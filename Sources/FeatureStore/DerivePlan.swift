public import MartletExpressions
public import MartletFrames

/// A checked view of derived features: expressions over one row of a stream and over features read for that row.
public struct DerivePlan: Sendable {
    public var name: String
    /// The stream whose row, or whose fields in a request, the expressions read.
    public var source: String
    /// In an order in which every feature comes after those of this view that it reads.
    public var features: [DerivedFeature]

    public init(name: String, source: String, features: [DerivedFeature]) {
        self.name = name
        self.source = source
        self.features = features
    }

    /// The features of other views that must be read first, each once, in order of first use.
    public var readsFeatures: [FeatureReference] {
        var seen: Set<FeatureReference> = []
        var result: [FeatureReference] = []
        for feature in features {
            for case .feature(let reference) in feature.inputs where reference.view != name {
                if seen.insert(reference).inserted { result.append(reference) }
            }
        }
        return result
    }
}

/// One derived feature.
public struct DerivedFeature: Sendable {
    public var name: String
    public var expression: CompiledExpression
    /// What each of the expression's references reads, in their order.
    public var inputs: [FeatureInput]

    public init(name: String, expression: CompiledExpression, inputs: [FeatureInput]) {
        self.name = name
        self.expression = expression
        self.inputs = inputs
    }

    public var type: ValueType { expression.type }
}

/// What a derived feature reads.
public enum FeatureInput: Hashable, Sendable {
    /// A field of the source's row.
    case field(String)
    /// A feature at the row's entity keys and time, or another derived feature of the row.
    case feature(FeatureReference)
}

/// A feature by name: `customer.count_1d`.
public struct FeatureReference: Hashable, Sendable, CustomStringConvertible {
    public var view: String
    public var feature: String

    public init(view: String, feature: String) {
        self.view = view
        self.feature = feature
    }

    public var description: String { "\(view).\(feature)" }
}
