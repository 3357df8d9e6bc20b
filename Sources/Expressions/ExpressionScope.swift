public import MartletFrames

/// The names that an expression may read, and the zone of its calendar functions.
public struct ExpressionScope: Hashable, Sendable {
    /// One readable name: a field, or a feature as `view.feature`.
    public struct Name: Hashable, Sendable {
        public var name: String
        public var type: ValueType
        /// Whether it is known only some time after its event: a label.
        public var isLate: Bool
        /// Whether it identifies a person, so that its values are pseudonyms.
        public var isSubject: Bool

        /// Makes a name of a type.
        public init(_ name: String, _ type: ValueType, isLate: Bool = false, isSubject: Bool = false) {
            self.name = name
            self.type = type
            self.isLate = isLate
            self.isSubject = isSubject
        }
    }

    /// In the order given.
    public let names: [Name]
    /// What calendar functions use where no zone is written.
    public let timeZone: TimeZoneTable
    private let indices: [String: Int]

    /// Makes a scope; of a name given twice the first counts.
    public init(_ names: [Name], timeZone: TimeZoneTable = .utc) {
        self.names = names
        self.timeZone = timeZone
        indices = Dictionary(names.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Makes a scope of a schema's fields.
    public init(_ schema: Schema, timeZone: TimeZoneTable = .utc) {
        self.init(schema.fields.map { Name($0.name, $0.type) }, timeZone: timeZone)
    }

    /// What stands under a name, nil if nothing does.
    public subscript(name: String) -> Name? {
        indices[name].map { names[$0] }
    }

    /// The late names that an expression of this scope reads, in its order.
    public func lateNames(in expression: CompiledExpression) -> [Name] {
        expression.references.compactMap { self[$0] }.filter(\.isLate)
    }
}
