public import MartletWorld
import Synchronization

/// Files in memory that behave as badly as the fault model allows.
///
/// What was not synced when the machine crashes is kept, lost or torn at a sector of 512 bytes, each write on its own;
/// so are names whose folder was not synced. Folders themselves are durable once created. Everything follows from the
/// seed, and operations are counted, so that a fault can be planted at each of them in turn.
public final class SimulatedFileSystem: FileSystem {
    private let disk: SimulatedDisk
    /// The process that these files are opened by; nil for one that outlives every crash, as a test itself does.
    private let process: Int?

    public init(seed: UInt64, faults: FaultPlan = FaultPlan(), capacity: Int = .max) {
        disk = SimulatedDisk(State(random: SplitMix64(seed: seed), faults: faults, capacity: capacity))
        process = nil
    }

    private init(_ disk: SimulatedDisk, process: Int) {
        self.disk = disk
        self.process = process
    }

    /// The same files as a process that starts now sees them: once it is killed or the power is cut, every operation
    /// through this view, and on files opened through it, fails and changes nothing.
    public func newProcess() -> SimulatedFileSystem {
        SimulatedFileSystem(disk, process: disk.state.withLock { $0.epoch })
    }

    /// Ends all processes while the machine goes on: locks are let go, and what was not synced is still seen. After a
    /// planted crash it makes that a crash of the process alone.
    public func killProcesses(faults: FaultPlan = FaultPlan()) {
        disk.state.withLock { $0.endProcesses(faults: faults) }
    }

    /// The files whose syncs failed since the last restart, in order.
    public var failedSyncs: [String] { disk.state.withLock { $0.failedSyncs } }

    /// How many writes found the disk full since the last restart.
    public var fullWriteCount: Int { disk.state.withLock { $0.fullWriteCount } }

    /// How many operations that change something were started.
    public var operationCount: Int { disk.state.withLock { $0.operationCount } }

    /// How many file syncs were started.
    public var syncCount: Int { disk.state.withLock { $0.syncCount } }

    /// Whether the planted crash has happened: every operation fails until ``restart(faults:)``.
    public var hasCrashed: Bool { disk.state.withLock { $0.hasCrashed } }

    /// Bytes that all files may hold together, from now on.
    public func setCapacity(_ bytes: Int) {
        disk.state.withLock { $0.capacity = bytes }
    }

    /// Cuts the power if the planted crash has not done so, then comes up with what survived.
    public func restart(faults: FaultPlan = FaultPlan()) {
        disk.state.withLock { $0.restart(faults: faults) }
    }

    /// The bytes of every file as they are now, for byte scans and for planting damage.
    public func contents() -> [String: [UInt8]] {
        disk.state.withLock { state in
            Dictionary(uniqueKeysWithValues: state.names.map { ($0.key.description, state.inodes[$0.value]?.bytes ?? []) })
        }
    }

    /// Replaces a file's bytes behind the program's back, as a bad disk would.
    public func damage(_ path: RelativePath, _ change: (inout [UInt8]) -> Void) {
        disk.state.withLock { state in
            guard let number = state.names[path], var inode = state.inodes[number] else { return }
            change(&inode.bytes)
            inode.durable = inode.bytes
            inode.pending = []
            state.inodes[number] = inode
        }
    }

    public func open(_ path: RelativePath, _ access: FileAccess) throws(FileError) -> any File {
        let number = try perform { state throws(FileError) in
            let existing = state.names[path]
            switch (access, existing) {
            case (.read, nil): throw FileError(.notFound, operation: "open", path: path.description)
            case (.createNew, _?): throw FileError(.alreadyExists, operation: "open", path: path.description)
            case (_, let number?): return number
            case (_, nil):
                guard state.folders.contains(path.parent) else { throw FileError(.notFound, operation: "open", path: path.description) }
                try state.begin("create", path)
                let number = state.nextInode
                state.nextInode += 1
                state.inodes[number] = Inode()
                state.change(.link(path, number))
                try state.end("create", path)
                return number
            }
        }
        return SimulatedFile(system: self, inode: number, path: path)
    }

