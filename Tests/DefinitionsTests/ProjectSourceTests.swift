import MartletDefinitions
import MartletFrames
import MartletWorld
import Testing

/// Files in memory, as much of them as reading a project needs.
struct MemoryFiles: FileSystem {
    struct MemoryFile: File {
        let bytes: [UInt8]
        func read(at offset: Int, count: Int) -> [UInt8] {
            Array(bytes[min(offset, bytes.count)..<min(bytes.count, offset + min(count, 7))])
        }
        func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
            throw FileError(.notPermitted, operation: "write", path: "")
        }
        func sync() {}
        func truncate(to size: Int) throws(FileError) {
            throw FileError(.notPermitted, operation: "truncate", path: "")
        }
        func size() -> Int { bytes.count }
    }

    var files: [String: [UInt8]]

    func open(_ path: RelativePath, _ access: FileAccess) throws(FileError) -> any File {
        guard let bytes = files[path.description] else {
            throw FileError(.notFound, operation: "open", path: path.description)
        }
        return MemoryFile(bytes: bytes)
    }

    func list(_ folder: RelativePath) throws(FileError) -> [String] {
        let prefix = folder.description + "/"
        let names = Set(
            files.keys.filter { $0.hasPrefix(prefix) }.compactMap {
                $0.dropFirst(prefix.count).split(separator: "/").first.map(String.init)
            })
        if names.isEmpty { throw FileError(.notFound, operation: "list", path: folder.description) }
        return names.sorted()
    }

    func createFolder(_ folder: RelativePath) {}
    func rename(_ source: RelativePath, to target: RelativePath) {}
    func remove(_ path: RelativePath) {}
    func removeFolder(_ folder: RelativePath) {}
    func syncFolder(_ folder: RelativePath) {}
    func size(_ path: RelativePath) -> Int? { files[path.description]?.count }
    func lock(_ path: RelativePath) -> (any FileLock)? { nil }
    func absolutePath(_ path: RelativePath) -> String? { nil }
}

@Suite("Reading a project's folder")
struct ProjectSourceTests {
    static let kinds = KindRegistry([
        DefinitionKind(name: "stream", folder: "streams", summary: "", example: "", tables: []),
        DefinitionKind(name: "model", folder: "models", summary: "", example: "", tables: []),
        DefinitionKind(name: "project", folder: "", summary: "", example: "", tables: []),
    ])

    private func read(_ files: [String: [UInt8]], _ limits: DefinitionLimits = .init())
        throws(DefinitionErrors) -> [String]
    {
        try ProjectSource.read(MemoryFiles(files: files), kinds: Self.kinds, limits: limits).files.map {
            "\($0.path)=\($0.text)"
        }
    }

    @Test("finds the project's file and every .yaml below the kinds' folders, sorted")
    func finds() throws {
        let text = Array("a: 1, long enough for several reads".utf8)
        let found = try read([
            "martlet.yaml": text, "streams/b.yaml": text, "streams/a/deep/c.yaml": text,
            "models/m.yaml": text, "other/x.yaml": text,
            "compose.yaml": text, "streams/readme.md": text, "streams/.hidden.yaml": text,
        ])
        let all = ["martlet.yaml", "models/m.yaml", "streams/a/deep/c.yaml", "streams/b.yaml"]
        #expect(found == all.map { "\($0)=a: 1, long enough for several reads" })
        #expect(try read([:]).isEmpty)
    }

    @Test("tells what it cannot read, all at once")
    func refuses() throws {
        let thrown = #expect(throws: DefinitionErrors.self) {
            _ = try read(
                [
                    "streams/a.yml": [], "streams/b.yaml": [0xFF],
                    "models/c.yaml": [UInt8](repeating: 35, count: 11),
                ], .init(fileBytes: 10))
        }
        #expect(
            thrown?.description == """
                error: models/c.yaml:1:1: the file has 11 bytes; a definition file may have 10
                 hint: split it into several files
                error: streams/a.yml:1:1: the file is not read: its name ends in .yml
                 hint: rename it to end in .yaml
                error: streams/b.yaml:1:1: the file is not UTF-8 text
                """)
    }

    @Test("bounds the number of files")
    func bounded() {
        let files = Dictionary(uniqueKeysWithValues: (0..<5).map { ("streams/\($0).yaml", [UInt8]()) })
        let thrown = #expect(throws: DefinitionErrors.self) { _ = try read(files, .init(files: 4)) }
        #expect(thrown?.errors.map(\.code) == [.tooLarge])
    }
}
