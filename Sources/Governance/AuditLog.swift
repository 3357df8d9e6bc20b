public import MartletAccess
public import MartletFrames
public import MartletStorage
public import MartletWorld
internal import Synchronization

/// The hash-chained log of who did what.
///
/// An entry is appended in the transaction of the change that it records: both are there or neither. Every
/// `checkpointInterval` entries the newest hash is signed with the vault's key.
///
/// ```swift
/// try database.write { transaction in
///     try transaction.execute("UPDATE registry_routes SET version = \(3) WHERE endpoint = \("churn")")
///     try audit.append(AuditRecord("model.promote", under: scope, details: ["version": 3]), in: transaction)
/// }
/// ```
public final class AuditLog: Sendable {
    /// Limits of the log.
    public struct Limits: Sendable {
        /// Entries from one signed checkpoint to the next. After it was lowered, a check may miss a checkpoint until the
        /// next entry makes it.
        public var checkpointInterval: Int
        /// The longest actor, action, resource and request id, in bytes.
        public var fieldSize: Int
        /// The longest details, in bytes of JSON.
        public var detailsSize: Int

        public init(checkpointInterval: Int = 64, fieldSize: Int = 400, detailsSize: Int = 4_096) {
            self.checkpointInterval = checkpointInterval
            self.fieldSize = fieldSize
            self.detailsSize = detailsSize
        }
    }

    /// The part's tables.
    public static let migrations = [
        Migration(
            part: "audit", number: 1,
            sql: """
                CREATE TABLE audit_entries (
                    sequence BIGINT PRIMARY KEY, time BIGINT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
                    resource TEXT NOT NULL, outcome TEXT NOT NULL, request TEXT, details TEXT NOT NULL, count BIGINT NOT NULL,
                    hash BLOB NOT NULL);
                CREATE INDEX audit_entries_by_actor ON audit_entries (actor, sequence);
                CREATE INDEX audit_entries_by_resource ON audit_entries (resource, sequence);
                CREATE TABLE audit_checkpoints (
                    sequence BIGINT PRIMARY KEY, hash BLOB NOT NULL, time BIGINT NOT NULL, previous BIGINT NOT NULL,
                    signature BLOB NOT NULL);
                """)
    ]

    let database: any Database
    let vault: Vault
    let limits: Limits
    private let world: World
    private let coalescer: Mutex<RefusalCoalescer>

    public init(
        database: any Database, vault: Vault, world: World, limits: Limits = Limits(),
        refusals: RefusalCoalescer.Limits = RefusalCoalescer.Limits()
    ) {
        precondition(limits.checkpointInterval > 0 && limits.fieldSize > 0 && limits.detailsSize > 1)
        self.database = database
        self.vault = vault
        self.world = world
        self.limits = limits
        coalescer = Mutex(RefusalCoalescer(limits: refusals))
    }

    // MARK: - Recording

    /// Appends an entry in an open transaction. If this throws, the change must not happen: let the error undo it.
    @discardableResult
    public func append(_ record: AuditRecord, in transaction: any DatabaseTransaction) throws(GovernanceError) -> AuditEntry {
        for (what, text) in [
            ("actor", record.actor), ("action", record.action), ("resource", record.resource), ("request id", record.requestID ?? ""),
        ] where text.utf8.count > limits.fieldSize {
            throw .tooLarge(what, size: text.utf8.count, limit: limits.fieldSize)
        }
        guard record.details.json.utf8.count <= limits.detailsSize else {
            throw .tooLarge("details", size: record.details.json.utf8.count, limit: limits.detailsSize)
        }
        do {
            let last = try transaction.row("SELECT sequence, hash FROM audit_entries ORDER BY sequence DESC LIMIT 1")
            let previous: Int64 = try last?.value("sequence") ?? 0
            let checkpoint: Int64 =
                try transaction.row("SELECT sequence FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1")?.value("sequence") ?? 0
            // Appending after a cut tail would hide the cut.
            guard checkpoint <= previous else {
                throw GovernanceError.damaged("its last entry is \(previous), but \(checkpoint) entries were signed")
            }
            let entry = AuditEntry(
                sequence: previous + 1, time: world.clock.now(), record: record,
                after: try last?.value("hash") ?? AuditEntry.genesis)
            try transaction.execute(
                """
                INSERT INTO audit_entries (sequence, time, actor, action, resource, outcome, request, details, count, hash)
                VALUES (\(entry.sequence), \(entry.time), \(record.actor), \(record.action), \(record.resource),
                    \(record.outcome.rawValue), \(record.requestID), \(record.details.json), \(record.count), \(entry.hash))
                """)
            if entry.sequence - checkpoint >= Int64(limits.checkpointInterval) {
                let signed = try AuditCheckpoint(
                    sequence: entry.sequence, hash: entry.hash, time: entry.time, previous: checkpoint, vault: vault)
                try transaction.execute(
                    """
                    INSERT INTO audit_checkpoints (sequence, hash, time, previous, signature)
                    VALUES (\(signed.sequence), \(signed.hash), \(signed.time), \(signed.previous), \(signed.signature))
                    """)
            }
            return entry
        } catch let error as GovernanceError {
            throw error
        } catch {
            throw .unavailable(error)
        }
    }

