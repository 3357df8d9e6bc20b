import Foundation
import MartletAccess
import MartletFrames
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@Suite("The table of secrets")
struct SecretTableTests {
    let folder: URL
    let database: SQLiteDatabase
    let table: SecretTable
    let time = Timestamp(microseconds: 1_700_000_000_000_000)

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-tests-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        database = try SQLiteDatabase(folder: folder.path())
        try database.migrate(TokenStore.migrations, at: time)
        let world = World(clock: VirtualClock(at: time), random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        table = SecretTable(vault: try Vault(in: world, folder: RelativePath.root / "vault"), limits: .init(secrets: 3, valueSize: 100))
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @discardableResult
    private func set(_ name: String, _ value: String) throws -> SecretTable.Entry {
        try database.write { try table.set(name, to: Secret(value), at: time, by: "user:root", $0) }
    }

    private func value(_ name: String) throws -> String? { try database.read { try table.value(of: name, $0)?.value.revealed } }

    @Test("a value is given back as it was set, has another version at each setting, and is nowhere on the disk")
    func values() throws {
        defer { remove() }
        let first = try set("warehouse", "hunter2-canary")
        let second = try set("mail_key-2", "päss wörd\n")
        let third = try set("warehouse", "another-canary")
        #expect([first, second, third].map(\.version) == [1, 2, 3])
        #expect(try value("warehouse") == "another-canary" && value("mail_key-2") == "päss wörd\n" && value("none") == nil)
        #expect(try database.read { try table.list($0) } == [second, third])
        // A version is not given again, so that what was kept under it is not taken for another value.
        #expect(try database.write { try table.remove("warehouse", $0) } == third)
        #expect(try set("warehouse", "hunter2-canary").version == 4)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path()) {
            let bytes = try Data(contentsOf: folder.appending(path: name))
            #expect(bytes.range(of: Data("canary".utf8)) == nil, "\(name)")
        }
        #expect(!"\(try database.read { try table.value(of: "warehouse", $0) } as Any)".contains("canary"))
    }

    @Test("sealed bytes open for their name and version alone")
    func swapped() throws {
        defer { remove() }
        try set("a", "value of a")
        try set("b", "value of b")
        try database.write { try $0.execute("UPDATE access_secrets SET sealed = (SELECT sealed FROM access_secrets WHERE name = 'b') WHERE name = 'a'") }
        #expect(throws: VaultError.self) { try value("a") }
        try database.write { try $0.execute("UPDATE access_secrets SET version = 9 WHERE name = 'b'") }
        #expect(throws: VaultError.self) { try value("b") }
    }

    @Test("names and values that cannot be taken are refused, without the value", arguments: [
        ("", "v"), ("1a", "v"), ("_a", "v"), ("a b", "v"), ("a#1", "v"), ("ä", "v"), (String(repeating: "a", count: 65), "v"), ("a", ""),
        ("a", String(repeating: "canary", count: 17)), ("a", "canary" + String(repeating: "x", count: 95)), ("a", "canary\u{0}"),
    ])
    func refused(_ name: String, _ value: String) throws {
        defer { remove() }
        do {
            try set(name, value)
            Issue.record("it was taken")
        } catch let error as AccessError {
            #expect(error.code == .invalidSecret)
            #expect(!"\(error)".contains("canary"))
        }
        #expect(try database.read { try table.list($0) }.isEmpty)
    }

    @Test("what is at the limits is taken, and there are no more than may be")
    func limits() throws {
        defer { remove() }
        try set(String(repeating: "a", count: 64), String(repeating: "x", count: 100))
        try set("b", "x")
        try set("c", "x")
        #expect(throws: AccessError.self) { try set("d", "x") }
        try set("c", "y")
        #expect(throws: AccessError.self) { try database.write { try table.remove("d", $0) } }
    }
}

@Suite("Tokens that pass")
struct PassingTokensTests {
    @Test("hold for whom they were issued until they are revoked, and for no other text")
    func life() throws {
        let world = World(
            clock: VirtualClock(at: Timestamp(microseconds: 0)), random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        let tokens = PassingTokens<String>(
            hasher: try Vault(in: world, folder: RelativePath.root / "vault").tokenHasher, random: world.random)
        let (first, second) = (tokens.issue(to: "one"), tokens.issue(to: "two"))
        #expect(tokens.holder(presenting: first) == "one" && tokens.holder(presenting: second) == "two")
        for wrong in ["", "martlet_task_", first.revealed + "0", String(first.revealed.dropLast()), first.revealed.uppercased()] {
            #expect(tokens.holder(presenting: Secret(wrong)) == nil)
        }
        tokens.revoke(first)
        #expect(tokens.holder(presenting: first) == nil && tokens.holder(presenting: second) == "two" && tokens.count == 1)
        #expect("\(tokens)".contains(second.revealed) == false)
    }
}
