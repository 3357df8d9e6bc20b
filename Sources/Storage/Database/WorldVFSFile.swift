internal import GRDBSQLite
internal import MartletWorld
internal import Synchronization

/// One file that SQLite has open through a ``WorldVFS``.
///
/// `@unchecked Sendable`: SQLite uses a file from one thread at a time, and what files share is behind a lock.
final class WorldVFSFile: @unchecked Sendable {
    private let file: any File
    /// Holds the registration while the file is open.
    private let vfs: WorldVFS
    private let files: any FileSystem
    private let folder: RelativePath
    /// Whether the name may be new, so that the first sync must make it durable as well.
    private var syncsFolder: Bool
    private let shared: WorldVFSShared
    private var locks = WorldVFSShared.Holding()

    /// The bytes that SQLite keeps for a file: its own head, then the reference to this object.
    static let size = MemoryLayout<sqlite3_file>.size + MemoryLayout<UnsafeMutableRawPointer>.size

    init(
        _ file: any File, of vfs: WorldVFS, in files: any FileSystem, folder: RelativePath, syncsFolder: Bool,
        shared: WorldVFSShared
    ) {
        self.file = file
        self.vfs = vfs
        self.files = files
        self.folder = folder
        self.syncsFolder = syncsFolder
        self.shared = shared
    }

    /// Hands this object to SQLite, which holds it until it closes the file.
    func attach(to head: UnsafeMutablePointer<sqlite3_file>) {
        head.pointee.pMethods = UnsafePointer(Self.methods)
        UnsafeMutableRawPointer(head).storeBytes(
            of: Unmanaged.passRetained(self).toOpaque(), toByteOffset: MemoryLayout<sqlite3_file>.size,
            as: UnsafeMutableRawPointer.self)
    }

    private static func reference(_ head: UnsafeMutablePointer<sqlite3_file>) -> Unmanaged<WorldVFSFile> {
        .fromOpaque(
            UnsafeMutableRawPointer(head).load(
                fromByteOffset: MemoryLayout<sqlite3_file>.size, as: UnsafeMutableRawPointer.self))
    }

    private static func of(_ head: UnsafeMutablePointer<sqlite3_file>?) -> WorldVFSFile? {
        head.map { reference($0).takeUnretainedValue() }
    }

    private func read(_ buffer: UnsafeMutableRawPointer?, _ count: Int32, _ offset: Int64) -> Int32 {
        guard let buffer else { return SQLiteIOError.read }
        do throws(FileError) {
            let bytes = try file.read(at: Int(offset), count: Int(count))
            bytes.withUnsafeBytes { if let base = $0.baseAddress { buffer.copyMemory(from: base, byteCount: $0.count) } }
            if bytes.count == Int(count) { return SQLITE_OK }
            // What a file lacks is to be read as zeros.
            (buffer + bytes.count).initializeMemory(as: UInt8.self, repeating: 0, count: Int(count) - bytes.count)
            return SQLiteIOError.shortRead
        } catch { return SQLiteIOError.read }
    }

    private func write(_ buffer: UnsafeRawPointer?, _ count: Int32, _ offset: Int64) -> Int32 {
        do throws(FileError) {
            try file.write(Array(UnsafeRawBufferPointer(start: buffer, count: Int(count))), at: Int(offset))
            return SQLITE_OK
        } catch { return error.kind == .full ? SQLITE_FULL : SQLiteIOError.write }
    }

    private func sync() -> Int32 {
        do throws(FileError) { try file.sync() } catch { return SQLiteIOError.sync }
        guard syncsFolder else { return SQLITE_OK }
        do throws(FileError) { try files.syncFolder(folder) } catch { return SQLiteIOError.syncFolder }
        syncsFolder = false
        return SQLITE_OK
    }

    private func truncate(to size: Int64) -> Int32 {
        do throws(FileError) {
            try file.truncate(to: Int(size))
            return SQLITE_OK
        } catch { return SQLiteIOError.truncate }
    }