    /// Records a refusal, or counts it with others like it (see ``RefusalCoalescer``).
    ///
    /// Names that came with the request are cut to the limit: they may be anything.
    public func recordRefusal(
        actor: String, action: String, resource: String, requestID: String? = nil, details: AuditDetails = [:]
    ) throws(GovernanceError) {
        let record = AuditRecord(
            actor: cut(actor), action: cut(action), resource: cut(resource), outcome: .refused, requestID: requestID.map(cut),
            details: details.json.utf8.count <= limits.detailsSize ? details : [:])
        let now = world.clock.monotonicNanoseconds()
        try write(coalescer.withLock { $0.refused(record, now: now) })
    }

    /// Records the counts of a window of refusals that has ended; to be called now and then.
    public func recordCounts() throws(GovernanceError) {
        let now = world.clock.monotonicNanoseconds()
        try write(coalescer.withLock { $0.ended(now: now) })
    }

    /// Records all counts, before the server ends.
    public func close() throws(GovernanceError) {
        try write(coalescer.withLock { $0.flush() })
    }

    private func write(_ records: [AuditRecord]) throws(GovernanceError) {
        guard !records.isEmpty else { return }
        do {
            try database.write { transaction throws in
                for record in records { try append(record, in: transaction) }
            }
        } catch let error as GovernanceError {
            throw error
        } catch {
            throw .unavailable(error)
        }
    }

    /// At most the limit's bytes, whole characters of UTF-8, without NUL, which no database holds in text.
    private func cut(_ text: String) -> String {
        var size = 0
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let scalar = scalar == "\0" ? "\u{FFFD}" : scalar
            size += UTF8.width(scalar)
            if size > limits.fieldSize { break }
            kept.append(scalar)
        }
        return String(kept)
    }

    // MARK: - Reading

    /// Which entries are listed; nil stands for all.
    public struct Filter: Hashable, Sendable {
        public var actor: String?
        public var action: String?
        public var resource: String?
        public var outcome: AuditOutcome?
        /// From this time on.
        public var from: Timestamp?
        /// Before this time.
        public var to: Timestamp?

        public init(
            actor: String? = nil, action: String? = nil, resource: String? = nil, outcome: AuditOutcome? = nil,
            from: Timestamp? = nil, to: Timestamp? = nil
        ) {
            self.actor = actor
            self.action = action
            self.resource = resource
            self.outcome = outcome
            self.from = from
            self.to = to
        }
    }

    /// Entries, newest first.
    ///
    /// - Parameters:
    ///   - before: the last sequence of the page before; nil for the first page.
    ///   - limit: the length of a page.
    ///   - scope: `audit.read` on the server.
    public func entries(_ filter: Filter = Filter(), before: Int64? = nil, limit: Int = 100, scope: Scope) throws -> [AuditEntry] {
        precondition(limit > 0)
        try scope.require(.auditRead, on: .server)
        var statement: Statement = "SELECT * FROM audit_entries WHERE sequence < \(before ?? Int64.max)"
        if let actor = filter.actor { statement += " AND actor = \(actor)" }
        if let action = filter.action { statement += " AND action = \(action)" }
        if let resource = filter.resource { statement += " AND resource = \(resource)" }
        if let outcome = filter.outcome { statement += " AND outcome = \(outcome.rawValue)" }
        if let from = filter.from { statement += " AND time >= \(from)" }
        if let to = filter.to { statement += " AND time < \(to)" }
        statement += " ORDER BY sequence DESC LIMIT \(limit)"
        do {
            return try database.read { reader throws in try reader.rows(statement, limit: limit).map(Self.entry) }
        } catch {
            throw GovernanceError.unavailable(error)
        }
    }

    /// The newest signed checkpoint, to be kept outside; nil while there is none.
    public func latestCheckpoint() throws(GovernanceError) -> AuditCheckpoint? {
        do {
            return try database.read { reader throws in
                try reader.row("SELECT * FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1").map(AuditCheckpoint.init(row:))
            }
        } catch {
            throw .unavailable(error)
        }
    }

    private struct UnknownOutcome: Error { var word: String }

    static func entry(_ row: DatabaseRow) throws -> AuditEntry {
        let word: String = try row.value("outcome")
        guard let outcome = AuditOutcome(rawValue: word) else { throw UnknownOutcome(word: word) }
        let count: Int = try row.value("count")
        guard count > 0 else { throw UnknownOutcome(word: "\(count)") }
        let record = AuditRecord(
            actor: try row.value("actor"), action: try row.value("action"), resource: try row.value("resource"), outcome: outcome,
            requestID: try row.optional("request"), details: AuditDetails(storedJSON: try row.value("details")), count: count)
        return AuditEntry(
            sequence: try row.value("sequence"), time: try row.value("time"), record: record, storedHash: try row.value("hash"))
    }
}
