package import MartletFrames

/// Reads the keys of one map: typed, each at most once, every mistake reported at its place.
///
/// An accessor gives nil both for a key that is absent and for one that is wrong; the latter is reported. Call ``finish()``
/// when all keys are read: what is left is unknown.
package struct MapReader: ~Copyable {
    /// Whose keys these are, for sentences: `stream 'orders'`.
    package let title: String
    package let table: KeyTable
    package let place: SourcePlace
    package let errors: ErrorCollector
    package let entries: [LocatedNode.Entry]
    private var read: Set<String> = []

    /// Nil, and reported, for a node that is no map.
    package init?(_ node: LocatedNode, _ table: KeyTable, title: String? = nil, errors: ErrorCollector) {
        let title = title ?? table.title
        guard case .map(let entries) = node.content else {
            errors.add(
                .wrongValue, at: node.place, "\(title) must be a map of keys, found \(node.summary)",
                found: node.summary,
                expected: "a map", hint: "keys: \(ErrorCollector.listing(table.keys.map(\.name)))")
            return nil
        }
        self.title = title
        self.table = table
        self.place = node.place
        self.errors = errors
        self.entries = entries
    }

    /// The value of a key, or nil if it is absent or empty; an empty one is reported.
    package mutating func node(_ key: String) -> LocatedNode? {
        precondition(table[key] != nil, "the key '\(key)' of \(table.title) is not documented")
        guard let entry = entries.first(where: { $0.key == key }) else { return nil }
        read.insert(key)
        guard !entry.value.isNull else {
            errors.add(
                .wrongValue, at: entry.keyPlace, "the key '\(key)' of \(title) has no value",
                found: "nothing",
                expected: table[key]?.type, hint: "give it a value or remove it")
            return nil
        }
        return entry.value
    }

    /// The value of a key that must be there.
    package mutating func required(_ key: String) -> LocatedNode? {
        if let node = node(key) { return node }
        if !entries.contains(where: { $0.key == key }) {
            // A slip of the pen is told once, as the unknown key that it is.
            let slip = entries.first { table[$0.key] == nil && NearestMatch.of($0.key, in: [key]) != nil }
            if slip == nil {
                errors.add(
                    .missingKey, at: place, "\(title) has no '\(key)'", expected: key,
                    hint: table[key].map { "\(key): \($0.summary)" })
            }
        }
        return nil
    }

    package func has(_ key: String) -> Bool {
        entries.contains { $0.key == key }
    }

    package func keyPlace(_ key: String) -> SourcePlace {
        entries.first { $0.key == key }?.keyPlace ?? place
    }

    /// Reports every key that was not asked for.
    package consuming func finish() {
        let names = table.keys.map(\.name)
        for entry in entries where !read.contains(entry.key) {
            if table[entry.key] != nil {
                errors.add(
                    .unknownKey, at: entry.keyPlace,
                    "the key '\(entry.key)' has no meaning in this form of \(title)",
                    found: entry.key)
            } else {
                errors.addUnknown(
                    "key", entry.key, within: " in \(title)", at: entry.keyPlace, choices: names,
                    plural: "keys",
                    code: .unknownKey)
            }
        }
    }
}

extension MapReader {
    package mutating func text(_ key: String) -> Located<String>? {
        node(key).flatMap { NodeValues(errors, "the key '\(key)' of \(title)").text($0) }
    }

    package mutating func requiredText(_ key: String) -> Located<String>? {
        required(key).flatMap { NodeValues(errors, "the key '\(key)' of \(title)").text($0) }
    }

    package mutating func bool(_ key: String) -> Located<Bool>? {
        node(key).flatMap { NodeValues(errors, "the key '\(key)' of \(title)").bool($0) }
    }

    package mutating func integer(_ key: String, in range: ClosedRange<Int64>) -> Located<Int64>? {
        node(key).flatMap { NodeValues(errors, "the key '\(key)' of \(title)").integer($0, in: range) }
    }

    package mutating func number(_ key: String, in range: ClosedRange<Double>) -> Located<Double>? {
        node(key).flatMap { NodeValues(errors, "the key '\(key)' of \(title)").number($0, in: range) }
    }

    package mutating func span(_ key: String, atLeast low: Timestamp.Span = .zero) -> Located<Timestamp.Span>?
    {
        node(key).flatMap { NodeValues(errors, "the key '\(key)' of \(title)").span($0, atLeast: low) }
    }

    /// One text or a list of texts.
    package mutating func texts(_ key: String) -> [Located<String>]? {
        node(key).map { NodeValues(errors, "the key '\(key)' of \(title)").texts($0) }
    }

    /// One of a closed set of words.
    package mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type
    ) -> Located<Choice>? where Choice.RawValue == String {
        guard let text = text(key) else { return nil }
        if let choice = Choice(rawValue: text.value) { return Located(choice, text.place) }
        let choices = Choice.allCases.map(\.rawValue)
        errors.add(
            DefinitionError(
                .wrongValue, at: text.place,
                "the key '\(key)' of \(title) cannot be '\(text.value.shortened(to: 60))'", found: text.value,
                expected: choices.joined(separator: ", "), nearest: NearestMatch.of(text.value, in: choices),
                hint: "one of: \(choices.joined(separator: ", "))"))
        return nil
    }
}

/// A value with the place where the user wrote it.
package struct Located<Value: Sendable>: Sendable {
    package var value: Value
    package var place: SourcePlace

    package init(_ value: Value, _ place: SourcePlace) {
        self.value = value
        self.place = place
    }
}

extension Located: Equatable where Value: Equatable {}
extension Located: Hashable where Value: Hashable {}
