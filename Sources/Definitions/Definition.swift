/// A checked definition of some kind.
public protocol Definition: Sendable {
    /// The word of its kind: `stream`.
    static var kind: DefinitionKind { get }
    var name: String { get }
    /// Where it is written; no part of its meaning.
    var place: SourcePlace { get }
    /// Its meaning: defaults filled in, references resolved, docs left out.
    var canonical: CanonicalValue { get }
}

/// A definition of any kind as far as versions and differences are concerned.
public struct DefinedVersion: Hashable, Sendable {
    public let kind: String
    public let name: String
    public let canonical: CanonicalValue
    /// The hash of the canonical form: its version.
    public let hash: DefinitionHash

    public init(kind: String, name: String, canonical: CanonicalValue) {
        self.kind = kind
        self.name = name
        self.canonical = canonical
        hash = DefinitionHash(of: canonical)
    }

    public init<Checked: Definition>(_ definition: Checked) {
        self.init(kind: Checked.kind.name, name: definition.name, canonical: definition.canonical)
    }
}

/// All definitions of a project in one state, at most one of each kind and name: what `apply` commits.
public struct DefinitionSet: Hashable, Sendable {
    /// Sorted by kind, then name.
    public let versions: [DefinedVersion]

    /// The set of a project that defines nothing.
    public static let empty = DefinitionSet([])

    /// - Precondition: no kind and name repeat.
    public init(_ versions: [DefinedVersion]) {
        self.versions = versions.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
        for (left, right) in zip(self.versions, self.versions.dropFirst()) {
            precondition((left.kind, left.name) != (right.kind, right.name), "\(left.kind) '\(left.name)' repeats")
        }
    }

    public subscript(kind: String, name: String) -> DefinedVersion? {
        versions.first { $0.kind == kind && $0.name == name }
    }

    /// The hash of the whole set: what a release names.
    public var hash: DefinitionHash {
        DefinitionHash(
            of: .list(versions.map { .list([.text($0.kind), .text($0.name), .hash($0.hash)]) }))
    }

    /// The set as bytes, to be stored with a release.
    public var encoded: [UInt8] {
        CanonicalValue.list(versions.map { .list([.text($0.kind), .text($0.name), $0.canonical]) }).encoded
    }

    /// Reads what ``encoded`` wrote.
    public init(encoded bytes: [UInt8]) throws(CanonicalDecodingError) {
        let value = try CanonicalValue(encoded: bytes)
        guard case .list(let items) = value else { throw CanonicalDecodingError(message: "the definitions are not a list") }
        var versions: [DefinedVersion] = []
        var seen: Set<[String]> = []
        for item in items {
            guard case .list(let parts) = item, parts.count == 3, case .text(let kind) = parts[0],
                case .text(let name) = parts[1], seen.insert([kind, name]).inserted
            else { throw CanonicalDecodingError(message: "a definition has no kind and name, or repeats") }
            versions.append(DefinedVersion(kind: kind, name: name, canonical: parts[2]))
        }
        self.init(versions)
    }
}
