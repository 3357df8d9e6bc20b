internal import GRDBSQLite
internal import MartletFrames
internal import MartletWorld
internal import Synchronization

/// SQLite's way to a world's files: a virtual file system (VFS) registered with SQLite under a name of its own.
///
/// SQLite brings its real pager and write-ahead log; only the operations at the very bottom go to the ``FileSystem``, so
/// that whatever a simulated disk does to a file, it does to the database. One VFS serves the connections of one
/// opened database. Its shared memory and its locks stand in the process's memory: they hold between connections of this
/// VFS and not between processes, which is right where the holder of the project's lock is the only one to open it.
///
/// The name of a file that is opened to be made is made durable with the file's first sync, whether it was there or not:
/// whoever made it may have been stopped before. SQLite's own VFS for Unix does the same for its logs.
///
/// `@unchecked Sendable`: what the pointers lead to is written before the registration and freed when nobody holds this
/// any longer; all that changes between is behind locks.
///
/// Source: https://sqlite.org/vfs.html, https://sqlite.org/c3ref/io_methods.html.
final class WorldVFS: @unchecked Sendable {
    /// What a connection names in its address, `?vfs=`.
    let name: String
    private let world: World
    private let folder: RelativePath
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>
    private let nameBytes: UnsafeMutablePointer<CChar>
    /// Guards the table of what the connections share, by file name.
    private let shared = Mutex<[String: WorldVFSShared]>([:])

    private static let registrations = Atomic<Int>(0)
    private static let pathLength = 255

    /// Registers the VFS until the last reference to it goes; every file that is open through it holds one.
    init(world: World, folder: RelativePath) throws(DatabaseError) {
        self.world = world
        self.folder = folder
        name = "martlet-\(Self.registrations.add(1, ordering: .relaxed).newValue)"
        let text = Array(name.utf8CString)
        nameBytes = .allocate(capacity: text.count)
        nameBytes.initialize(from: text, count: text.count)
        vfs = .allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = Int32(WorldVFSFile.size)
        vfs.pointee.mxPathname = Int32(Self.pathLength)
        vfs.pointee.zName = UnsafePointer(nameBytes)
        vfs.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        setCallbacks()
        let code = sqlite3_vfs_register(vfs, 0)
        guard code == SQLITE_OK else {
            throw DatabaseError(.unavailable, "SQLite does not take the files of this world (code \(code))")
        }
    }

    deinit {
        sqlite3_vfs_unregister(vfs)
        vfs.deallocate()
        nameBytes.deallocate()
    }

    private func setCallbacks() {
        vfs.pointee.xOpen = { vfs, name, file, flags, outFlags in
            WorldVFS.of(vfs)?.open(name, file, flags, outFlags) ?? SQLITE_CANTOPEN
        }
        vfs.pointee.xDelete = { vfs, name, syncsFolder in
            WorldVFS.of(vfs)?.delete(name, syncsFolder: syncsFolder != 0) ?? SQLiteIOError.delete
        }
        vfs.pointee.xAccess = { vfs, name, flags, result in
            WorldVFS.of(vfs)?.access(name, flags, result) ?? SQLiteIOError.access
        }
        vfs.pointee.xFullPathname = { _, name, size, result in
            guard let name, let result else { return SQLITE_CANTOPEN }
            var length = 0
            while name[length] != 0 { length += 1 }
            guard length < Int(size) else { return SQLITE_CANTOPEN }
            result.update(from: name, count: length + 1)
            return SQLITE_OK
        }
        vfs.pointee.xRandomness = { vfs, count, result in
            guard let world = WorldVFS.of(vfs)?.world, let result else { return 0 }
            for (index, byte) in world.random.bytes(Int(count)).enumerated() { result[index] = CChar(bitPattern: byte) }
            return count
        }
        // Connections of one process wait for one another for moments only, and virtual time does not pass by itself.
        vfs.pointee.xSleep = { _, microseconds in microseconds }
        vfs.pointee.xCurrentTime = { vfs, result in
            result?.pointee = Double(WorldVFS.of(vfs)?.julianMilliseconds ?? 0) / 86_400_000
            return SQLITE_OK
        }
        vfs.pointee.xCurrentTimeInt64 = { vfs, result in
            result?.pointee = WorldVFS.of(vfs)?.julianMilliseconds ?? 0
            return SQLITE_OK
        }
        vfs.pointee.xGetLastError = { _, _, _ in 0 }
    }

