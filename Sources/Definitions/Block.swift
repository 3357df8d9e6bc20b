/// One definition as written: its kind, its name, its keys, its place; nothing is known yet of what the keys mean.
public struct Block: Hashable, Sendable {
    public var kind: String
    public var name: String
    public var namePlace: SourcePlace
    /// The whole map, the key of the kind included.
    public var node: LocatedNode

    public init(kind: String, name: String, namePlace: SourcePlace, node: LocatedNode) {
        self.kind = kind
        self.name = name
        self.namePlace = namePlace
        self.node = node
    }

    public var place: SourcePlace { node.place }

    /// For sentences: `stream 'orders'`.
    public var title: String { "\(kind) '\(name)'" }
}

extension Block {
    /// Finds the definitions in a project's files, in order of files and places.
    ///
    /// A kind and name that stand twice are reported at the second; the first counts.
    package static func read(
        _ source: ProjectSource, kinds: KindRegistry, limits: DefinitionLimits = .init(),
        errors: ErrorCollector
    ) -> [Block] {
        var blocks: [Block] = []
        var seen: [[String]: SourcePlace] = [:]
        for file in source.files {
            for document in YAMLDocuments.read(file, limits: limits, errors: errors) {
                guard let block = block(document, kinds: kinds, errors: errors) else { continue }
                if let first = seen[[block.kind, block.name]] {
                    errors.add(
                        .duplicate, at: block.namePlace, "\(block.title) is defined twice; first in \(first)",
                        found: block.name, hint: "keep one, or give the other another name")
                } else {
                    seen[[block.kind, block.name]] = block.namePlace
                    blocks.append(block)
                }
            }
        }
        return blocks
    }

    private static func block(_ document: LocatedNode, kinds: KindRegistry, errors: ErrorCollector) -> Block?
    {
        let words = kinds.kinds.map(\.name)
        guard case .map(let entries) = document.content else {
            errors.add(
                .wrongValue, at: document.place,
                "a definition must be a map of keys, found \(document.summary)",
                found: document.summary, expected: "a map",
                hint: "begin with one of: \(words.joined(separator: ", ")), as in 'stream: orders'")
            return nil
        }
        guard let kind = words.first(where: { word in entries.contains { $0.key == word } }),
            let entry = entries.first(where: { $0.key == kind })
        else {
            let keys = entries.map(\.key)
            let nearest = keys.prefix(20).compactMap { NearestMatch.of($0, in: words) }.first
            let shown = keys.first.map { "its first key is '\($0.shortened(to: 60))'" } ?? "it is empty"
            errors.add(
                DefinitionError(
                    .unknownKey, at: entries.first?.keyPlace ?? document.place,
                    "this document does not say what it defines: \(shown)", found: keys.first,
                    expected: words.joined(separator: ", "), nearest: nearest,
                    hint: "a definition has one of the keys: \(words.joined(separator: ", "))"))
            return nil
        }
        let values = NodeValues(errors, "the key '\(kind)'")
        guard let text = values.text(entry.value), let name = values.name(text, what: kind) else {
            return nil
        }
        return Block(kind: kind, name: name.value, namePlace: name.place, node: document)
    }
}
