import Foundation
import MartletAccess
import MartletFrames
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

@Suite("The token store")
struct TokenStoreTests {
    let folder: URL
    let clock: VirtualClock
    let store: TokenStore
    let database: SQLiteDatabase
    let owner: Scope

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-tests-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
        let world = World(clock: clock, random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        database = try SQLiteDatabase(folder: folder.path())
        try database.migrate(TokenStore.migrations, at: clock.now())
        let vault = try Vault(in: world, folder: RelativePath.root / "vault")
        store = TokenStore(
            database: database, hasher: vault.tokenHasher, world: world, limits: .init(tokens: 20, cachedTokens: 4),
            attempts: .init(burst: 2, secondsPerFailure: 10))
        owner = try Guard().scope(for: .owner(named: "root"), to: .tokensManage, on: .server)
    }

    private func create(_ name: String = "ci", _ grant: Grant = Grant(.scientist), expires: Timestamp? = nil) throws -> IssuedToken {
        try store.change { try store.create(name: name, grant: grant, expires: expires, scope: owner, in: $0) }
    }

    private func code(_ body: () throws -> some Any) -> AccessError.Code? {
        do {
            _ = try body()
            return nil
        } catch { return (error as? AccessError)?.code }
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @Test("a token opens what it was given, and its text is nowhere on the disk")
    func tokens() throws {
        defer { remove() }
        let issued = try create("ci", Grant(.engineer, in: .project("shop"), only: [.eventsWrite, .predict], including: [.eventsReadPersonal]))
        let text = issued.secret.revealed
        #expect(text.wholeMatch(of: #/martlet_[0-9a-hjkmnp-tv-z]{52}/#) != nil)
        #expect(issued.token.prefix == text.prefix(12))
        let principal = try store.principal(presenting: issued.secret, from: "here")
        #expect(principal.description == "token:\(issued.token.id)")
        #expect(principal.grants == [Grant(.engineer, in: .project("shop"), only: [.eventsWrite, .predict], including: [.eventsReadPersonal])])
        #expect(try store.principal(tokenID: issued.token.id) == principal)
        let listed = try store.list(scope: owner)
        #expect(listed == [issued.token])
        #expect(listed[0].createdBy == "user:root")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path()) {
            let bytes = try Data(contentsOf: folder.appending(path: name))
            #expect(bytes.range(of: Data(text.dropFirst(12).utf8)) == nil, "\(name)")
        }
        #expect(!"\(issued)".contains(text.dropFirst(12)))
    }

