import Testing

@testable import MartletDefinitions

@Suite("Texts that a program wrote")
struct ProjectSourceOriginTests {
    @Test("a place in the text is told as the place in the program from which its line comes")
    func places() {
        func place(_ line: Int) -> SourcePlace { SourcePlace(file: "Shop/main.swift", line: line, column: 5) }
        let text = "a: 1\nb:\n  c: [1, 2]\n  d: 3\n"
        let file = ProjectSource.File(
            path: "program/1.yaml", text: text, origins: [.init(line: 2, place: place(10)), .init(line: 4, place: place(20))])
        let errors = ErrorCollector()
        let documents = YAMLDocuments.read(file, limits: DefinitionLimits(), errors: errors)
        guard case .map(let top)? = documents.first?.content, case .map(let inner) = top[1].value.content else {
            Issue.record("not read")
            return
        }
        // Before the first origin the text itself is all that there is.
        #expect(top[0].keyPlace == SourcePlace(file: "program/1.yaml", line: 1, column: 1))
        #expect(top[1].keyPlace == place(10))
        #expect(inner[0].value.place == place(10))
        #expect(inner[1].keyPlace == place(20))
    }

    @Test("of one path the program's text counts, and all other files stay")
    func adding() {
        func file(_ path: String, _ text: String) -> ProjectSource.File { ProjectSource.File(path: path, text: text) }
        let source = ProjectSource([file("martlet.yaml", "a"), file("program/1.yaml", "old")])
        #expect(source.adding([file("program/1.yaml", "new"), file("a.yaml", "b")]).files == [
            file("a.yaml", "b"), file("martlet.yaml", "a"), file("program/1.yaml", "new"),
        ])
    }
}
