import Yams

/// Reads the YAML documents of one file into located nodes.
///
/// Of YAML, project files use lists, maps and texts. Aliases, tags, merge keys and maps as keys are refused: they have no
/// use here, and a few lines of aliases can stand for gigabytes. Depth and size are bounded before the library sees the text.
package enum YAMLDocuments {
    /// The documents that are not empty, in order; mistakes go to `errors`, and a file with a syntax error gives none.
    package static func read(
        _ source: ProjectSource.File, limits: DefinitionLimits, errors: ErrorCollector
    ) -> [LocatedNode] {
        let (text, file) = (source.text, source.path)
        guard text.utf8.count <= limits.fileBytes else {
            errors.add(
                .tooLarge, at: SourcePlace(file: file, line: 1, column: 1),
                "the file has \(text.utf8.count) bytes; a definition file may have \(limits.fileBytes)",
                hint: "split it into several files")
            return []
        }
        if let refused = YAMLGuard(limits: limits).refusal(of: text, file: file) {
            errors.add(refused)
            return []
        }
        var documents: [LocatedNode] = []
        var budget = limits.nodes
        do {
            // The basic resolver knows no types: the keys decide what a text means, and `1` and "1" are one key.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            while let root = try parser.nextRoot() {
                var converter = Converter(source: source, limits: limits, budget: budget, errors: errors)
                guard let node = converter.convert(root, depth: 1) else { return [] }
                budget = converter.budget
                if !node.isNull { documents.append(node) }
            }
        } catch let error as YamlError {
            errors.add(translate(error, text: text, file: file))
            return []
        } catch {
            errors.add(.syntax, at: SourcePlace(file: file, line: 1, column: 1), "the file is not valid YAML")
            return []
        }
        return documents
    }

    /// Turns the library's nodes into ours.
    private struct Converter {
        let source: ProjectSource.File
        let limits: DefinitionLimits
        var budget: Int
        let errors: ErrorCollector

        mutating func convert(_ node: Node, depth: Int) -> LocatedNode? {
            let place = place(node.mark)
            budget -= 1
            guard budget >= 0 else {
                errors.add(
                    .tooLarge, at: place, "the file holds more than \(limits.nodes) values",
                    hint: "split it into several files")
                return nil
            }
            guard depth <= limits.depth else {
                errors.add(.tooLarge, at: place, "lists and maps are nested more than \(limits.depth) deep")
                return nil
            }
            switch node {
            case .scalar(let scalar):
                if let refusal = tagRefusal(scalar.tag, at: place) { return refusal }
                let style: LocatedNode.ScalarStyle =
                    switch scalar.style {
                    case .any, .plain: .plain
                    case .singleQuoted, .doubleQuoted: .quoted
                    case .literal, .folded: .block
                    }
                return LocatedNode(.scalar(.init(scalar.string, style)), at: place)
            case .sequence(let sequence):
                if let refusal = tagRefusal(sequence.tag, at: place) { return refusal }
                var items: [LocatedNode] = []
                for child in sequence {
                    guard let item = convert(child, depth: depth + 1) else { return nil }
                    items.append(item)
                }
                return LocatedNode(.list(items), at: place)
            case .mapping(let mapping):
                if let refusal = tagRefusal(mapping.tag, at: place) { return refusal }
                var entries: [LocatedNode.Entry] = []
                for (key, value) in mapping {
                    guard let scalar = key.scalar else {
                        errors.add(
                            .syntax, at: self.place(key.mark),
                            "a key must be a text, and here it is a list or a map")
                        return nil
                    }
                    budget -= 1
                    guard let value = convert(value, depth: depth + 1) else { return nil }
                    entries.append(.init(key: scalar.string, keyPlace: self.place(scalar.mark), value: value))
                }
                return LocatedNode(.map(entries), at: place)
            case .alias:
                errors.add(
                    .syntax, at: place, "aliases (*name) are not read in project files",
                    hint: "write the value out")
                return nil
            }
        }

        /// Reports an explicit tag (`!!python/object`, `!Ref`); always nil inside, so that the caller stops.
        private func tagRefusal(_ tag: Tag, at place: SourcePlace) -> LocatedNode?? {
            let name = tag.description
            guard !name.isEmpty, name != Tag.Name.implicit.rawValue, !plainTags.contains(name) else {
                return nil
            }
            errors.add(
                .syntax, at: place, "the tag '\(name.shortened(to: 60))' is not read in project files",
                hint: "remove it: the key decides the type of its value")
            return .some(nil)
        }

        private func place(_ mark: Mark?) -> SourcePlace {
            source.place(line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
        }
    }

    /// What the library gives where nothing was tagged: quoted texts bear `str`.
    private static let plainTags: Set<String> = [
        Tag.Name.str.rawValue, Tag.Name.seq.rawValue, Tag.Name.map.rawValue,
    ]

    private static func translate(_ error: YamlError, text: String, file: String) -> DefinitionError {
        func at(_ mark: Mark) -> SourcePlace {
            SourcePlace(file: file, line: max(1, mark.line), column: max(1, mark.column))
        }
        let start = SourcePlace(file: file, line: 1, column: 1)
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let during =
                context.map { $0.text.isEmpty ? "" : " (\($0.text), from line \($0.mark.line))" } ?? ""
            return DefinitionError(
                .syntax, at: at(mark), "this is not valid YAML: \(problem)\(during)",
                hint: syntaxHint(problem))
        case .duplicatedKeysInMapping(let keys, let context):
            let key = keys.first ?? ""
            let first = at(context.mark)
            let second = secondPlace(of: key, after: first, in: text)
            return DefinitionError(
                .duplicate, at: second ?? first,
                "the key '\(key.shortened(to: 60))' is given twice"
                    + (second == nil ? "" : "; first in line \(first.line)"),
                found: key.shortened(to: 60), hint: "keep one of the two")
        case .reader(let problem, _, _, _):
            return DefinitionError(
                .syntax, at: start, "this is not valid YAML: \(problem)", hint: "project files are UTF-8 text"
            )
        default:
            return DefinitionError(.syntax, at: start, "this is not valid YAML")
        }
    }

    private static func syntaxHint(_ problem: String) -> String? {
        if problem.contains("mapping values are not allowed") {
            return "a text with ': ' in it needs quotes, and keys of one map need the same indent"
        }
        if problem.contains("cannot start any token") {
            return "indent with spaces; quote a text that starts with a tab, '@', '`' or '%'"
        }
        if problem.contains("did not find expected") {
            return "check the indent, and that brackets and quotes are closed"
        }
        return nil
    }

    /// The library names the first of two equal keys; this finds the second, which the user added last.
    private static func secondPlace(of key: String, after first: SourcePlace, in text: String) -> SourcePlace?
    {
        var line = 0
        for content in text.split(separator: "\n", omittingEmptySubsequences: false) {
            line += 1
            guard line >= first.line else { continue }
            let scalars = Array(content.unicodeScalars)
            var column = line == first.line ? first.column + key.unicodeScalars.count : 0
            while column < scalars.count {
                let rest = String(String.UnicodeScalarView(scalars[column...]))
                let startsToken = column == 0 || " {,\"'".unicodeScalars.contains(scalars[column - 1])
                let isKey =
                    rest.hasPrefix(key + ":") || rest.hasPrefix(key + "\":") || rest.hasPrefix(key + "':")
                let isIndented = line == first.line || column + 1 == first.column || column == first.column
                if startsToken, isKey, isIndented {
                    return SourcePlace(file: first.file, line: line, column: column + 1)
                }
                column += 1
            }
        }
        return nil
    }
}
