import Glibc
import MartletFrames

extension ProgramLaunch {
    /// The absolute path of the program, once everything that can be known before a start has been checked.
    ///
    /// - Throws: ``ProgramError`` naming the folder or the program that is not there.
    func checkedPath() throws(ProgramError) -> String {
        guard let name = arguments.first, !name.isEmpty else { throw .invalid("no program is named") }
        for text in arguments + [folder] where text.utf8.contains(0) { throw .invalid("an argument or the folder holds a NUL") }
        for (name, value) in environment where name.isEmpty || name.contains("=") || (name + value).utf8.contains(0) {
            throw .invalid("the environment has a name that is empty or holds '=', or holds a NUL")
        }
        guard input.count <= Self.inputLimit else { throw .invalid("it is to read \(input.count) bytes, and may be given \(Self.inputLimit)") }
        guard limits.areValid else { throw .invalid("a limit is negative") }
        guard folder.hasPrefix("/") else { throw .invalid("its folder '\(folder)' is no absolute path") }
        guard Self.kind(of: folder) == S_IFDIR, access(folder, X_OK) == 0 else { throw .folderNotFound(folder) }
        if name.contains("/") {
            let path = absolute(name)
            guard let kind = Self.kind(of: path) else { throw .programNotFound(at: path) }
            guard kind == S_IFREG, access(path, X_OK) == 0 else { throw .notExecutable(path) }
            return path
        }
        return try searchedPath(of: name)
    }

    /// As `execvp` searches: the first file that may be run; but an empty folder of `PATH` is nothing, not the folder to start in.
    private func searchedPath(of name: String) throws(ProgramError) -> String {
        guard let path = environment["PATH"] else { throw .programNotFound(name, path: nil) }
        var refused: String?
        for folder in path.split(separator: ":") {
            let candidate = absolute(folder + "/" + name)
            guard Self.kind(of: candidate) == S_IFREG else { continue }
            if access(candidate, X_OK) == 0 { return candidate }
            refused = refused ?? candidate
        }
        if let refused { throw .notExecutable(refused) }
        throw .programNotFound(name, path: path)
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : folder + "/" + path
    }

    /// `S_IFREG`, `S_IFDIR` …, nil if nothing is there.
    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }
}

extension ProgramLimits {
    fileprivate var areValid: Bool {
        [cpuSeconds, memoryBytes, fileBytes, processCount, openFileCount, outputBytes].allSatisfy { ($0 ?? 0) >= 0 }
            && (duration ?? .zero) >= .zero
    }
}