    private func size(_ result: UnsafeMutablePointer<Int64>?) -> Int32 {
        do throws(FileError) {
            result?.pointee = Int64(try file.size())
            return SQLITE_OK
        } catch { return SQLiteIOError.size }
    }

    /// What every file does, in the order of SQLite's header; made once and never freed.
    nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: sqlite3_io_methods())
        methods.pointee.iVersion = 2
        methods.pointee.xClose = { head in
            guard let head else { return SQLITE_OK }
            let reference = WorldVFSFile.reference(head)
            let file = reference.takeUnretainedValue()
            file.shared.leave(&file.locks)
            reference.release()
            return SQLITE_OK
        }
        methods.pointee.xRead = { WorldVFSFile.of($0)?.read($1, $2, $3) ?? SQLiteIOError.read }
        methods.pointee.xWrite = { WorldVFSFile.of($0)?.write($1, $2, $3) ?? SQLiteIOError.write }
        methods.pointee.xTruncate = { WorldVFSFile.of($0)?.truncate(to: $1) ?? SQLiteIOError.truncate }
        methods.pointee.xSync = { head, _ in WorldVFSFile.of(head)?.sync() ?? SQLiteIOError.sync }
        methods.pointee.xFileSize = { WorldVFSFile.of($0)?.size($1) ?? SQLiteIOError.size }
        methods.pointee.xLock = { head, level in
            guard let file = WorldVFSFile.of(head) else { return SQLITE_BUSY }
            return file.shared.lock(level, &file.locks) ? SQLITE_OK : SQLITE_BUSY
        }
        methods.pointee.xUnlock = { head, level in
            if let file = WorldVFSFile.of(head) { file.shared.unlock(to: level, &file.locks) }
            return SQLITE_OK
        }
        methods.pointee.xCheckReservedLock = { head, result in
            result?.pointee = WorldVFSFile.of(head)?.shared.isReserved == true ? 1 : 0
            return SQLITE_OK
        }
        methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.pointee.xSectorSize = { _ in 4_096 }
        // A write that is cut off leaves the bytes beside it alone: what SQLite assumes of every disk on Unix, too.
        methods.pointee.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
        methods.pointee.xShmMap = { head, region, size, extends, result in
            guard let file = WorldVFSFile.of(head) else { return SQLiteIOError.memory }
            result?.pointee = file.shared.region(Int(region), size: Int(size), extends: extends != 0, &file.locks)
            return SQLITE_OK
        }
        methods.pointee.xShmLock = { head, first, count, flags in
            guard let file = WorldVFSFile.of(head) else { return SQLITE_BUSY }
            return file.shared.lockShared(Int(first)..<Int(first + count), flags, &file.locks) ? SQLITE_OK : SQLITE_BUSY
        }
        methods.pointee.xShmBarrier = { head in WorldVFSFile.of(head)?.shared.barrier() }
        methods.pointee.xShmUnmap = { head, _ in
            if let file = WorldVFSFile.of(head) { file.shared.unmap(&file.locks) }
            return SQLITE_OK
        }
        return methods
    }()
}

/// What the connections of one database share about one file: its locks, and the index of the write-ahead log, whose
/// bytes SQLite guards by the locks that are kept here.
final class WorldVFSShared: Sendable {
    /// What one open file holds.
    struct Holding {
        /// SQLite's level of the file's lock: none 0, shared 1, reserved 2, pending 3, exclusive 4.
        var level: Int32 = 0
        var sharedSlots: Set<Int> = []
        var exclusiveSlots: Set<Int> = []
        var isMapped = false
    }

    private struct State {
        var sharedHolders = 0
        /// The level of the one file that holds more than a shared lock; 0 if none does.
        var writerLevel: Int32 = 0
        /// Of each slot of the index's locks, how many hold it; −1 for one that holds it alone.
        var slots = [Int](repeating: 0, count: Int(SQLITE_SHM_NLOCK))
        /// Their addresses.
        var regions: [UInt] = []
        var mappings = 0
    }

    /// Guards all of it.
    private let state = Mutex(State())

