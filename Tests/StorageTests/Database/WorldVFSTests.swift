import MartletFrames
import MartletSimulation
@testable import MartletStorage
import MartletWorld
import Testing

@Suite("SQLite over a world's files")
struct WorldVFSTests {
    static func world(_ files: any FileSystem) -> World {
        World(clock: VirtualClock(at: Timestamp(microseconds: 0)), random: SeededRandom(seed: 1), files: files)
    }

    private static let table = Migration(part: "shop", number: 1, sql: "CREATE TABLE shop_items (name TEXT PRIMARY KEY)")

    private static func open(_ disk: SimulatedFileSystem) throws -> SQLiteDatabase {
        let database = try SQLiteDatabase(in: world(disk.newProcess()), folder: .root)
        try database.migrate([table], at: Timestamp(microseconds: 1))
        return database
    }

    private static func names(_ database: SQLiteDatabase) throws -> [String] {
        try database.read { try $0.rows("SELECT name FROM shop_items ORDER BY name").map { try $0.value("name") } }
    }

    @Test("keeps the port's contract on a simulated disk")
    func simulated() throws {
        try DatabaseContract { try SQLiteDatabase(in: Self.world(SimulatedFileSystem(seed: 1)), folder: .root) }.run()
    }

    @Test("keeps the port's contract on a real disk")
    func real() throws {
        let folder = try TemporaryFolder()
        let counter = Counter()
        try DatabaseContract {
            let name = try #require(RelativePath("\(counter.next())"))
            let files = try SystemFileSystem(root: folder.path)
            try files.createFolder(name)
            return try SQLiteDatabase(in: Self.world(files), folder: name)
        }.run()
    }

    @Test("a file that SQLite wrote by itself is read through a world, and the other way round")
    func sameFile() throws {
        let folder = try TemporaryFolder()
        let files = try SystemFileSystem(root: folder.path)
        for round in 0..<4 {
            let database =
                try round % 2 == 0 ? SQLiteDatabase(folder: folder.path) : SQLiteDatabase(in: Self.world(files), folder: .root)
            try database.migrate([Self.table], at: Timestamp(microseconds: 1))
            try database.write { try $0.execute("INSERT INTO shop_items VALUES (\("\(round)"))") }
            #expect(try Self.names(database) == (0...round).map(String.init))
            try database.close()
        }
    }

    @Test("a crash at any operation leaves each commit whole or absent, and what was acknowledged there", arguments: [false, true])
    func crashes(killsOnly: Bool) throws {
        var crashAt = 0
        while true {
            let disk = SimulatedFileSystem(seed: UInt64(crashAt), faults: FaultPlan(crashAt: crashAt))
            var acknowledged: [String] = []
            var last: String?
            do {
                let database = try Self.open(disk)
                for number in 0..<3 {
                    last = "\(number)"
                    try database.write { try $0.execute("INSERT INTO shop_items VALUES (\("\(number)"))") }
                    acknowledged.append("\(number)")
                }
                try database.close()
            } catch { #expect(disk.hasCrashed, "operation \(crashAt): \(error)") }
            let isPast = !disk.hasCrashed
            if killsOnly { disk.killProcesses() } else { disk.restart() }
            let found = try Self.names(Self.open(disk))
            #expect(found == acknowledged || found == acknowledged + [last].compactMap(\.self), "operation \(crashAt)")
            // What was read once is there for good.
            disk.restart()
            #expect(try Self.names(Self.open(disk)) == found, "operation \(crashAt)")
            if isPast { break }
            crashAt += 1
        }
        #expect(crashAt > 30)
    }

    @Test("a failed sync ends all writing, and nothing that was acknowledged before or after it is lost", arguments: 0..<30)
    func failedSync(number: Int) throws {
        let disk = SimulatedFileSystem(seed: UInt64(number), faults: FaultPlan(failingSyncs: [number]))
        var acknowledged: Set<String> = []
        do {
            let database = try Self.open(disk)
            for name in 0..<20 {
                let hadFailed = !disk.failedSyncs.isEmpty
                do {
                    try database.write { try $0.execute("INSERT INTO shop_items VALUES (\("\(name)"))") }
                    acknowledged.insert("\(name)")
                } catch {
                    #expect(hadFailed || !disk.failedSyncs.isEmpty, "\(error)")
                    #expect(throws: DatabaseError.self) {
                        try database.write { try $0.execute("INSERT INTO shop_items VALUES ('late')") }
                    }
                    break
                }
            }
        } catch { #expect(!disk.failedSyncs.isEmpty, "\(error)") }
        disk.restart()
        let found = Set(try Self.names(Self.open(disk)))
        #expect(found.isSuperset(of: acknowledged) && found.count <= acknowledged.count + 1 && !found.contains("late"))
    }

    @Test("a full disk refuses a commit, and takes the next when there is room")
    func fullDisk() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try Self.open(disk)
        disk.setCapacity(disk.contents().values.reduce(0) { $0 + $1.count } + 1_000)
        let error = #expect(throws: DatabaseError.self) { try database.write { try $0.execute("INSERT INTO shop_items VALUES ('a')") } }
        #expect(error?.code == .full)
        disk.setCapacity(.max)
        try database.write { try $0.execute("INSERT INTO shop_items VALUES ('b')") }
        disk.restart()
        #expect(try Self.names(Self.open(disk)) == ["b"])
    }
}
