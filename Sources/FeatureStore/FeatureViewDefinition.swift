public import MartletDefinitions
public import MartletFeatures
public import MartletFrames

/// A checked feature view: a plan for the engine, and the version of each of its features.
public struct FeatureViewDefinition: Definition {
    /// How the features come about.
    public enum Body: Sendable {
        /// Windows over past events, per entity.
        case aggregate(ViewPlan, Entity)
        /// Expressions over the row that asks.
        case derive(DerivePlan)
    }

    /// What the features describe.
    public struct Entity: Hashable, Sendable {
        /// `customer`
        public var name: String
        /// The fields that identify one, in order.
        public var keys: [Field]

        public init(name: String, keys: [Field]) {
            self.name = name
            self.keys = keys
        }
    }

    /// One feature and its version.
    public struct Feature: Hashable, Sendable {
        public var name: String
        public var type: ValueType
        public var canonical: CanonicalValue
        public var hash: DefinitionHash
        /// The fields of the asking row that it reads, also through other derived features; empty for an aggregate.
        public var rowFields: Set<String>
        /// The views whose features it reads, also through other derived features; its own is not among them.
        public var views: Set<String>

        init(name: String, type: ValueType, canonical: CanonicalValue, rowFields: Set<String> = [], views: Set<String> = []) {
            self.name = name
            self.type = type
            self.canonical = canonical
            hash = DefinitionHash(of: canonical)
            self.rowFields = rowFields
            self.views = views
        }
    }

    public let name: String
    public let place: SourcePlace
    public let source: String
    public let body: Body
    /// In the order of the plan for aggregates; derived ones by name, since the order of keys means nothing.
    public let features: [Feature]
    /// For people; empty if there is none.
    public let doc: String

    public subscript(feature: String) -> Feature? {
        features.first { $0.name == feature }
    }

    /// The entity of an aggregate view.
    public var entity: Entity? {
        if case .aggregate(_, let entity) = body { entity } else { nil }
    }

    public var canonical: CanonicalValue {
        .map([
            "source": .text(source),
            "entity": entity.map { .map(["name": .text($0.name), "keys": .texts($0.keys.map(\.name))]) } ?? .none,
            "features": .map(features.map { ($0.name, $0.canonical) }),
        ])
    }
}
