import MartletWorld

/// Puts a new project's files into its folder; never in place of something that is there.
struct ProjectWriter {
    private let files: any FileSystem

    /// - Parameter files: rooted at the project's folder.
    init(_ files: any FileSystem) {
        self.files = files
    }

    /// Writes all of the files or, if one of them or another definition is there already, none.
    func write(_ drafts: [ProjectDraft.File]) throws(CommandFailure) {
        do throws(FileError) {
            let names = try files.list(.root)
            let taken = names.filter { ["martlet.yaml", "streams", "features", "models", "endpoints", ".martlet"].contains($0) }
            if let first = taken.first {
                throw FileError(.alreadyExists, operation: "write", path: first)
            }
            for draft in drafts {
                guard let path = RelativePath(draft.path) else { throw FileError(.failed, operation: "write", path: draft.path) }
                try files.createFolder(path.parent)
                let file = try files.open(path, .createNew)
                try file.write(Array(draft.text.utf8), at: 0)
            }
        } catch {
            guard error.kind == .alreadyExists else { throw CommandFailure(error) }
            throw CommandFailure("exists", "the folder holds '\(error.path)' already", hint: "a project is made in a folder that holds none; nothing was written")
        }
    }
}
