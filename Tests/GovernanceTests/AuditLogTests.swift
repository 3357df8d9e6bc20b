import Foundation
import MartletAccess
import MartletFrames
@testable import MartletGovernance
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

/// An audit log over a fresh database, removed with the test.
final class AuditFixture {
    let folder: URL
    let clock = VirtualClock(at: Timestamp(microseconds: 1_700_000_000_000_000))
    let database: SQLiteDatabase
    let vault: Vault
    let log: AuditLog
    let scope: Scope

    static let limits = AuditLog.Limits(checkpointInterval: 16, fieldSize: 40, detailsSize: 200)

    init(options: SQLiteDatabase.Options = .init()) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-tests-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let world = World(clock: clock, random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        database = try SQLiteDatabase(folder: folder.path(), options: options)
        let shop = Migration(part: "shop", number: 1, sql: "CREATE TABLE shop_items (name TEXT PRIMARY KEY)")
        try database.migrate(AuditLog.migrations + [shop], at: clock.now())
        vault = try Vault(in: world, folder: RelativePath.root / "vault")
        log = AuditLog(
            database: database, vault: vault, world: world, limits: Self.limits, refusals: .init(windowSeconds: 60, kinds: 3))
        scope = try Guard().scope(for: .owner(named: "root"), to: .auditRead, on: .server)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func fill(_ count: Int) throws {
        try database.write { transaction throws in
            for index in 0..<count {
                clock.advance(by: .seconds(1))
                let record = AuditRecord(
                    actor: "token:\(index % 3)", action: index % 2 == 0 ? "model.promote" : "definitions.apply", resource: "model:shop/churn",
                    outcome: index % 5 == 4 ? .failed : .allowed, requestID: index % 4 == 0 ? nil : "r\(index)", details: ["version": .number(Int64(index))])
                try log.append(record, in: transaction)
            }
        }
    }

    func run(_ statements: Statement...) throws {
        try database.write { transaction throws in
            for statement in statements { try transaction.execute(statement) }
        }
    }
}

@Suite("The audit log")
struct AuditLogTests {
    @Test("an entry is there if and only if its change is")
    func sameTransaction() throws {
        struct Stop: Error {}
        let fixture = try AuditFixture()
        let record = AuditRecord("item.create", under: fixture.scope, details: ["name": "a"])
        #expect(throws: Stop.self) {
            try fixture.database.write { transaction in
                try transaction.execute("INSERT INTO shop_items VALUES ('a')")
                try fixture.log.append(record, in: transaction)
                throw Stop()
            }
        }
        #expect(try fixture.log.entries(scope: fixture.scope) == [])
        try fixture.database.write { transaction in
            try transaction.execute("INSERT INTO shop_items VALUES ('a')")
            try fixture.log.append(record, in: transaction)
        }
        // An entry that cannot be recorded undoes its change.
        var long = record
        long.action = String(repeating: "x", count: 41)
        let error = #expect(throws: GovernanceError.self) {
            try fixture.database.write { transaction in
                try transaction.execute("INSERT INTO shop_items VALUES ('b')")
                try fixture.log.append(long, in: transaction)
            }
        }
        #expect(error?.code == .tooLarge)
        #expect(error?.description == """
            the action of an audit entry has 41 bytes where at most 40 are taken
             hint: name less in it
            """)
        let entries = try fixture.log.entries(scope: fixture.scope)
        #expect(entries.count == 1 && entries[0].record == record)
        #expect(entries[0].record.actor == "user:root" && entries[0].record.details.json == #"{"name":"a"}"#)
        #expect(try fixture.database.read { try $0.rows("SELECT * FROM shop_items").count } == 1)
        #expect(try fixture.log.verify().isIntact)
    }

    @Test("a full disk under the audit log stops the change")
    func fullDisk() throws {
        let fixture = try AuditFixture(options: .init(maximumPages: 30))
        var changes = 0
        while changes < 10_000 {
            do {
                try fixture.database.write { transaction in
                    try transaction.execute("INSERT INTO shop_items VALUES (\("item \(changes)"))")
                    try fixture.log.append(AuditRecord("item.create", under: fixture.scope), in: transaction)
                }
                changes += 1
            } catch { break }
        }
        #expect(changes < 10_000)
        let items = try fixture.database.read { try $0.rows("SELECT name FROM shop_items").count }
        let verified = try fixture.log.verify()
        #expect(items == changes && verified.entries == changes && verified.isIntact)
    }

    @Test("lists by filter, newest first, in pages that miss and repeat nothing")
    func listing() throws {
        let fixture = try AuditFixture()
        try fixture.fill(50)
        let all = try fixture.log.entries(limit: 100, scope: fixture.scope)
        #expect(all.map(\.sequence) == (1...50).reversed().map(Int64.init))
        let middle = all[20].time
        let filters: [(AuditLog.Filter, (AuditEntry) -> Bool)] = [
            (.init(actor: "token:1"), { $0.record.actor == "token:1" }),
            (.init(action: "model.promote"), { $0.record.action == "model.promote" }),
            (.init(resource: "model:shop/other"), { _ in false }),
            (.init(actor: "token:1", outcome: .failed), { $0.record.actor == "token:1" && $0.record.outcome == .failed }),
            (.init(from: middle), { $0.time >= middle }),
            (.init(to: middle), { $0.time < middle }),
        ]
        for (filter, matches) in filters {
            var paged: [AuditEntry] = []
            while true {
                let page = try fixture.log.entries(filter, before: paged.last?.sequence, limit: 7, scope: fixture.scope)
                paged += page
                if page.count < 7 { break }
            }
            #expect(paged == all.filter(matches))
        }
        let other = try Guard().scope(for: .owner(named: "root"), to: .serverRead, on: .server)
        #expect(throws: AccessError.self) { try fixture.log.entries(scope: other) }
    }

    @Test("every change to the log is found, and where", arguments: Mutation.all)
    func mutations(mutation: Mutation) throws {
        let fixture = try AuditFixture()
        try fixture.fill(70)
        let before = try fixture.log.verify(pageSize: 9)
        #expect(before == AuditVerification(entries: 70, checkpoints: 4, signedThrough: 64, findings: []))
        try mutation.apply(fixture)
        for pageSize in [1, 9, 1_000] {
            #expect(try fixture.log.verify(pageSize: pageSize).findings == mutation.findings, "\(mutation.name), pages of \(pageSize)")
        }
    }

    @Test("a log cut together with its checkpoints is found by a checkpoint kept outside")
    func keptCheckpoint() throws {
        let fixture = try AuditFixture()
        try fixture.fill(70)
        let kept = try #require(try fixture.log.latestCheckpoint())
        #expect(kept.sequence == 64 && kept.isSigned(by: fixture.vault.publicKey))
        try fixture.run("DELETE FROM audit_entries WHERE sequence > 50", "DELETE FROM audit_checkpoints WHERE sequence > 48")
        #expect(try fixture.log.verify().isIntact)
        #expect(try fixture.log.verify(kept: [kept]).findings == [.missingEntries(51...64)])
        // The log goes on from the cut: a fork. The kept checkpoint shows it.
        try fixture.fill(30)
        #expect(try fixture.log.verify().isIntact)
        #expect(try fixture.log.verify(kept: [kept]).findings == [.rewritten(after: 48, through: 64)])
        var forged = kept
        forged.sequence = 9
        #expect(try fixture.log.verify(kept: [forged]).isIntact)
    }

    @Test("nothing is appended after a cut tail")
    func appendAfterCut() throws {
        let fixture = try AuditFixture()
        try fixture.fill(40)
        try fixture.run("DELETE FROM audit_entries WHERE sequence > 20")
        let error = #expect(throws: GovernanceError.self) {
            try fixture.database.write { try fixture.log.append(AuditRecord("x", under: fixture.scope), in: $0) }
        }
        #expect(error?.code == .damaged)
        #expect(error?.description == """
            the audit log takes no entries: its last entry is 20, but 32 entries were signed
             hint: run 'martlet audit verify', and restore the database from its backup
            """)
    }

    @Test("details are one canonical JSON object, whatever they say")
    func details() throws {
        let details: AuditDetails = ["b": 2, "a": "x\"\\\n\u{1}é", "c": true]
        #expect(details.json == #"{"a":"x\"\\\u000a\u0001é","b":2,"c":true}"#)
        #expect(details == ["c": true, "a": "x\"\\\n\u{1}é", "b": 2])
        let parsed = try JSONSerialization.jsonObject(with: Data(details.json.utf8)) as? [String: Any]
        #expect(parsed?["a"] as? String == "x\"\\\n\u{1}é")
    }

    @Test("findings read as sentences")
    func sentences() {
        let findings: [AuditVerification.Finding] = [
            .changedEntry(3), .missingEntries(4...4), .missingEntries(4...9), .rewritten(after: 16, through: 32), .badCheckpoint(48),
            .missingCheckpoint(after: 16, through: 32),
        ]
        #expect(findings.map(\.description).joined(separator: "\n") == """
            entry 3 was changed
            entry 4 is missing
            entries 4 to 9 are missing
            entries after 16, up to 32, are not those that were signed
            the checkpoint at entry 48 was not signed by this vault
            a checkpoint after entry 16, up to 32, is missing
            """)
    }
}

/// One way to change a log of 70 entries with checkpoints at 16, 32, 48, 64, and what a check must say of it.
struct Mutation: Sendable, CustomTestStringConvertible {
    var name: String
    var findings: [AuditVerification.Finding]
    var apply: @Sendable (AuditFixture) throws -> Void

    var testDescription: String { name }

    init(_ name: String, _ findings: [AuditVerification.Finding], _ apply: @escaping @Sendable (AuditFixture) throws -> Void) {
        self.name = name
        self.findings = findings
        self.apply = apply
    }

    /// Computes all hashes anew from an entry on, as someone could who has the database but not the key.
    static func rehash(_ fixture: AuditFixture, from first: Int64) throws {
        try fixture.database.write { transaction throws in
            var hash: [UInt8] = try transaction.row("SELECT hash FROM audit_entries WHERE sequence = \(first - 1)")?.value("hash") ?? AuditEntry.genesis
            for row in try transaction.rows("SELECT * FROM audit_entries WHERE sequence >= \(first) ORDER BY sequence") {
                let entry = try AuditLog.entry(row)
                hash = AuditEntry.hash(sequence: entry.sequence, time: entry.time, record: entry.record, after: hash)
                try transaction.execute("UPDATE audit_entries SET hash = \(hash) WHERE sequence = \(entry.sequence)")
            }
        }
    }

    static let all: [Mutation] = [
        Mutation("actor edited", [.changedEntry(20)]) { try $0.run("UPDATE audit_entries SET actor = 'token:9' WHERE sequence = 20") },
        Mutation("action edited", [.changedEntry(1)]) { try $0.run("UPDATE audit_entries SET action = 'x' WHERE sequence = 1") },
        Mutation("resource edited", [.changedEntry(70)]) { try $0.run("UPDATE audit_entries SET resource = 'x' WHERE sequence = 70") },
        Mutation("outcome edited", [.changedEntry(64)]) { try $0.run("UPDATE audit_entries SET outcome = 'refused' WHERE sequence = 64") },
        Mutation("outcome nonsense", [.changedEntry(64)]) {
            try $0.run("UPDATE audit_entries SET outcome = 'maybe' WHERE sequence = 64")
        },
        Mutation("request dropped", [.changedEntry(3)]) { try $0.run("UPDATE audit_entries SET request = NULL WHERE sequence = 3") },
        Mutation("details edited", [.changedEntry(33)]) { try $0.run("UPDATE audit_entries SET details = '{}' WHERE sequence = 33") },
        Mutation("count edited", [.changedEntry(33)]) { try $0.run("UPDATE audit_entries SET count = 2 WHERE sequence = 33") },
        Mutation("time edited", [.changedEntry(33)]) { try $0.run("UPDATE audit_entries SET time = time + 1 WHERE sequence = 33") },
        Mutation("time of another type", [.changedEntry(33)]) { try $0.run("UPDATE audit_entries SET time = 'x' WHERE sequence = 33") },
        Mutation("sequence of another type", [.missingEntries(33...33), .changedEntry(71)]) {
            try $0.run("UPDATE audit_entries SET sequence = 'x' WHERE sequence = 33")
        },
        Mutation("text moved between fields", [.changedEntry(5)]) {
            try $0.run("UPDATE audit_entries SET actor = actor || substr(action, 1, 1), action = substr(action, 2) WHERE sequence = 5")
        },
        Mutation("hash edited", [.changedEntry(20), .changedEntry(21)]) {
            try $0.run("UPDATE audit_entries SET hash = zeroblob(32) WHERE sequence = 20")
        },
        Mutation("one dropped", [.missingEntries(21...21)]) { try $0.run("DELETE FROM audit_entries WHERE sequence = 21") },
        Mutation("first dropped", [.missingEntries(1...1)]) { try $0.run("DELETE FROM audit_entries WHERE sequence = 1") },
        Mutation("a range dropped, over a checkpoint", [.missingEntries(30...40)]) {
            try $0.run("DELETE FROM audit_entries WHERE sequence BETWEEN 30 AND 40")
        },
        Mutation("one dropped and the rest moved up", [.changedEntry(21)] + (22...69).map { .changedEntry($0) }) {
            try $0.run("DELETE FROM audit_entries WHERE sequence = 21", "UPDATE audit_entries SET sequence = -sequence + 1 WHERE sequence > 21", "UPDATE audit_entries SET sequence = -sequence WHERE sequence < 0")
        },
        Mutation("two swapped", [.changedEntry(20), .changedEntry(21), .changedEntry(22)]) {
            try $0.run(
                "UPDATE audit_entries SET sequence = -1 WHERE sequence = 20", "UPDATE audit_entries SET sequence = 20 WHERE sequence = 21",
                "UPDATE audit_entries SET sequence = 21 WHERE sequence = -1")
        },
        Mutation("tail cut below a checkpoint", [.missingEntries(61...64)]) { try $0.run("DELETE FROM audit_entries WHERE sequence > 60") },
        Mutation("all cut", [.missingEntries(1...64)]) { try $0.run("DELETE FROM audit_entries") },
        Mutation("edited and computed anew", [.rewritten(after: 16, through: 64)]) { fixture in
            try fixture.run("UPDATE audit_entries SET actor = 'token:9' WHERE sequence = 20")
            try rehash(fixture, from: 20)
        },
        Mutation("dropped, closed up and computed anew", [.rewritten(after: 16, through: 64)]) { fixture in
            try fixture.run("DELETE FROM audit_entries WHERE sequence = 21", "UPDATE audit_entries SET sequence = -sequence + 1 WHERE sequence > 21", "UPDATE audit_entries SET sequence = -sequence WHERE sequence < 0")
            try rehash(fixture, from: 21)
        },
        Mutation("checkpoint dropped", [.missingCheckpoint(after: 16, through: 32)]) {
            try $0.run("DELETE FROM audit_checkpoints WHERE sequence = 32")
        },
        Mutation("first checkpoint dropped", [.missingCheckpoint(after: 0, through: 16)]) {
            try $0.run("DELETE FROM audit_checkpoints WHERE sequence = 16")
        },
        Mutation("last checkpoint dropped", [.missingCheckpoint(after: 48, through: 64)]) {
            try $0.run("DELETE FROM audit_checkpoints WHERE sequence = 64")
        },
        Mutation("signature edited", [.badCheckpoint(32)]) { try $0.run("UPDATE audit_checkpoints SET signature = zeroblob(64) WHERE sequence = 32") },
        Mutation("checkpoint's time edited", [.badCheckpoint(32)]) { try $0.run("UPDATE audit_checkpoints SET time = time + 1 WHERE sequence = 32") },
        Mutation("checkpoint's hash of another type", [.badCheckpoint(32)]) { try $0.run("UPDATE audit_checkpoints SET hash = 'x' WHERE sequence = 32") },
        Mutation("rewritten with a forged checkpoint", [.badCheckpoint(32), .rewritten(after: 16, through: 64)]) { fixture in
            try fixture.run("UPDATE audit_entries SET actor = 'token:9' WHERE sequence = 20")
            try rehash(fixture, from: 20)
            try fixture.run("UPDATE audit_checkpoints SET hash = (SELECT hash FROM audit_entries WHERE sequence = 32) WHERE sequence = 32")
        },
        Mutation("rewritten without checkpoints", [16, 32, 48, 64].map { .missingCheckpoint(after: $0 - 16, through: $0) }) { fixture in
            try fixture.run("UPDATE audit_entries SET actor = 'token:9' WHERE sequence = 20", "DELETE FROM audit_checkpoints")
            try rehash(fixture, from: 20)
        },
    ]
}
