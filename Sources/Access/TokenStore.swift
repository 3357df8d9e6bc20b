public import MartletFrames
public import MartletStorage
public import MartletWorld
internal import Synchronization

/// Tokens, sessions and set-up codes: made, listed, revoked, and looked up at each request.
///
/// The database holds only their hashes, under the vault's pepper. Changes are made in a transaction, so that the
/// audit entry commits with them:
///
/// ```swift
/// let issued = try tokens.change { change in
///     let issued = try tokens.create(name: "ci", grant: Grant(.scientist), expires: nil, scope: scope, in: change)
///     try audit.append(entry, in: change.transaction)
///     return issued
/// }
/// ```
///
/// What ``change(_:)`` committed holds for every request that is looked up after it returned: a revoked token is
/// refused at once in this process.
public final class TokenStore: Sendable {
    /// Limits of the store.
    public struct Limits: Sendable {
        /// Tokens in force at one time.
        public var tokens: Int
        /// The longest name, in bytes.
        public var nameSize: Int
        /// Decisions kept in memory.
        public var cachedTokens: Int
        /// How long a set-up code is taken.
        public var setupCodeLifetime: Timestamp.Span

        public init(
            tokens: Int = 10_000, nameSize: Int = 100, cachedTokens: Int = 4_096,
            setupCodeLifetime: Timestamp.Span = .hours(24)
        ) {
            self.tokens = tokens
            self.nameSize = nameSize
            self.cachedTokens = cachedTokens
            self.setupCodeLifetime = setupCodeLifetime
        }
    }

    /// The part's tables.
    public static let migrations = [
        Migration(
            part: "access", number: 1,
            sql: """
                CREATE TABLE access_tokens (
                    id TEXT PRIMARY KEY, kind TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, prefix TEXT NOT NULL, name TEXT NOT NULL,
                    role TEXT NOT NULL, project TEXT, permissions_only TEXT, permissions_including TEXT NOT NULL,
                    created BIGINT NOT NULL, created_by TEXT NOT NULL, expires BIGINT, revoked BIGINT);
                CREATE TABLE access_setup_codes (
                    hash BLOB PRIMARY KEY, created BIGINT NOT NULL, expires BIGINT NOT NULL);
                """),
        SecretTable.migration,
    ]

    /// An open transaction in which tokens may be changed.
    public struct Change {
        /// For the audit entry, and whatever else is to commit with the change.
        public let transaction: any DatabaseTransaction

        fileprivate init(transaction: any DatabaseTransaction) {
            self.transaction = transaction
        }
    }

    private struct Cache {
        /// Grows with each change; an entry of an older generation is not used.
        var generation: UInt64 = 0
        var tokens: [KeyedHash: Known] = [:]
    }

    private final class Known: Sendable {
        let token: Token
        let principal: Principal

        init(_ token: Token) {
            self.token = token
            principal = token.principal
        }
    }

    /// What a token that was found in the database is known by in memory, so that its slower hash is made once.
    ///
    /// 128 bits under keys that this process drew: nobody outside can make two texts meet, and no text is kept.
    private struct KeyedHash: Hashable {
        var first: Int
        var second: Int

        init(_ text: Secret, keys: (UInt64, UInt64)) {
            first = Self.hash(text, keys.0)
            second = Self.hash(text, keys.1)
        }

        private static func hash(_ text: Secret, _ key: UInt64) -> Int {
            var hasher = Hasher()
            hasher.combine(key)
            hasher.combine(text.revealed)
            return hasher.finalize()
        }
    }

    private let database: any Database
    private let hasher: TokenHasher
    private let world: World
    private let limits: Limits
    /// Tokens that were found, as of the generation.
    private let cache = Mutex(Cache())
    private let cacheKeys: (UInt64, UInt64)
    private let limiter: Mutex<AttemptLimiter>

