internal import MartletFrames
public import MartletWorld

/// The texts of a project's definition files.
public struct ProjectSource: Hashable, Sendable {
    /// One file.
    public struct File: Hashable, Sendable {
        /// From the project's folder, with `/`.
        public var path: String
        public var text: String
        /// Where the lines of a text that a program wrote come from, in ascending order of lines; empty of a text that a person wrote.
        public var origins: [Origin]

        /// From one line on, where in a program the text was said.
        public struct Origin: Hashable, Sendable {
            /// From 1.
            public var line: Int
            public var place: SourcePlace

            public init(line: Int, place: SourcePlace) {
                self.line = line
                self.place = place
            }
        }

        public init(path: String, text: String, origins: [Origin] = []) {
            self.path = path
            self.text = text
            self.origins = origins
        }

        /// The place that a person knows a line and column of the text by.
        func place(line: Int, column: Int) -> SourcePlace {
            var (low, high) = (0, origins.count)
            while low < high {
                let middle = (low + high) / 2
                if origins[middle].line <= line { low = middle + 1 } else { high = middle }
            }
            return low > 0 ? origins[low - 1].place : SourcePlace(file: path, line: line, column: column)
        }
    }

    /// Sorted by the bytes of their paths.
    public var files: [File]

    public init(_ files: [File]) {
        self.files = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// The files of a program's own definitions beside those that a folder holds; of one path the program's counts.
    public func adding(_ more: [File]) -> ProjectSource {
        let paths = Set(more.map(\.path))
        return ProjectSource(files.filter { !paths.contains($0.path) } + more)
    }

    /// The file at the top of a project.
    public static let projectFile = "martlet.yaml"

    /// Reads `martlet.yaml` and every `*.yaml` below the kinds' folders.
    ///
    /// A folder that is absent is empty. Hidden files are skipped.
    ///
    /// - Parameter files: rooted at the project's folder.
    /// - Throws: what could not be read, all of it at once.
    public static func read(
        _ files: any FileSystem, kinds: KindRegistry, limits: DefinitionLimits = .init()
    ) throws(DefinitionErrors) -> ProjectSource {
        let errors = ErrorCollector(limit: limits.errors)
        var walk = FolderWalk(files: files, limits: limits, errors: errors)
        if let path = RelativePath(projectFile), walk.exists(path) { walk.read(path) }
        for folder in kinds.folders {
            if let path = RelativePath(folder) { walk.folder(path, depth: 1) }
        }
        guard errors.isEmpty else { throw errors.collected }
        return ProjectSource(walk.found)
    }
}

/// One pass over a project's folders.
private struct FolderWalk {
    let files: any FileSystem
    let limits: DefinitionLimits
    let errors: ErrorCollector
    var found: [ProjectSource.File] = []

    func exists(_ path: RelativePath) -> Bool {
        ((try? files.size(path)) ?? nil) != nil
    }

    mutating func folder(_ path: RelativePath, depth: Int) {
        let names: [String]
        do {
            names = try files.list(path)
        } catch {
            // What cannot be listed is a file of another type, or absent; a folder that may not be read is told.
            if error.kind == .notPermitted { report(path, "\(error)") }
            return
        }
        for name in names where !name.hasPrefix(".") {
            guard let child = path.appending(name) else { continue }
            if name.hasSuffix(".yaml") {
                read(child)
            } else if name.hasSuffix(".yml") {
                report(
                    child, "the file is not read: its name ends in .yml", hint: "rename it to end in .yaml")
            } else if depth < limits.folderDepth {
                folder(child, depth: depth + 1)
            }
        }
    }

    mutating func read(_ path: RelativePath) {
        guard found.count < limits.files else {
            if found.count == limits.files {
                errors.add(
                    .tooLarge, at: SourcePlace(file: path.description, line: 1, column: 1),
                    "the project has more than \(limits.files) definition files")
            }
            return
        }
        do {
            let file = try files.open(path, .read)
            let size = try file.size()
            guard size <= limits.fileBytes else {
                report(
                    path, "the file has \(size) bytes; a definition file may have \(limits.fileBytes)",
                    hint: "split it into several files", code: .tooLarge)
                return
            }
            var bytes: [UInt8] = []
            while bytes.count < size {
                let part = try file.read(at: bytes.count, count: size - bytes.count)
                if part.isEmpty { break }
                bytes += part
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                report(path, "the file is not UTF-8 text", code: .syntax)
                return
            }
            found.append(.init(path: path.description, text: text))
        } catch {
            report(path, "\(error)")
        }
    }

    func report(
        _ path: RelativePath, _ message: String, hint: String? = nil, code: DefinitionError.Code = .unreadable
    ) {
        errors.add(code, at: SourcePlace(file: path.description, line: 1, column: 1), message, hint: hint)
    }
}
