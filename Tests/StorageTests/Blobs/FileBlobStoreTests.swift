import MartletFrames
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@Suite("The file blob store")
struct FileBlobStoreTests {
    static let folder = RelativePath.root / "blobs"

    static func world(_ files: any FileSystem, seed: UInt64 = 1) -> World {
        World(clock: VirtualClock(at: Timestamp(microseconds: 0)), random: SeededRandom(seed: seed), files: files)
    }

    static func path(_ hash: BlobHash) -> RelativePath? {
        RelativePath("blobs/\(hash.description.prefix(2))/\(hash.description.dropFirst(2))")
    }

    @Test("keeps the port's contract on simulated files")
    func contract() throws {
        try BlobStoreContract { try FileBlobStore(in: Self.world(SimulatedFileSystem(seed: 1)), folder: Self.folder) }.run()
    }

    @Test("keeps the port's contract on real files, readable by their owner only")
    func realFiles() throws {
        let folder = try TemporaryFolder()
        try BlobStoreContract { try FileBlobStore(in: World.system(root: folder.path), folder: Self.folder) }.run()
    }

    @Test("a hash reads what it prints, and nothing else")
    func hashes() throws {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let hash = BlobHash(of: [])
        #expect(hash.description == empty)
        #expect(BlobHash(empty) == hash)
        #expect(BlobHash(bytes: hash.bytes) == hash)
        for wrong in ["", String(empty.dropLast()), empty + "0", empty.uppercased(), "../" + empty.dropFirst(3)] {
            #expect(BlobHash(wrong) == nil)
        }
        #expect(BlobHash(bytes: hash.bytes.dropLast()) == nil)
    }

    @Test("bytes that changed on disk are refused, and mended by putting them again", arguments: [0, 1, 2, 3])
    func changedBytes(kind: Int) throws {
        let files = SimulatedFileSystem(seed: 1)
        let store = try FileBlobStore(in: Self.world(files), folder: Self.folder)
        let content = BlobStoreContract.bytes(5_000)
        let hash = try store.put(content)
        let other = try store.put([1, 2, 3])
        files.damage(try #require(Self.path(hash))) { bytes in
            switch kind {
            case 0: bytes[4_999] ^= 1
            case 1: bytes.removeLast()
            case 2: bytes.append(0)
            default: bytes = [1, 2, 3]
            }
        }
        let error = #expect(throws: BlobError.self) { try store.read(hash, limit: 10_000) }
        #expect(error?.code == .changed)
        if kind == 3 {
            #expect(error?.description == """
                the blob \(hash) was changed on disk: its 3 bytes now have the hash \(other)
                 hint: restore it from a backup, or put the original bytes again
                """)
        }
        #expect(try store.put(content) == hash)
        #expect(try store.read(hash, limit: 10_000) == content)
    }

    @Test("a blob that was put survives a crash at any operation of what follows; half a blob has no name")
    func crashes() throws {
        for seed in UInt64(0)..<40 {
            var operation = 0
            while true {
                let files = SimulatedFileSystem(seed: seed, faults: FaultPlan(crashAt: operation))
                var acknowledged: [BlobHash: [UInt8]] = [:]
                var everything: [BlobHash: [UInt8]] = [:]
                do {
                    let store = try FileBlobStore(in: Self.world(files, seed: seed), folder: Self.folder)
                    for size in [10, 3_000, 10, 1_200] {
                        let content = BlobStoreContract.bytes(size, seed: UInt8(seed))
                        everything[BlobHash(of: content)] = content
                        let hash = size == 1_200 ? try put(content, inPiecesOf: 500, into: store) : try store.put(content)
                        acknowledged[hash] = content
                    }
                } catch {}
                let crashed = files.hasCrashed
                files.restart()
                let store = try FileBlobStore(in: Self.world(files, seed: seed &+ 1), folder: Self.folder)
                for (hash, content) in acknowledged {
                    #expect(try store.read(hash, limit: 10_000) == content, "seed \(seed), crash at operation \(operation)")
                }
                for hash in try store.list(after: nil, limit: 100) {
                    #expect(try store.read(hash, limit: 10_000) == everything[hash], "seed \(seed), crash at operation \(operation)")
                }
                #expect(files.contents().keys.allSatisfy { !$0.contains("incoming") }, "seed \(seed), operation \(operation)")
                operation += 1
                if !crashed { break }
            }
            #expect(operation > 20)
        }
    }

    @Test("takes no put after a failed sync, whichever it is, and still reads", arguments: 0..<2)
    func failedSync(number: Int) throws {
        let files = SimulatedFileSystem(seed: 3, faults: FaultPlan(failingSyncs: [number]))
        let store = try FileBlobStore(in: Self.world(files), folder: Self.folder)
        var kept: [BlobHash] = []
        for index in 0..<number { kept.append(try store.put([UInt8(index)])) }
        #expect(failure(BlobError.self) { try store.put([77]) }?.code == .failed)
        #expect(failure(BlobError.self) { try store.put([78]) }?.code == .stopped)
        #expect(failure(BlobError.self) { _ = try put([78], inPiecesOf: 1, into: store) }?.code == .stopped)
        for hash in kept { #expect(try store.read(hash, limit: 1).count == 1) }
        #expect(try !store.contains(BlobHash(of: [77])))
    }

    @Test("a full disk refuses puts, not reads, leaves nothing behind, and needs no restart")
    func fullDisk() throws {
        let files = SimulatedFileSystem(seed: 4)
        let store = try FileBlobStore(in: Self.world(files), folder: Self.folder)
        let hash = try store.put([1, 2, 3])
        files.setCapacity(2_000)
        #expect(failure(BlobError.self) { try store.put(BlobStoreContract.bytes(3_000)) }?.code == .full)
        #expect(failure(BlobError.self) { _ = try put(BlobStoreContract.bytes(3_000), inPiecesOf: 100, into: store) }?.code == .full)
        #expect(files.contents().count == 1)
        #expect(try store.read(hash, limit: 3) == [1, 2, 3])
        files.setCapacity(.max)
        _ = try store.put(BlobStoreContract.bytes(3_000))
    }

    @Test("a blob over the limit is refused, whole or in pieces")
    func limit() throws {
        let files = SimulatedFileSystem(seed: 5)
        let store = try FileBlobStore(in: Self.world(files), folder: Self.folder, maximumSize: 100)
        _ = try store.put(BlobStoreContract.bytes(100))
        let error = #expect(throws: BlobError.self) { try store.put(BlobStoreContract.bytes(101)) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message == "the blob has at least 101 bytes where at most 100 are taken")
        #expect(failure(BlobError.self) { _ = try put(BlobStoreContract.bytes(101), inPiecesOf: 10, into: store) }?.code == .tooLarge)
        #expect(files.contents().count == 1)
    }

    private func put(_ bytes: [UInt8], inPiecesOf size: Int, into store: FileBlobStore) throws -> BlobHash {
        var rest = bytes[...]
        return try store.put {
            if rest.isEmpty { return nil }
            defer { rest = rest.dropFirst(size) }
            return Array(rest.prefix(size))
        }
    }
}
