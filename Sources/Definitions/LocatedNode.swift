/// A value of a project file with its place: text, list or map, exactly as written.
///
/// What a text means (number, span of time, name) is decided by the key that holds it, never by the file format, so that
/// `1d`, `0.10` and `yes` reach the reader as the user typed them.
public struct LocatedNode: Hashable, Sendable {
    /// What stands at the place.
    public enum Content: Hashable, Sendable {
        case scalar(ScalarText)
        case list([LocatedNode])
        case map([Entry])
    }

    /// A scalar as written, without its quotes.
    public struct ScalarText: Hashable, Sendable {
        public var text: String
        public var style: ScalarStyle

        public init(_ text: String, _ style: ScalarStyle = .plain) {
            self.text = text
            self.style = style
        }

        /// Whether it stands for "no value": nothing, `~` or `null`, unquoted.
        public var isNull: Bool {
            style == .plain && (text.isEmpty || text == "~" || text == "null")
        }
    }

    /// How a scalar was written.
    public enum ScalarStyle: Hashable, Sendable {
        case plain
        case quoted
        /// `|` or `>`: its text has no single place in the file.
        case block
    }

    /// One key of a map and its value.
    public struct Entry: Hashable, Sendable {
        public var key: String
        public var keyPlace: SourcePlace
        public var value: LocatedNode

        public init(key: String, keyPlace: SourcePlace, value: LocatedNode) {
            self.key = key
            self.keyPlace = keyPlace
            self.value = value
        }
    }

    public var content: Content
    public var place: SourcePlace

    public init(_ content: Content, at place: SourcePlace) {
        self.content = content
        self.place = place
    }

    public var isNull: Bool {
        if case .scalar(let scalar) = content { scalar.isNull } else { false }
    }

    /// What a person would call it in an error: `the text 'x'`, `a list of 3`, `a map`.
    public var summary: String {
        switch content {
        case .scalar(let scalar) where scalar.isNull: "nothing"
        case .scalar(let scalar): "'\(scalar.text.shortened(to: 60))'"
        case .list(let items): "a list of \(items.count)"
        case .map(let entries): entries.isEmpty ? "an empty map" : "a map with the key '\(entries[0].key.shortened(to: 40))'"
        }
    }

    /// The place of the character `offset` scalars into a scalar's text, as far as the file shows it.
    public func place(atOffset offset: Int) -> SourcePlace {
        guard case .scalar(let scalar) = content, !scalar.text.contains("\n") else { return place }
        var moved = place
        switch scalar.style {
        case .plain: moved.column += offset
        case .quoted: moved.column += offset + 1
        case .block: break
        }
        return moved
    }
}

extension String {
    /// The text on one line, cut to a number of characters: user text inside an error sentence.
    package func shortened(to limit: Int) -> String {
        var result = ""
        var count = 0
        for character in self {
            if count == limit { return result + "…" }
            let isControl = character.unicodeScalars.contains { $0.value < 32 || $0.value == 127 }
            result.append(isControl ? " " : character)
            count += 1
        }
        return result
    }
}