    public func list(_ folder: RelativePath) throws(FileError) -> [String] {
        try perform { state throws(FileError) in
            guard state.folders.contains(folder) else { throw FileError(.notFound, operation: "list", path: folder.description) }
            let files = state.names.keys.filter { $0.parent == folder }.map(\.name)
            let folders = state.folders.filter { $0 != .root && $0.parent == folder }.map(\.name)
            return (files + folders).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    public func createFolder(_ folder: RelativePath) throws(FileError) {
        try perform { state throws(FileError) in
            var path = folder
            while path != .root {
                state.folders.insert(path)
                path = path.parent
            }
        }
    }

    public func rename(_ source: RelativePath, to target: RelativePath) throws(FileError) {
        try perform { state throws(FileError) in
            guard let number = state.names[source] else { throw FileError(.notFound, operation: "rename", path: source.description) }
            try state.begin("rename", source)
            state.change(.rename(source, target, number))
            try state.end("rename", source)
        }
    }

    public func remove(_ path: RelativePath) throws(FileError) {
        try perform { state throws(FileError) in
            guard state.names[path] != nil else { throw FileError(.notFound, operation: "remove", path: path.description) }
            try state.begin("remove", path)
            state.change(.unlink(path))
            try state.end("remove", path)
        }
    }

    public func removeFolder(_ folder: RelativePath) throws(FileError) {
        try perform { state throws(FileError) in
            guard folder != .root, state.folders.contains(folder) else {
                throw FileError(.notFound, operation: "remove the folder", path: folder.description)
            }
            guard !state.names.keys.contains(where: { $0.parent == folder }), !state.folders.contains(where: { $0 != .root && $0.parent == folder })
            else { throw FileError(.failed, operation: "remove the folder", path: folder.description) }
            state.folders.remove(folder)
        }
    }

    public func syncFolder(_ folder: RelativePath) throws(FileError) {
        try perform { state throws(FileError) in
            try state.begin("sync the folder", folder)
            state.syncNames(in: folder)
            try state.end("sync the folder", folder)
        }
    }

    public func size(_ path: RelativePath) throws(FileError) -> Int? {
        try perform { state throws(FileError) in
            state.names[path].flatMap { state.inodes[$0]?.bytes.count }
        }
    }

    public func lock(_ path: RelativePath) throws(FileError) -> (any FileLock)? {
        let epoch: Int? = try perform { state throws(FileError) in
            state.locks.insert(path).inserted ? state.epoch : nil
        }
        return epoch.map { SimulatedLock(system: self, path: path, epoch: $0) }
    }

    public func absolutePath(_ path: RelativePath) -> String? { nil }

    fileprivate func unlock(_ path: RelativePath, epoch: Int) {
        disk.state.withLock { if $0.epoch == epoch { $0.locks.remove(path) } }
    }

    fileprivate func perform<Result: Sendable>(
        _ body: (inout State) throws(FileError) -> Result
    ) throws(FileError) -> Result {
        // The lock's closure cannot carry a typed error out, so the outcome leaves as a value.
        let outcome: Swift.Result<Result, FileError> = disk.state.withLock { state in
            if let process, process != state.epoch {
                return .failure(FileError(.failed, operation: "reach", path: "files of a process that has ended"))
            }
            if state.hasCrashed { return .failure(FileError(.failed, operation: "reach", path: "the crashed machine")) }
            do throws(FileError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

/// Which faults happen, by the number of the operation; numbers start at 0.
public struct FaultPlan: Sendable {
    /// The change during which the machine crashes: it may have happened, in part or not at all.
    public var crashAt: Int?
    /// File syncs that fail; what they should have made durable is lost at the next crash.
    public var failingSyncs: Set<Int>
    /// Writes that find the disk full after a part of them.
    public var fullWrites: Set<Int>

    public init(crashAt: Int? = nil, failingSyncs: Set<Int> = [], fullWrites: Set<Int> = []) {
        self.crashAt = crashAt
        self.failingSyncs = failingSyncs
        self.fullWrites = fullWrites
    }
}

/// One disk, which the processes of a simulation share.
private final class SimulatedDisk: Sendable {
    /// Guards all state.
    let state: Mutex<State>

    init(_ state: State) {
        self.state = Mutex(state)
    }
}

private struct Inode {
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)
    }

    /// What a reader sees.
    var bytes: [UInt8] = []
    /// What a crash leaves for certain.
    var durable: [UInt8] = []
    /// What was done since the last sync, in order.
    var pending: [Change] = []

    static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let written):
            if bytes.count < offset + written.count {
                bytes.append(contentsOf: repeatElement(0, count: offset + written.count - bytes.count))
            }
            bytes.replaceSubrange(offset..<(offset + written.count), with: written)
        case .truncate(let size):
            if size <= bytes.count { bytes.removeLast(bytes.count - size) } else { bytes.append(contentsOf: repeatElement(0, count: size - bytes.count)) }
        }
    }
}

private enum NameChange {
    case link(RelativePath, Int)
    case unlink(RelativePath)
    case rename(RelativePath, RelativePath, Int)

