import MartletStorage
import Testing

/// What every store behind the blob port must do; run it with the store's own way of making an empty one.
struct BlobStoreContract {
    let makeStore: () throws -> any BlobStore

    static func bytes(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(seed) &* 7 &+ ($0 >> 8)) }
    }

    func run() throws {
        let store = try makeStore()
        var hashes: [BlobHash] = []
        for size in [0, 1, 511, 512, 513, 70_000, (1 << 20) + 3] {
            let content = Self.bytes(size)
            let hash = try store.put(content)
            #expect(hash == BlobHash(of: content))
            #expect(try store.read(hash, limit: size) == content)
            #expect(try store.contains(hash))
            hashes.append(hash)
        }
        // The same content again, whole or in pieces, is one blob.
        #expect(try store.put(Self.bytes(70_000)) == hashes[5])
        var rest = Self.bytes(70_000)[...]
        let streamed = try store.put {
            if rest.isEmpty { return nil }
            defer { rest = rest.dropFirst(999) }
            return Array(rest.prefix(999))
        }
        #expect(streamed == hashes[5])
        let piecewise = try pieces(store, [[1, 2], [], [3]])
        #expect(piecewise == BlobHash(of: [1, 2, 3]))
        #expect(try store.read(piecewise, limit: 3) == [1, 2, 3])
        #expect(try pieces(store, []) == BlobHash(of: []))
        hashes.append(piecewise)

        // A stream that fails leaves nothing.
        struct Cut: Error {}
        var count = 0
        #expect(throws: Cut.self) {
            try store.put {
                count += 1
                if count > 2 { throw Cut() }
                return [UInt8(count), 99]
            }
        }
        #expect(try !store.contains(BlobHash(of: [1, 99, 2, 99])))

        // Pages in ascending order hold each hash once.
        var listed: [BlobHash] = []
        while true {
            let page = try store.list(after: listed.last, limit: 3)
            listed += page
            if page.count < 3 { break }
        }
        #expect(listed == hashes.sorted())

        let absent = BlobHash(of: [7, 7, 7])
        #expect(try !store.contains(absent))
        #expect(failure(BlobError.self) { try store.read(absent, limit: 9) }?.code == .notFound)
        #expect(failure(BlobError.self) { try store.read(hashes[5], limit: 69_999) }?.code == .tooLarge)
        try store.remove(absent)
        try store.remove(hashes[5])
        #expect(try !store.contains(hashes[5]))
        #expect(try store.list(after: nil, limit: 100) == hashes.filter { $0 != hashes[5] }.sorted())
    }

    private func pieces(_ store: any BlobStore, _ pieces: [[UInt8]]) throws -> BlobHash {
        var iterator = pieces.makeIterator()
        return try store.put { iterator.next() }
    }
}