    private static func of(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> WorldVFS? {
        vfs?.pointee.pAppData.map { Unmanaged<WorldVFS>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Milliseconds since noon of 24 November 4714 BC, as SQLite counts time.
    private var julianMilliseconds: Int64 { world.clock.now().microseconds / 1_000 + 210_866_760_000_000 }

    private func path(_ name: UnsafePointer<CChar>?) -> RelativePath? {
        name.flatMap { folder.appending(String(cString: $0)) }
    }

    private func open(
        _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let file else { return SQLITE_CANTOPEN }
        // Without methods nothing is closed that was not opened.
        file.pointee.pMethods = nil
        // A file without a name is a temporary one, and those are kept in memory.
        guard let path = path(name) else { return SQLITE_CANTOPEN }
        do throws(FileError) {
            let exists = try world.files.size(path) != nil
            guard exists || flags & SQLITE_OPEN_CREATE != 0 else { return SQLITE_CANTOPEN }
            let access: FileAccess =
                if flags & SQLITE_OPEN_READONLY != 0 { .read } else if flags & SQLITE_OPEN_EXCLUSIVE != 0 { .createNew } else { .write }
            let opened = try world.files.open(path, access)
            let shared = shared.withLock { table in
                let found = table[path.name] ?? WorldVFSShared()
                table[path.name] = found
                return found
            }
            WorldVFSFile(
                opened, of: self, in: world.files, folder: path.parent, syncsFolder: flags & SQLITE_OPEN_CREATE != 0,
                shared: shared
            ).attach(to: file)
            outFlags?.pointee = flags
            return SQLITE_OK
        } catch {
            return error.kind == .full ? SQLITE_FULL : SQLITE_CANTOPEN
        }
    }

    private func delete(_ name: UnsafePointer<CChar>?, syncsFolder: Bool) -> Int32 {
        guard let path = path(name) else { return SQLiteIOError.delete }
        do throws(FileError) {
            try world.files.remove(path)
            if syncsFolder { try world.files.syncFolder(path.parent) }
            return SQLITE_OK
        } catch {
            return error.kind == .notFound ? SQLiteIOError.deleteNoEntry : SQLiteIOError.delete
        }
    }

    private func access(_ name: UnsafePointer<CChar>?, _ flags: Int32, _ result: UnsafeMutablePointer<Int32>?) -> Int32 {
        guard let path = path(name) else { return SQLiteIOError.access }
        do throws(FileError) {
            let size = try world.files.size(path)
            // An empty file counts as none where existence is asked, as on Unix: an empty journal is no journal.
            result?.pointee = (flags == SQLITE_ACCESS_EXISTS ? (size ?? 0) > 0 : size != nil) ? 1 : 0
            return SQLITE_OK
        } catch { return SQLiteIOError.access }
    }
}

/// Extended result codes, which SQLite's header makes of two numbers.
enum SQLiteIOError {
    static let read = SQLITE_IOERR | 1 << 8
    static let shortRead = SQLITE_IOERR | 2 << 8
    static let write = SQLITE_IOERR | 3 << 8
    static let sync = SQLITE_IOERR | 4 << 8
    static let syncFolder = SQLITE_IOERR | 5 << 8
    static let truncate = SQLITE_IOERR | 6 << 8
    static let size = SQLITE_IOERR | 7 << 8
    static let delete = SQLITE_IOERR | 10 << 8
    static let access = SQLITE_IOERR | 13 << 8
    static let deleteNoEntry = SQLITE_IOERR | 23 << 8
    static let memory = SQLITE_IOERR | 12 << 8
}
