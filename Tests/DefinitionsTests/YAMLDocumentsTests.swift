import MartletDefinitions
import Testing

@Suite("YAML of project files")
struct YAMLDocumentsTests {
    private func read(_ text: String, _ limits: DefinitionLimits = .init()) -> (
        documents: [LocatedNode], said: [String]
    ) {
        let errors = ErrorCollector()
        let documents = YAMLDocuments.read(ProjectSource.File(path: "f.yaml", text: text), limits: limits, errors: errors)
        return (documents, errors.collected.errors.map(\.description))
    }

    @Test("every key and value has its line and column")
    func places() throws {
        let (documents, said) = read("# top\na: 1\nb:\n  - x\n  - \"é y\"\n---\nc: { d: [1, 22] }\n")
        #expect(said.isEmpty)
        try #require(documents.count == 2)
        guard case .map(let entries) = documents[0].content, case .list(let items) = entries[1].value.content,
            case .map(let second) = documents[1].content, case .map(let inner) = second[0].value.content,
            case .list(let numbers) = inner[0].value.content
        else {
            Issue.record("other shapes: \(documents)")
            return
        }
        #expect(entries.map { "\($0.key) \($0.keyPlace)" } == ["a f.yaml:2:1", "b f.yaml:3:1"])
        #expect(items.map { "\($0.place)" } == ["f.yaml:4:5", "f.yaml:5:5"])
        #expect(items[1].content == .scalar(.init("é y", .quoted)))
        #expect(numbers.map { "\($0.place)" } == ["f.yaml:7:10", "f.yaml:7:13"])
    }

    @Test("texts stay as written; types are the keys' business")
    func texts() {
        let (documents, said) = read("[0.10, 1d, yes, 010, ~, '', 2018-05-08, 1_000]")
        #expect(said.isEmpty)
        guard case .list(let items)? = documents.first?.content else { return }
        let texts = items.compactMap { item in
            if case .scalar(let scalar) = item.content { scalar.text } else { nil }
        }
        #expect(texts == ["0.10", "1d", "yes", "010", "~", "", "2018-05-08", "1_000"])
        #expect(items.map(\.isNull) == [false, false, false, false, true, false, false, false])
    }

    @Test(
        "empty files and documents define nothing",
        arguments: ["", "\n", "# only a comment\n", "---\n---\n", "~"])
    func empty(text: String) {
        #expect(read(text).documents.isEmpty)
        #expect(read(text).said.isEmpty)
    }

    @Test("a billion laughs cost nothing, as values and as keys")
    func bomb() {
        var lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        for level in 1...30 {
            lines.append(
                "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]"
            )
        }
        for text in [
            lines.joined(separator: "\n"), lines.joined(separator: "\n") + "\n? *a30\n: 1\n",
            lines.joined(separator: "\n") + "\n{?*a30 : 1}\n",
        ] {
            let (documents, said) = read(text)
            #expect(documents.isEmpty)
            #expect(
                said == [
                    "error: f.yaml:2:10: aliases (*a0) are not read in project files\n hint: write the value out"
                ])
        }
    }

    @Test("an anchor that nothing uses, and stars and ampersands in texts, are no aliases")
    func stars() {
        #expect(read("a: [request.*, 'x *y', amount*2]\nb: x && y\nc: \"&z\"\n").said.isEmpty)
    }

    @Test(
        "depth is bounded before the library recurses",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 50_000),
            String(repeating: "- ", count: 50_000),
            String(repeating: "? ", count: 50_000),
            (0..<600).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
        ])
    func deep(text: String) {
        let (documents, said) = read(text)
        #expect(documents.isEmpty)
        #expect(said.count == 1 && said[0].contains("nested more than 24 deep"))
    }

    @Test("depth that the library would take is bounded by the stated limit")
    func statedDepth() {
        let nested = { (count: Int) in
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(read(nested(24)).said.isEmpty)
        #expect(read(nested(25)).said == ["error: f.yaml:1:25: lists and maps are nested more than 24 deep"])
    }

    @Test("size and number of values are bounded")
    func size() {
        #expect(
            read(String(repeating: "#", count: 101), .init(fileBytes: 100)).said == [
                "error: f.yaml:1:1: the file has 101 bytes; a definition file may have 100\n hint: split it into several files"
            ])
        #expect(read("[1, 2, 3, 4]", .init(nodes: 5)).said.isEmpty)
        #expect(
            read("[1, 2, 3, 4]", .init(nodes: 4)).said == [
                "error: f.yaml:1:11: the file holds more than 4 values\n hint: split it into several files"
            ])
    }

    @Test(
        "a key given twice is told at its second place",
        arguments: [
            ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key 'a' is given twice; first in line 1"),
            ("x: { a: 1, a: 2 }", "f.yaml:1:12: the key 'a' is given twice; first in line 1"),
            (
                "x:\n  ab: 1\n  c:\n    ab: 2\n  ab: 3\n",
                "f.yaml:5:3: the key 'ab' is given twice; first in line 2"
            ),
            ("\"a\": 1\na: 2\n", "f.yaml:2:1: the key 'a' is given twice; first in line 1"),
        ])
    func duplicate(text: String, expected: String) {
        #expect(read(text).said == ["error: \(expected)\n hint: keep one of the two"])
    }
}
