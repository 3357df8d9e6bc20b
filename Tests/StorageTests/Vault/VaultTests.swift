import MartletFrames
import MartletSimulation
@testable import MartletStorage
import MartletWorld
import Testing

@Suite("The vault")
struct VaultTests {
    static let folder = RelativePath.root / "vault"
    static let space = PseudonymSpace(project: "rides", name: "rider_id")

    static func world(_ files: any FileSystem, seed: UInt64 = 1) -> World {
        World(clock: VirtualClock(at: Timestamp(microseconds: 0)), random: SeededRandom(seed: seed), files: files)
    }

    static func texts(_ texts: some Sequence<String>) -> StringStorage {
        var storage = StringStorage()
        for text in texts { storage.append(text) }
        return storage
    }

    @Test("a pseudonym that is given out is on the disk, though who made it was killed before the sync, or the sync failed")
    func killedBeforeSync() throws {
        var faults = (0..<40).map { FaultPlan(crashAt: $0) }
        faults += (0..<8).map { FaultPlan(failingSyncs: [$0]) }
        for (number, plan) in faults.enumerated() {
            let files = SimulatedFileSystem(seed: UInt64(number), faults: plan)
            func open(_ seed: UInt64) throws -> Vault { try Vault(in: Self.world(files.newProcess(), seed: seed), folder: Self.folder) }
            for (seed, name) in ["ann", "bob"].enumerated() {
                // One process for each, since one that met a failed sync gives out no more.
                _ = try? open(UInt64(seed)).pseudonyms(for: Self.texts([name]), in: Self.space, creating: true)
            }
            files.killProcesses()
            let given = try open(3).pseudonyms(for: Self.texts(["ann", "bob"]), in: Self.space, creating: false)
            files.restart()
            let kept = try open(4).pseudonyms(for: Self.texts(["ann", "bob"]), in: Self.space, creating: false)
            #expect(kept == given, "\(plan)")
        }
    }

    @Test("an identifier keeps its pseudonym, in its space, across restarts")
    func pseudonyms() throws {
        let files = SimulatedFileSystem(seed: 1)
        let names = ["ann", "bob", "ann", "", "cy"]
        let given: [UInt64?]
        do {
            let vault = try Vault(in: Self.world(files), folder: Self.folder)
            #expect(try vault.pseudonyms(for: Self.texts(names), in: Self.space, creating: false) == [nil, nil, nil, nil, nil])
            given = try vault.pseudonyms(for: Self.texts(names), in: Self.space, creating: true)
            #expect(given[0] == given[2])
            #expect(Set(given.compactMap(\.self)).count == 4)
            #expect(!given.contains(0))
            let other = try vault.pseudonyms(for: Self.texts(["ann"]), in: PseudonymSpace(project: "rides", name: "driver_id"), creating: true)
            #expect(other[0] != given[0])
        }
        files.restart()
        let vault = try Vault(in: Self.world(files, seed: 2), folder: Self.folder)
        #expect(try vault.pseudonyms(for: Self.texts(names + ["dee"]), in: Self.space, creating: false) == given + [nil])
        #expect(vault.identifier(of: try #require(given[1]), in: Self.space) == Array("bob".utf8))
        #expect(vault.identifier(of: 12_345, in: Self.space) == nil)
        #expect(vault.pseudonymCount(in: Self.space) == 4)
        let grown = try vault.pseudonyms(for: Self.texts(["dee", "ann"]), in: Self.space, creating: true)
        #expect(grown[1] == given[0] && grown[0] != nil && !given.contains(grown[0]))
    }

    @Test("one sync makes a batch durable, however many new identifiers it has")
    func oneSync() throws {
        let files = SimulatedFileSystem(seed: 1)
        let vault = try Vault(in: Self.world(files), folder: Self.folder)
        let before = files.syncCount
        _ = try vault.pseudonyms(for: Self.texts((0..<5_000).map { "person-\($0 % 2_000)" }), in: Self.space, creating: true)
        #expect(files.syncCount == before + 1)
        _ = try vault.pseudonyms(for: Self.texts((0..<5_000).map { "person-\($0 % 2_000)" }), in: Self.space, creating: true)
        #expect(files.syncCount == before + 1)
    }

