public import MartletDefinitions
public import MartletExpressions
internal import MartletFrames

/// A checked stream: its contract, with the words and places that the contract leaves out.
public struct StreamDefinition: Definition {
    public let contract: StreamContract
    public let place: SourcePlace
    public let timeZone: TimeZoneTable
    /// By field; the contract holds their texts.
    public let checks: [String: CompiledExpression]
    /// For people; empty if there is none.
    public let doc: String
    /// By field; only those that have one.
    public let fieldDocs: [String: String]

    public var name: String { contract.stream }

    /// The field that is there when `event_time` is left out.
    public static let arrivalField = "arrival_time"

    /// What expressions over the stream's events may read.
    public var scope: ExpressionScope {
        ExpressionScope(
            contract.fields.map {
                .init($0.name, $0.type, isLate: $0.knownAfter != nil, isSubject: $0.isSubject)
            }, timeZone: timeZone)
    }

    public subscript(field: String) -> ContractField? {
        contract.fields.first { $0.name == field }
    }

    /// Its meaning; the order of fields has none.
    public var canonical: CanonicalValue {
        .map([
            "event_time": contract.isTimedByArrival ? .none : .text(contract.eventTime),
            "unique": .texts(contract.unique),
            "time_zone": .text(contract.timeZone),
            "delay": .span(contract.delay),
            "ahead": .span(contract.ahead),
            "fields": .map(contract.fields.map { ($0.name, canonical($0)) }),
        ])
    }

    private func canonical(_ field: ContractField) -> CanonicalValue {
        .map([
            "type": .text(field.type.rawValue),
            "optional": .bool(field.isOptional),
            "unit": .optional(field.timeUnit?.rawValue),
            "check": .optional(checks[field.name]?.canonicalText),
            "personal": field.isSubject ? .text("subject") : .none,
            "known_after": .optional(field.knownAfter),
            "absent": field.absent.map { .map(["value": CanonicalValue($0.value), "after": .span($0.after)]) } ?? .none,
            "clean": .list(field.clean.map(StreamDefinition.canonical)),
            "missing": .texts(field.missingTexts.sorted()),
        ])
    }

    private static func canonical(_ rule: CleanRule) -> CanonicalValue {
        switch rule {
        case .trim: .text("trim")
        case .map(let texts): .map(["map": .map(texts.map { ($0.key, .text($0.value)) })])
        case .clamp(let low, let high): .map(["clamp": .map(["low": .optional(low), "high": .optional(high)])])
        case .fill(let value): .map(["fill": CanonicalValue(value)])
        }
    }
}
