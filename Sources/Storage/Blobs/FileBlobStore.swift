internal import Crypto
public import MartletWorld
internal import Synchronization

/// The embedded blob store: one file per blob, `blobs/ab/cdef…` by the hexadecimal digits of its hash.
///
/// A put writes a file in `blobs/incoming`, syncs it, renames it to its name and syncs the folder; so a name never
/// stands for half a blob, and a put that returned is on the disk. What a crash left in `incoming` is removed when the
/// store is opened.
public final class FileBlobStore: BlobStore {
    private let files: any FileSystem
    private let random: any RandomSource
    private let folder: RelativePath
    private let incoming: RelativePath
    private let maximumSize: Int
    /// Guards the two fields of `State`.
    private let state = Mutex(State())

    private struct State {
        /// Folders `ab` whose own names this process made durable.
        var durableFolders: Set<String> = []
        /// Why puts stopped; nil while they go on.
        var stopCause: String?
    }

    /// How many bytes are read at once.
    private static let pieceSize = 1 << 20

    /// Opens the store in a folder of the world's files, creating it if there is none.
    ///
    /// - Parameter maximumSize: the most bytes that one blob may have.
    public init(in world: World, folder: RelativePath, maximumSize: Int = 16 << 30) throws(BlobError) {
        precondition(maximumSize > 0)
        files = world.files
        random = world.random
        self.folder = folder
        incoming = folder / "incoming"
        self.maximumSize = maximumSize
        do {
            try files.createFolder(folder)
            try files.createFolder(incoming)
            for name in try files.list(incoming) {
                if let leftover = incoming.appending(name) { try files.remove(leftover) }
            }
            try files.syncFolder(incoming)
            try files.syncFolder(folder)
            try files.syncFolder(folder.parent)
        } catch {
            throw .file(error)
        }
    }

    public func put(_ bytes: [UInt8]) throws(BlobError) -> BlobHash {
        guard bytes.count <= maximumSize else { throw .tooLarge(size: bytes.count, limit: maximumSize) }
        try refuseIfStopped()
        let hash = BlobHash(of: bytes)
        do {
            if try isIntact(hash) { return hash }
            try store(bytes, as: hash)
        } catch {
            throw stopping(at: error)
        }
        return hash
    }

    public func put(pieces next: () throws -> [UInt8]?) throws -> BlobHash {
        try refuseIfStopped()
        let temporary = newTemporary()
        do {
            let file = try files.open(temporary, .createNew)
            var hasher = SHA256()
            var size = 0
            while let piece = try next() {
                guard piece.count <= maximumSize - size else {
                    throw BlobError.tooLarge(size: size + piece.count, limit: maximumSize)
                }
                hasher.update(data: piece)
                try file.write(piece, at: size)
                size += piece.count
            }
            let hash = BlobHash(hasher.finalize())
            if try isIntact(hash) {
                try files.remove(temporary)
            } else {
                try file.sync()
                try publish(temporary, as: hash)
            }
            return hash
        } catch {
            try? files.remove(temporary)
            guard let error = error as? FileError else { throw error }
            throw stopping(at: error)
        }
    }

    public func read(_ hash: BlobHash, limit: Int) throws(BlobError) -> [UInt8] {
        do {
            let file = try files.open(path(of: hash), .read)
            let size = try file.size()
            guard size <= limit else { throw BlobError.tooLarge(size: size, limit: limit, hash: hash) }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(size)
            while bytes.count < size {
                let piece = try file.read(at: bytes.count, count: min(Self.pieceSize, size - bytes.count))
                if piece.isEmpty { break }
                bytes += piece
            }
            let found = BlobHash(of: bytes)
            guard found == hash else { throw BlobError.changed(hash, found: found, size: bytes.count) }
            return bytes
        } catch let error as BlobError {
            throw error
        } catch let error as FileError {
            throw error.kind == .notFound ? .notFound(hash) : .file(error)
        } catch {
            throw BlobError(.failed, "\(error)")
        }
    }