    @Test("anything else is refused with one and the same answer")
    func wrongTokens() throws {
        defer { remove() }
        let text = try create().secret.revealed
        var last = text
        last.removeLast()
        let wrong = [nil, "", "martlet_", last, last + (text.hasSuffix("0") ? "1" : "0"), text + "0", text.uppercased(), " " + text, String(repeating: "x", count: 100_000)]
        var sentences: Set<String> = []
        for (index, presented) in wrong.enumerated() {
            do {
                _ = try store.principal(presenting: presented.map { Secret($0) }, from: "source \(index)")
                Issue.record("was taken: \(index)")
            } catch {
                #expect(error.code == .unauthenticated)
                sentences.insert("\(error)")
            }
        }
        #expect(sentences == ["""
            the request has no valid token
             hint: send a token as 'Authorization: Bearer …'; 'martlet token create' makes one
            """])
    }

    @Test("a revoked token is refused by the next look-up, also when it was cached")
    func revocation() throws {
        defer { remove() }
        let issued = try create()
        _ = try store.principal(presenting: issued.secret, from: "here")
        let revoked = try store.change { try store.revoke(id: issued.token.id, scope: owner, in: $0) }
        #expect(revoked.revoked == clock.now())
        #expect(code { try store.principal(presenting: issued.secret, from: "here") } == .unauthenticated)
        #expect(try store.principal(tokenID: issued.token.id) == nil)
        #expect(code { try store.change { try store.revoke(id: issued.token.id, scope: owner, in: $0) } } == .notFound)
        #expect(try store.list(scope: owner).first?.revoked != nil)
    }

    @Test("a change that is undone changes nothing, also in the cache")
    func undone() throws {
        defer { remove() }
        struct Stop: Error {}
        let issued = try create()
        #expect(throws: Stop.self) {
            try store.change { change in
                _ = try store.revoke(id: issued.token.id, scope: owner, in: change)
                throw Stop()
            }
        }
        _ = try store.principal(presenting: issued.secret, from: "here")
    }

    @Test("a token expires by the world's clock, also when it was cached")
    func expiry() throws {
        defer { remove() }
        let issued = try create(expires: clock.now() + .hours(1))
        _ = try store.principal(presenting: issued.secret, from: "here")
        clock.advance(by: .hours(1) + Timestamp.Span(microseconds: -1))
        _ = try store.principal(presenting: issued.secret, from: "here")
        clock.advance(by: Timestamp.Span(microseconds: 1))
        #expect(code { try store.principal(presenting: issued.secret, from: "here") } == .unauthenticated)
        #expect(code { try create(expires: clock.now()) } == .invalid)
    }

    @Test("a storm of guesses is refused, and the owner's token passes through it")
    func guessStorm() throws {
        defer { remove() }
        let issued = try create()
        var codes: [AccessError.Code: Int] = [:]
        for index in 0..<500 {
            let guess = Secret("martlet_" + String(repeating: "a", count: 49) + String(100 + index).suffix(3))
            if let code = code({ try store.principal(presenting: guess, from: "10.0.0.1") }) { codes[code, default: 0] += 1 }
            _ = try store.principal(presenting: issued.secret, from: "10.0.0.1")
        }
        #expect(codes == [.unauthenticated: 2, .tooManyAttempts: 498])
    }

    @Test("nobody gives a token more than they have; personal data only an administrator, by name")
    func escalation() throws {
        defer { remove() }
        let narrow = Principal(kind: .token, id: "1", name: "n", grants: [Grant(.admin, only: [.tokensManage, .predict])])
        let scope = try Guard().scope(for: narrow, to: .tokensManage, on: .server)
        func make(_ grant: Grant) throws -> IssuedToken {
            try store.change { try store.create(name: "t", grant: grant, expires: nil, scope: scope, in: $0) }
        }
        #expect(code { try make(Grant(.admin)) } == .denied)
        #expect(code { try make(Grant(.viewer)) } == .denied)
        #expect(code { try make(Grant(.admin, only: [.predict], including: [.eventsReadPersonal])) } == .denied)
        _ = try make(Grant(.scientist, only: [.predict]))
        _ = try create("personal", Grant(.scientist, including: [.eventsReadPersonal]))
        let other = try Guard().scope(for: .owner(named: "root"), to: .auditRead, on: .server)
        #expect(code { try store.change { try store.create(name: "t", grant: Grant(.viewer), expires: nil, scope: other, in: $0) } } == .denied)
        #expect(code { try store.list(scope: other) } == .denied)
        #expect(try store.list(scope: owner).count == 2)
    }

    @Test("names and numbers are bounded")
    func limits() throws {
        defer { remove() }
        for name in ["", String(repeating: "x", count: 101), "a\nb", "a\0"] { #expect(code { try create(name) } == .invalid) }
        for index in 0..<20 { _ = try create("t\(index)", expires: index == 0 ? clock.now() + .hours(1) : nil) }
        #expect(code { try create() } == .invalid)
        clock.advance(by: .hours(2))
        _ = try create()
        var paged: [String] = []
        while true {
            let page = try store.list(after: paged.last, limit: 6, scope: owner)
            paged += page.map(\.id)
            if page.count < 6 { break }
        }
        #expect(paged.count == 21 && paged == paged.sorted() && Set(paged).count == 21)
    }

    @Test("more tokens than the cache holds are all taken")
    func smallCache() throws {
        defer { remove() }
        let issued = try (0..<10).map { try create("t\($0)") }
        for _ in 0..<3 {
            for token in issued { #expect(try store.principal(presenting: token.secret, from: "here").id == token.token.id) }
        }
    }

    @Test("the set-up code works once, within its time, and only the newest does")
    func setup() throws {
        defer { remove() }
        #expect(try store.needsSetup())
        let old = try store.change { try store.makeSetupCode(in: $0) }
        let code = try store.change { try store.makeSetupCode(in: $0) }
        func exchange(_ secret: Secret, from source: String) throws -> IssuedToken {
            try store.change { try store.exchange(setupCode: secret, lifetime: .hours(12), from: source, in: $0) }
        }
        #expect(self.code { try exchange(old, from: "a") } == .unauthenticated)
        #expect(self.code { try exchange(Secret("guess"), from: "a") } == .unauthenticated)
        #expect(self.code { try exchange(Secret("guess"), from: "a") } == .tooManyAttempts)
        // The owner's code passes, whatever came from that address before.
        let session = try exchange(code, from: "a")
        #expect(session.token.kind == .session && session.token.expires == clock.now() + .hours(12))
        #expect(try store.principal(presenting: session.secret, from: "a").grants == [Grant(.admin)])
        #expect(try !store.needsSetup())
        #expect(self.code { try exchange(code, from: "b") } == .unauthenticated)
        clock.advance(by: .hours(12))
        #expect(try store.needsSetup())
        let late = try store.change { try store.makeSetupCode(in: $0) }
        clock.advance(by: .hours(24))
        #expect(self.code { try exchange(late, from: "c") } == .unauthenticated)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path()) {
            let bytes = try Data(contentsOf: folder.appending(path: name))
            #expect(bytes.range(of: Data(late.revealed.dropFirst(6).utf8)) == nil, "\(name)")
        }
    }

    @Test("two exchanges at one time give one session")
    func race() async throws {
        defer { remove() }
        let store = self.store
        let code = try store.change { try store.makeSetupCode(in: $0) }
        let taken = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<8 {
                group.addTask {
                    (try? store.change { try store.exchange(setupCode: code, lifetime: .hours(1), from: "\(index)", in: $0) }) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(taken == 1)
    }

    @Test("fresh installs share no secret")
    func fresh() throws {
        defer { remove() }
        var seen: Set<String> = []
        for seed in 1...20 as ClosedRange<UInt64> {
            let world = World(clock: clock, random: SeededRandom(seed: seed &* 7919), files: SimulatedFileSystem(seed: seed))
            let vault = try Vault(in: world, folder: RelativePath.root / "vault")
            let other = TokenStore(database: database, hasher: vault.tokenHasher, world: world)
            seen.insert(try other.change { try other.makeSetupCode(in: $0) }.revealed)
        }
        #expect(seen.count == 20)
    }
}