    @Test("callers at one time agree on each identifier's pseudonym")
    func concurrentCallers() async throws {
        let files = SimulatedFileSystem(seed: 1)
        let vault = try Vault(in: Self.world(files), folder: Self.folder)
        let names = (0..<300).map { "person-\($0)" }
        let answers = await withTaskGroup(of: [String: UInt64?].self) { group in
            for shift in 0..<6 {
                group.addTask {
                    var answer: [String: UInt64?] = [:]
                    for start in stride(from: 0, to: 300, by: 50) {
                        let batch = (0..<50).map { names[(start + $0 * 7 + shift * 50) % 300] }
                        let given = (try? vault.pseudonyms(for: Self.texts(batch), in: Self.space, creating: true)) ?? []
                        for (name, pseudonym) in zip(batch, given) { answer[name] = pseudonym }
                    }
                    return answer
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var agreed: [String: UInt64] = [:]
        for answer in answers {
            #expect(!answer.isEmpty)
            for (name, pseudonym) in answer {
                let pseudonym = try #require(pseudonym)
                #expect(agreed[name, default: pseudonym] == pseudonym)
                agreed[name] = pseudonym
            }
        }
        #expect(vault.pseudonymCount(in: Self.space) == agreed.count)
        #expect(Set(agreed.values).count == agreed.count)
    }

    @Test("no identifier and no key stands in any byte outside memory")
    func byteScan() throws {
        let files = SimulatedFileSystem(seed: 1)
        let root = FixedRootKey()
        let vault = try Vault(in: Self.world(files), folder: Self.folder, rootKey: root)
        let canaries = (0..<50).map { "canary-\($0)-4929123456789012" }
        let given = try vault.pseudonyms(for: Self.texts(canaries), in: Self.space, creating: true)
        let sealed = try vault.seal(Array(canaries[0].utf8), for: .deadLetters, at: "rides/1")
        let scanned = files.contents().merging(["sealed": sealed]) { left, _ in left }
        #expect(scanned.count == 3)
        for (path, bytes) in scanned {
            #expect(!contains(bytes, Array("canary".utf8)), "\(path)")
            #expect(!contains(bytes, Array("rider_id".utf8)), "\(path)")
            #expect(!contains(bytes, Array(repeating: 7, count: 16)), "\(path)")
            for pseudonym in given.compactMap(\.self) {
                #expect(!contains(bytes, withUnsafeBytes(of: pseudonym.littleEndian, Array.init)), "\(path)")
            }
        }
        // The scan can see: what it looks for is found where it is in clear.
        #expect(contains(Array("xx\(canaries[3])".utf8), Array("canary".utf8)))
    }

    @Test("a crash at any operation loses no pseudonym that was given out, and never changes one")
    func crashes() throws {
        for seed in UInt64(0)..<60 {
            var operation = 0
            while true {
                let files = SimulatedFileSystem(seed: seed, faults: FaultPlan(crashAt: operation))
                var given: [String: UInt64] = [:]
                do {
                    let vault = try Vault(in: Self.world(files, seed: seed), folder: Self.folder)
                    for batch in 0..<4 {
                        let names = (0..<(batch * 40 + 1)).map { "person-\(batch)-\($0)" }
                        let pseudonyms = try vault.pseudonyms(for: Self.texts(names), in: Self.space, creating: true)
                        for (name, pseudonym) in zip(names, pseudonyms) { given[name] = pseudonym }
                    }
                } catch {}
                let crashed = files.hasCrashed
                files.restart()
                // Recovery may crash as well.
                for second in 0..<3 {
                    files.restart(faults: FaultPlan(crashAt: second))
                    _ = try? Vault(in: Self.world(files, seed: seed &+ 7), folder: Self.folder)
                }
                files.restart()
                let vault = try Vault(in: Self.world(files, seed: seed &+ 9), folder: Self.folder)
                let names = given.keys.sorted()
                let found = try vault.pseudonyms(for: Self.texts(names), in: Self.space, creating: false)
                #expect(found == names.map { given[$0] }, "seed \(seed), crash at operation \(operation)")
                let next = try vault.pseudonyms(for: Self.texts(["next"]), in: Self.space, creating: true)
                files.restart()
                let again = try Vault(in: Self.world(files, seed: seed &+ 11), folder: Self.folder)
                #expect(try again.pseudonyms(for: Self.texts(["next"]), in: Self.space, creating: false) == next)
                operation += 1
                if !crashed { break }
            }
            #expect(operation > 15)
        }
    }

    @Test("a failed sync gives out nothing and stops; known pseudonyms are still read")
    func failedSync() throws {
        let files = SimulatedFileSystem(seed: 1)
        let known: [UInt64?]
        do {
            let vault = try Vault(in: Self.world(files), folder: Self.folder)
            known = try vault.pseudonyms(for: Self.texts(["ann"]), in: Self.space, creating: true)
        }
        // The first sync is that of the start.
        files.restart(faults: FaultPlan(failingSyncs: [1]))
        let vault = try Vault(in: Self.world(files), folder: Self.folder)
        let failed = failure(VaultError.self) { try vault.pseudonyms(for: Self.texts(["bob"]), in: Self.space, creating: true) }
        #expect(failed?.code == .failed)
        let stopped = failure(VaultError.self) { try vault.pseudonyms(for: Self.texts(["cy"]), in: Self.space, creating: true) }
        #expect(stopped?.code == .stopped)
        #expect(try vault.pseudonyms(for: Self.texts(["ann", "bob"]), in: Self.space, creating: true == false) == known + [nil])
    }

    @Test("a full disk gives out nothing and needs no restart")
    func fullDisk() throws {
        let files = SimulatedFileSystem(seed: 1)
        let vault = try Vault(in: Self.world(files), folder: Self.folder)
        files.setCapacity(600)
        let names = (0..<100).map { "person-\($0)" }
        let full = failure(VaultError.self) { try vault.pseudonyms(for: Self.texts(names), in: Self.space, creating: true) }
        #expect(full?.code == .full)
        #expect(vault.pseudonymCount(in: Self.space) == 0)
        files.setCapacity(.max)
        let given = try vault.pseudonyms(for: Self.texts(names), in: Self.space, creating: true)
        files.restart()
        let again = try Vault(in: Self.world(files, seed: 5), folder: Self.folder)
        #expect(try again.pseudonyms(for: Self.texts(names), in: Self.space, creating: false) == given)
    }

    @Test("every flipped byte of the vault's files is noticed, wherever it is")
    func flippedBytes() throws {
        let files = SimulatedFileSystem(seed: 1)
        let root = FixedRootKey()
        do {
            let vault = try Vault(in: Self.world(files), folder: Self.folder, rootKey: root)
            for name in ["ann", "bob", "cy"] {
                _ = try vault.pseudonyms(for: Self.texts([name]), in: Self.space, creating: true)
            }
        }
        for path in ["vault/keys.sealed", "vault/pseudonyms.log"] {
            let good = try #require(files.contents()[path])
            // The last record may be a torn tail: its bytes are covered by the crash test.
            let end = path.hasSuffix("log") ? (good.count - 25) / 3 * 2 + 25 : good.count
            for index in 0..<end {
                files.damage(try #require(RelativePath(path))) { $0[index] ^= 0x10 }
                let error = failure(VaultError.self) { try Vault(in: Self.world(files), folder: Self.folder, rootKey: root) }
                #expect([.damaged, .wrongKey, .newerFormat].contains(error?.code), "byte \(index) of \(path)")
                files.damage(try #require(RelativePath(path))) { $0 = good }
            }
        }
    }

    @Test("records that were swapped, dropped or taken from another vault are refused")
    func movedRecords() throws {
        func log(_ seed: UInt64) throws -> (SimulatedFileSystem, [UInt8]) {
            let files = SimulatedFileSystem(seed: seed)
            let vault = try Vault(in: Self.world(files, seed: seed), folder: Self.folder, rootKey: FixedRootKey())
            for name in ["ann", "bob", "cyd"] { _ = try vault.pseudonyms(for: Self.texts([name]), in: Self.space, creating: true) }
            return (files, try #require(files.contents()["vault/pseudonyms.log"]))
        }
        let (files, good) = try log(1)
        let (_, foreign) = try log(2)
        let size = (good.count - 25) / 3
        let header = good[..<25]
        let records = (0..<3).map { good[(25 + $0 * size)..<(25 + ($0 + 1) * size)] }
        let others = (0..<3).map { foreign[(25 + $0 * size)..<(25 + ($0 + 1) * size)] }
        for changed in [header + records[1] + records[0] + records[2], header + records[1] + records[2], header + records[0] + others[1] + records[2]] {
            files.damage(Self.folder / "pseudonyms.log") { $0 = Array(changed) }
            let error = failure(VaultError.self) { try Vault(in: Self.world(files), folder: Self.folder, rootKey: FixedRootKey()) }
            #expect(error?.code == .damaged)
        }
    }

    @Test("a missing or wrong root key never starts the vault over")
    func rootKeys() throws {
        let files = SimulatedFileSystem(seed: 1)
        _ = try Vault(in: Self.world(files), folder: Self.folder)
        let good = try #require(files.contents()["vault/root.key"])
        let wrong = failure(VaultError.self) { try Vault(in: Self.world(files), folder: Self.folder, rootKey: FixedRootKey()) }
        #expect(wrong?.code == .wrongKey)
        #expect(wrong?.description == """
            'vault/keys.sealed' does not open with this root key
             hint: use the root key that was made with this vault; if the key is right, the file was changed: restore it
            """)
        try files.remove(Self.folder / "root.key")
        let missing = failure(VaultError.self) { try Vault(in: Self.world(files), folder: Self.folder) }
        #expect(missing?.code == .keyMissing)
        #expect(files.contents()["vault/root.key"] == nil)
        #expect(missing?.description == """
            the vault exists but its root key 'vault/root.key' does not
             hint: put the key file back from where it is kept; without it the vault cannot be opened, and no new key is made over it
            """)
        let file = try files.open(Self.folder / "root.key", .write)
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 1
            try file.write(bytes, at: 0)
            #expect(failure(VaultError.self) { try Vault(in: Self.world(files), folder: Self.folder) } != nil, "byte \(index)")
        }
        try file.write(good, at: 0)
        _ = try Vault(in: Self.world(files), folder: Self.folder)
        #expect("\(try #require(RootKey(bytes: Array(repeating: 7, count: 32))))" == "redacted")
    }

    @Test("identifiers and their number are bounded")
    func limits() throws {
        let files = SimulatedFileSystem(seed: 1)
        let vault = try Vault(in: Self.world(files), folder: Self.folder, limits: .init(identifierSize: 5, pseudonyms: 3))
        let long = failure(VaultError.self) { try vault.pseudonyms(for: Self.texts(["12345", "123456"]), in: Self.space, creating: true) }
        #expect(long?.code == .tooLarge)
        #expect(long?.message == "an identifier has 6 bytes where at most 5 are taken")
        #expect(vault.pseudonymCount(in: Self.space) == 0)
        _ = try vault.pseudonyms(for: Self.texts(["1", "2", "3"]), in: Self.space, creating: true)
        let many = failure(VaultError.self) { try vault.pseudonyms(for: Self.texts(["1", "4"]), in: Self.space, creating: true) }
        #expect(many?.message == "the vault holds 3 pseudonyms, the most it takes")
    }

    @Test("sealed bytes open at their place, with their vault, unchanged, and nowhere else")
    func sealing() throws {
        let files = SimulatedFileSystem(seed: 1)
        let vault = try Vault(in: Self.world(files), folder: Self.folder)
        let bytes = Array("raw".utf8)
        let sealed = try vault.seal(bytes, for: .deadLetters, at: "rides/7")
        #expect(sealed.count == bytes.count + 28)
        #expect(try vault.open(sealed, for: .deadLetters, at: "rides/7") == bytes)
        #expect(try vault.seal(bytes, for: .deadLetters, at: "rides/7") != sealed)
        let moved = failure(VaultError.self) { try vault.open(sealed, for: .deadLetters, at: "rides/8") }
        #expect(moved?.code == .unreadable)
        #expect(moved?.message == "the sealed bytes at 'rides/8' do not open there")
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(failure(VaultError.self) { try vault.open(changed, for: .deadLetters, at: "rides/7") }?.code == .unreadable)
        }
        #expect(failure(VaultError.self) { try vault.open([1, 2], for: .deadLetters, at: "rides/7") }?.code == .unreadable)
        let other = try Vault(in: Self.world(SimulatedFileSystem(seed: 2), seed: 2), folder: Self.folder)
        #expect(failure(VaultError.self) { try other.open(sealed, for: .deadLetters, at: "rides/7") }?.code == .unreadable)
        files.restart()
        let again = try Vault(in: Self.world(files, seed: 3), folder: Self.folder)
        #expect(try again.open(sealed, for: .deadLetters, at: "rides/7") == bytes)
    }

    @Test("a signature holds for its bytes, its use and its key, also after a restart")
    func signing() throws {
        let files = SimulatedFileSystem(seed: 1)
        let vault = try Vault(in: Self.world(files), folder: Self.folder)
        let bytes = Array("manifest".utf8)
        let signature = try vault.signature(of: bytes, for: .modelPackage)
        func isValid(_ signature: [UInt8], _ bytes: [UInt8], _ use: Vault.SignatureUse, _ key: [UInt8]) -> Bool {
            Vault.isValid(signature: signature, of: bytes, for: use, publicKey: key)
        }
        #expect(isValid(signature, bytes, .modelPackage, vault.publicKey))
        #expect(!isValid(signature, bytes, .receipt, vault.publicKey))
        #expect(!isValid(signature, bytes + [0], .modelPackage, vault.publicKey))
        #expect(!isValid([], bytes, .modelPackage, vault.publicKey))
        #expect(!isValid(signature, bytes, .modelPackage, []))
        let other = try Vault(in: Self.world(SimulatedFileSystem(seed: 2), seed: 2), folder: Self.folder)
        #expect(!isValid(signature, bytes, .modelPackage, other.publicKey))
        files.restart()
        #expect(try Vault(in: Self.world(files, seed: 3), folder: Self.folder).publicKey == vault.publicKey)
    }

    @Test("token hashes depend on the vault's pepper")
    func pepper() throws {
        let first = try Vault(in: Self.world(SimulatedFileSystem(seed: 1), seed: 1), folder: Self.folder).tokenHasher
        let second = try Vault(in: Self.world(SimulatedFileSystem(seed: 1), seed: 2), folder: Self.folder).tokenHasher
        #expect(first.hash([1, 2]) == first.hash([1, 2]))
        #expect(first.hash([1, 2]).count == 32)
        #expect(first.hash([1, 2]) != first.hash([1, 3]))
        #expect(first.hash([1, 2]) != second.hash([1, 2]))
        #expect("\(first)" == "redacted")
    }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= bytes.count else { return false }
        return (0...(bytes.count - part.count)).contains { bytes[$0..<($0 + part.count)].elementsEqual(part) }
    }
}

private struct FixedRootKey: RootKeyProvider {
    func rootKey(creating: Bool) throws(VaultError) -> RootKey {
        guard let key = RootKey(bytes: Array(repeating: 7, count: 32)) else { preconditionFailure() }
        return key
    }
}