    func touches(_ folder: RelativePath) -> Bool {
        switch self {
        case .link(let path, _), .unlink(let path): path.parent == folder
        case .rename(let source, let target, _): source.parent == folder || target.parent == folder
        }
    }

    func apply(to names: inout [RelativePath: Int]) {
        switch self {
        case .link(let path, let number): names[path] = number
        case .unlink(let path): names[path] = nil
        case .rename(let source, let target, let number):
            if names[source] == number { names[source] = nil }
            names[target] = number
        }
    }
}

private struct State {
    static let sector = 512

    var random: SplitMix64
    var faults: FaultPlan
    var capacity: Int
    var inodes: [Int: Inode] = [:]
    var nextInode = 0
    var names: [RelativePath: Int] = [:]
    var durableNames: [RelativePath: Int] = [:]
    var pendingNames: [NameChange] = []
    var folders: Set<RelativePath> = [.root]
    var locks: Set<RelativePath> = []
    var epoch = 0
    var operationCount = 0
    var syncCount = 0
    var writeCount = 0
    var failedSyncs: [String] = []
    var fullWriteCount = 0
    var hasCrashed = false
    private var crashesAtEnd = false

    init(random: SplitMix64, faults: FaultPlan, capacity: Int) {
        self.random = random
        self.faults = faults
        self.capacity = capacity
    }

    /// Counts an operation; if it is the one that crashes, half the time before it has any effect.
    mutating func begin(_ operation: String, _ path: RelativePath) throws(FileError) {
        defer { operationCount += 1 }
        guard faults.crashAt == operationCount else { return }
        if Bool.random(using: &random) {
            hasCrashed = true
            throw FileError(.failed, operation: operation, path: path.description)
        }
        crashesAtEnd = true
    }

    mutating func end(_ operation: String, _ path: RelativePath) throws(FileError) {
        guard crashesAtEnd else { return }
        crashesAtEnd = false
        hasCrashed = true
        throw FileError(.failed, operation: operation, path: path.description)
    }

    mutating func change(_ change: NameChange) {
        change.apply(to: &names)
        pendingNames.append(change)
    }

    mutating func syncNames(in folder: RelativePath) {
        for change in pendingNames where change.touches(folder) { change.apply(to: &durableNames) }
        pendingNames.removeAll { $0.touches(folder) }
    }

    mutating func restart(faults: FaultPlan) {
        // Names: any subset of what was not synced survives, in order.
        for change in pendingNames where Bool.random(using: &random) { change.apply(to: &durableNames) }
        names = durableNames
        pendingNames = []
        // Bytes: each unsynced change survives whole, in part or not at all.
        for (number, inode) in inodes.sorted(by: { $0.key < $1.key }) {
            var survived = Inode(bytes: inode.durable)
            for change in inode.pending { applySurviving(change, to: &survived.bytes) }
            survived.durable = survived.bytes
            inodes[number] = survived
        }
        let reachable = Set(names.values)
        inodes = inodes.filter { reachable.contains($0.key) }
        endProcesses(faults: faults)
    }

