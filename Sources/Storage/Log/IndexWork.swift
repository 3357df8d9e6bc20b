package import MartletWorld

/// The writing of a sealed segment's index and key files; may run on any thread while the log grows.
package struct IndexWork: Sendable {
    let folder: RelativePath
    let catalog: SegmentCatalog
    let keys: KeyTable
    let files: any FileSystem

    /// The first position of the segment.
    var segment: Int64 { catalog.header.firstPosition }

    /// What ``run()`` comes to, as ``LogWriter/adopt(_:)`` takes it.
    package func outcome() -> Result<KeyFile, FileError> {
        do throws(FileError) { return .success(try run()) } catch { return .failure(error) }
    }

    /// Writes each file whole or not at all, and opens the keys.
    func run() throws(FileError) -> KeyFile {
        let paths = SegmentPaths(folder, firstPosition: segment)
        for (path, bytes) in [(paths.keys, KeyFile.encode(keys, of: catalog)), (paths.index, catalog.encoded())] {
            try write(bytes, to: path)
        }
        try files.syncFolder(folder)
        let file = try files.open(paths.keys, .read)
        var written: KeyFile?
        do throws(LogError) { written = try KeyFile.open(paths.keys, file, for: catalog) } catch {
            throw error.cause ?? FileError(.failed, operation: "read back", path: "\(paths.keys)")
        }
        guard let written else { throw FileError(.failed, operation: "read back", path: "\(paths.keys)") }
        return written
    }

    private func write(_ bytes: [UInt8], to path: RelativePath) throws(FileError) {
        let temporary = SegmentPaths.temporary(path)
        let file = try files.open(temporary, .write)
        do throws(FileError) {
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
            try file.sync()
        } catch {
            try? files.remove(temporary)
            throw error
        }
        try files.rename(temporary, to: path)
    }
}
