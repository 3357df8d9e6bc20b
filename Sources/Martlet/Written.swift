/// What a definition says, before it is a text: as a person would write it in a project's file.
struct Written: Hashable, Sendable {
    /// What stands at a key.
    indirect enum Value: Hashable, Sendable {
        /// A text, whatever it looks like.
        case text(String)
        /// A number, `true` or `false`.
        case word(String)
        case list([Value])
        case map(Written)
        /// The build of the program that the definition is compiled into.
        case build
    }

    struct Entry: Hashable, Sendable {
        var key: String
        var value: Value
        /// Where it stands in the program; nil for where what is around it stands.
        var place: CallPlace?
    }

    /// In the order in which they were said; of one key the last counts.
    private(set) var entries: [Entry] = []

    subscript(key: String) -> Value? {
        get { entries.first { $0.key == key }?.value }
        set {
            entries.removeAll { $0.key == key }
            if let newValue { entries.append(Entry(key: key, value: newValue)) }
        }
    }

    /// Adds an entry also if there is one with this key, which whoever reads the text will report.
    mutating func append(_ key: String, _ value: Value, at place: CallPlace?) {
        entries.append(Entry(key: key, value: value, place: place))
    }
}

extension Written.Value {
    static func optional(_ text: String?) -> Self? { text.map { .text($0) } }
    static func optional(_ number: Int?) -> Self? { number.map { .word("\($0)") } }
    static func texts(_ texts: [String]) -> Self { .list(texts.map { .text($0) }) }

    static func map(_ pairs: some Sequence<(key: String, value: Self)>) -> Self {
        var written = Written()
        for (key, value) in pairs.sorted(by: { $0.key < $1.key }) { written[key] = value }
        return .map(written)
    }
}

/// Where in the program something was written.
struct CallPlace: Hashable, Sendable {
    /// The module and the file's name: `Shop/main.swift`.
    var file: String
    var line: Int
    var column: Int
}