    /// Whether the lock could be raised to a level.
    func lock(_ level: Int32, _ holding: inout Holding) -> Bool {
        if holding.level >= level { return true }
        let held = holding.level
        let reached = state.withLock { state -> Int32 in
            if level == SQLITE_LOCK_SHARED {
                guard state.writerLevel < Self.pending else { return held }
                state.sharedHolders += 1
                return level
            }
            let isWriter = held > SQLITE_LOCK_SHARED
            guard isWriter || state.writerLevel == 0 else { return held }
            if level < SQLITE_LOCK_EXCLUSIVE {
                state.writerLevel = level
                return level
            }
            // Readers that are in finish; no new ones come.
            let alone = state.sharedHolders <= 1
            state.writerLevel = alone ? level : Self.pending
            return state.writerLevel
        }
        holding.level = reached
        return reached >= level
    }

    func unlock(to level: Int32, _ holding: inout Holding) {
        guard holding.level > level else { return }
        let held = holding.level
        state.withLock { state in
            if held > SQLITE_LOCK_SHARED { state.writerLevel = 0 }
            if level == SQLITE_LOCK_NONE { state.sharedHolders -= 1 }
        }
        holding.level = level
    }

    var isReserved: Bool { state.withLock { $0.writerLevel > 0 } }

    private static let pending: Int32 = 3

    /// A region of the index; nil if it is not there and is not to be made.
    func region(_ number: Int, size: Int, extends: Bool, _ holding: inout Holding) -> UnsafeMutableRawPointer? {
        let isFirst = !holding.isMapped
        holding.isMapped = true
        // Out of the lock goes an address, for a pointer is no value that may leave it.
        let address = state.withLock { state -> UInt in
            if isFirst { state.mappings += 1 }
            while extends, state.regions.count <= number {
                let region = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
                region.initializeMemory(as: UInt8.self, repeating: 0, count: size)
                state.regions.append(UInt(bitPattern: region))
            }
            return number < state.regions.count ? state.regions[number] : 0
        }
        return UnsafeMutableRawPointer(bitPattern: address)
    }

    /// Whether slots of the index's locks could be taken; giving them back always can.
    func lockShared(_ slots: Range<Int>, _ flags: Int32, _ holding: inout Holding) -> Bool {
        var next = holding
        let done = state.withLock { state in
            if flags & SQLITE_SHM_UNLOCK != 0 {
                for slot in slots {
                    if next.exclusiveSlots.remove(slot) != nil { state.slots[slot] = 0 }
                    if next.sharedSlots.remove(slot) != nil { state.slots[slot] -= 1 }
                }
                return true
            }
            if flags & SQLITE_SHM_SHARED != 0 {
                for slot in slots where !next.sharedSlots.contains(slot) {
                    guard state.slots[slot] >= 0 else { return false }
                    state.slots[slot] += 1
                    next.sharedSlots.insert(slot)
                }
                return true
            }
            for slot in slots where !next.exclusiveSlots.contains(slot) && state.slots[slot] != 0 { return false }
            for slot in slots {
                state.slots[slot] = -1
                next.exclusiveSlots.insert(slot)
            }
            return true
        }
        if done { holding = next }
        return done
    }

    /// Orders what was read and written before it with what comes after it, in all threads.
    func barrier() {
        state.withLock { _ in }
    }

    func unmap(_ holding: inout Holding) {
        guard holding.isMapped else { return }
        _ = lockShared(0..<Int(SQLITE_SHM_NLOCK), SQLITE_SHM_UNLOCK, &holding)
        holding.isMapped = false
        state.withLock { state in
            state.mappings -= 1
            guard state.mappings == 0 else { return }
            for region in state.regions { UnsafeMutableRawPointer(bitPattern: region)?.deallocate() }
            state.regions = []
        }
    }

    /// Gives back all that a file holds, when it is closed.
    func leave(_ holding: inout Holding) {
        unmap(&holding)
        unlock(to: SQLITE_LOCK_NONE, &holding)
    }
}