    public func contains(_ hash: BlobHash) throws(BlobError) -> Bool {
        do {
            return try files.size(path(of: hash)) != nil
        } catch {
            throw .file(error)
        }
    }

    public func remove(_ hash: BlobHash) throws(BlobError) {
        try refuseIfStopped()
        do {
            let path = path(of: hash)
            guard try files.size(path) != nil else { return }
            try files.remove(path)
            try files.syncFolder(path.parent)
        } catch {
            if error.kind == .notFound { return }
            throw stopping(at: error)
        }
    }

    public func list(after: BlobHash?, limit: Int) throws(BlobError) -> [BlobHash] {
        precondition(limit > 0)
        do {
            var page: [BlobHash] = []
            let first = after.map { String($0.description.prefix(2)) } ?? ""
            for prefix in try files.list(folder) where prefix.utf8.count == 2 && prefix >= first {
                guard let subfolder = folder.appending(prefix) else { continue }
                for name in try files.list(subfolder) {
                    // Whatever is no hash is not ours and is left alone.
                    guard let hash = BlobHash(prefix + name) else { continue }
                    if let after, hash <= after { continue }
                    page.append(hash)
                    if page.count == limit { return page }
                }
            }
            return page
        } catch {
            throw .file(error)
        }
    }

    // MARK: - Details

    private func path(of hash: BlobHash) -> RelativePath {
        let digits = hash.description
        guard let path = folder.appending(String(digits.prefix(2)))?.appending(String(digits.dropFirst(2))) else {
            preconditionFailure("hexadecimal digits are a name")
        }
        return path
    }

    private func newTemporary() -> RelativePath {
        guard let path = incoming.appending(String(random.next(), radix: 16) + String(random.next(), radix: 16)) else {
            preconditionFailure("hexadecimal digits are a name")
        }
        return path
    }

    /// Whether the blob is stored, undamaged, under a name that survives a crash.
    private func isIntact(_ hash: BlobHash) throws(FileError) -> Bool {
        let path = path(of: hash)
        guard let size = try files.size(path) else { return false }
        let file: any File
        do {
            file = try files.open(path, .read)
        } catch {
            // Removed in between.
            if error.kind == .notFound { return false }
            throw error
        }
        var hasher = SHA256()
        var offset = 0
        while offset < size {
            let piece = try file.read(at: offset, count: min(Self.pieceSize, size - offset))
            if piece.isEmpty { return false }
            hasher.update(data: piece)
            offset += piece.count
        }
        guard BlobHash(hasher.finalize()) == hash else { return false }
        // Whoever renamed it may have been stopped before the name was durable.
        try makeDurable(path.parent)
        try files.syncFolder(path.parent)
        return true
    }

    private func store(_ bytes: [UInt8], as hash: BlobHash) throws(FileError) {
        let temporary = newTemporary()
        do throws(FileError) {
            let file = try files.open(temporary, .createNew)
            try file.write(bytes, at: 0)
            try file.sync()
            try publish(temporary, as: hash)
        } catch {
            try? files.remove(temporary)
            throw error
        }
    }

    private func publish(_ temporary: RelativePath, as hash: BlobHash) throws(FileError) {
        let target = path(of: hash)
        try files.createFolder(target.parent)
        try makeDurable(target.parent)
        try files.rename(temporary, to: target)
        try files.syncFolder(target.parent)
    }

    /// Syncs the folder above a new one, once in this process.
    private func makeDurable(_ subfolder: RelativePath) throws(FileError) {
        guard !state.withLock({ $0.durableFolders.contains(subfolder.name) }) else { return }
        try files.syncFolder(folder)
        state.withLock { _ = $0.durableFolders.insert(subfolder.name) }
    }

    private func refuseIfStopped() throws(BlobError) {
        if let cause = state.withLock({ $0.stopCause }) { throw .stopped(after: cause) }
    }

    /// After a failed write or sync nothing may be assumed of what was written, so no further put is acknowledged.
    private func stopping(at error: FileError) -> BlobError {
        let failure = BlobError.file(error)
        if failure.code == .failed { state.withLock { $0.stopCause = $0.stopCause ?? failure.message } }
        return failure
    }
}