    public init(
        database: any Database, hasher: TokenHasher, world: World, limits: Limits = Limits(),
        attempts: AttemptLimiter.Limits = AttemptLimiter.Limits()
    ) {
        precondition(
            limits.tokens > 0 && limits.nameSize > 0 && limits.cachedTokens > 0 && limits.setupCodeLifetime > .zero)
        self.database = database
        self.hasher = hasher
        self.world = world
        self.limits = limits
        cacheKeys = (world.random.next(), world.random.next())
        limiter = Mutex(AttemptLimiter(limits: attempts))
    }

    // MARK: - Looking up

    /// Who holds a token.
    ///
    /// - Parameters:
    ///   - presented: the text that came with the request; nil if none came.
    ///   - source: where the request came from; it bounds failures, and never keeps a valid token out.
    /// - Throws: `unauthenticated`, or `tooManyAttempts` in its place; `unavailable` if the database cannot be read.
    public func principal(presenting presented: Secret?, from source: String) throws(AccessError) -> Principal {
        if let presented, let known = try known(presented), known.token.isInForce(at: world.clock.now()) {
            return known.principal
        }
        throw refusal(from: source, otherwise: .unauthenticated)
    }

    /// What a token's holder may do now; nil if it is no longer in force. For jobs that have waited.
    public func principal(tokenID: String) throws(AccessError) -> Principal? {
        let row = try read { reader throws in
            try reader.row("SELECT * FROM access_tokens WHERE id = \(tokenID)")
        }
        guard let token = try row.map(Self.token), token.isInForce(at: world.clock.now()) else { return nil }
        return token.principal
    }

    private func known(_ presented: Secret) throws(AccessError) -> Known? {
        guard TokenText.isWellFormed(presented, prefix: TokenText.tokenPrefix) else { return nil }
        let key = KeyedHash(presented, keys: cacheKeys)
        let (cached, generation) = cache.withLock { ($0.tokens[key], $0.generation) }
        if let cached { return cached }
        let hash = hasher.hash(presented.utf8)
        let row = try read { reader throws in try reader.row("SELECT * FROM access_tokens WHERE hash = \(hash)") }
        guard let row else { return nil }
        do {
            // The index compared hashes under a pepper, whose timing says nothing of the token; this one is for certain.
            guard isEqualInConstantTime(try row.value("hash"), hash) else { return nil }
        } catch {
            throw .unavailable(error)
        }
        let token = try Self.token(row)
        let known = Known(token)
        cache.withLock { cache in
            // Read before a change that has been committed since: not kept.
            guard cache.generation == generation else { return }
            if cache.tokens.count >= limits.cachedTokens { cache.tokens.removeAll(keepingCapacity: true) }
            cache.tokens[key] = known
        }
        return known
    }

    /// How a request whose signature is wrong is refused: as one whose token is, and within the same bound on failures.
    public func refusal(ofSignatureFrom source: String) -> AccessError {
        refusal(from: source, otherwise: .unsigned)
    }

    private func refusal(from source: String, otherwise: AccessError) -> AccessError {
        let now = world.clock.monotonicNanoseconds()
        switch limiter.withLock({ $0.failed(from: source, now: now) }) {
        case .answer: return otherwise
        case .refuse(let seconds): return .tooManyAttempts(retryAfterSeconds: seconds)
        }
    }

    // MARK: - Changing

    /// Runs a body as one transaction in which tokens may be changed; they hold for all later look-ups when it returns.
    @discardableResult
    public func change<Result>(_ body: (Change) throws -> Result) throws -> Result {
        defer {
            cache.withLock { cache in
                cache.generation += 1
                cache.tokens.removeAll(keepingCapacity: true)
            }
        }
        return try database.write { transaction throws in try body(Change(transaction: transaction)) }
    }

