/// One key that a user can write, as the reference page tells it.
public struct KeyDescription: Hashable, Sendable {
    public var name: String
    /// What it takes, in words a reader of the page knows: `expression`, `list of spans`.
    public var type: String
    /// Nil for a key that must be there; the text that stands for "left out" otherwise.
    public var standard: String?
    /// One or two sentences.
    public var summary: String

    public init(_ name: String, _ type: String, standard: String?, _ summary: String) {
        self.name = name
        self.type = type
        self.standard = standard
        self.summary = summary
    }

    /// A key that must be there.
    public static func required(_ name: String, _ type: String, _ summary: String) -> Self {
        Self(name, type, standard: nil, summary)
    }

    /// A key that may be left out; `standard` says what then holds.
    public static func optional(_ name: String, _ type: String, standard: String = "none", _ summary: String) -> Self {
        Self(name, type, standard: standard, summary)
    }
}

/// The keys of one map in a project file.
///
/// A reader can only ask for keys that stand here, so whatever is read is documented.
public struct KeyTable: Hashable, Sendable {
    /// What the map is, in a sentence: `stream 'orders'` begins with it.
    public var title: String
    public var summary: String
    public var keys: [KeyDescription]

    public init(_ title: String, _ summary: String = "", keys: [KeyDescription]) {
        self.title = title
        self.summary = summary
        self.keys = keys
    }

    public subscript(name: String) -> KeyDescription? {
        keys.first { $0.name == name }
    }
}

/// A kind of definition: the word that opens it, where its files usually lie, every key it has.
public struct DefinitionKind: Hashable, Sendable {
    /// The key that names a definition of this kind: `feature_view`.
    public var name: String
    /// The folder where its files usually lie: `features`.
    public var folder: String
    public var summary: String
    /// A small correct file, shown on the reference page and parsed by a test.
    public var example: String
    /// The top map first, then those inside it.
    public var tables: [KeyTable]

    public init(name: String, folder: String, summary: String, example: String, tables: [KeyTable]) {
        self.name = name
        self.folder = folder
        self.summary = summary
        self.example = example
        self.tables = tables
    }
}

/// The kinds that this program knows.
///
/// A document's kind is the first of these, in order, that is one of its keys; so a kind whose definitions mention another
/// kind by its word (an endpoint has a `model:`) stands before that other.
public struct KindRegistry: Sendable {
    public let kinds: [DefinitionKind]

    public init(_ kinds: [DefinitionKind]) {
        precondition(Set(kinds.map(\.name)).count == kinds.count, "kinds repeat")
        self.kinds = kinds
    }

    public subscript(name: String) -> DefinitionKind? {
        kinds.first { $0.name == name }
    }

    /// The folders that are read, each once.
    public var folders: [String] {
        var seen: Set<String> = []
        return kinds.map(\.folder).filter { !$0.isEmpty && seen.insert($0).inserted }
    }
}