    mutating func endProcesses(faults: FaultPlan) {
        hasCrashed = false
        crashesAtEnd = false
        locks = []
        epoch += 1
        operationCount = 0
        syncCount = 0
        writeCount = 0
        failedSyncs = []
        fullWriteCount = 0
        self.faults = faults
    }

    private mutating func applySurviving(_ change: Inode.Change, to bytes: inout [UInt8]) {
        guard case .write(let offset, let written) = change else {
            if Bool.random(using: &random) { Inode.apply(change, to: &bytes) }
            return
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: break
        case 1, 2: Inode.apply(change, to: &bytes)
        default:
            var start = offset
            while start < offset + written.count {
                let end = min((start / State.sector + 1) * State.sector, offset + written.count)
                if Bool.random(using: &random) {
                    Inode.apply(.write(offset: start, bytes: Array(written[(start - offset)..<(end - offset)])), to: &bytes)
                }
                start = end
            }
        }
    }
}

private struct SimulatedFile: File {
    let system: SimulatedFileSystem
    let inode: Int
    let path: RelativePath

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try system.perform { state throws(FileError) in
            let bytes = state.inodes[inode]?.bytes ?? []
            guard offset < bytes.count else { return [] }
            return Array(bytes[offset..<min(offset + count, bytes.count)])
        }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try system.perform { state throws(FileError) in
            try state.begin("write", path)
            let number = state.writeCount
            state.writeCount += 1
            let used = state.inodes.values.reduce(0) { $0 + $1.bytes.count }
            let growth = max(0, offset + bytes.count - (state.inodes[inode]?.bytes.count ?? 0))
            var isFull = state.faults.fullWrites.contains(number)
            var room = bytes.count
            if used + growth > state.capacity {
                isFull = true
                room = max(0, bytes.count - (used + growth - state.capacity))
            }
            if isFull { state.fullWriteCount += 1 }
            let written = isFull ? Array(bytes.prefix(Int.random(in: 0...room, using: &state.random))) : bytes
            if !written.isEmpty {
                let change = Inode.Change.write(offset: offset, bytes: written)
                state.inodes[inode, default: Inode()].pending.append(change)
                Inode.apply(change, to: &state.inodes[inode, default: Inode()].bytes)
            }
            try state.end("write", path)
            if isFull { throw FileError(.full, operation: "write", path: path.description) }
        }
    }

    func sync() throws(FileError) {
        try system.perform { state throws(FileError) in
            try state.begin("sync", path)
            let number = state.syncCount
            state.syncCount += 1
            if state.faults.failingSyncs.contains(number) {
                // The kernel marks the pages clean: a later sync succeeds and the bytes are still not on the disk.
                state.inodes[inode]?.pending = []
                state.failedSyncs.append(path.description)
                throw FileError(.failed, operation: "sync", path: path.description)
            }
            // Only what is pending: bytes that a failed sync lost do not become durable by a later one.
            // Taken out, so that its bytes are changed where they are.
            if var file = state.inodes.removeValue(forKey: inode) {
                for change in file.pending { Inode.apply(change, to: &file.durable) }
                file.pending = []
                state.inodes[inode] = file
            }
            try state.end("sync", path)
        }
    }

    func truncate(to size: Int) throws(FileError) {
        try system.perform { state throws(FileError) in
            try state.begin("truncate", path)
            let change = Inode.Change.truncate(size: size)
            state.inodes[inode, default: Inode()].pending.append(change)
            Inode.apply(change, to: &state.inodes[inode, default: Inode()].bytes)
            try state.end("truncate", path)
        }
    }

    func size() throws(FileError) -> Int {
        try system.perform { state throws(FileError) in state.inodes[inode]?.bytes.count ?? 0 }
    }
}

private final class SimulatedLock: FileLock {
    let system: SimulatedFileSystem
    let path: RelativePath
    let epoch: Int

    init(system: SimulatedFileSystem, path: RelativePath, epoch: Int) {
        self.system = system
        self.path = path
        self.epoch = epoch
    }

    deinit {
        system.unlock(path, epoch: epoch)
    }
}