    /// Makes a token.
    ///
    /// - Parameters:
    ///   - grant: no more than the maker has; but an administrator of the server may give `events.readPersonal`.
    ///   - expires: nil for never.
    ///   - scope: `tokens.manage` on the server.
    public func create(
        name: String, kind: Token.Kind = .token, grant: Grant, expires: Timestamp?, scope: Scope, in change: Change
    ) throws -> IssuedToken {
        try scope.require(.tokensManage, on: .server)
        var allowed = Set<Permission>()
        for own in scope.principal.grants where own.place == .everywhere || own.place == grant.place {
            allowed.formUnion(own.permissions)
        }
        if allowed.contains(.serverAdmin) { allowed.insert(.eventsReadPersonal) }
        let excess = grant.permissions.subtracting(allowed)
        guard excess.isEmpty else { throw AccessError.cannotGrant(excess) }
        return try insert(
            name: name, kind: kind, grant: grant, expires: expires, createdBy: "\(scope.principal)", in: change)
    }

    /// Revokes a token in force.
    ///
    /// - Parameter scope: `tokens.manage` on the server.
    /// - Throws: `notFound` for an id of no token in force.
    public func revoke(id: String, scope: Scope, in change: Change) throws -> Token {
        try scope.require(.tokensManage, on: .server)
        let now = world.clock.now()
        guard let row = try change.transaction.row("SELECT * FROM access_tokens WHERE id = \(id) AND revoked IS NULL")
        else {
            throw AccessError.noToken
        }
        try change.transaction.execute("UPDATE access_tokens SET revoked = \(now) WHERE id = \(id)")
        var token = try Self.token(row)
        token.revoked = now
        return token
    }

    /// Tokens in the order of their ids, revoked and expired ones too.
    ///
    /// - Parameter scope: `tokens.manage` on the server.
    public func list(after id: String? = nil, limit: Int = 100, scope: Scope) throws(AccessError) -> [Token] {
        precondition(limit > 0)
        try scope.require(.tokensManage, on: .server)
        let rows = try read { reader throws in
            try reader.rows(
                "SELECT * FROM access_tokens WHERE id > \(id ?? "") ORDER BY id LIMIT \(limit)", limit: limit)
        }
        var tokens: [Token] = []
        for row in rows { tokens.append(try Self.token(row)) }
        return tokens
    }

    // MARK: - Set-up

    /// Whether nobody can administer the server: no token with `server.admin` is in force.
    public func needsSetup() throws(AccessError) -> Bool {
        let now = world.clock.now()
        let rows = try read { reader throws in
            try reader.rows(
                """
                SELECT * FROM access_tokens
                WHERE role = \(Role.admin.rawValue) AND revoked IS NULL AND (expires IS NULL OR expires > \(now))
                """, limit: limits.tokens)
        }
        for row in rows {
            let token = try Self.token(row)
            if token.isInForce(at: now), token.grant.place == .everywhere,
                token.grant.permissions.contains(.serverAdmin)
            {
                return false
            }
        }
        return true
    }

    /// Makes the one set-up code; one made earlier is no longer taken.
    public func makeSetupCode(in change: Change) throws -> Secret {
        let code = Secret(TokenText.make(TokenText.codePrefix, random: world.random))
        let now = world.clock.now()
        try change.transaction.execute("DELETE FROM access_setup_codes")
        try change.transaction.execute(
            """
            INSERT INTO access_setup_codes (hash, created, expires)
            VALUES (\(hasher.hash(code.utf8)), \(now), \(now + limits.setupCodeLifetime))
            """)
        return code
    }

    /// Exchanges the set-up code for an administrator's session; the code is used up in the same transaction.
    ///
    /// - Parameter lifetime: of the session.
    /// - Throws: `unauthenticated`, or `tooManyAttempts` in its place, alike for a wrong, used or expired code.
    public func exchange(
        setupCode code: Secret, name: String = "set-up", lifetime: Timestamp.Span, from source: String,
        in change: Change
    ) throws -> IssuedToken {
        let now = world.clock.now()
        var isTaken = false
        if TokenText.isWellFormed(code, prefix: TokenText.codePrefix) {
            let hash = hasher.hash(code.utf8)
            isTaken =
                try change.transaction.execute(
                    "DELETE FROM access_setup_codes WHERE hash = \(hash) AND expires > \(now)") == 1
        }
        guard isTaken else { throw refusal(from: source, otherwise: .invalidSetupCode) }
        return try insert(
            name: name, kind: .session, grant: Grant(.admin), expires: now + lifetime, createdBy: "system:set-up",
            in: change)
    }

