import MartletWorld
import Testing

/// What every implementation of `FileSystem` must do.
struct FileSystemContract {
    var makeFiles: () throws -> any FileSystem

    func check() throws {
        try readsBackWhatWasWritten()
        try refusesWhatItShould()
        try listsRenamesAndRemoves()
        try locksOnce()
    }

    private func readsBackWhatWasWritten() throws {
        let files = try makeFiles()
        let file = try files.open(.root / "a", .createNew)
        try file.write([1, 2, 3, 4], at: 0)
        try file.write([9], at: 6)
        #expect(try file.read(at: 0, count: 100) == [1, 2, 3, 4, 0, 0, 9])
        #expect(try file.read(at: 2, count: 2) == [3, 4])
        #expect(try file.read(at: 100, count: 5) == [])
        try file.truncate(to: 2)
        #expect(try file.size() == 2)
        try file.sync()
        #expect(try files.open(.root / "a", .read).read(at: 0, count: 9) == [1, 2])
        #expect(try files.size(.root / "a") == 2)
        #expect(try files.size(.root / "absent") == nil)
    }

    private func refusesWhatItShould() throws {
        let files = try makeFiles()
        #expect { try files.open(.root / "a", .read) } throws: { ($0 as? FileError)?.kind == .notFound }
        _ = try files.open(.root / "a", .createNew)
        #expect { try files.open(.root / "a", .createNew) } throws: { ($0 as? FileError)?.kind == .alreadyExists }
        #expect { try files.open(.root / "folder" / "a", .write) } throws: { ($0 as? FileError)?.kind == .notFound }
        #expect { try files.remove(.root / "b") } throws: { ($0 as? FileError)?.kind == .notFound }
    }

    private func listsRenamesAndRemoves() throws {
        let files = try makeFiles()
        try files.createFolder(.root / "one" / "two")
        try files.createFolder(.root / "one" / "two")
        try files.open(.root / "one" / "b", .write).write([1], at: 0)
        try files.open(.root / "one" / "a", .write).write([2], at: 0)
        #expect(try files.list(.root / "one") == ["a", "b", "two"])
        try files.rename(.root / "one" / "b", to: .root / "one" / "a")
        try files.syncFolder(.root / "one")
        #expect(try files.list(.root / "one") == ["a", "two"])
        #expect(try files.open(.root / "one" / "a", .read).read(at: 0, count: 1) == [1])
        try files.remove(.root / "one" / "a")
        #expect(try files.list(.root / "one") == ["two"])
        #expect(throws: FileError.self) { try files.removeFolder(.root / "one") }
        #expect { try files.removeFolder(.root / "none") } throws: { ($0 as? FileError)?.kind == .notFound }
        try files.open(.root / "one" / "two" / "a", .write).write([1], at: 0)
        #expect(throws: FileError.self) { try files.removeFolder(.root / "one" / "two") }
        try files.remove(.root / "one" / "two" / "a")
        try files.removeFolder(.root / "one" / "two")
        #expect(try files.list(.root / "one") == [])
    }

    private func locksOnce() throws {
        let files = try makeFiles()
        var lock = try files.lock(.root / "lock")
        #expect(lock != nil)
        #expect(try files.lock(.root / "lock") == nil)
        lock = nil
        #expect(try files.lock(.root / "lock") != nil)
    }
}
