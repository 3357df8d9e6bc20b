import Glibc

/// The real file system below one folder.
///
/// Every call starts at the root's descriptor and follows no symbolic link below it, so that no path that data names
/// leads out of the root. Files are made readable by their owner only.
public final class SystemFileSystem: FileSystem {
    private let root: FileDescriptor
    private let rootPath: String

    /// Opens a root folder, creating it if absent.
    public init(root path: String) throws(FileError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw FileError(errno: errno, "create the folder", path) }
        let number = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw FileError(errno: errno, "open the folder", path) }
        root = FileDescriptor(number)
        guard let resolved = realpath(path, nil) else { throw FileError(errno: errno, "resolve the folder", path) }
        rootPath = String(cString: resolved)
        free(resolved)
    }

    public func open(_ path: RelativePath, _ access: FileAccess) throws(FileError) -> any File {
        let flags: Int32 =
            switch access {
            case .read: O_RDONLY
            case .write: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        let folder = try openFolder(path.parent)
        let number = openat(folder.number, path.name, flags | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw FileError(errno: errno, "open", path.description) }
        return SystemFile(FileDescriptor(number), path: path.description)
    }

    public func list(_ path: RelativePath) throws(FileError) -> [String] {
        let folder = try openFolder(path)
        let copy = dup(folder.number)
        guard copy >= 0, let stream = fdopendir(copy) else { throw FileError(errno: errno, "list", path.description) }
        defer { closedir(stream) }
        rewinddir(stream)
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func createFolder(_ path: RelativePath) throws(FileError) {
        var folder = root
        for name in path.components {
            let isNew = mkdirat(folder.number, name, 0o700) == 0
            guard isNew || errno == EEXIST else { throw FileError(errno: errno, "create the folder", path.description) }
            if isNew, fsync(folder.number) != 0 { throw FileError(errno: errno, "sync the folder", path.description) }
            folder = try openFolder(named: name, in: folder, path: path)
        }
    }

    public func rename(_ source: RelativePath, to target: RelativePath) throws(FileError) {
        let sourceFolder = try openFolder(source.parent)
        let targetFolder = try openFolder(target.parent)
        guard renameat(sourceFolder.number, source.name, targetFolder.number, target.name) == 0 else {
            throw FileError(errno: errno, "rename", source.description)
        }
    }

    public func remove(_ path: RelativePath) throws(FileError) {
        let folder = try openFolder(path.parent)
        guard unlinkat(folder.number, path.name, 0) == 0 else { throw FileError(errno: errno, "remove", path.description) }
    }

    public func removeFolder(_ path: RelativePath) throws(FileError) {
        let folder = try openFolder(path.parent)
        guard unlinkat(folder.number, path.name, AT_REMOVEDIR) == 0 else {
            throw FileError(errno: errno, "remove the folder", path.description)
        }
    }

    public func syncFolder(_ path: RelativePath) throws(FileError) {
        let folder = try openFolder(path)
        guard fsync(folder.number) == 0 else { throw FileError(errno: errno, "sync the folder", path.description) }
    }

    public func size(_ path: RelativePath) throws(FileError) -> Int? {
        let folder: FileDescriptor
        do {
            folder = try openFolder(path.parent)
        } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
        var status = stat()
        guard fstatat(folder.number, path.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw FileError(errno: errno, "look at", path.description)
        }
        return Int(status.st_size)
    }

    public func lock(_ path: RelativePath) throws(FileError) -> (any FileLock)? {
        let folder = try openFolder(path.parent)
        let number = openat(folder.number, path.name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw FileError(errno: errno, "open", path.description) }
        let descriptor = FileDescriptor(number)
        if flock(number, LOCK_EX | LOCK_NB) == 0 { return LockedFile(descriptor) }
        if errno == EWOULDBLOCK { return nil }
        throw FileError(errno: errno, "lock", path.description)
    }

    public func absolutePath(_ path: RelativePath) -> String? {
        path == .root ? rootPath : rootPath + "/" + path.description
    }

    private func openFolder(_ path: RelativePath) throws(FileError) -> FileDescriptor {
        var folder = root
        for name in path.components { folder = try openFolder(named: name, in: folder, path: path) }
        return folder
    }

    private func openFolder(named name: String, in folder: FileDescriptor, path: RelativePath) throws(FileError) -> FileDescriptor {
        let number = openat(folder.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw FileError(errno: errno, "open the folder", path.description) }
        return FileDescriptor(number)
    }
}

/// A lock by `flock`, which is given back by name and not by closing alone: between a program's start and its first own step
/// its process has a copy of every descriptor, and the lock would stay with it for that long.
private final class LockedFile: FileLock {
    private let descriptor: FileDescriptor

    init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        flock(descriptor.number, LOCK_UN)
    }
}

/// A descriptor that is closed when the last reference goes.
final class FileDescriptor: Sendable {
    let number: Int32

    init(_ number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }
}

private struct SystemFile: File {
    let descriptor: FileDescriptor
    let path: String

    init(_ descriptor: FileDescriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            Self.adviseLargePages(UnsafeMutableRawBufferPointer(buffer))
            while filled < count {
                let got = pread(descriptor.number, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        if failure != 0 { throw FileError(errno: failure, "read", path) }
        return bytes
    }

    /// Asks for pages of 2 MB below much memory that is about to be filled: a fault a page would take as long as the copy.
    private static func adviseLargePages(_ memory: UnsafeMutableRawBufferPointer) {
        guard memory.count >= 8 << 20, let base = memory.baseAddress else { return }
        let before = -Int(bitPattern: base) & 4_095
        madvise(base + before, (memory.count - before) & -4_096, MADV_HUGEPAGE)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        var failure: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let put = pwrite(descriptor.number, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
                if put < 0, errno == EINTR { continue }
                if put <= 0 {
                    failure = put < 0 ? errno : ENOSPC
                    break
                }
                done += put
            }
        }
        if failure != 0 { throw FileError(errno: failure, "write", path) }
    }

    func sync() throws(FileError) {
        guard fdatasync(descriptor.number) == 0 else { throw FileError(errno: errno, "sync", path) }
    }

    func truncate(to size: Int) throws(FileError) {
        guard ftruncate(descriptor.number, off_t(size)) == 0 else { throw FileError(errno: errno, "truncate", path) }
    }

    func size() throws(FileError) -> Int {
        var status = stat()
        guard fstat(descriptor.number, &status) == 0 else { throw FileError(errno: errno, "look at", path) }
        return Int(status.st_size)
    }
}

extension FileError {
    init(errno number: Int32, _ operation: String, _ path: String) {
        let kind: Kind =
            switch number {
            case ENOENT, ENOTDIR: .notFound
            case EEXIST: .alreadyExists
            case ENOSPC, EDQUOT: .full
            // ELOOP: a symbolic link stands where a file or folder is expected.
            case EACCES, EPERM, EROFS, ELOOP: .notPermitted
            default: .failed
            }
        self.init(kind, operation: operation, path: path, number: number)
    }
}