    // MARK: - Rows

    private func insert(
        name: String, kind: Token.Kind, grant: Grant, expires: Timestamp?, createdBy: String, in change: Change
    ) throws -> IssuedToken {
        let now = world.clock.now()
        guard !name.isEmpty, name.utf8.count <= limits.nameSize,
            name.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else { throw AccessError.invalidName(size: name.utf8.count, limit: limits.nameSize) }
        if let expires, expires <= now { throw AccessError.expiryInThePast }
        let inForce: Int? = try change.transaction.row(
            "SELECT COUNT(*) AS number FROM access_tokens WHERE revoked IS NULL AND (expires IS NULL OR expires > \(now))"
        )?
        .value("number")
        guard (inForce ?? 0) < limits.tokens else { throw AccessError.tooManyTokens(limit: limits.tokens) }

        // Sessions come and go with each visit; those that ended are of no use to anybody.
        try change.transaction.execute(
            "DELETE FROM access_tokens WHERE kind = \(Token.Kind.session.rawValue) AND expires <= \(now)")

        let secret = Secret(TokenText.make(TokenText.tokenPrefix, random: world.random))
        let digits = String(world.random.next(), radix: 16)
        let token = Token(
            id: String(repeating: "0", count: 16 - digits.count) + digits, kind: kind, name: name,
            prefix: String(secret.revealed.prefix(TokenText.tokenPrefix.count + 4)), grant: grant, created: now,
            createdBy: createdBy, expires: expires, revoked: nil)
        let project: String? = if case .project(let name) = grant.place { name } else { nil }
        try change.transaction.execute(
            """
            INSERT INTO access_tokens (id, kind, hash, prefix, name, role, project, permissions_only, permissions_including,
                created, created_by, expires, revoked)
            VALUES (\(token.id), \(kind.rawValue), \(hasher.hash(secret.utf8)), \(token.prefix), \(name), \(grant.role.rawValue),
                \(project), \(grant.only.map(Self.text)), \(Self.text(grant.including)),
                \(now), \(createdBy), \(expires), \(Timestamp?.none))
            """)
        return IssuedToken(token: token, secret: secret)
    }

    private func read<Result>(_ body: (any DatabaseReader) throws -> Result) throws(AccessError) -> Result {
        do { return try database.read(body) } catch { throw .unavailable(error) }
    }

    private static func text(_ permissions: Set<Permission>) -> String {
        permissions.sorted().map(\.rawValue).joined(separator: ",")
    }

    private struct UnknownWord: Error {
        var column: String
        var word: String
    }

    private static func token(_ row: DatabaseRow) throws(AccessError) -> Token {
        do {
            let role: String = try row.value("role")
            let kind: String = try row.value("kind")
            let project: String? = try row.optional("project")
            let only: String? = try row.optional("permissions_only")
            guard let role = Role(rawValue: role) else { throw UnknownWord(column: "role", word: role) }
            guard let kind = Token.Kind(rawValue: kind) else { throw UnknownWord(column: "kind", word: kind) }
            let grant = Grant(
                role, in: project.map(Grant.Place.project) ?? .everywhere, only: try only.map(permissions),
                including: try permissions(try row.value("permissions_including")))
            return Token(
                id: try row.value("id"), kind: kind, name: try row.value("name"), prefix: try row.value("prefix"),
                grant: grant,
                created: try row.value("created"), createdBy: try row.value("created_by"),
                expires: try row.optional("expires"), revoked: try row.optional("revoked"))
        } catch {
            throw .unavailable(error)
        }
    }

    private static func permissions(_ text: String) throws -> Set<Permission> {
        var permissions: Set<Permission> = []
        for word in text.split(separator: ",") {
            guard let permission = Permission(rawValue: String(word)) else {
                throw UnknownWord(column: "permissions", word: String(word))
            }
            permissions.insert(permission)
        }
        return permissions
    }
}
