import Foundation
import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@Suite("World")
struct WorldTests {
    @Test("the real file system keeps the contract")
    func systemContract() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileSystemContract(makeFiles: {
            try SystemFileSystem(root: folder).createFolder(.root)
            let root = folder + "/" + UUID().uuidString
            return try SystemFileSystem(root: root)
        }).check()
    }

    @Test("the simulated file system keeps the contract")
    func simulatedContract() throws {
        try FileSystemContract(makeFiles: { SimulatedFileSystem(seed: 1) }).check()
    }

    @Test("a lock that is given back is free, even if a process that was just started has a copy of its descriptor")
    func lockOutlivesNoCopy() throws {
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appending(path: UUID().uuidString).path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = try SystemFileSystem(root: folder)
        var lock = try files.lock(.root / "lock")
        let own = (try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).compactMap { Int32($0) }.first {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == folder + "/lock"
        }
        let copy = dup(try #require(own))
        defer { close(copy) }
        #expect(lock != nil)
        lock = nil
        #expect(try files.lock(.root / "lock") != nil)
    }

    @Test("no path leads out of the root", arguments: ["..", "a/../b", "/a", "a//b", "", "a/", ".", "a\0b"])
    func pathsStayInside(_ text: String) {
        #expect(RelativePath(text) == nil)
    }

    @Test("a symbolic link below the root is not followed")
    func linksAreNotFollowed() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = try SystemFileSystem(root: folder)
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "/etc")
        try FileManager.default.createSymbolicLink(atPath: folder + "/file", withDestinationPath: "/etc/passwd")
        #expect(throws: FileError.self) { try files.open(.root / "link" / "passwd", .read) }
        #expect { try files.open(.root / "file", .read) } throws: { ($0 as? FileError)?.kind == .notPermitted }
    }

    @Test("time passes only when told, and the time of day can jump")
    func virtualClock() {
        let clock = VirtualClock(at: Timestamp(microseconds: 5))
        clock.advance(by: .seconds(1))
        #expect(clock.now().microseconds == 1_000_005)
        #expect(clock.monotonicNanoseconds() == 1_000_000_000)
        clock.jump(to: Timestamp(microseconds: 0))
        #expect(clock.now().microseconds == 0)
        #expect(clock.monotonicNanoseconds() == 1_000_000_000)
    }
}

@Suite("Simulated crashes")
struct SimulatedCrashTests {
    @Test("what was synced survives every crash", arguments: 0..<50)
    func syncedSurvives(_ seed: UInt64) throws {
        let files = SimulatedFileSystem(seed: seed)
        let file = try files.open(.root / "a", .write)
        try file.write([UInt8](repeating: 7, count: 3_000), at: 0)
        try file.sync()
        try files.syncFolder(.root)
        try file.write([UInt8](repeating: 8, count: 3_000), at: 3_000)
        files.restart()
        let bytes = try files.open(.root / "a", .read).read(at: 0, count: 10_000)
        #expect(bytes.prefix(3_000).allSatisfy { $0 == 7 }, "seed \(seed)")
    }

    @Test("unsynced bytes are kept, lost and torn at sectors over the seeds")
    func unsyncedIsAnything() throws {
        var outcomes: Set<String> = []
        for seed in 0..<200 {
            let files = SimulatedFileSystem(seed: UInt64(seed))
            let file = try files.open(.root / "a", .write)
            try files.syncFolder(.root)
            try file.write([UInt8](repeating: 7, count: 1_024), at: 0)
            files.restart()
            let bytes = try files.open(.root / "a", .read).read(at: 0, count: 2_000)
            switch bytes.count { case 0: outcomes.insert("lost"); case 1_024: outcomes.insert(bytes[0] == 7 ? "kept" : "torn"); default: outcomes.insert("torn") }
        }
        #expect(outcomes == ["lost", "kept", "torn"])
    }

    @Test("a name whose folder was not synced can vanish")
    func namesVanish() throws {
        let vanished = try (0..<50).filter { seed in
            let files = SimulatedFileSystem(seed: UInt64(seed))
            let file = try files.open(.root / "a", .write)
            try file.write([1], at: 0)
            try file.sync()
            files.restart()
            return try files.size(.root / "a") == nil
        }
        #expect(!vanished.isEmpty && vanished.count < 50)
    }

    @Test("a failed sync loses its bytes even if a later sync succeeds")
    func failedSync() throws {
        let files = SimulatedFileSystem(seed: 3, faults: FaultPlan(failingSyncs: [0]))
        let file = try files.open(.root / "a", .write)
        try files.syncFolder(.root)
        try file.write([1, 2, 3], at: 0)
        #expect(throws: FileError.self) { try file.sync() }
        try file.write([4], at: 3)
        let durable = SimulatedFileSystemProbe(files)
        files.restart()
        #expect(durable.sawAll)
        #expect(try files.open(.root / "a", .read).read(at: 0, count: 3) != [1, 2, 3])
    }

    @Test("after the planted crash nothing answers until restart")
    func crashStopsEverything() throws {
        let files = SimulatedFileSystem(seed: 1, faults: FaultPlan(crashAt: 1))
        let file = try files.open(.root / "a", .write)
        #expect(throws: FileError.self) { try file.write([1], at: 0) }
        #expect(files.hasCrashed)
        #expect(throws: FileError.self) { try files.list(.root) }
        files.restart()
        _ = try files.list(.root)
    }

    @Test("a killed process reaches nothing any more; the next sees what was not synced, until the power goes")
    func killedProcess() throws {
        let files = SimulatedFileSystem(seed: 5)
        let first = files.newProcess()
        let file = try first.open(.root / "a", .write)
        try files.syncFolder(.root)
        try file.write([1, 2, 3], at: 0)
        #expect(try first.lock(.root / "lock") != nil)
        files.killProcesses()
        #expect(throws: FileError.self) { try file.write([9], at: 0) }
        #expect(throws: FileError.self) { try file.sync() }
        #expect(throws: FileError.self) { try first.remove(.root / "a") }
        let second = files.newProcess()
        #expect(try second.open(.root / "a", .read).read(at: 0, count: 9) == [1, 2, 3])
        #expect(try second.lock(.root / "lock") != nil)
        files.restart()
        #expect(throws: FileError.self) { try second.list(.root) }
    }

    @Test("a full disk refuses, and takes bytes again when there is room")
    func fullDisk() throws {
        let files = SimulatedFileSystem(seed: 1, capacity: 10)
        let file = try files.open(.root / "a", .write)
        #expect { try file.write([UInt8](repeating: 1, count: 11), at: 0) } throws: { ($0 as? FileError)?.kind == .full }
        files.setCapacity(100)
        try file.write([UInt8](repeating: 1, count: 11), at: 0)
        #expect(try file.size() == 11)
    }
}

/// Shows that bytes of a failed sync are still readable before the crash, as on a real machine.
private struct SimulatedFileSystemProbe {
    let sawAll: Bool

    init(_ files: SimulatedFileSystem) {
        sawAll = files.contents()["a"] == [1, 2, 3, 4]
    }
}
